/** Debts that riders pay at the provider's page, over PostgreSQL; each step in one transaction. */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import { inTransaction } from '#platform/postgres.ts';
import {
  type DebtPayment,
  type DebtPaymentEvent,
  type DebtPaymentItem,
  isUnderWay,
  nextPollMs,
  sharePaid,
  standingOfDebtPayment,
} from '../bank/debt-payment.ts';
import { isOwed, isPayable, type PaymentEvent, standingOf } from '../bank/payment.ts';
import type { ProviderPayment } from '../bank/payment-provider.ts';
import { debtPaymentLeaf, postDebtPayment } from '../bank/post-debt-payment.ts';
import type { MoneyHolders } from '../bank/post-payment.ts';
import type { DebtPaymentFile, DebtPaymentStore, NewDebtPaymentEvent } from '../bank/work-debt-payment.ts';
import type { PaymentFile } from '../bank/work-payment.ts';
import {
  ADD_DEBT_EVENT,
  ASKED_BY_REFERENCE,
  BEGIN_DEBT_PAYMENT,
  LATEST_DEBT_PAYMENT,
  LOAD_DEBT_PAYMENT,
  OWED_BY_REFERENCE,
  SET_DEBT_WORK,
} from './debt-payment-statements.ts';
import { appendEvent, loadPayment, lockBooks, NO_PRICES } from './postgres-bank.ts';
import { writePrices } from './write-prices.ts';

const NOTHING_SAID = { key: null, code: null, reference: null, amountMinor: null } as const;

/**
 * A rider wants to pay what a reference owes: all its debts at once, kept for him while he pays. What became of it: `begun`;
 * `under-way` where he has begun already; `asked` while a bank is being asked for one; `nothing` where nothing is owed.
 */
export function beginDebtPayment(
  pool: pg.Pool,
  wish: Pick<DebtPayment, 'reference' | 'language'>,
  holders: MoneyHolders,
  nowMs: number,
): Promise<'begun' | 'under-way' | 'asked' | 'nothing'> {
  return inTransaction(pool, async (client) => {
    await lockBooks(client);
    const latest = await loadOne(client, LATEST_DEBT_PAYMENT, wish.reference);
    if (latest !== null && isUnderWay(standingOfDebtPayment(latest.events))) return 'under-way';
    if ((await client.query(ASKED_BY_REFERENCE, [wish.reference])).rowCount !== 0) return 'asked';
    const debts = await payableOf(client, wish.reference);
    const [first] = debts;
    if (first === undefined) return 'nothing';
    // One payment has one currency; what is owed in another is paid by the next.
    const { currency } = first.file.payment;
    const items = debts
      .filter(({ file }) => file.payment.currency === currency)
      .map(({ file, owedMinor }) => ({ paymentId: file.payment.paymentId, amountMinor: owedMinor }));
    const amountMinor = items.reduce((sum, item) => sum + item.amountMinor, 0n);
    const debtPaymentId = idOf([wish.reference, nowMs, ...items.map(({ paymentId }) => paymentId)]);
    const { reference, language } = wish;
    await client.query(BEGIN_DEBT_PAYMENT, [
      ...[debtPaymentId, reference, language, amountMinor.toString(), currency, nowMs],
      JSON.stringify(items.map((item) => ({ ...item, amountMinor: item.amountMinor.toString() }))),
    ]);
    const held = { ...NOTHING_SAID, kind: 'held', key: debtPaymentId, atMs: nowMs } as const;
    for (const { paymentId } of items)
      await appendTo(client, paymentId, held, (standing) => isPayable(standing), holders);
    return 'begun';
  });
}

/** The latest payment of a reference; `null` = there is none. */
export function latestDebtPayment(pool: pg.Pool, reference: string): Promise<DebtPaymentFile | null> {
  return loadOne(pool, LATEST_DEBT_PAYMENT, reference);
}

/** The store of {@link import('../bank/work-debt-payment.ts').workDebtPayment}. */
export function createDebtPaymentStore(pool: pg.Pool, holders: MoneyHolders): DebtPaymentStore {
  return {
    load: (debtPaymentId) => loadOne(pool, LOAD_DEBT_PAYMENT, debtPaymentId),
    append: (file, event) =>
      inTransaction(pool, async (client) => {
        await lockBooks(client);
        const added = await addEvent(client, file, event, holders);
        if (added === null) return false;
        if (standingOfDebtPayment(added.events).phase === 'ended')
          await release(client, file, event.atMs, holders);
        return true;
      }),
    settle: (file, taken, atMs) =>
      inTransaction(pool, async (client) => {
        await lockBooks(client);
        return settle(client, file, taken, { atMs, holders });
      }),
    defer: async (debtPaymentId, untilMs) => void (await pool.query(SET_DEBT_WORK, [debtPaymentId, untilMs])),
  };
}

async function settle(
  client: pg.PoolClient,
  file: DebtPaymentFile,
  taken: ProviderPayment,
  { atMs, holders }: { readonly atMs: number; readonly holders: MoneyHolders },
): Promise<boolean> {
  const { payment, items } = file;
  const { reference } = taken;
  const paid = await addEvent(
    client,
    file,
    { kind: 'paid', reference, amountMinor: taken.amountMinor, atMs },
    holders,
  );
  if (paid === null) return false;
  const debts = [];
  for (const { paymentId } of items) {
    const debt = await loadPayment(client, paymentId);
    const standing = debt === null ? null : standingOf(debt.payment, debt.events);
    debts.push({ paymentId, owedMinor: standing !== null && isOwed(standing) ? standing.owedMinor : 0n });
  }
  const { pays, overMinor } = sharePaid(payment, items, debts, taken);
  for (const { paymentId, amountMinor } of pays) {
    const event = { ...NOTHING_SAID, kind: 'paid', reference, amountMinor, atMs } as const;
    await appendTo(client, paymentId, event, isOwed, holders);
  }
  await release(client, file, atMs, holders);
  if (overMinor > 0n)
    await addEvent(client, paid, { kind: 'over', reference, amountMinor: overMinor, atMs }, holders);
  return true;
}

/** Debts that were kept for it, and that it has not paid, are free again. */
async function release(
  client: pg.PoolClient,
  { payment, items }: DebtPaymentFile,
  atMs: number,
  holders: MoneyHolders,
): Promise<void> {
  const event = { ...NOTHING_SAID, kind: 'released', key: payment.debtPaymentId, atMs } as const;
  for (const { paymentId } of items)
    await appendTo(
      client,
      paymentId,
      event,
      (standing) => standing.phase === 'held' && standing.key === payment.debtPaymentId,
      holders,
    );
}

/** Adds an event to a card's payment where it stands so. */
async function appendTo(
  client: pg.PoolClient,
  paymentId: string,
  event: Omit<PaymentEvent, 'n'>,
  where: (standing: ReturnType<typeof standingOf>) => boolean,
  holders: MoneyHolders,
): Promise<void> {
  const debt = await loadPayment(client, paymentId);
  if (debt !== null && where(standingOf(debt.payment, debt.events)))
    await appendEvent(client, debt, event, holders);
}

async function payableOf(
  client: pg.PoolClient,
  reference: string,
): Promise<{ file: PaymentFile; owedMinor: bigint }[]> {
  const { rows } = await client.query<{ payment_id: string }>(OWED_BY_REFERENCE, [reference]);
  const found: { file: PaymentFile; owedMinor: bigint }[] = [];
  for (const { payment_id: paymentId } of rows) {
    const file = await loadPayment(client, paymentId);
    const standing = file === null ? null : standingOf(file.payment, file.events);
    if (file !== null && standing !== null && isPayable(standing))
      found.push({ file, owedMinor: standing.owedMinor });
  }
  return found;
}

async function addEvent(
  client: pg.PoolClient,
  file: DebtPaymentFile,
  said: NewDebtPaymentEvent,
  { providerId }: MoneyHolders,
): Promise<DebtPaymentFile | null> {
  const { payment, events } = file;
  const event: DebtPaymentEvent = {
    ...{ reference: null, amountMinor: null, payUrl: null },
    ...said,
    n: events.length + 1,
  };
  const added = await client.query(ADD_DEBT_EVENT, [
    ...[payment.debtPaymentId, event.n, event.kind, event.reference, event.amountMinor?.toString() ?? null],
    ...[event.payUrl, event.atMs],
  ]);
  if (added.rowCount === 0) return null;
  const postings = postDebtPayment(payment, event, providerId);
  const leaves = [debtPaymentLeaf(payment, event, postings)];
  await writePrices(client, { ...NO_PRICES, postings, leaves, atMs: event.atMs });
  const after = { ...file, events: [...events, event] };
  await client.query(SET_DEBT_WORK, [payment.debtPaymentId, dueAfter(after)]);
  return after;
}

/** When it is looked at next; who looks then says how long it may rest. */
function dueAfter({ events }: DebtPaymentFile): number | null {
  const standing = standingOfDebtPayment(events);
  const { phase } = standing;
  if (phase === 'open') return nextPollMs(standing.sinceMs, standing.sinceMs);
  return phase === 'done' || phase === 'ended' ? null : (events.at(-1)?.atMs ?? 0);
}

interface FileRow {
  readonly payment: Omit<DebtPayment, 'amountMinor'> & { readonly amountMinor: string };
  readonly items: readonly { readonly paymentId: string; readonly amountMinor: string }[];
  readonly events: readonly (Omit<DebtPaymentEvent, 'amountMinor'> & {
    readonly amountMinor: string | null;
  })[];
}

async function loadOne(
  client: pg.Pool | pg.PoolClient,
  sql: string,
  subject: string,
): Promise<DebtPaymentFile | null> {
  const { rows } = await client.query<FileRow>(sql, [subject]);
  const [row] = rows;
  if (row === undefined) return null;
  const items: DebtPaymentItem[] = row.items.map((item) => ({
    ...item,
    amountMinor: BigInt(item.amountMinor),
  }));
  return {
    payment: { ...row.payment, amountMinor: BigInt(row.payment.amountMinor) },
    items,
    events: row.events.map((event) => ({
      ...event,
      amountMinor: event.amountMinor === null ? null : BigInt(event.amountMinor),
    })),
  };
}

function idOf(parts: readonly unknown[]): string {
  return `dp-${createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32)}`;
}
