/**
 * Which facts say where taps were: a selection that never leaves out one that counts, and stays small whatever the
 * history. The rules themselves stand in facts/assign.ts and facts/shifts.ts; what is loaded here they look at again.
 */

/** Later than every instant. */
export const FOREVER = '9223372036854775807';

/** No fare day is longer: 25 hours when the clock is put back. */
const DAY_MS_MAX = 90_000_000;

const overlaps = (fact: string, firstMs: string, lastMs: string): string =>
  `${fact}.valid_from_ms <= ${lastMs} AND (${fact}.valid_until_ms IS NULL OR ${fact}.valid_until_ms > ${firstMs})`;

/** The vehicle to which a device is assigned at an instant, as known at another; by index, device by device. */
export const vehicleAt = (deviceId: string, atMs: string, knownAsOfMs: string): string => `
  (SELECT a.vehicle_id FROM fare.device_assignment a
    WHERE a.device_id = ${deviceId} AND ${overlaps('a', atMs, atMs)} AND a.known_from_ms <= ${knownAsOfMs}
    ORDER BY a.known_from_ms DESC, a.assignment_id DESC LIMIT 1)`;

/** When a fare day was closed; for ever while it is open. */
export const closedAt = (fareDay: string): string => `
  coalesce((SELECT c.known_from_ms FROM fare.close c WHERE c.fare_day >= ${fareDay} ORDER BY c.fare_day LIMIT 1),
           ${FOREVER})`;

// A shift record that could be a tap's: of this device, on this vehicle at its time, known at the close of its day.
const shiftOf = (mate: string, when: string): string => `
  SELECT s.record_id, s.at_ms FROM fare.shift s
   WHERE s.device_id = ${mate}.device_id AND s.fare_day = ${mate}.fare_day AND ${when}
     AND s.received_at_ms <= ${mate}.known_ms
     AND ${vehicleAt('s.device_id', 's.at_ms', `${mate}.known_ms`)} IS NOT DISTINCT FROM ${mate}.vehicle_id`;

/**
 * Tables of a WITH: facts of place for the devices and times in `span` (device_id, fare_day, first_ms, last_ms; one row
 * for each device and fare day). Of shifts before a span only the last one counts, so no day is read whole.
 */
export const placeTables = (span: string): string => `
riding AS MATERIALIZED (
  SELECT n.fare_day, n.first_ms, n.last_ms, a.vehicle_id, ${closedAt('n.fare_day')} AS known_ms
    FROM ${span} n CROSS JOIN LATERAL (
      SELECT DISTINCT a.vehicle_id FROM fare.device_assignment a
       WHERE a.device_id = n.device_id AND ${overlaps('a', 'n.first_ms', 'n.last_ms')} OFFSET 0) AS a),
vehicle_span AS MATERIALIZED (
  SELECT vehicle_id, fare_day, min(first_ms) AS first_ms, max(last_ms) AS last_ms, min(known_ms) AS known_ms
    FROM riding GROUP BY vehicle_id, fare_day),
mate AS MATERIALIZED (
  SELECT v.*, a.device_id FROM vehicle_span v CROSS JOIN LATERAL (
    SELECT DISTINCT a.device_id FROM fare.device_assignment a
     WHERE a.vehicle_id = v.vehicle_id AND ${overlaps('a', `v.first_ms - ${DAY_MS_MAX}`, 'v.last_ms')} OFFSET 0) AS a
  UNION ALL
  -- Not assigned at all: shifts of its own only.
  SELECT NULL, n.fare_day, n.first_ms, n.last_ms, ${closedAt('n.fare_day')}, n.device_id FROM ${span} n),
shift_here AS MATERIALIZED (
  SELECT DISTINCT s.record_id FROM mate CROSS JOIN LATERAL (
    SELECT record_id FROM (${shiftOf('mate', 's.at_ms <= mate.first_ms')}
      ORDER BY s.at_ms DESC FETCH FIRST 1 ROW WITH TIES) AS before
    UNION ALL
    SELECT record_id FROM (${shiftOf('mate', 's.at_ms > mate.first_ms AND s.at_ms <= mate.last_ms')}) AS during) AS s),
device_here AS MATERIALIZED (
  SELECT device_id FROM ${span} UNION SELECT device_id FROM fare.shift JOIN shift_here USING (record_id)),
reach AS (
  SELECT least(min(first_ms), (SELECT min(s.at_ms) FROM fare.shift s JOIN shift_here USING (record_id))) AS first_ms,
         max(last_ms) AS last_ms FROM ${span})`;

/** Columns of a SELECT over {@link placeTables}: `assignments`, `carriers`, `routes`, `shifts`, each JSON or null. */
export const placeColumns = (span: string): string => `
  (SELECT json_agg(json_build_object('assignmentId', a.assignment_id, 'deviceId', a.device_id,
     'vehicleId', a.vehicle_id, 'carrierId', a.carrier_id, 'routeId', a.route_id, 'tripId', a.trip_id,
     'validFromMs', a.valid_from_ms, 'validUntilMs', a.valid_until_ms, 'knownFromMs', a.known_from_ms))
    FROM reach CROSS JOIN device_here JOIN fare.device_assignment a USING (device_id)
   WHERE ${overlaps('a', 'reach.first_ms', 'reach.last_ms')}) AS assignments,
  (SELECT json_agg(json_build_object('assignmentId', a.assignment_id, 'vehicleId', a.vehicle_id,
     'carrierId', a.carrier_id, 'validFromMs', a.valid_from_ms, 'validUntilMs', a.valid_until_ms,
     'knownFromMs', a.known_from_ms))
    FROM vehicle_span v JOIN fare.vehicle_assignment a USING (vehicle_id)
   WHERE ${overlaps('a', 'v.first_ms', 'v.last_ms')}) AS carriers,
  (SELECT json_agg(json_build_object('assignmentId', r.assignment_id, 'kind', r.kind, 'vehicleId', r.vehicle_id,
     'deviceId', r.device_id, 'routeId', r.route_id, 'tripId', r.trip_id, 'directionId', r.direction_id,
     'validFromMs', r.valid_from_ms, 'validUntilMs', r.valid_until_ms, 'knownFromMs', r.known_from_ms))
    FROM (
      SELECT r.* FROM vehicle_span v JOIN fare.route_assignment r USING (vehicle_id)
       WHERE ${overlaps('r', 'v.first_ms', 'v.last_ms')}
      UNION
      SELECT r.* FROM ${span} n JOIN fare.route_assignment r USING (device_id)
       WHERE ${overlaps('r', 'n.first_ms', 'n.last_ms')}) AS r) AS routes,
  (SELECT json_agg(json_build_object('recordId', s.record_id, 'deviceId', s.device_id, 'action', s.action,
     'source', s.source, 'routeId', s.route_id, 'tripId', s.trip_id, 'directionId', s.direction_id,
     'fareDay', s.fare_day, 'atMs', s.at_ms, 'receivedAtMs', s.received_at_ms))
    FROM fare.shift s JOIN shift_here USING (record_id)) AS shifts`;
