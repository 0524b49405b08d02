/** A server of its own with a table that a test fills, a backup beside it, and restores into new folders. */
import { join } from 'node:path';
import pg from 'pg';
import { openBackupFolder } from '#platform/backup/backup-folder.ts';
import { type BackupHealth, startBackupService } from '#platform/backup/backup-service.ts';
import { type Reached, restoreCluster } from '#platform/backup/restore-cluster.ts';
import { chooseServer, type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/embedded-postgres.ts';
import { createLogger } from '#platform/logger.ts';
import { findPostgresBinaries } from '#platform/postgres-binaries.ts';
import { adminPassword } from '#platform/postgres-cluster.ts';
import type { Probe } from '#platform/probe.ts';
import type { Role } from '#platform/role.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

export const log = createLogger({ component: 'backup', level: process.env['TEST_LOG'] ?? 'silent' });

export interface Numbers {
  readonly server: EmbeddedPostgres;
  readonly client: pg.Client;
  /** Commits one row each; gives the place after the last. */
  add(count: number): Promise<bigint>;
  count(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a server on a data folder and connects to it. */
export async function openNumbers(dataDir: string, settings: Record<string, string> = {}): Promise<Numbers> {
  const server = await startEmbeddedPostgres({ dataDir, log, settings });
  const client = new pg.Client({ connectionString: server.adminUrl });
  client.on('error', () => {});
  await client.connect();
  await client.query('CREATE TABLE IF NOT EXISTS public.number (n bigserial PRIMARY KEY, filler text)');
  return {
    server,
    client,
    async add(count) {
      for (let i = 0; i < count; i++) await client.query('INSERT INTO public.number DEFAULT VALUES');
      const { rows } = await client.query('SELECT pg_current_wal_insert_lsn() - $1::pg_lsn AS at', ['0/0']);
      return BigInt(rows[0].at);
    },
    count: async () => Number((await client.query('SELECT count(*) AS n FROM public.number')).rows[0].n),
    async stop() {
      await client.end().catch(() => {});
      await server.stop();
    },
  };
}

export interface RunningBackup {
  readonly states: BackupHealth[];
  /** Place up to which the backup said that it can be restored. */
  held(): bigint;
  untilHeld(position: bigint): Promise<void>;
  readonly role: Role;
}

export function runBackup(
  url: string,
  folder: string,
  options: { probe?: Probe; everyMs?: number; baseEveryMs?: number; keepBases?: number } = {},
): RunningBackup {
  const states: BackupHealth[] = [];
  let held = -1n;
  const role = startBackupService({
    url,
    folder,
    log,
    nowMs: Date.now,
    ...(options.probe && { probe: options.probe }),
    limits: {
      everyMs: options.everyMs ?? 50,
      baseEveryMs: options.baseEveryMs ?? 3_600_000,
      keepBases: options.keepBases ?? 2,
    },
    beforeTurn: async () => {},
    onHeld: async (position) => {
      const [high, low] = position.split('/').map((part) => BigInt(`0x${part}`)) as [bigint, bigint];
      held = (high << 32n) | low;
    },
    onState: async (state) => void states.push(state),
  });
  const untilHeld = async (position: bigint): Promise<void> => {
    await until(() => held >= position, { withinMs: 60_000, what: `the backup to hold ${position}` });
  };
  return { states, held: () => held, untilHeld, role };
}

/** Restores the newest base, or the named one, into a new data folder, and starts a server there. */
export async function restoreNumbers(
  backupPath: string,
  options: { base?: string; untilMs?: number; accept?: (reached: Reached) => void } = {},
): Promise<{ numbers: Numbers; reached: Reached; remove(): Promise<void> }> {
  const folder = tempFolder('restored');
  const backup = openBackupFolder(backupPath, false);
  const base = backup.listBases().findLast(({ id }) => options.base === undefined || id === options.base);
  if (base === undefined) throw new Error('no base');
  const cluster = join(folder.path, 'pg');
  try {
    const reached = await restoreCluster({
      backup,
      base,
      cluster,
      ...chooseServer(cluster, findPostgresBinaries(), '/var/cache/kvytok', log),
      password: adminPassword(folder.path),
      log,
      onStep: () => {},
      accept: options.accept ?? (() => {}),
      ...(options.untilMs !== undefined && { untilMs: options.untilMs }),
    });
    const numbers = await openNumbers(folder.path);
    return {
      numbers,
      reached,
      remove: async () => {
        await numbers.stop();
        folder.remove();
      },
    };
  } catch (error) {
    folder.remove();
    throw error;
  }
}
