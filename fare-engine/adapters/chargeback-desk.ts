/** Takes in what banks have taken back, as the acquirer tells it: each once, and all of them, whether they fit a payment or not. */
import type pg from 'pg';
import type { Logger } from '#platform/logger.ts';
import { inTransaction } from '#platform/postgres.ts';
import {
  type Acquirer,
  AcquirerRefused,
  AcquirerSilent,
  type Chargeback,
  type ChargebackPage,
  type MalformedChargeback,
} from '../bank/acquirer.ts';
import { type ChargebackProblem, judgeChargeback, misfitLeaf, misfitPosting } from '../bank/chargeback.ts';
import { type KnownNumber, placeInList } from '../bank/chargeback-order.ts';
import type { MoneyHolders } from '../bank/post-payment.ts';
import {
  ADD_CHARGEBACK,
  ADD_MALFORMED_CHARGEBACK,
  HIGHEST_CHARGEBACKS,
  PAYMENT_OF_CLEARING,
} from './bank-statements.ts';
import { appendEvent, type BankBooks, loadPayment, lockBooks, NO_PRICES } from './postgres-bank.ts';
import { writePrices } from './write-prices.ts';

/** Chargebacks are asked for so often, by the city's clock. */
const CHARGEBACKS_EVERY_MS = 60_000;

/** Asks for the chargebacks after the last that is known to stand in order, at most once a minute. */
export function createChargebackDesk(desk: {
  readonly pool: pg.Pool;
  readonly acquirer: Acquirer;
  readonly books: BankBooks;
  readonly nowMs: () => number;
  readonly log: Logger;
}): () => Promise<void> {
  const { pool, acquirer, books, nowMs, log } = desk;
  const { acquirerId } = books.holders;
  let askedMs = Number.NEGATIVE_INFINITY;
  /** How far lists went on in which nothing was new with a number that could be read. */
  let walked = 0;
  const keep = async (one: MalformedChargeback): Promise<boolean> => {
    const isNew = await keepMalformed(pool, acquirerId, one, nowMs());
    if (isNew)
      log.error({ chargeback: one.n ?? one.sha256, problem: one.problem }, 'fare.bank.chargeback-malformed');
    return isNew;
  };
  const take = async (one: Chargeback): Promise<boolean> => {
    const problem = await takeChargeback(pool, books, one, nowMs());
    if (problem !== null && problem !== 'known')
      log.error(
        { chargeback: one.n, reference: one.reference, problem },
        'fare.bank.chargeback-does-not-fit',
      );
    return problem !== 'known';
  };
  /** By number: whoever dies in between asks again from the last that is written down, and skips none before it. */
  const takeAll = async (page: ChargebackPage): Promise<number[]> => {
    const added: number[] = [];
    for (const one of [...page.malformed, ...page.chargebacks].sort((a, b) => (a.n ?? 0) - (b.n ?? 0)))
      if (await ('sha256' in one ? keep(one) : take(one))) added.push(one.n ?? 0);
    return added;
  };
  return async () => {
    if (nowMs() - askedMs < CHARGEBACKS_EVERY_MS) return;
    askedMs = nowMs();
    const { rows } = await pool.query<KnownNumber>(HIGHEST_CHARGEBACKS, [acquirerId]);
    const place = placeInList(rows);
    try {
      const after = Math.max(walked, place.after);
      const page = await acquirer.chargebacks(after);
      if (page.unread !== undefined) {
        log.warn({ problem: page.unread.problem }, 'fare.bank.no-chargebacks');
        await keep(page.unread);
      }
      const added = await takeAll(page);
      const numbered = added.filter((n) => n > 0);
      // There are more: the next turn goes on, where this one came any further.
      if (page.full && numbered.length > 0) askedMs = Number.NEGATIVE_INFINITY;
      walked = page.full && numbered.length === 0 ? behind(page, after) : 0;
      const lower = numbered.find((n) => place.highest !== null && n < place.highest);
      if (lower !== undefined)
        log.error({ chargeback: place.highest, later: lower }, 'fare.bank.chargeback-number-too-high');
    } catch (error) {
      if (!(error instanceof AcquirerSilent || error instanceof AcquirerRefused)) throw error;
      log.warn({ problem: error.message }, 'fare.bank.no-chargebacks');
    }
  };
}

/** Where a list goes on of which nothing was new: so many are at least so many numbers. */
function behind({ chargebacks, malformed }: ChargebackPage, after: number): number {
  const highest = Math.max(...[...chargebacks, ...malformed].map(({ n }) => n ?? 0));
  return Math.max(highest, after + chargebacks.length + malformed.length);
}

/** Keeps what cannot be taken, for a person to ask the acquirer; `false` = it is known already. */
async function keepMalformed(
  pool: pg.Pool,
  acquirerId: string,
  { sha256, n, problem }: MalformedChargeback,
  atMs: number,
): Promise<boolean> {
  const added = await pool.query(ADD_MALFORMED_CHARGEBACK, [acquirerId, sha256, n, problem, atMs]);
  return added.rowCount !== 0;
}

/** Why a chargeback is nobody's debt; `null` = it is one, `known` = it was written down before. */
type Taken = ChargebackProblem | 'known' | null;

/** Writes one down with what follows from it. */
export function takeChargeback(
  pool: pg.Pool,
  { holders }: BankBooks,
  one: Chargeback,
  atMs: number,
): Promise<Taken> {
  return inTransaction(pool, async (client) => {
    await lockBooks(client);
    return keepChargeback(client, holders, one, atMs);
  });
}

/** The same in the transaction of who holds the books. */
export async function keepChargeback(
  client: pg.PoolClient,
  holders: MoneyHolders,
  one: Chargeback,
  atMs: number,
): Promise<Taken> {
  const { n, reference, code, amountMinor, currency } = one;
  const { rows } = await client.query<{ payment_id: string }>(PAYMENT_OF_CLEARING, [reference]);
  const file = rows[0] === undefined ? null : await loadPayment(client, rows[0].payment_id);
  const problem = judgeChargeback(one, file);
  const paymentId = problem === null ? (file?.payment.paymentId ?? null) : null;
  const said = [holders.acquirerId, n, reference, code, amountMinor.toString(), currency];
  const added = await client.query(ADD_CHARGEBACK, [...said, paymentId, problem, atMs]);
  if (added.rowCount === 0) return 'known';
  if (file !== null && problem === null) {
    const event = { kind: 'charged-back', key: String(n), code, reference, amountMinor, atMs } as const;
    await appendEvent(client, file, event, holders);
    return null;
  }
  const postings = misfitPosting(one, holders.acquirerId);
  const leaves = [misfitLeaf(one, problem as ChargebackProblem, holders.acquirerId, atMs, postings)];
  await writePrices(client, { ...NO_PRICES, postings, leaves, atMs });
  return problem;
}
