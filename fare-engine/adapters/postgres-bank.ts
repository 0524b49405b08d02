/** Bank cards over PostgreSQL: what is planned, and what becomes of payments; each in one transaction. */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import { inTransaction } from '#platform/postgres.ts';
import type { BankTerms } from '../bank/bank-terms.ts';
import { type PaymentHistory, readHistory } from '../bank/card-history.ts';
import { type Payment, type PaymentEvent, type PaymentItem, standingOf } from '../bank/payment.ts';
import { type CardPlan, planCard } from '../bank/plan-payments.ts';
import { type MoneyHolders, paymentLeaf, postEvent } from '../bank/post-payment.ts';
import type { NewEvent, PaymentFile, PaymentStore } from '../bank/work-payment.ts';
import {
  ADD_EVENT,
  ALLOW_CARD,
  CLAIM_CARDS,
  DENY_CARD,
  LEARN_PAR,
  LOAD_BOOKS,
  LOAD_HISTORY,
  LOAD_PAYMENT,
  LOOK_AT_ITEMS,
  LOOK_AT_TAP,
  MATES_OF_CARD,
  SET_WORK,
  WRITE_PLAN,
} from './bank-statements.ts';
import { FACTS_GATE } from './fare-statements.ts';
import { writePrices } from './write-prices.ts';

/** Whoever plans or adds to a card's payments holds it alone: two plans would ask for the same ride twice. */
export const PLAN_LOCK = 0x6b76626b;
/** Says in the inbox that the bank's word is behind a denial. */
export const BANK_OFFICE = 'fare-engine-bank';
/** A request whose asker died is asked about after this time. */
const ASKED_AGAIN_MS = 20_000;
const BACKOFF_MS_MAX = 300_000;

type Texts<T> = { [K in keyof T]: K extends 'amountMinor' ? string : T[K] };
interface HistoryRow {
  readonly payment: Texts<Payment>;
  readonly events: (Omit<PaymentEvent, 'amountMinor'> & { amountMinor: string | null })[];
}

/** The city's agreement, and who holds the money. */
export interface BankBooks {
  readonly terms: BankTerms;
  readonly holders: MoneyHolders;
}

/** Plans payments of cards that are due; returns how many cards were looked at. */
export async function planBank(
  pool: pg.Pool,
  bankBooks: BankBooks,
  nowMs: number,
  cardsMax: number,
): Promise<number> {
  const { terms } = bankBooks;
  const waiting = await pool.query(
    `SELECT FROM fare.bank_queue WHERE look_ms <= $1 OR (look_ms IS NULL AND fare_day <=
       (SELECT max(fare_day) FROM fare.close)) LIMIT 1`,
    [nowMs],
  );
  if (waiting.rowCount === 0) return 0;
  return inTransaction(pool, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [PLAN_LOCK]);
    const { rows } = await client.query<{
      tokenId: string;
      days: string[];
      fresh: boolean;
      closedUntil: string | null;
    }>(CLAIM_CARDS, [nowMs, cardsMax]);
    const books = await loadBooks(client, rows, terms.currency);
    const histories = await loadHistories(
      client,
      rows.map(({ tokenId }) => tokenId),
    );
    for (const { tokenId, days, fresh, closedUntil } of rows) {
      const { owes: _, ...history } = readHistory(histories.get(tokenId) ?? []);
      const found = books.get(tokenId) ?? { due: [], asked: [], tapId: null };
      const plan = planCard({ tokenId, days, fresh, ...found, ...history }, terms, { nowMs, closedUntil });
      await writePlan(client, tokenId, plan, nowMs);
      for (const paymentId of plan.withdrawn) await withdraw(client, paymentId, bankBooks, nowMs);
    }
    return rows.length;
  });
}

async function loadBooks(
  client: pg.PoolClient,
  cards: readonly { tokenId: string; days: readonly string[] }[],
  currency: string,
) {
  const pairs = cards.flatMap(({ tokenId, days }) => days.map((day) => [tokenId, day] as const));
  const { rows } = await client.query<{
    tokenId: string;
    due: Texts<PaymentItem>[] | null;
    asked: Texts<PaymentItem>[] | null;
    tapId: string | null;
  }>(LOAD_BOOKS, [pairs.map(([token]) => token), pairs.map(([, day]) => day), currency]);
  return new Map(
    rows.map(({ tokenId, due, asked, tapId }) => [
      tokenId,
      { due: (due ?? []).map(amounts), asked: (asked ?? []).map(amounts), tapId },
    ]),
  );
}

async function loadHistories(
  client: pg.PoolClient,
  tokenIds: readonly string[],
): Promise<Map<string, PaymentHistory[]>> {
  const { rows } = await client.query<HistoryRow>(LOAD_HISTORY, [tokenIds]);
  return Map.groupBy(rows.map(historyOf), ({ payment }) => payment.tokenId);
}

async function writePlan(
  client: pg.PoolClient,
  tokenId: string,
  { payments, lookAgain }: CardPlan,
  nowMs: number,
): Promise<void> {
  const texts = payments.map(({ items: _, ...payment }) => ({
    ...payment,
    amountMinor: payment.amountMinor.toString(),
  }));
  const items = payments.flatMap(({ paymentId, items: all }) =>
    all.map((item) => ({ ...item, paymentId, tokenId, amountMinor: item.amountMinor.toString() })),
  );
  const looks = lookAgain.map((look) => ({ ...look, tokenId }));
  if (texts.length + looks.length === 0) return;
  await client.query(WRITE_PLAN, [
    JSON.stringify(texts),
    JSON.stringify(items),
    JSON.stringify(looks),
    nowMs,
  ]);
}

async function withdraw(
  client: pg.PoolClient,
  paymentId: string,
  books: BankBooks,
  nowMs: number,
): Promise<void> {
  const file = await loadPayment(client, paymentId);
  // Its bank has been asked in between, or its rider is paying: its debt stands as it was.
  if (file === null || standingOf(file.payment, file.events).phase !== 'debt') return;
  const nothing = { key: null, code: null, reference: null, amountMinor: null };
  if (
    (await appendEvent(client, file, { kind: 'withdrawn', ...nothing, atMs: nowMs }, books.holders)) === null
  )
    return;
  await client.query(LOOK_AT_ITEMS, [paymentId, nowMs]);
}

/** Payments with something to do, the longest due first. */
export async function duePayments(pool: pg.Pool, nowMs: number, rowsMax: number): Promise<string[]> {
  const { rows } = await pool.query<{ payment_id: string }>(
    'SELECT payment_id FROM fare.bank_work WHERE due_ms <= $1 ORDER BY due_ms LIMIT $2',
    [nowMs, rowsMax],
  );
  return rows.map((row) => row.payment_id);
}

/** No answer came: the payment is tried again, later each time. */
export async function putOff(pool: pg.Pool, paymentId: string, nowMs: number): Promise<void> {
  await pool.query(
    `UPDATE fare.bank_work SET tries = tries + 1,
       due_ms = $2 + least($3, 1000 * 2 ^ least(tries, 20))::bigint WHERE payment_id = $1`,
    [paymentId, nowMs, BACKOFF_MS_MAX],
  );
}

/** The store of {@link import('../bank/work-payment.ts').workPayment}. */
export function createPaymentStore(pool: pg.Pool, books: BankBooks): PaymentStore {
  return {
    load: async (paymentId) => loadPayment(pool, paymentId),
    append: (file, event) =>
      inTransaction(pool, async (client) => {
        // The gate first, as commands do: two who wait for each other's lock would both lose.
        if (event.par !== undefined && !(await knowsPar(client, file.payment.tokenId, event.par)))
          await client.query('SELECT pg_advisory_xact_lock($1)', [FACTS_GATE]);
        await client.query('SELECT pg_advisory_xact_lock($1)', [PLAN_LOCK]);
        return appendEvent(client, file, event, books.holders);
      }),
    defer: async (paymentId, untilMs) => void (await pool.query(SET_WORK, [paymentId, untilMs])),
  };
}

/** One payment with its history; `null` = there is none. */
export async function loadPayment(
  client: pg.Pool | pg.PoolClient,
  paymentId: string,
): Promise<PaymentFile | null> {
  const { rows } = await client.query<
    HistoryRow &
      Pick<PaymentFile, 'authorisation' | 'acquirerKeyId' | 'refundsReference'> & {
        items: Texts<PaymentItem>[];
      }
  >(LOAD_PAYMENT, [paymentId]);
  const [row] = rows;
  if (row === undefined) return null;
  const { authorisation, acquirerKeyId, refundsReference } = row;
  return { ...historyOf(row), items: row.items.map(amounts), authorisation, acquirerKeyId, refundsReference };
}

const NO_PRICES = { decisions: [], days: [], emptied: [], enqueue: [], troubles: [] } as const;

/** Adds an event, with its postings, its audit leaf and what follows for the card, in the caller's transaction. */
export async function appendEvent(
  client: pg.PoolClient,
  file: PaymentFile,
  { par, ...said }: NewEvent,
  holders: MoneyHolders,
): Promise<PaymentFile | null> {
  const { payment, items, events } = file;
  const event: PaymentEvent = { ...said, n: events.length + 1 };
  const { n, kind, key, code, reference, amountMinor, atMs } = event;
  const values = [payment.paymentId, n, kind, key, code, reference, amountMinor?.toString() ?? null, atMs];
  const added = await client.query(ADD_EVENT, values);
  if (added.rowCount === 0) return null;
  const writtenOff = standingOf(payment, events).phase === 'written-off' || events.some(isWriteOff);
  const postings = postEvent(payment, items, event, holders, writtenOff);
  const leaf = paymentLeaf(payment, event, postings);
  await writePrices(client, { ...NO_PRICES, postings, leaves: [leaf], atMs });
  // While no prices are made, as every fact that moves taps: the caller holds the gate of facts.
  if (par !== undefined && !(await knowsPar(client, payment.tokenId, par)))
    await client.query(LEARN_PAR, [payment.tokenId, par, atMs]);
  const after = { ...file, events: [...events, event] };
  await client.query(SET_WORK, [payment.paymentId, dueAfter(after)]);
  if (payment.kind === 'nominal' && kind === 'declined')
    await client.query(LOOK_AT_TAP, [payment.paymentId, atMs]);
  if (payment.kind === 'refund' && kind === 'declined')
    await client.query(LOOK_AT_ITEMS, [payment.paymentId, atMs + 86_400_000]);
  await settleDenial(client, payment, event);
  return after;
}

function isWriteOff({ kind }: PaymentEvent): boolean {
  return kind === 'written-off';
}

/** When a payment is to be looked at; who looks then knows the agreement and says how long it may rest. */
function dueAfter({ payment, events }: PaymentFile): number | null {
  const atMs = events.at(-1)?.atMs ?? 0;
  const { phase } = standingOf(payment, events);
  if (phase === 'done' || phase === 'held' || phase === 'written-off') return null;
  return phase === 'asking' ? atMs + ASKED_AGAIN_MS : atMs;
}

async function knowsPar(client: pg.PoolClient, tokenId: string, par: string): Promise<boolean> {
  const sql = 'SELECT FROM fare.medium_par WHERE token_id = $1 AND par = $2';
  return (await client.query(sql, [tokenId, par])).rowCount !== 0;
}

/** The deny list follows what the account behind the card owes, by whichever of its cards. */
async function settleDenial(
  client: pg.PoolClient,
  { paymentId, tokenId }: Payment,
  { n, atMs }: PaymentEvent,
): Promise<void> {
  const { rows } = await client.query<{ token_id: string }>(MATES_OF_CARD, [tokenId]);
  const mates = rows.map((row) => row.token_id);
  const histories = await loadHistories(client, mates);
  const owes = mates.some((mate) => readHistory(histories.get(mate) ?? []).owes);
  for (const mate of mates) {
    const commandId = uuidOf(`${paymentId} ${n} ${mate} ${owes}`);
    await client.query(owes ? DENY_CARD : ALLOW_CARD, [commandId, mate, atMs, BANK_OFFICE]);
  }
}

/** A UUID (version 8, RFC 9562) that is always the same for the same text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function amounts<T extends { amountMinor: string }>(
  row: T,
): Omit<T, 'amountMinor'> & { amountMinor: bigint } {
  return { ...row, amountMinor: BigInt(row.amountMinor) };
}

function historyOf({ payment, events }: HistoryRow): PaymentHistory {
  return {
    payment: amounts(payment),
    events: events.map((event) => ({
      ...event,
      amountMinor: event.amountMinor === null ? null : BigInt(event.amountMinor),
    })),
  };
}
