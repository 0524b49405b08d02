/**
 * Works off the command inbox. The transaction holds the gate of facts alone: while links, assignments or closes are
 * written, no pricing transaction runs that might have read without them.
 */
import type pg from 'pg';
import type { Clock } from '#platform/clock.ts';
import { inTransaction } from '#platform/postgres.ts';
import { findingsNamed } from '../anomalies/finding-commands.ts';
import { entitlementsNamed, idempotencyKey } from '../command-keys.ts';
import {
  type CommandContext,
  type CommandRefusal,
  type CommandWrites,
  decideCommands,
  type SubmittedCommand,
} from '../commands.ts';
import { accountsDenied, mediaOf } from '../deny-list/account-denials.ts';
import type { Close, Entitlement, FareDays, MediaLink } from '../facts/facts.ts';
import type { MediumSuccession } from '../facts/media-book.ts';
import type { SettlementTerms } from '../settle-commands.ts';
import { storedFindings, writeAnomalies } from './anomaly-statements.ts';
import { loadBankContext, writeBank } from './debt-statements.ts';
import { FACTS_GATE, LINK_COLUMNS } from './fare-statements.ts';
import { loadHoldingBooks, writeReturns } from './holding-statements.ts';
import { kinTable, successionColumn } from './kin-statements.ts';
import { afterReceipts } from './newest-receipt.ts';
import { FOREVER } from './place-statements.ts';
import { loadClaimBooks, writeClaims } from './postgres-claims.ts';
import { loadSettlementBooks, writeSettlements } from './postgres-settlement.ts';
import { loadRepairBooks, writeRepairs } from './repair-statements.ts';
import { enqueueTouched } from './touched-days.ts';

export interface CommandOutcome {
  readonly claimed: number;
  readonly obeyed: number;
  readonly refused: number;
}

/**
 * Obeys up to `rowsMax` commands in order of arrival; one that settles a month or gives a pass back alone, for its sums are
 * read before it is decided. `terms` are those of settlements; without them none is made. The clock is asked once the gate is held: what is decided here is
 * known after everything that was stored before.
 */
export async function workCommands(
  pool: pg.Pool,
  days: FareDays,
  clock: Pick<Clock, 'nowMs'>,
  rowsMax: number,
  terms?: SettlementTerms,
): Promise<CommandOutcome> {
  const waiting = await pool.query('SELECT FROM fare.command_inbox LIMIT 1');
  if (waiting.rowCount === 0) return { claimed: 0, obeyed: 0, refused: 0 };
  return inTransaction(pool, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [FACTS_GATE]);
    const commands = await claim(client, rowsMax);
    if (commands.length === 0) return { claimed: 0, obeyed: 0, refused: 0 };
    const nowMs = clock.nowMs();
    const settlement = await loadSettlementBooks(client, commands, terms);
    const repairs = await loadRepairBooks(client, commands, terms?.tariffs, nowMs);
    const claims = await loadClaimBooks(client, commands, terms);
    const holdings = await loadHoldingBooks(client, commands, terms?.tariffs);
    const context = {
      ...(await loadContext(client, commands, nowMs)),
      ...(settlement === undefined ? {} : { settlement }),
      ...(repairs === undefined ? {} : { repairs }),
      ...(claims === undefined ? {} : { claims }),
      ...(holdings === undefined ? {} : { holdings }),
    };
    const writes = decideCommands(commands, context, days);
    await writeFacts(client, writes, nowMs);
    await writeSettlements(client, writes);
    await writeClaims(client, writes.claims, terms);
    await enqueueTouched(client, writes, days);
    return { claimed: commands.length, obeyed: writes.accepted.length, refused: writes.refusals.length };
  });
}

/** Refuses the first command: used when it alone keeps failing, so that others go on. */
export async function refuseFirstCommand(pool: pg.Pool, error: string, nowMs: number): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [FACTS_GATE]);
    const [command] = await claim(client, 1);
    if (command === undefined) return;
    const refusal: CommandRefusal = { ...command, reason: 'COMMAND_FAILED', detail: error.slice(0, 500) };
    await client.query(INSERT_REFUSALS, [toJson([refusal]), nowMs]);
  });
}

// Their sums are read before they are decided.
const ALONE = `'close-settlement', 'draft-claims', 'return-holding'`;

async function claim(client: pg.PoolClient, rowsMax: number): Promise<SubmittedCommand[]> {
  const { rows } = await client.query<{
    command_id: string;
    kind: string;
    payload: unknown;
    submitted_by: string;
    submitted_at_ms: bigint;
  }>(
    `WITH taken AS (
       DELETE FROM fare.command_inbox WHERE arrival IN (
         SELECT i.arrival FROM fare.command_inbox i,
           (SELECT arrival AS head, kind FROM fare.command_inbox ORDER BY arrival LIMIT 1) AS h
          WHERE i.arrival = h.head OR (h.kind NOT IN (${ALONE}) AND i.arrival < coalesce(
            (SELECT min(arrival) FROM fare.command_inbox WHERE kind IN (${ALONE})), ${FOREVER}))
          ORDER BY i.arrival LIMIT $1)
       RETURNING *)
     SELECT command_id, kind, payload, submitted_by, submitted_at_ms FROM taken ORDER BY arrival`,
    [rowsMax],
  );
  return rows.map((row) => ({
    commandId: row.command_id,
    kind: row.kind,
    payload: row.payload,
    submittedBy: row.submitted_by,
    submittedAtMs: Number(row.submitted_at_ms),
  }));
}

/** Where the family of an account begins: media linked to it, and the one its name is derived from. $3 = accounts. */
const MEDIA_OF_ACCOUNTS = `
  SELECT token_id FROM fare.media_link WHERE account_id = ANY ($3::text[])
  UNION
  SELECT derived_token_id FROM fare.account WHERE account_id = ANY ($3::text[]) AND derived_token_id IS NOT NULL`;

async function loadContext(
  client: pg.PoolClient,
  commands: readonly SubmittedCommand[],
  nowMs: number,
): Promise<CommandContext> {
  const denied = accountsDenied(commands);
  const { rows } = await client.query<{
    accepted: [string, string][] | null;
    entitlements: Entitlement[] | null;
    latest: Close | null;
    links: MediaLink[] | null;
    successions: MediumSuccession[] | null;
    after_ms: bigint;
  }>(
    `WITH RECURSIVE ${kinTable('kin', MEDIA_OF_ACCOUNTS)}
     SELECT
      (SELECT json_agg(json_build_array(idempotency_key, encode(input_sha256, 'hex')))
         FROM fare.command_accepted WHERE idempotency_key = ANY ($1::text[])) AS accepted,
      (SELECT json_agg(json_build_object('entitlementId', entitlement_id, 'accountId', account_id,
          'concessionId', concession_id, 'validFromMs', valid_from_ms, 'validUntilMs', valid_until_ms,
          'knownFromMs', known_from_ms))
         FROM fare.entitlement WHERE entitlement_id = ANY ($2::text[])) AS entitlements,
      (SELECT json_build_object('fareDay', fare_day, 'knownFromMs', known_from_ms)
         FROM fare.close ORDER BY fare_day DESC LIMIT 1) AS latest,
      (SELECT json_agg(${LINK_COLUMNS}) FROM fare.media_link l
        WHERE l.token_id IN (SELECT token_id FROM kin)) AS links,
      ${successionColumn('kin')} AS successions,
      (SELECT after_ms FROM fare.known_clock) AS after_ms`,
    [commands.map(idempotencyKey), entitlementsNamed(commands), denied],
  );
  const row = rows[0] as (typeof rows)[number];
  const media = mediaOf(denied, row.links ?? [], row.successions ?? [], nowMs);
  return {
    accepted: new Map(row.accepted ?? []),
    entitlements: new Map((row.entitlements ?? []).map((fact) => [fact.entitlementId, fact])),
    latestClose: row.latest,
    findings: await storedFindings(client, findingsNamed(commands)),
    bank: await loadBankContext(client, commands, media, nowMs),
    media,
    knownAfterMs: Math.max(Number(row.after_ms), await afterReceipts(client, commands, nowMs)),
    nowMs,
  };
}

const INSERT_REFUSALS = `
  INSERT INTO fare.command_refusal (command_id, kind, payload, submitted_by, reason, detail, refused_at_ms)
  SELECT "commandId", kind, coalesce(payload, 'null'), "submittedBy", reason, detail, $2
  FROM json_to_recordset($1) AS r ("commandId" uuid, kind text, payload jsonb, "submittedBy" text, reason text,
    detail text)`;

const WRITE_FACTS = `
WITH accepted AS (
  INSERT INTO fare.command_accepted (idempotency_key, command_id, kind, input_sha256, submitted_by, known_from_ms)
  SELECT "idempotencyKey", "commandId", kind, decode("inputSha256", 'hex'), "submittedBy", "knownFromMs"
  FROM json_to_recordset($1) AS r ("idempotencyKey" text, "commandId" uuid, kind text, "inputSha256" text,
    "submittedBy" text, "knownFromMs" bigint)),
link AS (
  INSERT INTO fare.media_link (link_id, token_id, account_id, valid_from_ms, valid_until_ms, known_from_ms)
  SELECT "linkId", "tokenId", "accountId", "validFromMs", "validUntilMs", "knownFromMs"
  FROM json_to_recordset($2) AS r ("linkId" uuid, "tokenId" text, "accountId" text, "validFromMs" bigint,
    "validUntilMs" bigint, "knownFromMs" bigint)),
granted AS (
  INSERT INTO fare.entitlement (entitlement_id, account_id, concession_id, valid_from_ms, valid_until_ms, known_from_ms)
  SELECT "entitlementId", "accountId", "concessionId", "validFromMs", "validUntilMs", "knownFromMs"
  FROM json_to_recordset($3) AS r ("entitlementId" text, "accountId" text, "concessionId" text,
    "validFromMs" bigint, "validUntilMs" bigint, "knownFromMs" bigint)),
sold AS (
  INSERT INTO fare.pass_holding (pass_id, account_id, fare_product_id, valid_from_ms, valid_until_ms, known_from_ms)
  SELECT "passId", "accountId", "fareProductId", "validFromMs", "validUntilMs", "knownFromMs"
  FROM json_to_recordset($18) AS r ("passId" text, "accountId" text, "fareProductId" text, "validFromMs" bigint,
    "validUntilMs" bigint, "knownFromMs" bigint)),
revoked AS (
  INSERT INTO fare.entitlement_revocation (revocation_id, entitlement_id, valid_until_ms, reason, known_from_ms)
  SELECT "revocationId", "entitlementId", "validUntilMs", reason, "knownFromMs"
  FROM json_to_recordset($4) AS r ("revocationId" uuid, "entitlementId" text, "validUntilMs" bigint, reason text,
    "knownFromMs" bigint)),
assigned AS (
  INSERT INTO fare.device_assignment (assignment_id, device_id, vehicle_id, carrier_id, route_id, trip_id,
    valid_from_ms, valid_until_ms, known_from_ms)
  SELECT "assignmentId", "deviceId", "vehicleId", "carrierId", "routeId", "tripId", "validFromMs", "validUntilMs",
    "knownFromMs"
  FROM json_to_recordset($5) AS r ("assignmentId" uuid, "deviceId" text, "vehicleId" text, "carrierId" text,
    "routeId" text, "tripId" text, "validFromMs" bigint, "validUntilMs" bigint, "knownFromMs" bigint)),
driven_for AS (
  INSERT INTO fare.vehicle_assignment (assignment_id, vehicle_id, carrier_id, valid_from_ms, valid_until_ms,
    known_from_ms)
  SELECT "assignmentId", "vehicleId", "carrierId", "validFromMs", "validUntilMs", "knownFromMs"
  FROM json_to_recordset($13) AS r ("assignmentId" uuid, "vehicleId" text, "carrierId" text, "validFromMs" bigint,
    "validUntilMs" bigint, "knownFromMs" bigint)),
routed AS (
  INSERT INTO fare.route_assignment (assignment_id, kind, vehicle_id, device_id, route_id, trip_id, direction_id,
    valid_from_ms, valid_until_ms, known_from_ms, reason, said_by)
  SELECT "assignmentId", kind, "vehicleId", "deviceId", "routeId", "tripId", "directionId", "validFromMs",
    "validUntilMs", "knownFromMs", reason, "saidBy"
  FROM json_to_recordset($14) AS r ("assignmentId" uuid, kind text, "vehicleId" text, "deviceId" text, "routeId" text,
    "tripId" text, "directionId" smallint, "validFromMs" bigint, "validUntilMs" bigint, "knownFromMs" bigint,
    reason text, "saidBy" text)),
closed AS (
  INSERT INTO fare.close (fare_day, known_from_ms)
  SELECT "fareDay", "knownFromMs" FROM json_to_recordset($6) AS r ("fareDay" date, "knownFromMs" bigint)),
credited AS (
  INSERT INTO fare.wallet_credit (credit_id, account_id, amount_minor, currency, source, known_from_ms)
  SELECT "creditId", "accountId", "amountMinor", currency, source, "knownFromMs"
  FROM json_to_recordset($7) AS r ("creditId" text, "accountId" text, "amountMinor" bigint, currency text,
    source text, "knownFromMs" bigint)),
denied AS (
  INSERT INTO fare.deny_entry (entry_id, token_id, action, reason, scope, valid_from_ms, valid_until_ms, known_from_ms)
  SELECT "entryId", "tokenId", action, reason, scope, "validFromMs", "validUntilMs", "knownFromMs"
  FROM json_to_recordset($8) AS r ("entryId" uuid, "tokenId" text, action text, reason text, scope text,
    "validFromMs" bigint, "validUntilMs" bigint, "knownFromMs" bigint)),
stations AS (
  INSERT INTO fare.issuing_station (station_id, device_id, allowed, valid_from_ms, valid_until_ms, known_from_ms)
  SELECT "stationId", "deviceId", allowed, "validFromMs", "validUntilMs", "knownFromMs"
  FROM json_to_recordset($16) AS r ("stationId" uuid, "deviceId" text, allowed boolean, "validFromMs" bigint,
    "validUntilMs" bigint, "knownFromMs" bigint)
  RETURNING device_id, valid_from_ms, coalesce(valid_until_ms, ${FOREVER}) AS valid_until_ms),
replaced AS (
  INSERT INTO fare.medium_replacement (replacement_id, token_id, replaces_token_id, valid_from_ms, known_from_ms)
  SELECT "replacementId", "tokenId", "replacesTokenId", "validFromMs", "knownFromMs"
  FROM json_to_recordset($17) AS r ("replacementId" uuid, "tokenId" text, "replacesTokenId" text, "validFromMs" bigint,
    "knownFromMs" bigint)
  RETURNING token_id),
media_to_look_at AS (
  INSERT INTO fare.succession_queue (token_id)
  SELECT token_id FROM replaced
  UNION
  SELECT a.token_id FROM stations s CROSS JOIN LATERAL (
    SELECT token_id FROM fare.card_act a WHERE a.device_id = s.device_id AND a.act IN ('issued', 'given-up')
       AND a.at_ms >= s.valid_from_ms AND a.at_ms < s.valid_until_ms OFFSET 0) AS a),
corrected AS (
  INSERT INTO fare.clock_correction (correction_id, device_id, valid_from_ms, valid_until_ms, epoch, from_seq, to_seq,
    offset_ms, true_at_ms, uncertainty_ms, reason, act, known_from_ms)
  SELECT "correctionId", "deviceId", "validFromMs", "validUntilMs", epoch, "fromSeq", "toSeq", "offsetMs", "trueAtMs",
    "uncertaintyMs", reason, act, "knownFromMs"
  FROM json_to_recordset($15) AS r ("correctionId" uuid, "deviceId" text, "validFromMs" bigint, "validUntilMs" bigint,
    epoch text, "fromSeq" bigint, "toSeq" bigint, "offsetMs" bigint, "trueAtMs" bigint, "uncertaintyMs" bigint,
    reason text, act text, "knownFromMs" bigint)
  RETURNING correction_id, device_id, valid_from_ms, valid_until_ms),
look_again AS (
  INSERT INTO fare.clock_queue (sort, ref) SELECT 'correction', correction_id::text FROM corrected),
breakdowns_again AS (
  INSERT INTO fare.breakdown_queue (record_id)
  SELECT b.record_id FROM corrected c JOIN fare.breakdown b ON b.device_id = c.device_id
     AND c.valid_from_ms <= b.at_ms AND b.at_ms < c.valid_until_ms),
posted AS (
  INSERT INTO fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, source, posted_at_ms)
  SELECT "postingId", "debitAccount", "creditAccount", "amountMinor", currency, source, $12
  FROM json_to_recordset($9) AS r ("postingId" text, "debitAccount" text, "creditAccount" text,
    "amountMinor" bigint, currency text, source text)),
leaf AS (
  INSERT INTO fare.audit_leaf (kind, ref, bytes)
  SELECT kind, ref, bytes
  FROM json_to_recordset($10) AS r (kind text, ref text, bytes text))
UPDATE fare.known_clock SET after_ms = greatest(after_ms, $11)`;

async function writeFacts(client: pg.PoolClient, writes: CommandWrites, nowMs: number): Promise<void> {
  await client.query(WRITE_FACTS, [
    toJson(writes.accepted),
    toJson(writes.links),
    toJson(writes.entitlements),
    toJson(writes.revocations),
    toJson(writes.assignments),
    toJson(writes.closes),
    toJson(writes.credits),
    toJson(writes.denials),
    toJson(writes.postings),
    toJson(writes.leaves),
    writes.knownAfterMs,
    nowMs,
    toJson(writes.carriers),
    toJson(writes.routes),
    toJson(writes.corrections),
    toJson(writes.stations),
    toJson(writes.replacements),
    toJson(writes.passes),
  ]);
  await writeReturns(client, writes.returns);
  await writeAnomalies(client, writes);
  await writeBank(client, writes);
  await writeRepairs(client, writes.repairs);
  if (writes.refusals.length > 0) await client.query(INSERT_REFUSALS, [toJson(writes.refusals), nowMs]);
}

function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? item.toString() : item));
}
