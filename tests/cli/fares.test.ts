/** The commands that need no city: quote, price, tariff check. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openTariffExtract } from '#contracts/tariff-extract.ts';
import { formatBundleHeader, formatBundleLine } from '#pricing/fact-bundle.ts';
import { QUOTE_LINE_BYTES_MAX } from '#pricing/quote-request.ts';
import { UsageError } from '../../cli/command.ts';
import * as price from '../../cli/commands/price.ts';
import * as quote from '../../cli/commands/quote.ts';
import * as tariff from '../../cli/commands/tariff.ts';
import { runCommand } from '../support/command-io.ts';
import { BASE_FEED, filesOf, leg } from '../support/fare-feed.ts';
import { sharedData } from '../support/shared-data.ts';
import { entitlement, PACKAGE, tap } from '../support/tariff.ts';
import { zipArchive } from '../support/zip-archive.ts';

const root = mkdtempSync(join(tmpdir(), 'kvytok-cli-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const city = fileURLToPath(new URL('../../cities/ternopil/', import.meta.url));

function write(name: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(join(root, name), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(root, name, file), text.trimStart());
  return name;
}
const jsonLines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('kvytok quote', () => {
  const dir = write('package', PACKAGE);
  const journey = (change: object = {}) =>
    JSON.stringify({ id: '1', legs: [leg('T1', 'x', 'y', '08:00', '08:10')], ...change });

  it('answers each line and goes on after a bad one', async () => {
    const input = `${journey()}\n\nnonsense\r\n${journey({ id: '2', riderCategoryId: 'pensioner' })}`;
    const { code, stdout, stderr } = await runCommand(quote, ['--tariff', dir], input, root);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(jsonLines(stdout)).toMatchObject([
      { id: '1', currency: 'UAH', totals: { social_card: '1200', wallet_card: '1400', bank_card: null } },
      { id: null, error: { code: 'QUOTE_NOT_JSON' } },
      { id: '2', totals: { social_card: '0', wallet_card: null, bank_card: null } },
    ]);
  });

  it('takes lines cut into any chunks, and refuses one that is too long without losing the next', async () => {
    const text = Buffer.from(
      `${journey()}\n${'x'.repeat(QUOTE_LINE_BYTES_MAX + 1)}\n${journey({ id: 'після' })}\n`,
    );
    const chunks = Array.from({ length: Math.ceil(text.length / 777) }, (_, i) =>
      text.subarray(i * 777, (i + 1) * 777),
    );
    const { stdout } = await runCommand(quote, ['--tariff', dir], chunks, root);
    expect(jsonLines(stdout)).toMatchObject([
      { id: '1' },
      { id: null, error: { code: 'QUOTE_LINE_TOO_LONG' } },
      { id: 'після', currency: 'UAH' },
    ]);
  });

  it('takes a byte order mark before the first line, and refuses a line that is not UTF-8 for itself', async () => {
    const latin = Buffer.from(`${journey({ id: 'é' })}\n`, 'latin1');
    const chunks = [Buffer.from(`\ufeff${journey()}\n`), latin, Buffer.from(journey({ id: 'é' }))];
    const { code, stdout } = await runCommand(quote, ['--tariff', dir], chunks, root);
    expect(code).toBe(0);
    expect(jsonLines(stdout)).toMatchObject([
      { id: '1', totals: { social_card: '1200' } },
      { id: null, error: { code: 'QUOTE_NOT_JSON', message: 'not UTF-8' } },
      { id: 'é', totals: { social_card: '1200' } },
    ]);
  });

  it('prices the city with its own stops', async () => {
    const legs = [leg('T5', 'a', 'b', '2025-10-14T08:00', '2025-10-14T08:20')];
    const args = ['--tariff', join(city, 'tariff/2024-08-01'), '--gtfs', join(city, 'gtfs')];
    const { stdout } = await runCommand(quote, args, JSON.stringify({ id: 1, legs }));
    expect(jsonLines(stdout)).toMatchObject([{ error: { code: 'QUOTE_UNKNOWN_STOP' } }]);
  });

  it('prices nothing by a feed with errors and says where they are', async () => {
    const broken = write('broken', {
      ...PACKAGE,
      'fare_products.txt': 'fare_product_id,amount,currency\np,x,UAH\n',
    });
    const { code, stdout, stderr } = await runCommand(quote, ['--tariff', broken], journey(), root);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('fare_products.txt:2:3: error: "x" is no amount');
  });

  it('prices by an archive, relative to where it is called, and refuses a damaged one with its code', async () => {
    const bytes = zipArchive(
      Object.entries(PACKAGE).map(([name, text]) => ({ name: `feed/${name}`, content: text.trimStart() })),
    );
    writeFileSync(join(root, 'feed.zip'), bytes);
    writeFileSync(join(root, 'half.zip'), bytes.subarray(0, 500));
    const whole = await runCommand(quote, ['--tariff', 'feed.zip'], journey(), root);
    expect(whole.code).toBe(0);
    expect(jsonLines(whole.stdout)).toMatchObject([{ id: '1', totals: { social_card: '1200' } }]);
    const half = await runCommand(quote, ['--tariff', 'half.zip'], journey(), root);
    expect([half.code, half.stdout]).toEqual([1, '']);
    expect(half.stderr).toContain('ZIP_NOT_A_ZIP');
  });

  it('knows no fare where a feed has no fare files', async () => {
    const dir = write('plain', { 'agency.txt': 'agency_name,agency_timezone\nA,Europe/Kyiv\n' });
    const { code, stdout, stderr } = await runCommand(quote, ['--tariff', dir], journey(), root);
    expect(code).toBe(0);
    expect(jsonLines(stdout)).toMatchObject([
      { id: '1', currency: null, totals: { '': null }, explanation: [{ step: 'no-leg-rule' }] },
    ]);
    expect(stderr).toContain('fare_leg_rules.txt:1:1: warning: the file is missing');
  });

  it('wants to be told the tariff', async () => {
    await expect(runCommand(quote, [])).rejects.toThrow(UsageError);
    expect(quote.usage).toContain('--tariff DIR');
  });

  const zakroczym = sharedData('gtfs-zakroczym');
  it.skipIf(!zakroczym.found)('prices a real town (gtfs-zakroczym)', async () => {
    const legs = [leg('Z1', '100', '101', '08:00', '08:01')];
    const { code, stdout, stderr } = await runCommand(
      quote,
      ['--tariff', zakroczym.path],
      JSON.stringify({ id: 1, legs }),
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(jsonLines(stdout)).toMatchObject([{ id: 1, currency: 'PLN', totals: { '0': '0', '1': null } }]);
  });
});

describe('kvytok tariff check', () => {
  it('says that a package is whole, with its hash', async () => {
    const { code, stdout } = await runCommand(tariff, ['check', write('good', PACKAGE)], '', root);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^test-1 [0-9a-f]{64} in-force: no problems\n$/);
  });

  it('does not call a package with warnings one without problems', async () => {
    const files = { ...PACKAGE, 'notes.yaml': 'x: 1\n' };
    const { code, stdout } = await runCommand(tariff, ['check', write('warned', files)], '', root);
    expect(code).toBe(0);
    expect(stdout).toMatch(/in-force: no errors, see the warnings\n$/);
  });

  it('names file, line, column and how to mend it, and fails', async () => {
    const files = { ...PACKAGE, 'funding.yaml': 'funding:\n  - { funding_id: x }\n' };
    const { code, stdout } = await runCommand(tariff, ['check', write('bad', files)], '', root);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^funding\.yaml:2:\d+: error: .+ → .+\n/);
    const json = await runCommand(tariff, ['check', 'bad', '--json'], '', root);
    expect(jsonLines(json.stdout)[0]).toMatchObject({ file: 'funding.yaml', line: 2, severity: 'error' });
  });

  it('checks all packages of the city', async () => {
    const { code, stdout } = await runCommand(tariff, ['check', join(city, 'tariff')]);
    expect(stdout.trim().split('\n')).toHaveLength(3);
    expect(code).toBe(0);
  });

  it('takes feeds of strangers, folders and archives, and says where they have no fares', async () => {
    const check = async (path: string) => {
      const { code, stdout } = await runCommand(tariff, ['check', path], '', root);
      return `${code} ${stdout.trim()}`;
    };
    const feed = { ...BASE_FEED, 'fare_products.txt': 'fare_product_id,amount,currency\nride,8.00,UAH\n' };
    const priced = { ...feed, 'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,ride\n' };
    const zip = (name: string, files: Readonly<Record<string, string>>, folder = '') => {
      const entries = Object.entries(files).map(([file, text]) => ({
        name: `${folder}${file}`,
        content: text.trimStart(),
      }));
      writeFileSync(join(root, name), zipArchive(entries));
      return name;
    };
    const good = '0 GTFS feed with Fares v2, no errors';
    expect(await check(write('stranger', priced))).toBe(good);
    expect(await check(zip('top.zip', priced))).toBe(good);
    expect(await check(zip('inside.zip', priced, 'gtfs/'))).toBe(good);
    expect(await check(write('no-fares', feed))).toMatch(
      /^0 fare_leg_rules\.txt:1:1: warning: .*\nGTFS feed without Fares v2: no ride has a price$/,
    );
    expect(await check(zip('semi.zip', { ...priced, 'routes.txt': 'route_id;network_id\n1;bus\n' }))).toMatch(
      /^1 routes\.txt:1:9: error: values are separated by ;/m,
    );
    writeFileSync(join(root, 'no.zip'), 'PK, and nothing more');
    expect(await check('no.zip')).toMatch(/^1 .*no\.zip:1:1: error: .*\[TARIFF_ARCHIVE_UNREADABLE\]$/);
  });

  it('wants a folder', async () => {
    await expect(runCommand(tariff, ['check'])).rejects.toThrow(UsageError);
    await expect(runCommand(tariff, ['mend', 'x'])).rejects.toThrow(UsageError);
    expect((await runCommand(tariff, ['check', 'nowhere'], '', root)).code).toBe(1);
  });
});

describe('kvytok price', () => {
  const T0 = Date.parse('2026-03-02T08:00:00+02:00');
  const bundle = [
    formatBundleHeader('Europe/Kyiv', '04:00', [filesOf(PACKAGE)]),
    formatBundleLine({ kind: 'tap', accountId: 'a', ...tap(T0, { tapId: 't1' }) }),
    formatBundleLine({ kind: 'entitlement', accountId: 'a', ...entitlement('pensioner') }),
    formatBundleLine({ kind: 'tap', accountId: 'b', ...tap(T0, { tapId: 't2' }) }),
  ].join('\n');

  it('recomputes each tap and the sums, the same every time, from a file or from standard input', async () => {
    writeFileSync(join(root, 'facts.jsonl'), bundle);
    const one = await runCommand(price, ['--facts', 'facts.jsonl'], '', root);
    const two = await runCommand(price, ['--facts', '-'], bundle, root);
    expect(one.stderr).toContain('pricing 100 %');
    expect(one.code).toBe(0);
    expect(two.stdout).toBe(one.stdout);
    expect(jsonLines(one.stdout)).toMatchObject([
      {
        kind: 'line',
        accountId: 'a',
        tapId: 't1',
        lineKind: 'ride',
        riderMinor: '0',
        concessionMinor: '1200',
      },
      { kind: 'line', accountId: 'b', tapId: 't2', riderMinor: '1200' },
      { kind: 'total', currency: 'UAH', taps: 2, claimRides: 1, grossMinor: '2400', riderMinor: '1200' },
    ]);
  });

  it('prices nothing by a bundle that is not whole, and names the line', async () => {
    const { code, stdout, stderr } = await runCommand(price, ['--facts', '-'], `${bundle}\n{"kind":"tap"}\n`);
    expect([code, stdout]).toEqual([65, '']);
    expect(stderr).toContain('line 5: ');
    expect((await runCommand(price, ['--facts', 'nowhere'], '', root)).code).toBe(65);
    await expect(runCommand(price, [])).rejects.toThrow(UsageError);
  });
});

describe('kvytok tariff companions', () => {
  it('prints how many companions may be paid for', async () => {
    const { code, stdout } = await runCommand(tariff, ['companions', join(city, 'tariff')]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ max: 0 }, { max: 0 }, { max: 0 }]);
  });
});

describe('kvytok tariff extract', () => {
  it('prints a signed extract that a validator believes, and asks for what it needs', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(join(root, 'lists-key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), {
      mode: 0o600,
    });
    const args = ['extract', join(city, 'tariff'), '--key', 'lists-key.pem', '--key-id', 'lists-1'];
    const { code, stdout } = await runCommand(tariff, [...args, '--day-start', '04:00'], '', root);
    expect(code).toBe(0);
    const opened = openTariffExtract(Buffer.from(stdout), new Map([['lists-1', publicKey]]));
    expect(opened).toMatchObject({ ok: true, value: { zone: 'Europe/Kyiv', dayStart: '04:00' } });
    expect(opened.ok && opened.value.packages).toHaveLength(3);
    await expect(runCommand(tariff, [...args, '--day-start', '24:00'], '', root)).rejects.toThrow(
      '--day-start',
    );
  });
});

describe('kvytok tariff inspection', () => {
  it('prints what inspectors of the city may ask, or what is wrong with its tariffs', async () => {
    const { code, stdout } = await runCommand(tariff, ['inspection', join(city, 'tariff')]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ rideWindowS: 5400, penalty: { penaltyMinor: '24000' } }]);
    write('broken-city/2020', { ...PACKAGE, 'funding.yaml': 'x' });
    const broken = await runCommand(tariff, ['inspection', 'broken-city'], '', root);
    expect([broken.code, broken.stdout]).toEqual([1, '']);
    expect(broken.stderr).toContain('2020/funding.yaml:1');
  });
});
