/** The rule of a tap's time, to the millisecond: what counts, from when, and what a close ends. */
import { describe, expect, test } from 'vitest';
import type { ClockEvidence } from '#contracts/record.ts';
import { fareAt } from '../../../fare-engine/facts/fare-at.ts';
import {
  type ClockCorrection,
  type StoredSync,
  type TapToTime,
  timeOf,
} from '../../../fare-engine/facts/tap-time.ts';
import { calendar, RULES } from '../support/engine-database.ts';

const NOON = Date.UTC(2025, 9, 14, 9);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const EPOCH = 'e'.repeat(32);
const boot = (digit: string): string => digit.repeat(32);
const DEVICE = 'val-1';

function tap(evidence: ClockEvidence, change: Partial<TapToTime> = {}): TapToTime {
  const receivedAtMs = change.receivedAtMs ?? NOON + 1000;
  const { fareAtMs, uncertaintyMs } = fareAt(evidence, receivedAtMs, RULES.clock);
  return {
    tapId: 'tap',
    tokenId: 'token',
    deviceId: DEVICE,
    epoch: EPOCH,
    seq: 10,
    fareDay: calendar.fareDayOf(fareAtMs),
    fareAtMs,
    uncertaintyMs,
    receivedAtMs,
    evidence,
    driftPpm: 50,
    syncs: [],
    corrections: [],
    ...change,
  };
}

/** A sync at `serverMs`, carried by a record made at the same moment. */
function sync(digit: string, monoMs: number, serverMs: number, change: Partial<StoredSync> = {}): StoredSync {
  const place = { recordId: `r${monoMs}`, deviceId: DEVICE, epoch: EPOCH, seq: 20, bootId: boot(digit) };
  return {
    ...place,
    monoMs,
    syncMonoMs: monoMs,
    serverMs,
    rttMs: 0,
    receivedAtMs: NOON + HOUR_MS,
    ...change,
  };
}

function correction(change: Partial<ClockCorrection>): ClockCorrection {
  return {
    correctionId: 'c1',
    deviceId: DEVICE,
    validFromMs: NOON - DAY_MS,
    validUntilMs: NOON + DAY_MS,
    epoch: null,
    fromSeq: null,
    toSeq: null,
    offsetMs: 60_000,
    trueAtMs: null,
    uncertaintyMs: 0,
    knownFromMs: NOON + HOUR_MS,
    ...change,
  };
}

const UNSYNCED = { wallMs: NOON, monoMs: 100_000, bootId: boot('a') };

describe('evidence', () => {
  test('nothing but the own record: nothing is said', () => {
    expect(timeOf(tap(UNSYNCED), [], RULES)).toBeNull();
  });

  test('the next sync of the boot, and only of the boot, of the device, and not of before the tap', () => {
    const next = sync('a', 400_000, NOON + 310_000);
    const farther = sync('a', 900_000, NOON + 900_000);
    expect(timeOf(tap(UNSYNCED, { syncs: [farther, next] }), [], RULES)).toMatchObject({
      fareAtMs: NOON + 10_000,
      // 50 ppm of five minutes.
      uncertaintyMs: 15,
      flags: ['CLOCK_SETTLED'],
    });
    for (const other of [
      { ...next, bootId: boot('b'), epoch: 'f'.repeat(32) },
      { ...next, deviceId: 'val-2' },
      { ...next, syncMonoMs: 99_999, epoch: 'f'.repeat(32) },
    ])
      expect(timeOf(tap(UNSYNCED, { syncs: [other] }), [], RULES)).toBeNull();
  });

  test('two syncs that disagree by more than a hundredth tell nothing; by a hundredth they do', () => {
    const own = { serverMs: NOON, monoMs: 0, bootId: boot('a'), rttMs: 0 };
    const evidence = { wallMs: 0, monoMs: 50 * HOUR_MS, bootId: boot('a'), sync: own };
    const at = (serverMs: number) =>
      timeOf(tap(evidence, { syncs: [sync('a', 100 * HOUR_MS, serverMs)] }), [], RULES);
    expect(at(NOON + 101 * HOUR_MS)?.fareAtMs).toBe(NOON + 50.5 * HOUR_MS);
    expect(at(NOON + 101 * HOUR_MS + 1)).toBeNull();
    expect(at(NOON + 99 * HOUR_MS)?.fareAtMs).toBe(NOON + 49.5 * HOUR_MS);
    expect(at(NOON + 99 * HOUR_MS - 1)).toBeNull();
  });

  test('the records around it narrow it, and overrule a wall clock outside of them', () => {
    const before = sync('b', 5000, NOON - 60_000, { seq: 9 });
    const after = sync('c', 5000, NOON + 60_000, { seq: 11 });
    const at = (wallMs: number) =>
      timeOf(tap({ ...UNSYNCED, wallMs, monoMs: 0 }, { syncs: [before, after] }), [], RULES);
    expect(at(NOON)).toMatchObject({ fareAtMs: NOON, uncertaintyMs: 60_000 });
    expect(at(NOON + 120_000)).toMatchObject({ fareAtMs: NOON + 30_000, uncertaintyMs: 30_000 });
    expect(at(0)).toMatchObject({ fareAtMs: NOON, uncertaintyMs: 60_000, fareDay: '2025-10-14' });
    const crossed = [before, { ...after, serverMs: NOON - 60_002 }];
    expect(timeOf(tap({ ...UNSYNCED, monoMs: 0 }, { syncs: crossed }), [], RULES)).toBeNull();
  });

  test('a correction stands above it; of two the later known, in doubt the greater id', () => {
    const syncs = [sync('a', 400_000, NOON + 310_000)];
    const say = (...corrections: ClockCorrection[]) =>
      timeOf(tap(UNSYNCED, { syncs, corrections }), [], RULES)?.fareAtMs;
    expect(say(correction({}))).toBe(NOON + 60_000);
    const later = correction({ correctionId: 'b', offsetMs: 1, knownFromMs: NOON + 2 * HOUR_MS });
    expect(say(later, correction({}))).toBe(NOON + 1);
    expect(say(correction({ correctionId: 'c2', offsetMs: 2 }), correction({}))).toBe(NOON + 2);
  });
});

describe('a close', () => {
  const closedAt = NOON + 2 * DAY_MS;
  const closes = [{ fareDay: '2025-10-14', knownFromMs: closedAt }];
  const settledAt = (knownMs: number, change: Partial<TapToTime> = {}) => {
    const syncs = [sync('a', 400_000, NOON + 310_000, { receivedAtMs: knownMs })];
    return timeOf(tap(UNSYNCED, { syncs, ...change }), closes, RULES);
  };

  test('keeps a tap that stood in its books: evidence counts until the close, not a millisecond later', () => {
    expect(settledAt(closedAt)).toMatchObject({ fareAtMs: NOON + 10_000, knownFromMs: closedAt });
    expect(settledAt(closedAt + 1)).toBeNull();
    const known = { corrections: [correction({ knownFromMs: closedAt + 1 })] };
    expect(timeOf(tap(UNSYNCED, known), closes, RULES)).toBeNull();
  });

  test('does not keep a tap that came after it', () => {
    expect(settledAt(closedAt + 5, { receivedAtMs: closedAt })).toBeNull();
    expect(settledAt(closedAt + 5, { receivedAtMs: closedAt + 1 })).toMatchObject({
      fareAtMs: NOON + 10_000,
      knownFromMs: closedAt + 5,
    });
  });

  test('a tap that moves into a closed day is known from then, so that it is late there', () => {
    const wrong = { ...UNSYNCED, wallMs: NOON + 5 * DAY_MS };
    const syncs = [sync('a', 400_000, NOON + 310_000, { receivedAtMs: closedAt + DAY_MS })];
    expect(timeOf(tap(wrong, { syncs }), closes, RULES)).toMatchObject({
      fareDay: '2025-10-14',
      knownFromMs: closedAt + DAY_MS,
    });
  });
});
