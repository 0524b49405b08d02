/** A vehicle of the simulated city feeds noisy positions to the real finder; how often does that name the right stop? */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadCity } from '#platform/city-data.ts';
import { makeStopPlan, STOP_PLAN_FILES } from '../../../cli/city/make-stop-plan.ts';
import { createStopFinder } from '../../../edge-agent/stops/find-stop.ts';
import { parseStopPlan, STOP_PLAN_BYTES_MAX } from '../../../edge-agent/stops/stop-plan.ts';
import { createGnssReceiver } from '../../../simulators/city/gnss-receiver.ts';
import { whereIs } from '../../../simulators/city/vehicle-place.ts';
import { timetable, tuesday } from './support.ts';

const CITY = 'cities/ternopil';
const texts = Object.fromEntries(
  STOP_PLAN_FILES.map((name) => [name, readFileSync(join(CITY, 'gtfs', name), 'utf8')]),
);
const { countsFromPct, ...rules } = loadCity(CITY).city.stops as NonNullable<
  ReturnType<typeof loadCity>['city']['stops']
>;
const plan = makeStopPlan(texts, rules);

test('the plan of the reference city is small, whole, and holds every trip', () => {
  const bytes = Buffer.from(JSON.stringify(plan));
  expect(bytes.length).toBeLessThan(STOP_PLAN_BYTES_MAX / 20);
  expect(parseStopPlan(bytes)).toMatchObject({ ok: true });
  expect(Object.keys(plan.trips).sort()).toEqual([...timetable.trips.keys()].sort());
  for (const [tripId, [index]] of Object.entries(plan.trips)) {
    const trip = timetable.trips.get(tripId);
    expect(plan.patterns[index]).toMatchObject({ routeId: trip?.routeId, directionId: trip?.directionId });
    expect(plan.patterns[index]?.stopIds).toEqual(trip?.calls.map((call) => call.stopId));
  }
});

test('the stop is right nearly always, and where it is surely said even more often', () => {
  const tally = { asked: 0, right: 0, sure: 0, sureAndRight: 0 };
  for (const blockId of ['T2-1', 'P18-1', 'T5-2']) {
    expect(timetable.blocks.has(blockId)).toBe(true);
    const finder = createStopFinder(plan);
    const receiver = createGnssReceiver(7, blockId);
    const start = tuesday('07:00');
    for (let s = 0; s < 3 * 3600; s += 3) {
      const nowMs = start + s * 1000;
      const place = whereIs(timetable, blockId, nowMs);
      if (place.kind === 'idle') continue;
      const run = place.kind === 'driving' ? place.run : place.next;
      finder.follow(run.trip);
      const fix = receiver.read(place.position, place.kind === 'waiting' || place.atStopId !== null, nowMs);
      if (fix) finder.observe(fix, s * 1000);
      // Riders touch while the vehicle stands.
      const stopId = place.kind === 'waiting' ? place.stopId : place.atStopId;
      if (stopId === null) continue;
      const found = finder.at({ nowMs, monoMs: s * 1000 });
      const right = found?.stopId === stopId;
      const sure = (found?.stopConfidencePct ?? 0) >= countsFromPct;
      tally.asked++;
      if (right) tally.right++;
      if (sure) tally.sure++;
      if (sure && right) tally.sureAndRight++;
    }
  }
  expect(tally.asked).toBeGreaterThan(1000);
  expect(tally.right / tally.asked).toBeGreaterThan(0.95);
  expect(tally.sureAndRight / tally.sure).toBeGreaterThan(0.97);
  expect(tally.sure / tally.asked).toBeGreaterThan(0.8);
});
