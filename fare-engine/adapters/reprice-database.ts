/** What a re-pricing reads of a database: all facts but taps at once, taps and books day by day, by COPY, on one snapshot. */
import type pg from 'pg';
import { copyOut, type TakeRow } from '#platform/copy-out.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { hashPackage } from '#pricing/tariff-package.ts';
import { type Queryable, rowsOf } from '../database-reader.ts';
import { activatedPackages, type ExportRequest } from '../export-facts.ts';
import { BREAKDOWN_REACH_MS, BREAKDOWN_SLACK_MS } from '../facts/breakdowns.ts';
import type {
  Close,
  DeviceAssignment,
  Entitlement,
  EntitlementRevocation,
  JourneyRepair,
  MediaLink,
  PassHolding,
  PricedTap,
  RouteAssignment,
  ShiftEvent,
  VehicleAssignment,
} from '../facts/facts.ts';
import { proveTimes } from '../prove-times.ts';
import type { RepriceFacts, RowSort, StateSource, StoredState } from '../reprice/model.ts';
import {
  DECISION_COLUMNS,
  firstText,
  POSTING_COLUMNS,
  REASONS_COLUMN,
  revisionOf,
  TAP_COLUMNS,
} from '../reprice/rows.ts';
import { BREAKDOWN_COLUMN } from './breakdown-statements.ts';
import { successionColumn } from './kin-statements.ts';

const DAY_MS = 86_400_000;
/** Accounts whose states are asked for in one statement, and taps whose times are proven at once. */
const AT_ONCE = 5000;

/**
 * One snapshot on several connections, for as long as it takes: a month of a city takes longer than a statement usually may.
 * Each ends with a ROLLBACK.
 */
export async function openSnapshot(first: pg.ClientBase, ...others: readonly pg.ClientBase[]): Promise<void> {
  for (const client of [first, ...others])
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const { rows } = await first.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
  // Digits and dashes, from the server itself: the statement takes no parameter.
  for (const client of others) await client.query(`SET TRANSACTION SNAPSHOT '${rows[0]?.id}'`);
  for (const client of [first, ...others]) await client.query(SETTINGS);
}

/** Nor does the server work on a statement with several processes: the cores are those that price. */
const SETTINGS = `SELECT set_config('statement_timeout', '0', true), set_config('jit', 'off', true),
  set_config('max_parallel_workers_per_gather', '0', true), set_config('effective_io_concurrency', '0', true),
  set_config('idle_in_transaction_session_timeout', '0', true), set_config('work_mem', '64MB', true)`;

const FROM_OF: Readonly<Record<RowSort, (fareDay: string, reasons: boolean) => string>> = {
  tap: (day) => `SELECT ${TAP_COLUMNS} FROM fare.timed_tap WHERE fare_day = '${day}'`,
  // All of a tap: whoever reads them takes the last one. Asking here which has none after it costs as much as all else of the row.
  decision: (day, reasons) =>
    `SELECT ${DECISION_COLUMNS}${reasons ? `, ${REASONS_COLUMN}` : ''} FROM fare.decision WHERE fare_day = '${day}'`,
  posting: (day) =>
    `SELECT ${POSTING_COLUMNS} FROM fare.posting WHERE fare_day = '${day}' AND tap_id IS NOT NULL`,
};

/** Of fare days, by tap, the last decision on that day that one on another day has replaced. */
export type Overtaken = ReadonlyMap<string, ReadonlyMap<string, number>>;

/**
 * Rows of a fare day; `reasons` = of decisions also what their steps are compared by. Decisions that were overtaken are left out.
 * @throws RangeError when it is no date: it stands in the statement.
 */
export function copyDay(
  client: pg.ClientBase,
  { sort, fareDay, reasons }: { readonly sort: RowSort; readonly fareDay: string; readonly reasons: boolean },
  overtaken: Overtaken,
  takeRow: TakeRow,
): Promise<void> {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(fareDay)) throw new RangeError(`not a date: ${fareDay}`);
  const gone = sort === 'decision' ? overtaken.get(fareDay) : undefined;
  return copyOut(
    client,
    FROM_OF[sort](fareDay, reasons),
    gone === undefined ? takeRow : withoutGone(gone, takeRow),
  );
}

function withoutGone(gone: ReadonlyMap<string, number>, takeRow: TakeRow): TakeRow {
  return (bytes, from, until) => {
    const row = { bytes, at: from };
    const last = gone.get(firstText(row));
    if (last === undefined || revisionOf(row) > last) takeRow(bytes, from, until);
  };
}

/**
 * Decisions of the days that one on another day has replaced: of a tap that moved, or that somebody put there. Asked of those that were
 * made since a day before the first of the days; whoever was decided before his day began has a clock that was far ahead, and where
 * his tap has gone to another day, {@link standingDecisions} tells it.
 */
export async function overtakenDecisions(client: Queryable, request: ExportRequest): Promise<Overtaken> {
  const { fromDay, untilDay, zone, dayStart } = request;
  const sinceMs = createFareCalendar(zone, dayStart).startOfMs(fromDay) - DAY_MS;
  const rows = await rowsOf<{ fareDay: string; tapId: string; revision: number }>(client, OVERTAKEN, [
    sinceMs,
    fromDay,
    untilDay,
  ]);
  const found = new Map<string, Map<string, number>>();
  for (const { fareDay, tapId, revision } of rows) {
    const ofDay = found.get(fareDay) ?? new Map<string, number>();
    found.set(fareDay, ofDay.set(tapId, Math.max(revision, ofDay.get(tapId) ?? 0)));
  }
  return found;
}

const OVERTAKEN = `
  SELECT p.fare_day::text AS "fareDay", n.tap_id AS "tapId", p.revision FROM fare.decision n
  CROSS JOIN LATERAL (SELECT x.fare_day, x.revision FROM fare.decision x WHERE x.tap_id = n.tap_id AND x.revision < n.revision
    ORDER BY x.revision DESC LIMIT 1) AS p
  WHERE n.revision > 1 AND n.decided_at_ms >= $1 AND p.fare_day <> n.fare_day AND p.fare_day >= $2 AND p.fare_day < $3`;

/** Of decisions' rows those that no later decision of the same tap replaces, on whatever day that is. */
export async function standingDecisions(
  client: Queryable,
  lines: readonly Buffer[],
): Promise<readonly Buffer[]> {
  const found: Buffer[] = [];
  for (let from = 0; from < lines.length; from += AT_ONCE) {
    const part = lines.slice(from, from + AT_ONCE);
    const rows = await rowsOf<{ number: number }>(client, STANDING, [
      part.map((bytes) => firstText({ bytes, at: 0 })),
      part.map((bytes) => revisionOf({ bytes, at: 0 })),
    ]);
    found.push(...rows.map(({ number }) => part[number - 1] as Buffer));
  }
  return found;
}

const STANDING = `
  SELECT k.number::int AS number FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS k (tap_id, revision, number)
  WHERE NOT EXISTS (SELECT FROM fare.decision n WHERE n.tap_id = k.tap_id AND n.revision > k.revision)
  ORDER BY k.number`;

/**
 * All facts that may count for taps of the days; of places and breakdowns those of their time, of people and media all.
 * @throws OperatorError TARIFF_MISSING, TIMES_UNPROVEN
 */
export async function loadRepriceFacts(client: Queryable, request: ExportRequest): Promise<RepriceFacts> {
  const { fromDay, untilDay, zone, dayStart } = request;
  const days = createFareCalendar(zone, dayStart);
  const { packages, activations, withdrawals } = await activatedPackages(client, request);
  const withdrawn = new Set(withdrawals.map(({ hash }) => hash));
  const closes = await rowsOf<Close>(
    client,
    'SELECT fare_day::text AS "fareDay", known_from_ms::float8 AS "knownFromMs" FROM fare.close WHERE fare_day >= $1 ORDER BY fare_day',
    [fromDay],
  );
  await proveTimesOf(client, request, closes, days);
  const [reachFromMs, reachUntilMs] = [days.startOfMs(fromDay) - DAY_MS, days.startOfMs(untilDay) + DAY_MS];
  return {
    zone,
    dayStart,
    packages: packages.filter((files) => !withdrawn.has(hashPackage(files))),
    activations,
    closes,
    ...(await peopleFacts(client, request)),
    ...(await placeFacts(client, request, [reachFromMs, reachUntilMs])),
  };
}

const VALID =
  'valid_from_ms::float8 AS "validFromMs", valid_until_ms::float8 AS "validUntilMs", known_from_ms::float8 AS "knownFromMs"';

async function peopleFacts(client: Queryable, { fromDay, untilDay }: ExportRequest) {
  const [said] = await rowsOf<{ successions: RepriceFacts['successions'] | null }>(
    client,
    `WITH kin AS MATERIALIZED (SELECT token_id AS seed, other_token_id AS token_id FROM fare.medium_tie)
     SELECT ${successionColumn('kin')} AS successions`,
  );
  return {
    links: await rowsOf<MediaLink>(
      client,
      `SELECT link_id::text AS "linkId", token_id AS "tokenId", account_id AS "accountId", ${VALID} FROM fare.media_link`,
    ),
    successions: said?.successions ?? [],
    entitlements: await rowsOf<Entitlement>(
      client,
      `SELECT entitlement_id AS "entitlementId", account_id AS "accountId", concession_id AS "concessionId", ${VALID}
       FROM fare.entitlement ORDER BY entitlement_id`,
    ),
    revocations: await rowsOf<EntitlementRevocation>(
      client,
      `SELECT revocation_id::text AS "revocationId", entitlement_id AS "entitlementId",
         valid_until_ms::float8 AS "validUntilMs", known_from_ms::float8 AS "knownFromMs" FROM fare.entitlement_revocation`,
    ),
    passes: await rowsOf<PassHolding>(
      client,
      `SELECT pass_id AS "passId", account_id AS "accountId", fare_product_id AS "fareProductId", ${VALID}
       FROM fare.held_pass`,
    ),
    repairs: await rowsOf<JourneyRepair>(
      client,
      `SELECT r.repair_id::text AS "repairId", r.tap_id AS "tapId", r.stop_id AS "stopId", r.at_ms::float8 AS "atMs",
         r.known_from_ms::float8 AS "knownFromMs"
       FROM fare.journey_repair r JOIN fare.timed_tap t USING (tap_id) WHERE t.fare_day >= $1 AND t.fare_day < $2
       ORDER BY r.known_from_ms, r.repair_id`,
      [fromDay, untilDay],
    ),
  };
}

const REACHES = 'valid_from_ms <= $2 AND (valid_until_ms IS NULL OR valid_until_ms > $1)';

async function placeFacts(
  client: Queryable,
  { fromDay, untilDay }: ExportRequest,
  reach: readonly [number, number],
) {
  const [said] = await rowsOf<{ breakdowns: RepriceFacts['breakdowns'] | null }>(
    client,
    // One whose clock is not sure may have taken place at another time than its record says.
    `WITH breakdown_here AS MATERIALIZED (
       SELECT record_id FROM fare.breakdown WHERE drift_ppm IS NOT NULL OR at_ms BETWEEN $1::bigint - ${BREAKDOWN_SLACK_MS}
         AND $2::bigint + ${BREAKDOWN_REACH_MS})
     SELECT ${BREAKDOWN_COLUMN}`,
    [...reach],
  );
  return {
    assignments: await rowsOf<DeviceAssignment>(
      client,
      `SELECT assignment_id::text AS "assignmentId", device_id AS "deviceId", vehicle_id AS "vehicleId",
         carrier_id AS "carrierId", route_id AS "routeId", trip_id AS "tripId", ${VALID}
       FROM fare.device_assignment WHERE ${REACHES}`,
      [...reach],
    ),
    carriers: await rowsOf<VehicleAssignment>(
      client,
      `SELECT assignment_id::text AS "assignmentId", vehicle_id AS "vehicleId", carrier_id AS "carrierId", ${VALID}
       FROM fare.vehicle_assignment WHERE ${REACHES}`,
      [...reach],
    ),
    routes: await rowsOf<RouteAssignment>(
      client,
      `SELECT assignment_id::text AS "assignmentId", kind, vehicle_id AS "vehicleId", device_id AS "deviceId",
         route_id AS "routeId", trip_id AS "tripId", direction_id AS "directionId", ${VALID}
       FROM fare.route_assignment WHERE ${REACHES}`,
      [...reach],
    ),
    shifts: await rowsOf<ShiftEvent>(
      client,
      `SELECT record_id AS "recordId", device_id AS "deviceId", action, source, route_id AS "routeId",
         trip_id AS "tripId", direction_id AS "directionId", fare_day::text AS "fareDay", at_ms::float8 AS "atMs",
         received_at_ms::float8 AS "receivedAtMs"
       FROM fare.shift WHERE fare_day BETWEEN $1::date - 1 AND $2::date`,
      [fromDay, untilDay],
    ),
    breakdowns: said?.breakdowns ?? [],
  };
}

/** Times that are not those of the taps' own records are worked out anew: a projection proves nothing. */
async function proveTimesOf(
  client: Queryable,
  { fromDay, untilDay }: ExportRequest,
  closes: readonly Close[],
  days: ReturnType<typeof createFareCalendar>,
): Promise<void> {
  const moved = await rowsOf<PricedTap>(
    client,
    `SELECT t.tap_id AS "tapId", t.fare_at_ms::float8 AS "fareAtMs", t.uncertainty_ms::float8 AS "uncertaintyMs",
       t.known_from_ms::float8 AS "receivedAtMs"
     FROM (
       SELECT tap_id FROM fare.unsure_tap JOIN fare.tap k USING (tap_id) WHERE k.fare_day >= $1 AND k.fare_day < $2
       UNION SELECT tap_id FROM fare.tap_time m WHERE m.fare_day >= $1 AND m.fare_day < $2
       UNION SELECT k.tap_id FROM fare.clock_correction c JOIN fare.tap k ON k.device_id = c.device_id
           AND k.fare_at_ms >= c.valid_from_ms AND k.fare_at_ms < c.valid_until_ms
         WHERE k.fare_day >= $1 AND k.fare_day < $2) AS moved
     -- By id, whatever the plan: a join's condition does not reach into the branches of the view.
     CROSS JOIN LATERAL (SELECT * FROM fare.timed_tap x WHERE x.tap_id = moved.tap_id OFFSET 0) AS t
     WHERE t.fare_day >= $1 AND t.fare_day < $2`,
    [fromDay, untilDay],
  );
  for (let from = 0; from < moved.length; from += AT_ONCE)
    await proveTimes(client, moved.slice(from, from + AT_ONCE), closes, { days });
}

/** States as the engine stored them around the days. */
export function storedStates(client: Queryable, { fromDay }: ExportRequest): StateSource {
  const ask = async (text: string, day: string, accountIds: readonly string[]): Promise<StoredState[]> => {
    const found: StoredState[] = [];
    for (let from = 0; from < accountIds.length; from += AT_ONCE)
      found.push(...(await rowsOf<StoredState>(client, text, [accountIds.slice(from, from + AT_ONCE), day])));
    return found;
  };
  return {
    before: (accountIds) => ask(STATE('<', 'DESC'), fromDay, accountIds),
    after: (accountIds, untilDay) => ask(STATE('>=', 'ASC'), untilDay, accountIds),
  };
}

const STATE = (which: '<' | '>=', order: 'ASC' | 'DESC'): string => `
  SELECT a.account_id AS "accountId", a.state_out AS state, a.base_out AS base FROM unnest($1::text[]) AS k (account_id)
   CROSS JOIN LATERAL (SELECT * FROM fare.account_day a WHERE a.account_id = k.account_id AND a.fare_day ${which} $2::date
     ORDER BY a.fare_day ${order} LIMIT 1) AS a`;
