/**
 * The published views in PostgreSQL, read as `portal_runtime`. Each call is one statement with a bound on its rows.
 * The column lists below are the contract with the services that publish (tests/portal/published-views.test.ts).
 */
import type { Pool } from 'pg';
import { DeviceHealth } from '#contracts/device-report.ts';
import { parserOf } from '#contracts/parse.ts';
import { readName } from '../city-names.ts';
import type {
  BudgetRow,
  CityViews,
  CountsRow,
  DeviceRow,
  ExplanationRow,
  LedgerRow,
  PaceRow,
  QuarantineRow,
  TapRow,
  TotalRow,
} from '../ports.ts';

/** View → columns that the portal reads. */
export const PUBLISHED_COLUMNS = {
  'fare.published_tap': [
    ...[
      'tap_id',
      'device_id',
      'vehicle_id',
      'carrier_id',
      'route_id',
      'stop_id',
      'fare_at_ms',
      'received_at_ms',
    ],
    ...[
      'medium_kind',
      'kind',
      'fare_media_id',
      'rider_category_id',
      'concession_id',
      'funding_id',
      'gross_minor',
    ],
    ...['rider_minor', 'transfer_minor', 'concession_minor', 'pass_minor', 'cap_minor', 'currency', 'flags'],
    ...['revision', 'decided_at_ms', 'trip_id', 'route_by', 'route_fact_id'],
  ],
  'fare.published_explanation': [
    ...['tap_id', 'revision', 'fare_day', 'package_hash', 'package_name', 'kind', 'steps', 'postings'],
    'decided_at_ms',
  ],
  'fare.published_totals': [
    ...[
      'dimension',
      'key',
      'rides',
      'claim_rides',
      'gross_minor',
      'rider_minor',
      'concession_minor',
      'currency',
    ],
  ],
  'fare.published_budget_owed': [
    ...['funding_id', 'carrier_id', 'concession_id', 'claim_rides', 'amount_minor', 'currency'],
  ],
  'fare.published_trial_balance': [
    ...['account_id', 'currency', 'balance_minor', 'pending_debit_minor', 'pending_credit_minor'],
  ],
  'fare.published_counts': [
    ...['taps', 'decided_taps', 'inbox', 'queue', 'commands_waiting', 'commands_refused', 'stuck'],
  ],
  'ingest.published_device': [
    ...['device_id', 'online', 'last_seen_ms', 'health', 'records', 'gaps', 'unlinked', 'forks'],
    ...['last_record_at_ms', 'stopped'],
  ],
  'ingest.published_quarantine': ['reason', 'items', 'last_at_ms'],
  'ingest.published_journal_alarm': ['device_id', 'kind', 'noticed_at_ms'],
  'ingest.published_enrolment_alarm': ['device_id', 'kind', 'noticed_at_ms'],
  'ingest.published_backup': ['state', 'watermark_ms'],
  'fare.published_tariff_extract': ['version', 'made_at_ms', 'packages'],
  'ingest.published_counts': ['records', 'taps', 'quarantined'],
} as const;

const TOTALS_MAX = 500;
const DEVICES_MAX = 2000;
const REVISIONS_MAX = 50;
const SLICES_MAX = 500;

const TAP_COLUMNS = PUBLISHED_COLUMNS['fare.published_tap'].join(', ');

type Raw = Record<string, unknown>;

/** The views behind {@link CityViews}. The pool may give `int8` and `numeric` as bigint, number or text. */
export function createPostgresViews(pool: Pool): CityViews {
  const rows = async (sql: string, values: unknown[] = []): Promise<Raw[]> =>
    (await pool.query<Raw>(sql, values)).rows;
  return {
    latestTaps: async (limit) => (await rows(LATEST_SQL, [limit])).map(tapRow),
    tap: async (tapId) =>
      (await rows(`SELECT ${TAP_COLUMNS} FROM fare.published_tap WHERE tap_id = $1 LIMIT 1`, [tapId])).map(
        tapRow,
      )[0],
    explanations: async (tapId) =>
      (
        await rows(
          `SELECT revision, fare_day::text AS fare_day, package_hash, package_name, kind, steps, postings, decided_at_ms
             FROM fare.published_explanation WHERE tap_id = $1 ORDER BY revision DESC LIMIT ${REVISIONS_MAX}`,
          [tapId],
        )
      ).map(explanationRow),
    totals: async () =>
      (
        await rows(`SELECT dimension, key, rides, claim_rides, gross_minor, rider_minor, concession_minor, currency
                      FROM fare.published_totals ORDER BY dimension, rides DESC, key LIMIT ${TOTALS_MAX}`)
      ).map(totalRow),
    budgetOwed: async () =>
      (
        await rows(`SELECT funding_id, carrier_id, concession_id, claim_rides, amount_minor, currency
                      FROM fare.published_budget_owed ORDER BY amount_minor DESC, funding_id, carrier_id, concession_id
                      LIMIT ${TOTALS_MAX}`)
      ).map(budgetRow),
    ledger: async () =>
      (
        await rows(`SELECT split_part(account_id, ':', 1) AS kind, currency, sum(balance_minor)::text AS balance_minor,
                             sum(pending_debit_minor - pending_credit_minor)::text AS pending_minor
                      FROM fare.published_trial_balance GROUP BY 1, 2 ORDER BY 2, 1 LIMIT ${TOTALS_MAX}`)
      ).map(ledgerRow),
    devices: async () =>
      (
        await rows(`SELECT device_id, online, last_seen_ms, health, records, gaps, unlinked, forks, last_record_at_ms,
                             stopped
                      FROM ingest.published_device ORDER BY device_id LIMIT ${DEVICES_MAX}`)
      ).map(deviceRow),
    counts: async () => countsRow((await rows(COUNTS_SQL))[0] ?? {}),
    quarantine: async () =>
      (
        await rows(
          'SELECT reason, items, last_at_ms FROM ingest.published_quarantine ORDER BY items DESC LIMIT 50',
        )
      ).map(quarantineRow),
    journalAlarms: async () =>
      (
        await rows(`SELECT device_id, kind, noticed_at_ms FROM (
                        SELECT device_id, kind, noticed_at_ms FROM ingest.published_journal_alarm
                        UNION ALL
                        SELECT device_id, kind, noticed_at_ms FROM ingest.published_enrolment_alarm) AS sign
                      ORDER BY noticed_at_ms DESC NULLS LAST, device_id, kind LIMIT ${DEVICES_MAX}`)
      ).map((raw) => ({
        deviceId: sure(raw['device_id']),
        kind: sure(raw['kind']),
        noticedAtMs: maybeMs(raw['noticed_at_ms']),
      })),
    backup: async () =>
      (await rows('SELECT state, watermark_ms FROM ingest.published_backup LIMIT 1')).map((raw) => ({
        state: sure(raw['state']),
        watermarkMs: maybeMs(raw['watermark_ms']),
      }))[0],
    tariffExtract: async () =>
      (
        await rows(`SELECT version, made_at_ms,
                        (SELECT max((p ->> 'validFromMs')::bigint) FROM jsonb_array_elements(packages) AS p) AS newest_from_ms
                      FROM fare.published_tariff_extract ORDER BY version DESC LIMIT 1`)
      ).map((raw) => ({
        version: Number(raw['version']),
        madeAtMs: Number(raw['made_at_ms']),
        newestFromMs: Number(raw['newest_from_ms'] ?? 0),
      }))[0],
    pace: async (sinceMs, sliceMs) => (await rows(PACE_SQL, [sinceMs, sliceMs])).map(paceRow).reverse(),
  };
}

// One statement, one snapshot: counts of both services that are compared belong to one moment.
const COUNTS_SQL = `
  SELECT f.taps, f.decided_taps, f.inbox, f.queue, f.commands_waiting, f.commands_refused, f.stuck,
         i.records, i.taps AS tap_records, i.quarantined
    FROM fare.published_counts f CROSS JOIN ingest.published_counts i LIMIT 1`;

/** By the time of decision, which is indexed. */
export const LATEST_SQL = `
  SELECT ${TAP_COLUMNS} FROM fare.published_tap ORDER BY decided_at_ms DESC, tap_id LIMIT $1`;

/** By the time of decision, too; a decision that was taken again says nothing of the pipeline's speed. */
export const PACE_SQL = `
  SELECT (decided_at_ms / $2::bigint) * $2::bigint AS start_ms, count(*) AS taps,
         percentile_disc(0.5) WITHIN GROUP (ORDER BY decided_at_ms - received_at_ms) AS median_ms,
         percentile_disc(0.95) WITHIN GROUP (ORDER BY decided_at_ms - received_at_ms) AS p95_ms
    FROM fare.published_tap WHERE decided_at_ms >= $1::bigint AND revision = 1
   GROUP BY 1 ORDER BY 1 DESC LIMIT ${SLICES_MAX}`;

const text = (value: unknown): string | null =>
  value === null || value === undefined ? null : String(value);
const sure = (value: unknown): string => String(value ?? '');
const whole = (value: unknown): bigint => BigInt(sure(value) === '' ? 0 : sure(value));
const ms = (value: unknown): number => Number(value ?? 0);
const maybeMs = (value: unknown): number | null =>
  value === null || value === undefined ? null : Number(value);

/** A row of `published_tap`, from its columns or as JSON. */
export function tapRow(raw: Raw): TapRow {
  return {
    tapId: sure(raw['tap_id']),
    deviceId: sure(raw['device_id']),
    vehicleId: text(raw['vehicle_id']),
    carrierId: text(raw['carrier_id']),
    routeId: text(raw['route_id']),
    stopId: text(raw['stop_id']),
    tripId: text(raw['trip_id']),
    routeBy: text(raw['route_by']),
    routeFactId: text(raw['route_fact_id']),
    fareAtMs: ms(raw['fare_at_ms']),
    receivedAtMs: ms(raw['received_at_ms']),
    mediumKind: sure(raw['medium_kind']),
    kind: sure(raw['kind']),
    fareMediaId: text(raw['fare_media_id']),
    riderCategoryId: text(raw['rider_category_id']),
    concessionId: text(raw['concession_id']),
    fundingId: text(raw['funding_id']),
    grossMinor: whole(raw['gross_minor']),
    riderMinor: whole(raw['rider_minor']),
    transferMinor: whole(raw['transfer_minor']),
    concessionMinor: whole(raw['concession_minor']),
    passMinor: whole(raw['pass_minor']),
    capMinor: whole(raw['cap_minor']),
    currency: sure(raw['currency']).trim(),
    flags: Array.isArray(raw['flags']) ? raw['flags'].map(String) : [],
    revision: Number(raw['revision'] ?? 0),
    decidedAtMs: ms(raw['decided_at_ms']),
  };
}

/** A row of `published_explanation`. */
export function explanationRow(raw: Raw): ExplanationRow {
  return {
    revision: Number(raw['revision'] ?? 0),
    fareDay: sure(raw['fare_day']),
    packageHash: text(raw['package_hash']),
    packageName: readName(raw['package_name']) ?? null,
    kind: sure(raw['kind']),
    steps: raw['steps'],
    postings: raw['postings'],
    decidedAtMs: ms(raw['decided_at_ms']),
  };
}

function totalRow(raw: Raw): TotalRow {
  return {
    dimension: sure(raw['dimension']) as TotalRow['dimension'],
    key: text(raw['key']),
    rides: whole(raw['rides']),
    claimRides: whole(raw['claim_rides']),
    grossMinor: whole(raw['gross_minor']),
    riderMinor: whole(raw['rider_minor']),
    concessionMinor: whole(raw['concession_minor']),
    currency: sure(raw['currency']).trim(),
  };
}

function ledgerRow(raw: Raw): LedgerRow {
  const pendingMinor = whole(raw['pending_minor']);
  return {
    kind: sure(raw['kind']),
    currency: sure(raw['currency']).trim(),
    pendingMinor,
    postedMinor: whole(raw['balance_minor']) - pendingMinor,
  };
}

function budgetRow(raw: Raw): BudgetRow {
  return {
    fundingId: sure(raw['funding_id']),
    carrierId: text(raw['carrier_id']),
    concessionId: text(raw['concession_id']),
    claimRides: whole(raw['claim_rides']),
    amountMinor: whole(raw['amount_minor']),
    currency: sure(raw['currency']).trim(),
  };
}

const checkHealth = parserOf(DeviceHealth);

function deviceRow(raw: Raw): DeviceRow {
  // Ingest checked the report when it came; a row written by an older or newer version may still differ.
  const health = raw['health'] ? checkHealth(raw['health']) : undefined;
  return {
    deviceId: sure(raw['device_id']),
    online: raw['online'] === true,
    stopped: raw['stopped'] === true,
    lastSeenMs: maybeMs(raw['last_seen_ms']),
    health: health?.ok ? health.value : null,
    records: whole(raw['records']),
    gaps: whole(raw['gaps']),
    unlinked: whole(raw['unlinked']),
    forks: whole(raw['forks']),
    lastRecordAtMs: maybeMs(raw['last_record_at_ms']),
  };
}

function countsRow(raw: Raw): CountsRow {
  return {
    taps: whole(raw['taps']),
    decidedTaps: whole(raw['decided_taps']),
    inbox: whole(raw['inbox']),
    queue: whole(raw['queue']),
    commandsWaiting: whole(raw['commands_waiting']),
    commandsRefused: whole(raw['commands_refused']),
    stuck: whole(raw['stuck']),
    records: whole(raw['records']),
    tapRecords: whole(raw['tap_records']),
    quarantined: whole(raw['quarantined']),
  };
}

function quarantineRow(raw: Raw): QuarantineRow {
  return { reason: sure(raw['reason']), items: whole(raw['items']), lastAtMs: maybeMs(raw['last_at_ms']) };
}

function paceRow(raw: Raw): PaceRow {
  return {
    startMs: ms(raw['start_ms']),
    taps: Number(raw['taps'] ?? 0),
    latencyMsMedian: Number(raw['median_ms'] ?? 0),
    latencyMsP95: Number(raw['p95_ms'] ?? 0),
  };
}
