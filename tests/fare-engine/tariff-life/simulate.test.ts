import { describe, expect, it } from 'vitest';
import { formatBundleHeader, formatBundleLine, parseFactBundle } from '#pricing/fact-bundle.ts';
import type { TapFact } from '#pricing/model.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { type Simulation, simulateDraft } from '../../../fare-engine/tariff-life/simulate.ts';
import { simulationPicture } from '../../../fare-engine/tariff-life/simulation-picture.ts';
import { tablesOf } from '../../../fare-engine/tariff-life/simulation-tables.ts';
import { simulationLines } from '../../../fare-engine/tariff-life/simulation-text.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { entitlement, PACKAGE, packageOf, tap } from '../../support/tariff.ts';

interface Rider {
  readonly n: number;
  readonly tap?: Partial<TapFact>;
  readonly concession?: string;
  readonly at?: string;
}

/** A bundle of riders, one ride each; `n` are alike. */
function bundleOf(riders: readonly Rider[]) {
  const lines = [formatBundleHeader('Europe/Kyiv', '04:00', [filesOf(PACKAGE)])];
  let rider = 0;
  for (const { n, tap: change, concession, at = '2026-01-10T08:00+02:00' } of riders) {
    for (let i = 0; i < n; i++) {
      const accountId = `rider-${String(rider++).padStart(4, '0')}`;
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
const DRAFT = packageOf({
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
});
const PRIVATE = { routeId: 'P1', carrierId: 'private-bus' };
const CITY: readonly Rider[] = [
  { n: 12 },
  { n: 11, tap: PRIVATE },
  { n: 10, concession: 'pensioner' },
  { n: 10, concession: 'pupil-private', tap: PRIVATE },
  { n: 13, tap: { mediumKind: 'wallet' } },
];

describe('past taps under a draft', () => {
  it('are priced as if it had always been in force, concessions of its first day included', () => {
    const tables = tablesOf(simulate(CITY, DRAFT));
    expect(tables?.total).toEqual({
      riders: 56,
      rides: 56,
      beforeMinor: BigInt(12 * 1200 + 11 * 1300 + 10 * 700 + 13 * 1400),
      afterMinor: BigInt(12 * 1400 + 11 * 1200 + 10 * 600 + 13 * 1400),
    });
    expect(tables?.riders).toEqual({ more: 12, less: 21, same: 23 });
    expect(tables?.quantilesMinor).toEqual({ p10: -100n, p25: -100n, p50: 0n, p75: 0n, p90: 200n });
    expect(tables?.tables.funding).toMatchObject([
      { id: 'city-budget', riders: 10, beforeMinor: 12_000n, afterMinor: 14_000n },
      { id: 'city-education', riders: 10, beforeMinor: 6000n, afterMinor: 6000n },
    ]);
    expect(tables?.tables.route.map(({ id, riders }) => [id, riders])).toEqual([
      ['P1', 21],
      ['T1', 35],
    ]);
    expect(tables?.tables.category.map((row) => row.id)).toEqual(['full', 'pensioner', 'pupil']);
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

describe('small groups', () => {
  it('are not shown alone: nine riders take the smallest other group with them, ten stand', () => {
    const of = (n: number) =>
      tablesOf(simulate([{ n, tap: PRIVATE }, { n: 12 }, { n: 30, tap: { routeId: 'T2' } }], DRAFT));
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
    expect(tablesOf(simulate([{ n: 9 }], DRAFT))).toBeNull();
    expect(tablesOf(simulate([{ n: 10 }], DRAFT))).not.toBeNull();
  });
});

describe('the picture', () => {
  const tables = tablesOf(simulate(CITY, DRAFT));
  if (!tables) throw new Error('no tables');

  it('stands alone, has a title and a description, and is the same each time', () => {
    const picture = simulationPicture(tables, DRAFT, 'uk');
    expect(picture).toContain('<title id="title">Вплив проєкту тарифу draft-1</title>');
    expect(picture).toMatch(/<desc id="desc">.{40,}<\/desc>/);
    expect(picture.replace('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:|href|<script|<style|url\(/,
    );
    expect(picture.match(/<rect /g)).toHaveLength(1 + 2 + 2 * (3 + 2));
    const again = tablesOf(simulate([...CITY].reverse(), DRAFT));
    expect(again && simulationPicture(again, DRAFT, 'uk')).toBe(picture);
  });

  it('and the words come in four languages', () => {
    for (const language of ['uk', 'en', 'de', 'pl'] as const) {
      const lines = simulationLines(tables, DRAFT, language);
      expect(lines.filter((line) => /undefined|\{\w+\}/.test(line))).toEqual([]);
    }
    const english = simulationLines(tables, DRAFT, 'en');
    expect(english).toContain('Pay more: 12. Pay less: 21. Pay the same: 23.');
    expect(english).toContain('  P1: 21 riders, 21 rides; now ₴213.00, draft ₴192.00, difference -₴21.00');
  });
});
