/** What months earn of the price of a pass: nothing before its time, all of it by its end, whatever the months are. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFareCalendar } from '#pricing/fare-day.ts';
import type { ProductTerm } from '#pricing/tariff-schema.ts';
import { runningTermOf } from '../../../fare-engine/holdings/term-of.ts';
import { earn, type HoldingFacts } from '../../../fare-engine/settlement/earn.ts';
import {
  instantsOf,
  nextPeriod,
  periodOfDay,
  type SettlementPeriod,
} from '../../../fare-engine/settlement/period.ts';
import { cases } from '../../support/properties.ts';

const calendar = createFareCalendar('Europe/Kyiv', '04:00');
const CITY = { zone: 'Europe/Kyiv', dayStart: '04:00' };
const LAW = { act: 'a', article: '1' };
const MONTH: ProductTerm = {
  ...{
    fare_product_id: 'p',
    kind: 'pass',
    validity_amount: 30,
    validity_unit: 'day',
    validity_type: 'rolling',
  },
  ...LAW,
};
const TEN: ProductTerm = { ...MONTH, kind: 'carnet', rides: 10, validity_amount: 60 };
const FIRST_USE: ProductTerm = { ...MONTH, activation: 'first_use', activate_within_days: 20 };
const BEGIN = Date.parse('2025-10-20T12:00+03:00');

const held = (change: Partial<HoldingFacts> = {}): HoldingFacts => ({
  ...{
    passId: 'x',
    fareProductId: 'p',
    currency: 'UAH',
    validFromMs: BEGIN,
    paidMinor: 1000n,
    movedMinor: 1000n,
  },
  ...{ leftMinor: 0n, earnedMinor: 0n, rides: 0, firstDay: null, untilDay: null },
  ...{ ridesNow: 0, firstUseMs: null, usedMinor: null },
  ...change,
});
const october = periodOfDay('2025-10-01');
const by = (period: SettlementPeriod) => ({
  ...{ untilDay: period.untilDay, untilMs: instantsOf(period, CITY).untilMs },
  calendar,
});
const sold = (term: ProductTerm) => ({ term, zone: 'Europe/Kyiv' });

describe('a month earns', () => {
  test('of what an earlier system left: over the days from then on, and the rides that were left', () => {
    const fresh = (term: ProductTerm, change: Partial<HoldingFacts>) =>
      earn(held(change), sold(term), by(october)).earnedMinor;
    // Sold on 20 October for 30 days; 12 of 31 fare days are October's, and of the 26 from the 25th on 7.
    const over = { atMs: Date.parse('2025-10-25T12:00+03:00'), rides: 0, firstUseMs: null };
    expect(fresh(MONTH, {})).toBe(387n);
    expect(fresh(MONTH, { handedOver: over })).toBe(269n);
    // Before its time, it is as if it had been sold here.
    expect(fresh(MONTH, { handedOver: { ...over, atMs: BEGIN - 86_400_000 } })).toBe(387n);
    expect(fresh(TEN, { ridesNow: 2, handedOver: { ...over, rides: 6 } })).toBe(500n);
    expect(fresh(TEN, { ridesNow: 9, handedOver: { ...over, rides: 10 } })).toBe(1000n);
    const begun = { handedOver: { ...over, rides: 1, firstUseMs: BEGIN } };
    expect([fresh(FIRST_USE, {}), fresh(FIRST_USE, begun)]).toEqual([0n, 269n]);
  });

  test('of a pass that was brought over from before the first package, by the terms in force, as rides are priced', () => {
    const packageMs = BEGIN + 1;
    const package_ = { tariff: { zone: 'Europe/Kyiv' }, heldTerms: new Map([['p', MONTH]]) };
    const at = (ms: number) => (ms >= packageMs ? package_ : undefined);
    const term = (untilMs: number) => runningTermOf({ at } as never, held(), untilMs);
    expect(term(BEGIN)).toBeUndefined();
    const { untilMs } = by(october);
    expect(earn(held(), term(untilMs - 1), by(october))).toMatchObject({
      earnedMinor: 387n,
      leftMinor: 613n,
    });
  });

  test('the fare days of a pass that it has: 20 October to 19 November are 31', () => {
    const first = earn(held(), sold(MONTH), by(october));
    expect(first).toMatchObject({
      earnedMinor: 387n,
      leftMinor: 613n,
      firstDay: '2025-10-20',
      untilDay: '2025-11-20',
    });
    const { firstDay, untilDay, leftMinor, earnedSoFarMinor: earnedMinor } = first;
    const next = held({ movedMinor: 0n, firstDay, untilDay, leftMinor, earnedMinor });
    expect(earn(next, sold(MONTH), by(nextPeriod(october)))).toMatchObject({
      earnedMinor: 613n,
      leftMinor: 0n,
    });
  });

  test.each([
    [
      'nothing of a pass that begins with the next month',
      MONTH,
      { validFromMs: Date.parse('2025-11-01T04:00+02:00') },
      0n,
    ],
    [
      'one day of one that begins in its last minute',
      MONTH,
      { validFromMs: Date.parse('2025-11-01T03:59+02:00') },
      32n,
    ],
    ['a tenth for a ride of a carnet', TEN, { ridesNow: 3 }, 300n],
    ['no more than its price for rides that came too many', TEN, { ridesNow: 11 }, 1000n],
    ['by days where the tariff says so', { ...TEN, earned_by: 'days' as const }, { ridesNow: 3 }, 196n],
    ['nothing before the first use', FIRST_USE, {}, 0n],
    [
      'from the first use on',
      FIRST_USE,
      { firstUseMs: Date.parse('2025-10-31T12:00+02:00'), ridesNow: 1 },
      32n,
    ],
    [
      'all of what was lost unused by its end',
      FIRST_USE,
      { validFromMs: Date.parse('2025-10-12T04:00+02:00') },
      1000n,
    ],
    [
      'nothing of what may be used a millisecond more',
      FIRST_USE,
      { validFromMs: Date.parse('2025-10-12T04:00+02:00') + 1 },
      0n,
    ],
    ['what was used of a pass that was given back', MONTH, { usedMinor: 400n, movedMinor: 400n }, 400n],
    [
      'less than nothing where more had been earned',
      MONTH,
      { usedMinor: 300n, movedMinor: -700n, leftMinor: 600n, earnedMinor: 400n },
      -100n,
    ],
  ] as const)('%s', (_, term, change, minor) => {
    const { earnedMinor, leftMinor } = earn(held(change), sold(term), by(october));
    expect(earnedMinor).toBe(minor);
    if ('usedMinor' in change) expect(leftMinor).toBe(0n);
  });

  test('nothing while no package knows the product, and all of it at the end of a time that was known', () => {
    expect(earn(held(), undefined, by(october))).toMatchObject({
      earnedMinor: 0n,
      leftMinor: 1000n,
      firstDay: null,
    });
    const known = {
      ...{ movedMinor: 0n, leftMinor: 613n, earnedMinor: 387n },
      ...{ firstDay: '2025-10-20', untilDay: '2025-11-20' },
    };
    expect(earn(held(known), undefined, by(october)).earnedMinor).toBe(0n);
    expect(earn(held(known), undefined, by(nextPeriod(october)))).toMatchObject({
      earnedMinor: 613n,
      leftMinor: 0n,
    });
  });

  test('its part of any price, so that all months together earn it exactly, none less than nothing', () => {
    const one = fc.record({
      term: fc.constantFrom(MONTH, TEN, FIRST_USE),
      paid: fc.bigInt({ min: 1n, max: 1_000_000n }),
      startMs: fc.integer({ min: Date.parse('2025-09-01'), max: Date.parse('2025-12-01') }),
      rides: fc.array(fc.nat({ max: 6 }), { minLength: 6, maxLength: 6 }),
    });
    fc.assert(
      fc.property(one, ({ term, paid, startMs, rides }) => {
        let period = periodOfDay(calendar.fareDayOf(startMs));
        let now = held({ validFromMs: startMs, paidMinor: paid, movedMinor: paid });
        for (const ridesNow of rides) {
          const used = Math.max(startMs, instantsOf(period, CITY).fromMs);
          const month = earn(
            { ...now, ridesNow, firstUseMs: ridesNow > 0 ? used : null },
            sold(term),
            by(period),
          );
          expect(month.earnedMinor >= 0n && month.leftMinor >= 0n).toBe(true);
          expect(month.earnedSoFarMinor + month.leftMinor).toBe(paid);
          const { leftMinor, earnedSoFarMinor: earnedMinor, rides: all, firstDay, untilDay } = month;
          now = { ...now, movedMinor: 0n, leftMinor, earnedMinor, rides: all, firstDay, untilDay };
          // What is earned to the end is not read again.
          if (leftMinor === 0n) break;
          period = nextPeriod(period);
        }
        expect(now.leftMinor).toBe(0n);
      }),
      cases(),
    );
  });
});
