/** Statements in camt.053: what is read, and that each broken file is answered with its line. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test, vi } from 'vitest';
import * as reconcileCommand from '../../../cli/commands/reconcile.ts';
import { bookingsOf } from '../../../cli/reconcile/bookings.ts';
import { CamtProblem, readCamt053 } from '../../../cli/reconcile/camt053.ts';
import { readStatement } from '../../../cli/reconcile/money-files.ts';
import { reconcileMoney } from '../../../fare-engine/bank/reconcile-bank.ts';
import { OperatorError } from '../../../platform/errors.ts';
import { runCommand } from '../../support/command-io.ts';
import '../../support/properties.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const folder = tempFolder('camt');
afterAll(() => folder.remove());

const ENTRY = `<Ntry><Amt Ccy="UAH">27.62</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2025-10-15</Dt></BookgDt>
<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>
<RmtInf><Ustrd>Payout acq-2025-10-14, with thanks &amp; regards</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>`;
const balance = (code: string, amount: string, sign = 'CRDT') =>
  `<Bal><Tp><CdOrPrtry><Cd>${code}</Cd></CdOrPrtry></Tp><Amt Ccy="UAH">${amount}</Amt><CdtDbtInd>${sign}</CdtDbtInd></Bal>`;
const document = (entries: string, more = '', version = '08') =>
  `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.${version}"><BkToCstmrStmt><Stmt>
${more}${entries}
</Stmt></BkToCstmrStmt></Document>`;

test('booked entries become lines, with the reference wherever the bank wrote it', () => {
  const debit = `<Ntry><NtryRef>acq-2025-10-16</NtryRef><Amt Ccy="UAH">5</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><DtTm>2025-10-17T08:00:00+03:00</DtTm></BookgDt></Ntry>`;
  const pending = ENTRY.replace('BOOK', 'PDNG');
  const yen = debit.replace('UAH', 'JPY').replace('acq-2025-10-16', '12345').replace('DBIT', 'CRDT');
  expect(readCamt053(document(ENTRY + debit + pending + yen)).lines).toEqual([
    { line: 3, bookedOn: '2025-10-15', reference: 'acq-2025-10-14', amountMinor: 2762n, currency: 'UAH' },
    { line: 6, bookedOn: '2025-10-17', reference: 'acq-2025-10-16', amountMinor: -500n, currency: 'UAH' },
    { line: 10, bookedOn: '2025-10-17', reference: '12345', amountMinor: 5n, currency: 'JPY' },
  ]);
});

test('an entry that gathers transactions is one line for each, also under a prefix and in an older version', () => {
  const part = (reference: string, amount: string) =>
    `<TxDtls><Refs><EndToEndId>${reference}</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="UAH">${amount}</Amt></TxAmt></AmtDtls></TxDtls>`;
  const entry = `<Ntry><Amt Ccy="UAH">30.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2025-10-15</Dt></BookgDt>
<NtryDtls>${part('kiosk-7-2025-10-14', '10')}${part('pay-2025-10-14', '20.0')}</NtryDtls></Ntry>`;
  const text = document(entry, '', '02')
    .replaceAll('</', '</b:')
    .replaceAll(/<(?=[A-Z])/g, '<b:')
    .replace('xmlns=', 'xmlns:b=');
  expect(readCamt053(text).lines.map(({ reference, amountMinor }) => `${reference} ${amountMinor}`)).toEqual([
    'kiosk-7-2025-10-14 1000',
    'pay-2025-10-14 2000',
  ]);
  expect(readCamt053(document(entry.replace('20.0', '20.01')))).toMatchObject({
    lines: [],
    unmatched: [
      {
        ...{ line: 3, amountMinor: 3000n, currency: 'UAH', reason: 'amounts-differ' },
        references: ['kiosk-7-2025-10-14', 'pay-2025-10-14'],
      },
    ],
  });
});

describe.each(['02', '04', '08'])('version %s, a batch that was paid in another currency', (version) => {
  const own = (minor: string, currency = 'UAH') =>
    version === '02' ? '' : `<Amt Ccy="${currency}">${minor}</Amt><CdtDbtInd>CRDT</CdtDbtInd>`;
  const status = version === '08' ? '<Sts><Cd>BOOK</Cd></Sts>' : '<Sts>BOOK</Sts>';
  const part = (reference: string, amounts: string, mine = '') =>
    `<TxDtls><Refs><EndToEndId>${reference}</EndToEndId></Refs>${mine}<AmtDtls>${amounts}</AmtDtls></TxDtls>`;
  const amount = (of: string, minor: string, currency: string) =>
    `<${of}><Amt Ccy="${currency}">${minor}</Amt></${of}>`;
  const batch = (...parts: string[]) =>
    `<Ntry><Amt Ccy="UAH">97.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>${status}<ValDt><Dt>2025-10-15</Dt></ValDt>
<NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>${parts.join('')}</NtryDtls></Ntry>`;
  const euro = amount('InstdAmt', '1.00', 'EUR');
  const acq = part('acq-2025-10-14', euro + amount('CntrValAmt', '48.50', 'UAH'));
  const read = (...parts: string[]) => {
    const { lines, unmatched } = readCamt053(document(batch(...parts), '', version));
    return [
      ...lines.map(({ reference, amountMinor, bookedOn }) => `${reference} ${amountMinor} ${bookedOn}`),
      ...unmatched.map((one) => `${one.reason} ${one.amountMinor} ${one.references.join(' ')}`),
    ];
  };

  test('is taken by its countervalues, or by what the bank says of each in the account’s currency', () => {
    const pay = part(
      'pay-2025-10-14',
      amount('TxAmt', '1.00', 'EUR') + (version === '02' ? amount('CntrValAmt', '48.5', 'UAH') : ''),
      own('48.50'),
    );
    expect(read(acq, pay)).toEqual(['acq-2025-10-14 4850 2025-10-15', 'pay-2025-10-14 4850 2025-10-15']);
  });

  test('is listed as far as it is told in the other currency alone, or not at all', () => {
    expect(read(acq, part('pay-2025-10-14', euro))).toEqual([
      'acq-2025-10-14 4850 2025-10-15',
      'foreign-currency 4850 pay-2025-10-14',
    ]);
    expect(read(part('a-2025-10-14', euro), part('b-2025-10-14', euro))).toEqual([
      'foreign-currency 9700 a-2025-10-14 b-2025-10-14',
    ]);
    expect(read(acq, part('pay-2025-10-14', ''))).toEqual([
      'acq-2025-10-14 4850 2025-10-15',
      'no-amounts 4850 pay-2025-10-14',
    ]);
  });

  test('is one line where all of it is one payout', () => {
    const half = part('acq-2025-10-14', euro);
    expect(read(half, half)).toEqual(['acq-2025-10-14 9700 2025-10-15']);
  });
});

test('several statements in a file are read each by its balances; what goes back is told from what is paid', () => {
  const other = ENTRY.replace('CRDT', 'DBIT')
    .replace('</Refs>', '</Refs><RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>')
    .replace('acq-2025', 'kiosk-7-2025');
  const text = document(ENTRY, balance('OPBD', '0.00') + balance('CLBD', '27.62')).replace(
    '</Stmt>',
    `</Stmt><Stmt>${balance('OPBD', '30.00')}${balance('CLBD', '2.38')}${other}</Stmt>`,
  );
  const { lines } = readCamt053(text);
  expect(lines.map(({ reference, amountMinor, returned }) => [reference, amountMinor, returned])).toEqual([
    ['acq-2025-10-14', 2762n, undefined],
    ['kiosk-7-2025-10-14', -2762n, true],
  ]);
  const reversal = ENTRY.replace('<Sts>', '<RvslInd>true</RvslInd><Sts>');
  expect(readCamt053(document(reversal)).lines[0]?.returned).toBe(true);
  const tills = [{ line: 2, reference: 'kiosk-7', amountMinor: 2762n, currency: 'UAH', day: '2025-10-14' }];
  const ledger = {
    clearing: [],
    provider: [],
    tills: [{ till: 'kiosk-7', amountMinor: 2762n, currency: 'UAH' }],
  };
  const rules = { day: '2025-10-14', acquirerId: 'acq', providerId: 'pay' };
  const paidIn = { ...(lines[1] as (typeof lines)[number]), amountMinor: 2762n, returned: false };
  const found = reconcileMoney(ledger, { tills, statement: [paidIn, ...lines] }, rules);
  expect(found.map(({ reference, reason, foundMinor }) => [reference, reason, foundMinor])).toEqual([
    ['kiosk-7-2025-10-14', 'returned', -2762n],
  ]);
});

test('balances that the entries do not explain are named', () => {
  const fits = balance('OPBD', '1.00', 'DBIT') + balance('CLBD', '26.62');
  expect(readCamt053(document(ENTRY, fits)).lines).toHaveLength(1);
  expect(() => readCamt053(document(ENTRY, fits.replace('26.62', '26.63')))).toThrow(
    'its entries come to 2762 minor units, its balances differ by 2763',
  );
});

test('what it costs grows with the file: lines are counted once, and no endless text is searched for a reference', () => {
  const entries = Array.from({ length: 300 }, (_, at) => ENTRY.replace('acq-2025', `acq${at}-2025`));
  const looks = vi.spyOn(String.prototype, 'indexOf');
  const { lines } = readCamt053(document(entries.join('\n')));
  const lookedFor = looks.mock.calls.filter(([what]) => what === '\n').length;
  looks.mockRestore();
  expect([lines[0]?.line, lines[299]?.line, lines[299]?.reference]).toEqual([3, 1199, 'acq299-2025-10-14']);
  expect(lookedFor).toBeLessThan(1300 + 300);
  const endless = ENTRY.replace('Payout acq-2025-10-14', 'a'.repeat(500_000));
  expect(readCamt053(document(endless)).lines[0]?.reference).toHaveLength(128);
});

describe('a broken file', () => {
  const laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>';
  test.each([
    ['no XML to its end', document(ENTRY).slice(0, -30), 'Missing end tag'],
    ['another message', document(ENTRY).replace('camt.053', 'camt.052'), 'it is no camt.053 document'],
    ['no statement', document(ENTRY).replaceAll('BkToCstmrStmt', 'Other'), 'Document has no BkToCstmrStmt'],
    ['a document type', document(ENTRY).replace('?>', `?>${laughs}`), 'it has a document type'],
    ['an entity', document(ENTRY).replace('&amp;', '&b;'), "Named entity isn't defined"],
    ['another encoding', document(ENTRY).replace('UTF-8', 'windows-1251'), 'UTF-8 is needed'],
    ['an amount in words', document(ENTRY.replace('27.62', 'a lot')), 'is no amount of a currency'],
    ['an amount below zero', document(ENTRY.replace('27.62', '-27.62')), 'is no amount of a currency'],
    ['no currency', document(ENTRY.replace(' Ccy="UAH"', '')), 'is no amount of a currency'],
    ['parts of a kopiyka', document(ENTRY.replace('27.62', '27.625')), 'is finer than UAH has coins'],
    ['no side', document(ENTRY.replace('CRDT', 'CREDIT')), 'neither CRDT nor DBIT'],
    ['no date', document(ENTRY.replace('2025-10-15', '15.10.2025')), 'BookgDt is no date'],
    ['no status', document(ENTRY.replace(/<Sts>.*<\/Sts>/, '')), 'Ntry has no Sts'],
    ['elements without an end', '<Document>'.repeat(50_000), ''],
  ])('%s', (_what, text, problem) => {
    const file = join(folder.path, 'statement.xml');
    writeFileSync(file, text);
    const read = (): unknown => readStatement(file);
    expect(read).toThrow(OperatorError);
    expect(read).toThrow(problem);
    expect(read).toThrow(/statement\.xml, line \d+: /);
  });

  test('bytes that are no UTF-8, and more of them than are taken', () => {
    const file = join(folder.path, 'bytes.xml');
    writeFileSync(file, Buffer.from(document(ENTRY).replace('thanks', 'thanks \u00ff'), 'latin1'));
    expect(() => readStatement(file)).toThrow('it is not UTF-8');
    writeFileSync(file, `<${' '.repeat(8 * 1024 * 1024)}`);
    expect(() => readStatement(file)).toThrow('XML of more than 8388608 bytes');
  });

  test('any change of one is read or answered, and nothing else', () => {
    const whole = document(ENTRY, balance('OPBD', '1.00') + balance('CLBD', '28.62'));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(40), fc.string({ maxLength: 6 }), (at, cut, put) => {
        try {
          readCamt053(whole.slice(0, at) + put + whole.slice(at + cut));
        } catch (error) {
          expect(error).toBeInstanceOf(CamtProblem);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

test('of files that agree the day’s own lines are booked: fees and payouts, by currency, once', () => {
  const line = (at: number, change: object) => ({
    ...{ line: at, settledOn: '2025-10-14', kind: 'clearing' as const, reference: `c${at}` },
    ...{ amountMinor: 1400n, currency: 'UAH', feeMinor: 13n, ...change },
  });
  const clearing = [
    line(2, {}),
    line(3, { kind: 'chargeback', amountMinor: 400n, feeMinor: 0n }),
    line(4, { settledOn: '2025-10-15' }),
  ];
  const statement = [
    { line: 2, bookedOn: '2025-10-15', reference: 'acq-2025-10-14', amountMinor: 987n, currency: 'UAH' },
  ];
  const rules = { day: '2025-10-14', acquirerId: 'acq', providerId: 'pay' };
  const found = bookingsOf({ clearing, statement }, rules);
  expect(found.map(({ bookingId, feeMinor, netMinor }) => [bookingId, feeMinor, netMinor])).toEqual([
    ['clearing-acq-2025-10-14-UAH', '13', '987'],
    ['payout-acq-2025-10-14-UAH', '0', '987'],
  ]);
  const provider = [
    { ...line(2, { kind: undefined }), paidOn: '2025-10-14', feeMinor: 20n },
    { ...line(3, { kind: undefined, amountMinor: -400n }), paidOn: '2025-10-14', feeMinor: 0n },
  ];
  const tills = [{ ...line(2, { reference: 'kiosk-7', amountMinor: 500n }), day: '2025-10-14' }];
  const others = ['pay', 'kiosk-7', 'kiosk-8'].map((name, at) => ({
    ...(statement[0] as (typeof statement)[number]),
    ...{ reference: `${name}-2025-10-14`, amountMinor: [980n, 500n, 1n][at] as bigint },
  }));
  const three = bookingsOf({ provider, tills, statement: [...statement, ...others] }, rules);
  expect(three.map(({ bookingId, feeMinor, netMinor }) => [bookingId, feeMinor, netMinor])).toEqual([
    ['provider-pay-2025-10-14-UAH', '20', '980'],
    ['payout-pay-2025-10-14-UAH', '0', '980'],
    ['deposit-kiosk-7-2025-10-14-UAH', '0', '500'],
  ]);
  const alone = bookingsOf({ clearing: clearing.slice(0, 2) }, rules);
  expect(alone).toEqual(found.slice(0, 1));
});

test('a statement that is held against no clearing file is not booked', async () => {
  const file = join(folder.path, 'alone.xml');
  writeFileSync(file, document(ENTRY));
  const booking = ['bank', '2025-10-14', '--statement', file, '--book', '--by', 'Олена'];
  await expect(runCommand(reconcileCommand, booking)).rejects.toThrow(
    '--book needs --clearing, --provider or --tills',
  );
});
