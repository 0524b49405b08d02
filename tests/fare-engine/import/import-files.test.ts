import { describe, expect, it } from 'vitest';
import {
  amountCell,
  IMPORT_COLUMNS,
  type ImportFile,
  type ImportTerms,
  instantCell,
  readImportRow,
} from '../../../fare-engine/import/import-files.ts';
import {
  formatImportProblem,
  IMPORT_PROBLEMS_MAX,
  ProblemList,
} from '../../../fare-engine/import/problems.ts';

const TERMS: ImportTerms = {
  zone: 'Europe/Kyiv',
  currency: 'UAH',
  products: new Map([
    ['pass-30', { counted: false }],
    ['carnet', { counted: true }],
  ]),
  concessions: new Set(['pensioner']),
  tokenOf: (number, kind) => (number === 'aa' ? `k1.${(kind === '' ? '1' : '2').repeat(32)}` : undefined),
};
const TOKEN = `k1.${'a'.repeat(32)}`;
const GOOD: Record<ImportFile, Record<string, string>> = {
  'accounts.csv': { account_id: 'p-1' },
  'media.csv': { account_id: 'p-1', token_id: TOKEN, valid_from: '2026-12-01' },
  'balances.csv': { account_id: 'p-1', amount: '-12,50' },
  'passes.csv': {
    pass_id: 'x',
    account_id: 'p-1',
    fare_product_id: 'pass-30',
    valid_from: '2026-11-20 12:00',
  },
  'entitlements.csv': {
    entitlement_id: 'e',
    account_id: 'p-1',
    concession_id: 'pensioner',
    valid_from: '2024-01-01',
    valid_until: '2030-01-01',
    evidence_sha256: 'AB'.repeat(32),
  },
};
const read = (file: ImportFile, change: Record<string, string> = {}, terms = TERMS) =>
  readImportRow(file, 7, { ...GOOD[file], ...change }, terms);

describe('a good row', () => {
  it.each([
    ['media.csv', { ref: TOKEN, fromMs: Date.parse('2026-12-01T00:00:00+02:00'), untilMs: null }],
    ['balances.csv', { amountMinor: '-1250', currency: 'UAH' }],
    [
      'passes.csv',
      { id: 'x', ref: 'pass-30', fromMs: Date.parse('2026-11-20T12:00:00+02:00'), amountMinor: null },
    ],
    ['entitlements.csv', { id: 'e', ref: 'pensioner', evidenceSha256: 'ab'.repeat(32) }],
  ] as const)('of %s is read', (file, row) => {
    expect(read(file)).toMatchObject({ row: { file, line: 7, accountId: 'p-1', ...row } });
    const known = IMPORT_COLUMNS[file].map((column) => column.replace('?', ''));
    for (const column of Object.keys(GOOD[file])) expect(known).toContain(column);
  });

  it('may name its medium by number, of our own cards or of a kind', () => {
    const number = { token_id: '', medium_number: 'aa' };
    expect(read('media.csv', number)).toMatchObject({ row: { ref: `k1.${'1'.repeat(32)}` } });
    expect(read('media.csv', { ...number, number_kind: 'uid' })).toMatchObject({
      row: { ref: `k1.${'2'.repeat(32)}` },
    });
  });

  it('may bring over a carnet or a pass without a first use, where it is unused', () => {
    const carnet = { fare_product_id: 'carnet', unused: 'yes', prepaid: '100' };
    expect(read('passes.csv', carnet)).toMatchObject({ row: { amountMinor: '10000' } });
  });
});

describe('a bad cell is named with what to do', () => {
  const cases: [ImportFile, Record<string, string>, string][] = [
    ['accounts.csv', { account_id: 'rider:1' }, 'account_id IMPORT_VALUE'],
    ['accounts.csv', { account_id: '' }, 'account_id IMPORT_VALUE'],
    ['media.csv', { token_id: 'k1.x' }, 'token_id IMPORT_VALUE'],
    ['media.csv', { token_id: '' }, 'token_id IMPORT_VALUE'],
    ['media.csv', { medium_number: 'aa' }, 'token_id IMPORT_VALUE'],
    ['media.csv', { token_id: '', medium_number: 'zz' }, 'medium_number IMPORT_VALUE'],
    ['media.csv', { valid_from: '2026-02-30' }, 'valid_from IMPORT_VALUE'],
    ['media.csv', { valid_from: '01.12.2026' }, 'valid_from IMPORT_VALUE'],
    ['media.csv', { valid_until: '2026-12-01' }, 'valid_until IMPORT_VALUE'],
    ['balances.csv', { amount: '12.505' }, 'amount IMPORT_VALUE'],
    ['balances.csv', { amount: '1 200' }, 'amount IMPORT_VALUE'],
    ['balances.csv', { amount: '100000000' }, 'amount IMPORT_VALUE'],
    ['balances.csv', { currency: 'EUR' }, 'currency IMPORT_VALUE'],
    ['passes.csv', { fare_product_id: 'ride' }, 'fare_product_id IMPORT_REFERENCE'],
    ['passes.csv', { fare_product_id: 'carnet' }, 'unused IMPORT_USED'],
    ['passes.csv', { unused: 'ja' }, 'unused IMPORT_VALUE'],
    ['passes.csv', { prepaid: '-1' }, 'prepaid IMPORT_VALUE'],
    ['entitlements.csv', { concession_id: 'astronaut' }, 'concession_id IMPORT_REFERENCE'],
    ['entitlements.csv', { evidence_sha256: 'F84.0' }, 'evidence_sha256 IMPORT_VALUE'],
  ];
  it.each(cases)('%s %j: %s', (file, change, expected) => {
    const found = read(file, change);
    const problems = 'problems' in found ? found.problems : [];
    expect(problems.map(({ column, code }) => `${column} ${code}`)).toEqual([expected]);
    for (const problem of problems) {
      expect(formatImportProblem(problem)).toMatch(new RegExp(`^${file}:7 \\w+: .+ → .+ \\[`));
      // A diagnosis or a card's number is nothing for a report.
      expect(JSON.stringify(problem)).not.toMatch(/F84|zz/);
    }
  });

  it('together with all others of its row', () => {
    const found = read('media.csv', { account_id: '?', token_id: 'x', valid_from: 'never' });
    expect('problems' in found && found.problems).toHaveLength(3);
  });

  it('a number without the key says so', () => {
    const { tokenOf: _, ...without } = TERMS;
    const found = read('media.csv', { token_id: '', medium_number: 'aa' }, without);
    expect('problems' in found && found.problems[0]?.howToMend).toContain('--token-key');
  });
});

it('a list of problems is bounded and counts on', () => {
  const list = new ProblemList();
  const found = read('accounts.csv', { account_id: '' });
  const problems = 'problems' in found ? found.problems : [];
  for (let n = 0; n < IMPORT_PROBLEMS_MAX + 5; n++) list.add(...problems);
  expect([list.listed.length, list.count]).toEqual([IMPORT_PROBLEMS_MAX, IMPORT_PROBLEMS_MAX + 5]);
});

it.each([
  ['2026-12-01', '2026-12-01T00:00+02:00'],
  ['2026-07-01 07:30', '2026-07-01T07:30+03:00'],
  ['2026-07-01T07:30:05', '2026-07-01T07:30:05+03:00'],
  ['2026-07-01T07:30:05.250Z', '2026-07-01T07:30:05.250Z'],
])('the instant %s', (text, expected) => {
  expect(instantCell(text, 'Europe/Kyiv')).toBe(Date.parse(expected));
});
it.each(['2026-13-01', '2026-12-01 24:00', '2026-02-30T10:00Z', '12:00', ''])('%j is no instant', (text) => {
  expect(instantCell(text, 'Europe/Kyiv')).toBeUndefined();
});
it.each([
  ['12.50', 1250n],
  ['-0,05', -5n],
  ['7', 700n],
  ['12,5,0', undefined],
  ['', undefined],
])('the amount %j is %s', (text, minor) => {
  expect(amountCell(text, 'UAH')).toBe(minor);
});
