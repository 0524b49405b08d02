/** Each rule on both sides of each of its borders, and whatever the order of what it is handed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { claimAfterEnd, seriesOnVehicle, useAfterDeath } from '../../../fare-engine/anomalies/card-rules.ts';
import type { HuntTap, RideCount, RightSpan } from '../../../fare-engine/anomalies/hunt-facts.ts';
import { hashed, rulesFor } from '../../../fare-engine/anomalies/rules-file.ts';
import { createServiceBook } from '../../../fare-engine/anomalies/service-spans.ts';
import { categoryOutOfProportion } from '../../../fare-engine/anomalies/share-rule.ts';
import { createShareBook, silentValidator } from '../../../fare-engine/anomalies/silence-rule.ts';
import { lnUpperTail, robustZ } from '../../../fare-engine/anomalies/statistics.ts';
import {
  impossibleSpeed,
  metresBetween,
  twoVehiclesAtOnce,
} from '../../../fare-engine/anomalies/travel-rules.ts';
import { later, T0, tap } from './hunt-taps.ts';
import { RULES, RULES_FILE } from './ternopil-rules.ts';

/** Two stops 5.3 km apart less the slack of 0.3: 5,000 m and some. */
const PLACES = new Map([
  ['a', { lat: 49.5, lon: 25.6 }],
  ['b', { lat: 49.5 + 5300 / 111_194.9, lon: 25.6 }],
  ['c', { lat: 49.5 + 1700 / 111_194.9, lon: 25.6 }],
]);
const placeOf = (id: string) => PLACES.get(id);
const other = { vehicleId: 'bus-2', deviceId: 'val-2', stopId: 'b', tripId: 'trip-2' };

describe('impossible speed', () => {
  const rule = RULES['impossible-speed'];
  const speed = (...taps: HuntTap[]) => impossibleSpeed(taps, rule, placeOf);
  test('90 km/h over five kilometres is possible, 91 is not', () => {
    expect(speed(tap(), later(200, other))).toEqual([]);
    const [found] = speed(tap(), later(197, other));
    expect(found).toMatchObject({ taps: 2, severity: 'medium', vehicleId: null, carrierId: 'tet' });
    expect(found?.evidence).toMatchObject({ gapS: 197, speedKmh: 91, speedKmhMax: 90, media: 1 });
  });
  test('a clock that may be off accuses nobody: the time that it may be off is given', () => {
    const unsure = later(60, { ...other, uncertaintyMs: 139_000 });
    expect(speed(tap(), unsure)).toEqual([]);
    expect(speed(tap(), { ...unsure, uncertaintyMs: 137_000 })).toHaveLength(1);
  });
  test.each([
    ['in the same vehicle', later(60, { ...other, vehicleId: 'bus-1' })],
    ['where the stop was not sure', later(60, { ...other, stopId: null })],
    ['where nobody knows the stop', later(60, { ...other, stopId: 'nowhere' })],
    ['a repeated touch', later(60, { ...other, ride: false })],
    ['within a short distance', later(1, { ...other, stopId: 'c' })],
  ])('nothing is said %s', (_name, second) => {
    expect(speed(tap(), second)).toEqual([]);
  });
  test('two media of one account may be in two hands: a hint', () => {
    expect(speed(tap(), later(60, { ...other, tokenId: 'k1.b' }))[0]?.severity).toBe('low');
  });
  test('distances are those of the globe', () => {
    // Ternopil to Lviv, some 118 km.
    expect(metresBetween({ lat: 49.5535, lon: 25.5948 }, { lat: 49.8397, lon: 24.0297 })).toBeCloseTo(
      117_200,
      -3,
    );
  });
});

describe('two vehicles at once', () => {
  const rule = RULES['two-vehicles-at-once'];
  const at = (...taps: HuntTap[]) => twoVehiclesAtOnce(taps, rule).map((found) => found.evidence);
  test('eight seconds apart cannot be, nine can', () => {
    expect(at(tap(), later(8, other))).toEqual([{ gapS: 8, gapSMax: 8, media: 1 }]);
    expect(at(tap(), later(9, other))).toEqual([]);
    expect(at(tap(), later(8, { ...other, uncertaintyMs: 1000 }))).toEqual([]);
    expect(at(tap(), later(1))).toEqual([]);
  });
  test('another vehicle between two taps on one trip cannot be; on two trips, or half an hour later, it can', () => {
    expect(at(tap(), later(600, other), later(1200))).toEqual([{ awayS: 1200, awaySMax: 1800, media: 1 }]);
    expect(at(tap(), later(600, other), later(1200, { tripId: 'trip-9' }))).toEqual([]);
    expect(at(tap(), later(600, other), later(1801))).toEqual([]);
    expect(at(tap({ tripId: null }), later(600, other), later(1200, { tripId: null }))).toEqual([]);
    // Whether the other tap was between them is not sure.
    expect(at(tap(), later(600, { ...other, uncertaintyMs: 601_000 }), later(1200))).toEqual([]);
  });
});

describe('series on a vehicle', () => {
  const rule = RULES['series-on-vehicle'];
  const series = (many: number, stepS: number, changes: Partial<HuntTap> = {}) =>
    seriesOnVehicle(
      Array.from({ length: many }, (_, n) => later(n * stepS, changes)),
      rule,
    );
  test('four rides of a concession card within half an hour, or nine in a day', () => {
    expect(series(4, 600)).toHaveLength(1);
    expect(series(4, 601)).toEqual([]);
    expect(series(3, 200)).toEqual([]);
    expect(series(8, 3600)).toEqual([]);
    expect(series(9, 3600)[0]).toMatchObject({ taps: 9, evidence: { ridesInWindow: 1, ridesOfDay: 9 } });
  });
  test('repeated touches, rides paid in full and companions are none', () => {
    expect(series(12, 130, { ride: false })).toEqual([]);
    expect(series(12, 130, { claimed: false, concessionId: null })).toEqual([]);
    expect(series(1, 0)).toEqual([]);
  });
  test('clocks that may be off stretch the window', () => {
    expect(series(4, 590, { uncertaintyMs: 16_000 })).toEqual([]);
    expect(series(4, 590, { uncertaintyMs: 15_000 })).toHaveLength(1);
  });
  test('a ride whose time is not sure is none of a window, whoever rode after it', () => {
    const rides = [0, 300, 600, 900].map((s, n) => later(s, { uncertaintyMs: n === 1 ? 1_800_000 : 0 }));
    expect(seriesOnVehicle(rides, rule)).toEqual([]);
    expect(seriesOnVehicle([...rides, later(1200)], rule)[0]?.evidence).toMatchObject({ ridesInWindow: 4 });
  });
  test('a finding names a hundred taps and counts all', () => {
    const [found] = series(130, 60);
    expect([found?.tapIds.length, found?.taps]).toEqual([100, 130]);
  });
});

describe('rights that have ended', () => {
  const right = (changes: Partial<RightSpan> = {}): RightSpan => ({
    concessionId: 'pensioner',
    validFromMs: 0,
    validUntilMs: T0,
    endReason: null,
    deathMs: null,
    ...changes,
  });
  const dead = [right({ deathMs: T0 })];
  const graceS = RULES['use-after-death'].graceS;
  test('after death and a day and a half of grace, one finding for each day', () => {
    const used = (...taps: HuntTap[]) => useAfterDeath(taps, dead, RULES['use-after-death']);
    expect(used(later(graceS - 1))).toEqual([]);
    expect(used(later(graceS))).toHaveLength(1);
    expect(used(later(graceS + 10, { uncertaintyMs: 11_000 }))).toEqual([]);
    const days = used(
      later(graceS),
      later(graceS + 60, { claimed: false }),
      later(graceS + 90_000, { fareDay: '2025-10-15' }),
    );
    expect(days.map(({ taps, evidence }) => [taps, evidence['claimed']])).toEqual([
      [2, 1],
      [1, 1],
    ]);
    expect(useAfterDeath([later(graceS)], [right()], RULES['use-after-death'])).toEqual([]);
  });
  test('a right that had ended long before does not date the death', () => {
    const pupil = right({ concessionId: 'pupil', validUntilMs: 0, deathMs: T0 });
    const used = (at: number) => useAfterDeath([later(at)], [pupil], RULES['use-after-death']).length;
    expect([used(graceS - 1), used(graceS)]).toEqual([0, 1]);
  });
  const claimed = (rights: RightSpan[], ...taps: HuntTap[]) =>
    claimAfterEnd(taps, rights, RULES['claim-after-end']).length;
  test('a claim at the very end is after it, a claim before is not', () => {
    expect(claimed([right()], later(0))).toBe(1);
    expect(claimed([right()], later(-1))).toBe(0);
    expect(claimed([right()], later(5, { uncertaintyMs: 6000 }))).toBe(0);
  });
  test('a prolonged right, another right, a death and a full fare are other matters', () => {
    expect(claimed([right(), right({ validFromMs: T0, validUntilMs: null })], later(10))).toBe(0);
    expect(claimed([right({ concessionId: 'student' })], later(10))).toBe(0);
    // A right of one row opens the others of its category: whoever holds another one may ride by it.
    expect(
      claimed([right(), right({ concessionId: 'pensioner-trolley', validUntilMs: null })], later(10)),
    ).toBe(0);
    for (const nothing of ['residence:ternopil', 'used:pensioner:3:0'])
      expect(claimed([right(), right({ concessionId: nothing, validUntilMs: null })], later(10))).toBe(1);
    expect(claimed(dead, later(10))).toBe(0);
    expect(claimed([right()], later(10, { claimed: false }))).toBe(0);
    expect(claimed([], later(10))).toBe(0);
  });
});

/** Rides of one route: three vehicles, twenty days, `extra` more of the category on the first. */
function rides(extra: number, days = 20, extraDays = days): RideCount[] {
  return ['1', '2', '3'].flatMap((vehicleId) =>
    Array.from({ length: days }, (_, day) => {
      const at = { routeId: 'T2', vehicleId, carrierId: 'tet', fareDay: `2025-10-${day + 10}` };
      const more = vehicleId === '1' && day < extraDays ? extra : 0;
      return [
        { ...at, concessionId: 'combatant', rides: 5 + more },
        { ...at, concessionId: null, rides: 195 },
      ];
    }).flat(),
  );
}
const PERIOD = { fromDay: '2025-10-01', untilDay: '2025-11-01' };
const RIDERS = [{ routeId: 'T2', vehicleId: '1', concessionId: 'combatant', riders: 30 }];

describe('a category out of proportion', () => {
  const rule = RULES['category-out-of-proportion'];
  const out = (counts: RideCount[], riders = RIDERS) =>
    categoryOutOfProportion({ counts, riders }, PERIOD, rule);
  test('a vehicle that carries thrice what its neighbours do is named, one with a little more is not', () => {
    expect(out(rides(10))).toMatchObject([
      { ...PERIOD, vehicleId: '1', routeId: 'T2', concessionId: 'combatant', tapIds: [] },
    ]);
    expect(out(rides(4))).toEqual([]);
    expect(out(rides(0))).toEqual([]);
  });
  test('two days of a school trip are left out, and few riders accuse nobody', () => {
    expect(out(rides(60, 20, 2))).toEqual([]);
    expect(out(rides(10), [{ ...(RIDERS[0] as (typeof RIDERS)[0]), riders: 11 }])).toEqual([]);
    expect(out(rides(10), [])).toEqual([]);
  });
  test('a route is compared with the other routes, once there are enough', () => {
    const routes = (many: number) =>
      Array.from({ length: many }, (_, n) =>
        rides(0).map((count) => ({
          ...count,
          routeId: `R${n}`,
          rides: n === 0 && count.concessionId !== null ? count.rides * 3 : count.rides,
        })),
      ).flat();
    const riders = [{ routeId: 'R0', vehicleId: null, concessionId: 'combatant', riders: 300 }];
    expect(categoryOutOfProportion({ counts: routes(6), riders }, PERIOD, rule)).toMatchObject([
      { routeId: 'R0', vehicleId: null },
    ]);
    expect(categoryOutOfProportion({ counts: routes(5), riders }, PERIOD, rule)).toEqual([]);
    // The same rides by a dozen people are their habit.
    const few = [{ ...(riders[0] as (typeof riders)[0]), riders: 12 }];
    expect(categoryOutOfProportion({ counts: routes(6), riders: few }, PERIOD, rule)).toEqual([]);
  });
});

describe('a silent validator', () => {
  const rule = RULES['silent-validator'];
  const service = ['val-1', 'val-2'].map((deviceId) => ({
    deviceId,
    fromMs: T0 - 1000,
    untilMs: T0 + 36_000_000,
  }));
  const shares = (taps: number) =>
    createShareBook(
      ['val-1', 'val-2'].map((deviceId) => ({
        scope: 'vehicle',
        groupId: 'bus-1',
        deviceId,
        fareDay: '2025-10-13',
        taps,
      })),
      rule,
    );
  const day = (taps: HuntTap[]) => ({
    scope: 'vehicle' as const,
    groupId: 'bus-1',
    fareDay: '2025-10-14',
    taps,
    service,
  });
  const neighbour = (many: number, stepS = 61) =>
    Array.from({ length: many }, (_, n) => later(n * stepS, { deviceId: 'val-2' }));
  // Half of all taps, trusted by half: 0.75^n <= 0.001 / 1000, so n >= 49.
  const silent = (taps: HuntTap[], book = shares(500)) => silentValidator(day(taps), book, rule);
  test('forty-nine boardings next door are too many, forty-eight are not', () => {
    expect(silent(neighbour(49))).toMatchObject([
      {
        deviceId: 'val-1',
        vehicleId: 'bus-1',
        fromDay: '2025-10-14',
        untilDay: '2025-10-15',
        evidence: { neighbourBoardings: 49 },
      },
    ]);
    expect(silent(neighbour(48))).toEqual([]);
  });
  test('a group is one boarding, a tap of its own ends the silence, one that may lie in it too', () => {
    expect(silent(neighbour(200, 60))).toEqual([]);
    expect(silent([...neighbour(60), later(30 * 61, { tapId: 'own' })])).toEqual([]);
    // A repeated touch is no ride, and yet it was seen.
    expect(silent([...neighbour(60), later(30 * 61, { ride: false })])).toEqual([]);
    expect(silent([...neighbour(60), later(40_000, { uncertaintyMs: 61_000 })])).toEqual([]);
  });
  test('nobody is accused without a share, and a share is known of other days only', () => {
    const none = createShareBook([], rule);
    expect(silent(neighbour(49), none)).toEqual([]);
    const today = createShareBook(
      [{ scope: 'vehicle', groupId: 'bus-1', deviceId: 'val-1', fareDay: '2025-10-14', taps: 500 }],
      rule,
    );
    expect(silent(neighbour(200), today)).toEqual([]);
  });
  test('service is the shift that a driver opened, on the vehicle that the city has assigned', () => {
    const heard = new Map(['val-1', 'val-2'].map((id): [string, number] => [id, T0 + 90_000_000]));
    const bounds = { startOfMs: () => T0, endOfMs: () => T0 + 86_400_000 };
    const fact = (deviceId: string, vehicleId: string, validFromMs: number, validUntilMs: number | null) => ({
      ...{
        assignmentId: `${deviceId} ${validFromMs}`,
        deviceId,
        vehicleId,
        carrierId: null,
        routeId: null,
        tripId: null,
      },
      ...{ validFromMs, validUntilMs, knownFromMs: 0 },
    });
    const shift = (action: 'open' | 'close', atMs: number, source: 'driver' | 'plan' = 'driver') => ({
      ...{ recordId: `${action} ${atMs}`, deviceId: 'val-1', action, source, routeId: 'T2', tripId: null },
      ...{ directionId: null, fareDay: '2025-10-14', atMs, receivedAtMs: atMs },
    });
    const places = [fact('val-1', 'bus-1', 0, null), fact('val-2', 'bus-1', 0, T0 + 5000)];
    const book = createServiceBook(
      places,
      [shift('open', T0 + 1000), shift('close', T0 + 9000)],
      bounds,
      heard,
    );
    expect(book.onRoute('T2', '2025-10-14')).toEqual([
      { deviceId: 'val-1', fromMs: T0 + 1000, untilMs: T0 + 9000 },
      { deviceId: 'val-2', fromMs: T0 + 1000, untilMs: T0 + 5000 },
    ]);
    expect([...book.severalDevices]).toEqual(['bus-1']);
    // Records of one may still be on their way, the other never told anything.
    const late = createServiceBook(places, [shift('open', T0)], bounds, new Map([['val-1', T0 + 4000]]));
    expect(late.onVehicle('bus-1', '2025-10-14')).toEqual([
      { deviceId: 'val-1', fromMs: T0, untilMs: T0 + 4000 },
    ]);
    const planned = createServiceBook(places, [shift('open', T0, 'plan')], bounds, heard);
    expect(planned.onRoute('T2', '2025-10-14')).toEqual([]);
  });
});

describe('statistics', () => {
  test('the tail of the binomial is the sum of its terms', () => {
    const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
    const term = (k: number, n: number, p: number) =>
      (factorial(n) / factorial(k) / factorial(n - k)) * p ** k * (1 - p) ** (n - k);
    const whole = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(
        whole,
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, p, at) => {
          const k = Math.min(n, Math.floor(at * (n + 1)));
          const sum = Array.from({ length: n - k + 1 }, (_, i) => term(k + i, n, p)).reduce(
            (a, b) => a + b,
            0,
          );
          expect(lnUpperTail(k, n, p)).toBeCloseTo(Math.log(sum), 8);
        },
      ),
      { numRuns: 1000 },
    );
  });
  test('its edges are sure or impossible, and far tails keep their size', () => {
    expect([lnUpperTail(0, 5, 0.1), lnUpperTail(6, 5, 0.1), lnUpperTail(1, 5, 0)]).toEqual([
      0,
      -Infinity,
      -Infinity,
    ]);
    expect(lnUpperTail(1000, 1000, 0.001)).toBeCloseTo(1000 * Math.log(0.001), 6);
  });
  test('a robust z does not move with the outlier it judges', () => {
    expect(robustZ(10, [1, 2, 3, 4, 10], 0.1)).toBeCloseTo((0.6745 * 7) / 1, 9);
    expect(robustZ(5, [1, 1, 1, 1, 5], 0.1)).toBeCloseTo(0.6745 * 40, 9);
  });
});

test('no rule minds the order of what it is handed', () => {
  const taps = fc.array(
    fc.record({
      s: fc.integer({ min: 0, max: 4000 }),
      bus: fc.constantFrom('bus-1', 'bus-2'),
      stop: fc.constantFrom('a', 'b', 'c'),
    }),
    { minLength: 2, maxLength: 14 },
  );
  const look = (list: HuntTap[]) => [
    ...impossibleSpeed(list, RULES['impossible-speed'], placeOf),
    ...twoVehiclesAtOnce(list, RULES['two-vehicles-at-once']),
    ...seriesOnVehicle(list, RULES['series-on-vehicle']),
  ];
  fc.assert(
    fc.property(taps, fc.infiniteStream(fc.nat()), (wishes, chance) => {
      const list = wishes.map(({ s, bus, stop }) => later(s, { vehicleId: bus, stopId: stop }));
      const other = list
        .map((one) => ({ one, at: chance.next().value as number }))
        .sort((a, b) => a.at - b.at);
      expect(new Set(look(other.map(({ one }) => one)).map((found) => JSON.stringify(found)))).toEqual(
        new Set(look(list).map((found) => JSON.stringify(found))),
      );
    }),
    { numRuns: 300 },
  );
});

test('a period has the numbers of its own time, and never two sets', () => {
  const [set] = RULES_FILE.sets as [(typeof RULES_FILE)['sets'][0]];
  const file = { sets: [set, { ...set, validFrom: '2026-01-01' }] };
  expect(rulesFor(file, '2018-10-31', '2018-11-02')).toBe('before-first');
  expect(rulesFor(file, '2025-12-01', '2026-01-01')).toEqual(hashed(set.rules));
  expect(rulesFor(file, '2025-12-01', '2026-01-02')).toBe('several-sets');
  const changed = hashed({ ...set.rules, 'use-after-death': { ...set.rules['use-after-death'], graceS: 0 } });
  expect(changed['use-after-death'].paramsSha256).not.toBe(RULES['use-after-death'].paramsSha256);
  expect(changed['impossible-speed'].paramsSha256).toBe(RULES['impossible-speed'].paramsSha256);
});
