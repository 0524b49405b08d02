import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBundleHeader, formatBundleLine, parseFactBundle } from '#pricing/fact-bundle.ts';
import type { TapFact } from '#pricing/model.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { DIMENSIONS, type Simulation, simulateDraft } from '../../../fare-engine/tariff-life/simulate.ts';
import { simulationPage } from '../../../fare-engine/tariff-life/simulation-page.ts';
import { simulationPicture } from '../../../fare-engine/tariff-life/simulation-picture.ts';
import { publicTables, type Row, wholeTables } from '../../../fare-engine/tariff-life/simulation-tables.ts';
import { simulationLines } from '../../../fare-engine/tariff-life/simulation-text.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { entitlement, PACKAGE, packageOf, tap } from '../../support/tariff.ts';

interface Rider {
  readonly n: number;
  readonly tap?: Partial<TapFact>;
  readonly concession?: string;
  readonly at?: string;
  readonly of?: string;
}

/** A bundle of riders, one ride each; `n` are alike. `of` gives a ride to a rider of that name. */
function bundleOf(riders: readonly Rider[]) {
  const lines = [formatBundleHeader('Europe/Kyiv', '04:00', [filesOf(PACKAGE)])];
  let rider = 0;
  for (const { n, tap: change, concession, at = '2026-01-10T08:00+02:00', of } of riders) {
    for (let i = 0; i < n; i++) {
      const accountId = of ?? `rider-${String(rider++).padStart(4, '0')}`;
      lines.push(formatBundleLine({ kind: 'tap', accountId, ...tap(at, change) }));
      if (concession)
        lines.push(formatBundleLine({ kind: 'entitlement', accountId, ...entitlement(concession) }));
    }
  }
  const read = parseFactBundle(lines);
  if (!read.ok) throw new Error(read.problem.message);
  return read.bundle;
}

function simulate(
  riders: readonly Rider[],
  draft: TariffPackage,
  fromDay: string | null = null,
  untilDay: string | null = null,
): Simulation {
  const walking = simulateDraft(bundleOf(riders), draft, { fromDay, untilDay });
  for (;;) {
    const step = walking.next();
    if (!step.done) continue;
    if (typeof step.value === 'string') throw new Error(step.value);
    return step.value;
  }
}

/** The social card costs 2 more on municipal vehicles, 1 less on private ones; it holds from the next year on. */
const DRAFT_FILES: Readonly<Record<string, string>> = {
  'tariff.yaml': (PACKAGE['tariff.yaml'] as string)
    .replace('test-1', 'draft-1')
    .replace('2026-01-01', '2027-01-01'),
  'concessions.yaml': (PACKAGE['concessions.yaml'] as string).replaceAll(
    'valid_from: 2026-01-01',
    'valid_from: 2027-01-01',
  ),
  'fare_products.txt': (PACKAGE['fare_products.txt'] as string)
    .replace('social_card,12.00', 'social_card,14.00')
    .replace('social_card,13.00', 'social_card,12.00'),
};
const DRAFT = packageOf(DRAFT_FILES);
const PRIVATE = { routeId: 'P1', carrierId: 'private-bus' };
const CITY: readonly Rider[] = [
  { n: 12 },
  { n: 11, tap: PRIVATE },
  { n: 10, concession: 'pensioner' },
  { n: 10, concession: 'pupil-private', tap: PRIVATE },
  { n: 13, tap: { mediumKind: 'wallet' } },
];

/** Up to three rides of one rider. */
const RIDES: fc.Arbitrary<Rider[]> = fc
  .tuple(
    fc.string({ minLength: 4, maxLength: 8 }),
    fc.array(
      fc.record({
        route: fc.constantFrom('T1', 'T2', 'P1', 'X1', 'unknown'),
        carrier: fc.constantFrom('carrier', 'private-bus', null),
        medium: fc.constantFrom('social' as const, 'wallet' as const),
        hour: fc.integer({ min: 6, max: 9 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    fc.constantFrom(undefined, 'pensioner', 'pupil-private'),
  )
  .map(([of, rides, concession]) =>
    rides.map(({ route, carrier, medium, hour }, i) => ({
      n: 1,
      of,
      at: `2026-01-10T0${hour}:1${i}+02:00`,
      tap: { routeId: route, carrierId: carrier, mediumKind: medium },
      ...(concession && i === 0 && { concession }),
    })),
  );

describe('past taps under a draft', () => {
  it('are priced as if it had always been in force, concessions of its first day included', () => {
    const tables = wholeTables(simulate(CITY, DRAFT));
    expect(tables.total).toMatchObject({
      riders: 56,
      rides: 56,
      beforeMinor: BigInt(12 * 1200 + 11 * 1300 + 10 * 700 + 13 * 1400),
      afterMinor: BigInt(12 * 1400 + 11 * 1200 + 10 * 600 + 13 * 1400),
    });
    expect(tables.riders).toEqual({ more: 12, less: 21, same: 23 });
    expect(tables.quantilesMinor).toEqual({ p10: -100n, p25: -100n, p50: 0n, p75: 0n, p90: 200n });
    expect(tables.tables.funding).toMatchObject([
      { id: 'city-budget', riders: 10, beforeMinor: 12_000n, afterMinor: 14_000n },
      { id: 'city-education', riders: 10, beforeMinor: 6000n, afterMinor: 6000n },
    ]);
    expect(tables.tables.route.map(({ id, riders }) => [id, riders])).toEqual([
      ['P1', 21],
      ['T1', 35],
    ]);
    expect(tables.tables.category.map((row) => row.id)).toEqual(['full', 'pensioner', 'pupil']);
  });

  it('and so are its emergency rules and the weekdays of its calendar', () => {
    const dates = { from: 'valid_from: 2027-01-01', to: 'valid_to: 2027-02-01' };
    const suspended = packageOf({
      ...DRAFT_FILES,
      'emergency.yaml': `emergency:\n  - { rule_id: e, names: { uk: а, en: a, de: a, pl: a }, act: order-1, article: "1", ${dates.from}, ${dates.to}, suspends: transfers }\n`,
    });
    // Two rides within the time of a transfer: the second is free now, and paid in full under the rule.
    const two: Rider[] = [8, 9].map((minute) => ({
      n: 1,
      of: 'one',
      at: `2026-01-10T08:0${minute}+02:00`,
      tap: { vehicleId: `v${minute}` },
    }));
    expect(simulate(two, DRAFT).total).toMatchObject({ beforeMinor: 1200n, afterMinor: 1400n });
    expect(simulate(two, suspended).total).toMatchObject({ beforeMinor: 1200n, afterMinor: 2800n });
    const hours = (start: string) => ({
      ...DRAFT_FILES,
      'timeframes.txt':
        'timeframe_group_id,start_time,end_time,service_id\nall-day,00:00:00,24:00:00,every\n',
      'calendar.txt': `service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nevery,1,1,1,1,1,1,1,${start},20271231\n`,
      'concessions.yaml': (DRAFT_FILES['concessions.yaml'] as string).replace(
        '    media_required: social_card\n',
        '    media_required: social_card\n    timeframe_group_id: all-day\n',
      ),
    });
    const pensioner: Rider[] = [{ n: 1, concession: 'pensioner' }];
    expect(simulate(pensioner, packageOf(hours('20270101'))).total.afterMinor).toBe(0n);
    expect(simulate(pensioner, packageOf(hours('20270102'))).total.afterMinor).toBe(1400n);
  });

  it('say for each category, route and carrier how many pay more and less, by how much, the median and the extremes', () => {
    const { tables, total } = wholeTables(simulate([...CITY, { n: 1, tap: { routeId: 'T2' } }], DRAFT));
    expect(tables.carrier.map(({ id, spread }) => [id, spread])).toEqual([
      [
        'carrier',
        {
          ...{ more: 13, less: 0, same: 23, moreMinor: 2600n, lessMinor: 0n },
          ...{ medianMinor: 0n, riseMinor: 200n, fallMinor: 0n },
        },
      ],
      [
        'private-bus',
        {
          ...{ more: 0, less: 21, same: 0, moreMinor: 0n, lessMinor: -2100n },
          ...{ medianMinor: -100n, riseMinor: 0n, fallMinor: -100n },
        },
      ],
    ]);
    // One rider alone is told too: this is for the department.
    expect(tables.route.find(({ id }) => id === 'T2')).toMatchObject({
      riders: 1,
      spread: { medianMinor: 200n },
    });
    expect(total.spread).toMatchObject({ more: 13, less: 21, same: 23, moreMinor: 2600n, lessMinor: -2100n });
  });

  it('a rider of two routes counts once in all, and the groups add up exactly', () => {
    fc.assert(
      fc.property(fc.array(RIDES, { minLength: 1, maxLength: 8 }), (riders) => {
        const given = simulate(riders.flat(), DRAFT);
        const { tables, total, owed } = wholeTables(given);
        const sum = (rows: readonly Row[], of: (row: Row) => bigint) =>
          rows.reduce((all, row) => all + of(row), 0n);
        for (const dimension of DIMENSIONS) {
          const whole = dimension === 'funding' ? owed : total;
          expect(sum(tables[dimension], (row) => row.beforeMinor)).toBe(whole.beforeMinor);
          expect(sum(tables[dimension], (row) => row.afterMinor)).toBe(whole.afterMinor);
          if (dimension !== 'funding')
            expect(sum(tables[dimension], (row) => BigInt(row.rides))).toBe(BigInt(total.rides));
        }
        for (const { spread, beforeMinor, afterMinor, riders: n } of [
          ...tables.category,
          ...tables.route,
          ...tables.carrier,
          total,
        ]) {
          if (!spread) throw new Error('no spread');
          expect(spread.moreMinor + spread.lessMinor).toBe(afterMinor - beforeMinor);
          expect(spread.more + spread.less + spread.same).toBe(n);
        }
        // Written out of single lines, by hand.
        expect(total.afterMinor - total.beforeMinor).toBe(
          given.total.differencesMinor.reduce((a, d) => a + d, 0n),
        );
      }),
      { numRuns: 15 },
    );
  });

  it('count on the fare days asked for, the last one no more', () => {
    const days = [
      { n: 10, at: '2026-01-10T03:59:59+02:00' },
      { n: 11, at: '2026-01-10T04:00+02:00' },
      { n: 12, at: '2026-01-11T04:00+02:00' },
    ];
    expect(simulate(days, DRAFT, '2026-01-10', '2026-01-11').total.riders).toBe(11);
    expect(simulate(days, DRAFT, '2026-01-10').total.riders).toBe(23);
    expect(simulate(days, DRAFT).total.riders).toBe(33);
  });

  it('say what the draft does not know: rides without a price, concessions', () => {
    const poor = packageOf({
      'route_networks.txt': (PACKAGE['route_networks.txt'] as string).replace('private,P1\n', ''),
      'concessions.yaml': (PACKAGE['concessions.yaml'] as string)
        .replace('concession_id: pensioner', 'concession_id: elder')
        .replace('rider_category_id: pensioner', 'rider_category_id: donor'),
    });
    // Where somebody lives, and what another system counted, are no concessions that could be lost.
    const noRights = ['residence:here', 'used:pensioner:3:0'].map((concession) => ({ n: 1, concession }));
    expect(simulate(noRights, poor).lostConcessions).toEqual([]);
    const simulation = simulate(CITY, poor);
    expect(simulation.unpricedTaps).toBe(21);
    expect(simulation.lostConcessions).toEqual(['pensioner']);
  });

  it('are refused in another currency', () => {
    const euro = (text: string) => text.replaceAll('UAH', 'EUR');
    const draft = packageOf({
      'tariff.yaml': euro(PACKAGE['tariff.yaml'] as string),
      'fare_products.txt': euro(PACKAGE['fare_products.txt'] as string),
    });
    expect(simulateDraft(bundleOf([]), draft, { fromDay: null, untilDay: null }).next()).toEqual({
      done: true,
      value: 'currency',
    });
  });
});

describe('small groups, in what is handed out', () => {
  it('are not shown alone: nine riders take the smallest other group with them, ten stand', () => {
    const of = (n: number) =>
      publicTables(simulate([{ n, tap: PRIVATE }, { n: 12 }, { n: 30, tap: { routeId: 'T2' } }], DRAFT));
    expect(of(10)?.tables.route.map(({ id, groups, riders }) => [id, groups, riders])).toEqual([
      ['P1', 1, 10],
      ['T1', 1, 12],
      ['T2', 1, 30],
    ]);
    expect(of(9)?.tables.route.map(({ id, groups, riders }) => [id, groups, riders])).toEqual([
      ['T2', 1, 30],
      [null, 2, null],
    ]);
    expect(of(9)?.riders).toEqual({ more: null, less: null, same: 0 });
    expect(of(10)?.riders).toEqual({ more: 42, less: 10, same: 0 });
  });

  it('nothing at all is shown of nine riders', () => {
    expect(publicTables(simulate([{ n: 9 }], DRAFT))).toBeNull();
    const tables = publicTables(simulate([{ n: 10 }], DRAFT));
    expect(tables?.tables.route[0]?.spread).toBeNull();
    expect(tables && simulationPage(tables, DRAFT, 'en')).not.toMatch(/▲|largest rise/);
  });
});

describe('the page and its picture', () => {
  const tables = wholeTables(simulate(CITY, DRAFT));

  it('stands alone, has a title and a description, and is the same each time', () => {
    const picture = simulationPicture(tables, DRAFT, 'uk');
    expect(picture).toContain('<title id="title">Вплив проєкту тарифу draft-1</title>');
    expect(picture).toMatch(/<desc id="desc">.{40,}<\/desc>/);
    expect(picture.replace('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:|href|<script|<style|url\(/,
    );
    // Two bars for each category, route, carrier and payer.
    expect(picture.match(/<rect /g)).toHaveLength(1 + 2 + 2 * (3 + 2 + 2 + 2));
    expect(picture).toContain('▲ 12  ▼ 0');
    const again = wholeTables(simulate([...CITY].reverse(), DRAFT));
    expect(simulationPicture(again, DRAFT, 'uk')).toBe(picture);
  });

  it('has every number in tables that a screen reader can follow, and no account', () => {
    const page = simulationPage(tables, DRAFT, 'en');
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page.match(/<caption>/g)).toHaveLength(4);
    expect(page.match(/<th scope="row">/g)).toHaveLength(3 + 2 + 2 + 2 + 4);
    expect(page).toContain('<th scope="row">private-bus</th><td>21</td><td>21</td>');
    expect(page).not.toMatch(/rider-0|<script|https?:\/\/(?!www\.w3\.org)/);
    const evil = {
      ...tables,
      tables: { ...tables.tables, carrier: [{ ...(tables.tables.carrier[0] as Row), id: '<b>"x' }] },
    };
    expect(simulationPage(evil, DRAFT, 'uk')).not.toContain('<b>');
  });

  it('and the words come in four languages', () => {
    for (const language of ['uk', 'en', 'de', 'pl'] as const) {
      const lines = simulationLines(tables, DRAFT, language);
      expect(lines.filter((line) => /undefined|\{\w+\}/.test(line))).toEqual([]);
    }
    const english = simulationLines(tables, DRAFT, 'en');
    expect(english).toContain('Pay more: 12. Pay less: 21. Pay the same: 23.');
    expect(english).toContain('The budget owes: now ₴180.00, draft ₴200.00, difference +₴20.00');
    const [head, first, second, sum] = english.slice(
      english.findIndex((line) => line.startsWith('By carrier')),
    );
    expect(head).toMatch(
      /^By carrier +riders +rides +now +draft +difference +▲ +▲ Σ +▼ +▼ Σ +median +▲ max +▼ max$/,
    );
    expect(first).toMatch(/^carrier +35 +35 +₴326\.00 +₴350\.00 +\+₴24\.00 +12 +\+₴24\.00 +0 /);
    expect(second).toMatch(/^private-bus +21 +21 +₴213\.00 +₴192\.00 +-₴21\.00 +0 +₴0\.00 +21 +-₴21\.00/);
    expect([head, first, second, sum].map((line) => line?.length)).toEqual(Array(4).fill(head?.length));
  });
});
