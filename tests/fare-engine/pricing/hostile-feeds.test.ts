/**
 * Feeds of strangers as they come: each file cut, in another code, with other separators, emptied, doubled, with numbers that no
 * fare has. Never a crash; every problem has a place and says how to mend it; what means the same costs the same.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFarePricer } from '#pricing/fares-v2/fare-pricer.ts';
import { type FileProblem, hasErrors } from '#pricing/file-problem.ts';
import { readFeed } from '#pricing/gtfs/read-feed.ts';
import { quoteJourney } from '#pricing/quote.ts';
import { BASE_FEED, filesOf, leg } from '../../support/fare-feed.ts';
import { sharedData } from '../../support/shared-data.ts';

type Files = Map<string, Uint8Array>;

/** Every file that fares are read from, small. */
const SMALL = filesOf({
  ...BASE_FEED,
  'fare_media.txt': 'fare_media_id,fare_media_name,fare_media_type\ncard,Картка,2\ncash,Готівка,0\n',
  'rider_categories.txt':
    'rider_category_id,rider_category_name,is_default_fare_category\nfull,Повна,1\nhalf,Пільга,0\n',
  'fare_products.txt':
    'fare_product_id,rider_category_id,fare_media_id,amount,currency\nride,full,card,8.00,UAH\nride,half,card,4.00,UAH\nride,full,cash,10.00,UAH\nmore,,,-1.00,UAH\n',
  'fare_leg_rules.txt':
    'leg_group_id,network_id,from_area_id,from_timeframe_group_id,fare_product_id,rule_priority\ng,bus,,,ride,0\ng,bus,x,day,ride,1\n',
  'fare_transfer_rules.txt':
    'from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,fare_product_id\ng,g,-1,1800,1,0,more\n',
  'fare_leg_join_rules.txt': 'from_network_id,to_network_id,from_stop_id,to_stop_id\ntram,tram,,\n',
  'timeframes.txt': 'timeframe_group_id,start_time,end_time,service_id\nday,06:00:00,22:00:00,s\n',
  'calendar.txt':
    'service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\ns,1,1,1,1,1,0,0,20260101,20261231\n',
  'calendar_dates.txt': 'service_id,date,exception_type\ns,20260501,2\n',
  'areas.txt': 'area_id,area_name\nx,Центр\n',
  'stop_areas.txt': 'area_id,stop_id\nx,a\n',
  'translations.txt':
    'table_name,field_name,language,translation,record_id\nfare_media,fare_media_name,en,Card,card\n',
});
const LEGS = [leg('bus1', 'a', 'b', '08:00', '08:10'), leg('bus2', 'b', 'c', '08:15', '08:30')];

/** Reads and, where it can be, prices; whatever comes has a place. */
function outcome(files: Files): { problems: FileProblem[]; answer: string } {
  const { feed, problems } = readFeed(files);
  for (const p of problems) {
    expect([p.file, p.message, p.howToMend, p.code].includes('')).toBe(false);
    expect(p.line >= 1 && p.column >= 1).toBe(true);
  }
  if (hasErrors(problems)) return { problems, answer: 'refused' };
  return { problems, answer: JSON.stringify(quoteJourney(createFarePricer(feed), { id: 'q', legs: LEGS })) };
}

const text = (change: (text: string) => string) => (bytes: Buffer) =>
  Buffer.from(change(bytes.toString('utf8')));
const lines = (change: (lines: string[]) => string[]) => text((t) => change(t.split('\n')).join('\n'));
const HURT: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  'cut after a third': (b) => b.subarray(0, Math.floor(b.length / 3)),
  'cut before its last bytes': (b) => b.subarray(0, b.length - 5),
  'with its last column gone': lines((all) => all.map((line) => line.replace(/,[^,]*$/, ''))),
  'with its first column gone': lines((all) => all.map((line) => line.replace(/^[^,]*,/, ''))),
  'in capitals': lines(([head = '', ...rest]) => [head.toUpperCase(), ...rest]),
  'of its header alone': lines(([head = '']) => [head, '']),
  'of nothing': () => Buffer.alloc(0),
  'of blank lines': () => Buffer.from('\n \r\n\n'),
  'with each row twice': lines(([head = '', ...rest]) => [head, ...rest, ...rest]),
  'with huge numbers': text((t) => t.replaceAll(/\b\d+/g, '9'.repeat(60))),
  'with numbers below zero': text((t) => t.replaceAll(/\b(\d+)/g, '-$1')),
  'with another currency in a row': text((t) => t.replace('UAH', 'EUR')),
  'with a quote too many': (b) =>
    Buffer.concat([b.subarray(0, b.length >> 1), Buffer.from('"'), b.subarray(b.length >> 1)]),
  'of a web page': () => Buffer.from('<!doctype html><title>404, not found</title>\n<p>x, y\n'),
  'of random bytes': (b) => Buffer.from(b.map((byte, i) => (byte * 31 + i * 7) & 0xff)),
};
/** What has to be refused, with these words at this place. */
const REFUSED: Readonly<Record<string, [(bytes: Buffer) => Buffer, RegExp]>> = {
  'in UTF-16': [(b) => Buffer.from(`\ufeff${b.toString('utf8')}`, 'utf16le'), /:1:1 .*not UTF-8.*UTF-16/],
  'in Windows-1251': [
    (b) => Buffer.concat([b, Buffer.from([0xcf, 0xf0, 0xe8, 0x0a])]),
    /:\d+:1 .*not UTF-8.*Windows-1251/,
  ],
  'with semicolons': [text((t) => t.replaceAll(',', ';')), /:1:\d+ .*separated by ;.*by commas/],
  'with tabs': [text((t) => t.replaceAll(',', '\t')), /:1:\d+ .*separated by tabs/],
  'with a zero byte': [
    (b) => Buffer.concat([b.subarray(0, 7), Buffer.from([0]), b.subarray(7)]),
    /:1:8 .*U\+0000/,
  ],
};
/** What means the same. */
const SAME: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  'with a byte order mark': (b) => Buffer.concat([Buffer.from('\ufeff'), b]),
  'with CRLF': text((t) => t.replaceAll('\n', '\r\n')),
  'with CR': text((t) => t.replaceAll('\n', '\r')),
  'with spaces around values': text((t) => t.replaceAll(',', ' , ')),
  'with every value quoted': lines((all) =>
    all.map((line) => (line === '' ? '' : `"${line.split(',').join('","')}"`)),
  ),
  'with blank lines': text((t) => t.replaceAll('\n', '\n\n')),
  'without its last line break': text((t) => t.trimEnd()),
  'with its columns turned around': lines((all) => all.map((line) => line.split(',').reverse().join(','))),
};
const changed = (name: string, change: (bytes: Buffer) => Buffer): Files =>
  new Map(SMALL).set(name, change(Buffer.from(SMALL.get(name) as Uint8Array)));
const NAMES = [...SMALL.keys()];

describe('a feed with one file', () => {
  it('as it is costs what it costs', () => {
    const { problems, answer } = outcome(SMALL);
    expect(problems).toEqual([]);
    expect(JSON.parse(answer).totals).toEqual({ card: '700', cash: '900' });
  });
  it.each(Object.keys(HURT))('%s is priced or refused with a place', (kind) => {
    for (const name of NAMES) outcome(changed(name, HURT[kind] as (b: Buffer) => Buffer));
  });
  it.each(Object.keys(REFUSED))('%s is refused in words', (kind) => {
    const [hurt, words] = REFUSED[kind] as [(b: Buffer) => Buffer, RegExp];
    for (const name of NAMES) {
      const own = outcome(changed(name, hurt)).problems.filter((p) => p.file === name);
      expect(own.map((p) => `:${p.line}:${p.column} ${p.message} ${p.howToMend}`).join('\n'), name).toMatch(
        words,
      );
    }
  });
});

it.each(Object.keys(SAME))('a feed with every file %s costs the same', (kind) => {
  const change = SAME[kind] as (b: Buffer) => Buffer;
  const files = new Map([...SMALL].map(([name, bytes]) => [name, change(Buffer.from(bytes))]));
  expect(outcome(files)).toEqual({ problems: [], answer: outcome(SMALL).answer });
});

describe('transfers in circles', () => {
  it('end, free ones too', () => {
    const rules =
      'from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type\ng,h,,0\nh,g,,0\ng,g,-1,0\nh,h,-1,0\n';
    const files = new Map(SMALL);
    files.set('fare_transfer_rules.txt', Buffer.from(rules));
    files.set(
      'fare_leg_rules.txt',
      Buffer.from('leg_group_id,network_id,fare_product_id\ng,bus,ride\nh,tram,ride\n'),
    );
    const { feed } = readFeed(files);
    const legs = Array.from({ length: 40 }, (_, i) =>
      leg(i % 2 ? 'tram1' : 'bus1', 'a', 'b', '08:00', '08:10'),
    );
    expect(quoteJourney(createFarePricer(feed), { id: 'q', legs })).toMatchObject({
      totals: { card: '800' },
    });
  });
});

/** Cells, rows, columns and bytes of a feed changed at random; `KVYTOK_FEED_FUZZ_RUNS` asks for more than the suite's share. */
const RUNS = Number(process.env['KVYTOK_FEED_FUZZ_RUNS'] ?? 60);
const VALUES = [
  '',
  '-1',
  '0',
  '1',
  'g',
  'x',
  'ride',
  'UAH',
  'XTS',
  '24:00:00',
  '99:99:99',
  '1e9',
  '0.001',
  '20260230',
  '"',
  'й'.repeat(300),
  '__proto__',
  '٣',
  '1,2',
];
interface Mutation {
  readonly name: string;
  readonly row: number;
  readonly column: number;
  readonly value: string;
  readonly how: string;
  readonly other: string;
}
const mutation: fc.Arbitrary<Mutation> = fc.record({
  name: fc.constantFrom(...NAMES),
  row: fc.nat(6),
  column: fc.nat(9),
  value: fc.oneof(fc.constantFrom(...VALUES), fc.string({ unit: 'binary', maxLength: 6 })),
  how: fc.constantFrom('cell', 'cell', 'cell', 'drop-row', 'drop-column', 'copy-row', 'swap-files'),
  other: fc.constantFrom(...NAMES),
});

function mutate(files: Files, { name, row, column, value, how, other }: Mutation): void {
  const table = Buffer.from(files.get(name) ?? [])
    .toString('utf8')
    .split('\n')
    .map((line) => line.split(','));
  const at = table[row % Math.max(1, table.length)] ?? [];
  if (how === 'cell') at[column % Math.max(1, at.length)] = value;
  else if (how === 'drop-row') table.splice(row % Math.max(1, table.length), 1);
  else if (how === 'copy-row') table.push([...at]);
  else if (how === 'drop-column') for (const line of table) line.splice(column % Math.max(1, line.length), 1);
  else return void files.set(name, files.get(other) as Uint8Array);
  files.set(name, Buffer.from(table.map((line) => line.join(',')).join('\n')));
}

it('whatever is done to a feed, it is priced or refused with a place', { timeout: 86_400_000 }, () => {
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 5 }), (mutations) => {
      const files = new Map(SMALL);
      for (const one of mutations) mutate(files, one);
      outcome(files);
    }),
    { numRuns: RUNS, seed: 20_261_129 },
  );
});

const town = sharedData('gtfs-zakroczym');
describe.skipIf(!town.found)(`a real town's feed (${town.found ? 'gtfs-zakroczym' : town.reason})`, () => {
  it('with any file hurt is priced or refused with a place', () => {
    const whole: Files = new Map(
      readdirSync(town.path)
        .filter((name) => NAMES.includes(name))
        .map((name) => [name, readFileSync(join(town.path, name))]),
    );
    for (const name of whole.keys())
      for (const kind of ['cut after a third', 'with huge numbers'])
        outcome(
          new Map(whole).set(
            name,
            (HURT[kind] as (b: Buffer) => Buffer)(Buffer.from(whole.get(name) as Uint8Array)),
          ),
        );
  });
});
