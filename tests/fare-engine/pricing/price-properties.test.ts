/** What must hold for any taps: see the property groups of the pricing README. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PricedLine, TapFact } from '#pricing/model.ts';
import { priceDays, priceLate } from '../../support/price-days.ts';
import { cases, LONG_RUN, shuffled } from '../../support/properties.ts';
import {
  BREAKDOWN,
  CALENDAR,
  entitlement,
  PACKAGE,
  packageOf,
  tap,
  timelineOf,
} from '../../support/tariff.ts';

const COMPANIONS = {
  'tap-policy.yaml': (PACKAGE['tap-policy.yaml'] as string).replace(
    'companion_max: 0',
    'companion_max: 2, bag_product_id: bag, bag_max: 2, extra_max: 3',
  ),
  'product-terms.yaml': 'products: [{ fare_product_id: bag, kind: bag, act: order-1, article: п. 12 }]\n',
  'fare_products.txt': `${PACKAGE['fare_products.txt']}bag,Багаж,full,social_card,7.00,UAH\n`,
  'breakdown.yaml': BREAKDOWN,
};
const first = packageOf({
  ...COMPANIONS,
  'tariff.yaml': (PACKAGE['tariff.yaml'] as string).replace('valid_to: null', 'valid_to: 2026-03-29'),
});
const second = packageOf({
  'tariff.yaml': (PACKAGE['tariff.yaml'] as string)
    .replace('valid_from: 2026-01-01', 'valid_from: 2026-03-29')
    .replace('test-1', 'test-2'),
  'fare_products.txt': (PACKAGE['fare_products.txt'] as string)
    .replaceAll('12.00', '17.00')
    .replaceAll('15.00', '11.00'),
});
const tariffs = timelineOf(first, second);
/** Two days before the night in which the clocks change and the tariff with them. */
const START = CALENDAR.startOfMs('2026-03-27');
const DAYS_MS = 4 * 86_400_000;

const tapArb = fc
  .record({
    atMs: fc.oneof(
      fc.integer({ min: 0, max: DAYS_MS }),
      // Crowded around the night of both changes, and around the borders of fare days.
      fc.integer({ min: 40 * 3600, max: 50 * 3600 }).map((s) => s * 1000),
    ),
    uncertaintyMs: fc.constantFrom(0, 0, 0, 1500, 120_000, 50_000_000),
    mediumKind: fc.constantFrom('social' as const, 'social' as const, 'wallet' as const, 'bank' as const),
    direction: fc.constantFrom('in' as const, 'in' as const, 'in' as const, 'out' as const),
    companions: fc.constantFrom(0, 0, 0, 1, 3),
    bags: fc.constantFrom(0, 0, 1, 3),
    vehicleId: fc.constantFrom('v1', 'v2', 'v3', null),
    routeId: fc.constantFrom('T1', 'T2', 'P1', 'X1', 'none', null),
    breakdowns: fc.option(
      fc.array(
        fc.record({
          afterMs: fc.constantFrom(-60_000, 0, 600_000, 5_400_000, 5_400_001),
          uncertaintyMs: fc.constantFrom(0, 0, 90_000),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      { freq: 1 },
    ),
  })
  .map(({ atMs, breakdowns, ...rest }) => ({
    fareAtMs: START + atMs,
    ...rest,
    ...(breakdowns !== null && {
      breakdowns: breakdowns.map(({ afterMs, uncertaintyMs }, i) => ({
        breakdownId: `b${i}`,
        atMs: START + atMs + afterMs,
        uncertaintyMs,
        receivedAtMs: START,
      })),
    }),
  }));

const tapsArb = fc
  .array(tapArb, { minLength: 1, maxLength: LONG_RUN ? 40 : 16 })
  .map((list) => list.map((t, i) => tap(t.fareAtMs, { ...t, tapId: `t${String(i).padStart(3, '0')}` })));

const entitlementsArb = fc.array(
  fc
    .record({
      id: fc.constantFrom('pensioner', 'pupil-private', 'donor', 'astronaut'),
      from: fc.integer({ min: 0, max: DAYS_MS }),
      length: fc.option(fc.integer({ min: 1, max: DAYS_MS })),
    })
    .map(({ id, from, length }) =>
      entitlement(id, {
        validFromMs: START + from,
        validUntilMs: length === null ? null : START + from + length,
      }),
    ),
  { maxLength: 3 },
);

type Entitlements = ReturnType<typeof entitlement>[];

const priceAll = (taps: readonly TapFact[], entitlements: Entitlements, timeline = tariffs) =>
  priceDays(timeline, taps, { entitlements });

const RUNS = cases();

describe('any taps', () => {
  it('arriving in any order and twice give the same lines [group 2]', () => {
    fc.assert(
      fc.property(tapsArb, entitlementsArb, fc.infiniteStream(fc.nat()), (taps, entitlements, random) => {
        const twice = shuffled([...taps, ...taps.slice(0, 7)], random);
        expect(priceAll(twice, shuffled(entitlements, random))).toEqual(priceAll(taps, entitlements));
      }),
      RUNS,
    );
  });

  it('each have one line whose amounts add up and whose steps lead from nothing to the price [group 1]', () => {
    fc.assert(
      fc.property(tapsArb, entitlementsArb, (taps, entitlements) => {
        const lines = priceAll(taps, entitlements);
        expect(lines.map((l) => l.tapId).sort()).toEqual(taps.map((t) => t.tapId).sort());
        for (const l of lines) {
          expect(l.riderMinor + l.transferMinor + l.concessionMinor + l.passMinor + l.capMinor).toBe(
            l.grossMinor,
          );
          expect(l.riderMinor).toBeGreaterThanOrEqual(0n);
          // So it is for the sum of a run: what riders pay of it is at most its fares after transfers.
          expect(l.riderMinor).toBeLessThanOrEqual(l.grossMinor - l.transferMinor);
          expect(l.concessionMinor).toBeGreaterThanOrEqual(0n);
          expect(l.concessionMinor > 0n ? l.fundingId : 'nobody').not.toBeNull();
          if (l.claimRide) expect([l.kind, l.concessionId === null]).toEqual(['ride', false]);
          let reached = 0n;
          for (const step of l.steps) {
            expect(step.beforeMinor).toBe(reached);
            reached = step.afterMinor;
          }
          expect(reached).toBe(l.riderMinor);
          expect(l.steps.length).toBeGreaterThan(0);
        }
      }),
      RUNS,
    );
  });

  it('priced again after a late tap differ only while the carried state differs [group 3]', () => {
    fc.assert(
      fc.property(tapsArb, entitlementsArb, fc.nat(), (taps, entitlements, pick) => {
        const late = taps[pick % taps.length] as TapFact;
        const full = priceAll(taps, entitlements);
        expect(priceLate(tariffs, taps, late, { entitlements })).toEqual(full);
      }),
      RUNS,
    );
  });

  it('do not depend on the order of the rows of the rules [group 7]', () => {
    const reverse = (text: string) => {
      const [header, ...rows] = text.trim().split('\n');
      return `${[header, ...rows.reverse()].join('\n')}\n`;
    };
    const files = [
      'fare_leg_rules.txt',
      'fare_products.txt',
      'fare_media.txt',
      'rider_categories.txt',
      'route_networks.txt',
    ];
    const turned = timelineOf(
      packageOf(Object.fromEntries(files.map((name) => [name, reverse(PACKAGE[name] as string)]))),
    );
    const plain = timelineOf(packageOf());
    const withoutHash = (lines: PricedLine[]) => lines.map(({ packageHash: _, ...line }) => line);
    fc.assert(
      fc.property(tapsArb, entitlementsArb, (taps, entitlements) => {
        expect(withoutHash(priceAll(taps, entitlements, turned))).toEqual(
          withoutHash(priceAll(taps, entitlements, plain)),
        );
      }),
      RUNS,
    );
  });

  it('cost no more with an entitlement than without [group 6]', () => {
    fc.assert(
      fc.property(tapsArb, entitlementsArb, (taps, entitlements) => {
        const exact = taps.map((t) => ({ ...t, uncertaintyMs: 0 }));
        const sum = (lines: PricedLine[]) => lines.reduce((total, l) => total + l.riderMinor, 0n);
        expect(sum(priceAll(exact, entitlements))).toBeLessThanOrEqual(sum(priceAll(exact, [])));
      }),
      RUNS,
    );
  });
});
