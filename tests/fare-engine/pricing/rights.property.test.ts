/** What rights may do to any rides: make them cheaper, where they hold and are known; and nothing at all where they do not. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { EntitlementFact, TapFact } from '#pricing/model.ts';
import { journeyTariff } from '../../support/journey-tariff.ts';
import { priceDays } from '../../support/price-days.ts';
import { cases } from '../../support/properties.ts';
import { CALENDAR, entitlement, packageOf, tap, timelineOf } from '../../support/tariff.ts';

/** Boarding only, without caps; and with exits, missing taps and a cap. */
const plain = timelineOf(packageOf());
const journeys = timelineOf(journeyTariff());
/** Two days in March: the donor's right holds by its law. */
const START = CALENDAR.startOfMs('2026-03-10');
const LENGTH_MS = 2 * 86_400_000;
const CLOSE_MS = START + 9 * 86_400_000;
const RIGHTS = ['pensioner', 'pupil-private', 'pupil-municipal', 'donor', 'astronaut'];

const tapsArb = fc
  .array(
    fc.record({
      atMs: fc.oneof(fc.integer({ min: 0, max: LENGTH_MS - 1 }), fc.integer({ min: 0, max: 7_200_000 })),
      mediumKind: fc.constantFrom('social' as const, 'social' as const, 'wallet' as const, 'bank' as const),
      companions: fc.constantFrom(0, 0, 0, 1),
      direction: fc.constantFrom('in' as const, null, 'out' as const),
      vehicleId: fc.constantFrom('v1', 'v2', null),
      routeId: fc.constantFrom('T1', 'P1', 'M1', 'R1', null),
      stopId: fc.constantFrom('a1', 'b1', 'c1'),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((list) => list.map(({ atMs, ...rest }, i) => tap(START + atMs, { ...rest, tapId: `t${100 + i}` })));
const rightsArb = fc
  .array(
    fc.record({
      id: fc.constantFrom(...RIGHTS),
      fromMs: fc.integer({ min: -LENGTH_MS, max: LENGTH_MS }),
      lengthMs: fc.option(fc.integer({ min: 1, max: LENGTH_MS })),
    }),
    { maxLength: 3 },
  )
  .map((list) =>
    list.map(({ id, fromMs, lengthMs }, i) =>
      entitlement(id, {
        entitlementId: `e${i}`,
        validFromMs: START + fromMs,
        validUntilMs: lengthMs === null ? null : START + fromMs + lengthMs,
      }),
    ),
  );

const edges = (taps: readonly TapFact[]) => {
  const times = taps.map(({ fareAtMs }) => fareAtMs);
  return { first: Math.min(...times), last: Math.max(...times) };
};
/** Ways of a right not to count, each by a millisecond, where the day was closed at CLOSE_MS or is open still. */
const idle: Readonly<
  Record<string, (taps: readonly TapFact[], closed: boolean) => Partial<EntitlementFact>>
> = {
  'begins later': (taps) => ({ validFromMs: edges(taps).last + 1 }),
  'ended before': (taps) => ({ validFromMs: 0, validUntilMs: edges(taps).first }),
  'was revoked': (_, closed) => ({ knownUntilMs: closed ? CLOSE_MS : 1 }),
  'became known after the close': (_, closed) =>
    closed ? { knownFromMs: CLOSE_MS + 1 } : { knownUntilMs: 1 },
};

it('a right that was revoked, is over, begins later or came to be known too late changes nothing [group 6]', () => {
  fc.assert(
    fc.property(
      tapsArb,
      rightsArb,
      fc.constantFrom(...RIGHTS.slice(0, 4)),
      fc.constantFrom(...Object.keys(idle)),
      fc.boolean(),
      fc.constantFrom(plain, journeys),
      (taps, held, id, way, closed, tariffs) => {
        const knownAsOfMs = closed ? CLOSE_MS : null;
        const change = idle[way]?.(taps, closed);
        const other = entitlement(id, { entitlementId: 'idle', ...change });
        const price = (entitlements: readonly EntitlementFact[]) =>
          priceDays(tariffs, taps, { entitlements, knownAsOfMs });
        expect(price([...held, other])).toEqual(price(held));
      },
    ),
    cases(),
  );
});

it('no ride costs more under rights than at the default price, nor gives a budget more than the right took off [group 6]', () => {
  fc.assert(
    fc.property(tapsArb, rightsArb, (taps, entitlements) => {
      const without = priceDays(plain, taps);
      priceDays(plain, taps, { entitlements }).forEach((line, i) => {
        const full = without[i]?.riderMinor as bigint;
        expect(line.riderMinor).toBeLessThanOrEqual(full);
        expect(line.concessionMinor).toBe(full - line.riderMinor);
      });
    }),
    cases(),
  );
});
