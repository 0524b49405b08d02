/**
 * The device's sense of time: what it knows goes into every record as evidence, and its best guess at the city's
 * time decides expiry. Between two syncs the monotonic clock carries it, so a wall clock set wrongly does no harm.
 */
import type { ClockEvidence } from '#contracts/record.ts';
import type { Clock } from '#platform/clock.ts';

/** One exchange with the city: sent, heard (monotonic), and the city's time in between. */
export interface ClockExchange {
  readonly sentMonoMs: number;
  readonly heardMonoMs: number;
  readonly serverMs: number;
}

export interface Timekeeper {
  /** Best guess at the city's time. */
  nowMs(): number;
  /** Monotonic milliseconds of this boot, whole. */
  monoMs(): number;
  /** What is written into a record. */
  evidence(): ClockEvidence;
  /** Takes an exchange if it tells the time better than what is known; says whether it did. */
  offer(exchange: ClockExchange): boolean;
  /** Age of the sync and city time minus wall clock; nulls while unsynced. */
  state(): { syncAgeMs: number | null; offsetMs: number | null; rttMs: number | null };
}

/** How much a cheap quartz is assumed to drift: a new exchange beats an old sync that drifted further than it errs. */
const ASSUMED_DRIFT_PPM = 50;

interface Sync {
  readonly serverMs: number;
  readonly monoMs: number;
  readonly rttMs: number;
}

/** Makes the sense of time of one boot. `bootId` is drawn anew at every start of the process. */
export function createTimekeeper(clock: Clock, bootId: string): Timekeeper {
  let sync: Sync | undefined;
  const monoMs = (): number => Math.max(0, Math.trunc(clock.monotonicMs()));
  const nowMs = (): number => (sync ? sync.serverMs + (monoMs() - sync.monoMs) : Math.trunc(clock.nowMs()));
  const errorMs = (s: Sync): number => s.rttMs / 2 + ((monoMs() - s.monoMs) * ASSUMED_DRIFT_PPM) / 1e6;
  return {
    nowMs,
    monoMs,
    evidence: () => ({
      wallMs: Math.trunc(clock.nowMs()),
      monoMs: monoMs(),
      bootId,
      ...(sync && { sync: { ...sync, bootId } }),
    }),
    offer(exchange) {
      const rttMs = Math.max(0, Math.trunc(exchange.heardMonoMs - exchange.sentMonoMs));
      // The city read its clock somewhere between sending and hearing: the middle errs by half the round trip.
      const offered: Sync = {
        serverMs: exchange.serverMs,
        monoMs: Math.trunc(exchange.sentMonoMs) + Math.trunc(rttMs / 2),
        rttMs,
      };
      if (sync && errorMs(sync) < errorMs(offered)) return false;
      sync = offered;
      return true;
    },
    state: () =>
      sync
        ? {
            syncAgeMs: Math.max(0, monoMs() - sync.monoMs),
            offsetMs: nowMs() - Math.trunc(clock.nowMs()),
            rttMs: sync.rttMs,
          }
        : { syncAgeMs: null, offsetMs: null, rttMs: null },
  };
}

/** The instant a record's evidence stands for, as the device itself takes it when it reads its journal again. */
export function instantOf(at: ClockEvidence): number {
  return at.sync && at.sync.bootId === at.bootId
    ? at.sync.serverMs + (at.monoMs - at.sync.monoMs)
    : at.wallMs;
}
