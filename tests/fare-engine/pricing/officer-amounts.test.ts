/** Amounts, ids and rows of a package that are lawful and hardly meant: each is told as a warning, at its place. */
import { describe, expect, it } from 'vitest';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { PACKAGE } from '../../support/tariff.ts';

type Change = Readonly<Record<string, string>>;

function told(change: Change): string[] {
  const read = readTariffPackage(filesOf({ ...PACKAGE, ...change }));
  expect(read.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return read.problems.map((p) => `${p.file}:${p.line}:${p.column} ${p.message} [${p.code}]`);
}

function changed(file: string, from: string | RegExp, to: string, more: Change = {}): Change {
  const text = (more[file] ?? (PACKAGE[file] as string)).trimStart();
  const after = text.replace(from, to);
  expect(after).not.toBe(text);
  return { ...more, [file]: after };
}

const added = (file: string, rows: string, more: Change = {}): Change => ({
  ...more,
  [file]: `${(more[file] ?? (PACKAGE[file] as string)).trimStart()}${rows}\n`,
});
const NAMES = 'names: { uk: x, en: x, de: x, pl: x }, act: order-1, article: п. 1';
const caps = (row: string): Change => ({
  'caps.yaml': `caps:\n  - { ${row}, ${NAMES}, window: day, day_start: "04:00", basis: amount }\n`,
});
const emergency = (suspends: string): Change => ({
  'emergency.yaml': `emergency:\n  - { rule_id: e, valid_from: 2026-02-01, valid_to: 2026-03-01, suspends: ${suspends}, ${NAMES} }\n`,
});
const pays = (...rows: string[]): Change => ({
  'compensation.yaml': `compensation:\n${rows.map((row, i) => `  - { compensation_id: c${i}, ${row}, vat: none, valid_from: 2020-01-01, valid_to: null, act: order-1, article: п. 1 }\n`).join('')}`,
});
const ALL = 'basis: fare_difference, coef_bp: 10000';
const PAID = [`funding_id: city-budget, ${ALL}`, `funding_id: city-education, ${ALL}`];
const terms = (...rows: string[]): Change => ({
  'product-terms.yaml': `products:\n${rows.map((row) => `  - { ${row}, act: order-1, article: п. 1 }\n`).join('')}`,
});
const SINGLES = [
  'fare_product_id: ride-municipal, kind: single',
  'fare_product_id: ride-private, kind: single',
];
const MONTH =
  'kind: pass, validity_amount: 1, validity_unit: month, validity_type: calendar, activation: date';
const CARNET = 'kind: carnet, rides: 3, validity_amount: 1, validity_unit: month, validity_type: calendar';
const held = (price: string, term: string): Change => ({
  ...terms(...SINGLES, `fare_product_id: held, ${term}`),
  ...added('fare_products.txt', `held,Held,full,social_card,${price},UAH`),
  ...added('fare_leg_rules.txt', 'leg-held,city,municipal,held,order-1,п. 1'),
});

/** Two rows for pensioners, free and for half, with what else each says. */
function pensioners(free: string, half: string): Change {
  const text = (PACKAGE['concessions.yaml'] as string).trimStart();
  const [begin, end] = [text.indexOf('  - '), text.indexOf('  - concession_id: pupil')];
  const row = text.slice(begin, end);
  const second = row
    .replace('concession_id: pensioner', 'concession_id: pensioner-half')
    .replace('discount_kind: free', 'discount_kind: percent\n    discount_bp: 5000');
  const rows = [`${row}    ${free}\n`, `${second}    ${half}\n`];
  return { 'concessions.yaml': `${text.slice(0, begin)}${rows.join('')}${text.slice(end)}` };
}
const counted = (rides: number) => `quota_window: month\n    quota_rides: ${rides}\n    stack_group: g`;

/** The first row ends when the second begins. */
function quotasInTurn(): Change {
  const text = pensioners(counted(60), counted(30))['concessions.yaml'] as string;
  const second = text.indexOf('pensioner-half');
  const first = text.slice(0, second).replace('valid_to: null', 'valid_to: 2026-07-01');
  const rest = text.slice(second).replace('valid_from: 2026-01-01', 'valid_from: 2026-07-01');
  return { 'concessions.yaml': first + rest };
}

/** Free with the social card, for half with the other, and the rows that follow are written out. */
function twoMedia(): Change {
  const rights = pensioners('priority: 1', 'priority: 2')['concessions.yaml'] as string;
  const at = rights.lastIndexOf('social_card', rights.indexOf('priority: 2'));
  return added(
    'fare_products.txt',
    'ride-municipal,Ride,pensioner,social_card,0.00,UAH\nride-municipal,Ride,pensioner,wallet_card,7.00,UAH',
    { 'concessions.yaml': `${rights.slice(0, at)}wallet_card${rights.slice(at + 'social_card'.length)}` },
  );
}

/** Without a word: nothing is left that these tests would take for the slip's. */
const QUIET = pays(...PAID);

describe('the package that is changed here', () => {
  it.each([
    ['as it is', {}],
    ['with a pass and a carnet that are worth it', held('30.00', CARNET)],
    ['with a cap of two rides', caps('cap_id: c, cap_minor: 2400')],
    ['with transfers suspended', emergency('transfers')],
    ['with the act beside it, as it was scanned', { 'tariff.pdf': '%PDF', 'concessions.md': '# Rights' }],
    ['with a right that is free with one medium and half with another', twoMedia()],
    ['with a quota that is another from a date on', quotasInTurn()],
    [
      'with a quota that goes on for half',
      pensioners(`${counted(60)}\n    over_quota: pensioner-half`, counted(90)),
    ],
    [
      'with a quota that goes on for nothing',
      pensioners(counted(90), `${counted(60)}\n    over_quota: pensioner`),
    ],
  ])('has no word of its own, %s', (_, change) => {
    expect(told({ ...QUIET, ...change })).toEqual([]);
  });
});

describe('amounts in other units', () => {
  it.each<[string, Change, string]>([
    [
      'a price in kopiykas',
      changed('fare_products.txt', '12.00', '1200.00'),
      'fare_products.txt:2:41 the price is 85 times that of line 3 for the same product [TARIFF_UNITS]',
    ],
    [
      'a price of nothing',
      changed('fare_products.txt', '12.00', '0.00'),
      'fare_products.txt:2:41 the price is 0, line 3 asks for the same product [TARIFF_UNITS]',
    ],
    [
      'a transfer of 30 seconds',
      changed('fare_transfer_rules.txt', '1800', '30'),
      'fare_transfer_rules.txt:2:26 the transfer holds for 30 seconds, less than two minutes [TARIFF_UNITS]',
    ],
    [
      'a transfer of milliseconds',
      changed('fare_transfer_rules.txt', '1800', '1800000'),
      'fare_transfer_rules.txt:2:26 the transfer holds for 1800000 seconds, more than a day [TARIFF_UNITS]',
    ],
    [
      'half a percent',
      changed('concessions.yaml', 'discount_bp: 5000', 'discount_bp: 50'),
      'concessions.yaml:34:5 50 basis points are 0.5 % [TARIFF_UNITS]',
    ],
    [
      'three kopiykas off',
      changed('concessions.yaml', 'discount_minor: 300', 'discount_minor: 3'),
      'concessions.yaml:48:5 it takes off 3 minor units of 1200 [TARIFF_UNITS]',
    ],
    [
      'more off than anything costs',
      changed('concessions.yaml', 'discount_minor: 300', 'discount_minor: 30000'),
      'concessions.yaml:48:5 it takes off 30000, no ride costs more: all are free [TARIFF_UNITS]',
    ],
    [
      'a cap below one ride',
      caps('cap_id: c, cap_minor: 24, network_ids: [private]'),
      'caps.yaml:2:18 the cap is 24, and the cheapest ride of it costs 1300 [TARIFF_UNITS]',
    ],
    [
      'a coefficient in percent',
      pays('funding_id: city-budget, basis: fare_difference, coef_bp: 90', PAID[1] as string),
      'compensation.yaml:2:77 90 basis points are 0.9 % [TARIFF_UNITS]',
    ],
    [
      'a coefficient with a zero too many',
      pays('funding_id: city-budget, basis: fare_difference, coef_bp: 100000', PAID[1] as string),
      'compensation.yaml:2:77 the budget pays 1000 % of the basis [TARIFF_UNITS]',
    ],
    [
      'VAT in percent',
      changed('compensation.yaml', 'vat: none', 'vat: included, vat_bp: 20', QUIET),
      'compensation.yaml:2:108 20 basis points are 0.2 % [TARIFF_UNITS]',
    ],
    [
      'a limit of nothing',
      changed('compensation.yaml', 'vat: none', 'monthly_limit_minor: 0, vat: none', QUIET),
      'compensation.yaml:2:93 the limit is 0: nothing is paid [TARIFF_UNITS]',
    ],
    [
      'late taps in hours',
      changed('tap-policy.yaml', 'late_tap_accept_s: 259200', 'late_tap_accept_s: 72'),
      'tap-policy.yaml:3:68 a ride that arrives later than 72 seconds after its day is not charged [TARIFF_UNITS]',
    ],
    [
      'a pass below one ride',
      held('3.00', MONTH),
      'fare_products.txt:6:28 the pass costs less than a single ride [TARIFF_UNITS]',
    ],
    [
      'a carnet above its rides',
      held('300.00', CARNET),
      'fare_products.txt:6:28 the carnet costs more than its 3 rides [TARIFF_UNITS]',
    ],
    [
      'a fee that eats the price',
      held('30.00', `${CARNET}, give_back: rides, give_back_fee_minor: 5000`),
      'product-terms.yaml:4:139 the fee of 5000 is no less than the price: nothing comes back [TARIFF_UNITS]',
    ],
  ])('%s', (_, change, expected) => {
    expect(told({ ...QUIET, ...change })).toEqual([expected]);
  });
});

describe('ids that are not what they look like', () => {
  it.each<[string, Change, string]>([
    [
      'a leg group with a Cyrillic letter',
      changed('fare_leg_rules.txt', 'leg-private,city', 'leg-private,cіty'),
      'fare_leg_rules.txt:3:13 "cіty" has letters of two alphabets: і (U+0456) is no Latin letter [TARIFF_ID_LETTERS]',
    ],
    [
      'a route with a Cyrillic letter alone',
      changed('route_networks.txt', 'municipal,T2', 'municipal,Т2'),
      'route_networks.txt:3:11 "Т2" has no Latin letter, though it looks like "T2" [TARIFF_ID_LETTERS]',
    ],
    [
      'a right with a space at its end',
      changed('concessions.yaml', 'concession_id: donor', 'concession_id: "donor "'),
      'concessions.yaml:39:5 "donor " has spaces at its ends, or signs that nobody sees [TARIFF_ID_LETTERS]',
    ],
    [
      'a residence with a sign that nobody sees',
      changed('concessions.yaml', 'priority: 5', 'resident_required: terno\u200bpil'),
      'concessions.yaml:49:5 "terno\u200bpil" has spaces at its ends, or signs that nobody sees [TARIFF_ID_LETTERS]',
    ],
  ])('%s', (_, change, expected) => {
    expect(told({ ...QUIET, ...change })).toContain(expected);
  });

  it('are Ukrainian words as well', () => {
    const routes = 'network_id,route_id\nmunicipal,А1\nmunicipal,Т2\nprivate,Маршрут 5-А\nunpriced,X1\n';
    expect(told({ ...QUIET, 'route_networks.txt': routes })).toEqual([]);
  });
});

describe('what nothing has a use for', () => {
  it.each<[string, Change, string]>([
    [
      'a product',
      added('fare_products.txt', 'ride-privat,Ride,full,social_card,13.00,UAH'),
      'fare_products.txt:6:1 product "ride-privat" is the price of nothing [TARIFF_VALUE_IGNORED]',
    ],
    [
      'a category',
      added('rider_categories.txt', 'child,Child,0'),
      'rider_categories.txt:6:1 no right and no price is one of category "child": it pays in full [TARIFF_VALUE_IGNORED]',
    ],
    [
      'hours',
      {
        'timeframes.txt': 'timeframe_group_id,start_time,end_time,service_id\nnight,00:00:00,05:00:00,s\n',
        'calendar.txt':
          'service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\ns,1,1,1,1,1,1,1,20260101,20301231\n',
      },
      'timeframes.txt:2:1 no rule, right or cap has the hours "night" [TARIFF_VALUE_IGNORED]',
    ],
    [
      'a right of the year before',
      changed(
        'concessions.yaml',
        /2026-03-01\n {4}valid_to: 2026-04-01/,
        '2025-03-01\n    valid_to: 2025-04-01',
      ),
      'concessions.yaml:46:5 donor holds on no day of the package [TARIFF_VALUE_IGNORED]',
    ],
    [
      'a suspension of caps that are not there',
      emergency('caps'),
      'emergency.yaml:2:65 the package has no caps to suspend [TARIFF_VALUE_IGNORED]',
    ],
    [
      'a transfer that costs both rides',
      changed('fare_transfer_rules.txt', '1800,1,0', '1800,1,1'),
      'fare_transfer_rules.txt:2:33 both rides cost what they cost without the rule [TARIFF_VALUE_IGNORED]',
    ],
    [
      'minutes of a single ride',
      terms(`${SINGLES[0]}, validity_amount: 60, validity_unit: minute`, SINGLES[1] as string),
      'product-terms.yaml:2:54 validity_amount has no effect on kind: single [TARIFF_VALUE_IGNORED]',
    ],
    [
      'a medium without a price',
      changed('tap-policy.yaml', 'wallet: wallet_card', 'wallet: bank_card'),
      'tap-policy.yaml:1:38 no ride has a price with bank_card [TARIFF_MEDIUM_PRICE]',
    ],
    [
      'a single ride beside a cheaper one',
      {
        ...added('fare_products.txt', 'month,Month,full,social_card,900.00,UAH'),
        ...added('fare_leg_rules.txt', 'leg-month,city,municipal,month,order-1,п. 1'),
      },
      'fare_leg_rules.txt:4:26 no ride costs month: ride-municipal of line 2 is for the same rides and cheaper [TARIFF_LEG_RULE_UNREACHABLE]',
    ],
    [
      'a copy of a table',
      { 'fare_products (1).txt': PACKAGE['fare_products.txt'] as string },
      'fare_products (1).txt:1:1 the file is not read [TARIFF_VALUE_IGNORED]',
    ],
    [
      'YAML that an editor saved as text',
      { 'caps.yaml.txt': 'caps: []\n' },
      'caps.yaml.txt:1:1 the file is not read [TARIFF_VALUE_IGNORED]',
    ],
    [
      'fares of the older standard',
      { 'fare_attributes.txt': 'fare_id,price\na,1\n' },
      'fare_attributes.txt:1:1 the file is not read [TARIFF_VALUE_IGNORED]',
    ],
  ])('%s', (_, change, expected) => {
    expect(told({ ...QUIET, ...change })).toEqual([expected]);
  });
});

describe('rows that lack, or say two things', () => {
  it('a pass of which the terms say nothing', () => {
    const change = { ...held('900.00', MONTH), ...terms(...SINGLES) };
    expect(told({ ...QUIET, ...change })).toContain(
      'fare_leg_rules.txt:4:25 product-terms.yaml says nothing of held: it is taken for a single ride [TARIFF_PRODUCT_TERMS]',
    );
  });

  it('networks without routes', () => {
    const { 'route_networks.txt': _, ...rest } = PACKAGE;
    const read = readTariffPackage(filesOf({ ...rest, ...QUIET }));
    expect(read.problems.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'TARIFF_FILE_MISSING nothing says which routes are in network municipal: no ride has its price',
    ]);
  });

  it('a payer twice', () => {
    const row = (PACKAGE['funding.yaml'] as string).trim().split('\n')[1] as string;
    expect(told({ ...QUIET, ...added('funding.yaml', row) })).toContain(
      'funding.yaml:4:7 city-budget occurs twice [TARIFF_ID_TWICE]',
    );
  });

  it('one quota of two sizes', () => {
    const quota = (rides: number) =>
      `quota_window: month\n    quota_rides: ${rides}\n    stack_group: g\n    funding_id`;
    const once = changed('concessions.yaml', 'funding_id', quota(60), QUIET);
    const rest = (once['concessions.yaml'] as string).lastIndexOf('funding_id');
    const text = once['concessions.yaml'] as string;
    const at = (rides: number) => ({
      ...QUIET,
      'concessions.yaml': `${text.slice(0, rest)}${quota(rides)}${text.slice(rest + 'funding_id'.length)}`,
    });
    expect(told(at(60))).toEqual([]);
    expect(told(at(30))).toEqual([
      'concessions.yaml:54:5 pensioner counts with it in g, up to another number [TARIFF_QUOTA]',
    ]);
  });

  it('bank cards that are taken for another medium', () => {
    const terms = changed('tap-policy.yaml', 'wallet: wallet_card', 'wallet: wallet_card, bank: social_card');
    expect(told({ ...QUIET, ...terms })).toContain(
      'tap-policy.yaml:1:59 bank cards are taken for social_card, whose fare_media_type is not 3 [TARIFF_VALUE_INVALID]',
    );
  });

  it('a right for which only the row of another one pays', () => {
    const donors = `funding_id: city-budget, concession_id: donor, ${ALL}`;
    expect(told(pays(donors, PAID[1] as string))).toEqual([
      'funding.yaml:2:5 from 2026-01-01 on compensation.yaml does not say what city-budget pays for pensioner [TARIFF_COMPENSATION_GAP]',
      'funding.yaml:2:5 from 2026-01-01 on compensation.yaml does not say what city-budget pays for pupil-municipal [TARIFF_COMPENSATION_GAP]',
    ]);
    // The donors' right ends with its row.
    const each = ['pensioner', 'pupil-municipal', 'donor'].map(
      (id) => `funding_id: city-budget, concession_id: ${id}, ${ALL}`,
    );
    const rows = pays(PAID[1] as string, ...each)['compensation.yaml'] as string;
    const last = rows.lastIndexOf('valid_to: null');
    const until = (day: string) => ({
      'compensation.yaml': rows.slice(0, last) + rows.slice(last).replace('null', day),
    });
    expect(told(until('2026-04-01'))).toEqual([]);
    expect(told(until('2026-03-31'))).toEqual([
      'funding.yaml:2:5 from 2026-03-31 on compensation.yaml does not say what city-budget pays for donor [TARIFF_COMPENSATION_GAP]',
    ]);
    const carrier = `funding_id: city-budget, agency_id: bus, ${ALL}`;
    expect(told(pays(carrier, PAID[1] as string))).toEqual([]);
  });
});

describe('a table of many rows that nothing has a use for', () => {
  it('is told row by row', () => {
    const many = 150_000;
    const rows = Array.from({ length: many }, (_, i) => `c${i},Category,0`).join('\n');
    expect(told({ ...QUIET, ...added('rider_categories.txt', rows) })).toHaveLength(many);
  });
});
