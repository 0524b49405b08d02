/**
 * Statements as others wrote them: amounts, balances and references are facts from the samples of OCA/bank-statement-import
 * (`account_statement_import_camt/tests/samples`, commits c7bef179, ee8ceb7f, 33695c5e) and genkgo/camt (`test/data`, commits
 * 7688ead9, cf44ab7e, c567a44b, c63ad87f). Some of their balances do not fit their entries; such a file is refused.
 */
import { describe, expect, test } from 'vitest';
import { readCamt053 } from '../../../cli/reconcile/camt053.ts';

const document = (version: string, statements: string, pages = '') =>
  `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.${version}"><BkToCstmrStmt><GrpHdr><MsgId>m</MsgId>${pages}</GrpHdr>${statements}</BkToCstmrStmt></Document>`;
const statement = (...parts: string[]) => `<Stmt><Id>s</Id>${parts.join('\n')}</Stmt>`;
const balance = (code: string, amount: string, currency = 'EUR') =>
  `<Bal><Tp><CdOrPrtry><Cd>${code}</Cd></CdOrPrtry></Tp><Amt Ccy="${currency}">${amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>`;
const entry = (
  amount: string,
  sign: string,
  details: string,
  status = '<Sts>BOOK</Sts>',
  day = '2014-12-31',
) =>
  `<Ntry><Amt Ccy="EUR">${amount}</Amt><CdtDbtInd>${sign}</CdtDbtInd>${status}<BookgDt><Dt>${day}</Dt></BookgDt><ValDt><Dt>2015-01-02</Dt></ValDt>
<NtryDtls>${details}</NtryDtls></Ntry>`;
const named = (reference: string, more = '') =>
  `<TxDtls><Refs><EndToEndId>${reference}</EndToEndId></Refs>${more}</TxDtls>`;
const lines = (text: string) =>
  readCamt053(text).lines.map(
    ({ reference, amountMinor, currency, bookedOn, returned }) =>
      `${bookedOn} ${reference} ${amountMinor} ${currency}${returned === true ? ' returned' : ''}`,
  );

test('a Swiss batch: a line for each slip, by the amounts of the account', () => {
  const slip = (amount: string, reference: string) =>
    `<TxDtls><Refs><AcctSvcrRef>123456CHCAFEBABE</AcctSvcrRef></Refs><Amt Ccy="CHF">${amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<RmtInf><Strd><CdtrRefInf><Ref>${reference}</Ref></CdtrRefInf></Strd></RmtInf></TxDtls>`;
  const batch = `<Ntry><NtryRef>012345678</NtryRef><Amt Ccy="CHF">3483.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><RvslInd>false</RvslInd>
<Sts>BOOK</Sts><BookgDt><Dt>2017-03-22</Dt></BookgDt><NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>
${slip('2187.00', '302388292000011111111111111')}${slip('1296.00', '302388292000022222222222222')}</NtryDtls></Ntry>`;
  const balances = balance('OPBD', '75960.15', 'CHF') + balance('CLBD', '79443.15', 'CHF');
  const page = '<MsgPgntn><PgNb>1</PgNb><LastPgInd>true</LastPgInd></MsgPgntn>';
  expect(lines(document('04', statement(balances, batch), page))).toEqual([
    '2017-03-22 302388292000011111111111111 218700 CHF',
    '2017-03-22 302388292000022222222222222 129600 CHF',
  ]);
});

test('a Dutch statement: paid, returned, received', () => {
  const entries = [
    entry('754.25', 'DBIT', named('435005714488-ABNO33052620'), '<Sts>BOOK</Sts>', '2014-02-05'),
    entry(
      '594.05',
      'DBIT',
      named('TESTBANK/NL/20141229/01206408', '<RtrInf><Rsn><Cd>AC06</Cd></Rsn></RtrInf>'),
      '<RvslInd>true</RvslInd><Sts>BOOK</Sts>',
      '2014-02-05',
    ),
    entry('1405.31', 'CRDT', named('115'), '<Sts>BOOK</Sts>', '2014-02-05'),
  ];
  expect(lines(document('02', statement(...entries)))).toEqual([
    '2014-02-05 435005714488-ABNO33052620 -75425 EUR',
    '2014-02-05 TESTBANK/NL/20141229/01206408 -59405 EUR returned',
    '2014-02-05 115 140531 EUR',
  ]);
  const balances = balance('OPBD', '15568.27') + balance('CLBD', '15121.12');
  expect(() => lines(document('02', statement(balances, ...entries)))).toThrow(
    'its entries come to 5701 minor units, its balances differ by -44715',
  );
});

test('two statements in one message, each by its balances', () => {
  const first = statement(
    balance('OPBD', '18.15') + balance('CLBD', '27.00'),
    entry('8.85', 'CRDT', named('000000001')),
  );
  const second = statement(
    balance('OPBD', '27.00') + balance('CLBD', '20.00'),
    entry('7.00', 'DBIT', named('000000002')),
  );
  const both = ['2014-12-31 000000001 885 EUR', '2014-12-31 000000002 -700 EUR'];
  expect(lines(document('02', first + second))).toEqual(both);
  // German banks: the balance at which the statement before closed.
  const german = (first + second).replaceAll('OPBD', 'PRCD');
  expect(lines(document('02', german))).toEqual(both);
  expect(() => lines(document('02', german.replace('18.15', '18.16')))).toThrow('its balances differ by 884');
});

test('version 8: the status in a code, the day with its time, an amount of nothing in another currency', () => {
  const details = named('MUELL/FINP/RA12345', '<Amt Ccy="SEK">0</Amt><CdtDbtInd>CRDT</CdtDbtInd>');
  const one = entry('8.85', 'CRDT', details, '<Sts><Cd>BOOK</Cd></Sts>').replace(
    '<Dt>2014-12-31</Dt>',
    '<DtTm>2014-12-31T13:15:00+01:00</DtTm>',
  );
  const pages = '<StmtPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></StmtPgntn>';
  const balances = balance('OPBD', '18.15') + balance('CLBD', '27.00', 'SEK').replace('CRDT', 'DBIT');
  expect(lines(document('08', statement(pages, balances, one)))).toEqual([
    '2014-12-31 MUELL/FINP/RA12345 885 EUR',
  ]);
});

describe('balances', () => {
  const one = entry('8.850', 'CRDT', named('000000001'));
  const fits = balance('OPBD', '18.150') + balance('CLBD', '27.00000');
  const off = balance('OPBD', '18.150') + balance('CLBD', '27.050');

  test('with more places than the currency has, all of them 0', () => {
    expect(lines(document('02', statement(fits, one)))).toEqual(['2014-12-31 000000001 885 EUR']);
    expect(() => lines(document('02', statement(off, one)))).toThrow('its balances differ by 890');
    expect(lines(document('02', statement(balance('OPBD', '5442.09000', 'RON'))))).toEqual([]);
  });

  test('of every other kind say nothing of the entries', () => {
    const others = ['OPAV', 'CLAV', 'FWAV', 'INFO', 'ITAV', 'ITBD', 'XPCD'].map((code, i) =>
      balance(code, `${i}.0${i}`),
    );
    expect(lines(document('02', statement(...others, fits, balance('PRCD', '2.02'), one)))).toHaveLength(1);
  });

  test('are not held against the entries of one page of several, of the statement or of the message', () => {
    const page = (name: string, number: string, last: string) =>
      `<${name}><PgNb>${number}</PgNb><LastPgInd>${last}</LastPgInd></${name}>`;
    const read = (of: 'MsgPgntn' | 'StmtPgntn', number: string, last: string) => () =>
      lines(
        of === 'MsgPgntn'
          ? document('02', statement(off, one), page(of, number, last))
          : document('04', statement(page(of, number, last), off, one)),
      );
    for (const of of ['MsgPgntn', 'StmtPgntn'] as const) {
      expect(read(of, '1', 'false')()).toHaveLength(1);
      expect(read(of, '2', 'true')()).toHaveLength(1);
      expect(read(of, '1', 'true')).toThrow('its balances differ by 890');
    }
  });
});

test('an entry without a status, or two messages in one file, are no statement', () => {
  const swedish = entry('345.34', 'CRDT', named('a'), '').replaceAll('EUR', 'SEK');
  expect(() => lines(document('02', statement(swedish)))).toThrow('Ntry has no Sts');
  const message = document('02', statement());
  expect(() => lines(`${message}\n${message}`)).toThrow();
});

test.each([
  ['HUF', '1250.50', 125_050n],
  ['COP', '1250.00', 125_000n],
  ['IDR', '1250', 125_000n],
  ['ALL', '3.40', 340n],
  ['PKR', '0.01', 1n],
  ['IQD', '1.250', 1250n],
  ['JPY', '1250.00', 1250n],
  ['CLF', '1.0001', 10_001n],
])('%s has the coins of ISO 4217, whether people write them or not', (currency, text, minor) => {
  const one = entry(text, 'CRDT', named('a')).replaceAll('EUR', currency);
  expect(readCamt053(document('08', statement(one))).lines).toMatchObject([{ amountMinor: minor, currency }]);
});
