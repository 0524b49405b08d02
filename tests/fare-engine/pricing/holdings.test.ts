/** Quotas, rights, escorts and holdings: what cases of cities cannot say, and properties over any taps. */
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type BundleLine,
  formatBundleHeader,
  formatBundleLine,
  parseFactBundle,
} from '#pricing/fact-bundle.ts';
import type { PassFact, TapFact } from '#pricing/model.ts';
import { repriceBundle } from '#pricing/reprice-bundle.ts';
import { stateText } from '#pricing/state-text.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { loadTariffTimeline, readPackageFiles } from '../../../fare-engine/tariffs/load-tariff.ts';
import { paid, priceDays, priceLate, stateAfter } from '../../support/price-days.ts';
import { cases, LONG_RUN } from '../../support/properties.ts';
import { CALENDAR, entitlement, tap } from '../../support/tariff.ts';

const dir = (path: string) => fileURLToPath(new URL(`../../../cities/${path}`, import.meta.url));
async function load(city: string): Promise<TariffTimeline> {
  const read = await loadTariffTimeline(dir(`${city}/tariff`));
  if (!read.ok) throw new Error(read.problems[0]?.message);
  return read.timeline;
}
let chortkiv: TariffTimeline;
let lviv: TariffTimeline;
beforeAll(async () => {
  chortkiv = await load('chortkiv-like');
  lviv = await load('lviv-like');
});

const holding = (fareProductId: string, from: string | number, change: Partial<PassFact> = {}): PassFact => ({
  passId: `pass-${fareProductId}`,
  fareProductId,
  validFromMs: typeof from === 'number' ? from : Date.parse(from),
  validUntilMs: null,
  knownFromMs: 0,
  ...change,
});

describe('an escort', () => {
  const rights = { entitlements: [entitlement('war-disabled-1')] };
  const at = Date.parse('2025-09-01T08:00:00+03:00');
  const again = (s: number, change: Partial<TapFact> = {}) =>
    tap(at + s * 1000, { vehicleId: 'b', routeId: 'A1', companions: 1, passBackOf: 'first', ...change });
  const first = () => tap(at, { tapId: 'first', vehicleId: 'b', routeId: 'A1' });

  it('who touches afterwards rides as the holder does, a ride of its own in a claim; the second one pays', () => {
    const lines = priceDays(lviv, [first(), again(10), again(20)], rights);
    expect(lines.map((l) => [l.kind, l.riderMinor, l.concessionMinor, l.claimRide])).toEqual([
      ['ride', 0n, 1700n, true],
      ['same-ride', 0n, 1700n, true],
      ['same-ride', 1700n, 0n, false],
    ]);
    expect(lines[1]).toMatchObject({ grossMinor: 1700n, concessionId: 'war-disabled-1', fundingId: 'city' });
    expect(lines[1]?.steps.map((s) => s.kind)).toEqual(['same-ride', 'base', 'concession']);
  });

  it('on a free transfer is presented only: nobody owes it', () => {
    const next = tap(at + 600_000, { tapId: 'second', vehicleId: 'c', routeId: 'T2' });
    const escort = again(610, { vehicleId: 'c', routeId: 'T2', passBackOf: 'second' });
    const [, , line] = priceDays(lviv, [first(), next, escort], rights);
    expect(line).toMatchObject({
      transferMinor: 1700n,
      concessionMinor: 0n,
      riderMinor: 0n,
      claimRide: false,
    });
  });
});

describe('a holding', () => {
  const ride = (at: string, change: Partial<TapFact> = {}) =>
    tap(Date.parse(at), { routeId: '1', ...change });

  it('that became known after the close changes nothing', () => {
    const taps = [ride('2025-03-02T09:00:00+02:00')];
    const passes = [holding('month', '2025-03-01T00:00:00+02:00', { knownFromMs: 1000 })];
    expect(paid(priceDays(chortkiv, taps, { passes, knownAsOfMs: 999 }))).toBe(1000n);
    expect(paid(priceDays(chortkiv, taps, { passes, knownAsOfMs: 1000 }))).toBe(0n);
  });

  it('is taken by its cheaper side where the clock is not sure', () => {
    const passes = [holding('month', '2025-03-01T00:00:00+02:00')];
    const unsure = (uncertaintyMs: number) => ride('2025-04-01T00:01:00+03:00', { uncertaintyMs });
    expect(paid(priceDays(chortkiv, [unsure(59_000)], { passes }))).toBe(1000n);
    expect(paid(priceDays(chortkiv, [unsure(61_000)], { passes }))).toBe(0n);
  });

  it('of which the first use turns out to be earlier ends earlier', () => {
    const passes = [holding('day', '2025-03-01T00:00:00+02:00')];
    const [late, day] = [ride('2025-03-02T23:00:00+02:00'), ride('2025-03-03T12:00:00+02:00')];
    expect(priceDays(chortkiv, [day], { passes }).map((l) => l.riderMinor)).toEqual([0n]);
    expect(priceLate(chortkiv, [late, day], late, { passes }).map((l) => l.riderMinor)).toEqual([0n, 1000n]);
  });

  it('that began before goes before a new one, and of two that began the one that ends first', () => {
    const passes = [
      holding('day', '2025-03-01T00:00:00+02:00', { passId: 'a' }),
      holding('month', '2025-03-01T00:00:00+02:00', { passId: 'b' }),
    ];
    const lines = priceDays(
      chortkiv,
      [ride('2025-03-31T12:00:00+03:00'), ride('2025-04-01T12:00:00+03:00')],
      {
        passes,
      },
    );
    // In March the month covers; the day pass, not begun, is there for April.
    expect(lines.map((l) => l.steps.find((s) => s.kind === 'pass')?.params['pass'])).toEqual(['b', 'a']);
  });
});

/** 26 February to 6 March 2025, over the border of a month. */
const START = CALENDAR.startOfMs('2025-02-26');
const tapsArb = fc
  .array(
    fc.record({
      fareAtMs: fc.integer({ min: START, max: START + 8 * 86_400_000 }),
      uncertaintyMs: fc.constantFrom(0, 0, 0, 90_000, 40_000_000),
      mediumKind: fc.constantFrom('social' as const, 'social' as const, 'bank' as const),
      companions: fc.constantFrom(0, 0, 1, 2),
      vehicleId: fc.constantFrom('v1', 'v2', null),
      routeId: fc.constantFrom('1', '1', '9', 'none'),
    }),
    { minLength: 1, maxLength: LONG_RUN ? 45 : 14 },
  )
  .map((list) => list.map((t, i) => tap(t.fareAtMs, { ...t, tapId: `t${String(i).padStart(3, '0')}` })));
const rightsArb = fc.record({
  entitlements: fc
    .subarray(['pensioner', 'residence:chortkiv', 'pupil'])
    .map((ids) => ids.map((id) => entitlement(id))),
  passes: fc
    .subarray(['carnet-3', 'day', 'month'])
    .chain((ids) =>
      fc.tuple(
        ...ids.map((id) => fc.integer({ min: 0, max: 6 }).map((d) => holding(id, START + d * 86_400_000))),
      ),
    )
    .map((list) => [...list]),
});
const RUNS = cases();

describe('any taps with rights and holdings', () => {
  it('have the same lines in any order, and after a late one [group 2] [group 3]', () => {
    fc.assert(
      fc.property(tapsArb, rightsArb, fc.nat(), (taps, rights, pick) => {
        const full = priceDays(chortkiv, taps, rights);
        const turned = {
          entitlements: [...rights.entitlements].reverse(),
          passes: [...rights.passes].reverse(),
        };
        expect(priceDays(chortkiv, [...taps].reverse(), turned)).toEqual(full);
        expect(priceLate(chortkiv, taps, taps[pick % taps.length] as TapFact, rights)).toEqual(full);
      }),
      RUNS,
    );
  });

  it('add up, keep their quotas and carnets, and cost no more than without [group 1] [group 6]', () => {
    fc.assert(
      fc.property(tapsArb, rightsArb, (taps, rights) => {
        const exact = taps.map((t) => ({ ...t, uncertaintyMs: 0 }));
        const lines = priceDays(chortkiv, exact, rights);
        for (const l of lines) {
          expect(l.riderMinor + l.transferMinor + l.concessionMinor + l.passMinor + l.capMinor).toBe(
            l.grossMinor,
          );
          expect(l.steps.at(-1)?.afterMinor).toBe(l.riderMinor);
          if (l.passMinor > 0n) expect([l.concessionMinor, l.claimRide]).toEqual([0n, false]);
        }
        const month = (tapId: string) =>
          new Date((exact.find((t) => t.tapId === tapId) as TapFact).fareAtMs + 7_200_000).getUTCMonth();
        const free = lines.filter((l) => l.concessionId === 'pensioner').map((l) => month(l.tapId));
        for (const one of new Set(free)) expect(free.filter((m) => m === one).length).toBeLessThanOrEqual(12);
        const carnet = lines.filter((l) => l.steps.some((s) => s.params['pass'] === 'pass-carnet-3'));
        expect(carnet.length).toBeLessThanOrEqual(3);
        expect(paid(lines)).toBeLessThanOrEqual(paid(priceDays(chortkiv, exact)));
      }),
      RUNS,
    );
  });
});

describe('an auditor', () => {
  it('who begins in the middle, with what the day before handed on, has the same lines', async () => {
    const read = await readPackageFiles(dir('chortkiv-like/tariff/2025-01-01'));
    if (!('files' in read)) throw new Error(read.problem.message);
    const header = formatBundleHeader('Europe/Kyiv', '04:00', [read.files]);
    const rights = {
      entitlements: [entitlement('pensioner'), entitlement('residence:chortkiv')],
      passes: [holding('carnet-3', '2025-03-01T00:00:00+02:00'), holding('day', '2025-03-01T00:00:00+02:00')],
    };
    const taps = Array.from({ length: 18 }, (_, i) =>
      tap(Date.parse('2025-03-03T09:00:00+02:00') + i * 36_000_000, { tapId: `t${10 + i}`, routeId: '1' }),
    );
    const facts: BundleLine[] = [
      ...rights.entitlements.map((e) => ({ kind: 'entitlement' as const, accountId: 'a', ...e })),
      ...rights.passes.map((p) => ({ kind: 'pass' as const, accountId: 'a', ...p })),
    ];
    const lines = (some: readonly TapFact[], more: BundleLine[] = []) => {
      const rows = [...facts, ...more, ...some.map((t) => ({ kind: 'tap' as const, accountId: 'a', ...t }))];
      const parsed = parseFactBundle([header, ...rows.map(formatBundleLine)]);
      if (!parsed.ok) throw new Error(parsed.problem.message);
      return [...repriceBundle(parsed.bundle)].map(({ line }) => line);
    };
    const whole = lines(taps);
    expect(whole).toEqual(priceDays(chortkiv, taps, rights));
    expect(new Set(whole.map((l) => l.steps.at(-1)?.kind))).toEqual(new Set(['concession', 'pass']));
    const border = CALENDAR.startOfMs('2025-03-08');
    const [before, after] = [
      taps.filter((t) => t.fareAtMs < border),
      taps.filter((t) => t.fareAtMs >= border),
    ];
    const state = stateText(stateAfter(chortkiv, before, rights));
    const handedOn = { kind: 'state' as const, accountId: 'a', state, base: null };
    expect(lines(after, [handedOn])).toEqual(whole.slice(before.length));
    expect(lines(after)).not.toEqual(whole.slice(before.length));
  });
});

describe('a package', () => {
  const problemsOf = async (city: string, file: string, from: string, to: string): Promise<string> => {
    const read = await readPackageFiles(dir(city));
    if (!('files' in read)) throw new Error(read.problem.message);
    const text = Buffer.from(read.files.get(file) as Uint8Array).toString('utf8');
    expect(text).toContain(from);
    read.files.set(file, Buffer.from(text.replace(from, to)));
    return readTariffPackage(read.files)
      .problems.map((p) => `${p.file}:${p.line} ${p.message}`)
      .join('\n');
  };
  const [C, L] = ['chortkiv-like/tariff/2025-01-01', 'lviv-like/tariff/2026-03-11'];

  it.each([
    [C, 'concessions.yaml', 'quota_rides: 12', 'priority: 1', 'a quota is a window'],
    [C, 'concessions.yaml', 'over_quota: pensioner-after', 'over_quota: nobody', 'nobody is no row'],
    [C, 'concessions.yaml', 'over_quota: pensioner-after', 'over_quota: pupil', 'of another category'],
    [C, 'concessions.yaml', 'over_quota: pensioner-after', 'over_quota: pensioner', 'has a row after it'],
    [C, 'concessions.yaml', '_group_id: school', '_group_id: night', 'night is not in timeframes.txt'],
    [L, 'concessions.yaml', 'quota_window: month', 'quota_window: week', 'counts by another window'],
    [
      L,
      'emergency.yaml',
      'suspends: transfers',
      'suspends: caps\n    ids: [x]',
      "x is none of the package's caps",
    ],
    [L, 'emergency.yaml', 'suspends: transfers', 'suspends: transfers\n    ids: [x]', 'all together'],
    [L, 'emergency.yaml', 'valid_to: 2026-04-11', 'valid_to: 2026-03-11', 'valid_to is not after'],
    [L, 'emergency.yaml', 'act: lviv-martial', 'act: nothing', 'act nothing is not in tariff.yaml'],
    [C, 'product-terms.yaml', 'kind: carnet, rides: 3,', 'kind: carnet,', 'without a number of rides'],
    [C, 'product-terms.yaml', 'validity_unit: month, validity_type: rolling,', '', 'without a time'],
    [
      C,
      'product-terms.yaml',
      'validity_unit: day, validity_type: calendar',
      'validity_unit: hour, validity_type: calendar',
      'days and months',
    ],
    [
      C,
      'product-terms.yaml',
      'fare_product_id: day',
      'fare_product_id: nothing',
      'is not in fare_products.txt',
    ],
    [C, 'product-terms.yaml', 'activation: first_use', 'activation: date', 'it belongs to activation'],
    [C, 'product-terms.yaml', 'rides: 3,', 'rides: 3, max_companions: 1,', 'for the holder alone'],
    [C, 'product-terms.yaml', 'give_back: days', 'earned_by: rides', 'no number of rides to earn by'],
    [C, 'product-terms.yaml', 'ride, kind: single,', 'ride, kind: single, earned_by: days,', 'is paid ahead'],
    [C, 'product-terms.yaml', 'give_back: rides, ', '', 'it belongs to give_back'],
    [C, 'product-terms.yaml', 'give_back: days', 'give_back: rides', 'no number of rides to be left'],
    [
      C,
      'product-terms.yaml',
      'ride, kind: single,',
      'ride, kind: single, give_back: days,',
      'only a pass or carnet',
    ],
    [C, 'fare_leg_rules.txt', 'town,town,day,', 'town,town,village,', 'it covers no ride'],
  ])('of %s is refused for a mistake in %s: %s → %s', async (city, file, from, to, said) => {
    expect(await problemsOf(city, file, from, to)).toContain(said);
  });
});
