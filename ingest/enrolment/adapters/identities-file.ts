/**
 * The broker's identities file, kept in step with the database: who is in it may connect. Run it where the broker is;
 * the role `broker_runtime` reads who may connect and nothing else.
 */
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Pool } from 'pg';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import type { Logger } from '#platform/logger.ts';

export interface IdentitiesFollower {
  /** Looks now; resolves when the file is as the database says. Rejects when one of both is away. */
  refresh(): Promise<void>;
  /** Whether the last look came through. */
  inStep(): boolean;
  stop(): void;
}

interface Client {
  clientId: string;
  role: string;
  certificates: string[];
}

/** Certificates of one client that are written, the latest to end first; the broker takes no more. */
const CERTIFICATES_MAX = 8;

/** Writes the file at once and then whenever something has changed. */
export async function followIdentities(
  pool: Pool,
  options: {
    readonly path: string;
    readonly everyMs: number;
    readonly nowMs: () => number;
    readonly log: Logger;
    /** Told after each writing. */
    readonly onWritten?: () => void;
  },
): Promise<IdentitiesFollower> {
  const { path, log } = options;
  let written = readIfThere(path);
  // Whoever else writes the file is outdone at the next look: the database alone says who may connect.
  let stamp = stampOf(path);
  let fine = true;
  let busy: Promise<void> | undefined;

  async function look(): Promise<void> {
    const clients = await readClients(pool, options.nowMs());
    const text = `${JSON.stringify({ v: 1, clients })}\n`;
    if (text === written && stampOf(path) === stamp) return;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileAtomic(path, text, { mode: 0o640 });
    written = text;
    stamp = stampOf(path);
    log.info({ clients: clients.length }, 'identities.written');
    options.onWritten?.();
  }
  const refresh = (): Promise<void> => {
    // A look that is under way may have read before the caller's change.
    busy = (busy ?? Promise.resolve()).catch(() => {}).then(look);
    return busy;
  };
  const quietly = (): Promise<void> =>
    refresh().then(
      () => {
        if (!fine) log.info('identities.in-step-again');
        fine = true;
      },
      (error: Error) => {
        if (fine) log.error({ problem: error.message }, 'identities.behind: the former file stays in force');
        fine = false;
      },
    );
  await refresh();
  let waiting = false;
  const timer = setInterval(async () => {
    if (waiting) return;
    waiting = true;
    await quietly();
    waiting = false;
  }, options.everyMs);
  timer.unref();
  return { refresh, inStep: () => fine, stop: () => clearInterval(timer) };
}

async function readClients(pool: Pool, nowMs: number): Promise<Client[]> {
  const { rows } = await pool.query<{ client_id: string; role: string; serials: string[] }>(
    `SELECT client_id, role, (array_agg(serial ORDER BY not_after_ms DESC, serial))[1:$2] AS serials
     FROM ingest.published_broker_client WHERE not_after_ms > $1 GROUP BY client_id, role ORDER BY client_id`,
    [Math.floor(nowMs), CERTIFICATES_MAX],
  );
  return rows.map(({ client_id: clientId, role, serials }) => ({ clientId, role, certificates: serials }));
}

function stampOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? 'absent' : `${found.mtimeNs} ${found.size} ${found.ino}`;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
