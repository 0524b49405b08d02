/** What commands about settlements read and write; within the transaction that holds the gate of facts alone. */
import type pg from 'pg';
import { createFareCalendar } from '#pricing/fare-day.ts';
import type { CommandWrites, SubmittedCommand } from '../commands.ts';
import type { ActSigner, KeptAct, SettlementBooks, SettlementTerms } from '../settle-commands.ts';
import { instantsOf, parsePeriod, type SettlementPeriod } from '../settlement/period.ts';
import { floorAfter, readSettlementFacts, settlementBefore } from '../settlement/window.ts';
import { CLAIM_KINDS } from './postgres-claims.ts';

const KINDS = ['close-settlement', 'name-signer', 'sign-act', ...CLAIM_KINDS];

/** The books, where one of the commands asks for them; nothing is read for others. */
export async function loadSettlementBooks(
  client: pg.PoolClient,
  commands: readonly SubmittedCommand[],
  terms: SettlementTerms | undefined,
): Promise<SettlementBooks | undefined> {
  if (terms === undefined || !commands.some(({ kind }) => KINDS.includes(kind))) return undefined;
  const last = await settlementBefore(client, null);
  const asked = commands.find(({ kind }) => kind === 'close-settlement')?.payload as
    | { period?: unknown }
    | undefined;
  const period = typeof asked?.period === 'string' ? parsePeriod(asked.period) : undefined;
  const { acts, signers } = await actsAndSigners(client, commands);
  return {
    terms,
    last: last?.period ?? null,
    closing: period === undefined ? null : await booksOf(client, period, terms),
    acts,
    signers,
  };
}

async function booksOf(client: pg.PoolClient, period: SettlementPeriod, terms: SettlementTerms) {
  const { untilMs } = instantsOf(period, terms.city);
  const before = await settlementBefore(client, period.untilDay);
  const window = { period, untilMs, before, cutXact: null };
  const { rows } = await client.query<{ n: number }>(
    `SELECT ((SELECT count(*) FROM fare.account_day_queue WHERE fare_day < $1::date)
       + (SELECT count(*) FROM fare.stuck WHERE sort = 'account-day' AND (body->>'fareDay')::date < $1::date))::int AS n`,
    [period.untilDay],
  );
  const calendar = createFareCalendar(terms.city.zone, terms.city.dayStart);
  const facts = await readSettlementFacts(client, window, { tariffs: terms.tariffs, calendar });
  return { facts, untilMs, floorXact: await floorAfter(client, window), waiting: rows[0]?.n ?? 0 };
}

async function actsAndSigners(client: pg.PoolClient, commands: readonly SubmittedCommand[]) {
  const signed = commands
    .filter(({ kind }) => kind === 'sign-act')
    .map(({ payload }) => payload as { period?: string; carrierId?: string });
  const { rows } = await client.query<{ acts: KeptAct[] | null; signers: ActSigner[] | null }>(
    `SELECT
      (SELECT json_agg(json_build_object('period', a.period, 'carrierId', a.carrier_id, 'sha256', encode(a.sha256, 'hex'),
          'signedBy', (SELECT coalesce(json_agg(g.side), '[]') FROM fare.act_signature g
                        WHERE g.period = a.period AND g.carrier_id = a.carrier_id)))
         FROM fare.settlement_act a
        WHERE (a.period, a.carrier_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))) AS acts,
      (SELECT json_agg(json_build_object('signerId', signer_id, 'side', side, 'carrierId', carrier_id, 'name', name,
          'scheme', scheme, 'publicKey', public_key, 'validFromMs', valid_from_ms, 'validUntilMs', valid_until_ms,
          'knownFromMs', known_from_ms)) FROM fare.act_signer) AS signers`,
    [signed.map(({ period }) => period ?? null), signed.map(({ carrierId }) => carrierId ?? null)],
  );
  return { acts: rows[0]?.acts ?? [], signers: rows[0]?.signers ?? [] };
}

const WRITE_SETTLEMENT = `
WITH settled AS (
  INSERT INTO fare.settlement (period, until_day, until_ms, who, package_hash, rest, floor_xact, known_from_ms)
  SELECT period, "untilDay", "untilMs", who, "packageHash", rest::json, "floorXact"::xid8, "knownFromMs"
  FROM json_to_recordset($1) AS r (period text, "untilDay" date, "untilMs" bigint, who text, "packageHash" text,
    rest text, "floorXact" text, "knownFromMs" bigint)),
shared AS (
  INSERT INTO fare.settlement_share (period, kind, item_id, carrier_id, currency, method, rides, minor)
  SELECT r.period, s.kind, s."itemId", s."carrierId", s.currency, s.method, s.rides, s.minor
  FROM json_to_recordset($1) AS r (period text, shares json) CROSS JOIN LATERAL json_to_recordset(r.shares)
    AS s (kind text, "itemId" text, "carrierId" text, currency text, method text, rides bigint, minor bigint)),
written AS (
  INSERT INTO fare.settlement_act (period, carrier_id, bytes, sha256)
  SELECT r.period, a."carrierId", a.bytes, decode(a.sha256, 'hex')
  FROM json_to_recordset($1) AS r (period text, acts json) CROSS JOIN LATERAL json_to_recordset(r.acts)
    AS a ("carrierId" text, bytes text, sha256 text)),
named AS (
  INSERT INTO fare.act_signer (signer_id, side, carrier_id, name, scheme, public_key, valid_from_ms, valid_until_ms,
    known_from_ms)
  SELECT "signerId", side, "carrierId", name, scheme, "publicKey", "validFromMs", "validUntilMs", "knownFromMs"
  FROM json_to_recordset($2) AS r ("signerId" uuid, side text, "carrierId" text, name text, scheme text,
    "publicKey" text, "validFromMs" bigint, "validUntilMs" bigint, "knownFromMs" bigint))
INSERT INTO fare.act_signature (signature_id, period, carrier_id, side, signer_id, qualified, objections, note,
  signature, known_from_ms)
SELECT "signatureId", period, "carrierId", side, "signerId", qualified, objections, note, signature, "knownFromMs"
FROM json_to_recordset($3) AS r ("signatureId" uuid, period text, "carrierId" text, side text, "signerId" uuid,
  qualified boolean, objections boolean, note text, signature text, "knownFromMs" bigint)`;

/** Writes them; nothing is asked of the database where there is nothing to write. */
export async function writeSettlements(
  client: pg.PoolClient,
  { settlements, signers, signatures }: CommandWrites,
): Promise<void> {
  if (settlements.length + signers.length + signatures.length === 0) return;
  const books = settlements.map(({ passes: _, ...book }) => book);
  await client.query(
    WRITE_SETTLEMENT,
    [books, signers, signatures].map((rows) => JSON.stringify(rows)),
  );
  for (const { period, passes } of settlements)
    for (let n = 0; n < passes.length; n += PASSES_AT_ONCE)
      await client.query(WRITE_PASSES, [period, JSON.stringify(passes.slice(n, n + PASSES_AT_ONCE))]);
}

const PASSES_AT_ONCE = 5000;
const WRITE_PASSES = `
  INSERT INTO fare.pass_month (period, pass_id, currency, fare_product_id, earned_minor, earned_so_far_minor, left_minor, rides,
    first_day, until_day)
  SELECT $1, "passId", currency, "fareProductId", "earnedMinor", "earnedSoFarMinor", "leftMinor", rides, "firstDay", "untilDay"
  FROM json_to_recordset($2) AS r ("passId" text, currency text, "fareProductId" text, "earnedMinor" bigint,
    "earnedSoFarMinor" bigint, "leftMinor" bigint, rides int, "firstDay" date, "untilDay" date)`;
