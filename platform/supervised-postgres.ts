/**
 * The embedded PostgreSQL, started again whenever it dies: killed, out of memory, or in panic over a full disk. It
 * comes back on the same port and recovers what was committed; services find it again by themselves.
 */
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from './embedded-postgres.ts';
import { pause } from './pause.ts';

export interface SupervisedPostgres {
  readonly port: number;
  /** Address of the superuser on the database `postgres`. Contains a password: never log it. */
  readonly adminUrl: string;
  /** Folder of the cluster. */
  readonly place: string;
  /** Of the present postmaster; another after a restart. */
  pid(): number;
  /** How often it was started again. */
  restarts(): number;
  /** Stops it for good. May be called twice. */
  stop(): Promise<void>;
}

const PAUSE_MS = 200;
const PAUSE_MS_MAX = 5000;
/** Alive for so long, a later death is a new story with short pauses again. */
const SETTLED_MS = 30_000;

/**
 * Starts it and keeps it running until {@link SupervisedPostgres.stop}.
 * @throws as {@link startEmbeddedPostgres}, for the first start only.
 */
export async function keepPostgresRunning(options: EmbeddedPostgresOptions): Promise<SupervisedPostgres> {
  const { log } = options;
  let server = await startEmbeddedPostgres(options);
  const { port, adminUrl, place } = server;
  const stopping = new AbortController();
  let restarts = 0;

  const restart = async (): Promise<EmbeddedPostgres | undefined> => {
    for (let pauseMs = PAUSE_MS; !stopping.signal.aborted; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      try {
        return await startEmbeddedPostgres({ ...options, port });
      } catch (err) {
        log.error({ err: (err as Error).message, pauseMs }, 'postgres.restart-failed');
      }
      await pause(pauseMs, stopping.signal);
    }
    return undefined;
  };

  const watch = async (): Promise<void> => {
    const stopped = new Promise<undefined>((resolve) => {
      stopping.signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    let startedAtMs = performance.now();
    while (!stopping.signal.aborted) {
      const died = await Promise.race([server.died, stopped]);
      if (died === undefined) return;
      await server.stop(); // Frees what it held; the process is gone already.
      // One that dies again and again, right after its start, is not to keep a core busy.
      if (performance.now() - startedAtMs < SETTLED_MS && restarts > 0)
        await pause(PAUSE_MS, stopping.signal);
      const next = await restart();
      if (next === undefined) return;
      server = next;
      startedAtMs = performance.now();
      restarts += 1;
      log.warn({ port, pid: server.pid, restarts }, 'postgres.restarted');
    }
  };
  const watching = watch();
  return {
    port,
    adminUrl,
    place,
    pid: () => server.pid,
    restarts: () => restarts,
    async stop() {
      stopping.abort();
      await watching;
      await server.stop();
    },
  };
}
