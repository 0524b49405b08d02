/** After which records the close of a day is known. */
import type pg from 'pg';
import type { SubmittedCommand } from '../commands.ts';

/**
 * The newest receipt at or after an instant. Receipts bear the clocks of those that received: one that is ahead of ours
 * must not make a record later than the close of books that it stands in. $1 = the instant.
 */
export const NEWEST_RECEIPT = `
  SELECT max(at_ms) AS at_ms FROM (
    SELECT max(received_at_ms) AS at_ms FROM fare.tap WHERE received_at_ms >= $1
    UNION ALL SELECT max(received_at_ms) FROM fare.shift WHERE received_at_ms >= $1
    UNION ALL SELECT max(received_at_ms) FROM fare.clock_sync WHERE received_at_ms >= $1
    UNION ALL SELECT max(received_at_ms) FROM fare.breakdown WHERE received_at_ms >= $1
    UNION ALL SELECT max(received_at_ms) FROM fare.record_inbox WHERE received_at_ms >= $1) AS newest`;

/** First instant after every record that is stored or waits, where one of these commands closes a day. */
export async function afterReceipts(
  client: pg.PoolClient,
  commands: readonly SubmittedCommand[],
  nowMs: number,
): Promise<number> {
  if (!commands.some(({ kind }) => kind === 'close-day')) return nowMs;
  const { rows } = await client.query<{ at_ms: bigint | null }>(NEWEST_RECEIPT, [nowMs]);
  return Math.max(nowMs, Number(rows[0]?.at_ms ?? nowMs - 1) + 1);
}
