/** Which open account-days new facts may change: they are queued and priced again. */
import type pg from 'pg';
import type { CommandWrites } from '../commands.ts';
import { BREAKDOWN_SLACK_MS } from '../facts/breakdowns.ts';
import type { FareDays } from '../facts/facts.ts';
import { calendarInstant } from '../facts/fare-at.ts';
import { accountsOfKin, kinTable } from './kin-statements.ts';
import { FOREVER, vehicleAt } from './place-statements.ts';

/**
 * Open account-days that the new facts may change. Too many do no harm: pricing them changes nothing. LATERAL and OFFSET 0
 * bring each key into the branches of `timed_tap`, where indices answer it; a plain join would read every tap there is.
 */
export const ENQUEUE = `
WITH RECURSIVE touched AS (
  SELECT kind, ref, "fromDay", "untilDay", "fromMs", coalesce("untilMs", ${FOREVER}) AS "untilMs"
  FROM json_to_recordset($1) AS r (kind text, ref text, "fromDay" date, "untilDay" date,
    "fromMs" bigint, "untilMs" bigint)),
open AS (SELECT coalesce(max(fare_day), '-infinity') AS after FROM fare.close),
${kinTable('kin', "SELECT DISTINCT ref FROM touched WHERE kind = 'media-link'")},
whose AS MATERIALIZED (${accountsOfKin('kin')}),
hit AS (
  SELECT w.account_id, t.fare_day, x.kind
  FROM touched x CROSS JOIN open
  JOIN kin k ON k.seed = x.ref
  -- What a medium stood for at an instant holds for its successor ever after.
  CROSS JOIN LATERAL (SELECT t.fare_day FROM fare.timed_tap t WHERE t.token_id = k.token_id
    AND t.fare_day >= x."fromDay" AND (t.fare_day <= x."untilDay" OR k.token_id <> x.ref)
    AND t.fare_day > open.after OFFSET 0) AS t
  JOIN whose w ON w.seed = x.ref
  WHERE x.kind = 'media-link'
  UNION
  SELECT d.account_id, d.fare_day, x.kind
  FROM touched x CROSS JOIN open
  JOIN fare.account_day d ON d.account_id = x.ref AND d.fare_day BETWEEN x."fromDay" AND x."untilDay"
    AND d.fare_day > open.after
  WHERE x.kind IN ('entitlement', 'pass')
  UNION
  SELECT d.account_id, t.fare_day, x.kind
  FROM touched x CROSS JOIN open
  CROSS JOIN LATERAL (SELECT t.tap_id, t.fare_day FROM fare.timed_tap t WHERE t.device_id = x.ref
    AND t.fare_day BETWEEN x."fromDay" AND x."untilDay" AND t.fare_day > open.after
    AND t.fare_at_ms >= x."fromMs" AND t.fare_at_ms < x."untilMs" OFFSET 0) AS t
  JOIN fare.decision d ON d.tap_id = t.tap_id
  WHERE x.kind IN ('assignment', 'device')
  UNION
  SELECT d.account_id, t.fare_day, x.kind
  FROM touched x CROSS JOIN open
  JOIN fare.device_assignment m ON m.vehicle_id = x.ref AND m.valid_from_ms < x."untilMs"
    AND (m.valid_until_ms IS NULL OR m.valid_until_ms > x."fromMs")
  CROSS JOIN LATERAL (SELECT t.tap_id, t.fare_day FROM fare.timed_tap t WHERE t.device_id = m.device_id
    AND t.fare_day BETWEEN x."fromDay" AND x."untilDay" AND t.fare_day > open.after
    AND t.fare_at_ms >= x."fromMs" AND t.fare_at_ms < x."untilMs"
    AND ${vehicleAt('t.device_id', 't.fare_at_ms', FOREVER)} = x.ref OFFSET 0) AS t
  JOIN fare.decision d ON d.tap_id = t.tap_id
  WHERE x.kind = 'vehicle'
  UNION
  -- A device that changes its vehicle takes the shifts along that it recorded meanwhile: they begin to count for the new
  -- vehicle's devices, and cease to for the old one's.
  SELECT d.account_id, t.fare_day, x.kind
  FROM touched x CROSS JOIN open
  JOIN fare.shift s ON s.device_id = x.ref AND s.fare_day BETWEEN x."fromDay" AND x."untilDay"
    AND s.fare_day > open.after AND s.at_ms >= x."fromMs" AND s.at_ms < x."untilMs"
  JOIN fare.device_assignment o ON o.device_id = x.ref AND o.valid_from_ms <= s.at_ms
    AND (o.valid_until_ms IS NULL OR o.valid_until_ms > s.at_ms)
  JOIN fare.device_assignment m ON m.vehicle_id = o.vehicle_id
  CROSS JOIN LATERAL (SELECT t.tap_id, t.fare_day FROM fare.timed_tap t WHERE t.device_id = m.device_id
    AND t.fare_day = s.fare_day AND t.fare_at_ms >= s.at_ms OFFSET 0) AS t
  JOIN fare.decision d ON d.tap_id = t.tap_id
  WHERE x.kind = 'assignment'),
-- A breakdown that a device declared is its vehicle's: what moves the one moves the other.
breakdowns AS (
  INSERT INTO fare.breakdown_queue (record_id)
  SELECT b.record_id FROM touched x JOIN fare.breakdown b ON b.device_id = x.ref
     AND b.received_at_ms >= x."fromMs" - ${BREAKDOWN_SLACK_MS} WHERE x.kind IN ('assignment', 'device')
  UNION
  SELECT b.record_id FROM touched x JOIN fare.device_assignment m ON m.vehicle_id = x.ref
    JOIN fare.breakdown b ON b.device_id = m.device_id AND b.received_at_ms >= x."fromMs" - ${BREAKDOWN_SLACK_MS}
   WHERE x.kind = 'vehicle')
INSERT INTO fare.account_day_queue (account_id, fare_day, reason)
SELECT account_id, fare_day, min(kind) FROM hit GROUP BY account_id, fare_day`;

/** Queues the open account-days that facts of a transaction may change. */
export async function enqueueTouched(
  client: pg.PoolClient,
  writes: Pick<CommandWrites, 'touched'>,
  days: FareDays,
): Promise<void> {
  if (writes.touched.length === 0) return;
  const dayOf = (instantMs: number): string => days.fareDayOf(calendarInstant(instantMs));
  const touched = writes.touched.map(({ kind, ref, fromMs, untilMs }) => ({
    kind,
    ref,
    fromMs,
    untilMs,
    fromDay: dayOf(fromMs),
    untilDay: untilMs === null ? 'infinity' : dayOf(untilMs),
  }));
  await client.query(ENQUEUE, [JSON.stringify(touched)]);
}
