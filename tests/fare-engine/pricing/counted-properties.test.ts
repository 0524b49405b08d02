/** What must hold for any taps where the state counts: caps of every window, by amount and by rides. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PricedLine, TapFact } from '#pricing/model.ts';
import { withCaps } from '../../support/money-tariff.ts';
import { paid, priceDays, priceLate } from '../../support/price-days.ts';
import { cases, LONG_RUN, shuffled } from '../../support/properties.ts';
import { CALENDAR, entitlement, tap, timelineOf } from '../../support/tariff.ts';

const CAPS = [
  { cap_id: 'day', window: 'day', cap_minor: 2500, includes_companions: true },
  { cap_id: 'municipal-day', window: 'day', day_start: '00:00', cap_minor: 2000, network_ids: ['municipal'] },
  { cap_id: 'week', window: 'week', cap_minor: 6000, parent_cap_id: 'month' },
  { cap_id: 'month', window: 'month', cap_minor: 11_000 },
  { cap_id: 'first', window: 'days', window_days: 3, anchor: 'first_tap', cap_minor: 4500 },
  { cap_id: 'sliding', window: 'days', window_days: 2, anchor: 'sliding', cap_rides: 4 },
];
const tariffs = timelineOf(withCaps(...CAPS));
/** A Thursday; the taps reach over a week's, a month's and a clock change's border. */
const START = CALENDAR.startOfMs('2026-03-26');
const DAYS_MS = 9 * 86_400_000;

const tapsArb = fc
  .array(
    fc.record({
      fareAtMs: fc.integer({ min: START, max: START + DAYS_MS }),
      uncertaintyMs: fc.constantFrom(0, 0, 0, 0, 90_000, 40_000_000),
      mediumKind: fc.constantFrom('social' as const, 'social' as const, 'wallet' as const),
      companions: fc.constantFrom(0, 0, 0, 1),
      vehicleId: fc.constantFrom('v1', 'v2', null),
      routeId: fc.constantFrom('T1', 'T1', 'P1', 'none'),
    }),
    { minLength: 1, maxLength: LONG_RUN ? 45 : 14 },
  )
  .map((list) => list.map((t, i) => tap(t.fareAtMs, { ...t, tapId: `t${String(i).padStart(3, '0')}` })));
const rights = fc
  .subarray(['pupil-private', 'donor'])
  .map((ids) => ({ entitlements: ids.map((id) => entitlement(id)) }));
const RUNS = cases();

const exact = (taps: readonly TapFact[]) => taps.map((t) => ({ ...t, uncertaintyMs: 0 }));

describe('any taps under caps', () => {
  it('arriving in any order and twice have the same lines [group 2]', () => {
    fc.assert(
      fc.property(tapsArb, rights, fc.infiniteStream(fc.nat()), (taps, facts, random) => {
        const mixed = shuffled([...taps, ...taps.slice(0, 5)], random);
        expect(priceDays(tariffs, mixed, facts)).toEqual(priceDays(tariffs, taps, facts));
      }),
      RUNS,
    );
  });

  it('priced again after a late one equal the full computation [group 3]', () => {
    fc.assert(
      fc.property(tapsArb, rights, fc.nat(), (taps, facts, pick) => {
        const late = taps[pick % taps.length] as TapFact;
        expect(priceLate(tariffs, taps, late, facts)).toEqual(priceDays(tariffs, taps, facts));
      }),
      RUNS,
    );
  });

  it('have amounts that add up, and steps that lead from nothing to the price [group 1]', () => {
    fc.assert(
      fc.property(tapsArb, rights, (taps, facts) => {
        for (const line of priceDays(tariffs, taps, facts)) expectWhole(line);
      }),
      RUNS,
    );
  });

  it('never cost more than a cap in any of its windows [group 4]', () => {
    fc.assert(
      fc.property(tapsArb, rights, (taps, facts) => {
        const list = exact(taps);
        const lines = priceDays(tariffs, list, facts);
        const at = new Map(list.map((t) => [t.tapId, t.fareAtMs]));
        // Without companions, whom only the day's cap counts.
        const own = lines.map((l) => [at.get(l.tapId) as number, ownPart(l)] as const);
        const within = (key: (ms: number) => string) => {
          const sums = Map.groupBy(own, ([ms]) => key(ms)).values();
          return Math.max(
            0,
            ...[...sums].map((list) => list.reduce((sum, [, minor]) => sum + Number(minor), 0)),
          );
        };
        const capDay = (ms: number) => CALENDAR.fareDayOf(ms - 30 * 60_000);
        expect(within(capDay)).toBeLessThanOrEqual(2500);
        expect(within((ms) => capDay(ms).slice(0, 7))).toBeLessThanOrEqual(11_000);
      }),
      RUNS,
    );
  });

  it('and one more never cost less [group 5]', () => {
    fc.assert(
      fc.property(tapsArb, (taps) => {
        const list = exact(taps).sort((a, b) => a.fareAtMs - b.fareAtMs);
        const before = list.slice(0, -1);
        expect(paid(priceDays(tariffs, list))).toBeGreaterThanOrEqual(paid(priceDays(tariffs, before)));
      }),
      RUNS,
    );
  });

  it('reckoned for the best never cost more than in their order [group 5]', () => {
    const cap = { cap_id: 'rides', window: 'day', cap_rides: 2 };
    // Within the longer windows, by amount: what a day spares is spared of them, too.
    const longer = [
      { cap_id: 'week', window: 'week', cap_minor: 6000 },
      { cap_id: 'month', window: 'month', cap_minor: 9000 },
    ];
    const inOrder = timelineOf(withCaps(cap, ...longer));
    const best = timelineOf(withCaps({ ...cap, strategy: 'optimal' }, ...longer));
    fc.assert(
      fc.property(tapsArb, rights, (taps, facts) => {
        expect(paid(priceDays(best, taps, facts))).toBeLessThanOrEqual(paid(priceDays(inOrder, taps, facts)));
      }),
      RUNS,
    );
  });

  it('pay within nested amounts what the best order of rides would give: no day, month or whole above its limit, nothing below [group 5]', () => {
    // Days lie within months, so every order of rides comes to the same sum: the least of each window, from the inside out.
    const [dayMinor, monthMinor] = [2500n, 7000n];
    const nested = timelineOf(
      withCaps(
        { cap_id: 'day', window: 'day', cap_minor: Number(dayMinor), parent_cap_id: 'month' },
        { cap_id: 'month', window: 'month', cap_minor: Number(monthMinor) },
      ),
    );
    const free = timelineOf(withCaps({ cap_id: 'never', window: 'day', cap_minor: 1_000_000 }));
    const capDay = (ms: number) => CALENDAR.fareDayOf(ms - 30 * 60_000);
    const least = (a: bigint, b: bigint) => (a < b ? a : b);
    fc.assert(
      fc.property(tapsArb, rights, (taps, facts) => {
        const list = exact(taps).map((one) => ({ ...one, companions: 0 }));
        const at = new Map(list.map((one) => [one.tapId, one.fareAtMs]));
        const days = Map.groupBy(priceDays(free, list, facts), (l) => capDay(at.get(l.tapId) as number));
        const months = Map.groupBy([...days], ([day]) => day.slice(0, 7));
        const best = [...months.values()].reduce((sum, some) => {
          const inside = some.reduce((total, [, lines]) => total + least(dayMinor, paid(lines)), 0n);
          return sum + least(monthMinor, inside);
        }, 0n);
        expect(paid(priceDays(nested, list, facts))).toBe(best);
      }),
      RUNS,
    );
  });
});

/** What the holder pays: companions are charged the full price, which a companion step says. */
function ownPart(line: PricedLine): bigint {
  const companions = line.steps.filter((s) => s.kind === 'base' && s.params['companions'] !== undefined);
  const theirs = companions.reduce((sum, s) => sum + s.afterMinor - s.beforeMinor, 0n);
  return line.riderMinor > theirs ? line.riderMinor - theirs : 0n;
}

function expectWhole(line: PricedLine): void {
  const { riderMinor, transferMinor, concessionMinor, passMinor, capMinor } = line;
  expect(riderMinor + transferMinor + concessionMinor + passMinor + capMinor).toBe(line.grossMinor);
  for (const part of [riderMinor, transferMinor, concessionMinor, passMinor, capMinor])
    expect(part).toBeGreaterThanOrEqual(0n);
  let reached = 0n;
  for (const step of line.steps) {
    expect(step.beforeMinor).toBe(reached);
    reached = step.afterMinor;
  }
  expect(reached).toBe(riderMinor);
}
