/**
 * The device's sense of time: what it knows goes into every record as evidence, and its best guess at the city's
 * time decides expiry. Between two syncs the monotonic clock carries it, so a wall clock set wrongly does no harm.
 * The last sync outlives the process: in the same boot it goes on to hold, in a later boot it is a lower bound.
 */
import { createHash } from 'node:crypto';
import type { ClockEvidence } from '#contracts/record.ts';
import type { Clock } from '#platform/clock.ts';

/** One exchange with the city: sent, heard (monotonic), and the city's time in between. */
export interface ClockExchange {
  readonly sentMonoMs: number;
  readonly heardMonoMs: number;
  readonly serverMs: number;
}

export interface Timekeeper {
  /** Names this run of the process: two that run at once under one device's name have two. */
  readonly runId: string;
  /** Best guess at the city's time. */
  nowMs(): number;
  /** Monotonic milliseconds of this boot, whole, never less than before. */
  monoMs(): number;
  /** What is written into a record. */
  evidence(): ClockEvidence;
  /** Takes an exchange if it tells the time better than what is known; says whether it did. */
  offer(exchange: ClockExchange): boolean;
  /** Whether the city has told its time in this boot. */
  synced(): boolean;
  /** The newest record of the journal: whatever the wall clock says, it is later now. */
  notBefore(newest: ClockEvidence): void;
  /** Age of the sync and city time minus wall clock; nulls while unsynced. */
  state(): { syncAgeMs: number | null; offsetMs: number | null; rttMs: number | null };
  /** How far `nowMs` may be from the city's time: by the last sync and what a quartz drifts; a guess while unsynced. */
  uncertaintyMs(): number;
  /** What is to be remembered beyond the process. */
  saved(): SavedClock;
}

/** What outlives the process: written rarely, as a whole or not at all. */
export interface SavedClock {
  readonly v: 1;
  /** The boot as the machine names it; null where it names none. */
  readonly machineBootId: string | null;
  /** How often monotonic time began anew although the machine named the same boot. */
  readonly resets: number;
  /** Monotonic time when this was written, of the boot above. */
  readonly monoMs: number;
  readonly sync: Sync | null;
}

type Sync = NonNullable<ClockEvidence['sync']>;

export interface TimekeeperOptions {
  readonly saved?: SavedClock | undefined;
  /** Names a boot where the machine names none: 128 random bits in hex. */
  readonly drawBootId: () => string;
  /** Called when there is something new worth remembering; must not throw. */
  readonly save?: (saved: SavedClock) => void;
}

/** How much a cheap quartz is assumed to drift: a new exchange beats an old sync that drifted further than it errs. */
const ASSUMED_DRIFT_PPM = 50;
/** How far a clock that the city has not set in this boot is taken to err. */
const UNSYNCED_UNCERTAINTY_MS = 120_000;
/** A later sync of the same boot is remembered this long after the one before; the first at once. */
const SAVE_EVERY_MS = 3_600_000;

/** Makes the sense of time, going on from what an earlier process remembered. */
export function createTimekeeper(clock: Clock, options: TimekeeperOptions): Timekeeper {
  return new Sense(clock, options);
}

class Sense implements Timekeeper {
  private readonly clock: Clock;
  private readonly save: (saved: SavedClock) => void;
  readonly runId: string;
  private readonly bootId: string;
  private readonly resets: number;
  private sync: Sync | null;
  private lastMonoMs = 0;
  private savedMonoMs: number | undefined;
  /** A city instant that has passed, and the monotonic time at which it certainly had. */
  private floor = { instantMs: Number.NEGATIVE_INFINITY, monoMs: 0 };

  constructor(clock: Clock, { saved, drawBootId, save }: TimekeeperOptions) {
    this.clock = clock;
    this.save = save ?? (() => {});
    const machine = clock.bootId;
    const goesOn = saved !== undefined && machine !== undefined && saved.machineBootId === machine;
    // A container may begin its monotonic time anew under the machine's boot: that is another boot to us.
    this.resets = goesOn ? saved.resets + (this.monoMs() < saved.monoMs ? 1 : 0) : 0;
    this.runId = drawBootId();
    this.bootId = machine === undefined ? this.runId : bootName(machine, this.resets);
    this.sync = saved?.sync ?? null;
    if (this.sync) this.notBefore(asEvidence(this.sync));
    this.keep();
  }

  monoMs(): number {
    this.lastMonoMs = Math.max(this.lastMonoMs, Math.trunc(this.clock.monotonicMs()));
    return this.lastMonoMs;
  }

  nowMs(): number {
    const { sync, floor } = this;
    if (sync && this.synced()) return sync.serverMs + (this.monoMs() - sync.monoMs);
    return Math.max(Math.trunc(this.clock.nowMs()), floor.instantMs + (this.monoMs() - floor.monoMs));
  }

  evidence(): ClockEvidence {
    return {
      wallMs: Math.trunc(this.clock.nowMs()),
      monoMs: this.monoMs(),
      bootId: this.bootId,
      ...(this.sync && { sync: this.sync }),
    };
  }

  offer(exchange: ClockExchange): boolean {
    const rttMs = Math.max(0, Math.trunc(exchange.heardMonoMs - exchange.sentMonoMs));
    // The city read its clock somewhere between sending and hearing: the middle errs by half the round trip.
    const offered: Sync = {
      serverMs: exchange.serverMs,
      monoMs: Math.trunc(exchange.sentMonoMs) + Math.trunc(rttMs / 2),
      bootId: this.bootId,
      rttMs,
    };
    if (this.sync && this.synced() && this.errorMs(this.sync) < this.errorMs(offered)) return false;
    const first = !this.synced();
    this.sync = offered;
    if (first || this.monoMs() - (this.savedMonoMs ?? 0) >= SAVE_EVERY_MS) this.keep();
    return true;
  }

  synced(): boolean {
    return this.sync?.bootId === this.bootId;
  }

  notBefore(newest: ClockEvidence): void {
    const instantMs = instantOf(newest);
    // Of an earlier boot: at the boot that instant had passed already, and this boot has lasted since.
    const monoMs = newest.bootId === this.bootId ? newest.monoMs : 0;
    if (instantMs - monoMs > this.floor.instantMs - this.floor.monoMs) this.floor = { instantMs, monoMs };
  }

  state() {
    const { sync } = this;
    if (!sync || !this.synced()) return { syncAgeMs: null, offsetMs: null, rttMs: null };
    return {
      syncAgeMs: Math.max(0, this.monoMs() - sync.monoMs),
      offsetMs: this.nowMs() - Math.trunc(this.clock.nowMs()),
      rttMs: sync.rttMs,
    };
  }

  uncertaintyMs(): number {
    return this.sync && this.synced() ? Math.ceil(this.errorMs(this.sync)) : UNSYNCED_UNCERTAINTY_MS;
  }

  saved(): SavedClock {
    const machineBootId = this.clock.bootId ?? null;
    return { v: 1, machineBootId, resets: this.resets, monoMs: this.monoMs(), sync: this.sync };
  }

  private keep(): void {
    this.savedMonoMs = this.monoMs();
    this.save(this.saved());
  }

  private errorMs(sync: Sync): number {
    return sync.rttMs / 2 + ((this.monoMs() - sync.monoMs) * ASSUMED_DRIFT_PPM) / 1e6;
  }
}

function bootName(machineBootId: string, resets: number): string {
  if (resets === 0) return machineBootId;
  return createHash('sha256').update(`${machineBootId} ${resets}`).digest('hex').slice(0, 32);
}

function asEvidence({ serverMs, monoMs, bootId, rttMs }: Sync): ClockEvidence {
  return { wallMs: serverMs, monoMs, bootId, sync: { serverMs, monoMs, bootId, rttMs } };
}

/**
 * The instant a record's evidence stands for, as the device itself takes it when it reads its journal again. A wall
 * clock that is behind the last sync, or behind the time that has passed in this boot since, has lost its time.
 */
export function instantOf({ wallMs, monoMs, bootId, sync }: ClockEvidence): number {
  if (!sync) return wallMs;
  if (sync.bootId === bootId) return sync.serverMs + (monoMs - sync.monoMs);
  return Math.max(wallMs, sync.serverMs + monoMs);
}
