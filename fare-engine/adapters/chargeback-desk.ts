/** Takes in what banks have taken back, as the acquirer tells it: each once, and all of them, whether they fit a payment or not. */
import type pg from 'pg';
import type { Logger } from '#platform/logger.ts';
import { inTransaction } from '#platform/postgres.ts';
import {
  type Acquirer,
  AcquirerRefused,
  AcquirerSilent,
  type Chargeback,
  type MalformedChargeback,
} from '../bank/acquirer.ts';
import { type ChargebackProblem, judgeChargeback, misfitLeaf, misfitPosting } from '../bank/chargeback.ts';
import type { MoneyHolders } from '../bank/post-payment.ts';
import {
  ADD_CHARGEBACK,
  ADD_MALFORMED_CHARGEBACK,
  LAST_CHARGEBACK,
  PAYMENT_OF_CLEARING,
} from './bank-statements.ts';
import { appendEvent, type BankBooks, loadPayment, lockBooks, NO_PRICES } from './postgres-bank.ts';
import { writePrices } from './write-prices.ts';

/** Chargebacks are asked for so often, by the city's clock. */
const CHARGEBACKS_EVERY_MS = 60_000;

/** Asks for the chargebacks after the last that is known, at most once a minute. */
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
  /** How far lists went on in which nothing had a number that could be read. */
  let walked = 0;
  const keep = async (one: MalformedChargeback): Promise<void> => {
    if (await keepMalformed(pool, acquirerId, one, nowMs()))
      log.error({ chargeback: one.n ?? one.sha256, problem: one.problem }, 'fare.bank.chargeback-malformed');
  };
  const take = async (one: Chargeback): Promise<void> => {
    const problem = await takeChargeback(pool, books, one, nowMs());
    if (problem !== null)
      log.error(
        { chargeback: one.n, reference: one.reference, problem },
        'fare.bank.chargeback-does-not-fit',
      );
  };
  return async () => {
    if (nowMs() - askedMs < CHARGEBACKS_EVERY_MS) return;
    askedMs = nowMs();
    const { rows } = await pool.query<{ n: number }>(LAST_CHARGEBACK, [acquirerId]);
    try {
      const after = Math.max(walked, rows[0]?.n ?? 0);
      const { chargebacks, malformed, full, unread } = await acquirer.chargebacks(after);
      // There are more: the next turn goes on, where this one came any further.
      const further = [...chargebacks, ...malformed].some(({ n }) => n !== null && n > after);
      if (full && further) askedMs = Number.NEGATIVE_INFINITY;
      // So many without a number are at least so many numbers: what comes after these is asked for the next time.
      walked = full && !further ? after + chargebacks.length + malformed.length : 0;
      if (unread !== undefined) {
        log.warn({ problem: unread.problem }, 'fare.bank.no-chargebacks');
        await keep(unread);
      }
      // By number: whoever dies in between asks again from the last that is written down, and skips none before it.
      for (const one of [...malformed, ...chargebacks].sort((a, b) => (a.n ?? 0) - (b.n ?? 0)))
        await ('sha256' in one ? keep(one) : take(one));
    } catch (error) {
      if (!(error instanceof AcquirerSilent || error instanceof AcquirerRefused)) throw error;
      log.warn({ problem: error.message }, 'fare.bank.no-chargebacks');
    }
  };
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

/** Writes one down with what follows from it; gives why it is nobody's debt, `null` = it is one, or is known already. */
export function takeChargeback(
  pool: pg.Pool,
  { holders }: BankBooks,
  one: Chargeback,
  atMs: number,
): Promise<ChargebackProblem | null> {
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
): Promise<ChargebackProblem | null> {
  const { n, reference, code, amountMinor, currency } = one;
  const { rows } = await client.query<{ payment_id: string }>(PAYMENT_OF_CLEARING, [reference]);
  const file = rows[0] === undefined ? null : await loadPayment(client, rows[0].payment_id);
  const problem = judgeChargeback(one, file);
  const paymentId = problem === null ? (file?.payment.paymentId ?? null) : null;
  const said = [holders.acquirerId, n, reference, code, amountMinor.toString(), currency];
  const added = await client.query(ADD_CHARGEBACK, [...said, paymentId, problem, atMs]);
  if (added.rowCount === 0) return null;
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
