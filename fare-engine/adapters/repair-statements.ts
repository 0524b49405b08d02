/** Repairs of journeys in the database: what commands about them have to know, and what they write. */
import type pg from 'pg';
import type { SubmittedCommand } from '../commands.ts';
import {
  type PricedJourney,
  type RepairBooks,
  type RepairRequest,
  type RepairWrites,
  repairsNamed,
} from '../repairs/repair-commands.ts';

const REQUEST_COLUMNS = `repair_id AS "repairId", tap_id AS "tapId", account_id AS "accountId", stop_id AS "stopId",
  at_ms::float8 AS "atMs", charged_minor::text AS "chargedMinor", queued_for AS "queuedFor", asked_by AS "askedBy",
  known_from_ms::float8 AS "knownFromMs"`;

const JOURNEYS = `
  SELECT t.tap_id AS "tapId", d.account_id AS "accountId", t.fare_at_ms::float8 AS "fareAtMs", t.stop_id AS "stopId",
    d.network_id AS "networkId", d.package_hash AS "packageHash", d.rider_minor::text AS "riderMinor",
    (SELECT s->'params'->>'state' FROM jsonb_array_elements(d.steps::jsonb) AS s WHERE s->>'kind' = 'journey' LIMIT 1) AS state
  FROM fare.timed_tap t JOIN fare.latest_decision d ON d.tap_id = t.tap_id WHERE t.tap_id = ANY ($1::text[])`;

const REQUESTS = `
  SELECT ${REQUEST_COLUMNS}, EXISTS (SELECT FROM fare.repair_decision d WHERE d.repair_id = r.repair_id) AS decided
  FROM fare.repair_request r WHERE r.tap_id = ANY ($1::text[]) OR r.repair_id = ANY ($2::uuid[])`;

const GRANTED = `
  SELECT account_id AS "accountId", array_agg(known_from_ms::float8) AS "atMs" FROM fare.repair_request
  WHERE account_id = ANY ($1::text[]) AND queued_for IS NULL AND known_from_ms > $2 GROUP BY account_id`;

const YEAR_MS = 366 * 86_400_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The books where a command is about repairs and tariffs are at hand; else nothing is asked. */
export async function loadRepairBooks(
  client: pg.PoolClient,
  commands: readonly SubmittedCommand[],
  tariffs: RepairBooks['tariffs'] | undefined,
  nowMs: number,
): Promise<RepairBooks | undefined> {
  const { tapIds, repairIds } = repairsNamed(commands);
  if (tariffs === undefined || tapIds.length + repairIds.length === 0) return undefined;
  const journeys = await client.query<PricedJourney>(JOURNEYS, [tapIds]);
  const uuids = repairIds.filter((id) => UUID.test(id));
  const requests = await client.query<RepairRequest & { decided: boolean }>(REQUESTS, [tapIds, uuids]);
  const accounts = [...new Set(journeys.rows.map(({ accountId }) => accountId))];
  const granted = await client.query<{ accountId: string; atMs: number[] }>(GRANTED, [
    accounts,
    nowMs - YEAR_MS,
  ]);
  return {
    tariffs,
    journeys: new Map(journeys.rows.map((row) => [row.tapId, row])),
    requests: requests.rows,
    grantedAtMs: new Map(granted.rows.map(({ accountId, atMs }) => [accountId, atMs])),
  };
}

const INSERT_REQUESTS = `
  INSERT INTO fare.repair_request (repair_id, tap_id, account_id, stop_id, at_ms, charged_minor, queued_for, asked_by,
    known_from_ms)
  SELECT "repairId", "tapId", "accountId", "stopId", "atMs", "chargedMinor", "queuedFor", "askedBy", "knownFromMs"
  FROM json_to_recordset($1) AS r ("repairId" uuid, "tapId" text, "accountId" text, "stopId" text, "atMs" bigint,
    "chargedMinor" bigint, "queuedFor" text, "askedBy" text, "knownFromMs" bigint)`;

const INSERT_DECISIONS = `
  INSERT INTO fare.repair_decision (repair_id, verdict, reason, decided_by, known_from_ms)
  SELECT "repairId", verdict, reason, "decidedBy", "knownFromMs"
  FROM json_to_recordset($1) AS r ("repairId" uuid, verdict text, reason text, "decidedBy" text, "knownFromMs" bigint)`;

/** Closed days too: what becomes known of a journey after the close may only lower its price. */
const INSERT_GRANTED = `
  WITH granted AS (
    INSERT INTO fare.journey_repair (repair_id, tap_id, stop_id, at_ms, known_from_ms)
    SELECT "repairId", "tapId", "stopId", "atMs", "knownFromMs"
    FROM json_to_recordset($1) AS r ("repairId" uuid, "tapId" text, "stopId" text, "atMs" bigint, "knownFromMs" bigint)
    RETURNING tap_id)
  INSERT INTO fare.account_day_queue (account_id, fare_day, reason)
  SELECT DISTINCT d.account_id, d.fare_day, 'repair' FROM granted g JOIN fare.latest_decision d USING (tap_id)`;

/** Stores what a turn of commands said of repairs, within its transaction, and queues the days that they touch. */
export async function writeRepairs(client: pg.PoolClient, repairs: RepairWrites): Promise<void> {
  const { requests, decisions, granted } = repairs;
  if (requests.length > 0) await client.query(INSERT_REQUESTS, [JSON.stringify(requests)]);
  if (decisions.length > 0) await client.query(INSERT_DECISIONS, [JSON.stringify(decisions)]);
  if (granted.length > 0) await client.query(INSERT_GRANTED, [JSON.stringify(granted)]);
}

/** A row of `fare.journey_repair r` as JSON. */
export const REPAIR_COLUMNS = `json_build_object('repairId', r.repair_id, 'tapId', r.tap_id, 'stopId', r.stop_id,
  'atMs', r.at_ms, 'knownFromMs', r.known_from_ms)`;
