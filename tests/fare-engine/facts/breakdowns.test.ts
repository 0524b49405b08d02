/** Which of a crowd of breakdowns concern a tap: drivers press at every door, and records come late. */
import { expect, test } from 'vitest';
import { TAP_BREAKDOWNS_MAX } from '#pricing/fact-bundle.ts';
import { createPlaceBook } from '../../../fare-engine/facts/assign.ts';
import { type Breakdown, createBreakdownBook } from '../../../fare-engine/facts/breakdowns.ts';
import { EPOCH, NO_PLACES, tapIdOf } from '../support/a-record.ts';
import { RULES } from '../support/engine-database.ts';

const MINUTE_MS = 60_000;
const T0 = Date.parse('2025-10-14T08:00:00+03:00');
const DOORS = 12;
const belief = { vehicleId: 'bus-1', routeId: 'T2', tripId: null, directionId: null };
const tap = {
  tapId: tapIdOf('door-1', 500),
  deviceId: 'door-1',
  fareAtMs: T0,
  fareDay: '2025-10-14',
  uncertaintyMs: 1000,
  belief,
};
/** Of one bus; doors 2 to 12, so that times alone say what was first. */
const assignments = Array.from({ length: DOORS }, (_, i) => ({
  assignmentId: `d${i}`,
  deviceId: `door-${i + 1}`,
  vehicleId: 'bus-1',
  carrierId: null,
  routeId: null,
  tripId: null,
  validFromMs: 0,
  validUntilMs: null,
  knownFromMs: 0,
}));
const press = (door: number, afterMs: number, receivedAfterMs: number = afterMs): Breakdown => ({
  breakdownId: tapIdOf(`door-${door}`, 9),
  deviceId: `door-${door}`,
  epoch: EPOCH,
  seq: 9,
  belief,
  fareDay: '2025-10-14',
  atMs: T0 + afterMs,
  uncertaintyMs: 500,
  evidence: { wallMs: T0 + afterMs, monoMs: 0, bootId: '1'.repeat(32) },
  driftPpm: null,
  receivedAtMs: T0 + receivedAfterMs,
  syncs: [],
  corrections: [],
});
/** Doors of the breakdowns that concern the tap, whatever way the records lie. */
function doorsOf(breakdowns: Breakdown[], knownAsOfMs: number | null = null): number[] {
  const said = [breakdowns, breakdowns.toReversed()].map((given) => {
    const facts = { ...NO_PLACES, assignments, breakdowns: given };
    return createBreakdownBook(facts, createPlaceBook(facts), RULES)
      .of(tap, knownAsOfMs)
      .map(({ breakdownId }) => Number(/^door-(\d+)/.exec(breakdownId)?.[1]));
  });
  expect(said[1]).toEqual(said[0]);
  return said[0] as number[];
}
const crowd = (firstMs: number, receivedMs?: number) =>
  Array.from({ length: TAP_BREAKDOWNS_MAX }, (_, i) => press(i + 2, firstMs + i, receivedMs));

test('presses before the tap, of a breakdown that was repaired, hide none after it', () => {
  expect(doorsOf([...crowd(-20 * MINUTE_MS), press(11, 5 * MINUTE_MS)])).toEqual([11]);
});

test('a press is before the tap where both clocks together cannot make it a later one', () => {
  expect(doorsOf([press(2, -1500)])).toEqual([2]);
  expect(doorsOf([press(2, -1501)])).toEqual([]);
});

test('of a crowd those count that a close knew, and later ones push out none of them', () => {
  const known = crowd(10 * MINUTE_MS, 20 * MINUTE_MS);
  const late = [press(10, 2 * MINUTE_MS, 21 * MINUTE_MS), press(11, 3 * MINUTE_MS, 22 * MINUTE_MS)];
  const closedMs = T0 + 20 * MINUTE_MS;
  expect(doorsOf([...late, ...known], closedMs)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  expect(doorsOf([...late, ...known.slice(1)], closedMs)).toEqual([10, 3, 4, 5, 6, 7, 8, 9]);
});

test('on an open day the nearest count, whenever they became known: presses after a tariff window hide none in it', () => {
  const afterwards = crowd(180 * MINUTE_MS);
  const real = press(10, 30 * MINUTE_MS, 200 * MINUTE_MS);
  expect(doorsOf([...afterwards, real])).toEqual([10, 2, 3, 4, 5, 6, 7, 8]);
  // Nor one that only clocks put before the tap.
  const unsure = press(11, -1000, 210 * MINUTE_MS);
  expect(doorsOf([...afterwards, unsure, real])).toEqual([11, 10, 2, 3, 4, 5, 6, 7]);
});
