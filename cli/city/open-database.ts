/**
 * The city's database: embedded in the data folder, brought to the newest schema. The superuser's address is used
 * here and handed to nobody.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrapDatabase, type Database } from '#platform/database.ts';
import type { Logger } from '#platform/logger.ts';
import { type MigrationSet, migrate } from '#platform/migrate.ts';
import { keepPostgresRunning, type SupervisedPostgres } from '#platform/supervised-postgres.ts';

const roomFolder = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Migrations in the order in which they depend on each other: ingest hands over to the fare engine's inbox. */
export const MIGRATION_SETS: readonly MigrationSet[] = [
  { schema: 'fare', owner: 'fare_owner', dir: roomFolder('fare-engine/migrations') },
  { schema: 'ingest', owner: 'ingest_owner', dir: roomFolder('ingest/migrations') },
];

/** A running embedded database. */
export interface CityDatabase extends Database {
  readonly server: SupervisedPostgres;
}

/** Starts the embedded PostgreSQL of a data folder, makes roles and schemas where they are missing. */
export async function openCityDatabase(dataFolder: string, log: Logger): Promise<CityDatabase> {
  const server = await keepPostgresRunning({ dataDir: dataFolder, log });
  try {
    const database = await bootstrapDatabase({
      adminUrl: server.adminUrl,
      database: 'kvytok',
      secretsFile: join(dataFolder, 'secrets', 'database.json'),
      onWait: (who) => log.warn({ waitsFor: who }, 'database.waiting'),
    });
    await migrate({ url: database.migratorUrl, sets: [...MIGRATION_SETS], log });
    return { server, migratorUrl: database.migratorUrl, url: (role) => database.url(role) };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
