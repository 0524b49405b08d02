/** Stores what inspectors and issuing stations recorded. Rare beside taps, so it has a statement of its own. */
import type pg from 'pg';
import type { StoredCardAct, StoredCheck } from '../facts/staff-records.ts';

const STORE_CHECKS = `
  INSERT INTO fare.inspection_check (record_id, device_id, result, reason, evidence, token_id, medium_kind, vehicle_id,
    route_id, stop_id, staff_id, ride, validators, protocol_number, fare_minor, factor, penalty_minor, currency, act,
    article, package_hash, at_ms, received_at_ms)
  SELECT "recordId", "deviceId", result, reason, evidence, "tokenId", "mediumKind", "vehicleId", "routeId", "stopId",
    "staffId", ride, validators, protocol->>'number',
    (protocol->>'fareMinor')::bigint, (protocol->>'factor')::integer, (protocol->>'penaltyMinor')::bigint,
    protocol->>'currency', protocol->>'act', protocol->>'article', protocol->>'packageHash', "atMs", "receivedAtMs"
  FROM json_to_recordset($1) AS r ("recordId" text, "deviceId" text, result text, reason text, evidence text,
    "tokenId" text, "mediumKind" text, "vehicleId" text, "routeId" text, "stopId" text, "staffId" text, ride jsonb,
    validators jsonb, protocol jsonb, "atMs" bigint, "receivedAtMs" bigint)
  ON CONFLICT (record_id) DO NOTHING`;

/** Acts of stations, and the commands that follow from new ones; of the words on a device the latest known counts. */
const STORE_ACTS = `
WITH said AS MATERIALIZED (
  SELECT r.*, coalesce((SELECT s.allowed FROM fare.issuing_station s
      WHERE s.device_id = r."deviceId" AND s.valid_from_ms <= r."atMs"
        AND (s.valid_until_ms IS NULL OR r."atMs" < s.valid_until_ms)
      ORDER BY s.known_from_ms DESC, s.station_id DESC LIMIT 1), false) AS authorised
  FROM json_to_recordset($1) AS r ("recordId" text, "deviceId" text, act text, "tokenId" text, "cardKind" text,
    "staffId" text, "replacesTokenId" text, "keyVersion" smallint, batch text, command jsonb, "atMs" bigint,
    "receivedAtMs" bigint)),
stored AS (
  INSERT INTO fare.card_act (record_id, device_id, act, token_id, card_kind, staff_id, replaces_token_id, key_version,
    batch, authorised, at_ms, received_at_ms)
  SELECT "recordId", "deviceId", act, "tokenId", "cardKind", "staffId", "replacesTokenId", "keyVersion", batch,
    authorised, "atMs", "receivedAtMs" FROM said
  ON CONFLICT (record_id) DO NOTHING RETURNING record_id, authorised)
INSERT INTO fare.command_inbox (command_id, kind, payload, submitted_by, submitted_at_ms)
SELECT (command->>'commandId')::uuid, command->>'kind', command->'payload', 'station ' || "deviceId" || ' ' || "staffId",
       "receivedAtMs"
FROM said JOIN stored ON stored.record_id = said."recordId"
WHERE stored.authorised AND jsonb_typeof(command) = 'object'
ORDER BY "atMs", length("recordId"), "recordId"`;

/** Stores what is new of both; without any it asks the database nothing. */
export async function storeStaffRecords(
  client: pg.PoolClient,
  records: { readonly checks: readonly StoredCheck[]; readonly cardActs: readonly StoredCardAct[] },
): Promise<void> {
  if (records.checks.length > 0) await client.query(STORE_CHECKS, [JSON.stringify(records.checks)]);
  if (records.cardActs.length > 0) await client.query(STORE_ACTS, [JSON.stringify(records.cardActs)]);
}
