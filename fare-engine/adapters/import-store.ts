/** The stage of an import on PostgreSQL: one transaction, in which rows are staged, looked at, and written or undone. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Clock } from '#platform/clock.ts';
import { commandLeaf } from '../audit-leaf.ts';
import type { Touched } from '../commands.ts';
import type { FareDays } from '../facts/facts.ts';
import type { ImportFile, ImportRow } from '../import/import-files.ts';
import type { ImportRun, ImportStage, ImportSum } from '../import/run-import.ts';
import { openingAccount, PASS_LIABILITY, riderAccount } from '../ledger/chart-of-accounts.ts';
import type { Posting } from '../ledger/post-line.ts';
import { FACTS_GATE } from './fare-statements.ts';
import { findImportProblems, markKnown } from './import-checks.ts';
import { enqueueTouched } from './postgres-commands.ts';

/** Postings that one leaf of the audit log names: an entry of the log stays under 64 KiB. */
const POSTINGS_PER_LEAF = 200;
/** Facts whose days are looked up at once. */
const TOUCHED_AT_ONCE = 1000;

/** Makes the stage on a client that has begun a transaction; whoever began it ends it. */
export function createImportStage(
  client: pg.PoolClient,
  days: FareDays,
  clock: Pick<Clock, 'nowMs'>,
): ImportStage {
  const runId = randomUUID();
  return {
    add: (rows) => addRows(client, runId, rows),
    async look(system, onProblem) {
      // From here on nobody else writes links, holdings or postings of commands: what is looked at is what holds.
      await client.query('SELECT pg_advisory_xact_lock($1)', [FACTS_GATE]);
      // Nobody may gather statistics of the stage's rows: without them the planner looks for each row in all others.
      await client.query('SET LOCAL enable_nestloop = off');
      await markKnown(client, runId, openingAccount(system));
      for (const problem of await findImportProblems(client, runId, openingAccount(system)))
        onProblem(problem);
      await client.query('SET LOCAL enable_nestloop = on');
    },
    counts: () => countRows(client, runId),
    sums: () => sumRows(client, runId),
    async appliedHash(importId) {
      const { rows } = await client.query<{ hash: string }>(
        `SELECT encode(input_sha256, 'hex') AS hash FROM fare.command_accepted WHERE idempotency_key = $1`,
        [`import:${importId}`],
      );
      return rows[0]?.hash;
    },
    write: (run) => writeImport(client, runId, run, days, clock),
  };
}

async function addRows(client: pg.PoolClient, runId: string, rows: readonly ImportRow[]): Promise<void> {
  await client.query(
    `INSERT INTO fare.import_row (run_id, file, line, id, account_id, ref, from_ms, until_ms, amount_minor, currency,
       evidence_sha256)
     SELECT $1, file, line, id, "accountId", ref, "fromMs", "untilMs", "amountMinor", currency,
       decode("evidenceSha256", 'hex')
     FROM json_to_recordset($2) AS r (file text, line int, id text, "accountId" text, ref text, "fromMs" bigint,
       "untilMs" bigint, "amountMinor" bigint, currency text, "evidenceSha256" text)`,
    [runId, JSON.stringify(rows)],
  );
}

async function countRows(client: pg.PoolClient, runId: string) {
  const { rows } = await client.query<{ file: ImportFile; fresh: number; known: number }>(
    `SELECT file, (count(*) FILTER (WHERE NOT known))::int AS fresh, (count(*) FILTER (WHERE known))::int AS known
     FROM fare.import_row WHERE run_id = $1 GROUP BY file`,
    [runId],
  );
  return new Map(rows.map(({ file, fresh, known }) => [file, { new: fresh, known }]));
}

async function sumRows(client: pg.PoolClient, runId: string): Promise<ImportSum[]> {
  const { rows } = await client.query<{ file: ImportFile; currency: string; credit: string; debt: string }>(
    `SELECT file, currency, coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0)::text AS credit,
       coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0)::text AS debt
     FROM fare.import_row WHERE run_id = $1 AND NOT known AND amount_minor IS NOT NULL
     GROUP BY file, currency ORDER BY file, currency`,
    [runId],
  );
  return rows.map(({ file, currency, credit, debt }) => ({
    file,
    currency,
    creditMinor: BigInt(credit),
    debtMinor: BigInt(debt),
  }));
}

/** All facts of the stage that are new, its postings, its leaves; the days that it touches are queued. */
async function writeImport(
  client: pg.PoolClient,
  runId: string,
  run: ImportRun,
  days: FareDays,
  clock: Pick<Clock, 'nowMs'>,
): Promise<void> {
  const nowMs = clock.nowMs();
  const { rows } = await client.query<{ after_ms: string }>('SELECT after_ms::text FROM fare.known_clock');
  const knownFromMs = Math.max(nowMs, Number(rows[0]?.after_ms ?? nowMs));
  await client.query(
    `INSERT INTO fare.command_accepted (idempotency_key, command_id, kind, input_sha256, submitted_by, known_from_ms)
     VALUES ($1, $2, 'import', decode($3, 'hex'), $4, $5)`,
    [`import:${run.importId}`, runId, run.inputSha256, run.by, knownFromMs],
  );
  for (const statement of FACTS) await client.query(statement, [runId, knownFromMs]);
  const inputs = { importId: run.importId, system: run.system, files: run.files };
  await writeLeaf(client, { runId, run, knownFromMs, inputs, postings: [] });
  await writePostings(client, runId, run, knownFromMs, nowMs);
  await queueTouched(client, runId, days);
  await client.query('UPDATE fare.known_clock SET after_ms = greatest(after_ms, $1)', [knownFromMs + 1]);
  await client.query('DELETE FROM fare.import_row WHERE run_id = $1', [runId]);
}

const FACTS = [
  `INSERT INTO fare.account (account_id, derived_token_id, version)
   SELECT DISTINCT account_id, NULL, 0 FROM fare.import_row WHERE run_id = $1 AND file = 'accounts.csv' AND NOT known
     AND $2::bigint IS NOT NULL
   ON CONFLICT (account_id) DO NOTHING`,
  `INSERT INTO fare.media_link (link_id, token_id, account_id, valid_from_ms, valid_until_ms, known_from_ms)
   SELECT gen_random_uuid(), ref, account_id, from_ms, until_ms, $2 FROM fare.import_row
   WHERE run_id = $1 AND file = 'media.csv' AND NOT known`,
  `INSERT INTO fare.pass_holding (pass_id, account_id, fare_product_id, valid_from_ms, valid_until_ms, known_from_ms)
   SELECT id, account_id, ref, from_ms, NULL, $2 FROM fare.import_row
   WHERE run_id = $1 AND file = 'passes.csv' AND NOT known`,
  `INSERT INTO fare.entitlement (entitlement_id, account_id, concession_id, valid_from_ms, valid_until_ms,
     known_from_ms, evidence_sha256)
   SELECT id, account_id, ref, from_ms, until_ms, $2, evidence_sha256 FROM fare.import_row
   WHERE run_id = $1 AND file = 'entitlements.csv' AND NOT known`,
  // Their ids are taken: a command that names one is refused (COMMAND_KEY_REUSED), as if a command had made them.
  `INSERT INTO fare.command_accepted (idempotency_key, command_id, kind, input_sha256, submitted_by, known_from_ms)
   SELECT kind || ':' || id, run_id, 'import', sha256(convert_to(kind || id, 'UTF8')), 'import', $2
   FROM fare.import_row JOIN (VALUES ('passes.csv', 'sell-pass'), ('entitlements.csv', 'grant-entitlement')) AS k (of, kind)
     ON file = of WHERE run_id = $1 AND NOT known`,
];

interface StagedMoney {
  readonly file: ImportFile;
  readonly id: string | null;
  readonly accountId: string;
  readonly amountMinor: string;
  readonly currency: string;
}

interface StagedSpan {
  readonly file: ImportFile;
  readonly accountId: string;
  readonly ref: string;
  readonly fromMs: number;
  readonly untilMs: number | null;
}

/** Rows of a query from a cursor on the server: read once and never all together. A cursor takes no parameters. */
async function* pages<R extends pg.QueryResultRow>(
  client: pg.PoolClient,
  text: string,
  size: number,
): AsyncGenerator<R[]> {
  await client.query(`DECLARE staged CURSOR FOR ${text}`);
  for (;;) {
    const { rows } = await client.query<R>(`FETCH ${size} FROM staged`);
    if (rows.length === 0) break;
    yield rows;
  }
  await client.query('CLOSE staged');
}

async function writePostings(
  client: pg.PoolClient,
  runId: string,
  run: ImportRun,
  knownFromMs: number,
  nowMs: number,
): Promise<void> {
  const staged = pages<StagedMoney>(
    client,
    `SELECT file, id, account_id AS "accountId", amount_minor::text AS "amountMinor", currency
     FROM fare.import_row WHERE run_id = '${runId}' AND NOT known AND amount_minor <> 0 ORDER BY file, line`,
    POSTINGS_PER_LEAF,
  );
  let part = 0;
  for await (const rows of staged) {
    part++;
    const postings = rows.map((row) => postingOf(row, run.system));
    await client.query(
      `INSERT INTO fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, source, posted_at_ms)
       SELECT "postingId", "debitAccount", "creditAccount", "amountMinor", currency, source, $2
       FROM json_to_recordset($1) AS r ("postingId" text, "debitAccount" text, "creditAccount" text,
         "amountMinor" bigint, currency text, source text)`,
      [JSON.stringify(postings, (_key, v) => (typeof v === 'bigint' ? v.toString() : v)), nowMs],
    );
    await writeLeaf(client, { runId, run, knownFromMs, inputs: { importId: run.importId, part }, postings });
  }
}

/** A balance is between the earlier system and the rider; a prepaid pass between it and the carriers to come. */
function postingOf({ file, id, accountId, amountMinor, currency }: StagedMoney, system: string): Posting {
  const minor = BigInt(amountMinor);
  const opening = openingAccount(system);
  const other = file === 'passes.csv' ? PASS_LIABILITY : riderAccount(accountId);
  const owed = minor < 0n;
  const postingId = file === 'passes.csv' ? `pass:${id}` : `${opening}:${accountId}:${currency}`;
  return {
    postingId,
    debitAccount: owed ? other : opening,
    creditAccount: owed ? opening : other,
    amountMinor: owed ? -minor : minor,
    currency,
    tapId: null,
    revision: null,
    source: postingId,
    reverses: null,
  };
}

async function writeLeaf(
  client: pg.PoolClient,
  leaf: { runId: string; run: ImportRun; knownFromMs: number; inputs: object; postings: readonly Posting[] },
): Promise<void> {
  const { runId, run, knownFromMs, inputs, postings } = leaf;
  const command = { commandId: runId, kind: 'import', submittedBy: run.by, knownFromMs, inputs };
  const { kind, ref, bytes } = commandLeaf(command, postings);
  await client.query('INSERT INTO fare.audit_leaf (kind, ref, bytes) VALUES ($1, $2, $3)', [
    kind,
    ref,
    bytes,
  ]);
}

/** Rides of before whose media, rights or holdings are known now are priced anew, where their day is open. */
async function queueTouched(client: pg.PoolClient, runId: string, days: FareDays): Promise<void> {
  const staged = pages<StagedSpan>(
    client,
    `SELECT file, account_id AS "accountId", ref, from_ms::float8 AS "fromMs", until_ms::float8 AS "untilMs"
     FROM fare.import_row WHERE run_id = '${runId}' AND NOT known AND from_ms IS NOT NULL ORDER BY file, line`,
    TOUCHED_AT_ONCE,
  );
  for await (const rows of staged) {
    const touched = rows.map(({ file, accountId, ref, fromMs, untilMs }): Touched => {
      const span = { fromMs, untilMs };
      if (file === 'media.csv') return { kind: 'media-link', ref, ...span };
      return file === 'passes.csv'
        ? { kind: 'pass', ref: accountId, fromMs, untilMs: null }
        : { kind: 'entitlement', ref: accountId, ...span };
    });
    await enqueueTouched(client, { touched }, days);
  }
}
