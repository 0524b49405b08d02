/** What goes wrong between a bank, an acquirer and the books: real PostgreSQL, the sandbox acquirer as a real HTTP server. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as bankCommand from '../../../cli/commands/bank.ts';
import * as reconcileCommand from '../../../cli/commands/reconcile.ts';
import { readBacklog } from '../../../fare-engine/adapters/read-backlog.ts';
import { readMoneyDay } from '../../../fare-engine/bank/read-money-day.ts';
import { netOf, reconcileMoney } from '../../../fare-engine/bank/reconcile-bank.ts';
import { derivedAccountId } from '../../../fare-engine/facts/account-of.ts';
import { reconcile } from '../../../fare-engine/reconcile.ts';
import { showBankTroubles } from '../../../fare-engine/show-bank-troubles.ts';
import { showDebts } from '../../../fare-engine/show-debts.ts';
import { trialBalance } from '../../../fare-engine/trial-balance.ts';
import { runCommand } from '../../support/command-io.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { token } from '../support/a-record.ts';
import { answered } from '../support/answered.ts';
import { type BankRig, openBankRig } from '../support/bank-rig.ts';
import { command } from '../support/submit.ts';

let rig: BankRig;
beforeAll(async () => {
  rig = await openBankRig();
});
afterAll(() => rig.stop());

const CITY = fileURLToPath(new URL('../../../cities/ternopil', import.meta.url));
const HOUR_MS = 3_600_000;
/** Where the commands of auditor and office find the database. */
const ENV = () => ({
  KVYTOK_POSTGRES_URL: rig.engine.database.url('auditor_runtime'),
  KVYTOK_OFFICE_POSTGRES_URL: rig.engine.database.url('office_runtime'),
});
const DAY_MS = 24 * HOUR_MS;
/** 14 October 2025, 9:00 in Kyiv; each test has days of its own. */
const FIRST = Date.UTC(2025, 9, 14, 6);
const dayOf = (n: number): string => new Date(FIRST + n * DAY_MS).toISOString().slice(0, 10);
const at = (day: number, hour = 0): number => FIRST + day * DAY_MS + hour * HOUR_MS;
const rider = (n: number): Promise<bigint> => rig.balance(`rider:${derivedAccountId(token(n))}`);
const debtsOf = (n: number) => showDebts(rig.engine.admin, { tokenId: token(n), rowsMax: 10 });

/** Card n rides once on a day, and is charged for it. */
async function ridden(n: number, day: number): Promise<void> {
  rig.engine.clock.setWall(at(day, 1));
  await rig.engine.deliver([rig.tap(n, day + 1, at(day))]);
  await rig.engine.drain();
  await rig.close(dayOf(day));
  await rig.settle();
}

async function clearingOf(n: number): Promise<string> {
  const { rows } = await rig.engine.admin.query<{ reference: string }>(
    `SELECT e.reference FROM fare.bank_event e JOIN fare.bank_payment p USING (payment_id)
     WHERE p.token_id = $1 AND e.kind = 'cleared' ORDER BY e.at_ms LIMIT 1`,
    [token(n)],
  );
  return rows[0]?.reference ?? '';
}

/** The desk asks for chargebacks once a minute. */
async function settleLater(): Promise<void> {
  rig.engine.clock.advance(61_000);
  await rig.settle();
}

/** An adjustment of a closed day, as the engine writes one: card n's ride of the day costs so much. */
async function adjust(n: number, day: number, minor: number): Promise<void> {
  await rig.engine.admin.query(
    `INSERT INTO fare.decision SELECT (jsonb_populate_record(d, jsonb_build_object('revision', d.revision + 1,
       'supersedes', d.revision, 'rider_minor', $2::bigint, 'concession_minor', d.gross_minor - $2::bigint,
       'adjusts_close', d.fare_day, 'xact', pg_current_xact_id()))).*
     FROM fare.latest_decision d WHERE d.tap_id LIKE $1`,
    [`val-${n}.%.${day + 1}`, minor],
  );
}

test('a bank takes back a part of a charge, then more than there is: a debt of the part, the rest is kept and waits', async () => {
  await ridden(1, 0);
  const reference = await clearingOf(1);
  rig.sandbox.books.chargeBack(reference, dayOf(1), 400n);
  rig.sandbox.books.inventChargeback(reference, 1001n, 'UAH', dayOf(1));
  rig.sandbox.books.inventChargeback(reference, 100n, 'EUR', dayOf(1));
  rig.sandbox.books.inventChargeback('sb-c999', 77n, 'UAH', dayOf(1));
  await settleLater();
  expect((await debtsOf(1)).map(({ amountMinor, code }) => [amountMinor, code])).toEqual([[400n, '13']]);
  expect([await rider(1), await rig.balance('suspense:bank-chargebacks')]).toEqual([400n, 1178n]);
  expect(await rig.balance('clearing:acq')).toBe(1400n - 400n - 1001n - 100n - 77n);
  const { rows } = await rig.engine.admin.query<{ said: string }>(
    `SELECT n || ' ' || amount_minor || ' ' || coalesce(problem, 'owed') AS said FROM fare.bank_chargeback ORDER BY n`,
  );
  expect(rows.map(({ said }) => said)).toEqual([
    '1 400 owed',
    '2 1001 too-much',
    '3 100 currency',
    '4 77 unknown',
  ]);
  await settleLater();
  expect(await rig.balance('suspense:bank-chargebacks')).toBe(1178n);
  expect((await reconcile(rig.engine.admin)).ledgerSumByCurrency).toEqual({ UAH: '0', EUR: '0' });
});

test('a chargeback of a payment of long ago denies the card, though fifty have come after it', async () => {
  await ridden(2, 2);
  await rig.engine.admin.query(
    `INSERT INTO fare.bank_payment (payment_id, kind, token_id, amount_minor, currency, tap_id, made_at_ms)
     SELECT 'bp-' || md5('later ' || n), 'nominal', token_id, 100, 'UAH', tap_id, made_at_ms + n
     FROM fare.bank_payment, generate_series(1, 50) AS n WHERE token_id = $1 AND kind = 'charge'`,
    [token(2)],
  );
  rig.sandbox.books.chargeBack(await clearingOf(2), dayOf(3));
  await settleLater();
  expect(await rig.denied(2)).toBe('deny debt');
  expect(await debtsOf(2)).toHaveLength(1);
});

test('a day that becomes cheaper makes a disputed debt smaller; the bank is not asked for the rest of it', async () => {
  await ridden(3, 4);
  rig.sandbox.books.chargeBack(await clearingOf(3), dayOf(5));
  await settleLater();
  await adjust(3, 4, 900);
  for (let day = 0; day < 4; day += 1) {
    rig.engine.clock.advance(DAY_MS);
    await rig.settle();
  }
  expect((await rig.story(3)).slice(1)).toEqual([
    'charge 1400: asked, approved 00, asked, cleared 00, charged-back 13, lowered',
    'offset 500: settled',
  ]);
  expect((await debtsOf(3)).map(({ amountMinor }) => amountMinor)).toEqual([900n]);
  const [debt] = await debtsOf(3);
  await command(rig.engine, 'pay-debt', {
    ...{ paymentId: debt?.paymentId, source: 'kiosk-3', reference: 'r-3', currency: 'UAH', by: 'Олена' },
    amountMinor: '900',
  });
  await rig.settle();
  expect([await debtsOf(3), await rig.denied(3), await rig.balance('till:kiosk-3')]).toEqual([
    [],
    'allow',
    900n,
  ]);
});

test('closed days that make up for each other are not forgotten: a later change of one asks for the change alone', async () => {
  await ridden(4, 10);
  await ridden(4, 11);
  await adjust(4, 10, 1400 + 300);
  await adjust(4, 11, 1400 - 300);
  await settleLater();
  await adjust(4, 10, 1400 + 500);
  await settleLater();
  expect((await rig.story(4)).slice(3)).toEqual([
    'offset 0: settled',
    'charge 200: asked, approved 00, asked, cleared 00',
  ]);
  expect(rig.account(4).balanceMinor).toBe(100_000n - 1900n - 1100n);
});

test('an account that moves after its open day was charged leaves no two balances', async () => {
  rig.account(5).balanceMinor = 50n;
  rig.engine.clock.setWall(at(14, 1));
  await rig.engine.deliver([rig.tap(5, 1, at(14))]);
  await rig.engine.drain();
  await rig.settle();
  rig.account(5).balanceMinor = 5000n;
  rig.engine.clock.advance(25 * HOUR_MS);
  await rig.settle();
  expect(await rider(5)).toBe(0n);
  // The medium was somebody's all the time, as the office finds out before the day is closed.
  await command(rig.engine, 'link-medium', { tokenId: token(5), accountId: 'acc-five', validFromMs: at(13) });
  await rig.engine.drain();
  expect([await rider(5), await rig.balance('rider:acc-five')]).toEqual([-1400n, 1400n]);
  await rig.close(dayOf(14));
  await settleLater();
  expect([await rider(5), await rig.balance('rider:acc-five')]).toEqual([0n, 0n]);
  expect(rig.account(5).balanceMinor).toBe(3600n);
});

test('what the acquirer does not take is tried a bounded number of times, then a person sees it and takes it up', async () => {
  rig.engine.clock.setWall(at(20, 1));
  await rig.engine.deliver([rig.tap(6, 1, at(20)), rig.tap(7, 1, at(20))]);
  await rig.engine.drain();
  rig.sandbox.misbehaviour.refuse = 1000;
  const before = rig.sandbox.requests();
  for (let round = 0; round < 6; round += 1) {
    await rig.settle();
    rig.engine.clock.advance(17 * 60_000);
  }
  const tries = rig.sandbox.requests() - before;
  for (let round = 0; round < 3; round += 1) {
    await rig.settle();
    rig.engine.clock.advance(61 * 60_000);
  }
  // Of each six requests, five of them after a question what became of it. Chargebacks alone go on being asked for.
  expect([tries, rig.sandbox.requests() - before - tries]).toEqual([2 * 11 + 6, 3]);
  expect(await rig.story(6)).toEqual(['nominal 100: asked, refused HTTP 422']);
  const seen = await showBankTroubles(rig.engine.admin, 100);
  const refused = seen.filter(({ trouble }) => trouble === 'refused');
  expect(refused.map(({ kind, detail }) => `${kind} ${detail}`)).toEqual([
    'authorise HTTP 422',
    'authorise HTTP 422',
  ]);
  expect((await readBacklog(rig.engine.pool, at(21))).bankRefused).toBe(2);
  expect([await rig.denied(6), await rig.denied(7)]).toEqual(['never', 'never']);
  rig.sandbox.misbehaviour.refuse = 0;
  const office = (...args: string[]) => runCommand(bankCommand, [...args, '--no-wait'], '', undefined, ENV());
  const told = (await office('troubles')).stdout.split('\n').filter((line) => line.includes(' refused '));
  expect(told).toEqual([
    expect.stringMatching(/^bp-\w{32} {2}refused {2}authorise .*1\.00.* HTTP 422 /),
    expect.anything(),
  ]);
  const takeUp = (paymentId: string | undefined, how: 'again' | 'anew') =>
    command(rig.engine, 'take-up-payment', { paymentId, how, by: 'Олена' });
  const [six, seven] = refused.map(({ id }) => id);
  expect((await office('again', six ?? '', '--by', 'Олена')).stdout).toContain('1 handed in');
  await takeUp(seven, 'anew');
  await takeUp(six, 'again');
  await rig.settle();
  await rig.close(dayOf(20));
  await rig.settle();
  const stories = [await rig.story(6), await rig.story(7)].map((lines) => lines.join(' | '));
  expect(stories.sort()).toEqual([
    'nominal 100: asked, refused HTTP 422, resumed, approved 00 | charge 1400: asked, approved 00, asked, cleared 00',
    'nominal 100: asked, refused HTTP 422, withdrawn | charge 1400: asked, approved 00, asked, cleared 00',
  ]);
  expect((await readBacklog(rig.engine.pool, at(21))).bankRefused).toBe(0);
  const { rows } = await rig.engine.admin.query<{ reason: string }>(
    `SELECT reason FROM fare.command_refusal WHERE kind = 'take-up-payment'`,
  );
  expect(rows).toEqual([{ reason: 'PAYMENT_NOT_REFUSED' }]);
});

test('a refusal that crosses the end of another debt’s denial is not lost: the last word counts, obeyed or not', async () => {
  await ridden(8, 25);
  const reference = await clearingOf(8);
  rig.sandbox.books.chargeBack(reference, dayOf(26), 400n);
  await settleLater();
  const [debt] = await debtsOf(8);
  await command(rig.engine, 'pay-debt', {
    ...{ paymentId: debt?.paymentId, source: 'kiosk-8', reference: 'r-8', amountMinor: '400' },
    ...{ currency: 'UAH', by: 'Олена' },
  });
  // Its end is in the inbox, obeyed by nobody yet, when the bank takes back the rest.
  rig.sandbox.books.chargeBack(reference, dayOf(26));
  rig.engine.clock.advance(61_000);
  await rig.main.turn();
  await rig.settle();
  expect([await rig.denied(8), (await debtsOf(8)).length]).toEqual(['deny debt', 1]);
});

test('a debt that was paid at a till is none of the provider’s, and its report misses nothing', async () => {
  const day = dayOf(26);
  const rules = { day, acquirerId: 'acq', providerId: 'pay' };
  const span = { fromMs: Date.parse(day) - 3 * HOUR_MS, untilMs: Date.parse(day) + 3 * DAY_MS, named: [] };
  const ledger = await readMoneyDay(rig.engine.admin, rules, span);
  expect(reconcileMoney(ledger, { provider: [] }, rules)).toEqual([]);
  expect(ledger.tills).toContainEqual({ till: 'kiosk-8', amountMinor: 400n, currency: 'UAH' });
  expect(ledger.clearing.filter(({ kind }) => kind === 'chargeback').map((one) => one.amountMinor)).toEqual([
    400n,
    1000n,
  ]);
});

test('booked day by day from the acquirer’s own files and the bank’s statement, clearing and payouts come to nothing', async () => {
  const folder = tempFolder('bookings');
  const env = { ...ENV(), KVYTOK_CITY_DIR: folder.path };
  try {
    cpSync(CITY, folder.path, { recursive: true });
    const terms = readFileSync(join(folder.path, 'bank-cards.yaml'), 'utf8');
    writeFileSync(
      join(folder.path, 'bank-cards.yaml'),
      terms.replace('acquirerId: sandbox', 'acquirerId: acq'),
    );
    const { lines } = rig.sandbox.books;
    const days = [...new Set(lines.map(({ settledOn }) => settledOn))];
    expect(days.length).toBeGreaterThan(5);
    let paidOut = 0n;
    const call = async (day: string, statement: string | null) => {
      const clearing = join(folder.path, `${day}.csv`);
      writeFileSync(clearing, rig.sandbox.books.clearingFile(day));
      const bank = join(folder.path, `${day}.xml`);
      if (statement !== null) writeFileSync(bank, statement);
      const files = ['--clearing', clearing, ...(statement === null ? [] : ['--statement', bank])];
      const words = ['bank', day, ...files, '--book', '--by', 'Олена'];
      const told = await answered(rig.engine, () => runCommand(reconcileCommand, words, '', undefined, env));
      await rig.settle();
      return told;
    };
    for (const day of days) {
      const ofDay = lines.filter(({ settledOn }) => settledOn === day);
      const sums = Map.groupBy(ofDay, ({ currency }) => currency);
      const nets = [...sums].map(
        ([currency, some]) =>
          [currency, some.reduce((sum, one) => sum + netOf({ ...one, line: 0 }), 0n)] as const,
      );
      if (day === days[0])
        expect((await call(day, null)).stdout).toContain(`clearing-acq-${day}-UAH: booked`);
      const told = await call(day, statementOf(nets.map(([currency, net]) => [`acq-${day}`, net, currency])));
      expect(told.stdout.includes('was booked before')).toBe(day === days[0]);
      expect(told.code).toBe(0);
      paidOut += nets.reduce((sum, [, net]) => sum + net, 0n);
    }
    expect(await rig.balance('fee:acq')).toBe(lines.reduce((sum, { feeMinor }) => sum + feeMinor, 0n));
    const left = [
      await rig.balance('clearing:acq'),
      await rig.balance('payout:acq'),
      await rig.balance('bank:city'),
    ];
    expect(left).toEqual([0n, 0n, paidOut]);
    // Another sum than the file comes to, and nothing is booked.
    const [day = ''] = days;
    const wrong = await call(day, statementOf([[`acq-${day}`, 1n, 'UAH']]));
    expect([wrong.code, wrong.stdout.includes('payout-amount')]).toEqual([1, true]);
    expect(await rig.balance('bank:city')).toBe(paidOut);
    // A file with another fee than was booked: what stands in the books is not called the same.
    const [other] = lines.filter(({ settledOn, kind }) => settledOn === day && kind === 'clearing');
    const fees = lines.splice(
      0,
      lines.length,
      ...lines.map((one) => (one === other ? { ...one, feeMinor: one.feeMinor + 1n } : one)),
    );
    const corrected = await call(day, null);
    lines.splice(0, lines.length, ...fees);
    expect([
      corrected.code,
      corrected.stdout.match(/was booked with other sums before: fee/g)?.length,
    ]).toEqual([1, 1]);
    expect(await rig.balance('clearing:acq')).toBe(0n);
    expect((await reconcile(rig.engine.admin)).ledgerSumByCurrency).toEqual({ UAH: '0', EUR: '0' });
    expect((await trialBalance(rig.engine.admin, { againstLog: true })).problems).toEqual([]);
  } finally {
    folder.remove();
  }
});

/** A bank's statement in camt.053 with these payouts. */
function statementOf(
  payouts: readonly (readonly [reference: string, netMinor: bigint, currency: string])[],
): string {
  const entries = payouts.map(([reference, net, currency]) => {
    const whole = (net < 0n ? -net : net).toString().padStart(3, '0');
    return `<Ntry><Amt Ccy="${currency}">${whole.slice(0, -2)}.${whole.slice(-2)}</Amt><CdtDbtInd>${net < 0n ? 'DBIT' : 'CRDT'}</CdtDbtInd>
<Sts>BOOK</Sts><BookgDt><Dt>2025-12-31</Dt></BookgDt><AddtlNtryInf>payout ${reference}</AddtlNtryInf></Ntry>`;
  });
  return `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>${entries.join('')}</Stmt></BkToCstmrStmt></Document>`;
}
