/**
 * Which breakdowns concern a tap: those of its vehicle, after it, in the same shift. A breakdown that a device declares is
 * one of the vehicle to which the city has assigned it, and so of all the vehicle's devices; a device that is assigned to
 * none speaks for its own taps only. Pure: the set of the facts alone decides, not the order in which they came.
 *
 * A breakdown is something that happened, as a tap is: it counts whenever it comes. What a closed day knew of it stays
 * as it was; one that comes later may only lower a price (pricing/close-rules.ts).
 */
import type { Static } from 'typebox';
import { parseRecordId, recordId } from '#contracts/ids.ts';
import type { BreakdownRecord, ClockEvidence } from '#contracts/record.ts';
import { TAP_BREAKDOWNS_MAX } from '#pricing/fact-bundle.ts';
import type { TapBreakdown } from '#pricing/model.ts';
import { UNCERTAINTY_MS_MAX } from '#pricing/reach.ts';
import { BREAKDOWN_WINDOW_S_MAX } from '#pricing/tariff-schema.ts';
import type { LocatedTap, PlaceBook, PlaceFacts } from './assign.ts';
import type { StoredTap } from './facts.ts';
import { createShiftBook, type ShiftBook } from './shifts.ts';
import { type ClockCorrection, type StoredSync, type TimeRules, timeOf } from './tap-time.ts';

/** A breakdown as its record tells it. */
export interface StoredBreakdown {
  readonly breakdownId: string;
  readonly deviceId: string;
  readonly epoch: string;
  readonly seq: number;
  /** SHA-256 of the record's bytes, hex. */
  readonly recordSha256: string;
  readonly belief: StoredTap['belief'];
  readonly stopId: string | null;
  readonly staffId: string | null;
  /** By the record's own clock evidence. */
  readonly fareDay: string;
  readonly atMs: number;
  readonly uncertaintyMs: number;
  readonly evidence: ClockEvidence;
  /** Only where the record leaves its time open: the city's number by which it is settled. */
  readonly driftPpm: number | null;
  readonly receivedAtMs: number;
}

/** A breakdown with what else may be said of its time. */
export interface Breakdown extends Omit<StoredBreakdown, 'recordSha256' | 'stopId' | 'staffId'> {
  readonly syncs: readonly StoredSync[];
  readonly corrections: readonly ClockCorrection[];
}

export interface BreakdownFacts extends PlaceFacts {
  readonly breakdowns: readonly Breakdown[];
}

/** The same facts, ready for look-up. Make it once for many taps. */
export interface BreakdownBook {
  /**
   * Those that concern a tap, by time, then id; of more than {@link TAP_BREAKDOWNS_MAX} those that the close knew, and of them
   * the nearest on either side of the tap.
   */
  of(
    tap: LocatedTap & Pick<StoredTap, 'tapId' | 'uncertaintyMs'>,
    knownAsOfMs: number | null,
  ): readonly TapBreakdown[];
}

/** No clock is believed to be further off, and no tariff asks further back: so far from a tap a breakdown may concern it. */
export const BREAKDOWN_SLACK_MS = 2 * UNCERTAINTY_MS_MAX;
export const BREAKDOWN_REACH_MS = BREAKDOWN_WINDOW_S_MAX * 1000 + BREAKDOWN_SLACK_MS;

/** For account-days without any. */
export const NO_BREAKDOWNS: BreakdownBook = { of: () => [] };

/** The row of a record. */
export function storedBreakdown(
  record: Static<typeof BreakdownRecord>,
  row: Pick<StoredBreakdown, 'epoch' | 'recordSha256' | 'receivedAtMs'>,
  time: Pick<StoredBreakdown, 'fareDay' | 'atMs' | 'uncertaintyMs' | 'driftPpm'>,
): StoredBreakdown {
  const { deviceId, seq, at: evidence, body } = record;
  const { vehicleId = null, routeId = null, tripId = null, directionId = null, stopId = null } = body.where;
  return {
    breakdownId: recordId(deviceId, row.epoch, seq),
    deviceId,
    seq,
    ...row,
    belief: { vehicleId, routeId, tripId, directionId },
    stopId,
    staffId: body.staffId ?? null,
    ...time,
    evidence,
  };
}

/** Makes the book; `places` of the same facts. */
export function createBreakdownBook(
  facts: BreakdownFacts,
  places: PlaceBook,
  rules: TimeRules,
): BreakdownBook {
  if (facts.breakdowns.length === 0) return NO_BREAKDOWNS;
  const shifts = createShiftBook(facts);
  const known = new Map<number | null, ReadonlyMap<string, readonly Located[]>>();
  const locatedAt = (knownAsOfMs: number | null): ReadonlyMap<string, readonly Located[]> => {
    const made = known.get(knownAsOfMs);
    if (made !== undefined) return made;
    const all = facts.breakdowns.map((one) => locate(one, knownAsOfMs, { places, shifts, rules }));
    const located = Map.groupBy(all, (one) => one.rider);
    known.set(knownAsOfMs, located);
    return located;
  };
  return {
    of(tap, knownAsOfMs) {
      const rider = riderOf(shifts, tap.deviceId, tap.fareAtMs, knownAsOfMs);
      const near = (locatedAt(knownAsOfMs).get(rider) ?? []).filter(
        (one) => mayFollow(tap, one) && isSameShift(tap, one, shifts, knownAsOfMs),
      );
      if (near.length === 0) return [];
      const { tripId } = places.place(tap, knownAsOfMs);
      const said = near
        .filter((one) => one.tripId === null || tripId === null || one.tripId === tripId)
        .map((one) => one.said);
      if (said.length <= TAP_BREAKDOWNS_MAX) return said.sort(byTime);
      // What is learnt later pushes out nothing that a close may have known.
      const [known, later] = [true, false].map((wanted) =>
        said.filter((one) => (knownAsOfMs === null || one.receivedAtMs <= knownAsOfMs) === wanted),
      ) as [TapBreakdown[], TapBreakdown[]];
      const first = nearest(known, tap, TAP_BREAKDOWNS_MAX);
      return [...first, ...nearest(later, tap, TAP_BREAKDOWNS_MAX - first.length)].sort(byTime);
    },
  };
}

/**
 * So many at most, the nearest to a tap: whatever window a tariff sets, of those within it the first is among them, however
 * often a driver presses afterwards. Half of the places belong to either side, for clocks may put a breakdown before its tap.
 */
function nearest(
  said: readonly TapBreakdown[],
  { fareAtMs }: Pick<StoredTap, 'fareAtMs'>,
  max: number,
): TapBreakdown[] {
  const sorted = [...said].sort(byTime);
  const before = sorted.filter((one) => one.atMs < fareAtMs).reverse();
  const after = sorted.filter((one) => one.atMs >= fareAtMs);
  const ofBefore = Math.min(before.length, Math.max(Math.floor(max / 2), max - after.length));
  return [...before.slice(0, ofBefore), ...after.slice(0, max - ofBefore)];
}

function byTime(a: TapBreakdown, b: TapBreakdown): number {
  return a.atMs - b.atMs || (a.breakdownId < b.breakdownId ? -1 : 1);
}

/** A breakdown where and when it took place. */
interface Located {
  readonly said: TapBreakdown;
  readonly deviceId: string;
  readonly epoch: string;
  readonly seq: number;
  readonly fareDay: string;
  readonly rider: string;
  readonly shiftId: string | null;
  readonly tripId: string | null;
}

function locate(
  breakdown: Breakdown,
  knownAsOfMs: number | null,
  { places, shifts, rules }: { places: PlaceBook; shifts: ShiftBook; rules: TimeRules },
): Located {
  const { breakdownId, deviceId, epoch, seq, belief } = breakdown;
  const { fareDay, atMs, uncertaintyMs, receivedAtMs } = breakdownTime(breakdown, knownAsOfMs, rules);
  const located = { deviceId, fareAtMs: atMs, fareDay, belief };
  return {
    said: { breakdownId, atMs, uncertaintyMs, receivedAtMs },
    deviceId,
    epoch,
    seq,
    fareDay,
    rider: riderOf(shifts, deviceId, atMs, knownAsOfMs),
    shiftId: shifts.shiftAt(located, knownAsOfMs)?.recordId ?? null,
    tripId: places.place(located, knownAsOfMs).tripId,
  };
}

/**
 * When it took place and from when that is known: of one that a close knew, as known then; of one that came later, as
 * known now. So the books of a closed day lose none.
 */
export function breakdownTime(
  breakdown: Breakdown,
  knownAsOfMs: number | null,
  rules: TimeRules,
): Pick<StoredBreakdown, 'fareDay' | 'atMs' | 'uncertaintyMs' | 'receivedAtMs'> {
  const { breakdownId: tapId, atMs: fareAtMs, receivedAtMs } = breakdown;
  const stood = knownAsOfMs !== null && receivedAtMs <= knownAsOfMs;
  const counts = (knownMs: number): boolean => !stood || knownMs <= knownAsOfMs;
  const evidence = breakdown.driftPpm === null ? null : breakdown.evidence;
  const time = timeOf(
    {
      ...breakdown,
      tapId,
      tokenId: '',
      fareAtMs,
      evidence,
      syncs: breakdown.syncs.filter((sync) => counts(sync.receivedAtMs)),
      corrections: breakdown.corrections.filter((correction) => counts(correction.knownFromMs)),
    },
    [],
    rules,
  );
  if (time === null) return breakdown;
  const { fareDay, fareAtMs: atMs, uncertaintyMs, knownFromMs } = time;
  return { fareDay, atMs, uncertaintyMs, receivedAtMs: knownFromMs };
}

/** Every time that it was ever thought to have taken place at: what was priced by one of them is priced again. */
export function breakdownTimes(breakdown: Breakdown, rules: TimeRules): number[] {
  const steps = [
    breakdown.receivedAtMs,
    ...breakdown.syncs.map((sync) => sync.receivedAtMs),
    ...breakdown.corrections.map((correction) => correction.knownFromMs),
  ];
  const times = steps.map((knownMs) => {
    const asOfMs = Math.max(knownMs, breakdown.receivedAtMs);
    return breakdownTime(breakdown, asOfMs, rules).atMs;
  });
  return [...new Set([breakdown.atMs, ...times])];
}

function riderOf(shifts: ShiftBook, deviceId: string, atMs: number, knownAsOfMs: number | null): string {
  const device = shifts.deviceAt(deviceId, atMs, knownAsOfMs);
  return device === null ? `device:${deviceId}` : `vehicle:${device.vehicleId}`;
}

/** In one journal the records themselves say what was first; else times do, as far as the two clocks can be off. */
function mayFollow(
  tap: Pick<StoredTap, 'tapId' | 'fareAtMs' | 'uncertaintyMs'>,
  { said, deviceId, epoch, seq }: Located,
): boolean {
  const apartMs = said.atMs - tap.fareAtMs;
  const offMs = (uncertaintyMs: number) => Math.min(uncertaintyMs, UNCERTAINTY_MS_MAX);
  const slackMs = offMs(tap.uncertaintyMs) + offMs(said.uncertaintyMs);
  if (apartMs < -slackMs || apartMs > BREAKDOWN_REACH_MS) return false;
  const id = parseRecordId(tap.tapId);
  return id?.deviceId !== deviceId || id.epoch !== epoch || id.seq < seq;
}

/** Another shift, or none, is another journey. A shift ends with its fare day: over that only the later day's word counts. */
function isSameShift(
  tap: LocatedTap,
  { said, fareDay, shiftId }: Located,
  shifts: ShiftBook,
  knownAsOfMs: number | null,
): boolean {
  const own = shifts.shiftAt(tap, knownAsOfMs)?.recordId ?? null;
  if (tap.fareDay === fareDay) return own === shiftId;
  return (said.atMs > tap.fareAtMs ? shiftId : own) === null;
}
