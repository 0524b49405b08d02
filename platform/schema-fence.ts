/**
 * Keeps processes of an older version away from a schema that a newer one has changed. Each connection of a service that writes holds
 * a shared lock on the name of its schema and has seen that the schema is the one it was written for; a migration needs
 * the lock alone. So no change comes under a process at work, and none goes on working after it: not in the second after the
 * server was started anew, either, because a new connection looks again. It costs two questions for each connection, none for a row.
 *
 * @see https://www.postgresql.org/docs/18/explicit-locking.html#ADVISORY-LOCKS
 */
import { readdirSync } from 'node:fs';
import type pg from 'pg';
import { OperatorError } from './errors.ts';

/** 'kvys' as a number: the first of the lock's two keys, the second is the name of the schema. */
const FENCE_LOCK = 0x6b76_7973;

export interface Fence {
  readonly schema: string;
  /** Folder of the migrations that this process was written for. */
  readonly dir: string;
  /** Schemas of others that it writes into: they are not changed under it either. */
  readonly alsoIn?: readonly string[];
}

/**
 * What a pool asks of each new connection. The lock is waited for: a migration that runs is short, and the look comes after it.
 * What it returns throws OperatorError SCHEMA_OTHER_VERSION.
 */
export function schemaFence({ schema, dir, alsoIn = [] }: Fence): (client: pg.ClientBase) => Promise<void> {
  const ours = newestIn(dir);
  return async (client) => {
    // In the order in which migrations close them (a schema after those that it writes into): nobody waits in a circle.
    for (const name of [...alsoIn, schema])
      await client.query('SELECT pg_advisory_lock_shared($1, hashtext($2))', [FENCE_LOCK, name]);
    const theirs = await newestThere(client, schema);
    if (theirs !== ours) throw otherVersion(schema, ours, theirs);
  };
}

/** Name of the last change. A database that no migration of this version has met shows its list to nobody. */
async function newestThere(client: pg.ClientBase, schema: string): Promise<string> {
  try {
    const { rows } = await client.query<{ name: string }>(
      'SELECT name FROM platform.migration WHERE schema = $1 ORDER BY number DESC LIMIT 1',
      [schema],
    );
    return rows[0]?.name ?? 'none';
  } catch (error) {
    if (NO_LIST.has((error as { code?: unknown }).code)) return 'none';
    throw error;
  }
}

/** No such table, no such schema, no right to look. */
const NO_LIST: ReadonlySet<unknown> = new Set(['42P01', '3F000', '42501']);

/** Name of the last file. */
function newestIn(dir: string): string {
  const names = readdirSync(dir).filter((name) => name.endsWith('.sql'));
  return names.sort().at(-1) ?? 'none';
}

/**
 * Takes the lock for a migration, until the session ends.
 * @throws OperatorError MIGRATION_WHILE_RUNNING when processes that write hold it for longer than `waitMs`
 */
export async function closeSchema(client: pg.ClientBase, schema: string, waitMs: number): Promise<void> {
  await client.query(`SET lock_timeout = ${Math.trunc(waitMs)}`);
  try {
    await client.query('SELECT pg_advisory_lock($1, hashtext($2))', [FENCE_LOCK, schema]);
  } catch (error) {
    if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE) throw error;
    throw stillRunning(schema, await holders(client, schema));
  } finally {
    await client.query('RESET lock_timeout');
  }
}

const LOCK_NOT_AVAILABLE = '55P03';

async function holders(client: pg.ClientBase, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ who: string }>(
    `SELECT DISTINCT coalesce(a.application_name, '?') AS who
     FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = $1
       AND l.objid = (hashtext($2)::int8 & 4294967295)::oid
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
     ORDER BY who`,
    [FENCE_LOCK, schema],
  );
  return rows.map(({ who }) => who);
}

function otherVersion(schema: string, ours: string, theirs: string): OperatorError {
  return new OperatorError({
    code: 'SCHEMA_OTHER_VERSION',
    happened: `The schema ${schema} of the database is at change ${theirs}; this version of Kvytok works at ${ours}.`,
    kept: 'Nothing was accepted, posted or changed by this process.',
    todo: 'Where the database is behind, run kvytok migrate of this version. Where it is ahead, stop this process and start the newer version.',
  });
}

function stillRunning(schema: string, who: readonly string[]): OperatorError {
  return new OperatorError({
    code: 'MIGRATION_WHILE_RUNNING',
    happened: `The schema ${schema} cannot be changed: ${who.join(', ')} work on it.`,
    kept: 'Nothing was changed; they go on.',
    todo: 'Stop ingests and fare engines on this database, run kvytok migrate again, then start the new version. Validators keep what they record meanwhile.',
  });
}
