/** Each clause of the standard in docs/FARES-V2.md names a test that is there. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const here = (path: string) => new URL(`../../${path}`, import.meta.url);

it('every clause of Fares v2 is proven by a test that exists', () => {
  const rows = readFileSync(here('docs/FARES-V2.md'), 'utf8').match(/^\| [a-z_, ]+ \| .* \| `.*$/gm) ?? [];
  expect(rows.length).toBeGreaterThan(40);
  const files = new Map<string, string>();
  const lacking = rows.filter((row) => {
    const [, file, title] = /\| `([a-z-]+\.test\.ts)` › (.+) \|$/.exec(row) ?? [];
    if (file === undefined || title === undefined) return true;
    const text = files.get(file) ?? readFileSync(here(`tests/fare-engine/pricing/${file}`), 'utf8');
    files.set(file, text);
    return !text.includes(`'${title}'`);
  });
  expect(lacking).toEqual([]);
});
