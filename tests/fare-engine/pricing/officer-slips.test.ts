/** Slips of whoever writes a package by hand, which were read without a word: each is told, at its place, with how to mend it. */
import { describe, expect, it } from 'vitest';
import { readFeed } from '#pricing/gtfs/read-feed.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { PACKAGE } from '../../support/tariff.ts';

type Change = Readonly<Record<string, string>>;

function told(change: Change): string[] {
  return readTariffPackage(filesOf({ ...PACKAGE, ...change })).problems.map(
    (p) => `${p.file}:${p.line}:${p.column} ${p.severity}: ${p.message} → ${p.howToMend} [${p.code}]`,
  );
}

function changed(file: string, from: string | RegExp, to: string): Change {
  const text = (PACKAGE[file] as string).trimStart();
  const after = text.replace(from, to);
  expect(after).not.toBe(text);
  return { [file]: after };
}

describe('a column that nobody reads', () => {
  it.each([
    ['fare_products.txt', 'rider_category_id', 'rider_category', 35],
    ['fare_leg_rules.txt', 'network_id', 'network', 22],
    ['fare_leg_rules.txt', 'rule_id', 'rule', 1],
    ['fare_products.txt', 'fare_product_name', 'product', 17],
    ['networks.txt', 'network_name', 'name', 12],
  ])('%s: %s as %s', (file, meant, name, column) => {
    expect(told(changed(file, meant, name))).toContain(
      `${file}:1:${column} warning: column "${name}" is not read → Write ${meant}, if it is what is meant; else remove it. [TARIFF_VALUE_IGNORED]`,
    );
  });

  it('that looks like none is told with those that are read', () => {
    const change = {
      'networks.txt': 'network_id,network_name,цвет\nmunicipal,M,x\nprivate,P,x\nunpriced,U,x\n',
    };
    expect(told(change)).toEqual([
      'networks.txt:1:25 warning: column "цвет" is not read → Remove it, or write one of: network_id, network_name. [TARIFF_VALUE_IGNORED]',
    ]);
  });

  it('in the feed of a stranger is passed over', () => {
    const { problems } = readFeed(
      filesOf({
        'fare_products.txt': 'fare_product_id,amount,currency,rider_category,colour\na,1.00,UAH,x,y\n',
        'fare_leg_rules.txt': 'fare_product_id,fare_class\na,b\n',
      }),
    );
    expect(problems).toEqual([]);
  });
});

const WEEK = 'monday,tuesday,wednesday,thursday,friday,saturday,sunday';
const calendar = (rows: string, dates?: string): Change => ({
  ...changed('concessions.yaml', 'priority: 5', 'timeframe_group_id: day'),
  'timeframes.txt': 'timeframe_group_id,start_time,end_time,service_id\nday,08:00:00,20:00:00,s\n',
  'calendar.txt': `service_id,${WEEK},start_date,end_date\n${rows}`,
  ...(dates === undefined ? {} : { 'calendar_dates.txt': `service_id,date,exception_type\n${dates}` }),
});
const EVERY = 's,1,1,1,1,1,1,1,20260101,20271231\n';

describe('a calendar', () => {
  it.each([
    [
      'that ends before it begins',
      calendar('s,1,1,1,1,1,1,1,20271231,20260101\n'),
      [
        'calendar.txt:2:1 warning: "s" runs on no day: what it is meant for never holds → Set a weekday between its dates to 1, or add days in calendar_dates.txt. [TARIFF_CALENDAR_SILENT]',
        'calendar.txt:2:26 warning: end_date is before start_date → end_date is the last day; correct one of the two. [TARIFF_DATES_REVERSED]',
      ],
    ],
    [
      'without a weekday',
      calendar('s,0,0,0,0,0,0,0,20260101,20271231\n'),
      [expect.stringContaining('calendar.txt:2:1 warning: "s" runs on no day')],
    ],
    [
      'of Saturdays in a week without one',
      calendar('s,0,0,0,0,0,1,0,20260105,20260108\n'),
      [expect.stringContaining('calendar.txt:2:1 warning: "s" runs on no day')],
    ],
    [
      'whose only days were taken out',
      calendar('s,1,0,0,0,0,0,0,20260105,20260111\n', 's,20260105,2\n'),
      [expect.stringContaining('"s" runs on no day')],
    ],
    [
      'of the years before the package',
      calendar('s,1,1,1,1,1,1,1,20240101,20251231\n'),
      [
        'calendar.txt:2:26 warning: "s" runs from 2024-01-01 to 2025-12-31, on no day of the package → Correct its dates, or those of tariff.yaml. [TARIFF_CALENDAR_SILENT]',
      ],
    ],
    [
      'that no timeframe has',
      calendar(`${EVERY}t,1,1,1,1,1,1,1,20260101,20271231\n`),
      [
        'calendar.txt:3:1 warning: no timeframe has the calendar "t" → Name it in timeframes.txt, or remove it. [TARIFF_VALUE_IGNORED]',
      ],
    ],
    [
      'with a day of a misspelt one',
      calendar(EVERY, 'S,20260105,2\n'),
      [
        expect.stringContaining('calendar_dates.txt:2:1 warning: "S" runs on no day'),
        expect.stringContaining(
          'calendar_dates.txt:2:3 warning: the calendar does not run on 2026-01-05 anyway',
        ),
      ],
    ],
    [
      'with a day told twice, and one that is none of its days',
      calendar('s,1,0,0,0,0,0,0,20260101,20271231\n', 's,20260105,2\ns,20260105,2\ns,20260106,2\n'),
      [
        'calendar_dates.txt:3:3 warning: a second row for the same day and calendar → Remove one of the two. [TARIFF_ID_TWICE]',
        'calendar_dates.txt:4:3 warning: the calendar does not run on 2026-01-06 anyway → Correct the date or exception_type, or remove the row. [TARIFF_VALUE_IGNORED]',
      ],
    ],
    [
      'with a day that does not exist',
      calendar(EVERY, 's,20260230,2\n'),
      [expect.stringContaining('calendar_dates.txt:2:3 error: date is "20260230"')],
    ],
    ['with a holiday', calendar(EVERY, 's,20260824,2\n'), []],
    [
      'of the trips of a whole feed',
      {
        ...calendar(`${EVERY}winter,1,1,1,1,1,0,0,20241201,20250228\n`),
        'trips.txt': 'route_id,service_id,trip_id\nT1,winter,t\n',
      },
      [],
    ],
  ])('%s', (_, change, expected) => {
    expect(told(change)).toEqual(expected);
  });
});

describe('YAML that is not read as it looks', () => {
  it('in Windows-1251', () => {
    const text = (PACKAGE['concessions.yaml'] as string)
      .trimStart()
      .replace('пенсіонер', '\u00ef\u00e5\u00ed');
    const files = filesOf(PACKAGE).set('concessions.yaml', Buffer.from(text, 'latin1'));
    expect(readTariffPackage(files).problems).toContainEqual(
      expect.objectContaining({
        code: 'TARIFF_FILE_NOT_UTF8',
        file: 'concessions.yaml',
        line: 4,
        column: 18,
      }),
    );
  });

  it('money with a point is told in its minor units', () => {
    expect(told(changed('concessions.yaml', 'discount_minor: 300', 'discount_minor: 3.00'))).toContain(
      'concessions.yaml:48:21 warning: 3.00 is read as 3 → Write a whole number in digits alone; of money in minor units, 4.00 is 400. [TARIFF_VALUE_INVALID]',
    );
  });

  it('a field with a letter of another alphabet', () => {
    expect(told(changed('concessions.yaml', 'discount_minor: 300', 'discоunt_minor: 300'))).toContainEqual(
      expect.stringContaining(
        'concessions.yaml:48:5 error: discоunt_minor is no field here, it has letters of two alphabets → Write discount_minor, if it is what is meant, or remove it.',
      ),
    );
  });
});
