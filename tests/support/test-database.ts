/** A fresh database of real PostgreSQL, with Kvytok's roles and schemas, for one test file. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { bootstrapDatabase, type RuntimeRole } from '#platform/database.ts';
import { startEmbeddedPostgres } from '#platform/embedded-postgres.ts';
import { createLogger } from '#platform/logger.ts';
import { type MigrationSet, migrate } from '#platform/migrate.ts';
import { SHARED_POSTGRES_PORT, type SharedPostgres } from './shared-postgres.ts';
import { tempFolder } from './temp-folder.ts';
import { replaceByMigrated, whenNobodyIsThere } from './template-database.ts';

const ROOT = join(import.meta.dirname, '../..');

export interface TestDatabase {
  /** Superuser on this database: for looking and breaking things, never for the code under test. */
  readonly adminUrl: string;
  readonly migratorUrl: string;
  /** Name of the database. */
  readonly name: string;
  /** Address under a runtime role. */
  url(role: RuntimeRole): string;
  /** Runs migrations; returns the names of those that ran. */
  migrate(sets: readonly MigrationSet[]): Promise<string[]>;
  /** Drops the database, with whoever is still connected. */
  close(): Promise<void>;
}

/** Opens one; about 0.1 s each, 0.8 s for the first of a run. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const server = await sharedServer();
  const name = `t_${randomBytes(6).toString('hex')}`;
  const database = await bootstrapDatabase({
    adminUrl: server.adminUrl,
    database: name,
    secretsFile: server.secretsFile,
  });
  const adminUrl = new URL(server.adminUrl);
  adminUrl.pathname = `/${name}`;
  const log = createLogger({ component: 'test-migrate', level: 'warn' });
  let migrated = false;
  return {
    adminUrl: adminUrl.href,
    migratorUrl: database.migratorUrl,
    name,
    url: (role) => database.url(role),
    migrate: async (sets) => {
      const copied = sets.every(isOurs) && !migrated && (await replaceByMigrated(server, name, sets, log));
      migrated = true;
      return copied || migrate({ url: database.migratorUrl, sets, log });
    },
    close: async () => {
      await dropDatabase(server.adminUrl, name);
      await server.stop();
    },
  };
}

/** Of the project itself: a test of the migrator brings files of its own, and wants to see them run. */
function isOurs({ dir }: MigrationSet): boolean {
  return !relative(ROOT, dir).startsWith('..');
}

async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    await whenNobodyIsThere(() =>
      admin.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`),
    );
  } finally {
    await admin.end();
  }
}

/** The run's server; outside a run that has one, a server of our own. */
async function sharedServer(): Promise<SharedPostgres & { stop(): Promise<void> }> {
  const port = process.env[SHARED_POSTGRES_PORT];
  if (port === undefined) return ownServer();
  const answer = JSON.parse(await text(connect(Number(port), '127.0.0.1'))) as SharedPostgres & {
    error?: string;
  };
  if (answer.error !== undefined) throw new Error(answer.error);
  return { ...answer, stop: async () => {} };
}

async function ownServer(): Promise<SharedPostgres & { stop(): Promise<void> }> {
  const folder = tempFolder('postgres');
  const log = createLogger({ component: 'test-postgres', level: 'warn' });
  const server = await startEmbeddedPostgres({ dataDir: folder.path, log });
  const stop = async (): Promise<void> => {
    await server.stop();
    folder.remove();
  };
  return { adminUrl: server.adminUrl, secretsFile: `${folder.path}/roles.json`, stop };
}
