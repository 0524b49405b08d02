/** Bank cards over PostgreSQL: what is planned, and what becomes of payments; each in one transaction. */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import { inTransaction } from '#platform/postgres.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import type { BankTerms, TermsBook } from '../bank/bank-terms.ts';
import { type PaymentHistory, readHistory } from '../bank/card-history.ts';
import {
  isOwed,
  NEVER_MS,
  type Payment,
  type PaymentEvent,
  type PaymentItem,
  standingOf,
} from '../bank/payment.ts';
import { type CardPlan, type PlannedPayment, planCard } from '../bank/plan-payments.ts';
import { type MoneyHolders, paymentLeaf, postEvent } from '../bank/post-payment.ts';
import type { NewEvent, PaymentFile, PaymentStore } from '../bank/work-payment.ts';
import { tariffFacts } from './activate-tariffs.ts';
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
  SET_DEBT,
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
/** What the acquirer does not take: tried again after a minute, then two, four, an hour at most. */
const REFUSED_AGAIN_MS = 60_000;
const REFUSED_AGAIN_MS_MAX = 3_600_000;

type Texts<T> = { [K in keyof T]: K extends 'amountMinor' ? string : T[K] };
interface HistoryRow {
  readonly payment: Texts<Payment>;
  readonly events: (Omit<PaymentEvent, 'amountMinor'> & { amountMinor: string | null })[];
}

/** The city's agreements, and who holds the money. */
export interface BankBooks {
  readonly terms: TermsBook;
  /** How many facts about tariffs the terms stand on; whoever knows fewer than the database plans nothing. Absent = terms that never change. */
  readonly tariffFacts?: () => number;
  readonly holders: MoneyHolders;
}

/**
 * The gate of facts as whoever posts passes it (fare-engine/README.md), `alone` where a fact is learnt that moves taps; then the cards'
 * payments. In the order in which commands take them: two who wait for each other's lock would both lose.
 */
export async function lockBooks(client: pg.PoolClient, gate: 'shared' | 'alone' = 'shared'): Promise<void> {
  const lock = gate === 'alone' ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared';
  await client.query(`SELECT ${lock}($1)`, [FACTS_GATE]);
  await client.query('SELECT pg_advisory_xact_lock($1)', [PLAN_LOCK]);
}

/** Plans payments of cards that are due; returns how many cards were looked at. */
export async function planBank(
  pool: pg.Pool,
  bankBooks: BankBooks,
  nowMs: number,
  cardsMax: number,
): Promise<number> {
  const termsOf = (fareDay: string | null) => bankBooks.terms.of(fareDay, nowMs) as BankTerms;
  // No package says any: nobody is asked. Where one does, every day has some.
  if (termsOf(null) === null) return 0;
  const waiting = await pool.query(
    `SELECT FROM fare.bank_queue WHERE look_ms <= $1 OR (look_ms IS NULL AND fare_day <=
       (SELECT max(fare_day) FROM fare.close)) LIMIT 1`,
    [nowMs],
  );
  if (waiting.rowCount === 0) return 0;
  return inTransaction(pool, async (client) => {
    await lockBooks(client);
    if (bankBooks.tariffFacts !== undefined && (await tariffFacts(client)) !== bankBooks.tariffFacts())
      return 0;
    const { rows } = await client.query<{
      tokenId: string;
      days: string[];
      fresh: boolean;
      closedUntil: string | null;
    }>(CLAIM_CARDS, [nowMs, cardsMax]);
    const books = await loadBooks(client, rows, termsOf(null).currency);
    const histories = await loadHistories(
      client,
      rows.map(({ tokenId }) => tokenId),
    );
    for (const { tokenId, days, fresh, closedUntil } of rows) {
      const { owes: _, ...history } = readHistory(histories.get(tokenId) ?? []);
      const found = books.get(tokenId) ?? { due: [], asked: [], tapId: null };
      const plan = planCard({ tokenId, days, fresh, ...found, ...history }, termsOf, { nowMs, closedUntil });
      await writePlan(client, tokenId, plan, nowMs);
      if (plan.unconfirmed) {
        const commandId = uuidOf(`${tokenId} unconfirmed ${nowMs}`);
        await client.query(DENY_CARD, [commandId, tokenId, nowMs, BANK_OFFICE, 'unconfirmed']);
      }
      for (const payment of plan.payments)
        if (payment.kind === 'offset') await settleOffset(client, payment, bankBooks, nowMs);
      for (const paymentId of plan.withdrawn) await withdraw(client, paymentId, bankBooks, nowMs);
      if (plan.givenUp !== null) await giveUpRefund(client, plan.givenUp, bankBooks, nowMs);
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

/** What most events have nothing of. */
export const NOTHING_SAID = { key: null, code: null, reference: null, amountMinor: null } as const;

/** An offset stands as soon as it is written, and makes its debt smaller. */
async function settleOffset(
  client: pg.PoolClient,
  { paymentId, refunds, amountMinor }: PlannedPayment,
  { holders }: BankBooks,
  atMs: number,
): Promise<void> {
  const file = (await loadPayment(client, paymentId)) as PaymentFile;
  const debt = refunds === null ? null : await loadPayment(client, refunds);
  const lowered = debt === null ? {} : { lowered: debt };
  await appendEvent(client, file, { ...NOTHING_SAID, kind: 'settled', atMs }, holders, lowered);
  if (debt === null) return;
  const event = { ...NOTHING_SAID, kind: 'lowered', reference: paymentId, amountMinor, atMs } as const;
  await appendEvent(client, debt, event, holders);
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
  const event = { ...NOTHING_SAID, kind: 'withdrawn', atMs: nowMs } as const;
  if ((await appendEvent(client, file, event, books.holders)) === null) return;
  await client.query(LOOK_AT_ITEMS, [paymentId, nowMs]);
}

/** A refund that its bank has declined for the last time: a person sees it among the bank's troubles. */
async function giveUpRefund(
  client: pg.PoolClient,
  paymentId: string,
  { holders }: BankBooks,
  atMs: number,
): Promise<void> {
  const file = (await loadPayment(client, paymentId)) as PaymentFile;
  const declined = file.events.findLast(({ kind }) => kind === 'declined');
  if (declined === undefined || standingOf(file.payment, file.events).phase !== 'done') return;
  const code = `DECLINED-${declined.code}`;
  await appendEvent(
    client,
    file,
    { ...NOTHING_SAID, kind: 'refused', key: declined.key, code, atMs },
    holders,
  );
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

/** The acquirer would not take it: the payment is tried again, later each time. Returns how often in a row that was so. */
export async function putOffRefused(pool: pg.Pool, paymentId: string, nowMs: number): Promise<number> {
  const { rows } = await pool.query<{ refusals: number }>(
    `UPDATE fare.bank_work SET refusals = refusals + 1,
       due_ms = $2 + least($3, $4 * 2 ^ least(refusals, 20))::bigint WHERE payment_id = $1 RETURNING refusals`,
    [paymentId, nowMs, REFUSED_AGAIN_MS_MAX, REFUSED_AGAIN_MS],
  );
  return rows[0]?.refusals ?? 0;
}

/** The store of {@link import('../bank/work-payment.ts').workPayment}. */
export function createPaymentStore(pool: pg.Pool, books: BankBooks, probe: Probe = noProbe): PaymentStore {
  return {
    load: async (paymentId) => loadPayment(pool, paymentId),
    append: (file, event) =>
      inTransaction(pool, async (client) => {
        const learns = event.par !== undefined && !(await knowsPar(client, file.payment.tokenId, event.par));
        await lockBooks(client, learns ? 'alone' : 'shared');
        const after = await appendEvent(client, file, event, books.holders);
        await probe('bank.before-commit');
        return after;
      }),
    // Behind whoever adds to it: a person's word that came meanwhile is not put to sleep.
    defer: ({ payment, events }, untilMs) =>
      inTransaction(pool, async (client) => {
        await client.query('SELECT pg_advisory_xact_lock($1)', [PLAN_LOCK]);
        await client.query(SET_WORK, [payment.paymentId, untilMs, events.length]);
      }),
  };
}

/** One payment with its history; `null` = there is none. */
export async function loadPayment(
  client: pg.Pool | pg.PoolClient,
  paymentId: string,
): Promise<PaymentFile | null> {
  const { rows } = await client.query<
    HistoryRow &
      Pick<PaymentFile, 'authorisation' | 'acquirerKeyId' | 'refundsReference' | 'refundsKey'> & {
        items: Texts<PaymentItem>[];
      }
  >(LOAD_PAYMENT, [paymentId]);
  const [row] = rows;
  if (row === undefined) return null;
  const { authorisation, acquirerKeyId, refundsReference, refundsKey } = row;
  const items = row.items.map(amounts);
  return { ...historyOf(row), items, authorisation, acquirerKeyId, refundsReference, refundsKey };
}

/** For what is posted beside prices. */
export const NO_PRICES = { decisions: [], days: [], emptied: [], enqueue: [], troubles: [] } as const;

/** Adds an event, with its postings, its audit leaf and what follows for the card, in the caller's transaction. */
export async function appendEvent(
  client: pg.PoolClient,
  file: PaymentFile,
  { par, ...said }: NewEvent,
  holders: MoneyHolders,
  { lowered, chargedTo }: { readonly lowered?: PaymentFile; readonly chargedTo?: string } = {},
): Promise<PaymentFile | null> {
  const { payment, events } = file;
  const event: PaymentEvent = { ...said, n: events.length + 1 };
  const { n, kind, key, code, reference, amountMinor, atMs } = event;
  const values = [payment.paymentId, n, kind, key, code, reference, amountMinor?.toString() ?? null, atMs];
  const added = await client.query(ADD_EVENT, values);
  if (added.rowCount === 0) return null;
  const postings = postEvent(file, event, holders, { lowered, chargedTo });
  const leaf = paymentLeaf(payment, event, postings);
  await writePrices(client, { ...NO_PRICES, postings, leaves: [leaf], atMs });
  // While no prices are made, as every fact that moves taps: the caller holds the gate of facts.
  if (par !== undefined && !(await knowsPar(client, payment.tokenId, par)))
    await client.query(LEARN_PAR, [payment.tokenId, par, atMs]);
  const after = { ...file, events: [...events, event] };
  await client.query(SET_WORK, [payment.paymentId, dueAfter(after), n]);
  const owed = isOwed(standingOf(payment, after.events));
  await client.query(SET_DEBT, [payment.paymentId, payment.tokenId, owed]);
  if (payment.kind === 'nominal' && kind === 'declined')
    await client.query(LOOK_AT_TAP, [payment.paymentId, atMs]);
  // What it was made of is owed anew; the plan says when its bank is asked again.
  if (payment.kind === 'refund' && kind === 'declined')
    await client.query(LOOK_AT_ITEMS, [payment.paymentId, atMs]);
  await settleDenial(client, payment, event);
  return after;
}

/** When a payment is to be looked at; who looks then knows the agreement and says how long it may rest. */
function dueAfter({ payment, events }: PaymentFile): number | null {
  const atMs = events.at(-1)?.atMs ?? 0;
  const { phase } = standingOf(payment, events);
  if (phase === 'refused') return NEVER_MS;
  if (phase === 'done' || phase === 'held' || phase === 'written-off') return null;
  return phase === 'asking' ? atMs + ASKED_AGAIN_MS : atMs;
}

async function knowsPar(client: pg.PoolClient, tokenId: string, par: string): Promise<boolean> {
  const sql = 'SELECT FROM fare.medium_par WHERE token_id = $1 AND par = $2';
  return (await client.query(sql, [tokenId, par])).rowCount !== 0;
}

/** Cards of the account behind a card, and whether it owes by whichever of them. */
async function standingOfCards(
  client: pg.PoolClient,
  tokenId: string,
): Promise<{ mates: string[]; owes: boolean }> {
  const { rows } = await client.query<{ token_id: string }>(MATES_OF_CARD, [tokenId]);
  const mates = rows.map((row) => row.token_id);
  const histories = await loadHistories(client, mates);
  // One account behind them all: whatever its bank or its rider said last counts for each.
  const { owes } = readHistory(mates.flatMap((mate) => histories.get(mate) ?? []));
  return { mates, owes };
}

/** Whether the account behind a card owes, so that the card has to be denied. */
export async function owesOf(client: pg.PoolClient, tokenId: string): Promise<boolean> {
  return (await standingOfCards(client, tokenId)).owes;
}

/** The deny list follows what the account behind the card owes. */
async function settleDenial(
  client: pg.PoolClient,
  { paymentId, tokenId }: Payment,
  { n, atMs }: PaymentEvent,
): Promise<void> {
  const { mates, owes } = await standingOfCards(client, tokenId);
  for (const mate of mates) {
    const commandId = uuidOf(`${paymentId} ${n} ${mate} ${owes}`);
    const said = [commandId, mate, atMs, BANK_OFFICE];
    await (owes ? client.query(DENY_CARD, [...said, 'debt']) : client.query(ALLOW_CARD, said));
  }
}

/** A UUID (version 8, RFC 9562) that is always the same for the same text. */
export function uuidOf(text: string): string {
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
