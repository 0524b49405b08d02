/** Bank cards from tap to money: real PostgreSQL, the sandbox acquirer as a real HTTP server. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CommandModule } from '../../../cli/command.ts';
import * as bankCommand from '../../../cli/commands/bank.ts';
import * as reconcileCommand from '../../../cli/commands/reconcile.ts';
import { readMoneyDay } from '../../../fare-engine/bank/read-money-day.ts';
import { reconcileMoney } from '../../../fare-engine/bank/reconcile-bank.ts';
import { derivedAccountId } from '../../../fare-engine/facts/account-of.ts';
import { reconcile } from '../../../fare-engine/reconcile.ts';
import { showDebts } from '../../../fare-engine/show-debts.ts';
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

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** 14 October 2025, 9:00 in Kyiv; each test has days of its own. */
const FIRST = Date.UTC(2025, 9, 14, 6);
const dayOf = (n: number): string => new Date(FIRST + n * DAY_MS).toISOString().slice(0, 10);
const at = (day: number, hour = 0): number => FIRST + day * DAY_MS + hour * HOUR_MS;

const denied = (n: number): Promise<string> => rig.denied(n);
const rider = (n: number): Promise<bigint> => rig.balance(`rider:${derivedAccountId(token(n))}`);

test('a day of rides is asked about at once, charged once after its close, and stands at the acquirer in the ledger', async () => {
  await rig.engine.deliver([rig.tap(1, 1, at(0)), rig.tap(1, 2, at(0, 5)), rig.tap(2, 1, at(0, 5))]);
  await rig.engine.drain();
  rig.engine.clock.setWall(at(0, 6));
  await rig.settle();
  expect(await rig.story(1)).toEqual(['nominal 100: asked, approved 00']);
  expect(await rider(1)).toBe(2800n);
  await rig.close(dayOf(0));
  await rig.settle();
  await rig.settle();
  expect(await rig.story(1)).toEqual([
    'nominal 100: asked, approved 00',
    'charge 2800: asked, approved 00, asked, cleared 00',
  ]);
  expect(await rider(1)).toBe(0n);
  expect(await rig.balance('clearing:acq')).toBe(4200n);
  expect(rig.account(1).balanceMinor).toBe(97_200n);
  // A second day of a card that its bank has vouched for: no nominal authorisation, a charge of its own.
  await rig.engine.deliver([rig.tap(1, 3, at(1))]);
  await rig.engine.drain();
  await rig.close(dayOf(1));
  await rig.settle();
  expect((await rig.story(1)).slice(2)).toEqual(['charge 1400: asked, approved 00, asked, cleared 00']);
});

test('a refusal puts the card on the deny list, the calendar asks again, and money takes it off', async () => {
  rig.account(3).balanceMinor = 0n;
  rig.engine.clock.setWall(at(2, 1));
  await rig.engine.deliver([rig.tap(3, 1, at(2))]);
  await rig.engine.drain();
  await rig.settle();
  // A bank that does not stand by its card is asked for the ride at once, so that it can be paid.
  expect(await rig.story(3)).toEqual(['nominal 100: asked, declined 51', 'charge 1400: asked, declined 51']);
  expect(await denied(3)).toBe('deny debt');
  rig.engine.clock.setWall(at(2, 1) + 24 * HOUR_MS - 1);
  await rig.settle();
  expect((await rig.story(3))[1]).toBe('charge 1400: asked, declined 51');
  rig.account(3).balanceMinor = 1400n;
  rig.engine.clock.setWall(at(2, 1) + 24 * HOUR_MS);
  await rig.settle();
  expect((await rig.story(3))[1]).toBe(
    'charge 1400: asked, declined 51, asked, approved 00, asked, cleared 00',
  );
  expect(await denied(3)).toBe('allow');
  expect(await rider(3)).toBe(0n);
  await rig.close(dayOf(2));
  await rig.settle();
  expect(await rig.story(3)).toHaveLength(2);
});

test('a stolen card is asked once; its debt is written off in the end; a card that is lost stays denied as lost', async () => {
  rig.account(4).block = '43';
  rig.engine.clock.setWall(at(4, 1));
  await command(rig.engine, 'deny-medium', {
    tokenId: token(4),
    reason: 'lost',
    scope: 'all',
    validFromMs: at(4),
  });
  await rig.engine.deliver([rig.tap(4, 1, at(4))]);
  await rig.engine.drain();
  await rig.settle();
  expect(await denied(4)).toBe('deny lost');
  rig.engine.clock.setWall(at(4, 1) + 30 * DAY_MS);
  await rig.settle();
  expect(await rig.story(4)).toEqual([
    'nominal 100: asked, declined 43',
    'charge 1400: asked, declined 43, written-off',
  ]);
  expect(await rig.balance('loss:bank-debt')).toBe(1400n);
  expect(await denied(4)).toBe('deny lost');
});

test('what has gathered beyond the limit is asked for before the close; what a close adds comes by itself', async () => {
  const day = 40;
  rig.engine.clock.setWall(at(day, 9));
  await rig.engine.deliver([0, 2, 4, 6, 8].map((hour, i) => rig.tap(5, i + 1, at(day, hour))));
  await rig.engine.drain();
  await rig.settle();
  expect((await rig.story(5))[1]).toBe('charge 7000: asked, approved 00, asked, cleared 00');
  await rig.engine.deliver([rig.tap(5, 6, at(day, 10))]);
  await rig.engine.drain();
  await rig.close(dayOf(day));
  await rig.settle();
  expect((await rig.story(5))[2]).toBe('charge 1400: asked, approved 00, asked, cleared 00');
});

test('a ride that becomes cheaper after it was paid is given back: taken off the next ride, or refunded', async () => {
  const day = 50;
  rig.engine.clock.setWall(at(day, 6));
  await rig.engine.deliver([6, 7].flatMap((n) => [rig.tap(n, 1, at(day)), rig.tap(n, 2, at(day, 4))]));
  await rig.engine.drain();
  await rig.close(dayOf(day));
  await rig.settle();
  // An adjustment of the closed day, as the engine writes one: the second ride is free after all.
  for (const n of [6, 7])
    await rig.engine.admin.query(
      `INSERT INTO fare.decision SELECT (jsonb_populate_record(d, jsonb_build_object('revision', d.revision + 1,
         'supersedes', d.revision, 'rider_minor', 0, 'concession_minor', d.rider_minor, 'adjusts_close', d.fare_day,
         'xact', pg_current_xact_id()))).* FROM fare.latest_decision d WHERE d.tap_id LIKE $1`,
      [`val-${n}.%.2`],
    );
  await rig.engine.deliver([rig.tap(6, 3, at(day + 1)), rig.tap(6, 4, at(day + 1, 4))]);
  await rig.engine.drain();
  await rig.close(dayOf(day + 1));
  rig.engine.clock.advance(2 * HOUR_MS);
  await rig.settle();
  expect((await rig.story(6)).slice(1)).toEqual([
    'charge 2800: asked, approved 00, asked, cleared 00',
    'charge 1400: asked, approved 00, asked, cleared 00',
  ]);
  expect((await rig.story(7)).slice(1)).toEqual([
    'charge 2800: asked, approved 00, asked, cleared 00',
    'refund 1400: asked, refunded 00',
  ]);
  expect(rig.account(7).balanceMinor).toBe(98_600n);
});

test('an asker that dies at any point, and answers that are lost, charge nobody twice', async () => {
  const day = 60;
  rig.engine.clock.setWall(at(day, 1));
  const cards = Array.from({ length: 8 }, (_, i) => 10 + i);
  await rig.engine.deliver(cards.map((n) => rig.tap(n, 1, at(day))));
  await rig.engine.drain();
  await rig.settle();
  await rig.close(dayOf(day));
  let deaths = 0;
  let points = 0;
  // Dies at every third point that it passes, whichever it is.
  const dying = rig.office(() => {
    points += 1;
    if (points % 3 !== 0) return;
    deaths += 1;
    throw new Error('killed');
  });
  rig.sandbox.misbehaviour.loseAnswers = 5;
  rig.sandbox.misbehaviour.cutRequests = 2;
  await rig.main.stop();
  for (let round = 0; round < 40; round += 1) {
    await dying.turn().catch(() => {});
    rig.engine.clock.advance(30_000);
  }
  await dying.stop();
  rig.engine.clock.advance(HOUR_MS);
  await rig.settle();
  for (const n of cards) {
    expect(rig.account(n).balanceMinor, `card ${n}`).toBe(98_600n);
    expect(await rider(n), `card ${n}`).toBe(0n);
  }
  expect(deaths).toBeGreaterThan(0);
});

test('a debt that is paid at a till takes the card off the list at once; twice, in part, or while nothing is owed it is refused', async () => {
  const day = 66;
  rig.account(30).balanceMinor = 0n;
  rig.engine.clock.setWall(at(day, 1));
  await rig.engine.deliver([rig.tap(30, 1, at(day))]);
  await rig.engine.drain();
  await rig.settle();
  const [debt] = await showDebts(rig.engine.admin, { tokenId: token(30), rowsMax: 10 });
  expect(debt).toMatchObject({ amountMinor: 1400n, state: 'debt', code: '51', days: [dayOf(day)] });
  const paying = {
    paymentId: debt?.paymentId,
    source: 'kiosk-7',
    reference: 'receipt-1',
    currency: 'UAH',
    by: 'Олена',
  };
  await command(rig.engine, 'pay-debt', { ...paying, amountMinor: '1300' });
  await command(rig.engine, 'pay-debt', {
    ...paying,
    amountMinor: '1400',
    paymentId: `bp-${'0'.repeat(32)}`,
  });
  expect(await denied(30)).toBe('deny debt');
  await command(rig.engine, 'pay-debt', { ...paying, amountMinor: '1400' });
  await rig.settle();
  expect(await denied(30)).toBe('allow');
  await command(rig.engine, 'pay-debt', { ...paying, amountMinor: '1400' });
  const { rows } = await rig.engine.admin.query<{ reason: string }>(
    `SELECT reason FROM fare.command_refusal WHERE kind = 'pay-debt' ORDER BY refusal_id`,
  );
  expect(rows.map((row) => row.reason)).toEqual(['DEBT_AMOUNT_DIFFERS', 'DEBT_UNKNOWN', 'DEBT_NOT_PAYABLE']);
  expect([await rider(30), await rig.balance('till:kiosk-7')]).toEqual([0n, 1400n]);
  expect(await showDebts(rig.engine.admin, { tokenId: token(30), rowsMax: 10 })).toEqual([]);
  // The bank is not asked again for what was paid.
  rig.engine.clock.advance(25 * HOUR_MS);
  await rig.settle();
  expect((await rig.story(30))[1]).toBe('charge 1400: asked, declined 51, paid');
});

test('a chargeback weeks later is a debt that no calendar asks for, and it is taken in once', async () => {
  rig.engine.clock.setWall(at(68));
  const [mine] = (
    await rig.engine.admin.query<{ reference: string }>(
      `SELECT e.reference FROM fare.bank_event e JOIN fare.bank_payment p USING (payment_id)
       WHERE p.token_id = $1 AND p.amount_minor = 2800 AND e.kind = 'cleared'`,
      [token(1)],
    )
  ).rows;
  rig.sandbox.books.chargeBack(mine?.reference ?? '', dayOf(68));
  for (let round = 0; round < 3; round += 1) {
    rig.engine.clock.advance(61_000);
    await rig.settle();
  }
  expect((await rig.story(1))[1]).toBe('charge 2800: asked, approved 00, asked, cleared 00, charged-back 13');
  expect([await rider(1), await denied(1)]).toEqual([2800n, 'deny debt']);
  rig.engine.clock.advance(25 * HOUR_MS);
  await rig.settle();
  expect((await rig.story(1))[1]).toContain('charged-back 13');
});

test('a card and its phone are one account from the open day on, by proof or by the word of their bank; one owes, both are refused', async () => {
  const day = 70;
  const par = '5413KVYTOK0000000000000000099';
  rig.engine.clock.setWall(at(day, 1));
  await rig.engine.deliver([rig.tap(20, 1, at(day), { par, parProven: true })]);
  await rig.engine.drain();
  await rig.settle();
  await rig.close(dayOf(day));
  // The phone does not prove its PAR: before its bank has said it, it is a stranger.
  rig.engine.clock.setWall(at(day + 1, 2));
  await rig.engine.deliver([
    rig.tap(21, 1, at(day + 1), { par }),
    rig.tap(20, 2, at(day + 1, 1), { par, parProven: true }),
  ]);
  await rig.engine.drain();
  const accounts = async () =>
    (
      await rig.engine.admin.query<{ account_id: string }>(
        `SELECT DISTINCT account_id FROM fare.latest_decision WHERE tap_id LIKE 'val-20.%' OR tap_id LIKE 'val-21.%'`,
      )
    ).rows.map((row) => row.account_id);
  expect(await accounts()).toHaveLength(2);
  rig.account(21).balanceMinor = 100n;
  await rig.settle();
  await rig.engine.drain();
  expect(await accounts()).toEqual([derivedAccountId(token(20))]);
  await rig.close(dayOf(day + 1));
  await rig.settle();
  expect((await rig.story(21))[1]).toBe('charge 1400: asked, declined 51');
  expect([await denied(20), await denied(21)]).toEqual(['deny debt', 'deny debt']);
  rig.account(21).balanceMinor = 1400n;
  rig.engine.clock.advance(25 * HOUR_MS);
  await rig.settle();
  expect([await denied(20), await denied(21)]).toEqual(['allow', 'allow']);
  expect(await rider(20)).toBe(0n);
});

test('the books agree with themselves and with the acquirer', async () => {
  const found = await reconcile(rig.engine.admin);
  expect(found.ledgerSumByCurrency).toEqual({ UAH: '0' });
  const taken = rig.sandbox.books.lines.reduce(
    (sum, { kind, amountMinor }) => sum + (kind === 'clearing' ? amountMinor : -amountMinor),
    0n,
  );
  expect(await rig.balance('clearing:acq')).toBe(taken);
});

test('the sandbox’s own clearing file of a day agrees with the ledger, and a wrong amount in it is found', async () => {
  const day = dayOf(61);
  const lines = rig.sandbox.books.lines
    .map((line, at) => ({ ...line, line: at + 2 }))
    .filter(({ settledOn }) => settledOn === day);
  expect(lines.length).toBeGreaterThan(5);
  const rules = { day, acquirerId: 'acq', providerId: 'pay', feePermille: 9n };
  const span = { fromMs: Date.parse(day), untilMs: Date.parse(day) + DAY_MS };
  const ledger = await readMoneyDay(rig.engine.admin, rules, {
    ...span,
    named: lines.map((line) => line.reference),
  });
  expect(reconcileMoney(ledger, { clearing: lines }, rules)).toEqual([]);
  const [first, ...rest] = lines;
  if (first === undefined) throw new Error('no line');
  const wrong = [{ ...first, amountMinor: first.amountMinor + 1n }, ...rest];
  expect(reconcileMoney(ledger, { clearing: wrong }, rules)).toMatchObject([
    { reason: 'amount', line: first.line },
  ]);
});

test('the commands for the auditor and the office see debts, take one, and compare a day’s files', async () => {
  const day = 80;
  rig.account(31).balanceMinor = 0n;
  rig.engine.clock.setWall(at(day, 1));
  await rig.engine.deliver([rig.tap(31, 1, at(day))]);
  await rig.engine.drain();
  await rig.settle();
  const env = {
    KVYTOK_POSTGRES_URL: rig.engine.database.url('auditor_runtime'),
    KVYTOK_OFFICE_POSTGRES_URL: rig.engine.database.url('office_runtime'),
    KVYTOK_CITY_DIR: fileURLToPath(new URL('../../../cities/ternopil', import.meta.url)),
  };
  const call = (module: Pick<CommandModule, 'run'>, ...args: string[]) =>
    answered(rig.engine, () => runCommand(module, args, '', undefined, env));
  const shown = await call(bankCommand, 'debts', token(31));
  expect(shown.stdout).toMatch(/^bp-[0-9a-f]{32} {2}.*14\.00.* debt 51 /);
  const [paymentId = ''] = shown.stdout.split(' ');
  const paid = await call(
    bankCommand,
    'pay',
    paymentId,
    '--till',
    'kiosk-9',
    '--reference',
    'r-31',
    '--by',
    'Олена',
  );
  expect([paid.code, paid.stdout]).toEqual([0, expect.stringContaining('14.00 taken')]);
  await rig.settle();
  expect(await denied(31)).toBe('allow');
  expect((await call(bankCommand, 'debts', token(31), '--json')).stdout).toBe('[]\n');
  const folder = tempFolder('money');
  try {
    const file = join(folder.path, 'tills.csv');
    writeFileSync(file, `till,day,amount_minor,currency\nkiosk-9,${dayOf(day)},1300,UAH\n`);
    const compared = await call(reconcileCommand, 'bank', dayOf(day), '--tills', file, '--json');
    expect(compared.code).toBe(1);
    expect(JSON.parse(compared.stdout).differences).toEqual([
      {
        book: 'tills',
        line: 2,
        reference: 'kiosk-9',
        reason: 'amount',
        expectedMinor: '1400',
        foundMinor: '1300',
      },
    ]);
    writeFileSync(file, `till,day,amount_minor,currency\nkiosk-9,${dayOf(day)},1400,UAH\n`);
    expect(await call(reconcileCommand, 'bank', dayOf(day), '--tills', file)).toMatchObject({
      code: 0,
      stdout: `${dayOf(day)}: everything agrees\n`,
    });
    // A booking of nothing leaves no posting: that its name is taken only the engine can say.
    const booking = {
      ...{ bookingId: `deposit-kiosk-9-${dayOf(day)}-UAH`, book: 'deposit', holderId: 'kiosk-9' },
      ...{ day: dayOf(day), currency: 'UAH', feeMinor: '0', netMinor: '0', linesSha256: '0'.repeat(64) },
    };
    await command(rig.engine, 'book-money', { ...booking, by: 'Олена' });
    const statement = join(folder.path, 'statement.csv');
    writeFileSync(
      statement,
      `booked_on,reference,amount_minor,currency\n${dayOf(day)},kiosk-9-${dayOf(day)},1400,UAH\n`,
    );
    const files = ['--tills', file, '--statement', statement];
    const book = await call(reconcileCommand, 'bank', dayOf(day), ...files, '--book', '--by', 'Олена');
    expect(book).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`${booking.bookingId}: refused: COMMAND_KEY_REUSED`),
    });
  } finally {
    folder.remove();
  }
});
