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

export interface BenchDatabase extends Pick<Database, 'url'> {
  readonly adminUrl: string;
  /** A pool under a role, closed with the database. */
  pool(role: Parameters<Database['url']>[0], max?: number): pg.Pool;
  stop(): Promise<void>;
}

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
  try {
    const database = await bootstrapDatabase({
      adminUrl: server.adminUrl,
      database: 'kvytok',
      secretsFile: join(folder, 'roles.json'),
    });
    const sets = MIGRATION_SETS.filter((set) => schemas.includes(set.schema));
    await migrate({ url: database.migratorUrl, sets, log });
    return {
      adminUrl: server.adminUrl,
      url: (role) => database.url(role),
      pool(role, max = 1) {
        const pool = createPool({ url: database.url(role), applicationName: 'kvytok-bench', max, log });
        pools.push(pool);
        return pool;
      },
      async stop() {
        await Promise.all(pools.map((pool) => pool.end()));
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
