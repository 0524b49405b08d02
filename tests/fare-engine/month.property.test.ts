/**
 * A whole simulated month of many cards, delivered in another order, with duplicates and in other batches, has the same lines, states
 * and balances: caps of a week and a month, quotas, transfers, exits, a change of tariffs, a close in the midst and what came after it.
 */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import { createPricer } from '../../fare-engine/main.ts';
import { journeyTariff, PRODUCTS } from '../support/journey-tariff.ts';
import { capsFile } from '../support/money-tariff.ts';
import { LONG_RUN, PATIENCE, PROPERTY_SEED, shuffled } from '../support/properties.ts';
import { BREAKDOWN, PACKAGE, timelineOf } from '../support/tariff.ts';
import { breakdownRow, type RowWish, tapRow, token } from './support/a-record.ts';
import { drain, outcome } from './support/any-order-run.ts';
import { calendar } from './support/engine-database.ts';
import { type MemoryStore, memoryStore } from './support/memory-store.ts';

const CARDS = LONG_RUN ? 60 : 20;
const RIDES = LONG_RUN ? 30 : 15;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const MONTH = Date.parse('2026-03-01T05:00:00+02:00');

const counted = {
  'breakdown.yaml': BREAKDOWN,
  'caps.yaml': capsFile(
    { cap_id: 'day', window: 'day', cap_minor: 4000 },
    { cap_id: 'week', window: 'week', cap_minor: 5000 },
    { cap_id: 'month', window: 'month', cap_minor: 9000 },
  ),
  'concessions.yaml': (PACKAGE['concessions.yaml'] as string).replace(
    'discount_kind: free\n    media_required: social_card',
    'discount_kind: free\n    quota_window: month\n    quota_rides: 5',
  ),
};
const until = (to: string) => (PACKAGE['tariff.yaml'] as string).replace('valid_to: null', `valid_to: ${to}`);
const pricer = createPricer(
  timelineOf(
    journeyTariff({ ...counted, 'tariff.yaml': until('2026-03-16') }),
    journeyTariff({
      ...counted,
      'tariff.yaml': (PACKAGE['tariff.yaml'] as string)
        .replace('valid_from: 2026-01-01', 'valid_from: 2026-03-16')
        .replace('test-1', 'test-2'),
      'fare_products.txt': PRODUCTS.replaceAll('12.00', '15.00').replaceAll('20.00', '23.00'),
    }),
  ),
  calendar,
);

const routes = ['T1', 'T1', 'T2', 'P1', 'M1'] as const;
const ride = fc.record({
  day: fc.nat(30),
  // Crowded in the morning, so that rides are transfers, exits and repetitions of one another.
  minute: fc.oneof(fc.nat(1300), fc.integer({ min: 120, max: 200 })),
  route: fc.constantFrom(...routes),
  stopId: fc.constantFrom('a1', 'b1', 'c1'),
  way: fc.constantFrom('in' as const, null),
  companions: fc.constantFrom(0, 0, 0, 1),
  // Some buses are off line for days; some come so late that a closed day does not take them.
  lateDays: fc.constantFrom(0, 0, 0, 0, 2, 12),
  breaks: fc.constantFrom(false, false, false, false, false, false, false, true),
});

/** The month, drawn from the run's seed. */
function monthOf(seed: number): { rows: RowWish[]; ready: () => MemoryStore } {
  const drawn = fc.sample(ride, { numRuns: CARDS * RIDES, seed });
  const rows = drawn.flatMap(({ day, minute, route, stopId, way, companions, lateDays, breaks }, i) => {
    const atMs = MONTH + day * DAY_MS + minute * MINUTE_MS;
    const metro = route === 'M1';
    const place = { device: `val-${i % 40}`, vehicleId: metro ? 'train' : `bus-${i % 15}`, routeId: route };
    const at = { ...place, atMs, receivedAtMs: atMs + lateDays * DAY_MS + 1000 };
    const tap = tapRow({
      ...{ ...at, seq: 2 * i + 1, token: token(1 + (i % CARDS)), companions, stopId },
      way: metro ? way : 'in',
    });
    return breaks ? [tap, breakdownRow({ ...at, seq: 2 * i + 2, atMs: atMs + MINUTE_MS })] : [tap];
  });
  const ready = () => {
    const store = memoryStore();
    store.closes.push({ fareDay: '2026-03-10', knownFromMs: MONTH + 14 * DAY_MS });
    for (let card = 1; card <= CARDS; card += 3) {
      store.entitlements.push({
        ...{ entitlementId: `e${card}`, accountId: derivedAccountId(token(card)) },
        concessionId: ['pensioner', 'pupil-private', 'donor'][card % 3] as string,
        ...{ validFromMs: MONTH + (card % 7) * DAY_MS, validUntilMs: null, knownFromMs: MONTH },
      });
    }
    return store;
  };
  return { rows, ready };
}

/** Numbers of chance without end. */
function* numbers(seed: number): Generator<number> {
  for (let from = seed; ; from += 1) yield* fc.sample(fc.nat(), { numRuns: 1000, seed: from });
}

test(
  'a month of many cards, delivered by turns of chance, twice and in pieces, has the same lines [group 2]',
  async () => {
    const { rows, ready } = monthOf(PROPERTY_SEED);
    const once = ready();
    once.deliver(rows);
    await drain(once, rows.length, pricer);
    const expected = outcome(once);
    expect(expected.lines.size).toBe(CARDS * RIDES);
    // The month has everything in it that depends on other rides.
    const steps = [...expected.lines.values()].map((line) => line.steps).join();
    for (const kind of ['cap', 'transfer', 'concession', 'journey'])
      expect([kind, steps.includes(`"kind":"${kind}"`)]).toEqual([kind, true]);
    expect([...expected.lines.values()].some(({ lossMinor }) => lossMinor > 0n)).toBe(true);
    for (const seed of [1, 2]) {
      const chance = numbers(PROPERTY_SEED + seed);
      const draw = (below: number) => (chance.next().value as number) % below;
      const twice = rows.filter(() => draw(5) === 0);
      const mixed = shuffled([...rows, ...twice], chance);
      const store = ready();
      for (let from = 0; from < mixed.length; ) {
        const piece = mixed.slice(from, from + 1 + draw(mixed.length / 2));
        from += piece.length;
        store.deliver(piece);
        await drain(store, 20 + draw(200), pricer);
      }
      const found = outcome(store);
      if (!isDeepStrictEqual(found, expected)) expect(found).toEqual(expected);
    }
  },
  PATIENCE.timeout,
);
