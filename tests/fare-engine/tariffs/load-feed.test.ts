/** Feeds from folders and archives, strangers' and hostile ones. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createFarePricer } from '#pricing/fares-v2/fare-pricer.ts';
import { FEED_LIMITS, loadFeed } from '../../../fare-engine/tariffs/load-feed.ts';
import {
  readZip,
  ZIP_ENTRIES_MAX,
  ZIP_REFUSALS,
  type ZipRefusalCode,
} from '../../../fare-engine/tariffs/read-zip.ts';
import { BASE_FEED, leg, totals } from '../../support/fare-feed.ts';
import { type ZipEntry, zipArchive } from '../../support/zip-archive.ts';

const root = mkdtempSync(join(tmpdir(), 'kvytok-feed-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const city = fileURLToPath(new URL('../../../cities/ternopil/', import.meta.url));

const FEED: Readonly<Record<string, string>> = {
  ...BASE_FEED,
  'fare_products.txt': 'fare_product_id,amount,currency\nride,8.00,UAH\n',
  'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,ride\n',
};
const entries = (folder = ''): ZipEntry[] =>
  Object.entries(FEED).map(([name, text]) => ({ name: folder + name, content: text.trimStart() }));
let made = 0;
function archive(list: readonly ZipEntry[], options = {}): string {
  const path = join(root, `feed-${made++}.zip`);
  writeFileSync(path, zipArchive(list, options));
  return path;
}
function folder(files: Readonly<Record<string, string>>): string {
  const path = join(root, `feed-${made++}`);
  mkdirSync(path);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text.trimStart());
  return path;
}
async function priceOf(path: string, gtfs?: string) {
  const loaded = await loadFeed(path, gtfs);
  if (!loaded.ok) return loaded.problems.map((p) => p.message);
  return totals(createFarePricer(loaded.feed), [leg('bus1', 'a', 'b', '08:00', '08:20')]);
}
const PRICED = { '': '800' };

describe('a feed in a folder', () => {
  it('is read; other files and folders in it are not', async () => {
    const path = folder({ ...FEED, 'stop_times.txt': 'not "a table', 'README.md': 'x' });
    mkdirSync(join(path, 'old'));
    mkdirSync(join(path, 'timeframes.txt'));
    expect(await priceOf(path)).toEqual(PRICED);
  });

  it('takes what a package lacks from a second one, and has the concession rows of the law', async () => {
    const read = await loadFeed(join(city, 'tariff/2024-08-01'), join(city, 'gtfs'));
    expect(read.ok).toBe(true);
    if (!read.ok) return;
    expect(read.feed.stops?.size).toBeGreaterThanOrEqual(60);
    expect(read.feed.networkOfRoute?.get('T5')).toBe('municipal');
    const pensioner = [...read.feed.products.values()].flat().filter((r) => r.categoryId === 'pensioner');
    expect(pensioner.map((r) => [r.mediaId, r.amountMinor])).toEqual([
      ['social_card', 0n],
      ['social_card', 0n],
    ]);
  });

  it('takes no fares of a second one beside its own', async () => {
    const other = folder({
      ...BASE_FEED,
      'tariff.yaml': 'a: 1\n',
      'fare_media.txt': 'fare_media_id,fare_media_type\npaper,1\n',
      'rider_categories.txt': 'rider_category_id,is_default_fare_category\nadult,1\n',
      'fare_products.txt': 'fare_product_id,amount,currency\nride,9.00,UAH\n',
      'fare_leg_rules.txt': 'fare_product_id\nride\n',
    });
    const own = folder({ 'fare_products.txt': FEED['fare_products.txt'] as string });
    expect(await priceOf(folder(FEED), other)).toEqual({ '': '800' });
    // Leg rules that it lacks do come, with all else.
    rmSync(join(other, 'tariff.yaml'));
    expect(await priceOf(own, other)).toEqual({ paper: '800' });
  });

  it('may be made of links', async () => {
    const path = folder({});
    const real = folder(FEED);
    for (const name of Object.keys(FEED)) symlinkSync(join(real, name), join(path, name));
    symlinkSync('nowhere', join(path, 'areas.txt'));
    expect(await priceOf(path)).toEqual(PRICED);
  });

  it('that is absent, empty or too large is told', async () => {
    expect(await priceOf(join(root, 'nowhere'))).toEqual(['the folder or archive cannot be read']);
    expect(await priceOf(folder({ 'x.txt': '' }))).toEqual(['the folder has no file of GTFS that is read']);
    expect(await priceOf(folder(FEED), join(root, 'nowhere'))).toEqual([
      'the folder or archive cannot be read',
    ]);
    // A file with a hole: large, and nothing on the disk.
    const path = folder(FEED);
    const { truncateSync } = await import('node:fs');
    truncateSync(join(path, 'stops.txt'), FEED_LIMITS.fileBytesMax + 1);
    expect(await priceOf(path)).toEqual([`the file is too large: ${FEED_LIMITS.fileBytesMax + 1} bytes`]);
  });
});

describe('a feed in an archive', () => {
  it.each<[string, ZipEntry[], object]>([
    ['at its top', entries(), {}],
    ['in one folder', [{ name: 'gtfs/', content: '', method: 0 }, ...entries('gtfs/')], {}],
    ['in a folder of a folder', entries('a/b/'), {}],
    [
      'at its top, with older ones below',
      [...entries('2019/'), ...entries(), ...entries('2020/')].map((e) =>
        e.name.startsWith('20') ? { ...e, content: 'x' } : e,
      ),
      {},
    ],
    [
      'among what systems add',
      [{ name: '__MACOSX/._stops.txt', content: 'x' }, { name: '.DS_Store', content: 'x' }, ...entries('g/')],
      {},
    ],
    ['stored', entries().map((e) => ({ ...e, method: 0 })), {}],
    ['with zip64 fields', entries().map((e) => ({ ...e, zip64: true })), { zip64End: true }],
    ['with backslashes', entries('feed\\'), {}],
    [
      'beside files that are encrypted, packed strangely, huge or damaged, and not needed',
      [
        { name: 'stop_times.txt', content: 'x', size: 2 ** 31 },
        { name: 'shapes.txt', content: 'x', flags: 1 },
        { name: 'trips.txt', content: 'x', method: 14 },
        { name: 'pathways.txt', content: 'x', crc: 1 },
        ...entries(),
      ],
      {},
    ],
  ])('%s', async (_name, list, options) => {
    expect(await priceOf(archive(list, options))).toEqual(PRICED);
  });

  it('as tariff and as gtfs', async () => {
    const { 'stops.txt': stops, ...rest } = FEED;
    expect(await priceOf(folder(rest), archive([{ name: 'stops.txt', content: stops as string }]))).toEqual(
      PRICED,
    );
  });
});

describe('an archive that is refused', () => {
  const with1 = (entry: ZipEntry) => zipArchive([...entries(), entry]);
  const first = (change: Partial<ZipEntry>) => {
    const [one, ...rest] = entries();
    return zipArchive([{ ...(one as ZipEntry), ...change }, ...rest]);
  };
  const whole = zipArchive(entries());
  const cases: [string, ZipRefusalCode, () => Buffer][] = [
    ['text', 'ZIP_NOT_A_ZIP', () => Buffer.from('stop_id,stop_name\n')],
    ['nothing', 'ZIP_NOT_A_ZIP', () => Buffer.alloc(0)],
    ['the first half of one', 'ZIP_NOT_A_ZIP', () => whole.subarray(0, whole.length / 2)],
    ['another checksum', 'ZIP_DAMAGED', () => first({ crc: 1 })],
    ['less than it claims', 'ZIP_DAMAGED', () => first({ size: 5000 })],
    ['more than it claims (a bomb)', 'ZIP_DAMAGED', () => first({ content: 'x'.repeat(100_000), size: 10 })],
    ['changed bytes', 'ZIP_DAMAGED', () => Buffer.from(whole).fill(0xff, 40, 60)],
    ['an encrypted file', 'ZIP_ENCRYPTED', () => first({ flags: 1 })],
    ['strong encryption', 'ZIP_ENCRYPTED', () => first({ flags: 0x41 })],
    ['a path upwards', 'ZIP_UNSAFE_NAME', () => with1({ name: '../stops.txt', content: 'x' })],
    ['a path upwards in the middle', 'ZIP_UNSAFE_NAME', () => with1({ name: 'a/../../b', content: 'x' })],
    ['a path upwards with backslashes', 'ZIP_UNSAFE_NAME', () => with1({ name: '..\\b', content: 'x' })],
    ['an absolute path', 'ZIP_UNSAFE_NAME', () => with1({ name: '/etc/passwd', content: 'x' })],
    ['a drive', 'ZIP_UNSAFE_NAME', () => with1({ name: 'C:/x', content: 'x' })],
    ['a zero byte in a name', 'ZIP_UNSAFE_NAME', () => with1({ name: 'stops.txt\u0000.png', content: 'x' })],
    ['a method that is not read', 'ZIP_UNSUPPORTED', () => first({ method: 14 })],
    ['a symbolic link', 'ZIP_UNSUPPORTED', () => first({ externalAttributes: 0o120777 * 65536 })],
    ['a file too large', 'ZIP_TOO_LARGE', () => first({ size: FEED_LIMITS.fileBytesMax + 1 })],
    [
      'files too large together',
      'ZIP_TOO_LARGE',
      () => zipArchive(entries().map((e) => ({ ...e, size: FEED_LIMITS.fileBytesMax }))),
    ],
    ['a zip64 size beyond all measure', 'ZIP_TOO_LARGE', () => first({ zip64: true, size: 2 ** 50 })],
    [
      'too many entries',
      'ZIP_TOO_MANY_FILES',
      () =>
        zipArchive(
          Array.from({ length: ZIP_ENTRIES_MAX + 1 }, (_, i) => ({ name: `f${i}`, content: '', method: 0 })),
        ),
    ],
    ['one name twice', 'ZIP_TWICE', () => zipArchive([...entries(), ...entries()])],
    ['nothing of use', 'ZIP_NOTHING_FOUND', () => zipArchive([{ name: 'inner.zip', content: whole }])],
    ['two feeds', 'ZIP_SEVERAL_FOLDERS', () => zipArchive([...entries('a/'), ...entries('b/')])],
  ];

  it.each(cases)('%s', async (_name, code, bytes) => {
    const path = join(root, `bad-${made++}.zip`);
    writeFileSync(path, bytes());
    const loaded = await loadFeed(path);
    expect(loaded.ok).toBe(false);
    expect(loaded.problems).toMatchObject([{ file: path, severity: 'error' }]);
    expect(loaded.problems[0]?.message).toContain(`${code}: ${ZIP_REFUSALS[code]}`);
  });

  it('every reason is among these', () => {
    expect(new Set(cases.map(([, code]) => code))).toEqual(new Set(Object.keys(ZIP_REFUSALS)));
  });

  it('cut or changed at any byte: read or refused, never a crash', async () => {
    const path = join(root, 'fuzzed.zip');
    const wanted = (name: string) => name in FEED;
    for (let at = 0; at < whole.length; at += 13) {
      writeFileSync(path, whole.subarray(0, at));
      expect((await readZip(path, wanted, FEED_LIMITS)).ok).toBe(false);
      const changed = Buffer.from(whole);
      changed[at] = ((changed[at] as number) + 1 + (at % 255)) % 256;
      writeFileSync(path, changed);
      const read = await readZip(path, wanted, FEED_LIMITS);
      if (!read.ok) expect(Object.keys(ZIP_REFUSALS)).toContain(read.why.code);
    }
  });
});
