/** What an earlier system counted: carnets, caps and open transfers go on where it left them, on both sides of each border. */
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { begunWord, countedElsewhere, isCountedElsewhere } from '#pricing/elsewhere.ts';
import {
  type BundleLine,
  formatBundleHeader,
  formatBundleLine,
  parseFactBundle,
} from '#pricing/fact-bundle.ts';
import type { EntitlementFact, PassFact, TapFact } from '#pricing/model.ts';
import { repriceBundle } from '#pricing/reprice-bundle.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { loadTariffTimeline } from '../../../fare-engine/tariffs/load-tariff.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { capsFile, withCaps } from '../../support/money-tariff.ts';
import { priceDays, priceLate } from '../../support/price-days.ts';
import { cases } from '../../support/properties.ts';
import { entitlement, PACKAGE, packageOf, tap, timelineOf } from '../../support/tariff.ts';

let chortkiv: TariffTimeline;
beforeAll(async () => {
  const read = await loadTariffTimeline(
    fileURLToPath(new URL('../../../cities/chortkiv-like/tariff', import.meta.url)),
  );
  if (!read.ok) throw new Error(read.problems[0]?.message);
  chortkiv = read.timeline;
});

const ms = (text: string): number => Date.parse(text);
const word = (
  concessionId: string,
  from: string,
  until: string | null,
  change: Partial<EntitlementFact> = {},
) =>
  entitlement(concessionId, {
    validFromMs: ms(from),
    validUntilMs: until === null ? null : ms(until),
    ...change,
  });
const pays = (tariffs: TariffTimeline, taps: readonly TapFact[], entitlements: readonly EntitlementFact[]) =>
  priceDays(tariffs, taps, { entitlements }).map((line) => Number(line.riderMinor));

describe('rides of a carnet that were used elsewhere', () => {
  const carnet: PassFact = {
    ...{ passId: 'c-1', fareProductId: 'carnet-3', validUntilMs: null, knownFromMs: 0 },
    validFromMs: ms('2025-03-01T09:00+02:00'),
  };
  const rides = () =>
    [8, 12, 16].map((hour) =>
      tap(ms(`2025-03-03T${String(hour).padStart(2, '0')}:00+02:00`), { routeId: '1' }),
    );
  const covered = (...words: EntitlementFact[]) =>
    priceDays(chortkiv, rides(), { passes: [carnet], entitlements: words }).map(
      (line) => line.passMinor > 0n,
    );
  const uses = (n: number, change: Partial<EntitlementFact> = {}) =>
    word(`uses:c-1:${n}`, '2025-03-01T10:00+02:00', null, change);

  it('leave the others, and none after the last', () => {
    expect(covered()).toEqual([true, true, true]);
    expect(covered(uses(1))).toEqual([true, true, false]);
    expect(covered(uses(2))).toEqual([true, false, false]);
    expect(covered(uses(3))).toEqual([false, false, false]);
    expect(covered(uses(9))).toEqual([false, false, false]);
  });

  it('count as far as they are known, of this carnet, from their first on', () => {
    expect(covered(uses(3, { knownUntilMs: 5 }))).toEqual([true, true, true]);
    expect(covered(uses(3, { concessionId: 'uses:c-2:3' }))).toEqual([true, true, true]);
    expect(covered(uses(3, { validFromMs: ms('2025-03-03T12:00:00.001+02:00') }))).toEqual([
      true,
      true,
      false,
    ]);
    expect(covered(uses(3, { validFromMs: ms('2025-03-03T12:00+02:00') }))).toEqual([true, false, false]);
    // Taken back: it never held.
    expect(covered(uses(3, { validUntilMs: ms('2025-03-01T10:00+02:00') }))).toEqual([true, true, true]);
  });
});

it('a pass of one day begins with the earlier of both first rides', () => {
  const pass: PassFact = {
    ...{ passId: 'd-1', fareProductId: 'day', validUntilMs: null, knownFromMs: 0 },
    validFromMs: ms('2025-03-01T09:00+02:00'),
  };
  const taps = [3, 4].map((day) => tap(ms(`2025-03-0${day}T10:00+02:00`), { routeId: '1' }));
  const covered = (first: string) =>
    priceDays(chortkiv, taps, { passes: [pass], entitlements: [word('uses:d-1:1', first, null)] }).map(
      (line) => line.passMinor > 0n,
    );
  expect(covered('2025-03-04T08:00+02:00')).toEqual([true, false]);
  expect(covered('2025-03-03T08:00+02:00')).toEqual([true, false]);
  expect(covered('2025-03-02T08:00+02:00')).toEqual([false, false]);
});

describe('spending elsewhere counts against a cap', () => {
  const ride = (day: number, hour: number) =>
    tap(`2026-03-${String(day).padStart(2, '0')}T${String(hour).padStart(2, '0')}:00:00+02:00`);
  const cap = (more: Record<string, unknown>) => timelineOf(withCaps({ cap_id: 'cap', ...more }));

  it('of a day: the last ride is partial, the next day begins anew', () => {
    const day = cap({ window: 'day', cap_minor: 2000 });
    const spent = (minor: number) => [
      word(`spent:cap:${minor}:1`, '2026-03-02T04:30+02:00', '2026-03-03T04:30+02:00'),
    ];
    const taps = () => [ride(2, 8), ride(2, 11), ride(3, 8)];
    expect(pays(day, taps(), [])).toEqual([1200, 800, 1200]);
    expect(pays(day, taps(), spent(800))).toEqual([1200, 0, 1200]);
    expect(pays(day, taps(), spent(799))).toEqual([1200, 1, 1200]);
    expect(pays(day, taps(), spent(1500))).toEqual([500, 0, 1200]);
    expect(pays(day, taps(), spent(2000))).toEqual([0, 0, 1200]);
    expect(pays(day, taps(), spent(2001))).toEqual([0, 0, 1200]);
  });

  it('of a week and a month in which it begins, and of no other', () => {
    const week = cap({ window: 'week', cap_minor: 1200 });
    const spent = [word('spent:cap:1000:1', '2026-03-02T04:30+02:00', '2026-03-09T04:30+02:00')];
    expect(pays(week, [ride(8, 8), ride(9, 8)], spent)).toEqual([200, 1200]);
    const month = cap({ window: 'month', cap_minor: 1200 });
    expect(pays(month, [ride(8, 8), ride(31, 8)], spent)).toEqual([200, 1000]);
  });

  it('by rides', () => {
    const rides = cap({ window: 'day', cap_rides: 2 });
    const spent = [word('spent:cap:0:1', '2026-03-02T04:30+02:00', '2026-03-03T04:30+02:00')];
    expect(pays(rides, [ride(2, 8), ride(2, 11)], spent)).toEqual([1200, 0]);
  });

  it('of a window that the first tap began there, and of days that slide', () => {
    const spent = [word('spent:cap:1000:1', '2026-03-02T04:30+02:00', '2026-03-05T04:30+02:00')];
    const first = cap({ window: 'days', window_days: 3, anchor: 'first_tap', cap_minor: 1200 });
    // It runs from the 2nd to the 4th; the 5th begins the next.
    expect(pays(first, [ride(3, 8), ride(4, 8), ride(5, 8), ride(6, 8)], spent)).toEqual([200, 0, 1200, 0]);
    const sliding = cap({ window: 'days', window_days: 3, anchor: 'sliding', cap_minor: 1200 });
    // On the 5th the 2nd counts no longer, the 200 of the 3rd do.
    expect(pays(sliding, [ride(3, 8), ride(4, 8), ride(5, 8)], spent)).toEqual([200, 0, 1000]);
  });
});

describe('a ride that began elsewhere', () => {
  const tariffs = timelineOf(packageOf());
  const at = '2026-03-02T08:00:00+02:00';
  const ride = { routeId: 'P:1 %', stopId: null, vehicleId: 'bus 7', transferCount: 0, startedAtMs: ms(at) };
  const begun = (change: Partial<typeof ride> = {}, more: Partial<EntitlementFact> = {}) =>
    word(begunWord({ ...ride, routeId: 'P1', ...change }), at, null, more);
  const tapAt = (seconds: number, change: Partial<TapFact> = {}) => tap(ms(at) + seconds * 1000, change);

  it('is followed by a transfer until the end of its window, that instant included', () => {
    for (const [seconds, minor] of [
      [0, 0],
      [1800, 0],
      [1801, 1200],
      [-1, 1200],
    ] as const)
      expect([seconds, pays(tariffs, [tapAt(seconds)], [begun()])[0]]).toEqual([seconds, minor]);
    expect(pays(tariffs, [tapAt(60)], [])).toEqual([1200]);
    expect(pays(tariffs, [tapAt(60)], [begun({}, { knownUntilMs: 5 })])).toEqual([1200]);
    expect(pays(tariffs, [tapAt(60)], [begun({ routeId: 'nowhere' })])).toEqual([1200]);
  });

  it('stands behind a ride here that is later, and goes on with its count', () => {
    expect(
      pays(
        tariffs,
        [-60, 1790, 1801, 3600].map((s) => tapAt(s)),
        [begun()],
      ),
    ).toEqual([1200, 0, 1200, 0]);
    const twice = timelineOf(
      packageOf({
        'fare_transfer_rules.txt': `rule_id,from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,act,article
transfer-30,city,city,2,1800,1,0,order-1,п. 9
`,
      }),
    );
    const following = (transferCount: number, startedS: number) =>
      pays(twice, [tapAt(600)], [begun({ transferCount, startedAtMs: ms(at) + startedS * 1000 })]);
    const runs = [
      [0, 0],
      [1, -600],
      [2, -600],
      [1, -1200],
      [1, -1201],
    ] as const;
    expect(runs.flatMap((run) => following(run[0], run[1]))).toEqual([0, 0, 1200, 0, 1200]);
  });

  it('is over with a ride here from which no transfer leads', () => {
    const single = timelineOf(
      packageOf({
        'fare_leg_rules.txt': `rule_id,leg_group_id,network_id,fare_product_id,act,article
leg-municipal,,municipal,ride-municipal,order-1,п. 1
leg-private,city,private,ride-private,order-1,п. 1
`,
      }),
    );
    const [none, next] = [tapAt(300, { routeId: 'T1' }), tapAt(900, { routeId: 'P1' })];
    expect(pays(single, [next], [begun()])).toEqual([0]);
    expect(pays(single, [none, next], [])).toEqual([1200, 1300]);
    expect(pays(single, [none, next], [begun()])).toEqual([1200, 1300]);
    // A touch from before that ride ends nothing.
    expect(pays(single, [tapAt(-1, { routeId: 'T1' }), next], [begun()])).toEqual([1200, 0]);
  });

  it('reaches over the end of a fare day, and into the first package', () => {
    const eve = '2026-03-02T03:50:00+02:00';
    const late = word(begunWord({ ...ride, routeId: 'P1', startedAtMs: ms(eve) }), eve, null);
    expect(pays(tariffs, [tap('2026-03-02T04:10:00+02:00')], [late])).toEqual([0]);
    const before = '2025-12-31T23:50:00+02:00';
    const old = word(begunWord({ ...ride, routeId: 'P1', startedAtMs: ms(before) }), before, null);
    expect(pays(tariffs, [tap('2026-01-01T00:05:00+02:00')], [old])).toEqual([0]);
  });

  it('keeps its names, whatever stands in them', () => {
    const read = countedElsewhere([word(begunWord(ride), at, null)], null).begun[0];
    expect(read).toMatchObject({ ...ride, fromMs: ms(at) });
    for (const broken of ['begun:%:::0:0', 'begun:a:b:c:x:0', 'uses:c-1:x', 'spent:cap:1', 'begun:'])
      expect([broken, countedElsewhere([entitlement(broken)], null)]).toEqual([
        ...[broken, { uses: [], spent: [], begun: [] }],
      ]);
    expect(['uses:c:1', 'pensioner', 'residence:x'].map(isCountedElsewhere)).toEqual([true, false, false]);
  });
});

it('any order of arrival, day by day or late, comes to the same', () => {
  const tariffs = timelineOf(
    withCaps({ cap_id: 'cap', window: 'days', window_days: 3, anchor: 'first_tap', cap_minor: 3000 }),
  );
  const start = ms('2026-03-02T06:00:00+02:00');
  const tapsOf = fc.uniqueArray(fc.integer({ min: 0, max: 4 * 96 }), { minLength: 2, maxLength: 12 });
  fc.assert(
    fc.property(tapsOf, fc.nat(11), fc.nat(3000), fc.nat(4 * 96), (quarters, lateIndex, minor, begunAt) => {
      const taps = quarters.map((n) => tap(start + n * 900_000)).sort((a, b) => a.fareAtMs - b.fareAtMs);
      const fromMs = start + begunAt * 900_000 - 60_000;
      const entitlements = [
        word(`spent:cap:${minor}:1`, '2026-03-02T04:30+02:00', '2026-03-05T04:30+02:00'),
        entitlement(
          begunWord({ routeId: 'P1', stopId: null, vehicleId: null, transferCount: 0, startedAtMs: fromMs }),
          { validFromMs: fromMs },
        ),
      ];
      const whole = priceDays(tariffs, taps, { entitlements });
      const late = taps[lateIndex % taps.length] as TapFact;
      expect(priceLate(tariffs, taps, late, { entitlements })).toEqual(whole);
    }),
    cases(),
  );
});

it('an export prices them as the city did', () => {
  const files = filesOf({
    ...PACKAGE,
    'caps.yaml': capsFile({ cap_id: 'cap', window: 'day', cap_minor: 1500 }),
  });
  const taps = [tap('2026-03-02T08:10:00+02:00'), tap('2026-03-02T12:00:00+02:00')];
  const at = '2026-03-02T08:00:00+02:00';
  const entitlements = [
    word('spent:cap:1000:1', '2026-03-02T04:30+02:00', '2026-03-03T04:30+02:00'),
    word(
      begunWord({ routeId: 'P1', stopId: null, vehicleId: null, transferCount: 0, startedAtMs: ms(at) }),
      at,
      null,
    ),
  ];
  const facts: BundleLine[] = [
    ...entitlements.map((fact) => ({ kind: 'entitlement' as const, accountId: 'a', ...fact })),
    ...taps.map((fact) => ({ kind: 'tap' as const, accountId: 'a', ...fact })),
  ];
  const header = formatBundleHeader('Europe/Kyiv', '04:00', [files]);
  const parsed = parseFactBundle([header, ...facts.map(formatBundleLine)]);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  const lines = [...repriceBundle(parsed.bundle)].map(({ line }) => Number(line.riderMinor));
  expect(lines).toEqual([0, 500]);
});
