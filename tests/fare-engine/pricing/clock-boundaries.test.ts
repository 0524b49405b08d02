/** Every border of prices, with clocks that are not sure: Luas, short timeframes, clock changes, the day's start. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FareFeed } from '#pricing/fares-v2/fare-feed.ts';
import { boundariesWithin } from '#pricing/price-boundaries.ts';
import { STEP_LANGUAGES, stepText } from '#pricing/step-text.ts';
import { peakFiles } from '../../support/peak-tariff.ts';
import { cases, LONG_RUN } from '../../support/properties.ts';
import {
  CALENDAR,
  entitlement,
  PACKAGE,
  packageOf,
  priceDay,
  tap,
  timelineOf,
} from '../../support/tariff.ts';

const peak = timelineOf(packageOf(peakFiles()));
const at = (text: string): number => Date.parse(text);
const riderOf = (tariffs: typeof peak, instantMs: number, uncertaintyMs = 0): number =>
  Number(priceDay(tariffs, [tap(instantMs, { uncertaintyMs })]).lines[0]?.riderMinor);

describe('Luas: validators two and a half minutes fast at the border of the peak', () => {
  const start = at('2026-03-02T07:00:00+02:00');
  const end = at('2026-03-02T09:00:00+02:00');
  const SURE_TO_MS = 300_000;

  it('nobody pays peak before it begins, though the clock says so; sure clocks meet the border exactly', () => {
    for (let trueMs = start - 150_000; trueMs < start; trueMs += 15_000) {
      expect(riderOf(peak, trueMs + 150_000, SURE_TO_MS)).toBe(1200);
    }
    expect(riderOf(peak, start - 1)).toBe(1200);
    expect(riderOf(peak, start)).toBe(2000);
  });

  it('nobody pays peak after it has ended, though a slow clock says so', () => {
    for (let trueMs = end; trueMs < end + 150_000; trueMs += 15_000) {
      expect(riderOf(peak, trueMs - 150_000, SURE_TO_MS)).toBe(1200);
    }
    expect(riderOf(peak, end - 1)).toBe(2000);
    expect(riderOf(peak, end)).toBe(1200);
  });

  it('to the millisecond: the border itself is in the interval, one later is not', () => {
    expect(riderOf(peak, start + 5000, 5000)).toBe(2000);
    expect(riderOf(peak, start + 5000, 5001)).toBe(1200);
    expect(riderOf(peak, end - 5000, 4999)).toBe(2000);
    expect(riderOf(peak, end - 5000, 5000)).toBe(1200);
    expect(riderOf(peak, start + 3_600_000, 60_000)).toBe(2000);
  });

  it('the explanation says that the clock is not sure, and what the other side costs, in four languages', () => {
    const [line] = priceDay(peak, [tap(start + 1000, { uncertaintyMs: SURE_TO_MS })]).lines;
    const step = line?.steps.at(-1);
    expect(step).toMatchObject({
      ruleId: 'clock/cheaper-side',
      params: { uncertaintyS: '300', nominalMinor: '2000' },
    });
    const texts = STEP_LANGUAGES.map((language) =>
      stepText(step as NonNullable<typeof step>, { language, currency: 'UAH' }),
    );
    expect(new Set(texts).size).toBe(4);
    for (const text of texts) expect(text).toMatch(/300.*12.*20/);
  });
});

describe('a stretch that lies wholly within the uncertainty', () => {
  it('a cheap gap of one minute between two peaks is found', () => {
    const gap = timelineOf(
      packageOf(
        peakFiles([
          ['07:00:00', '08:00:00'],
          ['08:01:00', '09:00:00'],
        ]),
      ),
    );
    const eight = at('2026-03-02T08:00:00+02:00');
    expect(riderOf(gap, eight - 300_000, 300_000)).toBe(1200);
    expect(riderOf(gap, eight - 300_000, 299_999)).toBe(2000);
    expect(riderOf(gap, eight + 360_000, 300_000)).toBe(2000);
    expect(riderOf(gap, eight + 360_000, 300_001)).toBe(1200);
  });

  it('an entitlement that held for a minute in the midst is found', () => {
    const noon = at('2026-03-02T12:00:00+02:00');
    const entitlements = [entitlement('pensioner', { validFromMs: noon, validUntilMs: noon + 60_000 })];
    const price = (ms: number, uncertaintyMs: number) =>
      Number(priceDay(peak, [tap(ms, { uncertaintyMs })], { entitlements }).lines[0]?.riderMinor);
    expect(price(noon - 500_000, 600_000)).toBe(0);
    expect(price(noon - 500_000, 499_999)).toBe(1200);
    expect(price(noon + 660_000, 600_000)).toBe(1200);
    expect(price(noon + 660_000, 600_001)).toBe(0);
  });

  it('uncertainty of many hours is looked through too: half a day on either side of the peak', () => {
    expect(riderOf(peak, at('2026-03-02T08:00:00+02:00'), 12 * 3_600_000)).toBe(1200);
  });
});

describe('a concession that begins or ends with its law', () => {
  const donor = { entitlements: [entitlement('donor')] };
  const price = (ms: number, uncertaintyMs: number) =>
    Number(priceDay(peak, [tap(ms, { uncertaintyMs })], donor).lines[0]?.riderMinor);

  it.each([
    ['begins', at('2026-03-01T00:00:00+02:00'), -1],
    ['ends', at('2026-04-01T00:00:00+03:00'), 1],
  ])('where it %s the cheaper side applies', (_, borderMs, away) => {
    const outside = borderMs + away * 10_000;
    expect(price(outside, 9_999)).toBe(1200);
    expect(price(outside, 10_001)).toBe(900);
  });
});

describe('the nights of clock changes in Kyiv', () => {
  // 29 March 2026, 03:00 → 04:00; 25 October 2026, 04:00 → 03:00. Peaks that touch the hour which is missing or twice.
  const night = timelineOf(packageOf(peakFiles([['03:00:00', '03:30:00']])));
  const spring = at('2026-03-29T01:00:00Z');
  const autumn = at('2026-10-25T01:00:00Z');

  it('spring: the hour that is missing charges nobody, and its day has 23 hours', () => {
    for (const ms of [spring - 1, spring, spring + 1_800_000]) expect(riderOf(night, ms)).toBe(1200);
    expect(riderOf(night, spring, 3_600_000)).toBe(1200);
    expect(CALENDAR.fareDayOf(spring - 1)).toBe('2026-03-28');
    expect(CALENDAR.fareDayOf(spring)).toBe('2026-03-29');
    expect(CALENDAR.endOfMs('2026-03-28') - CALENDAR.startOfMs('2026-03-28')).toBe(23 * 3_600_000);
  });

  it('autumn: the hour that occurs twice has two peaks, each with both of its borders', () => {
    const first = autumn - 3_600_000;
    for (const start of [first, autumn]) {
      expect(riderOf(night, start - 1)).toBe(1200);
      expect(riderOf(night, start)).toBe(2000);
      expect(riderOf(night, start + 1_799_999)).toBe(2000);
      expect(riderOf(night, start + 1_800_000)).toBe(1200);
      expect(riderOf(night, start + 900_000, 900_000)).toBe(1200);
      expect(riderOf(night, start + 900_000, 899_999)).toBe(2000);
    }
    expect(CALENDAR.fareDayOf(autumn)).toBe('2026-10-24');
    expect(CALENDAR.fareDayOf(autumn + 3_599_999)).toBe('2026-10-24');
    expect(CALENDAR.fareDayOf(autumn + 3_600_000)).toBe('2026-10-25');
    expect(CALENDAR.endOfMs('2026-10-24') - CALENDAR.startOfMs('2026-10-24')).toBe(25 * 3_600_000);
  });

  it('a validator an hour off over a clock change, and known to be unsure of it, charges no peak', () => {
    expect(riderOf(night, autumn + 600_000, 3_600_000)).toBe(1200);
    expect(riderOf(night, spring - 3_600_000, 3_600_000)).toBe(1200);
  });
});

describe("the fare day's start", () => {
  // A transfer without a limit of time holds until the fare day ends at 04:00.
  const daily = timelineOf(
    packageOf({
      'fare_transfer_rules.txt': (PACKAGE['fare_transfer_rules.txt'] as string).replace('-1,1800,1', '-1,,'),
    }),
  );
  const start = at('2026-03-03T04:00:00+02:00');
  const second = (firstMs: number, firstU: number, secondMs: number, secondU: number): number => {
    const before = priceDay(daily, [tap(firstMs, { uncertaintyMs: firstU })]);
    const stateIn = before.stateOut;
    return Number(
      priceDay(daily, [tap(secondMs, { uncertaintyMs: secondU })], { stateIn }).lines[0]?.riderMinor,
    );
  };

  it('cuts the run with sure clocks, to the millisecond', () => {
    const [first, last] = priceDay(daily, [tap(start - 60_000), tap(start - 1)]).lines;
    expect([first?.riderMinor, last?.riderMinor]).toEqual([1200n, 0n]);
    expect(second(start - 60_000, 0, start, 0)).toBe(1200);
    expect(second(start - 1, 0, start, 0)).toBe(1200);
  });

  it('does not cut it where either clock may have been on the other side', () => {
    expect(second(start - 60_000, 0, start, 0)).toBe(1200);
    expect(second(start - 60_000, 0, start, 1)).toBe(0);
    expect(second(start - 60_000, 0, start + 5000, 5000)).toBe(1200);
    expect(second(start - 60_000, 0, start + 5000, 5001)).toBe(0);
    expect(second(start - 5000, 4999, start, 0)).toBe(1200);
    expect(second(start - 5000, 5000, start, 0)).toBe(0);
  });
});

describe('borders within an interval', () => {
  it('are exactly those at which the wall clock of Kyiv enters or leaves a timeframe, found by looking at each second', () => {
    const tariff = packageOf(
      peakFiles([
        ['03:00:00', '03:30:00'],
        ['07:00:00', '09:00:00'],
      ]),
    );
    const { feed } = tariff.pricer as { feed: FareFeed };
    const inPeak = (ms: number): boolean =>
      tariff.pricer.legs
        .match({ networkId: 'municipal', fromStopId: null, toStopId: null, departureMs: ms, arrivalMs: ms })
        .some((rule) => rule.ruleId === 'leg-peak');
    expect(feed.zone?.name).toBe('Europe/Kyiv');
    const nights = ['2026-03-29T00:00:00Z', '2026-10-24T23:00:00Z', '2026-06-01T00:00:00Z'].map(at);
    fc.assert(
      fc.property(
        fc.constantFrom(...nights),
        fc.integer({ min: 0, max: 7200 }),
        fc.integer({ min: 1, max: LONG_RUN ? 3600 : 300 }),
        (night, fromS, lengthS) => {
          const fromMs = night + fromS * 1000;
          const untilMs = fromMs + lengthS * 1000;
          const found = boundariesWithin([tariff], { entitlements: [], passes: [] }, null, fromMs, untilMs);
          for (let ms = fromMs + 1000; ms <= untilMs; ms += 1000) {
            if (inPeak(ms) !== inPeak(ms - 1000)) expect(found).toContain(ms);
          }
        },
      ),
      cases(),
    );
  });
});
