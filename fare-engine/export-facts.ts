/**
 * Writes the bundle that `kvytok price --facts` re-prices without this database: taps with the account and the place
 * that links and assignments give them (worked out anew from the facts, not read from decisions), entitlements, closes
 * and the tariffs' bytes. Streams: a day of a city need not fit into memory.
 */
import { OperatorError } from '#platform/errors.ts';
import {
  type BundleLine,
  type BundleWithdrawal,
  formatBundleHeader,
  formatBundleLine,
} from '#pricing/fact-bundle.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { INITIAL_STATE } from '#pricing/model.ts';
import { stateText } from '#pricing/state-text.ts';
import { hashPackage } from '#pricing/tariff-package.ts';
import { BREAKDOWN_COLUMN, breakdownTables } from './adapters/breakdown-statements.ts';
import { kinTable, successionColumn } from './adapters/kin-statements.ts';
import { placeColumns, placeTables } from './adapters/place-statements.ts';
import { onOneSnapshot, type Queryable, type ReaderPool, rowsOf } from './database-reader.ts';
import { closeOf, repairsByTap, tapFact } from './facts/account-day.ts';
import { createPlaceBook } from './facts/assign.ts';
import { type BreakdownFacts, createBreakdownBook } from './facts/breakdowns.ts';
import { entitlementFacts } from './facts/entitlement-facts.ts';
import type {
  Close,
  Entitlement,
  EntitlementRevocation,
  JourneyRepair,
  MediaLink,
  PassHolding,
  PricedTap,
} from './facts/facts.ts';
import { createMediaBook, type MediumSuccession } from './facts/media-book.ts';
import type { TimeRules } from './facts/tap-time.ts';
import { exitsAhead } from './journey-exits.ts';
import { proveTimes } from './prove-times.ts';

export interface ExportRequest {
  /** First fare day. */
  readonly fromDay: string;
  /** First fare day that is not exported any more. */
  readonly untilDay: string;
  readonly zone: string;
  readonly dayStart: string;
  /** Bytes of the tariff packages, file by file; those never activated in this database are left out. */
  readonly packages: readonly ReadonlyMap<string, Uint8Array>[];
}

export interface ExportCounts {
  readonly taps: number;
  readonly accounts: number;
  readonly closes: number;
  /** Records and account-days that waited for their price, of whatever day: the log does not have what becomes of them yet. */
  readonly waiting: number;
}

const TAPS_AT_ONCE = 5000;

/**
 * Exports fare days `[fromDay, untilDay)`, line by line. What the days before handed on (a transfer still running) is
 * carried as the engine stored it; an export from an earlier day proves it. What waits in inbox and queue is counted.
 */
export function exportFacts(
  pool: ReaderPool,
  request: ExportRequest,
  write: (line: string) => Promise<void>,
): Promise<ExportCounts> {
  return onOneSnapshot(pool, async (client) => {
    const { packages, activations, approvals, withdrawals } = await activatedPackages(client, request);
    const { zone, dayStart } = request;
    await write(formatBundleHeader(zone, dayStart, packages, activations, approvals, withdrawals));
    const closes = await rowsOf<Close>(
      client,
      `SELECT fare_day::text AS "fareDay", known_from_ms::float8 AS "knownFromMs" FROM fare.close ORDER BY fare_day`,
    );
    const accounts = new Set<string>();
    const days = createFareCalendar(request.zone, request.dayStart);
    const exported = new Set<string>();
    let taps = 0;
    await openTaps(client, request);
    for (;;) {
      const page = await nextTaps(client);
      if (page.length === 0) break;
      await proveTimes(client, page, closes, { days });
      const fresh = new Set<string>();
      for (const line of await tapLines(client, page, closes, { days })) {
        if (!accounts.has(line.accountId)) fresh.add(line.accountId);
        accounts.add(line.accountId);
        await write(formatBundleLine(line));
      }
      for (const line of await rightLines(client, [...fresh])) await write(formatBundleLine(line));
      for (const line of await openingLines(client, [...fresh], request.fromDay))
        await write(formatBundleLine(line));
      for (const line of await afterLines(client, [...fresh], request.untilDay))
        await write(formatBundleLine(line));
      for (const { fareDay } of page) exported.add(fareDay);
      taps += page.length;
    }
    const closed = [...exported].flatMap((fareDay) => {
      const close = closeOf(fareDay, closes);
      return close === null ? [] : [{ kind: 'close' as const, fareDay, knownAsOfMs: close.knownFromMs }];
    });
    for (const line of closed) await write(formatBundleLine(line));
    const [row] = await rowsOf<{ waiting: number }>(
      client,
      'SELECT (inbox + queue)::float8 AS waiting FROM fare.published_counts',
    );
    return { taps, accounts: accounts.size, closes: closed.length, waiting: row?.waiting ?? 0 };
  });
}

const DAY_MS = 86_400_000;

/**
 * The packages that were activated here, each with the instant from which it was known, and those taken back again.
 * @throws OperatorError TARIFF_MISSING: without a package of its time a bundle proves nothing.
 */
export async function activatedPackages(client: Queryable, { packages, fromDay }: ExportRequest) {
  const rows = await rowsOf<{
    hash: string;
    versionId: string;
    knownFromMs: number;
    untilMs: number | null;
    approvals: string[] | null;
  }>(
    client,
    `SELECT package_hash AS hash, version_id AS "versionId", known_from_ms::float8 AS "knownFromMs",
       valid_until_ms::float8 AS "untilMs", ${statementsOf('activate')} AS approvals
     FROM fare.tariff_activation a ORDER BY known_from_ms, package_hash`,
  );
  const withdrawals = await rowsOf<BundleWithdrawal>(
    client,
    `SELECT package_hash AS hash, version_id AS "versionId", w.known_from_ms::float8 AS "knownFromMs",
       coalesce(${statementsOf('withdraw')}, '[]') AS statements
     FROM fare.tariff_withdrawal w JOIN fare.tariff_activation a USING (package_hash)
     ORDER BY w.known_from_ms, package_hash`,
  );
  const withdrawn = new Set(withdrawals.map(({ hash }) => hash));
  const here = new Set(packages.map(hashPackage));
  for (const { hash, versionId, untilMs } of rows) {
    if (here.has(hash) || withdrawn.has(hash)) continue;
    if (untilMs !== null && untilMs < Date.parse(fromDay) - DAY_MS) continue;
    throw new OperatorError({
      code: 'TARIFF_MISSING',
      happened: `The tariff package ${versionId} (${hash}) priced here, and its folder is not among the city's tariffs.`,
      kept: 'Nothing was exported or computed.',
      todo: 'Give the folder of the city as the fare engine has it (--city DIR).',
    });
  }
  const activations = new Map(rows.map((row) => [row.hash, row.knownFromMs]));
  const approvals = new Map(rows.map((row) => [row.hash, row.approvals ?? []]));
  return {
    packages: packages.filter((files) => activations.has(hashPackage(files))),
    activations,
    approvals,
    withdrawals,
  };
}

/** A column: what officers signed for an act about the package of row `a`. */
function statementsOf(act: 'activate' | 'withdraw'): string {
  return `(SELECT json_agg(p.statement ORDER BY p.role, p.officer) FROM fare.tariff_approval p
    WHERE p.package_hash = a.package_hash AND p.act = '${act}')`;
}

/** A cursor on the server: the taps are read once, whatever index there is, and never held here all together. */
async function openTaps(client: Queryable, { fromDay, untilDay }: ExportRequest): Promise<void> {
  for (const day of [fromDay, untilDay]) {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) throw new RangeError(`not a date: ${day}`);
  }
  // All rows are fetched: a plan made for the first few would walk through the views again and again.
  await client.query('SET LOCAL cursor_tuple_fraction = 1');
  // A cursor takes no parameters; both dates have just been checked to be digits and dashes.
  await client.query(
    `DECLARE exported_tap CURSOR FOR
     SELECT json_build_object('tapId', tap_id, 'deviceId', device_id, 'tokenId', token_id, 'mediumKind', medium_kind,
       'direction', direction, 'companions', companions, 'bags', bags, 'fareDay', fare_day, 'fareAtMs', fare_at_ms,
       'uncertaintyMs', uncertainty_ms, 'belief', json_build_object('vehicleId', belief_vehicle_id,
       'routeId', belief_route_id, 'tripId', belief_trip_id, 'directionId', belief_direction_id), 'stopId', stop_id, 'stopUnsure', stop_unsure,
       'passBackOf', pass_back_of, 'receivedAtMs', known_from_ms) AS tap
     FROM fare.timed_tap WHERE fare_day >= '${fromDay}' AND fare_day < '${untilDay}' ORDER BY fare_day, tap_id`,
  );
}

async function nextTaps(client: Queryable): Promise<PricedTap[]> {
  const rows = await rowsOf<{ tap: PricedTap }>(client, `FETCH ${TAPS_AT_ONCE} FROM exported_tap`);
  return rows.map((row) => row.tap);
}

async function tapLines(
  client: Queryable,
  taps: readonly PricedTap[],
  closes: readonly Close[],
  rules: TimeRules,
) {
  const { kin, successions } = await kinOfTaps(client, taps);
  const links = await rowsOf<MediaLink>(
    client,
    `SELECT link_id::text AS "linkId", token_id AS "tokenId", account_id AS "accountId",
       valid_from_ms::float8 AS "validFromMs", valid_until_ms::float8 AS "validUntilMs",
       known_from_ms::float8 AS "knownFromMs" FROM fare.media_link WHERE token_id = ANY ($1::text[])`,
    [kin],
  );
  const facts = await placeFacts(client, taps);
  const places = createPlaceBook(facts);
  const breakdowns = createBreakdownBook(facts, places, rules);
  const media = createMediaBook(links, successions);
  const repairsOf = repairsByTap(await repairFacts(client, taps));
  return taps.map((tap) => {
    const knownAsOfMs = closeOf(tap.fareDay, closes)?.knownFromMs ?? null;
    const place = places.place(tap, knownAsOfMs);
    return {
      kind: 'tap' as const,
      accountId: media.accountOf(tap.tokenId, tap.fareAtMs, knownAsOfMs),
      ...tapFact(tap, place, media.mediumIdOf(tap.tokenId, knownAsOfMs), breakdowns.of(tap, knownAsOfMs)),
      receivedAtMs: tap.receivedAtMs,
      ...repairsOf(tap.tapId),
    };
  });
}

async function repairFacts(client: Queryable, taps: readonly PricedTap[]): Promise<JourneyRepair[]> {
  return rowsOf<JourneyRepair>(
    client,
    `SELECT repair_id::text AS "repairId", tap_id AS "tapId", stop_id AS "stopId", at_ms::float8 AS "atMs",
       known_from_ms::float8 AS "knownFromMs"
     FROM fare.journey_repair WHERE tap_id = ANY ($1::text[]) ORDER BY known_from_ms, repair_id`,
    [taps.map((tap) => tap.tapId)],
  );
}

/** All tokens of the taps' media, and what was said of them. */
async function kinOfTaps(client: Queryable, taps: readonly PricedTap[]) {
  const [found] = await rowsOf<{ kin: string[] | null; successions: MediumSuccession[] | null }>(
    client,
    `WITH RECURSIVE ${kinTable('kin', 'SELECT unnest($1::text[])')}
     SELECT (SELECT json_agg(DISTINCT token_id) FROM kin) AS kin, ${successionColumn('kin')} AS successions`,
    [[...new Set(taps.map((tap) => tap.tokenId))]],
  );
  return { kin: found?.kin ?? [], successions: found?.successions ?? [] };
}

/** Facts that say where these taps were and what befell their vehicles: the same selection as the engine's own. */
async function placeFacts(client: Queryable, taps: readonly PricedTap[]): Promise<BreakdownFacts> {
  const [found] = await rowsOf<{ [K in keyof BreakdownFacts]: BreakdownFacts[K] | null }>(
    client,
    `WITH tap_span AS MATERIALIZED (
       SELECT device_id, fare_day, min(fare_at_ms) AS first_ms, max(fare_at_ms) AS last_ms
       FROM fare.timed_tap WHERE tap_id = ANY ($1::text[]) GROUP BY device_id, fare_day),
     ${breakdownTables('tap_span', 'span')},
     ${placeTables('span')}
     SELECT ${placeColumns('span')}, ${BREAKDOWN_COLUMN}`,
    [taps.map((tap) => tap.tapId)],
  );
  return {
    assignments: found?.assignments ?? [],
    carriers: found?.carriers ?? [],
    routes: found?.routes ?? [],
    shifts: found?.shifts ?? [],
    breakdowns: found?.breakdowns ?? [],
  };
}

/** What each account's last day before the first exported one handed on. */
async function openingLines(
  client: Queryable,
  accountIds: readonly string[],
  fromDay: string,
): Promise<BundleLine[]> {
  const rows = await rowsOf<{ accountId: string; state: string; base: string | null }>(
    client,
    `SELECT DISTINCT ON (account_id) account_id AS "accountId", state_out AS state, base_out AS base
     FROM fare.account_day WHERE account_id = ANY ($1::text[]) AND fare_day < $2::date
     ORDER BY account_id, fare_day DESC`,
    [accountIds, fromDay],
  );
  const nothing = stateText(INITIAL_STATE);
  return rows
    .filter(({ state, base }) => state !== nothing || base !== null)
    .map((row) => ({ kind: 'state' as const, ...row }));
}

/** What the first day behind the exported ones found for journeys that were open at their end. */
async function afterLines(
  client: Queryable,
  accountIds: readonly string[],
  untilDay: string,
): Promise<BundleLine[]> {
  const rows = await rowsOf<{ accountId: string; stateOut: string; baseOut: string | null }>(
    client,
    `SELECT DISTINCT ON (account_id) account_id AS "accountId", state_out AS "stateOut", base_out AS "baseOut"
     FROM fare.account_day WHERE account_id = ANY ($1::text[]) AND fare_day >= $2::date
     ORDER BY account_id, fare_day`,
    [accountIds, untilDay],
  );
  return rows.flatMap(({ accountId, ...next }) => {
    const { exits, base } = exitsAhead({ next });
    return exits.length + base.length === 0
      ? []
      : [{ kind: 'after' as const, accountId, exits: [...exits], base: [...base] }];
  });
}

async function rightLines(client: Queryable, accountIds: readonly string[]): Promise<BundleLine[]> {
  const grants = await rowsOf<Entitlement>(
    client,
    `SELECT entitlement_id AS "entitlementId", account_id AS "accountId", concession_id AS "concessionId",
       valid_from_ms::float8 AS "validFromMs", valid_until_ms::float8 AS "validUntilMs",
       known_from_ms::float8 AS "knownFromMs"
     FROM fare.entitlement WHERE account_id = ANY ($1::text[]) ORDER BY entitlement_id`,
    [accountIds],
  );
  const revocations = await rowsOf<EntitlementRevocation>(
    client,
    `SELECT revocation_id::text AS "revocationId", entitlement_id AS "entitlementId",
       valid_until_ms::float8 AS "validUntilMs", known_from_ms::float8 AS "knownFromMs"
     FROM fare.entitlement_revocation WHERE entitlement_id = ANY ($1::text[])`,
    [grants.map((grant) => grant.entitlementId)],
  );
  const passes = await rowsOf<PassHolding>(
    client,
    `SELECT pass_id AS "passId", account_id AS "accountId", fare_product_id AS "fareProductId",
       valid_from_ms::float8 AS "validFromMs", valid_until_ms::float8 AS "validUntilMs",
       known_from_ms::float8 AS "knownFromMs" FROM fare.held_pass WHERE account_id = ANY ($1::text[])`,
    [accountIds],
  );
  const revocationsOf = Map.groupBy(revocations, (revocation) => revocation.entitlementId);
  return [
    ...grants.flatMap((grant) =>
      entitlementFacts([grant], revocationsOf.get(grant.entitlementId) ?? []).map((fact) => ({
        kind: 'entitlement' as const,
        accountId: grant.accountId,
        ...fact,
      })),
    ),
    ...passes.map((pass) => ({ kind: 'pass' as const, ...pass })),
  ];
}
