/** Riders and their day come from the seed alone. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { planDay } from '../../../simulators/city/day-plan.ts';
import { createPathFinder } from '../../../simulators/city/find-path.ts';
import { randomOf } from '../../../simulators/city/random.ts';
import { makeRiders, type RiderShares } from '../../../simulators/city/riders.ts';
import { parseTimetable } from '../../../simulators/city/timetable.ts';

const dir = join(import.meta.dirname, '../../../cities/ternopil');
const timetable = parseTimetable(
  Object.fromEntries(
    readdirSync(join(dir, 'gtfs')).map((name) => [name, readFileSync(join(dir, 'gtfs', name), 'utf8')]),
  ),
);
const shares = parse(readFileSync(join(dir, 'riders.yaml'), 'utf8')) as RiderShares;
const paths = createPathFinder(timetable);
const ridersOf = (seed: number, count = 1000) => makeRiders({ seed, count, shares, timetable, paths });
const TUESDAY = Date.UTC(2025, 9, 14) / 86_400_000;
const SATURDAY = TUESDAY + 4;
const planOf = (seed: number, day = TUESDAY) =>
  planDay({ seed, riders: ridersOf(seed), timetable, paths, day });

describe('chance', () => {
  test('repeats itself for the same words and differs for others', () => {
    const draw = (seed: number, word: string) => {
      const random = randomOf(seed, word);
      return Array.from({ length: 20 }, () => random.next());
    };
    expect(draw(1, 'a')).toEqual(draw(1, 'a'));
    expect(draw(1, 'a')).not.toEqual(draw(2, 'a'));
    expect(draw(1, 'a')).not.toEqual(draw(1, 'b'));
  });

  test('is spread evenly', () => {
    const random = randomOf(7, 'evenness');
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const drawn = random.below(10);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    for (const count of counts) {
      expect(count).toBeGreaterThan(9_600);
      expect(count).toBeLessThan(10_400);
    }
  });
});

describe('riders', () => {
  test('are the same people for the same seed, and others for another', () => {
    expect(ridersOf(5)).toEqual(ridersOf(5));
    expect(ridersOf(5)).not.toEqual(ridersOf(6));
  });

  test('do not change when more of them are made', () => {
    expect(ridersOf(5, 1200).slice(0, 1000)).toEqual(ridersOf(5, 1000));
  });

  test('have a card each, and concessions on the personal card only', () => {
    const riders = ridersOf(5);
    expect(new Set(riders.map((r) => r.mediumIdHex)).size).toBe(riders.length);
    expect(new Set(riders.map((r) => r.accountId)).size).toBe(riders.length);
    for (const rider of riders) {
      expect(rider.mediumIdHex).toMatch(/^[0-9a-f]{32}$/);
      if (rider.concessionId !== null) expect(rider.mediumKind).toBe('social');
    }
  });

  test('pay with bank cards in the shares that were asked for, and then in full', () => {
    const bankShare = 0.15;
    const asked = { ...shares, fullFareBankShare: bankShare };
    const riders = makeRiders({ seed: 5, count: 4000, shares: asked, timetable, paths });
    const full = riders.filter((rider) => rider.concessionId === null);
    const bank = riders.filter((rider) => rider.mediumKind === 'bank');
    expect(Math.abs(bank.length / full.length - bankShare)).toBeLessThan(0.025);
    const phones = bank.filter((rider) => rider.bankCard === 'phone').length / bank.length;
    expect(Math.abs(phones - shares.bankCards.phone)).toBeLessThan(0.06);
    for (const rider of riders) expect(rider.bankCard !== null).toBe(rider.mediumKind === 'bank');
    expect(
      bank.every((rider) => rider.concessionId === null && !rider.pays && rider.fault !== 'denied'),
    ).toBe(true);
  });

  test('keep home, work and luck when more of them pay with a bank card', () => {
    const all = { ...shares, fullFareBankShare: 1 };
    const others = makeRiders({ seed: 5, count: 300, shares: all, timetable, paths });
    const places = (r: { homeStopId: string; workStopId: string }) => [r.homeStopId, r.workStopId];
    expect(others.map(places)).toEqual(ridersOf(5, 300).map(places));
    expect(others.filter((r) => r.concessionId === null).every((r) => r.mediumKind === 'bank')).toBe(true);
  });

  test('hold concessions in the shares that were asked for', () => {
    const riders = ridersOf(5, 4000);
    for (const { concessionId, share } of shares.concessions.filter((c) => c.share >= 0.1)) {
      const part = riders.filter((r) => r.concessionId === concessionId).length / riders.length;
      expect(Math.abs(part - share), concessionId).toBeLessThan(0.025);
    }
  });
});

describe('the plan of a day', () => {
  test('is the same for the same seed and another for the next day', () => {
    expect(planOf(5)).toEqual(planOf(5));
    expect(planOf(5)).not.toEqual(planOf(5, TUESDAY + 1));
  });

  test('puts riders only into vehicles that stand at their stop', () => {
    const plan = planOf(5);
    expect(plan.length).toBeGreaterThan(1000);
    for (const boarding of plan) {
      const trip = timetable.trips.get(boarding.tripId);
      expect(trip?.blockId).toBe(boarding.blockId);
      expect(trip?.serviceId).toBe('weekday');
      const call = trip?.calls.find((c) => c.stopId === boarding.stopId);
      const departureMs = (TUESDAY * 86_400 - 3 * 3600 + (call?.departureS ?? Number.NaN)) * 1000;
      expect(boarding.atMs).toBeLessThan(boarding.untilMs);
      expect(boarding.untilMs).toBe(departureMs + 60_000);
      expect(boarding.atMs).toBeGreaterThanOrEqual(departureMs - 60_000);
    }
  });

  test('is in order of time, with changes within and beyond half an hour', () => {
    const plan = planOf(5);
    const last = new Map<string, number>();
    const gapsMin: number[] = [];
    plan.forEach((boarding, i) => {
      expect(boarding.atMs).toBeGreaterThanOrEqual(plan[i - 1]?.atMs ?? 0);
      const before = last.get(boarding.riderId);
      if (before !== undefined) gapsMin.push((boarding.atMs - before) / 60_000);
      last.set(boarding.riderId, boarding.atMs);
    });
    expect(gapsMin.filter((m) => m <= 30).length).toBeGreaterThan(100);
    expect(gapsMin.filter((m) => m > 30 && m < 60).length).toBeGreaterThan(50);
  });

  test('has a morning peak on a working day and less riding on Saturday', () => {
    const hour = (atMs: number) => Math.floor(atMs / 3600_000 + 3) % 24;
    const plan = planOf(5);
    const inHour = (h: number) => plan.filter((b) => hour(b.atMs) === h).length;
    expect(inHour(7)).toBeGreaterThan(2 * inHour(10));
    expect(planOf(5, SATURDAY).length).toBeLessThan(plan.length * 0.7);
    expect(planOf(5, SATURDAY).length).toBeGreaterThan(100);
  });

  test('lets a refused card be tried once a day only', () => {
    const faulty = new Set(
      ridersOf(5)
        .filter((r) => r.fault !== 'none')
        .map((r) => r.riderId),
    );
    expect(faulty.size).toBeGreaterThan(0);
    const tries = planOf(5).filter((b) => faulty.has(b.riderId));
    expect(new Set(tries.map((b) => b.riderId)).size).toBe(tries.length);
  });
});
