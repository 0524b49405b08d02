/** Runs the cases of `tests/cases/<city>/*.yaml` against the city's tariff packages. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type TriedCase, tryCase } from '../../fare-engine/tariff-cases/try-case.ts';
import { caseLines } from '../../fare-engine/tariff-cases/try-text.ts';
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
import { CASES_DIR, caseFilesOf } from '../support/fare-cases.ts';

/** Cities of which every rule has cases on both sides of its dates. */
const WHOLE = ['ternopil', 'lviv-like', 'chortkiv-like'];

for (const city of readdirSync(CASES_DIR, { withFileTypes: true }).filter((e) => e.isDirectory())) {
  const read = await loadTariffTimeline(
    fileURLToPath(new URL(`../../cities/${city.name}/tariff`, import.meta.url)),
  );
  const touched: Touched[][] = [];
  for (const { file, cases, problems } of caseFilesOf(city.name)) {
    describe(`${city.name}/${file}`, () => {
      it('is well formed', () => {
        expect(problems).toEqual([]);
        expect(read.problems).toEqual([]);
      });
      for (const placed of cases) {
        it(placed.fare.name, () => {
          if (!read.ok) throw new Error('the tariff has errors');
          const attempt = tryCase(placed, read.timeline, '04:00');
          if (!attempt.ok) throw new Error(JSON.stringify(attempt.problems));
          touched.push(touchedBy(attempt.tried));
          const told = caseLines(attempt.tried, read.timeline, 'en').join('\n');
          expect(attempt.tried.asExpected, told).toBe(true);
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

function touchedBy({ rides }: TriedCase): Touched[] {
  return rides.map(({ expected, line }) => ({ atMs: expected.tap.fareAtMs, ids: idsOf(line) }));
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
