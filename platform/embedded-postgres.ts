/**
 * A real PostgreSQL 18 as a child process: loopback only, no socket file, passwords by SCRAM, checksums and fsync on.
 * Why not the npm wrapper around the same binaries: docs/decisions/0003.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { openDataFolder } from './data-folder.ts';
import { OperatorError } from './errors.ts';
import { fairTimeout } from './fair-timeout.ts';
import type { Logger } from './logger.ts';
import {
  binariesFor,
  findPostgresBinaries,
  type PostgresBinaries,
  type UnixUser,
} from './postgres-binaries.ts';
import {
  ADMIN_ROLE,
  adminPassword,
  asUser,
  chooseServerUser,
  clearLeftovers,
  ensureCluster,
  locateCluster,
  SERVER_ENV,
} from './postgres-cluster.ts';

export interface EmbeddedPostgresOptions {
  /** Kvytok's data folder, already locked by the caller; the cluster lies in its `pg`. */
  readonly dataDir: string;
  readonly log: Logger;
  /** A free one is taken when none is given. */
  readonly port?: number;
  /** Server settings beyond ours, for tests and benchmarks. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where root keeps copies for the database user; for tests. */
  readonly machineFolders?: { readonly cache: string; readonly data: string };
}

export interface EmbeddedPostgres {
  readonly port: number;
  /** Address of the superuser on the database `postgres`. Contains a password: never log it. */
  readonly adminUrl: string;
  /** Folder of the cluster. */
  readonly place: string;
  /** Of the postmaster. */
  readonly pid: number;
  /** Resolves with how it ended if it ends without being stopped; never otherwise. */
  readonly died: Promise<string>;
  /** Fast shutdown, awaited: open transactions are rolled back, committed ones are on disk. May be called twice. */
  stop(): Promise<void>;
}

export const MACHINE_FOLDERS = { cache: '/var/cache/kvytok', data: '/var/lib/kvytok' };
const LOG_LINES_KEPT = 60;
const START_MS_MAX = 120_000;
const STOP_MS_MAX = 20_000;
const PORT_TRIES = 3;

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  logging_collector: 'off',
  log_destination: 'stderr',
  lc_messages: 'C',
  timezone: 'UTC',
  log_timezone: 'UTC',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  max_wal_size: '2GB',
  // A backup that is away for long is given up rather than filling the city's disk; it then begins a new base.
  max_slot_wal_keep_size: '1GB',
  jit: 'off',
};

/**
 * Starts the server, making its cluster on the first call.
 * @throws OperatorError POSTGRES_NOT_STARTED with the end of the server's log, POSTGRES_PORT_IN_USE,
 *   POSTGRES_NOT_MADE, POSTGRES_OTHER_VERSION, POSTGRES_BINARIES_MISSING, POSTGRES_NO_USER, POSTGRES_LEFTOVER
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const folders = options.machineFolders ?? MACHINE_FOLDERS;
  const installed = findPostgresBinaries();
  const cluster = locateCluster(options.dataDir, folders.data, options.log);
  // A copied data folder would bring a second note to the same outside cluster: that place gets a lock of its own.
  const lock = dirname(cluster) === resolve(options.dataDir) ? undefined : openDataFolder(dirname(cluster));
  try {
    return await startIn(cluster, installed, folders.cache, options, () => lock?.release());
  } catch (error) {
    lock?.release();
    throw error;
  }
}

async function startIn(
  cluster: string,
  installed: PostgresBinaries,
  cacheFolder: string,
  options: EmbeddedPostgresOptions,
  release: () => void,
): Promise<EmbeddedPostgres> {
  const { user, binaries } = chooseServer(cluster, installed, cacheFolder, options.log);
  const password = adminPassword(options.dataDir);
  const state = await ensureCluster(cluster, binaries, user, password);
  if (state === 'found') await clearLeftovers(cluster, options.log);

  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const server = await launchServer({ binaries, user, cluster, port, options });
    if (server === 'port-in-use') {
      if (options.port !== undefined || attempt === PORT_TRIES) throw portInUse(port);
      continue;
    }
    const { child } = server;
    const stop = (): Promise<void> => server.stop().finally(release);
    const pid = child.pid as number;
    options.log.debug({ port, pid, state }, 'postgres.started');
    const adminUrl = `postgres://${ADMIN_ROLE}:${password}@127.0.0.1:${port}/postgres`;
    return { port, pid, stop, adminUrl, place: cluster, died: server.died };
  }
}

/** Who runs the server of a cluster, and which binaries that user can run. */
export function chooseServer(
  cluster: string,
  installed: PostgresBinaries,
  cacheFolder: string,
  log: Logger,
): { readonly user: UnixUser; readonly binaries: PostgresBinaries } {
  const user = chooseServerUser(cluster);
  if (user.uid === process.getuid?.()) return { user, binaries: installed };
  const { binaries, copied } = binariesFor(user, installed, cacheFolder);
  if (copied) log.info({ place: binaries.root, user: user.name }, 'postgres.copied for the database user');
  return { user, binaries };
}

/** One start of a server on a cluster that is there. */
export interface Launch {
  readonly binaries: PostgresBinaries;
  readonly user: UnixUser;
  readonly cluster: string;
  readonly port: number;
  readonly options: Pick<EmbeddedPostgresOptions, 'log' | 'settings'>;
  /** How long it may go on without a word until it is ready; two minutes by default. A recovery from a backup takes longer. */
  readonly startMsMax?: number;
  /** Hears each line of the server's log. */
  readonly onLine?: (line: string) => void;
}

/** A server that is ready. */
export interface LaunchedServer {
  readonly child: ChildProcess;
  /** Resolves with how it ended when nobody stopped it. */
  readonly died: Promise<string>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts it and waits until it accepts connections.
 * @throws OperatorError POSTGRES_NOT_STARTED
 */
export async function launchServer(launch: Launch): Promise<LaunchedServer | 'port-in-use'> {
  const { log } = launch.options;
  const settings = { ...SETTINGS, ...launch.options.settings, port: String(launch.port) };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // Its own session: Ctrl-C in the terminal must not stop the database before the roles that still write to it.
  const child = spawn(launch.binaries.postgres, ['-D', launch.cluster, ...flags], {
    env: SERVER_ENV,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    ...asUser(launch.user),
  });
  const tail: string[] = [];
  const ended = endOf(child);
  // A server that recovers says every ten seconds how far it is: ended is one that says nothing, not one that is slow.
  const limit = fairTimeout(launch.startMsMax ?? START_MS_MAX, () => child.kill('SIGKILL'));
  const ready = readLog(child, tail, log, (line) => {
    launch.onLine?.(line);
    // Whoever is turned away meanwhile is no progress: that is FATAL, with a DETAIL of its own while a log is replayed.
    if (/\bLOG: /.test(line)) limit.refresh();
  });
  const outcome = await Promise.race([ready, ended]);
  limit.cancel();
  if (outcome !== 'ready') {
    if (tail.some((line) => line.includes('could not bind') || line.includes('Address already in use')))
      return 'port-in-use';
    throw notStarted(outcome, tail);
  }
  let stopping: Promise<void> | undefined;
  const died = Promise.withResolvers<string>();
  void ended.then((how) => {
    if (stopping !== undefined) return;
    log.error({ how, tail: tail.slice(-5) }, 'postgres.died');
    died.resolve(how);
  });
  const stop = (): Promise<void> => {
    stopping ??= stopServer(child, ended, log);
    return stopping;
  };
  return { child, died: died.promise, stop };
}

/** Resolves with the reason when the process is gone or never came to be. */
async function endOf(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return signal === null ? `exit code ${code}` : `signal ${signal}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Keeps the last lines of the server's log and tells when it is ready. */
function readLog(
  child: ChildProcess,
  tail: string[],
  log: Logger,
  onLine?: (line: string) => void,
): Promise<'ready'> {
  const { promise, resolve } = Promise.withResolvers<'ready'>();
  if (child.stderr === null) return promise;
  createInterface({ input: child.stderr }).on('line', (line) => {
    tail.push(line);
    onLine?.(line);
    if (tail.length > LOG_LINES_KEPT) tail.shift();
    if (line.includes('database system is ready to accept connections')) resolve('ready');
    if (line.includes(' PANIC: ')) log.error({ line }, 'postgres.panic');
    else log.trace({ line }, 'postgres.log');
  });
  return promise;
}

async function stopServer(child: ChildProcess, ended: Promise<string>, log: Logger): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGINT'); // PostgreSQL's fast shutdown
  const timer = setTimeout(() => {
    log.warn('postgres.stop-slow');
    child.kill('SIGQUIT'); // immediate: the next start recovers from the write-ahead log
  }, STOP_MS_MAX);
  await ended;
  clearTimeout(timer);
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  server.close();
  await once(server, 'close');
  return port;
}

function portInUse(port: number): OperatorError {
  return new OperatorError({
    code: 'POSTGRES_PORT_IN_USE',
    happened: `Port ${port} on 127.0.0.1 is in use by another program.`,
    kept: 'That program and the data were left alone.',
    todo: 'Stop it, or choose another port, or give none: a free one is then taken.',
  });
}

function notStarted(how: string, tail: readonly string[]): OperatorError {
  const end = tail
    .filter((line) => !line.includes(' LOG: '))
    .slice(-4)
    .join(' / ');
  const full = tail.some((line) => line.includes('No space left on device'));
  return new OperatorError({
    code: 'POSTGRES_NOT_STARTED',
    happened: `The built-in PostgreSQL did not start (${how}): ${end || tail.slice(-4).join(' / ') || 'it said nothing'}.`,
    kept: 'Its data was left as it is; everything committed is still there.',
    todo: full
      ? 'The disk is full: free some space and start again.'
      : 'Mend the cause named above and start again; kvytok doctor tells what this machine lacks.',
  });
}
