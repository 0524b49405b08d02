/**
 * Writes a staged import: facts, postings and leaves in one transaction that holds the gate of facts and does nothing but
 * copy rows on the server. Its number of transaction is taken behind the gate, so no settlement passes it by.
 */
import type pg from 'pg';
import type { Clock } from '#platform/clock.ts';
import { BOUNDARY_REACH_MS_MAX } from '#pricing/price-boundaries.ts';
import { RIGHT_FILES } from '../import/import-files.ts';
import type { ImportRun } from '../import/run-import.ts';
import { FACTS_GATE } from './fare-statements.ts';
import { accountsOfKin, kinTable } from './kin-statements.ts';

const UNIQUE_VIOLATION = '23505';
const RIGHTS = RIGHT_FILES.map((file) => `'${file}'`).join(', ');

/**
 * `changed`: since `seenMs` (of the city's knowledge) something became known that a staged row may contradict; nothing was
 * written, and the rows have to be looked at again.
 */
export async function writeImport(
  client: pg.PoolClient,
  run: ImportRun,
  seenMs: number,
  clock: Pick<Clock, 'nowMs'>,
): Promise<'written' | 'changed'> {
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [FACTS_GATE]);
    const { rows } = await client.query(SAID_SINCE, [seenMs]);
    if (rows.length === 0) {
      await copyRows(client, run, clock.nowMs());
      await client.query('COMMIT');
      return 'written';
    }
    await client.query('ROLLBACK');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    // The id of a pass, a right or a balance, or of this very import, that somebody else has taken meanwhile.
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
  }
  return 'changed';
}

/** What has no id of its own that could be taken: links and denials of the same media, known since $1. */
const SAID_SINCE = `
  SELECT FROM fare.media_link l JOIN fare.import_row r ON r.ref = l.token_id AND r.file = 'media.csv'
   WHERE l.known_from_ms >= $1
  UNION ALL
  SELECT FROM fare.deny_entry d JOIN fare.import_row r ON r.ref = d.token_id AND r.file = 'denials.csv'
   WHERE d.known_from_ms >= $1
  LIMIT 1`;

async function copyRows(client: pg.PoolClient, run: ImportRun, nowMs: number): Promise<void> {
  const { rows } = await client.query<{ after_ms: string }>('SELECT after_ms::text FROM fare.known_clock');
  const knownFromMs = Math.max(nowMs, Number(rows[0]?.after_ms ?? nowMs));
  await client.query(
    `INSERT INTO fare.command_accepted (idempotency_key, command_id, kind, input_sha256, submitted_by, known_from_ms)
     VALUES ($1, $2, 'import', decode($3, 'hex'), $4, $5)`,
    [`import:${run.importId}`, run.commandId, run.inputSha256, run.by, knownFromMs],
  );
  await client.query(IDS_TAKEN, [run.commandId, knownFromMs]);
  await client.query(ACCOUNTS);
  for (const statement of FACTS) await client.query(statement, [knownFromMs]);
  await client.query(HEAD_LEAF, [run.commandId, headLeaf(run, knownFromMs)]);
  await client.query(PART_LEAVES, [run.commandId]);
  await client.query(POSTINGS, [nowMs]);
  await client.query(TOUCHED_MEDIA);
  await client.query(TOUCHED_ACCOUNTS);
  await client.query('UPDATE fare.known_clock SET after_ms = greatest(after_ms, $1)', [knownFromMs + 1]);
}

function headLeaf({ commandId, importId, system, by, files }: ImportRun, knownFromMs: number): string {
  const inputs = { importId, system, files };
  return JSON.stringify({ v: 1, commandId, kind: 'import', submittedBy: by, knownFromMs, inputs });
}

/** A command that names one of these ids is refused (COMMAND_KEY_REUSED), as if a command had made them. $1 = command, $2 = known from. */
const IDS_TAKEN = `
  INSERT INTO fare.command_accepted (idempotency_key, command_id, kind, input_sha256, submitted_by, known_from_ms)
  SELECT kind || ':' || id, $1, 'import', sha256(convert_to(kind || id, 'UTF8')), 'import', $2
  FROM fare.import_row CROSS JOIN LATERAL (
    SELECT CASE WHEN file = 'passes.csv' THEN 'sell-pass' ELSE 'grant-entitlement' END AS kind) AS k
  WHERE file IN ('passes.csv', ${RIGHTS}) AND NOT known`;

const ACCOUNTS = `
  INSERT INTO fare.account (account_id, derived_token_id, version)
  SELECT account_id, NULL, 0 FROM fare.import_row WHERE file = 'accounts.csv' AND NOT known
  ON CONFLICT (account_id) DO NOTHING`;

/** $1 = known from. */
const FACTS = [
  `INSERT INTO fare.media_link (link_id, token_id, account_id, valid_from_ms, valid_until_ms, known_from_ms)
   SELECT gen_random_uuid(), ref, account_id, from_ms, until_ms, $1 FROM fare.import_row
   WHERE file = 'media.csv' AND NOT known`,
  `INSERT INTO fare.pass_holding (pass_id, account_id, fare_product_id, valid_from_ms, valid_until_ms, known_from_ms)
   SELECT id, account_id, ref, from_ms, NULL, $1 FROM fare.import_row WHERE file = 'passes.csv' AND NOT known`,
  `INSERT INTO fare.entitlement (entitlement_id, account_id, concession_id, valid_from_ms, valid_until_ms,
     known_from_ms, evidence_sha256)
   SELECT id, account_id, ref, from_ms, until_ms, $1, evidence_sha256 FROM fare.import_row
   WHERE file IN (${RIGHTS}) AND NOT known`,
  `INSERT INTO fare.deny_entry (entry_id, token_id, action, reason, scope, valid_from_ms, valid_until_ms, known_from_ms)
   SELECT gen_random_uuid(), ref, 'deny', reason, scope, from_ms, until_ms, $1 FROM fare.import_row
   WHERE file = 'denials.csv' AND NOT known`,
];

const HEAD_LEAF = `INSERT INTO fare.audit_leaf (kind, ref, bytes) VALUES ('command', $1, $2)`;
const PART_LEAVES = `
  INSERT INTO fare.audit_leaf (kind, ref, bytes)
  SELECT 'command', $1, bytes FROM fare.import_leaf ORDER BY part`;

/** What the leaves say was posted is what is posted. $1 = when. */
const POSTINGS = `
  INSERT INTO fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, source, posted_at_ms)
  SELECT p.item->>0, p.item->>1, p.item->>2, (p.item->>3)::bigint, p.item->>4, p.item->>0, $1
  FROM fare.import_leaf l CROSS JOIN LATERAL json_array_elements(l.bytes::json->'postings') AS p (item)`;

const DAYS_AROUND = 2 + BOUNDARY_REACH_MS_MAX / 86_400_000;

const OPEN = `open AS (SELECT coalesce(max(fare_day), '-infinity') AS after FROM fare.close)`;

/**
 * Open days with rides of media that were linked, of all accounts that may have had them. Too many do no harm: pricing them
 * changes nothing. A medium that was never here costs two look-ups.
 */
const TOUCHED_MEDIA = `
  WITH RECURSIVE ${OPEN},
  fresh AS MATERIALIZED (
    SELECT DISTINCT ref FROM fare.import_row r WHERE file = 'media.csv' AND NOT known
       AND (EXISTS (SELECT FROM fare.tap t WHERE t.token_id = r.ref)
         OR EXISTS (SELECT FROM fare.medium_tie m WHERE m.token_id = r.ref))),
  ${kinTable('kin', 'SELECT ref FROM fresh')},
  whose AS MATERIALIZED (${accountsOfKin('kin')})
  INSERT INTO fare.account_day_queue (account_id, fare_day, reason)
  SELECT DISTINCT w.account_id, t.fare_day, 'media-link'
  FROM kin k CROSS JOIN open
  CROSS JOIN LATERAL (SELECT t.fare_day FROM fare.timed_tap t
    WHERE t.token_id = k.token_id AND t.fare_day > open.after OFFSET 0) AS t
  JOIN whose w ON w.seed = k.seed`;

/**
 * Open days of accounts that got a right or a pass for them, or within the reach of an unsure clock; a fare day is never more than a
 * day off its own date.
 */
const TOUCHED_ACCOUNTS = `
  WITH ${OPEN}
  INSERT INTO fare.account_day_queue (account_id, fare_day, reason)
  SELECT d.account_id, d.fare_day, min(CASE file WHEN 'passes.csv' THEN 'pass' ELSE 'entitlement' END)
  FROM fare.import_row r CROSS JOIN open JOIN fare.account_day d ON d.account_id = r.account_id
  WHERE r.file IN ('passes.csv', ${RIGHTS}) AND NOT r.known AND d.fare_day > open.after
    AND d.fare_day >= to_timestamp(r.from_ms / 1000)::date - ${DAYS_AROUND}
    AND (r.until_ms IS NULL OR d.fare_day <= to_timestamp(r.until_ms / 1000)::date + ${DAYS_AROUND})
  GROUP BY 1, 2`;
