/**
 * The stage of an import on PostgreSQL. Rows are staged and looked at in committed transactions of their own, so that
 * nothing waits for them and the audit log goes on sealing; what is written is written in one short transaction.
 */
import type pg from 'pg';
import type { Clock } from '#platform/clock.ts';
import { inTransaction } from '#platform/postgres.ts';
import type { ImportFile, ImportRow } from '../import/import-files.ts';
import { importLeaves } from '../import/import-leaves.ts';
import type { ImportRun, ImportStage, ImportSum } from '../import/run-import.ts';
import { openingAccount } from '../ledger/chart-of-accounts.ts';
import { findImportProblems, markKnown } from './import-checks.ts';
import { writeImport } from './import-write.ts';

/** Held by the session that imports or checks: there is one stage. */
const IMPORT_LOCK = 0x6b766969;
/** Rows that are read from the stage at once. */
const ROWS_AT_ONCE = 5000;

const EMPTY = 'TRUNCATE fare.import_row, fare.import_leaf';

/**
 * Makes the stage on a client that nobody else uses; what an earlier import left there goes. `undefined` = another one is at
 * work. The stage is the session's: `close` empties it, and where that could not be done, `emptyImportStage` does.
 */
export async function openImportStage(
  client: pg.PoolClient,
  clock: Pick<Clock, 'nowMs'>,
): Promise<(ImportStage & { close(): Promise<void> }) | undefined> {
  const { rows } = await client.query<{ mine: boolean }>('SELECT pg_try_advisory_lock($1) AS mine', [
    IMPORT_LOCK,
  ]);
  if (rows[0]?.mine !== true) return undefined;
  // Each statement is about all rows of a city, not about one ride.
  await client.query('SET statement_timeout = 0');
  await client.query(EMPTY);
  let seenMs = 0;
  return {
    add: (staged) => addRows(client, staged),
    async look(system, onProblem) {
      const opening = openingAccount(system);
      seenMs = await knownAfterMs(client);
      // The stage has no statistics: without this the planner may look for each row in all others.
      await client.query('SET enable_nestloop = off');
      await markKnown(client, opening);
      for (const problem of await findImportProblems(client, opening)) onProblem(problem);
      await client.query('RESET enable_nestloop');
    },
    counts: () => countRows(client),
    sums: () => sumRows(client),
    appliedHash: (importId) => appliedHash(client, importId),
    async write(run) {
      await stageLeaves(client, run);
      return writeImport(client, run, seenMs, clock);
    },
    close: async () => void (await client.query(EMPTY)),
  };
}

/** What an import has left whose process died; rows of one that is at work stay. */
export async function emptyImportStage(pool: pg.Pool): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ mine: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS mine', [
      IMPORT_LOCK,
    ]);
    if (rows[0]?.mine === true) await client.query(EMPTY);
  });
}

async function knownAfterMs(client: pg.PoolClient): Promise<number> {
  const { rows } = await client.query<{ after_ms: string }>('SELECT after_ms::text FROM fare.known_clock');
  return Number(rows[0]?.after_ms ?? 0);
}

async function appliedHash(client: pg.PoolClient, importId: string): Promise<string | undefined> {
  const { rows } = await client.query<{ hash: string }>(
    `SELECT encode(input_sha256, 'hex') AS hash FROM fare.command_accepted WHERE idempotency_key = $1`,
    [`import:${importId}`],
  );
  return rows[0]?.hash;
}

async function addRows(client: pg.PoolClient, rows: readonly ImportRow[]): Promise<void> {
  await client.query(
    `INSERT INTO fare.import_row (file, line, id, account_id, ref, from_ms, until_ms, amount_minor, currency,
       evidence_sha256, reason, scope)
     SELECT file, line, id, "accountId", ref, "fromMs", "untilMs", "amountMinor", currency,
       decode("evidenceSha256", 'hex'), reason, scope
     FROM json_to_recordset($1) AS r (file text, line int, id text, "accountId" text, ref text, "fromMs" bigint,
       "untilMs" bigint, "amountMinor" bigint, currency text, "evidenceSha256" text, reason text, scope text)`,
    [JSON.stringify(rows)],
  );
}

async function countRows(client: pg.PoolClient) {
  const { rows } = await client.query<{ file: ImportFile; fresh: number; known: number }>(
    `SELECT file, (count(*) FILTER (WHERE NOT known))::int AS fresh, (count(*) FILTER (WHERE known))::int AS known
     FROM fare.import_row GROUP BY file`,
  );
  return new Map(rows.map(({ file, fresh, known }) => [file, { new: fresh, known }]));
}

async function sumRows(client: pg.PoolClient): Promise<ImportSum[]> {
  const { rows } = await client.query<{ file: ImportFile; currency: string; credit: string; debt: string }>(
    `SELECT file, currency, coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0)::text AS credit,
       coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0)::text AS debt
     FROM fare.import_row WHERE NOT known AND amount_minor IS NOT NULL
     GROUP BY file, currency ORDER BY file, currency`,
  );
  return rows.map(({ file, currency, credit, debt }) => ({
    file,
    currency,
    creditMinor: BigInt(credit),
    debtMinor: BigInt(debt),
  }));
}

/** Makes the leaves of all new rows before anybody has to wait for them. */
async function stageLeaves(client: pg.PoolClient, run: ImportRun): Promise<void> {
  await client.query('TRUNCATE fare.import_leaf');
  let part = 0;
  for (const { file } of run.files) {
    for await (const rows of newRows(client, file)) {
      const leaves = [...importLeaves(run, file, rows, part)];
      await client.query(
        `INSERT INTO fare.import_leaf (part, bytes)
         SELECT $1 + ordinality, bytes FROM unnest($2::text[]) WITH ORDINALITY AS l (bytes, ordinality)`,
        [part, leaves],
      );
      part += leaves.length;
    }
  }
}

async function* newRows(client: pg.PoolClient, file: ImportFile): AsyncGenerator<ImportRow[]> {
  for (let after = 0; ; ) {
    const { rows } = await client.query<ImportRow>(
      `SELECT file, line, id, account_id AS "accountId", ref, from_ms::float8 AS "fromMs", until_ms::float8 AS "untilMs",
         amount_minor::text AS "amountMinor", currency, encode(evidence_sha256, 'hex') AS "evidenceSha256", reason, scope
       FROM fare.import_row WHERE file = $1 AND line > $2 AND NOT known ORDER BY line LIMIT $3`,
      [file, after, ROWS_AT_ONCE],
    );
    if (rows.length === 0) return;
    yield rows;
    after = (rows.at(-1) as ImportRow).line;
  }
}
