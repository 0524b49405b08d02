/** A migrated database is made once for a run and copied: a copy takes a tenth of the time of all migrations. */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { bootstrapDatabase } from '#platform/database.ts';
import type { Logger } from '#platform/logger.ts';
import { type MigrationSet, migrate } from '#platform/migrate.ts';
import type { SharedPostgres } from './shared-postgres.ts';
import { until } from './until.ts';

// Held on the maintenance database while one worker makes a template: 'kvyp' as a number.
const ADVISORY_LOCK = 0x6b767970;

/**
 * Puts a copy of the migrated template in the place of a database that nobody uses yet.
 * @returns the names of the files that ran in the template, or undefined when somebody is connected already: then the
 * database is as it was.
 */
export async function replaceByMigrated(
  server: SharedPostgres,
  database: string,
  sets: readonly MigrationSet[],
  log: Logger,
): Promise<string[] | undefined> {
  const admin = new pg.Client({ connectionString: server.adminUrl });
  await admin.connect();
  try {
    const { rows } = await admin.query('SELECT 1 FROM pg_stat_activity WHERE datname = $1', [database]);
    if (rows.length > 0) return undefined;
    await admin.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK]);
    const template = `template_${hashOf(sets)}`;
    const files =
      (await filesOf(admin, template)) ?? (await makeTemplate(admin, server, template, sets, log));
    await whenNobodyIsThere(() => admin.query(`DROP DATABASE ${database}`));
    await whenNobodyIsThere(() => admin.query(`CREATE DATABASE ${database} TEMPLATE ${template}`));
    await bootstrapDatabase({ ...server, database }); // A copy has no grants of its own.
    return files;
  } finally {
    await admin.end();
  }
}

/** Kept in the template's comment: it lists what ran there. */
async function filesOf(admin: pg.Client, template: string): Promise<string[] | undefined> {
  const { rows } = await admin.query<{ files: string }>(
    "SELECT shobj_description(oid, 'pg_database') AS files FROM pg_database WHERE datname = $1",
    [template],
  );
  return rows[0] === undefined ? undefined : (JSON.parse(rows[0].files) as string[]);
}

/** Under another name until it is whole. */
async function makeTemplate(
  admin: pg.Client,
  server: SharedPostgres,
  template: string,
  sets: readonly MigrationSet[],
  log: Logger,
): Promise<string[]> {
  const database = `making_${randomBytes(6).toString('hex')}`;
  const { migratorUrl } = await bootstrapDatabase({ ...server, database });
  const files = await migrate({ url: migratorUrl, sets, log });
  await admin.query(`COMMENT ON DATABASE ${database} IS ${pg.escapeLiteral(JSON.stringify(files))}`);
  await whenNobodyIsThere(() => admin.query(`ALTER DATABASE ${database} RENAME TO ${template}`));
  return files;
}

const OBJECT_IN_USE = '55006';

/** The server waits five seconds for the sessions of a database to end; one that stands still just then takes longer. */
export async function whenNobodyIsThere(statement: () => Promise<unknown>): Promise<void> {
  let failure: { code?: unknown } | undefined;
  await until(
    async () => {
      failure = await statement().then(
        () => undefined,
        (error) => error,
      );
      return failure?.code !== OBJECT_IN_USE;
    },
    { what: 'the last session of a database to end' },
  );
  if (failure !== undefined) throw failure;
}

function hashOf(sets: readonly MigrationSet[]): string {
  const hash = createHash('sha256');
  for (const { schema, owner, dir } of sets) {
    hash.update(`${schema} ${owner}\n`);
    for (const name of readdirSync(dir).sort())
      hash.update(`${name}\n`).update(readFileSync(join(dir, name)));
  }
  return hash.digest('hex').slice(0, 16);
}
