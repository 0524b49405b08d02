/**
 * The engine against a second pricer of an account's days (tests/support/days-reference.ts), on drawn tariffs and lives: boarding and
 * leaving, missing taps, transfers, rights with quotas, passes and carnets, caps of three windows, over the end of a month and the
 * night in which clocks change.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { chargeDays } from '#pricing/charge-days.ts';
import { INITIAL_STATE, type PassFact, type PricedLine, type TapFact } from '#pricing/model.ts';
import { priceAccountDay } from '#pricing/price-account-day.ts';
import { stateText } from '#pricing/state-text.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import {
  type ReferenceHolding,
  type ReferenceLine,
  type ReferenceTariff,
  referenceLines,
} from '../../support/days-reference.ts';
import { journeyTariff } from '../../support/journey-tariff.ts';
import { capsFile } from '../../support/money-tariff.ts';
import { cases, LONG_RUN, PATIENCE, PROPERTY_RUNS } from '../../support/properties.ts';
import { CALENDAR, entitlement, PACKAGE, tap, timelineOf } from '../../support/tariff.ts';

/** A Thursday; taps reach over the last week of March into April. */
const START = CALENDAR.startOfMs('2026-03-26');
const HOUR_MS = 3_600_000;
const CATEGORIES: Readonly<Record<string, string>> = { a: 'pensioner', b: 'pupil', c: 'donor' };
const PASS_HOURS = 72;
const CARNET = { hours: 200, rides: 3 };

const price = fc.integer({ min: 1, max: 3000 }).map(BigInt);
const right = (id: string) =>
  fc.record({
    id: fc.constant(id),
    network: fc.constantFrom(null, 'municipal', 'private', 'metro'),
    offBp: fc.constantFrom(null, 10_000, 5000, 3333, 1),
    offMinor: price,
    roundMinor: fc.constantFrom(1n, 50n, 100n),
    priority: fc.constantFrom(0, 1),
    quotaRides: fc.constantFrom(null, null, 1, 2, 5),
  });
const cap = (window: 'day' | 'week' | 'month', max: number) =>
  fc.record({
    window: fc.constant(window),
    network: fc.constantFrom(null, null, 'municipal', 'metro'),
    minor: fc.oneof(fc.integer({ min: 1, max }).map(BigInt), fc.constant(null)),
    rides: fc.integer({ min: 1, max: 6 }),
  });
const tariffArb: fc.Arbitrary<ReferenceTariff> = fc
  .record({
    prices: fc.record({ municipal: price, private: price }),
    zones: fc.tuple(price, price, price),
    transferS: fc.constantFrom(null, 600, 1800, 7200),
    rights: fc.tuple(right('a'), right('b'), right('c')),
    day: fc.option(cap('day', 6000)),
    week: fc.option(cap('week', 12_000)),
    month: fc.option(cap('month', 20_000)),
  })
  .map(({ day, week, month, ...rest }) => ({
    ...rest,
    caps: [day, week, month].filter((one) => one !== null),
  }));

const uah = (minor: bigint): string => `${minor / 100n}.${String(minor % 100n).padStart(2, '0')}`;

/** The same tariff as a package. */
function packageFor({ prices, zones, transferS, rights, caps }: ReferenceTariff): TariffTimeline {
  const products = [
    ['ride-municipal', prices['municipal']],
    ['ride-private', prices['private']],
    ...zones.map((minor, i) => [`zone-${i + 1}`, minor] as const),
    ['pass', 9900n],
    ['carnet', 2700n],
  ] as const;
  const concessions = rights.map(
    (r) => `  - concession_id: ${r.id}
    rider_category_id: ${CATEGORIES[r.id]}
    names: { uk: ${r.id}, en: ${r.id}, de: ${r.id}, pl: ${r.id} }
    act: order-1
    article: п. 1
    level: city
    valid_from: 2026-01-01
    valid_to: null
    discount_kind: ${r.offBp === null ? `fixed\n    discount_minor: ${r.offMinor}` : `percent\n    discount_bp: ${r.offBp}\n    round_minor: ${r.roundMinor}\n    round_mode: half_up`}
    priority: ${r.priority}${r.network === null ? '' : `\n    network_id: ${r.network}`}${r.quotaRides === null ? '' : `\n    quota_window: month\n    quota_rides: ${r.quotaRides}`}
    funding_id: city-budget
`,
  );
  const held = (kind: string, words: string) =>
    `  - { fare_product_id: ${kind}, kind: ${kind}, validity_unit: hour, validity_type: rolling, ${words}, act: order-1, article: п. 2 }\n`;
  return timelineOf(
    journeyTariff({
      'fare_products.txt': `fare_product_id,fare_product_name,rider_category_id,fare_media_id,amount,currency\n${products.map(([id, minor]) => `${id},X,full,social_card,${uah(minor as bigint)},UAH\n`).join('')}`,
      'fare_leg_rules.txt': legRules(),
      'tap-policy.yaml': POLICY,
      'fare_transfer_rules.txt': (PACKAGE['fare_transfer_rules.txt'] as string).replace(
        /transfer-30,.*\n/,
        transferS === null ? '' : `transfer-30,city,city,-1,${transferS},1,0,order-1,п. 9\n`,
      ),
      'concessions.yaml': `concessions:\n${concessions.join('')}`,
      'product-terms.yaml': `products:\n${held('pass', `validity_amount: ${PASS_HOURS}`)}${held('carnet', `validity_amount: ${CARNET.hours}, rides: ${CARNET.rides}`)}`,
      ...(caps.length === 0
        ? { 'caps.yaml': 'caps: []\n' }
        : {
            'caps.yaml': capsFile(
              ...caps.map(({ window, network, minor, rides }) => ({
                ...{ cap_id: window, window },
                ...(minor === null ? { cap_rides: rides } : { cap_minor: Number(minor) }),
                ...(network === null ? {} : { network_ids: [network] }),
              })),
            ),
          }),
    }),
  );
}

const POLICY = `medium_kinds: { social: social_card, wallet: wallet_card }
networks:
  - { network_id: "", mode: in, passback_s: 20, companion_max: 0, late_tap_accept_s: 259200, act: order-1, article: п. 7 }
  - { network_id: metro, mode: in_out, max_journey_s: 7200, same_stop_cancel_s: 60, missing_tap: max, passback_s: 20, companion_max: 0, late_tap_accept_s: 259200, act: order-1, article: п. 7 }
`;

function legRules(): string {
  const areas = ['a', 'b', 'c'];
  const zones = areas.flatMap((from, i) =>
    areas.map(
      (to, j) => `metro-${from}-${to},city,metro,${from},${to},zone-${Math.abs(i - j) + 1},0,order-1,п. 1\n`,
    ),
  );
  const rides = ['ride-municipal', 'pass', 'carnet'].map(
    (id) => `leg-${id},city,municipal,,,${id},0,order-1,п. 1\n`,
  );
  return `rule_id,leg_group_id,network_id,from_area_id,to_area_id,fare_product_id,rule_priority,act,article\n${rides.join('')}leg-private,city,private,,,ride-private,0,order-1,п. 1\n${zones.join('')}`;
}

const ROUTES: Readonly<Record<string, string>> = { T1: 'municipal', P1: 'private', M1: 'metro' };
const lifeArb = fc.record({
  taps: fc
    .array(
      fc.record({
        afterS: fc.oneof(
          fc.constantFrom(0, 1, 20, 21, 60, 61, 599, 600, 601, 1800, 1801, 7199, 7200, 7201),
          fc.integer({ min: 1, max: 5400 }),
          fc.integer({ min: 20_000, max: 60_000 }),
        ),
        routeId: fc.constantFrom('T1', 'T1', 'P1', 'M1', 'M1', 'M1'),
        way: fc.constantFrom('in' as const, 'out' as const, null, null),
        stopId: fc.constantFrom('a1', 'a2', 'b1', 'c1'),
        deviceId: fc.constantFrom('g1', 'g2'),
      }),
      { minLength: 1, maxLength: LONG_RUN ? 40 : 16 },
    )
    .map((list) => {
      let atMs = START;
      return list.map(({ afterS, way, ...rest }, i) => {
        atMs += afterS * 1000;
        const bus = rest.routeId !== 'M1';
        const where = { direction: bus ? ('in' as const) : way, vehicleId: bus ? `bus-${i}` : null };
        return tap(atMs, { ...rest, ...where, tapId: `t${100 + i}`, mediumId: 'card' });
      });
    }),
  rights: fc.subarray(['a', 'b', 'c']),
  holdings: fc
    .subarray(['pass', 'carnet'])
    .chain((ids) =>
      fc.tuple(...ids.map((id) => fc.tuple(fc.constant(id), fc.integer({ min: -20, max: 90 })))),
    ),
});
type Life = typeof lifeArb extends fc.Arbitrary<infer T> ? T : never;

function engineLines(tariffs: TariffTimeline, { taps, rights, holdings }: Life): PricedLine[] {
  const passes = holdings.map(
    ([id, hours]): PassFact => ({
      ...{ passId: id, fareProductId: id, validFromMs: START + hours * HOUR_MS },
      ...{ validUntilMs: null, knownFromMs: 0 },
    }),
  );
  const byDay = Map.groupBy(taps, (one) => CALENDAR.fareDayOf(one.fareAtMs));
  const days = [...byDay.keys()].sort().map((fareDay) => ({
    accountId: 'account',
    fareDay,
    taps: byDay.get(fareDay) as TapFact[],
    entitlements: rights.map((id) => entitlement(id)),
    passes,
    knownAsOfMs: null,
  }));
  const pricer = {
    price: (
      ...[state, day]: [Parameters<typeof priceAccountDay>[0], Parameters<typeof priceAccountDay>[1]]
    ) => priceAccountDay(state, day, tariffs, CALENDAR),
    stateText,
  };
  const charged = chargeDays({ state: INITIAL_STATE, base: null }, days, pricer, () => true);
  return [...charged].flatMap(({ lines }) => lines.map(({ line }) => line));
}

function secondLines(tariff: ReferenceTariff, { taps, rights, holdings }: Life) {
  const rides = taps.map(
    ({ tapId, fareAtMs: atMs, direction: way, vehicleId, deviceId, stopId, routeId }) => ({
      ...{ tapId, atMs, way, vehicleId, deviceId: deviceId as string, stopId: stopId as string },
      network: ROUTES[routeId as string] as string,
    }),
  );
  const bought = holdings.map(([id, hours]): ReferenceHolding => {
    const fromMs = START + hours * HOUR_MS;
    const lasts = (id === 'pass' ? PASS_HOURS : CARNET.hours) * HOUR_MS;
    return {
      ...{ id, network: 'municipal', fromMs, untilMs: fromMs + lasts },
      rides: id === 'pass' ? null : CARNET.rides,
    };
  });
  return referenceLines(tariff, rides, rights, bought);
}

/** Packages are dear to read: several lives are tried on each. */
const PER_TARIFF = 20;

it('a second pricer that looks at a whole life anew for each tap comes to the same lines', PATIENCE, () => {
  const seen: ReferenceLine = { rider: 0n, transfer: 0n, concession: 0n, pass: 0n, cap: 0n };
  const lives = fc.array(lifeArb, { minLength: PER_TARIFF, maxLength: PER_TARIFF });
  fc.assert(
    fc.property(tariffArb, lives, (tariff, list) => {
      const tariffs = packageFor(tariff);
      for (const life of list) {
        const expected = secondLines(tariff, life);
        for (const line of engineLines(tariffs, life)) {
          const { tapId, riderMinor, transferMinor, concessionMinor, passMinor, capMinor } = line;
          const amounts: ReferenceLine = {
            ...{ rider: riderMinor, transfer: transferMinor, concession: concessionMinor },
            ...{ pass: passMinor, cap: capMinor },
          };
          expect([tapId, amounts]).toEqual([tapId, expected.get(tapId)]);
          for (const key of Object.keys(seen) as (keyof ReferenceLine)[])
            if (amounts[key] > 0n) seen[key] += 1n;
        }
      }
    }),
    cases(PER_TARIFF),
  );
  // Otherwise the two would agree about nothing.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(PROPERTY_RUNS / 10);
});
