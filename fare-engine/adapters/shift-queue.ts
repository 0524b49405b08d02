/**
 * Shifts that came after the taps they speak of: finds the account-days to be priced again, and no others.
 *
 * A shift is stored by a pricing transaction, next to others that may be pricing taps of the same vehicle without having
 * seen it. Therefore it is looked at once more here, while no pricing transaction runs: whoever began before has
 * committed its taps, whoever begins afterwards sees the shift.
 */
import type pg from 'pg';
import { inTransaction } from '#platform/postgres.ts';
import { BREAKDOWN_SLACK_MS } from '../facts/breakdowns.ts';
import { FACTS_GATE } from './fare-statements.ts';
import { closedAt, FOREVER, vehicleAt } from './place-statements.ts';

/**
 * A shift holds on its vehicle until the next record of one of the vehicle's devices, within its fare day; all as known at
 * that day's close, or now while it is open. Shifts that were not known at the close change nothing.
 */
export const ENQUEUE_SHIFTS = `
WITH taken AS (
  DELETE FROM fare.shift_queue WHERE queue_id = ANY (ARRAY(
    SELECT queue_id FROM fare.shift_queue ORDER BY queue_id LIMIT $1))
  RETURNING record_id),
said AS MATERIALIZED (
  SELECT s.record_id, s.device_id, s.fare_day, s.at_ms, k.known_ms,
         ${vehicleAt('s.device_id', 's.at_ms', 'k.known_ms')} AS vehicle_id
    FROM taken JOIN fare.shift s USING (record_id)
   CROSS JOIN LATERAL (SELECT ${closedAt('s.fare_day')} AS known_ms) AS k
   WHERE s.received_at_ms <= k.known_ms),
mate AS MATERIALIZED (
  SELECT s.record_id, s.vehicle_id, s.fare_day, s.at_ms, s.known_ms, m.device_id
    FROM said s CROSS JOIN LATERAL (
      SELECT DISTINCT m.device_id FROM fare.device_assignment m
       WHERE m.vehicle_id = s.vehicle_id AND (m.valid_until_ms IS NULL OR m.valid_until_ms > s.at_ms) OFFSET 0) AS m
  UNION ALL
  -- Of a device that is not assigned.
  SELECT record_id, NULL, fare_day, at_ms, known_ms, device_id FROM said WHERE vehicle_id IS NULL),
following AS (
  SELECT m.record_id, min(n.at_ms) AS at_ms
    FROM mate m CROSS JOIN LATERAL (
      SELECT n.at_ms FROM fare.shift n
       WHERE n.device_id = m.device_id AND n.fare_day = m.fare_day AND n.at_ms > m.at_ms
         AND n.received_at_ms <= m.known_ms
         AND ${vehicleAt('n.device_id', 'n.at_ms', 'm.known_ms')} IS NOT DISTINCT FROM m.vehicle_id
       ORDER BY n.at_ms LIMIT 1) AS n
   GROUP BY m.record_id),
queued AS (
  INSERT INTO fare.account_day_queue (account_id, fare_day, reason)
  SELECT DISTINCT d.account_id, t.fare_day, 'shift'
    FROM mate m LEFT JOIN following f USING (record_id)
   CROSS JOIN LATERAL (SELECT t.tap_id, t.fare_day FROM fare.timed_tap t
       WHERE t.device_id = m.device_id AND t.fare_day = m.fare_day AND t.fare_at_ms >= m.at_ms
         AND t.fare_at_ms < coalesce(f.at_ms, ${FOREVER})
         AND ${vehicleAt('t.device_id', 't.fare_at_ms', 'm.known_ms')} IS NOT DISTINCT FROM m.vehicle_id OFFSET 0) AS t
    JOIN fare.decision d ON d.tap_id = t.tap_id),
-- Whether rides before it were of the same shift as a breakdown after it is asked again.
breakdowns AS (
  INSERT INTO fare.breakdown_queue (record_id)
  SELECT DISTINCT b.record_id FROM mate m JOIN fare.breakdown b ON b.device_id = m.device_id
     AND b.received_at_ms >= m.at_ms - ${BREAKDOWN_SLACK_MS})
SELECT count(*) AS taken FROM taken`;

/** Looks at up to `rowsMax` shifts; returns how many there were. */
export async function workShifts(pool: pg.Pool, rowsMax: number): Promise<number> {
  const waiting = await pool.query('SELECT FROM fare.shift_queue LIMIT 1');
  if (waiting.rowCount === 0) return 0;
  return inTransaction(pool, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [FACTS_GATE]);
    const { rows } = await client.query<{ taken: bigint }>(ENQUEUE_SHIFTS, [rowsMax]);
    return Number(rows[0]?.taken ?? 0n);
  });
}
