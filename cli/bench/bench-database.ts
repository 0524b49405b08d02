/** A real PostgreSQL with the platform's schemas, durable settings, in a benchmark's folder. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { bootstrapDatabase, type Database } from '#platform/database.ts';
import { startEmbeddedPostgres } from '#platform/embedded-postgres.ts';
import { createLogger } from '#platform/logger.ts';
import { migrate } from '#platform/migrate.ts';
import { createPool } from '#platform/postgres.ts';
import { MIGRATION_SETS } from '../city/open-database.ts';

/** One database of a benchmark's server. */
export interface OneDatabase extends Pick<Database, 'url'> {
  /** A pool under a role, closed with the database. */
  pool(role: Parameters<Database['url']>[0], max?: number): pg.Pool;
  /**
   * Ends what the server still owes to what was done before (dead rows of this database, pages not yet on disk), so that what is
   * measured next does not pay for it.
   */
  putAtRest(): Promise<void>;
}

export interface BenchDatabase extends OneDatabase {
  readonly adminUrl: string;
  /** A copy of the database as it was migrated, while nobody has connected to that; its pools are closed with this one. */
  another(name: string): Promise<OneDatabase>;
  stop(): Promise<void>;
}

const FIRST = 'kvytok';

/** Starts it, migrated; with `schemas`, those alone. */
export async function openBenchDatabase(
  folder: string,
  schemas: readonly string[] = MIGRATION_SETS.map((set) => set.schema),
): Promise<BenchDatabase> {
  const log = createLogger({ component: 'bench', level: 'error' });
  const dataDir = join(folder, 'database');
  mkdirSync(dataDir, { mode: 0o711 });
  const server = await startEmbeddedPostgres({ dataDir, log });
  const pools: pg.Pool[] = [];
  const handles = ({ url }: Database, name: string): OneDatabase => ({
    url,
    pool(role, max = 1) {
      const pool = createPool({ url: url(role), applicationName: 'kvytok-bench', max, log });
      pools.push(pool);
      return pool;
    },
    async putAtRest() {
      const address = new URL(server.adminUrl);
      address.pathname = name;
      const admin = createPool({ url: address.href, applicationName: 'kvytok-bench', max: 1, log });
      await admin
        .query('VACUUM')
        .then(() => admin.query('CHECKPOINT'))
        .finally(() => admin.end());
    },
  });
  try {
    const { adminUrl } = server;
    const bootstrap = (database: string) =>
      bootstrapDatabase({ adminUrl, database, secretsFile: join(folder, 'roles.json') });
    const first = await bootstrap(FIRST);
    const sets = MIGRATION_SETS.filter((set) => schemas.includes(set.schema));
    await migrate({ url: first.migratorUrl, sets, log });
    const another = async (name: string): Promise<OneDatabase> => {
      const admin = createPool({ url: adminUrl, applicationName: 'kvytok-bench', max: 1, log });
      await admin.query(`CREATE DATABASE ${name} TEMPLATE ${FIRST}`).finally(() => admin.end());
      return handles(await bootstrap(name), name);
    };
    const stop = async (): Promise<void> => {
      await Promise.all(pools.map((pool) => pool.end()));
      await server.stop();
    };
    return { ...handles(first, FIRST), adminUrl, another, stop };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
