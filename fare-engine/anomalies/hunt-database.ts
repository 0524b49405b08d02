/** The facts of a period for the rules, read from a database on one snapshot, by cursors: no table is held here whole. */
import { type Queryable, rowsOf } from '../database-reader.ts';
import { entitlementFacts } from '../facts/entitlement-facts.ts';
import type { DeviceAssignment, Entitlement, EntitlementRevocation, ShiftEvent } from '../facts/facts.ts';
import type { HuntSource } from './hunt.ts';
import type { AccountFacts, HuntTap, Neighbours, RideCount, RiderCount, RightSpan } from './hunt-facts.ts';
import { createServiceBook, type DayBounds, type ServiceBook } from './service-spans.ts';
import type { DeviceCount } from './silence-rule.ts';

const TAPS_AT_ONCE = 5000;

/** Days of a run, checked to be dates. */
export interface HuntPeriod {
  readonly fromDay: string;
  readonly untilDay: string;
}

/**
 * A period as the rules are handed it. All of it is read with `client`, in one transaction that only reads.
 * @throws RangeError for a day that is no date
 */
export async function huntSource(
  client: Queryable,
  period: HuntPeriod,
  days: DayBounds,
): Promise<HuntSource & { readonly taps: number }> {
  for (const day of [period.fromDay, period.untilDay])
    if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) throw new RangeError(`not a date: ${day}`);
  // All rows will be read: a plan that is quick to its first ones looks each up by itself.
  await client.query('SET LOCAL cursor_tuple_fraction = 1');
  const within = [period.fromDay, period.untilDay];
  const [counted] = await rowsOf<{ taps: number }>(
    client,
    'SELECT count(*)::float8 AS taps FROM fare.timed_tap WHERE fare_day >= $1 AND fare_day < $2',
    within,
  );
  const services = await serviceBook(client, within, days);
  return {
    period,
    taps: counted?.taps ?? 0,
    accounts: () => accounts(client, period),
    rideCounts: () => rowsOf<RideCount>(client, RIDE_COUNTS, within),
    riderCounts: () => rowsOf<RiderCount>(client, RIDER_COUNTS, within),
    deviceCounts: () => rowsOf<DeviceCount>(client, DEVICE_COUNTS, [...within, [...services.severalDevices]]),
    neighbours: () => neighbours(client, period, services),
  };
}

/** Of a tap with its latest decision. A stop that was not sure is none; repeated touches are no rides. */
const TAP = `t.tap_id AS "tapId", t.fare_day::text AS "fareDay", t.fare_at_ms::float8 AS "atMs",
  t.uncertainty_ms::float8 AS "uncertaintyMs", t.device_id AS "deviceId", d.vehicle_id AS "vehicleId",
  d.carrier_id AS "carrierId", d.route_id AS "routeId", d.trip_id AS "tripId",
  CASE WHEN NOT t.stop_unsure THEN t.stop_id END AS "stopId", t.token_id AS "tokenId",
  d.kind IN ('ride', 'transfer') AND t.pass_back_of IS NULL AS ride, d.concession_id AS "concessionId",
  d.concession_minor > 0 OR d.claim_ride AS claimed`;
const FROM_TAPS = (period: HuntPeriod) => `FROM fare.timed_tap t JOIN fare.latest_decision d USING (tap_id)
  WHERE t.fare_day >= '${period.fromDay}' AND t.fare_day < '${period.untilDay}' AND d.kind <> 'withdrawn'`;
const DECIDED = `FROM fare.latest_decision d WHERE d.fare_day >= $1 AND d.fare_day < $2 AND d.kind IN ('ride', 'transfer')
  AND d.route_id IS NOT NULL AND d.vehicle_id IS NOT NULL`;

const RIDE_COUNTS = `
  SELECT d.route_id AS "routeId", d.vehicle_id AS "vehicleId", d.carrier_id AS "carrierId", d.fare_day::text AS "fareDay",
         d.concession_id AS "concessionId", count(*)::float8 AS rides
  ${DECIDED} GROUP BY 1, 2, 3, 4, 5`;

const RIDER_COUNTS = `
  SELECT d.route_id AS "routeId", d.vehicle_id AS "vehicleId", d.concession_id AS "concessionId",
         count(DISTINCT d.account_id)::float8 AS riders
  ${DECIDED} AND d.concession_id IS NOT NULL
  GROUP BY GROUPING SETS ((1, 2, 3), (1, 3))`;

const DEVICE_COUNTS = `
  SELECT g.scope, g.id AS "groupId", t.device_id AS "deviceId", t.fare_day::text AS "fareDay", count(*)::float8 AS taps
  FROM fare.timed_tap t JOIN fare.latest_decision d USING (tap_id)
  CROSS JOIN LATERAL (VALUES ('route', d.route_id),
    ('vehicle', CASE WHEN d.vehicle_id = ANY ($3::text[]) THEN d.vehicle_id END)) AS g (scope, id)
  WHERE t.fare_day >= $1 AND t.fare_day < $2 AND d.kind IN ('ride', 'transfer') AND t.pass_back_of IS NULL
    AND g.id IS NOT NULL
  GROUP BY 1, 2, 3, 4`;

/** Rows of a query by a cursor, some thousand at a time. */
async function* pages<R>(client: Queryable, name: string, query: string): AsyncGenerator<R[]> {
  // A cursor takes no parameters; what stands in the query has been checked to be dates.
  await client.query(`DECLARE ${name} CURSOR FOR ${query}`);
  for (;;) {
    const page = await rowsOf<R>(client, `FETCH ${TAPS_AT_ONCE} FROM ${name}`);
    if (page.length > 0) yield page;
    if (page.length < TAPS_AT_ONCE) break;
  }
  await client.query(`CLOSE ${name}`);
}

/** Rows that follow each other with the same key, as one group: the query's order keeps them together. */
async function* groups<R>(all: AsyncIterable<R[]>, keyOf: (row: R) => string): AsyncGenerator<R[][]> {
  let open: R[] = [];
  for await (const page of all) {
    const whole: R[][] = [];
    for (const row of page) {
      if (open.length > 0 && keyOf(open[0] as R) !== keyOf(row)) {
        whole.push(open);
        open = [];
      }
      open.push(row);
    }
    yield whole;
  }
  if (open.length > 0) yield [open];
}

async function* accounts(client: Queryable, period: HuntPeriod): AsyncGenerator<AccountFacts> {
  type Row = HuntTap & { accountId: string };
  const query = `SELECT d.account_id AS "accountId", ${TAP} ${FROM_TAPS(period)} ORDER BY d.account_id, t.fare_at_ms, t.tap_id`;
  for await (const people of groups(pages<Row>(client, 'hunted_account', query), (row) => row.accountId)) {
    const rights = await rightsOf(
      client,
      people.map(([first]) => (first as Row).accountId),
    );
    for (const taps of people) yield { taps, rights: rights.get((taps[0] as Row).accountId) ?? [] };
  }
}

/** All rights of these people as they are known now, with the reason of an early end. */
async function rightsOf(client: Queryable, accountIds: readonly string[]): Promise<Map<string, RightSpan[]>> {
  const grants = await rowsOf<Entitlement>(
    client,
    `SELECT entitlement_id AS "entitlementId", account_id AS "accountId", concession_id AS "concessionId",
       valid_from_ms::float8 AS "validFromMs", valid_until_ms::float8 AS "validUntilMs",
       known_from_ms::float8 AS "knownFromMs" FROM fare.entitlement WHERE account_id = ANY ($1::text[])`,
    [accountIds],
  );
  const revocations = await rowsOf<EntitlementRevocation & { reason: string | null }>(
    client,
    `SELECT revocation_id::text AS "revocationId", entitlement_id AS "entitlementId", reason,
       valid_until_ms::float8 AS "validUntilMs", known_from_ms::float8 AS "knownFromMs"
     FROM fare.entitlement_revocation WHERE entitlement_id = ANY ($1::text[])`,
    [grants.map((grant) => grant.entitlementId)],
  );
  const ends = Map.groupBy(revocations, (revocation) => revocation.entitlementId);
  return Map.groupBy(
    grants.flatMap((grant) => {
      const mine = ends.get(grant.entitlementId) ?? [];
      const now = entitlementFacts([grant], mine).find((fact) => fact.knownUntilMs === null);
      if (now === undefined) return [];
      const { concessionId, validFromMs, validUntilMs } = now;
      const deaths = mine.flatMap(({ reason, validUntilMs: ms }) => (reason === 'death' ? [ms] : []));
      const deathMs = deaths.length === 0 ? null : Math.min(...deaths);
      const endReason = deathMs === null ? (mine.at(-1)?.reason ?? null) : 'death';
      return [{ accountId: grant.accountId, concessionId, validFromMs, validUntilMs, endReason, deathMs }];
    }),
    (right) => right.accountId,
  );
}

async function serviceBook(client: Queryable, within: string[], days: DayBounds): Promise<ServiceBook> {
  const bounds = within.map((day) => days.startOfMs(day));
  const assignments = await rowsOf<DeviceAssignment>(
    client,
    `SELECT assignment_id::text AS "assignmentId", device_id AS "deviceId", vehicle_id AS "vehicleId",
       carrier_id AS "carrierId", route_id AS "routeId", trip_id AS "tripId", valid_from_ms::float8 AS "validFromMs",
       valid_until_ms::float8 AS "validUntilMs", known_from_ms::float8 AS "knownFromMs" FROM fare.device_assignment
     WHERE ${OF_PERIOD}`,
    bounds,
  );
  const shifts = await rowsOf<ShiftEvent>(
    client,
    `SELECT record_id AS "recordId", device_id AS "deviceId", action, source, route_id AS "routeId", trip_id AS "tripId",
       direction_id AS "directionId", fare_day::text AS "fareDay", at_ms::float8 AS "atMs",
       received_at_ms::float8 AS "receivedAtMs" FROM fare.shift WHERE fare_day >= $1 AND fare_day < $2`,
    within,
  );
  const heard = await rowsOf<{ deviceId: string; atMs: number | null }>(client, HEARD, bounds);
  const heardMs = new Map(heard.flatMap(({ deviceId, atMs }) => (atMs === null ? [] : [[deviceId, atMs]])));
  return createServiceBook(assignments, shifts, days, heardMs);
}

/** Assignments that hold at some time of a period: $1 its first instant, $2 the first after it. */
const OF_PERIOD = 'valid_from_ms < $2 AND (valid_until_ms IS NULL OR valid_until_ms > $1)';

/** A device tells its records in their order: what is older than the newest tap or clock reading of it has come, too. */
const HEARD = `
  SELECT a.device_id AS "deviceId", greatest(
    (SELECT t.fare_at_ms FROM fare.tap t WHERE t.device_id = a.device_id ORDER BY t.fare_day DESC LIMIT 1),
    (SELECT max(s.server_ms) FROM fare.clock_sync s WHERE s.device_id = a.device_id))::float8 AS "atMs"
  FROM (SELECT DISTINCT device_id FROM fare.device_assignment WHERE ${OF_PERIOD}) AS a`;

async function* neighbours(
  client: Queryable,
  period: HuntPeriod,
  services: ServiceBook,
): AsyncGenerator<Neighbours> {
  // A cursor takes no parameters: the server quotes the names itself.
  const names = JSON.stringify([...services.severalDevices]);
  const [quoted] = await rowsOf<{ text: string }>(client, 'SELECT quote_literal($1) AS text', [names]);
  const several = `SELECT json_array_elements_text((${quoted?.text})::json)`;
  for (const [scope, column] of [
    ['vehicle', 'vehicle_id'],
    ['route', 'route_id'],
  ] as const) {
    const query = `SELECT ${TAP} ${FROM_TAPS(period)} AND d.${column} IS NOT NULL
      ${scope === 'vehicle' ? `AND d.vehicle_id IN (${several})` : ''}
      ORDER BY d.${column}, t.fare_day, t.fare_at_ms, t.tap_id`;
    const idOf = (tap: HuntTap) => (scope === 'vehicle' ? tap.vehicleId : tap.routeId) as string;
    const all = pages<HuntTap>(client, `hunted_${scope}`, query);
    for await (const whole of groups(all, (tap) => `${idOf(tap)}\n${tap.fareDay}`)) {
      for (const taps of whole) {
        const { fareDay } = taps[0] as HuntTap;
        const groupId = idOf(taps[0] as HuntTap);
        const service =
          scope === 'vehicle' ? services.onVehicle(groupId, fareDay) : services.onRoute(groupId, fareDay);
        yield { scope, groupId, fareDay, taps, service };
      }
    }
  }
}
