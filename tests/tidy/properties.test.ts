/** The table of properties and the titles of tests say the same, and a property that is named there is tried often enough. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT, textFiles } from './project-files.ts';

const GROUPS = Array.from({ length: 14 }, (_, i) => i + 1);

/** `group file` of each row of the table. */
function tableOf(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [, group, files = ''] = /^\| (\d+) \| .* \| ([^|]*) \|$/.exec(line) ?? [];
    return [...files.matchAll(/`([^`]+)`/g)].map(([, file]) => `${group} ${file}`);
  });
}

/** `group file` of each title. */
function titlesOf(path: string, text: string): string[] {
  return [...text.matchAll(/\[group (\d+)\]/g)].map(([, group]) => `${group} ${path}`);
}

/** Numbers of runs that a file sets by itself, below a thousand. */
function rareIn(text: string): string[] {
  return [...text.matchAll(/numRuns: (\d[\d_]*)/g)]
    .map(([, runs = '']) => runs)
    .filter((runs) => Number(runs.replaceAll('_', '')) < 1000);
}

const tests = textFiles()
  .filter(
    ({ path }) => path.startsWith('tests/') && path.endsWith('.test.ts') && !path.startsWith('tests/tidy/'),
  )
  .map(({ path, text }) => ({ path: path.slice('tests/'.length), text }))
  .filter(({ text }) => text.includes('[group '));

describe('properties', () => {
  test('each group is named by a test, and the table by all of them', () => {
    const table = tableOf(readFileSync(join(ROOT, 'docs/PROPERTIES.md'), 'utf8'));
    const titles = new Set(tests.flatMap(({ path, text }) => titlesOf(path, text)));
    expect(table.toSorted()).toEqual([...titles].toSorted());
    const named = new Set(table.map((row) => Number(row.split(' ')[0])));
    expect([...named].toSorted((a, b) => a - b)).toEqual(GROUPS);
  });

  test('their number of cases is that of tests/support/properties.ts', () => {
    for (const { path, text } of tests) {
      expect([path, text.includes('support/properties.ts')]).toEqual([path, true]);
      expect([path, rareIn(text)]).toEqual([path, []]);
    }
  });

  test('the checks see what they look for', () => {
    expect(tableOf('| 4 | what | `a.test.ts`, `b.test.ts` |')).toEqual(['4 a.test.ts', '4 b.test.ts']);
    expect(titlesOf('a.test.ts', "it('holds [group 4] [group 12]')")).toEqual([
      '4 a.test.ts',
      '12 a.test.ts',
    ]);
    expect(rareIn('{ numRuns: 999 } { numRuns: 1_000 }')).toEqual(['999']);
  });
});
