/**
 * Breakdowns of which something became known: finds the account-days to be priced again. As with shifts, this runs while
 * no pricing transaction does: whoever began before has committed its taps, whoever begins afterwards sees the breakdown.
 *
 * Taken are all rides of devices that ever were on a vehicle with the one that declared it, near any time at which it was
 * ever thought to have taken place. Too many do no harm: pricing them changes nothing.
 */
import type pg from 'pg';
import { inTransaction } from '#platform/postgres.ts';
import {
  BREAKDOWN_REACH_MS,
  BREAKDOWN_SLACK_MS,
  type Breakdown,
  breakdownTimes,
} from '../facts/breakdowns.ts';
import { calendarInstant } from '../facts/fare-at.ts';
import type { TimeRules } from '../facts/tap-time.ts';
import { BREAKDOWN_COLUMNS, MATES } from './breakdown-statements.ts';
import { FACTS_GATE } from './fare-statements.ts';

const CLAIM = `
WITH taken AS (
  DELETE FROM fare.breakdown_queue WHERE queue_id = ANY (ARRAY(
    SELECT queue_id FROM fare.breakdown_queue ORDER BY queue_id LIMIT $1))
  RETURNING record_id)
SELECT (SELECT count(*) FROM taken) AS taken,
  (SELECT json_agg(${BREAKDOWN_COLUMNS}) FROM (SELECT DISTINCT record_id FROM taken) AS one
     JOIN fare.breakdown u USING (record_id) CROSS JOIN LATERAL (SELECT u.received_at_ms) AS t) AS breakdowns`;

/** $1 breakdowns, each with a time and the fare days around it (JSON). */
const ENQUEUE = `
INSERT INTO fare.account_day_queue (account_id, fare_day, reason)
SELECT DISTINCT d.account_id, t.fare_day, 'breakdown'
  FROM json_to_recordset($1) AS r ("breakdownId" text, "atMs" bigint, "fromDay" date, "untilDay" date)
  JOIN fare.breakdown b ON b.record_id = r."breakdownId"
 CROSS JOIN LATERAL (${MATES}) AS mate
 CROSS JOIN LATERAL (SELECT t.tap_id, t.fare_day FROM fare.timed_tap t
     WHERE t.device_id = mate.device_id AND t.fare_day BETWEEN r."fromDay" AND r."untilDay"
       AND t.fare_at_ms BETWEEN r."atMs" - ${BREAKDOWN_REACH_MS} AND r."atMs" + ${BREAKDOWN_SLACK_MS} OFFSET 0) AS t
  JOIN fare.decision d ON d.tap_id = t.tap_id`;

/** Looks at up to `rowsMax` breakdowns; returns how many there were. */
export async function workBreakdowns(pool: pg.Pool, rules: TimeRules, rowsMax: number): Promise<number> {
  const waiting = await pool.query('SELECT FROM fare.breakdown_queue LIMIT 1');
  if (waiting.rowCount === 0) return 0;
  return inTransaction(pool, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [FACTS_GATE]);
    const { rows } = await client.query<{ taken: bigint; breakdowns: Breakdown[] | null }>(CLAIM, [rowsMax]);
    const times = (rows[0]?.breakdowns ?? []).flatMap((breakdown) => timesOf(breakdown, rules));
    if (times.length > 0) await client.query(ENQUEUE, [JSON.stringify(times)]);
    return Number(rows[0]?.taken ?? 0n);
  });
}

function timesOf(breakdown: Breakdown, rules: TimeRules) {
  const dayOf = (instantMs: number): string => rules.days.fareDayOf(instantMs);
  return breakdownTimes(breakdown, rules).map((atMs) => ({
    breakdownId: breakdown.breakdownId,
    atMs,
    fromDay: dayOf(calendarInstant(atMs - BREAKDOWN_REACH_MS)),
    untilDay: dayOf(calendarInstant(atMs + BREAKDOWN_SLACK_MS)),
  }));
}
