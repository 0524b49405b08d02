import { describe, expect, it } from 'vitest';
import {
  parseAmount,
  parseGtfsDate,
  parseIsoDate,
  parseLocalTimeS,
  parseZonedInstant,
} from '#pricing/gtfs/cells.ts';
import { parseCsvTable } from '#pricing/gtfs/csv-table.ts';

const table = (text: string) => parseCsvTable('x.txt', Buffer.from(text, 'utf8'));

describe('a GTFS text file', () => {
  it('is read with byte order mark, CRLF, quotes, blank lines and extra columns', () => {
    const { table: t, problems } = table('\uFEFFa,b,extra\r\n\r\n1,"two, three",x\r\n"say ""hi""", 5 ,\r\n');
    expect(problems).toEqual([]);
    expect([...t.columns]).toEqual([
      ['a', 0],
      ['b', 1],
      ['extra', 2],
    ]);
    expect(t.rows).toEqual([
      { line: 3, values: ['1', 'two, three', 'x'] },
      { line: 4, values: ['say "hi"', '5', ''] },
    ]);
  });

  it('counts lines through line breaks inside quotes', () => {
    const { table: t } = table('a,b\n"one\ntwo",1\nx,2\n');
    expect(t.rows.map((r) => r.line)).toEqual([2, 4]);
  });

  it('names line and column of a problem', () => {
    const { table: t } = table('id,name,amount\n1,"a, b",12x\n');
    const p = t.problemAt('TARIFF_VALUE_INVALID', t.rows[0] ?? null, 'amount', 'error', 'm', 'h');
    expect(p).toMatchObject({ file: 'x.txt', line: 2, column: 10 });
  });

  it('takes spaces and tabs around the only column for what they are, and tells of them between two', () => {
    for (const header of ['area_id', ' area_id\t', '"area_id"\t', 'area_id \t '])
      expect(table(`${header}\n x\t\n`), header).toMatchObject({
        table: { rows: [{ values: ['x'] }] },
        problems: [],
      });
    for (const header of ['area_id\tname', '"area_id"\t"name"', 'area_id;name', 'area_id|name\t'])
      expect(table(`${header}\nx\n`).problems, header).toMatchObject([{ line: 1, severity: 'error' }]);
  });

  it('refuses a column that occurs twice, at its place', () => {
    expect(table('a,b,a\n').problems).toMatchObject([{ line: 1, column: 5, severity: 'error' }]);
  });

  it('refuses a row with more values than columns, and warns of one with fewer', () => {
    expect(table('a,b\n1,2,3\n').problems).toMatchObject([{ line: 2, severity: 'error' }]);
    expect(table('a,b\n1,2,\n').problems).toEqual([]);
    expect(table('a,b\n1\n').problems).toMatchObject([{ line: 2, severity: 'warning' }]);
  });

  it('refuses an open quote and bytes that are not UTF-8', () => {
    expect(table('a,b\n"1,2\n').problems[0]).toMatchObject({ severity: 'error' });
    expect(parseCsvTable('x.txt', Uint8Array.of(0x61, 0xff, 0x0a)).problems[0]).toMatchObject({
      severity: 'error',
    });
  });

  it('warns of an empty file, which has no rows', () => {
    for (const text of ['', '\uFEFF', '\r\n \n'])
      expect(table(text).problems).toMatchObject([
        { line: 1, severity: 'warning', message: 'no header line' },
      ]);
  });

  it('is read with line endings of all kinds in one file, lines of blank space, and space around values', () => {
    const { table: t, problems } = table('a\t, "b" \r\n1,2\n \t \n\r3 ,\t" 4"\r');
    expect(problems).toEqual([]);
    expect([...t.columns.keys()]).toEqual(['a', 'b']);
    expect(t.rows.map((row) => row.values)).toEqual([
      ['1', '2'],
      ['3', ' 4'],
    ]);
  });
});

describe('cells', () => {
  it.each([
    ['8.00', 'UAH', 800n],
    ['8', 'UAH', 800n],
    ['-0.05', 'UAH', -5n],
    ['1.500', 'UAH', 150n],
    ['140', 'JPY', 140n],
    ['1.234', 'KWD', 1234n],
    ['-0.001', 'TND', -1n],
    ['450.00', 'HUF', 45_000n],
    ['2950.5', 'COP', 295_050n],
    ['1.0000', 'CLF', 10_000n],
    ['999999999999.99', 'UAH', 99999999999999n],
    ['.50', 'UAH', 50n],
    ['-.5', 'UAH', -50n],
    ['8.', 'UAH', 800n],
    ['0.', 'JPY', 0n],
  ])('%s %s is %s minor units', (text, currency, minor) => {
    expect(parseAmount(text, currency)).toMatchObject({ ok: true, amountMinor: minor });
  });

  it('refuses what is no decimal and what has more places than the currency', () => {
    expect(parseAmount('1.005', 'UAH')).toEqual({ ok: false, reason: 'too-many-decimals' });
    expect(parseAmount('1.5', 'JPY')).toEqual({ ok: false, reason: 'too-many-decimals' });
    for (const text of ['', '1,50', '1e3', '.', '-.', '+', '1.2.3', '0x10', 'NaN', ' 1'])
      expect(parseAmount(text, 'UAH')).toEqual({ ok: false, reason: 'not-a-number' });
  });

  it('reads local times up to 24:00:00 and dates that exist', () => {
    expect(parseLocalTimeS('9:05:00')).toBe(9 * 3600 + 300);
    expect(parseLocalTimeS('24:00:00')).toBe(86_400);
    expect(parseLocalTimeS('24:00:01')).toBeUndefined();
    expect(parseGtfsDate('20240229')).toBe(parseIsoDate('2024-02-29'));
    expect(parseGtfsDate('20230229')).toBeUndefined();
    for (const date of ['2024-13-01', '2024-00-10', '2024-01-00', '0024-01-01'])
      expect(parseIsoDate(date), date).toBeUndefined();
  });

  it('reads instants that name their zone, on dates that exist', () => {
    expect(parseZonedInstant('2024-02-29T24:00Z')).toBe(Date.UTC(2024, 2, 1));
    expect(parseZonedInstant('2024-02-29T12:00:00.5+02:00')).toBe(Date.UTC(2024, 1, 29, 10, 0, 0, 500));
    for (const text of [
      '2025-02-29T00:00Z',
      '2025-04-31T00:00:00+03:00',
      '2025-02-28T25:00Z',
      '2025-02-28',
      '',
    ])
      expect(parseZonedInstant(text), text).toBeUndefined();
  });
});
