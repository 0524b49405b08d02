/** Runs the cases of `tests/cases/<city>/*.yaml` against the city's tariff packages. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAmount } from '#pricing/gtfs/cells.ts';
import type { PricedLine } from '#pricing/model.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import {
  type Border,
  bordersOf,
  DAY_MS,
  idsOf,
  missing,
  rulesOf,
  type Touched,
} from '../support/case-rules.ts';
import {
  CASES_DIR,
  type Case,
  expand,
  explain,
  instant,
  priceCase,
  readCases,
} from '../support/fare-cases.ts';
import { returnsOf } from '../support/return-cases.ts';

/** Cities of which every rule has cases on both sides of its dates. */
const WHOLE = ['ternopil', 'lviv-like', 'chortkiv-like'];

for (const city of readdirSync(CASES_DIR, { withFileTypes: true }).filter((e) => e.isDirectory())) {
  const read = await loadTariffTimeline(
    fileURLToPath(new URL(`../../cities/${city.name}/tariff`, import.meta.url)),
  );
  const touched: Touched[][] = [];
  for (const file of readdirSync(`${CASES_DIR}${city.name}`).sort()) {
    const { cases, problems } = readCases(readFileSync(`${CASES_DIR}${city.name}/${file}`, 'utf8'));
    describe(`${city.name}/${file}`, () => {
      it('is well formed', () => {
        expect(problems).toBe('');
        expect(read.problems).toEqual([]);
      });
      for (const example of cases) {
        it(example.name, () => {
          if (!read.ok) throw new Error('the tariff has errors');
          const lines = priceCase(example, read.timeline);
          touched.push(touchedBy(example, lines));
          for (const { returned, found } of returnsOf(example, lines, read.timeline))
            expect(found, `given back ${returned.at}`).toEqual(returned.refused ?? returned.back);
          for (const [i, ride] of expand(example.rides).entries()) {
            const line = lines[i] as PricedLine;
            const expected = parseAmount(ride.pays, line.currency);
            const why = explain(line, read.timeline);
            expect(line.riderMinor, `ride ${i + 1}, ${ride.at}: ${why}`).toBe(
              expected.ok && expected.amountMinor,
            );
            expect(line.claimRide, `claim ride, ride ${i + 1}`).toBe(ride.claim === 'yes');
            expect(why).toContain(ride.because ?? '');
          }
        });
      }
    });
  }
  // Last in its city: the cases above have been priced.
  if (!WHOLE.includes(city.name)) continue;
  it(`every rule of ${city.name} has cases on both sides of its dates`, () => {
    if (!read.ok) throw new Error('the tariff has errors');
    const { packages } = read.timeline;
    const borders = bordersOf(
      packages.flatMap((p, i) => rulesOf(p, p.validUntilMs ?? packages[i + 1]?.validFromMs ?? null)),
    );
    expect(borders.length).toBeGreaterThan(5);
    expect(missing(borders, touched)).toEqual([]);
    // It can fail: without the cases each border lacks one.
    expect(missing(borders, [])).toHaveLength(borders.length);
  });
}

function touchedBy(example: Case, lines: readonly PricedLine[]): Touched[] {
  return expand(example.rides).map((ride, i) => ({
    atMs: instant(ride.at, 'Europe/Kyiv') + ride.afterMs,
    ids: idsOf(lines[i]),
  }));
}

it('no rule is counted as met beside its date, or on one side only', () => {
  const border: Border = { id: 'r', atMs: 10 * DAY_MS, before: true, after: false };
  const ride = (days: number, ...ids: string[]): Touched => ({ atMs: days * DAY_MS, ids: new Set(ids) });
  const lacks = (...rides: Touched[]) => missing([border], [rides]).length === 1;
  expect(lacks(ride(9, 'r'), ride(10))).toBe(false);
  expect(lacks(ride(8.9, 'r'), ride(10))).toBe(true);
  expect(lacks(ride(9), ride(10, 'r'))).toBe(true);
  expect(lacks(ride(9, 'r'), ride(11))).toBe(true);
  expect(lacks(ride(9, 'r'))).toBe(true);
});
