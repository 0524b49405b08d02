/**
 * A running backup: streams the write-ahead log into a folder, takes a base when one is due, lets old ones go. It
 * works beside the city and never holds it up: when its disk is full or its server is away it says so, waits and tries
 * again, and the server forgets it rather than filling its own disk (max_slot_wal_keep_size).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeFileAtomic } from '../atomic-file.ts';
import { OperatorError, systemCode } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { pause } from '../pause.ts';
import { noProbe, type Probe } from '../probe.ts';
import type { Role } from '../role.ts';
import {
  type BackupFolder,
  type Base,
  openBackupFolder,
  pruneBackup,
  sweepUnfinished,
} from './backup-folder.ts';
import { baseSpan, takeBase } from './base-backup.ts';
import { chainFrom } from './log-chain.ts';
import { historyName, parsePosition, positionText, SEGMENT_BYTES, segmentOf } from './log-position.ts';
import { type CopyBoth, openReplicationLink, type ReplicationLink } from './replication-link.ts';
import { createWalWriter, finishWholeSegments, type WalWriter } from './wal-writer.ts';

export interface BackupServiceOptions {
  /** Address under a role that may replicate. */
  readonly url: string;
  readonly folder: string;
  readonly log: Logger;
  readonly probe?: Probe;
  /** The machine's clock; when bases are due has nothing to do with the city's time. */
  readonly nowMs: () => number;
  readonly limits: BackupLimits;
  /** Called at each turn, before the log is forced to the disk. */
  readonly beforeTurn: () => Promise<void>;
  /** Called at each turn with the place up to which the backup can be restored. */
  readonly onHeld: (position: string, folder: BackupFolder) => Promise<void>;
  readonly onState: (state: BackupHealth) => Promise<void>;
}

/** How a backup fares. */
export interface BackupHealth {
  readonly state: 'running' | 'failing';
  readonly detail: string;
  /** When the newest base was begun; null while there is none. */
  readonly baseAtMs: number | null;
}

export interface BackupLimits {
  /** Between two turns: how far the promise may lag behind. */
  readonly everyMs: number;
  /** A new base after so long. */
  readonly baseEveryMs: number;
  /** Newest bases that are kept, with the log from the oldest of them on. */
  readonly keepBases: number;
}

export const BACKUP_LIMITS: BackupLimits = { everyMs: 10_000, baseEveryMs: 86_400_000, keepBases: 2 };

/** Name of the replication slot: the server keeps the log for it, within its bound. */
export const SLOT = 'kvytok_backup';
const PAUSE_MS = { first: 500, max: 60_000 };
const LAST_TURN_MS_MAX = 10_000;

/** Starts it. Its server and its disk may be away: they are waited for. */
export function startBackupService(options: BackupServiceOptions): Role {
  const { log } = options;
  const stopping = new AbortController();
  const running = keepGoing(options, stopping.signal).catch((err: unknown) => {
    log.error({ err }, 'backup.stopped-by-a-bug');
  });
  return {
    name: 'backup',
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function keepGoing(options: BackupServiceOptions, stop: AbortSignal): Promise<void> {
  let pauseMs = PAUSE_MS.first;
  let said = '';
  while (!stop.aborted) {
    const session = new Session(options, stop);
    try {
      await session.run(() => {
        pauseMs = PAUSE_MS.first;
        said = '';
      });
    } catch (error) {
      const detail = detailOf(error);
      // The same trouble is told once, not at each try.
      if (detail !== said)
        options.log.error({ problem: detail }, 'backup.failing: the city goes on without it');
      said = detail;
      await options.onState({ state: 'failing', detail, baseAtMs: session.newestBaseAtMs() }).catch(() => {});
    }
    await pause(pauseMs, stop);
    pauseMs = Math.min(2 * pauseMs, PAUSE_MS.max);
  }
}

function detailOf(error: unknown): string {
  if (error instanceof OperatorError) return `${error.code}: ${error.happened} ${error.todo}`;
  if (systemCode(error) === 'ENOSPC') return 'the disk of the backup folder is full';
  return (error as Error).message;
}

/** One connection's worth of work: from finding out where to go on until something ends it. */
class Session {
  private readonly options: BackupServiceOptions;
  private readonly stop: AbortSignal;
  private readonly probe: Probe;
  private base: Base | undefined;
  private basing: Promise<void> | undefined;
  private baseLink: ReplicationLink | undefined;
  private baseTriedAtMs = Number.NEGATIVE_INFINITY;
  private baseProblem = '';
  private over = false;

  constructor(options: BackupServiceOptions, stop: AbortSignal) {
    this.options = options;
    this.stop = stop;
    this.probe = options.probe ?? noProbe;
  }

  newestBaseAtMs(): number | null {
    return this.base?.begunAtMs ?? null;
  }

  async run(onWorks: () => void): Promise<void> {
    const folder = openBackupFolder(this.options.folder, true);
    sweepUnfinished(folder);
    const link = await openReplicationLink(this.options.url, 'kvytok-backup');
    let writer: WalWriter | undefined;
    try {
      const { systemId, timeline } = await identify(link);
      own(folder, systemId);
      await keepHistory(link, folder, timeline);
      const restart = await openSlot(link);
      await finishWholeSegments(folder, restart, this.probe);
      const resume = this.whereToGoOn(folder, timeline, restart);
      writer = createWalWriter(folder.wal, timeline, resume, this.probe);
      const stream = startStream(link, timeline, resume, writer);
      const turning = this.turns({ folder, systemId, writer, stream, onWorks });
      turning.catch(() => {}); // The stream may end first.
      await Promise.race([stream.done, turning]);
    } finally {
      this.over = true;
      this.baseLink?.close();
      link.close();
      await this.basing?.catch(() => {});
      await writer?.close();
    }
  }

  /**
   * The beginning of the first segment that is missing. A base whose log has a hole, or that lies on another timeline,
   * is still good for a restore, but the log cannot be joined to it: a new one is due.
   */
  private whereToGoOn(folder: BackupFolder, timeline: number, restart: bigint): bigint {
    const newest = folder.listBases().at(-1);
    const chain = newest && newest.timeline === timeline ? chainFrom(folder, newest, timeline) : undefined;
    const next = chain && chain.nextSegment * SEGMENT_BYTES;
    // What the slot has let go is gone from the server too.
    if (next === undefined || next < segmentOf(restart) * SEGMENT_BYTES)
      return segmentOf(restart) * SEGMENT_BYTES;
    this.base = newest;
    return next;
  }

  private async turns(work: Work): Promise<void> {
    const { everyMs } = this.options.limits;
    while (!this.over) {
      await this.turn(work);
      work.onWorks();
      if (this.stop.aborted) return this.lastTurn(work);
      await pause(everyMs, this.stop);
    }
  }

  private async turn(work: Work): Promise<void> {
    const { folder, writer, stream } = work;
    await this.options.beforeTurn();
    if (this.baseIsDue()) this.beginBase(work);
    const durable = await writer.sync();
    stream.confirm(durable);
    await this.probe('backup.log-durable');
    const working = this.base === undefined ? 'the first base is being copied' : '';
    await this.options.onState({
      state: this.baseProblem === '' ? 'running' : 'failing',
      detail: this.baseProblem === '' ? working : this.baseProblem,
      baseAtMs: this.newestBaseAtMs(),
    });
    if (this.base !== undefined && durable >= baseSpan(this.base).end) {
      await this.options.onHeld(positionText(durable), folder);
      await this.probe('backup.held');
    }
  }

  /** A clean stop leaves nothing behind: what was committed until now is waited for, within a bound. */
  private async lastTurn(work: Work): Promise<void> {
    const link = await openReplicationLink(this.options.url, 'kvytok-backup');
    const [identity] = await link.rows('IDENTIFY_SYSTEM');
    link.close();
    const until = parsePosition(identity?.[2] as string);
    const deadline = performance.now() + LAST_TURN_MS_MAX;
    while ((await work.writer.sync()) < until && performance.now() < deadline) await delay(20);
    await this.turn(work);
    work.stream.end();
  }

  private baseIsDue(): boolean {
    if (this.basing !== undefined || this.stop.aborted) return false;
    const { nowMs, limits } = this.options;
    if (this.base !== undefined && nowMs() - this.base.begunAtMs < limits.baseEveryMs) return false;
    return nowMs() - this.baseTriedAtMs >= Math.min(limits.baseEveryMs, PAUSE_MS.max);
  }

  private beginBase(work: Work): void {
    const { log, nowMs, url } = this.options;
    this.baseTriedAtMs = nowMs();
    const copy = async (): Promise<void> => {
      this.baseLink = await openReplicationLink(url, 'kvytok-backup-base');
      const { folder, systemId } = work;
      const base = await takeBase({
        link: this.baseLink,
        folder,
        systemId,
        nowMs,
        probe: this.probe,
        onProgress: (done, all) => log.debug({ mb: mega(done), of: mega(all) }, 'backup.base.progress'),
      });
      this.base = base;
      this.baseProblem = '';
      const pruned = pruneBackup(folder, this.options.limits.keepBases);
      log.info({ id: base.id, mb: mega(BigInt(base.bytes)), ...pruned }, 'backup.base.done');
    };
    this.basing = copy()
      .catch((error: unknown) => {
        if (this.stop.aborted || this.over) return;
        this.baseProblem = detailOf(error);
        log.error({ problem: this.baseProblem }, 'backup.base.failed');
      })
      .finally(() => {
        this.baseLink?.close();
        sweepUnfinished(work.folder);
        this.basing = undefined;
      });
  }
}

interface Work {
  readonly folder: BackupFolder;
  readonly systemId: string;
  readonly writer: WalWriter;
  readonly stream: LogStream;
  readonly onWorks: () => void;
}

const mega = (bytes: bigint): number => Number(bytes / 1_000_000n);

async function identify(link: ReplicationLink): Promise<{ systemId: string; timeline: number }> {
  const [row] = await link.rows('IDENTIFY_SYSTEM');
  return { systemId: row?.[0] as string, timeline: Number(row?.[1]) };
}

/** A folder belongs to one database. @throws OperatorError BACKUP_OF_ANOTHER_DATABASE */
function own(folder: BackupFolder, systemId: string): void {
  const owner = folder.owner();
  if (owner === null) folder.writeOwner({ v: 1, systemId, generationMax: 0, promised: null, cityMs: null });
  else if (owner.systemId !== systemId)
    throw new OperatorError({
      code: 'BACKUP_OF_ANOTHER_DATABASE',
      happened: `The folder ${folder.path} holds the backup of another database.`,
      kept: 'Nothing in it was changed; this database is not backed up.',
      todo: 'Give this database a backup folder of its own.',
    });
}

async function keepHistory(link: ReplicationLink, folder: BackupFolder, timeline: number): Promise<void> {
  const path = join(folder.wal, historyName(timeline));
  if (timeline === 1 || existsSync(path)) return;
  const [row] = await link.rows(`TIMELINE_HISTORY ${timeline}`);
  writeFileAtomic(path, row?.[1] as string);
}

/** Finds or makes the slot; a slot that the server gave up is made anew. Gives the place from which the log is kept. */
async function openSlot(link: ReplicationLink): Promise<bigint> {
  const look = async (): Promise<string | null | undefined> =>
    (await link.rows(`READ_REPLICATION_SLOT ${SLOT}`))[0]?.[1];
  const [slot] = await link.rows(`READ_REPLICATION_SLOT ${SLOT}`);
  const exists = slot?.[0] !== null && slot?.[0] !== undefined;
  if (exists && slot?.[1] === null) await link.rows(`DROP_REPLICATION_SLOT ${SLOT}`);
  if (!exists || slot?.[1] === null)
    await link.rows(`CREATE_REPLICATION_SLOT ${SLOT} PHYSICAL (RESERVE_WAL true)`);
  const restart = await look();
  if (restart === null || restart === undefined) throw new Error('the replication slot keeps no log');
  return parsePosition(restart);
}

interface LogStream {
  readonly done: Promise<void>;
  /** Tells the server that everything up to here is durable. */
  confirm(position: bigint): void;
  end(): void;
}

/** Microseconds from 1970 to 2000, where PostgreSQL's time begins. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n;

function startStream(link: ReplicationLink, timeline: number, from: bigint, writer: WalWriter): LogStream {
  const command = `START_REPLICATION SLOT ${SLOT} PHYSICAL ${positionText(from)} TIMELINE ${timeline}`;
  const copy: CopyBoth = link.copyBoth(command, async (message) => {
    const kind = String.fromCharCode(message[0] as number);
    if (kind === 'w') await writer.write(message.readBigUInt64BE(1), message.subarray(25));
    // A keepalive that wants an answer gets what is durable, no more.
    else if (kind === 'k' && message[17] === 1) copy.send(statusMessage(writer.durable()));
  });
  return {
    done: copy.done,
    confirm: (position) => copy.send(statusMessage(position)),
    end: () => copy.end(),
  };
}

/** Standby status update: written, flushed, applied, time, no answer wanted. */
function statusMessage(position: bigint): Buffer {
  const message = Buffer.alloc(34);
  message.write('r', 0, 'latin1');
  for (const offset of [1, 9, 17]) message.writeBigUInt64BE(position, offset);
  message.writeBigInt64BE(BigInt(Date.now()) * 1000n - POSTGRES_EPOCH_US, 25);
  return message;
}
