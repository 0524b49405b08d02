/** kvytok tariff diff and simulate, from the command line. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { formatBundleHeader, formatBundleLine } from '#pricing/fact-bundle.ts';
import { UsageError } from '../../cli/command.ts';
import * as tariff from '../../cli/commands/tariff.ts';
import { runCommand } from '../support/command-io.ts';
import { filesOf } from '../support/fare-feed.ts';
import { PACKAGE, tap } from '../support/tariff.ts';

const root = mkdtempSync(join(tmpdir(), 'kvytok-life-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function write(name: string, change: Readonly<Record<string, string>> = {}): string {
  mkdirSync(join(root, name));
  for (const [file, text] of Object.entries({ ...PACKAGE, ...change }))
    writeFileSync(join(root, name, file), text.trimStart());
  return name;
}

describe('kvytok tariff diff', () => {
  const old = write('old');
  const next = write('next', {
    'fare_transfer_rules.txt': (PACKAGE['fare_transfer_rules.txt'] as string).replace('1800', '2700'),
  });

  it('says it in words, in Ukrainian without being asked, or as JSON', async () => {
    const words = await runCommand(tariff, ['diff', old, next], '', root);
    expect(words).toMatchObject({
      code: 0,
      stdout: 'Правило пересадки city → city: час на пересадку: 1800 s → 2700 s (Order 1 uk, п. 9)\n',
    });
    const json = await runCommand(tariff, ['diff', old, next, '--json'], '', root);
    expect(JSON.parse(json.stdout)).toMatchObject({ field: 'duration_limit_s', before: 1800, after: 2700 });
    const same = await runCommand(tariff, ['diff', old, old, '--lang', 'en'], '', root);
    expect(same.stdout).toBe('Tariff: nothing changes for a rider\n');
  });

  it('names what keeps a package from being read, and refuses other calls', async () => {
    const broken = write('broken', { 'funding.yaml': 'funding: 3\n' });
    const { code, stderr, stdout } = await runCommand(tariff, ['diff', old, broken], '', root);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^broken\/funding\.yaml:1:1: error: .*\[TARIFF_SCHEMA\]$/m);
    for (const args of [
      ['diff', old],
      ['diff', old, next, 'more'],
      ['diff', old, next, '--lang', 'fr'],
    ])
      await expect(runCommand(tariff, args, '', root)).rejects.toThrow(UsageError);
  });
});

describe('kvytok tariff check', () => {
  it('takes the folder of a city, and says of any other that there is no tariff in it', async () => {
    mkdirSync(join(root, 'city', 'tariff'), { recursive: true });
    mkdirSync(join(root, 'city', 'devices'));
    write('city/tariff/first');
    const city = await runCommand(tariff, ['check', 'city'], '', root);
    expect([city.code, city.stdout]).toEqual([0, expect.stringMatching(/^test-1 [0-9a-f]{64} in-force: /)]);
    mkdirSync(join(root, 'other', 'devices'), { recursive: true });
    const other = await runCommand(tariff, ['check', 'other'], '', root);
    expect([other.code, other.stdout.match(/\[\w+\]/g)]).toEqual([1, ['[TARIFF_NO_PACKAGES]']]);
  });

  it('takes what is called tariff in a folder of packages for one of them, or for no folder of a city', async () => {
    mkdirSync(join(root, 'packages'));
    write('packages/tariff');
    mkdirSync(join(root, 'noted'));
    write('noted/first');
    writeFileSync(join(root, 'noted', 'tariff'), 'a note');
    for (const dir of ['packages', 'noted']) {
      const { code, stdout } = await runCommand(tariff, ['check', dir], '', root);
      expect([code, stdout], dir).toEqual([0, expect.stringMatching(/^test-1 [0-9a-f]{64} in-force: /)]);
    }
  });
});

describe('kvytok tariff simulate', () => {
  const draft = write('draft', {
    'fare_products.txt': (PACKAGE['fare_products.txt'] as string).replace('12.00', '13.00'),
  });
  const bundle = (name: string, riders: number): string => {
    const lines = Array.from({ length: riders }, (_, i) =>
      formatBundleLine({ kind: 'tap', accountId: `a${i}`, ...tap('2026-01-10T08:00+02:00') }),
    );
    const header = formatBundleHeader('Europe/Kyiv', '04:00', [filesOf(PACKAGE)]);
    writeFileSync(join(root, name), `${[header, ...lines].join('\n')}\n`);
    return name;
  };
  const run = (args: string[]) => runCommand(tariff, ['simulate', '--draft', draft, ...args], '', root);

  it('prints tables, writes a page beside the bundle, tells how far it is', async () => {
    const facts = bundle('taps.ndjson', 250);
    const { code, stdout, stderr } = await run(['--facts', facts, '--lang', 'en']);
    expect(code).toBe(0);
    expect(stdout).toContain('In all: 250 riders, 250 rides; now ₴3,000.00, draft ₴3,250.00');
    expect(stderr.match(/ % of 250 accounts/g)).toHaveLength(10);
    expect(readFileSync(join(root, 'taps.ndjson.simulation.html'), 'utf8')).toMatch(
      /^<!doctype html>[\s\S]*<svg /,
    );
    const json = await run(['--facts', facts, '--json', '--picture', 'other.svg', '--report', 'other.html']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      total: { afterMinor: '325000', spread: { medianMinor: '100' } },
      riders: { more: 250 },
    });
    expect(readFileSync(join(root, 'other.svg'), 'utf8')).toMatch(/^<svg /);
    expect(existsSync(join(root, 'other.html'))).toBe(true);
  });

  it('days without a tap are no answer: what was written before stays', async () => {
    const facts = bundle('asked.ndjson', 20);
    await run(['--facts', facts]);
    const page = readFileSync(join(root, 'asked.ndjson.simulation.html'), 'utf8');
    const other = await run(['--facts', facts, '--from', '2027-01-10', '--until', '2027-01-11']);
    expect(other).toMatchObject({ code: 65, stdout: '' });
    expect(other.stderr).toMatch(/no tap lies on these days.*\nNothing was simulated/);
    expect(readFileSync(join(root, 'asked.ndjson.simulation.html'), 'utf8')).toBe(page);
    for (const until of ['2026-01-10', '2026-01-09'])
      await expect(run(['--facts', facts, '--from', '2026-01-10', '--until', until])).rejects.toThrow(
        '--until is the first day',
      );
  });

  it('shows nine riders to the department and nothing of them to others, and refuses what is not whole', async () => {
    const few = await run(['--facts', bundle('few.ndjson', 9), '--lang', 'en', '--public']);
    expect(few.stdout).toBe('Fewer than 10 riders: nothing is shown.\n');
    expect(existsSync(join(root, 'few.ndjson.simulation.html'))).toBe(false);
    expect((await run(['--facts', 'few.ndjson', '--lang', 'en'])).stdout).toContain('In all: 9 riders');
    writeFileSync(join(root, 'torn.ndjson'), '{"kind":"kvytok-facts"');
    expect(await run(['--facts', 'torn.ndjson'])).toMatchObject({ code: 65, stdout: '' });
    expect((await run(['--facts', 'absent.ndjson'])).stderr).toMatch(
      /cannot be read.*\nNothing was simulated/,
    );
    for (const args of [
      [],
      ['--facts', 'few.ndjson', '--from', '2026-02-30'],
      ['more', '--facts', 'few.ndjson'],
    ])
      await expect(run(args)).rejects.toThrow(UsageError);
  });
});
