/**
 * When a fare is due, from the record's own clock evidence. Receipt time never moves it, it only flags: a bus without a
 * network for three days must pay the fares of the days it drove. What other records and the office say of a clock that
 * is not sure stands in `tap-time.ts`.
 */

import type { FlagCode } from '#contracts/reason-codes.ts';
import type { ClockEvidence } from '#contracts/record.ts';
import { FARE_AT_MS_MAX, FARE_AT_MS_MIN } from '#pricing/fare-day.ts';

/** The city's numbers for clocks (`cities/<city>/city.yaml`, clock). */
export interface ClockRules {
  /** Drift of a validator's crystal, parts per million. */
  readonly driftPpm: number;
  /** How far a clock may be off that never met the city's time since it was switched on, seconds. */
  readonly unsyncedUncertaintyS: number;
  /** Distance from receipt beyond which a record is flagged, seconds. */
  readonly farFromReceiptS: number;
  /** Own uncertainty beyond which later evidence settles a tap's time, seconds. */
  readonly settleBeyondS: number;
}

/** What of them is needed where a clock is read by its monotonic time. */
export type Drift = Pick<ClockRules, 'driftPpm'>;

/** When, and how sure. */
export interface ClockReading {
  readonly fareAtMs: number;
  /** Half width of the interval in which the true instant lies. */
  readonly uncertaintyMs: number;
}

export interface FareInstant extends ClockReading {
  readonly flags: readonly FlagCode[];
}

/**
 * The nearest instant that has a calendar date in every zone, for one must come out of any wall clock. What lies outside is no
 * time of day but a broken clock; it is flagged as far from receipt like every other wrong one.
 */
export function calendarInstant(instantMs: number): number {
  return Math.min(Math.max(instantMs, FARE_AT_MS_MIN), FARE_AT_MS_MAX);
}

/** Derives the fare instant. Never refuses: bad time never quarantines a green. */
export function fareAt(at: ClockEvidence, receivedAtMs: number, rules: ClockRules): FareInstant {
  const reading = readClock(at, rules);
  const fareAtMs = calendarInstant(reading.fareAtMs);
  const far = isFarFromReceipt(fareAtMs, receivedAtMs, rules);
  return {
    fareAtMs,
    uncertaintyMs: reading.uncertaintyMs,
    flags: far ? [...reading.flags, 'CLOCK_FAR_FROM_RECEIPT'] : reading.flags,
  };
}

/** Whether a person should look at a time so far from its receipt. */
export function isFarFromReceipt(
  fareAtMs: number,
  receivedAtMs: number,
  { farFromReceiptS }: Pick<ClockRules, 'farFromReceiptS'>,
): boolean {
  return Math.abs(fareAtMs - receivedAtMs) > farFromReceiptS * 1000;
}

function readClock(at: ClockEvidence, rules: ClockRules): FareInstant {
  const { sync } = at;
  if (sync === undefined || sync.bootId !== at.bootId) {
    return {
      fareAtMs: Math.max(at.wallMs, earliestOf(at)),
      uncertaintyMs: rules.unsyncedUncertaintyS * 1000,
      flags: [sync === undefined ? 'CLOCK_UNSYNCED' : 'CLOCK_OTHER_BOOT'],
    };
  }
  const elapsedMs = at.monoMs - sync.monoMs;
  return {
    fareAtMs: sync.serverMs + elapsedMs,
    uncertaintyMs: errorMs(sync.rttMs, elapsedMs, rules),
    flags: [],
  };
}

/** Before this a record cannot have been made: its boot began after the sync of an earlier boot, and has lasted since. */
export function earliestOf({ bootId, monoMs, sync }: ClockEvidence): number {
  return sync !== undefined && sync.bootId !== bootId ? sync.serverMs + monoMs : Number.NEGATIVE_INFINITY;
}

/** Error of a time that was carried over `elapsedMs` from an exchange of this round trip. */
export function errorMs(rttMs: number, elapsedMs: number, { driftPpm }: Drift): number {
  return Math.ceil(rttMs / 2 + (Math.abs(elapsedMs) * driftPpm) / 1_000_000);
}
