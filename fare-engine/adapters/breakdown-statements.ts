/**
 * Breakdowns in SQL: which may concern some taps, and what is needed to judge them. Like those of places, a selection that
 * never leaves out one that counts and follows the taps concerned, not the history; facts/breakdowns.ts looks again.
 */
import type pg from 'pg';
import { BREAKDOWN_REACH_MS, BREAKDOWN_SLACK_MS, type StoredBreakdown } from '../facts/breakdowns.ts';
import { CORRECTION_COLUMNS, NEAREST_SYNCS, SYNC_COLUMNS } from '../prove-times.ts';
import { FOREVER } from './place-statements.ts';

const STORE = `
WITH stored AS (
  INSERT INTO fare.breakdown (record_id, device_id, epoch, seq, record_sha256, belief_vehicle_id, belief_route_id,
    belief_trip_id, belief_direction_id, stop_id, staff_id, fare_day, at_ms, uncertainty_ms, boot_id, mono_ms, evidence,
    drift_ppm, received_at_ms)
  SELECT "breakdownId", "deviceId", epoch, seq, decode("recordSha256", 'hex'), belief->>'vehicleId', belief->>'routeId',
    belief->>'tripId', (belief->>'directionId')::smallint, "stopId", "staffId", "fareDay", "atMs", "uncertaintyMs",
    evidence->>'bootId', (evidence->>'monoMs')::bigint, evidence, "driftPpm", "receivedAtMs"
  FROM json_to_recordset($1) AS r ("breakdownId" text, "deviceId" text, epoch text, seq bigint, "recordSha256" text,
    belief jsonb, "stopId" text, "staffId" text, "fareDay" date, "atMs" bigint, "uncertaintyMs" bigint, evidence jsonb,
    "driftPpm" double precision, "receivedAtMs" bigint)
  ON CONFLICT (record_id) DO NOTHING RETURNING record_id)
INSERT INTO fare.breakdown_queue (record_id) SELECT record_id FROM stored`;

/** Stores what is new and queues a look at it; without any it asks the database nothing. */
export async function storeBreakdowns(
  client: pg.PoolClient,
  breakdowns: readonly StoredBreakdown[],
): Promise<void> {
  if (breakdowns.length > 0) await client.query(STORE, [JSON.stringify(breakdowns)]);
}

/** Devices that ever rode on a vehicle together with the device of `b`, itself included. */
export const MATES = `
  SELECT b.device_id
  UNION
  SELECT m.device_id FROM fare.device_assignment o JOIN fare.device_assignment m ON m.vehicle_id = o.vehicle_id
   WHERE o.device_id = b.device_id AND m.valid_from_ms < coalesce(o.valid_until_ms, ${FOREVER})
     AND (m.valid_until_ms IS NULL OR m.valid_until_ms > o.valid_from_ms)`;

/**
 * Tables of a WITH: breakdowns that may concern taps of the devices and times in `taps` (device_id, fare_day, first_ms,
 * last_ms), and `span`, the same with what says in which shift such a breakdown was. One whose clock is not sure may have
 * taken place on another day than its record says, though hardly after it was received.
 */
export const breakdownTables = (taps: string, span: string): string => `
breakdown_near AS MATERIALIZED (
  SELECT b.record_id FROM (
      SELECT DISTINCT n.fare_day + v.days AS fare_day FROM ${taps} n CROSS JOIN (VALUES (-1), (0), (1)) AS v (days)) AS near
   CROSS JOIN LATERAL (SELECT b.record_id FROM fare.breakdown b WHERE b.fare_day = near.fare_day OFFSET 0) AS b
  UNION
  SELECT b.record_id FROM fare.breakdown b
   WHERE b.received_at_ms >= (SELECT min(first_ms) FROM ${taps}) - ${BREAKDOWN_SLACK_MS}
     AND (b.drift_ppm IS NOT NULL OR EXISTS (SELECT FROM fare.clock_correction c WHERE c.device_id = b.device_id
            AND c.valid_from_ms <= b.at_ms AND b.at_ms < c.valid_until_ms))),
breakdown_here AS MATERIALIZED (
  SELECT b.record_id, b.device_id, n.fare_day, n.first_ms, n.last_ms
    FROM breakdown_near JOIN fare.breakdown b USING (record_id)
   CROSS JOIN LATERAL (${MATES}) AS mate
    JOIN ${taps} n ON n.device_id = mate.device_id),
${span} AS MATERIALIZED (
  SELECT device_id, fare_day, min(first_ms) AS first_ms, max(last_ms) AS last_ms FROM (
    SELECT device_id, fare_day, first_ms, last_ms FROM ${taps}
    UNION ALL
    SELECT h.device_id, h.fare_day + v.days, h.first_ms, h.last_ms + ${BREAKDOWN_REACH_MS}
      FROM breakdown_here h CROSS JOIN (VALUES (0), (1)) AS v (days)) AS one
  GROUP BY device_id, fare_day)`;

/** A row of `fare.breakdown u`, also called `t`, with what may be said of its time, as JSON. */
export const BREAKDOWN_COLUMNS = `json_build_object('breakdownId', u.record_id, 'deviceId', u.device_id, 'epoch', u.epoch,
  'seq', u.seq, 'belief', json_build_object('vehicleId', u.belief_vehicle_id, 'routeId', u.belief_route_id,
  'tripId', u.belief_trip_id, 'directionId', u.belief_direction_id), 'fareDay', u.fare_day, 'atMs', u.at_ms,
  'uncertaintyMs', u.uncertainty_ms, 'evidence', u.evidence, 'driftPpm', u.drift_ppm, 'receivedAtMs', u.received_at_ms,
  'syncs', CASE WHEN u.drift_ppm IS NULL THEN '[]'::json ELSE coalesce((SELECT json_agg(${SYNC_COLUMNS})
     FROM fare.clock_sync n WHERE n.record_id IN (${NEAREST_SYNCS})), '[]'::json) END,
  'corrections', coalesce((SELECT json_agg(${CORRECTION_COLUMNS}) FROM fare.clock_correction c
     WHERE c.device_id = u.device_id AND c.valid_from_ms <= u.at_ms AND c.valid_until_ms > u.at_ms), '[]'::json))`;

/** Column of a SELECT over {@link breakdownTables}, JSON or null. */
export const BREAKDOWN_COLUMN = `
  (SELECT json_agg(${BREAKDOWN_COLUMNS}) FROM (SELECT DISTINCT record_id FROM breakdown_here) AS h
     JOIN fare.breakdown u USING (record_id) CROSS JOIN LATERAL (SELECT u.received_at_ms) AS t) AS breakdowns`;
