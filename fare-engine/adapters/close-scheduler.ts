/** Closes fare days by the city clock, by submitting the same command that a person would. */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import { type ClosingRules, dayToClose } from '../close-day.ts';

/**
 * Submits the close of the last day that is over with its time for late taps, if some day up to it is still open and
 * has rides. Repeating it does no harm: the command's id is derived from the day.
 */
export async function closeEndedDays(
  pool: pg.Pool,
  rules: ClosingRules,
  nowMs: number,
): Promise<string | null> {
  const fareDay = dayToClose(nowMs, rules);
  const { rowCount } = await pool.query(
    `INSERT INTO fare.command_inbox (command_id, kind, payload, submitted_by, submitted_at_ms)
     SELECT $1, 'close-day', jsonb_build_object('fareDay', $2::text), 'fare-engine', $3
     WHERE EXISTS (SELECT FROM fare.account_day WHERE fare_day <= $2::date
                      AND fare_day > coalesce((SELECT max(fare_day) FROM fare.close), '-infinity'))
     ON CONFLICT DO NOTHING`,
    [uuidOf(`close ${fareDay}`), fareDay, nowMs],
  );
  return rowCount === 1 ? fareDay : null;
}

/** A UUID (version 8, RFC 9562) that is always the same for the same text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
