/**
 * Makes a cluster out of a backup: a base, the log after it, a recovery to the end or to an instant, a new timeline.
 * Everything happens in a sibling folder that gets its name in one step, so a half-restored cluster is never started.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  copyFileSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { syncFolder, writeFileAtomic } from '../atomic-file.ts';
import { scramVerifier } from '../database.ts';
import { freePort, launchServer } from '../embedded-postgres.ts';
import { OperatorError, systemCode } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { PostgresBinaries, UnixUser } from '../postgres-binaries.ts';
import { ADMIN_ROLE, asUser, SERVER_ENV } from '../postgres-cluster.ts';
import { type BackupFolder, type Base, newestTimelineFrom } from './backup-folder.ts';
import { readBase } from './base-backup.ts';
import { chainFrom, readSegment } from './log-chain.ts';
import { historyName, parseHistory, SEGMENT_BYTES, segmentName } from './log-position.ts';
import type { TarEntry } from './tar-reader.ts';

export interface RestoreClusterOptions {
  readonly backup: BackupFolder;
  readonly base: Base;
  /** Where the cluster is to lie; nothing lies there yet. */
  readonly cluster: string;
  readonly user: UnixUser;
  readonly binaries: PostgresBinaries;
  /** New password of the superuser: that of the backup may be lost. */
  readonly password: string;
  /** Stop before what was committed after this instant of the server's clock; absent = everything that is there. */
  readonly untilMs?: number;
  readonly log: Logger;
  readonly onStep: (step: string) => void;
  /** Looks at how far it came before the cluster gets its name; throws to leave everything as it was. */
  readonly accept: (reached: Reached) => void;
  /** Only to see whether it can be done: the backup is not told of the new timeline. */
  readonly forTrial?: boolean;
}

/** How far a recovery came. */
export interface Reached {
  readonly position: bigint;
  /** The timeline that it began. */
  readonly timeline: number;
  /** Segments of the log that were replayed from the backup. */
  readonly segments: number;
  /** Why the log ended early, when a segment of it is damaged. */
  readonly damage: string | null;
  /** When the last transaction was committed, as the server wrote it; null when none was replayed. */
  readonly lastCommitAt: string | null;
}

/** A day: a recovery replays as much log as a day makes, on a slow disk. */
const RECOVERY_MS_MAX = 86_400_000;

/**
 * Restores.
 * @throws OperatorError BACKUP_DAMAGED, RESTORE_NOT_REACHED, RESTORE_DISK_FULL, POSTGRES_NOT_STARTED, or what `accept` throws.
 */
export async function restoreCluster(options: RestoreClusterOptions): Promise<Reached> {
  const { backup, base, cluster, user } = options;
  const staging = `${cluster}.being-restored`;
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { mode: 0o700, recursive: true });
  try {
    const owned = ownerOf(user);
    owned(staging);
    options.onStep(`base ${base.id}`);
    await readBase(base, (entry, body) => unpack(staging, entry, body, owned));
    const timeline = newestTimelineFrom(backup, base);
    const laid = await layLog(options, staging, timeline, owned);
    const replayed = await recover(options, staging, timeline);
    const reached = { ...whereItEnded(staging, timeline), ...laid, ...replayed };
    options.accept(reached);
    await setPassword(options, staging);
    // The backup knows of the new timeline before anything is written on it: no later restore takes its number.
    const history = historyName(reached.timeline);
    if (options.forTrial !== true)
      writeFileAtomic(join(backup.wal, history), readFileSync(join(staging, 'pg_wal', history), 'utf8'));
    renameSync(staging, cluster);
    syncFolder(dirname(cluster));
    return reached;
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    throw systemCode(error) === 'ENOSPC' ? diskFull(cluster, error) : error;
  }
}

/** Hands a file to the user who will run the server, when that is another one. */
function ownerOf(user: UnixUser): (path: string) => void {
  if (process.getuid?.() === user.uid) return () => {};
  return (path) => chownSync(path, user.uid, user.gid);
}

async function unpack(
  staging: string,
  entry: TarEntry,
  body: AsyncIterable<Buffer>,
  owned: (path: string) => void,
): Promise<void> {
  const path = resolve(staging, entry.path);
  // The archive has the sum that was taken when it was made; its paths are checked all the same.
  if (!`${path}${sep}`.startsWith(`${resolve(staging)}${sep}`))
    throw new Error(`${entry.path} leads out of the folder`);
  if (entry.kind === 'folder') mkdirSync(path, { recursive: true, mode: 0o700 });
  else if (entry.kind === 'link') symlinkSync(entry.linkTarget, path);
  else {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    await pipeline(Readable.from(body), createWriteStream(path, { mode: 0o600 }));
  }
  if (entry.kind !== 'link') owned(path);
}

/**
 * Lays the log where the server looks for it. What came with the base stays: it is proven to be enough for the base.
 * A damaged segment ends the log, as a missing one does.
 */
async function layLog(
  options: RestoreClusterOptions,
  staging: string,
  timeline: number,
  owned: (path: string) => void,
): Promise<Pick<Reached, 'segments' | 'damage'>> {
  const { backup, base } = options;
  const wal = join(staging, 'pg_wal');
  for (const name of readdirSync(backup.wal).filter((file) => file.endsWith('.history'))) {
    copyFileSync(join(backup.wal, name), join(wal, name));
    owned(join(wal, name));
  }
  const chain = chainFrom(backup, base, timeline);
  let segments = 0;
  for (const stored of chain.segments) {
    const path = join(wal, segmentName(stored.timeline, stored.segment));
    if (existsSync(path)) continue;
    options.onStep(`log ${segments + 1} of ${chain.segments.length}`);
    try {
      await pipeline(readSegment(stored), createWriteStream(path, { mode: 0o600 }));
    } catch (error) {
      rmSync(path, { force: true });
      if (error instanceof OperatorError) return { segments, damage: error.happened };
      throw error;
    }
    truncateSync(path, Number(SEGMENT_BYTES));
    owned(path);
    segments += 1;
  }
  return { segments, damage: null };
}

/** Runs the server until it has replayed everything and begun a new timeline, then stops it. */
async function recover(
  options: RestoreClusterOptions,
  staging: string,
  timeline: number,
): Promise<Pick<Reached, 'lastCommitAt'>> {
  const { binaries, user, log, untilMs, onStep } = options;
  const signal = join(staging, 'recovery.signal');
  writeFileSync(signal, '');
  ownerOf(user)(signal);
  let lastCommitAt: string | null = null;
  const settings = {
    // Everything lies in pg_wal already.
    restore_command: 'false',
    recovery_target_timeline: String(timeline),
    recovery_target_action: 'promote',
    hot_standby: 'off',
    autovacuum: 'off',
    ...(untilMs === undefined
      ? {}
      : { recovery_target_time: new Date(untilMs).toISOString().replace('T', ' ').replace('Z', '+00') }),
  };
  const launched = await launchServer({
    binaries,
    user,
    cluster: staging,
    port: await freePort(),
    options: { log, settings },
    startMsMax: RECOVERY_MS_MAX,
    onLine: (line) => {
      const commit = /last completed transaction was at log time (.+)$/.exec(line);
      if (commit) lastCommitAt = commit[1] as string;
      const redo = /redo in progress, elapsed time: (.+), current LSN: (.+)$/.exec(line);
      if (redo) onStep(`replaying at ${redo[2]}, ${redo[1]}`);
    },
  }).catch((error: unknown) => {
    throw notReached(error, options);
  });
  if (launched === 'port-in-use') throw new Error('a port that was free a moment ago is taken');
  await launched.stop();
  return { lastCommitAt };
}

function notReached(error: unknown, { base, untilMs }: RestoreClusterOptions): unknown {
  const text = (error as Error).message;
  if (untilMs !== undefined && text.includes('before configured recovery target was reached'))
    return new OperatorError({
      code: 'RESTORE_NOT_REACHED',
      happened: `The log of the backup ends before ${new Date(untilMs).toISOString()}: no transaction was committed after it.`,
      kept: 'Nothing was changed.',
      todo: 'Leave --to away to restore everything that is there, or name an earlier instant.',
      cause: error,
    });
  if (text.includes('WAL ends before'))
    return new OperatorError({
      code: 'BACKUP_DAMAGED',
      happened: `The base backup ${base.id} lacks the log that it needs.`,
      kept: 'It was left as it is; nothing was changed.',
      todo: 'Restore an older base with --base.',
      cause: error,
    });
  return error;
}

/** The new timeline's history says where the old one ended. */
function whereItEnded(staging: string, from: number): Pick<Reached, 'position' | 'timeline'> {
  const wal = join(staging, 'pg_wal');
  const began = readdirSync(wal)
    .filter((file) => file.endsWith('.history'))
    .map((file) => Number.parseInt(file.slice(0, 8), 16));
  const timeline = Math.max(...began);
  const last = parseHistory(readFileSync(join(wal, historyName(timeline)), 'utf8')).at(-1);
  if (last === undefined || last.timeline !== from)
    throw new Error(`the recovery did not begin a timeline of its own (${timeline} from ${last?.timeline})`);
  return { timeline, position: last.endsAt };
}

/** Without a network and without a password: PostgreSQL's single-user mode. */
async function setPassword(options: RestoreClusterOptions, staging: string): Promise<void> {
  const { binaries, user, password } = options;
  const child = spawn(binaries.postgres, ['--single', '-D', staging, 'postgres'], {
    env: SERVER_ENV,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'pipe'],
    ...asUser(user),
  });
  let words = '';
  child.stderr?.on('data', (data: Buffer) => {
    words = `${words}${data.toString('utf8')}`.slice(-2000);
  });
  child.stdin?.end(`ALTER ROLE ${ADMIN_ROLE} PASSWORD '${scramVerifier(password)}'\n`);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0 || words.includes('ERROR:'))
    throw new Error(`the superuser's password could not be set: ${words.split('\n').slice(-4).join(' / ')}`);
}

function diskFull(cluster: string, cause: unknown): OperatorError {
  return new OperatorError({
    code: 'RESTORE_DISK_FULL',
    happened: `The disk of ${dirname(cluster)} is full: a restore needs room for the whole database and for the log after it.`,
    kept: 'The half-restored cluster was removed; the backup was left as it is.',
    todo: 'Free space, or name a data folder on another disk with --data.',
    cause,
  });
}
