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

/**
 * Acts with cards. What follows from them is asked of what is known of the device, at every pricing and publication; those that
 * may have an effect are looked at.
 */
const STORE_ACTS = `
WITH stored AS (
  INSERT INTO fare.card_act (record_id, device_id, act, token_id, card_kind, staff_id, replaces_token_id, key_version,
    batch, at_ms, received_at_ms)
  SELECT "recordId", "deviceId", act, "tokenId", "cardKind", "staffId", "replacesTokenId", "keyVersion", batch, "atMs",
    "receivedAtMs"
  FROM json_to_recordset($1) AS r ("recordId" text, "deviceId" text, act text, "tokenId" text, "cardKind" text,
    "staffId" text, "replacesTokenId" text, "keyVersion" smallint, batch text, "atMs" bigint, "receivedAtMs" bigint)
  ON CONFLICT (record_id) DO NOTHING RETURNING act, token_id, replaces_token_id)
INSERT INTO fare.succession_queue (token_id)
SELECT DISTINCT token_id FROM stored WHERE act = 'given-up' OR (act = 'issued' AND replaces_token_id IS NOT NULL)`;

/** Stores what is new of both; without any it asks the database nothing. */
export async function storeStaffRecords(
  client: pg.PoolClient,
  records: { readonly checks: readonly StoredCheck[]; readonly cardActs: readonly StoredCardAct[] },
): Promise<void> {
  if (records.checks.length > 0) await client.query(STORE_CHECKS, [JSON.stringify(records.checks)]);
  if (records.cardActs.length > 0) await client.query(STORE_ACTS, [JSON.stringify(records.cardActs)]);
}
