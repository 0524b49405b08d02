/**
 * When a tap took place, from all that is known: its own record, later syncs of the same boot, the records around it in
 * the journal, and what the office has corrected. Pure: the same facts give the same time, in whatever order they came.
 *
 * A day's close ends what may be said of the taps that were known to be in it (see `timeOf`): the books of a closed
 * day do not lose a tap. A tap that comes into a closed day is a late tap, known from when its time was.
 */
import type { FlagCode } from '#contracts/reason-codes.ts';
import type { ClockEvidence } from '#contracts/record.ts';
import { closeOf } from './account-day.ts';
import { type Close, covers, type FareDays } from './facts.ts';
import {
  type ClockReading,
  type ClockRules,
  calendarInstant,
  type Drift,
  earliestOf,
  errorMs,
} from './fare-at.ts';

/** A record of a device whose clock had met the city's in the same boot. */
export interface StoredSync {
  readonly recordId: string;
  readonly deviceId: string;
  readonly epoch: string;
  readonly seq: number;
  readonly bootId: string;
  /** Monotonic time of the record, and of the sync. */
  readonly monoMs: number;
  readonly syncMonoMs: number;
  readonly serverMs: number;
  readonly rttMs: number;
  readonly receivedAtMs: number;
}

/** Clock evidence of a tap whose own record leaves its time open. */
export interface UnsureTap {
  readonly tapId: string;
  readonly deviceId: string;
  readonly epoch: string;
  readonly seq: number;
  readonly evidence: ClockEvidence;
  /** The city's number when the tap was stored: by it the tap is settled, whatever the number is later. */
  readonly driftPpm: number;
}

/** The office says when taps of a device took place. */
export interface ClockCorrection {
  readonly correctionId: string;
  readonly deviceId: string;
  /** By the time that the taps' own records say. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
  readonly epoch: string | null;
  /** Both included. */
  readonly fromSeq: number | null;
  readonly toSeq: number | null;
  /** Added to the own time; or the instant itself. One of both. */
  readonly offsetMs: number | null;
  readonly trueAtMs: number | null;
  readonly uncertaintyMs: number;
  readonly knownFromMs: number;
}

/** A tap as its own record tells it, with what else may be said of its time. */
export interface TapToTime extends ClockReading {
  readonly tapId: string;
  readonly tokenId: string;
  readonly deviceId: string;
  readonly epoch: string;
  readonly seq: number;
  readonly fareDay: string;
  readonly receivedAtMs: number;
  /** Only where the own record leaves the time open. */
  readonly evidence: ClockEvidence | null;
  readonly driftPpm: number | null;
  /** Those that were the nearest ones in its boot or around it in its journal at some time since the tap was received. */
  readonly syncs: readonly StoredSync[];
  /** Of its device. */
  readonly corrections: readonly ClockCorrection[];
}

/** The time that counts. */
export interface TapTime extends ClockReading {
  readonly fareDay: string;
  readonly flags: readonly FlagCode[];
  /** From when it was known that the tap took place then. */
  readonly knownFromMs: number;
}

export interface TimeRules {
  readonly days: FareDays;
}

/** Whether later evidence may settle a tap's time. */
export function isUnsure({ uncertaintyMs }: ClockReading, { settleBeyondS }: ClockRules): boolean {
  return uncertaintyMs > settleBeyondS * 1000;
}

/** The time of a tap; `null` while nothing else is known than its own record. */
export function timeOf(tap: TapToTime, closes: readonly Close[], rules: TimeRules): TapTime | null {
  const corrections = tap.corrections.filter((correction) => speaksOf(correction, tap));
  const syncs = tap.evidence === null ? [] : tap.syncs;
  // What was known before the tap came is known of it from its receipt on, all at once.
  const steps = new Set(
    [
      ...syncs.map((sync) => sync.receivedAtMs),
      ...corrections.map((correction) => correction.knownFromMs),
    ].map((knownMs) => Math.max(tap.receivedAtMs, knownMs)),
  );
  const own: TapTime = { ...tap, flags: [], knownFromMs: tap.receivedAtMs };
  let current = own;
  for (const knownMs of [...steps].sort((a, b) => a - b)) {
    const close = closeOf(current.fareDay, closes);
    // The tap stood in this day's books when they were closed, and nobody knew better yet.
    if (close !== null && close.knownFromMs < knownMs && current.knownFromMs <= close.knownFromMs) break;
    const said =
      corrected(tap, corrections, knownMs) ??
      settled(
        tap,
        syncs.filter((sync) => sync.receivedAtMs <= knownMs),
      );
    if (said === null) continue;
    const fareAtMs = calendarInstant(said.fareAtMs);
    if (fareAtMs === current.fareAtMs && said.uncertaintyMs === current.uncertaintyMs) continue;
    const { uncertaintyMs, flag } = said;
    current = {
      fareAtMs,
      uncertaintyMs,
      fareDay: rules.days.fareDayOf(fareAtMs),
      flags: [flag],
      knownFromMs: knownMs,
    };
  }
  return current === own ? null : current;
}

type Said = ClockReading & { readonly flag: FlagCode };

function speaksOf(correction: ClockCorrection, tap: TapToTime): boolean {
  const { deviceId, epoch, fromSeq, toSeq } = correction;
  return (
    deviceId === tap.deviceId &&
    covers(correction, tap.fareAtMs) &&
    (epoch === null || epoch === tap.epoch) &&
    (fromSeq === null || fromSeq <= tap.seq) &&
    (toSeq === null || tap.seq <= toSeq)
  );
}

/** The latest known correction stands above all evidence: a person has looked. */
function corrected(tap: TapToTime, corrections: readonly ClockCorrection[], knownMs: number): Said | null {
  let best: ClockCorrection | undefined;
  for (const candidate of corrections) {
    if (candidate.knownFromMs > knownMs) continue;
    if (best === undefined || isLater(candidate, best)) best = candidate;
  }
  if (best === undefined) return null;
  const { trueAtMs, offsetMs, uncertaintyMs } = best;
  return { fareAtMs: trueAtMs ?? tap.fareAtMs + (offsetMs ?? 0), uncertaintyMs, flag: 'CLOCK_CORRECTED' };
}

function isLater(a: ClockCorrection, b: ClockCorrection): boolean {
  if (a.knownFromMs !== b.knownFromMs) return a.knownFromMs > b.knownFromMs;
  return a.correctionId > b.correctionId;
}

/** What syncs say: the next one of the same boot, or the records around the tap in its journal. */
function settled(tap: TapToTime, syncs: readonly StoredSync[]): Said | null {
  const { evidence, driftPpm } = tap;
  if (evidence === null || driftPpm === null) return null;
  const rules = { driftPpm };
  const next = nextOfBoot(tap, evidence, syncs);
  const reading =
    next === undefined ? bounded(tap, evidence, syncs, rules) : projected(evidence, next, rules);
  return reading === null ? null : { ...reading, flag: 'CLOCK_SETTLED' };
}

function nextOfBoot(
  { deviceId }: TapToTime,
  { bootId, monoMs }: ClockEvidence,
  syncs: readonly StoredSync[],
): StoredSync | undefined {
  let best: StoredSync | undefined;
  for (const sync of syncs) {
    if (sync.deviceId !== deviceId || sync.bootId !== bootId || sync.syncMonoMs < monoMs) continue;
    if (best === undefined || isNearer(sync, best)) best = sync;
  }
  return best;
}

/** Equal ones carry the same exchange; the rest of the order only makes the choice one. */
function isNearer(a: StoredSync, b: StoredSync): boolean {
  if (a.syncMonoMs !== b.syncMonoMs) return a.syncMonoMs < b.syncMonoMs;
  if (a.rttMs !== b.rttMs) return a.rttMs < b.rttMs;
  return a.serverMs === b.serverMs ? a.recordId < b.recordId : a.serverMs < b.serverMs;
}

/** Part of a span by which two syncs of one boot may disagree; beyond it the city's time itself had moved. */
const DRIFT_PART_MAX = 0.01;

/**
 * Back from the sync after the tap; between two syncs along the straight line, so that steady drift costs nothing. `null`
 * where the two disagree so much that they tell nothing of the time between them.
 */
function projected(
  { monoMs, bootId, sync: own }: ClockEvidence,
  next: StoredSync,
  rules: Drift,
): ClockReading | null {
  const backMs = next.syncMonoMs - monoMs;
  const fromNext = next.serverMs - backMs;
  const forthMs = own === undefined ? 0 : monoMs - own.monoMs;
  if (own === undefined || own.bootId !== bootId || forthMs + backMs <= 0) {
    return { fareAtMs: fromNext, uncertaintyMs: errorMs(next.rttMs, backMs, rules) };
  }
  const spanMs = forthMs + backMs;
  const driftMs = fromNext - (own.serverMs + forthMs);
  if (Math.abs(driftMs) > spanMs * DRIFT_PART_MAX) return null;
  const fareAtMs = Math.round(own.serverMs + forthMs + (driftMs * forthMs) / spanMs);
  const rttMs = Math.max(own.rttMs, next.rttMs);
  return { fareAtMs, uncertaintyMs: errorMs(rttMs, Math.min(backMs, forthMs), rules) };
}

/** No sync of its boot: not before the record before it, not after the one after it. */
function bounded(
  tap: TapToTime,
  evidence: ClockEvidence,
  syncs: readonly StoredSync[],
  rules: Drift,
): ClockReading | null {
  const chain = syncs.filter((sync) => sync.deviceId === tap.deviceId && sync.epoch === tap.epoch);
  const before = nearest(
    chain.filter((sync) => sync.seq < tap.seq),
    -1,
    evidence,
  );
  const after = nearest(
    chain.filter((sync) => sync.seq > tap.seq),
    1,
    evidence,
  );
  const firstMs = Math.max(earliestOf(evidence), before ? earliestAfter(before, evidence, rules) : -Infinity);
  const lastMs = after ? instantOf(after) + errorOf(after, rules) : Infinity;
  if (firstMs > lastMs) return null;
  const ownFirst = tap.fareAtMs - tap.uncertaintyMs;
  const ownLast = tap.fareAtMs + tap.uncertaintyMs;
  const within = ownFirst <= lastMs && ownLast >= firstMs;
  // A wall clock outside of its bounds is wrong; then only they say something.
  const from = within ? Math.max(firstMs, ownFirst) : firstMs;
  const until = within ? Math.min(lastMs, ownLast) : lastMs;
  if (!Number.isFinite(from) || !Number.isFinite(until)) return null;
  const uncertaintyMs = Math.ceil((until - from) / 2);
  return { fareAtMs: Math.floor((from + until) / 2), uncertaintyMs };
}

/** The nearest in the journal; one of the tap's own boot is the own sync told again and bounds nothing. */
function nearest(
  syncs: readonly StoredSync[],
  direction: 1 | -1,
  { bootId }: ClockEvidence,
): StoredSync | undefined {
  let best: StoredSync | undefined;
  for (const sync of syncs) if (best === undefined || (sync.seq - best.seq) * direction < 0) best = sync;
  return best?.bootId === bootId ? undefined : best;
}

function instantOf(sync: StoredSync): number {
  return sync.serverMs + (sync.monoMs - sync.syncMonoMs);
}

function errorOf(sync: StoredSync, rules: Drift): number {
  return errorMs(sync.rttMs, sync.monoMs - sync.syncMonoMs, rules);
}

/** A tap of a later boot came at least as long after the record before it as its boot had lasted. */
function earliestAfter(before: StoredSync, { monoMs }: ClockEvidence, rules: Drift): number {
  return instantOf(before) - errorOf(before, rules) + monoMs - errorMs(0, monoMs, rules);
}
