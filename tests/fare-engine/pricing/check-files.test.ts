/** What lies in a package and has no effect is named: files with a wrong name, emergency rules beside its dates. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { YAML_FILES } from '#pricing/check-files.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { PACKAGE } from '../../support/tariff.ts';

function told(more: Readonly<Record<string, string>>): string[] {
  const read = readTariffPackage(filesOf({ ...PACKAGE, ...more }));
  expect(read.ok).toBe(true);
  return read.problems
    .filter(({ code }) => code === 'TARIFF_VALUE_IGNORED')
    .map((p) => `${p.file} ${p.severity}: ${p.message} → ${p.howToMend}`);
}

it.each([
  ['cap.yaml', 'Write caps.yaml, if it is what is meant.'],
  ['caps.yml', 'Write caps.yaml, if it is what is meant.'],
  ['Emergency.yaml', 'Write emergency.yaml, if it is what is meant.'],
  ['timeframe.txt', 'Write timeframes.txt, if it is what is meant.'],
  ['notes.yaml', 'Correct its name, or move it out of the package.'],
])('%s is not read, and that is said', (name, howToMend) => {
  expect(told({ [name]: 'x: 1\n' })).toEqual([`${name} warning: the file is not read → ${howToMend}`]);
});

it('what a package may hold beside its tariff is no matter', () => {
  expect(
    told({ 'README.md': 'x', 'agency.txt': 'agency_timezone\nEurope/Kyiv\n', 'decision.pdf': 'x' }),
  ).toEqual([]);
});

it('every YAML file of the cities is known', () => {
  const cities = fileURLToPath(new URL('../../../cities', import.meta.url));
  const found = readdirSync(cities, { recursive: true, encoding: 'utf8' }).flatMap(
    (path) => /\/tariff\/[^/]+\/([^/]+\.yaml)$/.exec(path)?.[1] ?? [],
  );
  expect(new Set(found)).toContain('caps.yaml');
  expect(found.filter((name) => !YAML_FILES.includes(name))).toEqual([]);
});

it.each([
  ['2025-01-01', '2025-12-31', 1],
  ['2025-12-01', '2026-01-01', 1],
  ['2025-12-01', '2026-01-02', 0],
  ['2026-02-01', '2026-03-01', 0],
])('an emergency rule from %s to %s in a package from 2026-01-01', (from, to, warnings) => {
  const row = `rule_id: e, names: { uk: а, en: a, de: a, pl: a }, act: order-1, article: "1", suspends: transfers`;
  const found = told({
    'emergency.yaml': `emergency:\n  - { ${row}, valid_from: ${from}, valid_to: ${to} }\n`,
  });
  expect(found).toEqual(
    Array(warnings).fill(
      'emergency.yaml warning: e holds on no day of the package → Correct its dates, or remove it.',
    ),
  );
});
