/**
 * Brings schemas up to date: numbered SQL files, each once, each in a transaction of its own, under its schema's
 * owner. A file that has run may never change: its hash is kept and compared.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { lockAloud, type OnWait } from './advisory-lock.ts';
import { OperatorError } from './errors.ts';
import type { Logger } from './logger.ts';
import { openClient } from './postgres.ts';
import { closeSchema } from './schema-fence.ts';

/** The migrations of one schema. */
export interface MigrationSet {
  /** Schema, e.g. `fare`; also the search path while a file runs. */
  readonly schema: string;
  /** Role that will own what is made, e.g. `fare_owner`. */
  readonly owner: string;
  /** Folder of `NNN-name.sql`, numbered from 001 without gaps. */
  readonly dir: string;
}

export interface MigrateOptions {
  /** Address of the migrator role, a member of all owners. */
  readonly url: string;
  /** In the order in which they run. */
  readonly sets: readonly MigrationSet[];
  readonly log: Logger;
  /** How long processes at work may take to end before a change is refused, milliseconds. */
  readonly stopMsMax?: number;
  /** Another process migrates this database, and this one waits for it; absent = it is logged. */
  readonly onWait?: OnWait;
}

interface MigrationFile {
  readonly number: number;
  readonly name: string;
  readonly path: string;
  readonly sql: string;
  readonly sha256: string;
}

const FILE_NAME = /^(\d{3})-[a-z0-9-]+\.sql$/;
// One lock for every migration of a database: 'kvyt' as a number.
const ADVISORY_LOCK = 0x6b767974;
/** A role that was just told to stop is still on its way out. */
const STOP_MS_MAX = 10_000;

/**
 * Applies what is missing. Several processes may call it at once; one works, the others wait and find nothing to do.
 * @throws OperatorError MIGRATION_CHANGED | MIGRATION_UNKNOWN | MIGRATION_NAMES | MIGRATION_FAILED | MIGRATION_WHILE_RUNNING
 * @returns the names of the files that ran, `schema/NNN-name.sql`.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const sets = options.sets.map((set) => ({ set, files: readSet(set) }));
  const client = await openClient({
    url: options.url,
    applicationName: 'kvytok-migrate',
    statementTimeoutMs: 0,
  });
  try {
    const said: OnWait = (who) => options.log.warn({ waitsFor: who }, 'migrate.waiting');
    await lockAloud(client, ADVISORY_LOCK, options.onWait ?? said);
    await client.query(`CREATE TABLE IF NOT EXISTS platform.migration (
      schema text NOT NULL, number int NOT NULL, name text NOT NULL, sha256 text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (schema, number))`);
    // Whoever writes looks which version it is; the names of files are no secret.
    await client.query(
      'GRANT USAGE ON SCHEMA platform TO PUBLIC; GRANT SELECT ON platform.migration TO PUBLIC',
    );
    const ran: string[] = [];
    for (const { set, files } of sets)
      ran.push(...(await bringUp(client, set, files, options.stopMsMax ?? STOP_MS_MAX)));
    if (ran.length > 0) options.log.info({ files: ran.length, last: ran.at(-1) }, 'migrate.done');
    return ran;
  } finally {
    await client.end();
  }
}

async function bringUp(
  client: pg.Client,
  set: MigrationSet,
  files: readonly MigrationFile[],
  stopMsMax: number,
): Promise<string[]> {
  const { rows } = await client.query<{ number: number; name: string; sha256: string }>(
    'SELECT number, name, sha256 FROM platform.migration WHERE schema = $1 ORDER BY number',
    [set.schema],
  );
  for (const row of rows) checkApplied(set, row, files[row.number - 1]);
  const missing = files.slice(rows.length);
  if (missing.length > 0) await closeSchema(client, set.schema, stopMsMax);
  for (const file of missing) await apply(client, set, file);
  return missing.map((file) => `${set.schema}/${file.name}`);
}

async function apply(client: pg.Client, set: MigrationSet, file: MigrationFile): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(`SET LOCAL ROLE ${pg.escapeIdentifier(set.owner)}`);
    await client.query(`SET LOCAL search_path = ${pg.escapeIdentifier(set.schema)}`);
    await client.query(file.sql);
    await client.query('SET LOCAL ROLE NONE');
    await client.query(
      'INSERT INTO platform.migration (schema, number, name, sha256) VALUES ($1, $2, $3, $4)',
      [set.schema, file.number, file.name, file.sha256],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    const position = Number((error as { position?: string }).position ?? 0);
    const line = position > 0 ? `:${file.sql.slice(0, position).split('\n').length}` : '';
    throw new OperatorError({
      code: 'MIGRATION_FAILED',
      happened: `The database change ${file.path}${line} failed: ${(error as Error).message}.`,
      kept: 'It was undone as a whole; every change before it stands.',
      todo: 'Mend the cause named above and start again.',
      cause: error,
    });
  }
}

/** Reads and checks a folder: names, numbers without gaps, no transaction commands inside. */
function readSet(set: MigrationSet): MigrationFile[] {
  const names = readdirSync(set.dir)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return names.map((name, index) => {
    const match = FILE_NAME.exec(name);
    const path = join(set.dir, name);
    if (!match) throw badNames(path, 'is not named NNN-name.sql');
    if (Number(match[1]) !== index + 1)
      throw badNames(path, `should have number ${index + 1}, numbers have no gaps`);
    const sql = readFileSync(path, 'utf8');
    if (/^\s*(commit|rollback)\b[^;]*;/im.test(sql))
      throw badNames(path, 'ends its own transaction; the migrator does that');
    return { number: index + 1, name, path, sql, sha256: createHash('sha256').update(sql).digest('hex') };
  });
}

function checkApplied(
  set: MigrationSet,
  row: { number: number; name: string; sha256: string },
  file: MigrationFile | undefined,
): void {
  if (file === undefined) {
    throw new OperatorError({
      code: 'MIGRATION_UNKNOWN',
      happened: `The database has change ${set.schema}/${row.name}, which this version of Kvytok does not know.`,
      kept: 'Nothing was changed.',
      todo: 'Start the newer version that made this data, or use another data folder.',
    });
  }
  if (file.sha256 !== row.sha256) {
    throw new OperatorError({
      code: 'MIGRATION_CHANGED',
      happened: `The file ${file.path} has changed since it ran on this database.`,
      kept: 'Nothing was changed.',
      todo: 'Restore the file and put the new statements into the next number; for a throw-away database, use a new data folder.',
    });
  }
}

function badNames(path: string, problem: string): OperatorError {
  return new OperatorError({
    code: 'MIGRATION_NAMES',
    happened: `The database change ${path} ${problem}.`,
    kept: 'Nothing was changed.',
    todo: 'Rename or mend the file.',
  });
}
