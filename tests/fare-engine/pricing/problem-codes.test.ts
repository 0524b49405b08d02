/** Every problem that a package or a feed may have is provoked once, with its code and its place. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { FileProblem } from '#pricing/file-problem.ts';
import { FILE_PROBLEMS } from '#pricing/problem-codes.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { YAML_BYTES_MAX } from '#pricing/yaml-file.ts';
import { loadFeed } from '../../../fare-engine/tariffs/load-feed.ts';
import { loadTariffTimeline } from '../../../fare-engine/tariffs/load-tariff.ts';
import { CASE_CODES } from '../../support/fare-cases.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { PACKAGE } from '../../support/tariff.ts';
import { WHOLE } from '../../support/whole-tariff.ts';

const root = mkdtempSync(join(tmpdir(), 'kvytok-codes-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Change = Readonly<Record<string, string>>;

const provoked = new Set<string>();

function placed(problems: readonly FileProblem[]): string[] {
  for (const { code, howToMend, line, column } of problems) {
    provoked.add(code);
    expect(howToMend.length).toBeGreaterThan(3);
    expect(Math.min(line, column)).toBeGreaterThan(0);
  }
  return problems.map((p) => `${p.code} ${p.file}:${p.line}:${p.column} ${p.severity}`);
}

function problems(change: Change): string[] {
  return placed(readTariffPackage(filesOf({ ...PACKAGE, ...change })).problems);
}

/** The file with one text in the place of another, which must be there. */
function changed(file: string, from: string, to: string): Change {
  const text = PACKAGE[file] as string;
  expect(text).toContain(from);
  return { [file]: text.replace(from, to) };
}

const more = (file: string, row: string): Change => ({ [file]: `${PACKAGE[file]}${row}\n` });
const legs = (rows: string): Change => ({
  'fare_leg_rules.txt': `rule_id,leg_group_id,network_id,from_area_id,to_area_id,fare_product_id,rule_priority,act,article\n${rows}`,
  'areas.txt': 'area_id\nold-town\nsuburb\n',
  'stop_areas.txt': 'area_id,stop_id\nold-town,market\n',
});
const TRANSFERS =
  'rule_id,from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,fare_product_id,act,article\n';
const TWO_GROUPS = changed('fare_leg_rules.txt', 'leg-private,city', 'leg-private,suburban');
const transfers = (rows: string, groups: Change = {}): Change => ({
  ...groups,
  'fare_transfer_rules.txt': `${TRANSFERS}${rows}`,
});
const FRAMES = {
  'calendar.txt':
    'service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nall,1,1,1,1,1,1,1,20260101,20261231\n',
};
const NO_DAY = { 'calendar.txt': FRAMES['calendar.txt'].replace('1,1,1,1,1,1,1', '0,0,0,0,0,0,0') };
const TAKES_BANK_CARDS = changed('tap-policy.yaml', 'wallet_card }', 'wallet_card, bank: bank_card }');
const bankTerms = (from: string, to: string): Change => ({
  ...TAKES_BANK_CARDS,
  'bank-terms.yaml': (WHOLE['bank-terms.yaml'] as string).trimStart().replace(from, to),
});
const pays = (...rows: string[]): Change => ({
  'compensation.yaml': `compensation:\n${rows.map((row) => `  - { ${row}, valid_from: 2020-01-01, valid_to: null, act: order-1, article: п. 1 }\n`).join('')}${rows.length === 0 ? '  []\n' : ''}`,
});
const caps = (...rows: string[]): Change => ({
  'caps.yaml': `caps:\n${rows.map((row) => `  - { ${row}, names: { uk: x, en: x, de: x, pl: x }, act: order-1, article: п. 1, day_start: "04:30" }\n`).join('')}`,
});
const frames = (rows: string): Change => ({
  ...FRAMES,
  'timeframes.txt': `timeframe_group_id,start_time,end_time,service_id\n${rows}`,
});

describe('each code, with its place', () => {
  it.each<[string, Change]>([
    [
      'TARIFF_ACT_MISSING fare_leg_rules.txt:2:45 error',
      changed('fare_leg_rules.txt', 'ride-municipal,order-1', 'ride-municipal,'),
    ],
    [
      'TARIFF_ACT_UNKNOWN fare_leg_rules.txt:2:45 error',
      changed('fare_leg_rules.txt', 'ride-municipal,order-1', 'ride-municipal,order-9'),
    ],
    [
      'TARIFF_ARTICLE_MISSING fare_transfer_rules.txt:2:43 error',
      changed('fare_transfer_rules.txt', 'order-1,п. 9', 'order-1,'),
    ],
    ['TARIFF_CALENDAR_SILENT calendar.txt:2:1 warning', NO_DAY],
    [
      'TARIFF_ID_LETTERS fare_leg_rules.txt:2:15 warning',
      changed('fare_leg_rules.txt', 'leg-municipal,city', 'leg-municipal,cіty'),
    ],
    ['TARIFF_MEDIUM_PRICE tap-policy.yaml:1:38 warning', changed('tap-policy.yaml', ': wallet', ': bank')],
    ['TARIFF_UNITS fare_products.txt:2:41 warning', changed('fare_products.txt', '12.00', '1200.00')],
    ['TARIFF_CAP_FORM caps.yaml:2:33 error', caps('cap_id: day, window: day, basis: rides')],
    [
      'TARIFF_CAP_PARENT caps.yaml:2:64 error',
      caps(
        'cap_id: week, window: week, basis: rides, cap_rides: 20, parent_cap_id: day',
        'cap_id: day, window: day, basis: rides, cap_rides: 4',
      ),
    ],
    [
      'TARIFF_CATEGORY_PRICE fare_products.txt:6:46 error',
      more('fare_products.txt', 'ride-municipal,Поїздка,pensioner,social_card,1.00,UAH'),
    ],
    [
      'TARIFF_CONCESSION_DEFAULT concessions.yaml:40:5 error',
      changed('concessions.yaml', 'rider_category_id: donor', 'rider_category_id: full'),
    ],
    [
      'TARIFF_CONCESSION_PRICE concessions.yaml:47:5 error',
      changed('concessions.yaml', 'discount_kind: fixed\n    discount_minor: 300', 'discount_kind: product'),
    ],
    ['TARIFF_CURRENCY fare_products.txt:2:47 error', changed('fare_products.txt', '12.00,UAH', '12.00,EUR')],
    ['TARIFF_DATE_INVALID tariff.yaml:3:1 error', changed('tariff.yaml', '2026-01-01', '2026-02-30')],
    [
      'TARIFF_DATES_REVERSED tariff.yaml:4:1 error',
      changed('tariff.yaml', 'valid_to: null', 'valid_to: 2026-01-01'),
    ],
    [
      'TARIFF_DEFAULT_CATEGORY rider_categories.txt:1:39 error',
      changed('rider_categories.txt', 'Донор,0', 'Донор,1'),
    ],
    [
      'TARIFF_DISCOUNT concessions.yaml:33:5 error',
      changed('concessions.yaml', '    discount_bp: 5000\n', ''),
    ],
    [
      'TARIFF_DURATION_BY_LEG fare_transfer_rules.txt:2:8 warning',
      transfers('t,city,suburban,,1800,1,0,,order-1,п. 9\n', TWO_GROUPS),
    ],
    [
      'TARIFF_FILE_COLUMN_MISSING route_networks.txt:1:1 error',
      { 'route_networks.txt': 'network_id,route\nmunicipal,T1\n' },
    ],
    [
      'TARIFF_FILE_COLUMN_TWICE fare_media.txt:1:15 error',
      { 'fare_media.txt': 'fare_media_id,fare_media_id\nsocial_card,2\n' },
    ],
    ['TARIFF_FILE_LINE fare_media.txt:2:1 error', { 'fare_media.txt': 'fare_media_id\n"social\n' }],
    ['TARIFF_FILE_NO_HEADER fare_media.txt:1:1 error', { 'fare_media.txt': '' }],
    [
      'TARIFF_FILE_VALUES rider_categories.txt:6:1 error',
      more('rider_categories.txt', 'student,Студент,0,extra'),
    ],
    ['TARIFF_FILE_YAML funding.yaml:2:1 error', { 'funding.yaml': 'funding: [\n' }],
    ['TARIFF_ID_TWICE tariff.yaml:11:7 error', changed('tariff.yaml', 'act_id: cmu-354', 'act_id: order-1')],
    [
      'TARIFF_JOIN_RULES fare_leg_join_rules.txt:1:1 error',
      { 'fare_leg_join_rules.txt': 'from_network_id,to_network_id\nmunicipal,private\n' },
    ],
    ['TARIFF_NETWORKS_TWICE route_networks.txt:7:9 error', more('route_networks.txt', 'private,T1')],
    [
      'TARIFF_PENALTY_FARE inspection.yaml:1:111 error',
      {
        'inspection.yaml':
          'inspection: [{ network_id: "", ride_window_s: 600, act: order-1, article: п. 1, penalty: { fare_multiple: 20, fare_media_id: bank_card, act: order-1, article: п. 1 } }]\n',
      },
    ],
    [
      'TARIFF_PRICE_NEGATIVE fare_products.txt:2:41 error',
      changed('fare_products.txt', '12.00,UAH', '-1.00,UAH'),
    ],
    [
      'TARIFF_PRODUCT_TERMS product-terms.yaml:2:40 error',
      {
        'product-terms.yaml':
          'products:\n  - { fare_product_id: ride-municipal, kind: pass, act: order-1, article: п. 1 }\n',
      },
    ],
    [
      'TARIFF_QUOTA concessions.yaml:12:5 error',
      changed(
        'concessions.yaml',
        '    funding_id: city-budget\n',
        '    quota_window: month\n    funding_id: city-budget\n',
      ),
    ],
    [
      'TARIFF_REFERENCE_UNKNOWN fare_leg_rules.txt:3:26 error',
      changed('fare_leg_rules.txt', 'private,ride-private', 'private,ride-night'),
    ],
    [
      'TARIFF_BAG tap-policy.yaml:3:50 error',
      changed('tap-policy.yaml', 'companion_max: 0', 'bag_max: 1, companion_max: 0'),
    ],
    [
      'TARIFF_REST_MISSING tap-policy.yaml:2:1 error',
      changed('tap-policy.yaml', 'network_id: ""', 'network_id: municipal'),
    ],
    ['TARIFF_SCHEMA tariff.yaml:7:1 error', changed('tariff.yaml', 'in-force', 'planned')],
    [
      'TARIFF_COMPENSATION compensation.yaml:2:52 error',
      pays('compensation_id: a, funding_id: city-budget, basis: rate, coef_bp: 9000, vat: none'),
    ],
    [
      'TARIFF_COMPENSATION_OVERLAP compensation.yaml:3:102 error',
      pays(
        'compensation_id: a, funding_id: city-budget, basis: fare_difference, coef_bp: 9000, vat: none',
        'compensation_id: b, funding_id: city-budget, basis: fare_difference, coef_bp: 1000, vat: none',
      ),
    ],
    ['TARIFF_COMPENSATION_GAP funding.yaml:2:5 warning', pays()],
    [
      'TARIFF_BANK_TERMS bank-terms.yaml:6:21 error',
      bankTerms('retry_after_h: [24, 72]', 'retry_after_h: [24, 2160]'),
    ],
    ['TARIFF_BANK_TERMS_MISSING tap-policy.yaml:1:59 warning', TAKES_BANK_CARDS],
    [
      'TARIFF_SPLIT revenue-split.yaml:2:20 error',
      {
        'caps.yaml': caps('cap_id: day, window: day, basis: rides, cap_rides: 4')['caps.yaml'] as string,
        'revenue-split.yaml':
          'revenue_split:\n  - { cap_id: day, method: first, act: order-1, article: п. 1 }\n',
      },
    ],
    [
      'TARIFF_TAP_POLICY tap-policy.yaml:3:50 error',
      changed('tap-policy.yaml', 'companion_max: 0', 'missing_tap: max, companion_max: 0'),
    ],
    [
      'TARIFF_TAP_OUT_NEEDED fare_transfer_rules.txt:2:31 error',
      changed('fare_transfer_rules.txt', '1800,1,0', '1800,0,0'),
    ],
    ['TARIFF_TIMEFRAME_EMPTY timeframes.txt:2:15 error', frames('peak,07:00:00,07:00:00,all\n')],
    [
      'TARIFF_TIMEFRAMES_OVERLAP timeframes.txt:3:6 error',
      frames('peak,07:00:00,09:00:00,all\npeak,08:59:59,10:00:00,all\n'),
    ],
    [
      'TARIFF_TRANSFER_TYPE fare_transfer_rules.txt:2:33 error',
      changed('fare_transfer_rules.txt', '1800,1,0', '1800,1,2'),
    ],
    [
      'TARIFF_VALUE_IGNORED fare_transfer_rules.txt:2:27 error',
      changed('fare_transfer_rules.txt', '-1,1800,1', '-1,,1'),
    ],
    [
      'TARIFF_VALUE_INVALID fare_transfer_rules.txt:2:23 error',
      changed('fare_transfer_rules.txt', '-1,1800', '0,1800'),
    ],
    [
      'TARIFF_VALUE_MISSING fare_transfer_rules.txt:2:23 error',
      changed('fare_transfer_rules.txt', '-1,1800', ',1800'),
    ],
    ['TARIFF_ZONE_UNKNOWN tariff.yaml:5:1 error', changed('tariff.yaml', 'Europe/Kyiv', 'Europe/Atlantis')],
  ])('%s', (expected, change) => {
    expect(problems(change)).toContain(expected);
  });

  it('bytes that are no text, files that are too large or not there', () => {
    const files = filesOf(PACKAGE);
    files.set('networks.txt', Uint8Array.of(0xff, 0xfe));
    files.set('funding.yaml', new Uint8Array(YAML_BYTES_MAX + 1));
    files.delete('fare_products.txt');
    expect(placed(readTariffPackage(files).problems)).toEqual(
      expect.arrayContaining([
        'TARIFF_FILE_NOT_UTF8 networks.txt:1:1 error',
        'TARIFF_FILE_TOO_LARGE funding.yaml:1:1 error',
        'TARIFF_FILE_MISSING fare_products.txt:1:1 error',
      ]),
    );
  });

  it('all at once: errors of the form hide none of the meaning', () => {
    const found = problems({
      ...changed('fare_transfer_rules.txt', '-1,1800', '0,1800'),
      ...changed('tariff.yaml', 'Europe/Kyiv', 'Europe/Atlantis'),
      ...changed('fare_leg_rules.txt', 'ride-municipal,order-1', 'ride-municipal,'),
    });
    expect(found.map((text) => text.split(' ')[0])).toEqual(
      expect.arrayContaining(['TARIFF_VALUE_INVALID', 'TARIFF_ZONE_UNKNOWN', 'TARIFF_ACT_MISSING']),
    );
  });
});

describe('rules that no ride can meet', () => {
  const RIDE = 'city,municipal,,,ride-municipal';
  const unmet = (change: Change) => problems(change).filter((text) => text.includes('LEG_RULE_UNREACHABLE'));

  it('behind one of higher priority that holds for every ride of theirs; equal priorities both stand', () => {
    const behind = (priority: number) =>
      legs(`a,${RIDE},1,order-1,п. 1\nb,city,,,,ride-private,${priority},order-1,п. 1\n`);
    expect(unmet(behind(2))).toEqual(['TARIFF_LEG_RULE_UNREACHABLE fare_leg_rules.txt:2:35 warning']);
    expect(unmet(behind(1))).toEqual([]);
    const narrow = `a,${RIDE},1,order-1,п. 1\nb,city,municipal,old-town,,ride-private,2,order-1,п. 1\n`;
    expect(unmet(legs(narrow))).toEqual([]);
  });

  it('with an end where only boarding is tapped, an area without stops, a network without routes', () => {
    expect(
      unmet(
        legs(
          `a,${RIDE},0,order-1,п. 1\nb,city,private,,old-town,ride-private,0,order-1,п. 1\nc,city,private,suburb,,ride-private,0,order-1,п. 1\nd,city,private,old-town,,ride-private,0,order-1,п. 1\n`,
        ),
      ),
    ).toEqual([
      'TARIFF_LEG_RULE_UNREACHABLE fare_leg_rules.txt:3:17 warning',
      'TARIFF_LEG_RULE_UNREACHABLE fare_leg_rules.txt:4:16 warning',
    ]);
    const empty = { ...more('networks.txt', 'metro,Метро') };
    expect(
      unmet({ ...empty, ...more('fare_leg_rules.txt', 'm,city,metro,ride-private,order-1,п. 1') }),
    ).toEqual(['TARIFF_LEG_RULE_UNREACHABLE fare_leg_rules.txt:4:8 warning']);
  });

  it('transfers behind another that lasts as long and costs no more', () => {
    const found = (rows: string) =>
      problems(transfers(rows)).filter((text) => text.includes('TRANSFER_RULE_UNREACHABLE'));
    const second = (limit: number, product = '') =>
      `a,city,city,-1,1800,1,0,,order-1,п. 9\nb,city,city,-1,${limit},1,0,${product},order-1,п. 9\n`;
    const line = (n: number, column: number) =>
      `TARIFF_TRANSFER_RULE_UNREACHABLE fare_transfer_rules.txt:${n}:${column} warning`;
    expect(found(second(1799))).toEqual([line(3, 16)]);
    expect(found(second(1800, 'ride-municipal'))).toEqual([line(3, 16)]);
    expect(found(second(1801))).toEqual([line(2, 16)]);
    expect(found(second(1801, 'ride-municipal'))).toEqual([]);
    expect(found('a,city,city,1,1800,1,0,,order-1,п. 9\nb,city,city,-1,1800,1,0,,order-1,п. 9\n')).toEqual(
      [],
    );
    expect(found('a,city,city,-1,1800,1,0,,order-1,п. 9\nb,,city,,1800,1,0,,order-1,п. 9\n')).toEqual([
      line(3, 3),
    ]);
  });
});

describe('free transfers in a circle', () => {
  const loops = (rows: string, groups: Change = {}) =>
    problems(transfers(rows, groups)).filter((text) => text.includes('TRANSFER_LOOP'));
  const at = (line: number, column: number) => [
    `TARIFF_TRANSFER_LOOP fare_transfer_rules.txt:${line}:${column} warning`,
  ];

  it('within a group without a time or a count', () => {
    expect(loops('a,city,city,-1,,,0,,order-1,п. 9\n')).toEqual(at(2, 8));
    expect(loops('a,city,city,-1,1800,1,0,,order-1,п. 9\n')).toEqual([]);
    expect(loops('a,city,city,3,,,0,,order-1,п. 9\n')).toEqual([]);
    expect(loops('a,city,city,-1,,,1,,order-1,п. 9\n')).toEqual([]);
  });

  it('between groups, where a time ends nothing; a price does', () => {
    const there = 'a,city,suburban,,1800,1,0,,order-1,п. 9\n';
    const back = (product: string) => `b,suburban,city,,1800,1,0,${product},order-1,п. 9\n`;
    expect(loops(there, TWO_GROUPS)).toEqual([]);
    expect(loops(there + back(''), TWO_GROUPS)).toEqual(at(2, 8));
    expect(loops(there + back('ride-private'), TWO_GROUPS)).toEqual([]);
  });
});

describe('a city', () => {
  function city(name: string, ...packages: { from: string; to: string }[]): string {
    packages.forEach(({ from, to }, i) => {
      const dir = join(root, name, `folder-${i}`);
      mkdirSync(dir, { recursive: true });
      const tariff = (PACKAGE['tariff.yaml'] as string)
        .replace('test-1', `v-${i}`)
        .replace('2026-01-01', from)
        .replace('valid_to: null', `valid_to: ${to}`);
      // The donors' right is one of March: a package that ends before would have it in vain.
      const rights = (PACKAGE['concessions.yaml'] as string).replace('2026-03-01', '2026-01-01');
      const files = { ...PACKAGE, 'concessions.yaml': rights, 'tariff.yaml': tariff };
      for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, file), text.trimStart());
    });
    return join(root, name);
  }
  const found = async (dir: string) => placed((await loadTariffTimeline(dir)).problems);

  it('has gaps and overlaps, at the folder whose date it is', async () => {
    const one = { from: '2026-01-01', to: '2026-02-01' };
    expect(await found(city('whole', one, { from: '2026-02-01', to: 'null' }))).toEqual([]);
    expect(await found(city('gap', one, { from: '2026-02-02', to: 'null' }))).toEqual([
      'TARIFF_GAP folder-0/tariff.yaml:4:1 warning',
    ]);
    expect(await found(city('overlap', one, { from: '2026-01-31', to: 'null' }))).toEqual([
      'TARIFF_VERSIONS_OVERLAP folder-0/tariff.yaml:4:1 warning',
    ]);
  });

  it('that is empty or absent; an archive that is none', async () => {
    mkdirSync(join(root, 'empty'));
    writeFileSync(join(root, 'feed.zip'), 'no archive');
    expect(await found(join(root, 'empty'))).toEqual([
      expect.stringMatching(/^TARIFF_NO_PACKAGES .*:1:1 error$/),
    ]);
    expect(await found(join(root, 'nowhere'))).toEqual([expect.stringMatching(/^TARIFF_FILE_UNREADABLE /)]);
    expect(placed((await loadFeed(join(root, 'feed.zip'))).problems)).toEqual([
      expect.stringMatching(/^TARIFF_ARCHIVE_UNREADABLE /),
    ]);
  });
});

it('no code is left that nothing here provokes', () => {
  expect([...provoked, ...Object.keys(CASE_CODES)].sort()).toEqual(Object.keys(FILE_PROBLEMS).sort());
});
