/** Debts of bank cards as commands meet them, in the commands' transaction. */
import type pg from 'pg';
import type { TakenUp } from '../bank/again-commands.ts';
import type { BankContext, BankWrites } from '../bank/bank-commands.ts';
import { type ChargebackMove, type ChargebackNow, chargebacksNamed } from '../bank/chargeback-commands.ts';
import { type DebtNow, debtsNamed, type PaidDebt } from '../bank/debt-commands.ts';
import { type ChargebackRead, type MalformedNow, malformedNamed } from '../bank/malformed-commands.ts';
import { isDeclinedRefund, isOwed, standingOf } from '../bank/payment.ts';
import type { PaymentBooks } from '../bank/post-payment.ts';
import type { SubmittedCommand } from '../commands.ts';
import { BANK_CHARGEBACKS } from '../ledger/chart-of-accounts.ts';
import {
  ADD_CHARGEBACK_MOVE,
  ADD_MALFORMED_END,
  CHARGEBACKS_NAMED,
  LOOK_AT_ITEMS,
  MALFORMED_NAMED,
} from './bank-statements.ts';
import { keepChargeback } from './chargeback-desk.ts';
import { appendEvent, loadPayment, NOTHING_SAID, owesOf, PLAN_LOCK } from './postgres-bank.ts';

/**
 * What commands speak of, as it stands; all cards' payments stay as they are until the transaction ends. `media`: those that stand
 * for accounts which the commands deny or allow. What is denied from after `nowMs` is let on until then.
 */
export async function loadBankContext(
  client: pg.PoolClient,
  commands: readonly SubmittedCommand[],
  media: ReadonlyMap<string, readonly string[]>,
  nowMs: number,
): Promise<BankContext> {
  const paymentIds = debtsNamed(commands);
  const named = chargebacksNamed(commands);
  const unread = malformedNamed(commands);
  const freed = mediaLetOn(commands, media, nowMs);
  const debts = new Map<string, DebtNow>();
  const books = new Map<string, PaymentBooks>();
  const owing = new Set<string>();
  if (paymentIds.length + named.length + unread.length + freed.length === 0)
    return { debts, books, owing, chargebacks: new Map(), malformed: new Map() };
  await client.query('SELECT pg_advisory_xact_lock($1)', [PLAN_LOCK]);
  for (const tokenId of freed) if (await owesOf(client, tokenId)) owing.add(tokenId);
  for (const paymentId of new Set(paymentIds)) {
    const file = await loadPayment(client, paymentId);
    if (file === null) continue;
    books.set(paymentId, file);
    const standing = standingOf(file.payment, file.events);
    debts.set(paymentId, {
      amountMinor: isOwed(standing) ? standing.owedMinor : file.payment.amountMinor,
      currency: file.payment.currency,
      // Also while its rider has the provider's page open: who pays at a till is not sent away. What is paid twice goes back.
      payable: isOwed(standing),
      refused: standing.phase === 'refused' ? standing.operation : null,
      declined: isDeclinedRefund(file.payment, file.events),
    });
  }
  const chargebacks = await loadChargebacks(client, named);
  return { debts, books, owing, chargebacks, malformed: await loadMalformed(client, unread) };
}

/** Media that these commands take off the deny list: for good, or until a denial of theirs begins. */
function mediaLetOn(
  commands: readonly SubmittedCommand[],
  media: ReadonlyMap<string, readonly string[]>,
  nowMs: number,
): string[] {
  const tokens = commands.flatMap(({ kind, payload }) => {
    const said = payload as {
      readonly tokenId?: unknown;
      readonly accountId?: unknown;
      readonly validFromMs?: unknown;
    } | null;
    if (!kind.startsWith('allow-') && !(kind.startsWith('deny-') && Number(said?.validFromMs) > nowMs))
      return [];
    if (kind.endsWith('-account')) return media.get(String(said?.accountId)) ?? [];
    return typeof said?.tokenId === 'string' ? [said.tokenId] : [];
  });
  return [...new Set(tokens)];
}

async function loadChargebacks(
  client: pg.PoolClient,
  named: readonly { readonly acquirerId: string; readonly n: number }[],
): Promise<ReadonlyMap<string, ChargebackNow>> {
  if (named.length === 0) return new Map();
  const { rows } = await client.query<
    Omit<ChargebackNow, 'amountMinor'> & { key: string; amountMinor: string }
  >(CHARGEBACKS_NAMED, [named.map(({ acquirerId }) => acquirerId), named.map(({ n }) => n)]);
  return new Map(rows.map(({ key, ...row }) => [key, { ...row, amountMinor: BigInt(row.amountMinor) }]));
}

async function loadMalformed(
  client: pg.PoolClient,
  named: readonly { readonly acquirerId: string; readonly sha256: string }[],
): Promise<ReadonlyMap<string, MalformedNow>> {
  if (named.length === 0) return new Map();
  const { rows } = await client.query<MalformedNow & { key: string }>(MALFORMED_NAMED, [
    named.map(({ acquirerId }) => acquirerId),
    named.map(({ sha256 }) => sha256),
  ]);
  return new Map(rows.map(({ key, ...row }) => [key, row]));
}

/** Writes what commands have decided about bank cards' money. */
export async function writeBank(client: pg.PoolClient, writes: BankWrites): Promise<void> {
  await payDebts(client, writes.debtsPaid);
  await takeUpPayments(client, writes.takenUp);
  await readChargebacks(client, writes.chargebacksRead);
  await moveChargebacks(client, writes.chargebackMoves);
}

/** Keeps what malformed chargebacks were; one that took something back is taken as any other. */
async function readChargebacks(client: pg.PoolClient, read: readonly ChargebackRead[]): Promise<void> {
  for (const { acquirerId, sha256, chargeback, reason, saidBy, knownFromMs } of read) {
    if (chargeback !== null)
      await keepChargeback(client, { ...NO_HOLDERS, acquirerId }, chargeback, knownFromMs);
    const said = [acquirerId, sha256, chargeback?.n ?? null, reason, saidBy, knownFromMs];
    await client.query(ADD_MALFORMED_END, said);
  }
}

/** Keeps where chargebacks have gone; one that is a payment's becomes its debt. */
async function moveChargebacks(client: pg.PoolClient, moves: readonly ChargebackMove[]): Promise<void> {
  for (const { acquirerId, n, moved, paymentId, chargeback, reason, saidBy, knownFromMs } of moves) {
    await client.query(ADD_CHARGEBACK_MOVE, [acquirerId, n, moved, paymentId, reason, saidBy, knownFromMs]);
    if (paymentId === null) continue;
    const file = await loadPayment(client, paymentId);
    const { code, reference, amountMinor } = chargeback;
    const key = String(n);
    const event = { kind: 'charged-back', key, code, reference, amountMinor, atMs: knownFromMs } as const;
    // The money has left the acquirer's account before: it stands where nobody was named for it.
    const added =
      file === null
        ? null
        : await appendEvent(client, file, event, NO_HOLDERS, { chargedTo: BANK_CHARGEBACKS });
    if (added === null) throw new Error(`the payment ${paymentId} has changed under its lock`);
  }
}

/** Takes up what the acquirer would not take: asked for once more, or withdrawn, so that its days are looked at anew. */
async function takeUpPayments(client: pg.PoolClient, taken: readonly TakenUp[]): Promise<void> {
  for (const { paymentId, how, knownFromMs } of taken) {
    const file = await loadPayment(client, paymentId);
    const standing = file === null ? null : standingOf(file.payment, file.events);
    if (file === null || standing?.phase !== 'refused')
      throw new Error(`${paymentId} has changed under its lock`);
    const kind = how === 'again' ? 'resumed' : 'withdrawn';
    const event = { ...NOTHING_SAID, kind, key: standing.key, atMs: knownFromMs } as const;
    await appendEvent(client, file, event, NO_HOLDERS);
    if (how === 'anew') await client.query(LOOK_AT_ITEMS, [paymentId, knownFromMs]);
  }
}

/** No money moves. */
const NO_HOLDERS = { acquirerId: '', providerId: '' };

/** Writes that they were paid: event, postings, leaf, and the end of the denial. */
async function payDebts(client: pg.PoolClient, paid: readonly PaidDebt[]): Promise<void> {
  for (const { paymentId, source, reference, amountMinor, knownFromMs } of paid) {
    const file = await loadPayment(client, paymentId);
    const event = {
      kind: 'paid',
      key: null,
      code: null,
      reference,
      amountMinor,
      atMs: knownFromMs,
    } as const;
    const added =
      file === null
        ? null
        : await appendEvent(client, file, event, { acquirerId: source, providerId: source });
    if (added === null) throw new Error(`the payment ${paymentId} has changed under its lock`);
  }
}
