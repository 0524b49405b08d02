/**
 * The statements of a pricing transaction. Each carries any number of rows as one JSON parameter: a chunk costs the same
 * number of round trips with one tap as with a thousand.
 */

import { BREAKDOWN_COLUMN, breakdownTables } from './breakdown-statements.ts';
import { KEY_TABLES } from './day-statements.ts';
import { kinTable, successionColumn } from './kin-statements.ts';
import { placeColumns, placeTables } from './place-statements.ts';
import { REPAIR_COLUMNS } from './repair-statements.ts';

/** How many facts say which tariff packages price. */
export const TARIFF_FACTS =
  'SELECT (SELECT count(*) FROM fare.tariff_activation) + (SELECT count(*) FROM fare.tariff_withdrawal) AS n';

/** Readers (pricing) share it, writers of facts that move taps (commands) hold it alone. */
export const FACTS_GATE = 0x6b766661;

export const CLAIM_INBOX = `
  DELETE FROM fare.record_inbox WHERE inbox_id = ANY (ARRAY(
    SELECT inbox_id FROM fare.record_inbox ORDER BY inbox_id LIMIT $1 FOR UPDATE SKIP LOCKED))
  RETURNING inbox_id, epoch, encode(hash, 'hex') AS hash, record, flags, received_at_ms`;

export const CLAIM_QUEUE = `
  DELETE FROM fare.account_day_queue WHERE queue_id = ANY (ARRAY(
    SELECT queue_id FROM fare.account_day_queue ORDER BY queue_id LIMIT $1 FOR UPDATE SKIP LOCKED))
  RETURNING account_id, fare_day::text AS fare_day, attempts`;

/** A link of `fare.media_link l`, as JSON. */
export const LINK_COLUMNS = `json_build_object('linkId', l.link_id, 'tokenId', l.token_id, 'accountId', l.account_id,
  'validFromMs', l.valid_from_ms, 'validUntilMs', l.valid_until_ms, 'knownFromMs', l.known_from_ms)`;

/** Closes that cover the days of `days` (a set of fare_day): the first at or after each. */
const closesOf = (days: string): string => `
  (SELECT json_agg(DISTINCT jsonb_build_object('fareDay', c.fare_day, 'knownFromMs', c.known_from_ms))
     FROM (SELECT DISTINCT fare_day FROM ${days}) AS d
    CROSS JOIN LATERAL (SELECT fare_day, known_from_ms FROM fare.close
                         WHERE fare_day >= d.fare_day ORDER BY fare_day LIMIT 1) AS c)`;

/** Links of every token in a CTE. OFFSET 0 keeps it a look-up by index for each. */
const linksOf = (tokens: string): string => `
  (SELECT json_agg(${LINK_COLUMNS}) FROM (SELECT DISTINCT token_id FROM ${tokens}) AS k
    CROSS JOIN LATERAL (SELECT * FROM fare.media_link l WHERE l.token_id = k.token_id OFFSET 0) AS l)`;

export const LOAD_LINKS = `
  WITH RECURSIVE ${kinTable('kin', 'SELECT unnest($1::text[])')}
  SELECT ${linksOf('kin')} AS links, ${successionColumn('kin')} AS successions,
         ${closesOf('unnest($2::date[]) AS fare_day')} AS closes`;

/**
 * Unsure taps whose time the sync `s` may settle: those of its boot before it, and those around it in its journal, as
 * far as no sync that is nearer to them was known as early.
 */
export const TAPS_OF_SYNC = `
  SELECT u.tap_id FROM fare.unsure_tap u
   WHERE u.device_id = s.device_id AND u.boot_id = s.boot_id AND u.mono_ms <= s.sync_mono_ms
     AND u.mono_ms > coalesce((SELECT max(n.sync_mono_ms) FROM fare.clock_sync n
       WHERE n.device_id = s.device_id AND n.boot_id = s.boot_id AND n.sync_mono_ms <= s.sync_mono_ms
         AND n.received_at_ms <= s.received_at_ms
         AND (n.sync_mono_ms, n.rtt_ms, n.server_ms, n.received_at_ms, n.record_id)
           < (s.sync_mono_ms, s.rtt_ms, s.server_ms, s.received_at_ms, s.record_id)), -1)
  UNION ALL
  SELECT u.tap_id FROM fare.unsure_tap u
   WHERE u.device_id = s.device_id AND u.epoch = s.epoch
     AND u.seq > coalesce((SELECT max(n.seq) FROM fare.clock_sync n
       WHERE n.device_id = s.device_id AND n.epoch = s.epoch AND n.seq < s.seq
         AND n.received_at_ms <= s.received_at_ms), 0)
     AND u.seq < coalesce((SELECT min(n.seq) FROM fare.clock_sync n
       WHERE n.device_id = s.device_id AND n.epoch = s.epoch AND n.seq > s.seq
         AND n.received_at_ms <= s.received_at_ms), 9223372036854775807)`;

/** For COPY. */
export const TAP_COLUMNS = `fare.tap (tap_id, device_id, epoch, seq, record_sha256, token_id, medium_kind, direction, companions,
  bags, fare_day, fare_at_ms, uncertainty_ms, belief_vehicle_id, belief_route_id, belief_trip_id, belief_direction_id, stop_id,
  stop_confidence_pct, stop_source, stop_unsure, pass_back_of, flags, received_at_ms)`;

/** Which of these taps are stored already. */
export const KNOWN_TAPS = 'SELECT tap_id FROM fare.tap WHERE tap_id = ANY ($1::text[])';

/**
 * Stores the facts beside the taps. $1 new taps, their $2 devices and $3 fare instants; $4 taps whose clocks are not sure, $5
 * syncs, $6 what taps say of tokens, $7 refusals, $8 shifts (JSON).
 */
export const STORE_FACTS = `
WITH new_unsure AS (
  INSERT INTO fare.unsure_tap (tap_id, device_id, epoch, seq, boot_id, mono_ms, evidence, drift_ppm)
  SELECT "tapId", "deviceId", epoch, seq, evidence->>'bootId', (evidence->>'monoMs')::bigint, evidence, "driftPpm"
  FROM json_to_recordset($4) AS r ("tapId" text, "deviceId" text, epoch text, seq bigint, evidence jsonb,
    "driftPpm" double precision)
  ON CONFLICT (tap_id) DO NOTHING RETURNING tap_id),
new_sync AS (
  INSERT INTO fare.clock_sync (record_id, device_id, epoch, seq, boot_id, mono_ms, sync_mono_ms, server_ms, rtt_ms,
    received_at_ms)
  SELECT "recordId", "deviceId", epoch, seq, "bootId", "monoMs", "syncMonoMs", "serverMs", "rttMs", "receivedAtMs"
  FROM json_to_recordset($5) AS r ("recordId" text, "deviceId" text, epoch text, seq bigint, "bootId" text,
    "monoMs" bigint, "syncMonoMs" bigint, "serverMs" bigint, "rttMs" bigint, "receivedAtMs" bigint)
  ON CONFLICT (record_id) DO NOTHING RETURNING *),
look_again AS (
  INSERT INTO fare.clock_queue (sort, ref)
  SELECT 'tap', tap_id FROM new_unsure
  UNION
  SELECT 'tap', tap_id FROM unnest($1::text[], $2::text[], $3::bigint[]) AS n (tap_id, device_id, fare_at_ms)
   WHERE EXISTS (SELECT FROM fare.clock_correction c WHERE c.device_id = n.device_id
                    AND c.valid_from_ms <= n.fare_at_ms AND n.fare_at_ms < c.valid_until_ms)
  UNION ALL
  SELECT 'sync', record_id FROM new_sync s WHERE EXISTS (${TAPS_OF_SYNC})),
new_refused AS (
  INSERT INTO fare.refused
  SELECT "recordId", "deviceId", reason, "tokenId", "mediumKind", "routeId", "stopId", "atMs", "receivedAtMs"
  FROM json_to_recordset($7) AS r ("recordId" text, "deviceId" text, reason text, "tokenId" text, "mediumKind" text,
    "routeId" text, "stopId" text, "atMs" bigint, "receivedAtMs" bigint)
  ON CONFLICT (record_id) DO NOTHING),
new_shift AS (
  INSERT INTO fare.shift (record_id, device_id, action, source, vehicle_id, route_id, trip_id, direction_id, fare_day,
    at_ms, received_at_ms)
  SELECT "recordId", "deviceId", action, source, "vehicleId", "routeId", "tripId", "directionId", "fareDay", "atMs",
    "receivedAtMs"
  FROM json_to_recordset($8) AS r ("recordId" text, "deviceId" text, action text, source text, "vehicleId" text,
    "routeId" text, "tripId" text, "directionId" smallint, "fareDay" date, "atMs" bigint, "receivedAtMs" bigint)
  ON CONFLICT (record_id) DO NOTHING RETURNING record_id),
shift_to_look_at AS (
  INSERT INTO fare.shift_queue (record_id) SELECT record_id FROM new_shift),
breakdown_to_look_at AS (
  INSERT INTO fare.breakdown_queue (record_id)
  SELECT b.record_id FROM new_sync s JOIN fare.breakdown b ON b.device_id = s.device_id
   WHERE b.drift_ppm IS NOT NULL AND (b.boot_id = s.boot_id OR b.epoch = s.epoch)),
new_succession AS (
  INSERT INTO fare.medium_succession (token_id, former_token_id, known_from_ms)
  SELECT "tokenId", "formerTokenId", "knownFromMs"
  FROM json_to_recordset($6) AS r ("tokenId" text, "formerTokenId" text, "knownFromMs" bigint)
  WHERE NOT EXISTS (SELECT FROM fare.medium_succession s WHERE s.token_id = r."tokenId"
                       AND s.former_token_id = r."formerTokenId" AND s.known_from_ms <= r."knownFromMs")
  ON CONFLICT DO NOTHING RETURNING token_id)
INSERT INTO fare.succession_queue (token_id) SELECT token_id FROM new_succession`;

/**
 * Loads what pricing needs beside taps and states. OFFSET 0 keeps each look-up a look-up by index: the planner must not scan
 * a table whose history grows for a few rows. $1, $2 the account-days whose links are wanted; $3 first and last fare instant of
 * all taps, by device and fare day (JSON); $4 the accounts; $5 taps that may have been repaired.
 */
export const LOAD_FACTS = `
WITH RECURSIVE ${KEY_TABLES},
tap_span AS MATERIALIZED (
  SELECT "deviceId" AS device_id, "fareDay" AS fare_day, "firstMs" AS first_ms, "lastMs" AS last_ms
    FROM json_to_recordset($3) AS r ("deviceId" text, "fareDay" date, "firstMs" bigint, "lastMs" bigint)),
${breakdownTables('tap_span', 'span')},
${placeTables('span')},
person AS (SELECT DISTINCT account_id FROM unnest($4::text[]) AS p (account_id)),
granted AS MATERIALIZED (SELECT e.* FROM person CROSS JOIN LATERAL (
    SELECT * FROM fare.entitlement e WHERE e.account_id = person.account_id OFFSET 0) AS e)
SELECT
  ${linksOf('token_day')} AS links,
  ${successionColumn('kin')} AS successions,
  ${placeColumns('span')},
  ${BREAKDOWN_COLUMN},
  (SELECT json_agg(json_build_object('entitlementId', entitlement_id, 'accountId', account_id,
     'concessionId', concession_id, 'validFromMs', valid_from_ms, 'validUntilMs', valid_until_ms,
     'knownFromMs', known_from_ms)) FROM granted) AS entitlements,
  (SELECT json_agg(json_build_object('revocationId', r.revocation_id, 'entitlementId', r.entitlement_id,
     'validUntilMs', r.valid_until_ms, 'knownFromMs', r.known_from_ms))
    FROM granted JOIN fare.entitlement_revocation r USING (entitlement_id)) AS revocations,
  (SELECT json_agg(json_build_object('passId', p.pass_id, 'accountId', p.account_id,
     'fareProductId', p.fare_product_id, 'validFromMs', p.valid_from_ms, 'validUntilMs', p.valid_until_ms,
     'knownFromMs', p.known_from_ms)) FROM person JOIN fare.held_pass p USING (account_id)) AS passes,
  (SELECT json_agg(${REPAIR_COLUMNS}) FROM unnest($5::text[]) AS o (tap_id) CROSS JOIN LATERAL (
     SELECT * FROM fare.journey_repair r WHERE r.tap_id = o.tap_id OFFSET 0) AS r) AS repairs,
  ${closesOf('tap_span')} AS closes,
  EXISTS (SELECT FROM tap_span n JOIN fare.clock_correction c ON c.device_id = n.device_id
     AND c.valid_from_ms <= n.last_ms AND n.first_ms < c.valid_until_ms) AS corrected`;

/** Leaves of the audit log, within the transaction of what they witness. $1 leaves (JSON). */
export const INSERT_LEAVES = `
  INSERT INTO fare.audit_leaf (kind, ref, bytes)
  SELECT kind, ref, bytes FROM json_to_recordset($1) AS r (kind text, ref text, bytes text)`;

/** Tables and columns of what a chunk decided, for COPY. */
export const DECISION_COLUMNS = `fare.decision (tap_id, revision, supersedes, account_id, account_version, fare_day, kind,
  package_hash, fare_media_id, fare_product_id, rider_category_id, network_id, vehicle_id, carrier_id, route_id, trip_id,
  direction_id, route_by, route_fact_id, currency, gross_minor, rider_minor, transfer_minor, concession_minor, pass_minor,
  cap_minor, loss_minor, penalty, concession_id, funding_id, claim_ride, steps, line_sha256, posted_revision, adjusts_close,
  breakdown_id, decided_at_ms)`;
export const POSTING_COLUMNS = `fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, tap_id,
  revision, source, reverses, posted_at_ms, fare_day)`;
export const LEAF_COLUMNS = 'fare.audit_leaf (kind, ref, bytes)';
export const DAY_COLUMNS =
  'fare.account_day (account_id, fare_day, state_in, state_out, base_in, base_out, account_version)';

/**
 * The rest of what a chunk made, without what is copied. $1 changed account-days, their states as they are, $2 emptied, $3 to be queued, $4 troubles
 * (JSON), $5 now, $6 how many decisions there were.
 */
export const WRITE = `
WITH day AS (
  UPDATE fare.account_day AS d SET state_in = "stateIn"::text, state_out = "stateOut"::text, base_in = "baseIn"::text,
    base_out = "baseOut"::text, account_version = "accountVersion"
  FROM json_to_recordset($1) AS r ("accountId" text, "fareDay" date, "stateIn" json, "stateOut" json,
    "baseIn" json, "baseOut" json, "accountVersion" bigint)
  WHERE d.account_id = r."accountId" AND d.fare_day = r."fareDay"),
emptied AS (
  DELETE FROM fare.account_day d
  USING json_to_recordset($2) AS r ("accountId" text, "fareDay" date)
  WHERE d.account_id = r."accountId" AND d.fare_day = r."fareDay"),
trouble AS MATERIALIZED (
  SELECT * FROM json_to_recordset($4) AS r ("accountId" text, "fareDay" date, attempts int, error text, stuck boolean)),
queued AS (
  INSERT INTO fare.account_day_queue (account_id, fare_day, reason, attempts)
  SELECT "accountId", "fareDay", reason, 0
  FROM json_to_recordset($3) AS r ("accountId" text, "fareDay" date, reason text)
  UNION ALL
  SELECT "accountId", "fareDay", 'again', attempts FROM trouble WHERE NOT stuck),
aside AS (
  INSERT INTO fare.stuck (sort, ref, body, error, attempts, since_ms)
  SELECT 'account-day', "accountId" || ' ' || "fareDay",
         jsonb_build_object('accountId', "accountId", 'fareDay', "fareDay"), error, attempts, $5
  FROM trouble WHERE stuck)
SELECT CASE WHEN $6 > 0 THEN pg_notify('kvytok_decided', ($6::int)::text) END`;
