/** Every reason is provoked, and what agrees says nothing. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readClearing, readProvider, readStatement, readTills } from '../../../cli/reconcile/money-files.ts';
import {
  type DayFiles,
  type LedgerDay,
  type LedgerMove,
  reconcileMoney,
} from '../../../fare-engine/bank/reconcile-bank.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const DAY = '2025-10-14';
const RULES = { day: DAY, acquirerId: 'acq', providerId: 'pay', feePermille: 9n };
const move = (reference: string, amountMinor: bigint, change: Partial<LedgerMove> = {}): LedgerMove => ({
  reference,
  kind: 'clearing',
  amountMinor,
  currency: 'UAH',
  ofDay: true,
  ...change,
});
const LEDGER: LedgerDay = {
  clearing: [move('c1', 2800n), move('c2', 1400n), move('r1', 1400n, { kind: 'refund' })],
  provider: [move('top-1', 5000n, { kind: 'paid' })],
  tills: [{ till: 'kiosk-7', amountMinor: 10_000n, currency: 'UAH' }],
};
const clearing = (
  line: number,
  reference: string,
  amountMinor: bigint,
  feeMinor: bigint,
  kind = 'clearing',
) => ({
  line,
  reference,
  amountMinor,
  feeMinor,
  kind: kind as 'clearing',
  currency: 'UAH',
  settledOn: DAY,
});
const line = (at: number, reference: string, amountMinor: bigint) => ({
  line: at,
  reference,
  amountMinor,
  currency: 'UAH',
});
const FILES: Required<DayFiles> = {
  clearing: [
    clearing(2, 'c1', 2800n, 25n),
    clearing(3, 'c2', 1400n, 13n),
    clearing(4, 'r1', 1400n, 0n, 'refund'),
  ],
  provider: [{ ...line(2, 'top-1', 5000n), paidOn: DAY, feeMinor: 50n }],
  tills: [{ ...line(2, 'kiosk-7', 10_000n), day: DAY }],
  statement: [
    { ...line(2, `acq-${DAY}`, 2762n), bookedOn: '2025-10-15' },
    { ...line(3, `pay-${DAY}`, 4950n), bookedOn: '2025-10-15' },
    { ...line(4, `kiosk-7-${DAY}`, 10_000n), bookedOn: '2025-10-15' },
  ],
};
const reasons = (ledger: LedgerDay, files: DayFiles): string[] =>
  reconcileMoney(ledger, files, RULES).map(
    ({ book, line: at, reference, reason, expectedMinor, foundMinor }) =>
      `${book}:${at} ${reason} ${reference} ${expectedMinor}/${foundMinor}`,
  );

test('books that agree say nothing, and a file that is not given is not missed', () => {
  expect(reasons(LEDGER, FILES)).toEqual([]);
  expect(reasons(LEDGER, {})).toEqual([]);
});

describe('the acquirer', () => {
  const [c1, c2, r1] = FILES.clearing as [
    ReturnType<typeof clearing>,
    ReturnType<typeof clearing>,
    ReturnType<typeof clearing>,
  ];
  test.each([
    ['clearing:null missing-in-file c2 1400/null', [c1, r1]],
    ['clearing:5 missing-in-ledger c9 null/100', [c1, c2, r1, clearing(5, 'c9', 100n, 1n)]],
    ['clearing:3 amount c2 1400/1300', [c1, { ...c2, amountMinor: 1300n, feeMinor: 12n }, r1]],
    ['clearing:3 currency c2 1400/1400', [c1, { ...c2, currency: 'EUR' }, r1]],
    ['clearing:5 duplicate c1 null/2800', [c1, c2, r1, { ...c1, line: 5 }]],
    ['clearing:2 fee c1 25/26', [{ ...c1, feeMinor: 26n }, c2, r1]],
  ])('%s', (said, lines) => {
    expect(reasons(LEDGER, { clearing: lines })).toEqual([said]);
  });

  test('has put a clearing into the next day: its file too, and nothing is missed', () => {
    const late = { ...c2, settledOn: '2025-10-15' };
    expect(reasons(LEDGER, { clearing: [c1, r1, late] })).toEqual([]);
    const early = {
      ...LEDGER,
      clearing: LEDGER.clearing.map((one) => ({ ...one, ofDay: one.reference !== 'c2' })),
    };
    expect(reasons(early, { clearing: [c1, c2, r1] })).toEqual([]);
  });
});

test('lines of several files say in which they stand; parts that were charged back are told apart by their amount', () => {
  const back = (at: number, minor: bigint) => clearing(at, 'c1', minor, 0n, 'chargeback');
  const ledger = {
    ...LEDGER,
    clearing: [move('c1', 300n, { kind: 'chargeback' }), move('c1', 200n, { kind: 'chargeback' })],
  };
  expect(reasons(ledger, { clearing: [back(2, 200n), back(3, 300n)] })).toEqual([]);
  const found = reconcileMoney(
    ledger,
    {
      clearing: [
        { ...back(2, 200n), file: 'a.csv' },
        { ...back(2, 301n), file: 'b.csv' },
      ],
    },
    RULES,
  );
  expect(found).toEqual([
    {
      ...{ book: 'clearing', file: 'b.csv', line: 2, reference: 'c1', reason: 'amount' },
      ...{ expectedMinor: 300n, foundMinor: 301n },
    },
  ]);
});

test('a payout is held against a file that was given, and against no other', () => {
  const { statement, provider, tills } = FILES;
  const wrong = statement.map((one) => ({ ...one, amountMinor: one.amountMinor + 1n }));
  expect(reasons(LEDGER, { provider, tills, statement })).toEqual([]);
  expect(reasons(LEDGER, { statement: wrong })).toEqual([]);
  expect(reasons(LEDGER, { provider, statement: wrong })).toEqual([
    'statement:3 payout-amount pay-2025-10-14 4950/4951',
  ]);
});

test('provider, tills and statement: missing, other sums, twice', () => {
  const [top] = FILES.provider as [(typeof FILES.provider)[number]];
  expect(reasons(LEDGER, { provider: [] })).toEqual(['provider:null missing-in-file top-1 5000/null']);
  expect(
    reasons(LEDGER, {
      provider: [
        { ...top, amountMinor: 5001n },
        { ...top, line: 3 },
      ],
    }),
  ).toEqual(['provider:2 duplicate top-1 null/5001']);
  const [till] = FILES.tills as [(typeof FILES.tills)[number]];
  expect(reasons(LEDGER, { tills: [{ ...till, amountMinor: 9_900n }] })).toEqual([
    'tills:2 amount kiosk-7 10000/9900',
  ]);
  expect(reasons(LEDGER, { tills: [{ ...till, reference: 'kiosk-8' }] })).toEqual([
    'tills:2 missing-in-ledger kiosk-8 0/10000',
    'tills:null missing-in-file kiosk-7 10000/null',
  ]);
  const [acquirer, provider, kiosk] = FILES.statement as [
    (typeof FILES.statement)[number],
    (typeof FILES.statement)[number],
    (typeof FILES.statement)[number],
  ];
  expect(
    reasons(LEDGER, {
      ...FILES,
      statement: [{ ...acquirer, amountMinor: 2700n }, provider, kiosk, { ...kiosk, line: 5 }],
    }),
  ).toEqual([
    'statement:2 payout-amount acq-2025-10-14 2762/2700',
    'statement:5 duplicate kiosk-7-2025-10-14 null/10000',
  ]);
  expect(
    reasons(LEDGER, {
      ...FILES,
      statement: [provider, kiosk, { ...kiosk, line: 6, reference: `kiosk-9-${DAY}` }],
    }),
  ).toEqual([
    'statement:6 missing-in-ledger kiosk-9-2025-10-14 null/10000',
    'statement:null payout-missing acq-2025-10-14 2762/null',
  ]);
});

test('files are read as they are documented; a line without its form is named', () => {
  const folder = tempFolder('money');
  const write = (name: string, text: string): string => {
    const file = join(folder.path, name);
    writeFileSync(file, text);
    return file;
  };
  try {
    const head = 'settled_on,kind,reference,amount_minor,currency,fee_minor\n';
    expect(readClearing(write('c.csv', `${head}${DAY},clearing,c1,2800,UAH,25\n`))).toEqual([
      clearing(2, 'c1', 2800n, 25n),
    ]);
    expect(
      readProvider(
        write('p.csv', `paid_on,reference,amount_minor,currency,fee_minor\n${DAY},top-1,5000,UAH,50\n`),
      ),
    ).toHaveLength(1);
    expect(
      readTills(write('t.csv', `till,day,amount_minor,currency\nkiosk-7,${DAY},-5,UAH\n`))[0]?.amountMinor,
    ).toBe(-5n);
    expect(readStatement(write('s.csv', 'booked_on,reference,amount_minor,currency\n')).lines).toEqual([]);
    const statement = 'booked_on,reference,amount_minor,currency\n';
    const words = `"Виплата, acq-${DAY}: еквайринг"`;
    const booked = `${statement}${DAY},acq-${DAY},1,UAH\n${DAY},${words},2,UAH\n${DAY},Оренда № 7,-3,UAH\n${DAY},,4,UAH\n`;
    const references = (text: string) =>
      readStatement(write('s.csv', text)).lines.map((one) => one.reference);
    expect(references(`\uFEFF${booked.replaceAll('\n', '\r\n')}`)).toEqual([
      ...[`acq-${DAY}`, `acq-${DAY}`, 'Оренда № 7', 'without-reference'],
    ]);
    writeFileSync(
      join(folder.path, 'cp1251.csv'),
      Buffer.from(`${statement}${DAY},\xce\xf0,1,UAH\n`, 'latin1'),
    );
    expect(() => readStatement(join(folder.path, 'cp1251.csv'))).toThrow('it is not UTF-8');
    for (const [text, at] of [
      [`${head}${DAY},clearing,c1,28.00,UAH,25\n`, 'line 2: amount_minor'],
      [`${head}${DAY},gift,c1,28,UAH,25\n`, 'line 2: kind'],
      [`${head}${DAY},clearing,c1,28,UAH\n`, 'line 2: 5 columns'],
      ['day,kind\n', 'line 1: the header'],
      ['', 'line 1: the header'],
    ] as const)
      expect(() => readClearing(write('bad.csv', text))).toThrow(at);
    expect(() => readClearing(join(folder.path, 'not-there.csv'))).toThrow(
      'not-there.csv cannot be read (ENOENT)',
    );
  } finally {
    folder.remove();
  }
});
