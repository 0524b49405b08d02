import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readImportTable } from '../../../fare-engine/adapters/import-table.ts';
import { parsePayload } from '../../../fare-engine/command-kinds.ts';
import {
  amountCell,
  IMPORT_COLUMNS,
  type ImportFile,
  type ImportTerms,
  instantCell,
} from '../../../fare-engine/import/import-files.ts';
import { importLeaves } from '../../../fare-engine/import/import-leaves.ts';
import { readImportRow } from '../../../fare-engine/import/import-rows.ts';
import {
  formatImportProblem,
  IMPORT_PROBLEMS_MAX,
  type ImportProblem,
  ProblemList,
} from '../../../fare-engine/import/problems.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const DAY = Date.parse('2026-12-01T04:30:00+02:00');
const TERMS: ImportTerms = {
  zone: 'Europe/Kyiv',
  currency: 'UAH',
  nowMs: Date.parse('2026-12-01T12:00:00+02:00'),
  products: new Map([
    ['pass-30', { counted: false }],
    ['carnet', { counted: true }],
  ]),
  concessions: new Set(['pensioner']),
  quotas: new Map([['pensioner', 'month']]),
  caps: new Map([
    ['day', { basis: 'amount', untilMs: (ms) => (ms === DAY ? ms + 86_400_000 : undefined) }],
    ['ten', { basis: 'rides', untilMs: (ms) => ms + 86_400_000 }],
  ]),
  routes: new Set(['A1', 'tram: 2']),
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
  'quotas.csv': { account_id: 'p-1', concession_id: 'pensioner', period_from: '2026-12-01', rides: '47' },
  'uses.csv': { account_id: 'p-1', pass_id: 'x', rides: '7', first_used: '2026-11-20 12:00' },
  'caps.csv': { account_id: 'p-1', cap_id: 'day', period_from: '2026-12-01 04:30', amount: '12,50' },
  'rides.csv': { account_id: 'p-1', at: '2026-12-01 07:30', route_id: 'tram: 2', vehicle_id: 'b 7' },
  'denials.csv': { token_id: TOKEN, reason: 'lost', valid_from: '2026-11-20' },
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
    [
      'quotas.csv',
      {
        id: expect.stringMatching(/^quota-[0-9a-f]{32}$/),
        ref: 'used:pensioner:47:0',
        fromMs: Date.parse('2026-12-01T00:00:00+02:00'),
        untilMs: Date.parse('2027-01-01T00:00:00+02:00'),
      },
    ],
    ['uses.csv', { ref: 'uses:x:7', fromMs: Date.parse('2026-11-20T12:00:00+02:00'), untilMs: null }],
    ['caps.csv', { ref: 'spent:day:1250:0', fromMs: DAY, untilMs: DAY + 86_400_000 }],
    [
      'rides.csv',
      {
        ref: `begun:tram%3A%202::b%207:0:${Date.parse('2026-12-01T07:30:00+02:00')}`,
        fromMs: Date.parse('2026-12-01T07:30:00+02:00'),
        untilMs: null,
      },
    ],
    ['denials.csv', { accountId: null, ref: TOKEN, reason: 'lost', scope: 'all', untilMs: null }],
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
    expect(read('passes.csv', carnet)).toMatchObject({ row: { amountMinor: '10000', scope: null } });
    expect(read('passes.csv', { ...carnet, unused: 'no' })).toMatchObject({ row: { scope: 'used' } });
  });

  it('may bring over a pass of which nobody knows since when, as 1970-01-01', () => {
    const fromMs = Date.parse('1970-01-01T00:00+03:00');
    expect(read('passes.csv', { valid_from: '1970-01-01' })).toMatchObject({ row: { fromMs } });
    const sold = {
      passId: 'p',
      accountId: 'a',
      fareProductId: 'pass',
      validFromMs: fromMs,
      amountMinor: '0',
    };
    expect(parsePayload('sell-pass', { ...sold, currency: 'UAH', source: 'till' })).toMatchObject({
      ok: true,
    });
  });

  it('may say how often a ride was a transfer, and what a cap of rides counted', () => {
    const transfer = { transfers: '2', first_at: '2026-12-01 07:00' };
    expect(read('rides.csv', transfer)).toMatchObject({
      row: { ref: expect.stringMatching(/:2:1796101200000$/) },
    });
    const now = { first_used: '2026-12-01 12:00' };
    expect(read('uses.csv', now)).toMatchObject({ row: { fromMs: TERMS.nowMs } });
    const ten = { cap_id: 'ten', amount: '', rides: '9' };
    expect(read('caps.csv', ten)).toMatchObject({ row: { ref: 'spent:ten:0:9' } });
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
    ['passes.csv', { valid_from: '0000-01-01' }, 'valid_from IMPORT_VALUE'],
    ['passes.csv', { valid_from: '1969-12-31' }, 'valid_from IMPORT_VALUE'],
    ['passes.csv', { valid_from: '9999-12-31' }, 'valid_from IMPORT_VALUE'],
    ['passes.csv', { prepaid: '-1' }, 'prepaid IMPORT_VALUE'],
    ['entitlements.csv', { concession_id: 'astronaut' }, 'concession_id IMPORT_REFERENCE'],
    ['entitlements.csv', { evidence_sha256: 'F84.0' }, 'evidence_sha256 IMPORT_VALUE'],
    ['quotas.csv', { concession_id: 'student' }, 'concession_id IMPORT_REFERENCE'],
    ['quotas.csv', { period_from: '2026-12-02' }, 'period_from IMPORT_VALUE'],
    ['quotas.csv', { period_from: '2026-11-30 23:59:59' }, 'period_from IMPORT_VALUE'],
    ['quotas.csv', { rides: '-1' }, 'rides IMPORT_VALUE'],
    ['quotas.csv', { rides: '100000' }, 'rides IMPORT_VALUE'],
    ['quotas.csv', { amount: '-0.01' }, 'amount IMPORT_VALUE'],
    ['uses.csv', { rides: '0' }, 'rides IMPORT_VALUE'],
    ['uses.csv', { rides: '' }, 'rides IMPORT_VALUE'],
    ['uses.csv', { first_used: '' }, 'first_used IMPORT_VALUE'],
    ['uses.csv', { pass_id: 'a'.repeat(128) }, 'pass_id IMPORT_VALUE'],
    ['caps.csv', { cap_id: 'no' }, 'cap_id IMPORT_REFERENCE'],
    ['caps.csv', { period_from: '2026-12-01 04:29:59' }, 'period_from IMPORT_VALUE'],
    ['caps.csv', { cap_id: 'ten', rides: '1', period_from: '9999-12-31' }, 'period_from IMPORT_VALUE'],
    ['quotas.csv', { period_from: '9999-12-01' }, 'period_from IMPORT_VALUE'],
    ['uses.csv', { first_used: '1969-12-31' }, 'first_used IMPORT_VALUE'],
    ['uses.csv', { first_used: '2026-12-01 12:00:01' }, 'first_used IMPORT_VALUE'],
    ['uses.csv', { first_used: '2026-12-01T12:00:00+01:00' }, 'first_used IMPORT_VALUE'],
    ['rides.csv', { at: '2026-12-01 12:01' }, 'at IMPORT_VALUE'],
    ['rides.csv', { at: '9999-12-31T23:59:59-14:00' }, 'at IMPORT_VALUE'],
    ['caps.csv', { amount: '' }, 'amount IMPORT_VALUE'],
    ['caps.csv', { amount: '-1' }, 'amount IMPORT_VALUE'],
    ['caps.csv', { cap_id: 'ten' }, 'rides IMPORT_VALUE'],
    ['caps.csv', { rides: '1.5' }, 'rides IMPORT_VALUE'],
    ['rides.csv', { route_id: 'B9' }, 'route_id IMPORT_REFERENCE'],
    ['rides.csv', { transfers: '100', first_at: '2026-12-01 07:00' }, 'transfers IMPORT_VALUE'],
    ['rides.csv', { transfers: '1' }, 'first_at IMPORT_VALUE'],
    ['rides.csv', { first_at: '2026-12-01 07:00' }, 'first_at IMPORT_VALUE'],
    ['rides.csv', { stop_id: 'a'.repeat(128) }, 'route_id IMPORT_VALUE'],
    ['media.csv', { valid_from: '2027-02-29' }, 'valid_from IMPORT_VALUE'],
    ['denials.csv', { reason: 'stolen' }, 'reason IMPORT_VALUE'],
    ['denials.csv', { scope: 'some' }, 'scope IMPORT_VALUE'],
    ['denials.csv', { valid_until: '2026-11-20' }, 'valid_until IMPORT_VALUE'],
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

describe('the leaves of an import', () => {
  const run = {
    ...{ commandId: 'c', importId: 'i', system: 'old', by: 'who', files: [], inputSha256: '' },
  };
  const rowOf = (file: ImportFile, change: Record<string, string> = {}) => {
    const found = read(file, change);
    return 'row' in found ? [found.row] : [];
  };

  it('name each row word by word, with what is posted for it', () => {
    const said = (file: ImportFile, change?: Record<string, string>) =>
      [...importLeaves(run, file, rowOf(file, change), 4)].map((bytes) => JSON.parse(bytes));
    expect(said('entitlements.csv')).toEqual([
      {
        ...{ v: 1, commandId: 'c', kind: 'import', submittedBy: 'who' },
        inputs: {
          ...{ importId: 'i', part: 5, file: 'entitlements.csv' },
          facts: [
            {
              ...{ entitlementId: 'e', accountId: 'p-1', concessionId: 'pensioner' },
              validFromMs: Date.parse('2024-01-01T00:00:00+02:00'),
              validUntilMs: Date.parse('2030-01-01T00:00:00+02:00'),
              evidenceSha256: 'ab'.repeat(32),
            },
          ],
        },
      },
    ]);
    expect(said('balances.csv')[0].postings).toEqual([
      ['opening:old:p-1:UAH', 'rider:p-1', 'opening:old', '1250', 'UAH'],
    ]);
    expect(said('balances.csv', { amount: '12.50' })[0].postings).toEqual([
      ['opening:old:p-1:UAH', 'opening:old', 'rider:p-1', '1250', 'UAH'],
    ]);
    expect(said('balances.csv', { amount: '0' })).toEqual([]);
    expect(said('denials.csv')[0].inputs.facts[0]).toMatchObject({ tokenId: TOKEN, reason: 'lost' });
  });

  it('stay far under the 64 KiB of an entry and leave no row out', () => {
    const long = { pass_id: 'p'.repeat(128), account_id: 'a'.repeat(128), prepaid: '99999999.99' };
    const rows = Array.from({ length: 300 }, () => rowOf('passes.csv', long)).flat();
    const leaves = [...importLeaves(run, 'passes.csv', rows, 0)];
    expect(Math.max(...leaves.map((bytes) => Buffer.byteLength(bytes)))).toBeLessThan(48_000);
    const parsed = leaves.map((bytes) => JSON.parse(bytes));
    expect(parsed.map(({ inputs }) => inputs.part)).toEqual(leaves.map((_, i) => i + 1));
    expect(parsed.flatMap(({ inputs }) => inputs.facts)).toHaveLength(300);
    expect(parsed.flatMap(({ postings }) => postings)).toHaveLength(300);
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
  ['2028-02-29', '2028-02-29T00:00+02:00'],
  ['2026-07-01 07:30', '2026-07-01T07:30+03:00'],
  ['2026-07-01T07:30:05', '2026-07-01T07:30:05+03:00'],
  ['2026-07-01T07:30:05.250Z', '2026-07-01T07:30:05.250Z'],
])('the instant %s', (text, expected) => {
  expect(instantCell(text, 'Europe/Kyiv')).toBe(Date.parse(expected));
});
it.each([
  '2026-13-01',
  '2027-02-29',
  '2100-02-29 10:00',
  '2026-12-01 24:00',
  '2026-02-30T10:00Z',
  '12:00',
  '',
])('%j is no instant', (text) => {
  expect(instantCell(text, 'Europe/Kyiv')).toBeUndefined();
});
it.each([
  ['12.50', 1250n],
  ['-0,05', -5n],
  ['7', 700n],
  ['12,5,0', undefined],
  // A thousand and a half, or one and a half: nobody knows.
  ['1,500', undefined],
  ['1.000', undefined],
  ['', undefined],
])('the amount %j is %s', (text, minor) => {
  expect(amountCell(text, 'UAH')).toBe(minor);
});

describe('the bytes of a file', () => {
  const folder = tempFolder('import-bytes');
  afterAll(() => folder.remove());
  const form = { file: 'balances.csv', columns: IMPORT_COLUMNS['balances.csv'] };
  async function table(bytes: Buffer | string): Promise<{ rows: unknown[]; problems: string[] }> {
    const path = join(folder.path, 'balances.csv');
    writeFileSync(path, bytes);
    const [rows, problems]: [unknown[], string[]] = [[], []];
    const add = (_line: number, cells: object): void => void rows.push(Object.values(cells));
    await readImportTable(path, form, add, (problem) => problems.push(formatImportProblem(problem)));
    return { rows, problems };
  }
  const good = 'account_id,amount\np-1,12.50\n';

  it.each([
    ['a mark of its order', `\uFEFF${good}`],
    ['lines of Windows', good.replaceAll('\n', '\r\n')],
    ['lines of old Macs', good.replaceAll('\n', '\r')],
    ['no end of its last line', good.trimEnd()],
    ['quotes', '"account_id","amount"\n"p-1","12.50"\n'],
    ['semicolons', good.replaceAll(',', ';')],
    ['empty lines', good.replace('\n', '\n\n\n')],
  ])('may have %s', async (_what, text) => {
    expect(await table(text)).toEqual({ rows: [['p-1', '12.50']], problems: [] });
  });

  it.each([
    [
      'in Windows-1251',
      Buffer.concat([Buffer.from(`${good}p-`), Buffer.from([0xcf, 0x2c, 0x31])]),
      /:3: not UTF-8/,
    ],
    ['with a quote that does not end', `${good}"p-2,1\n`, /not CSV: .*the quotes/],
    ['with a comma in an amount and commas between', `${good}p-2,1,50\n`, /:3: 3 values, the header has 2/],
    ['that are none', '', /:1: the file is empty/],
    ['longer than any row', `${good}p-2,${'1'.repeat(20_000)}\n`, /not CSV: /],
  ])('%s are refused with the line and what to do', async (_what, bytes, said) => {
    const { problems } = await table(bytes);
    expect(problems).toEqual([expect.stringMatching(said)]);
    expect(problems[0]).toMatch(/^balances\.csv:\d+: .+ → .+ \[IMPORT_FILE\]$/);
  });
});

describe('a card’s number that stands where it should not', () => {
  const PAN = '4761739001010010';

  it('as a token is in no message', () => {
    for (const file of ['media.csv', 'denials.csv'] as const) {
      const found = read(file, { token_id: PAN });
      expect(found).toHaveProperty('problems.0.message', 'not a token');
      expect(JSON.stringify(found)).not.toContain(PAN);
    }
  });

  it('in the first line of a file without names of columns is in no message', async () => {
    const folder = tempFolder('import-table');
    try {
      const path = join(folder.path, 'media.csv');
      writeFileSync(path, `p-1,${PAN},${PAN},2026-12-01\n`);
      const problems: ImportProblem[] = [];
      const form = { file: 'media.csv', columns: IMPORT_COLUMNS['media.csv'] };
      await readImportTable(path, form, fail, (problem) => problems.push(problem));
      expect(problems.map(({ message }) => message)).toContain('a column whose name is none');
      expect(JSON.stringify(problems)).not.toContain(PAN);
    } finally {
      folder.remove();
    }
  });
});

function fail(): never {
  throw new Error('a row was read');
}
