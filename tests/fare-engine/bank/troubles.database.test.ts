/** What the bank desk leaves to a person, and what it must never do by itself: real PostgreSQL, the sandbox acquirer over HTTP. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger, type Logger } from '#platform/logger.ts';
import { noProbe } from '#platform/probe.ts';
import * as bankCommand from '../../../cli/commands/bank.ts';
import * as reconcileCommand from '../../../cli/commands/reconcile.ts';
import { createChargebackDesk } from '../../../fare-engine/adapters/chargeback-desk.ts';
import { createHttpAcquirer } from '../../../fare-engine/adapters/http-acquirer.ts';
import { createPaymentStore, duePayments } from '../../../fare-engine/adapters/postgres-bank.ts';
import { workCommands } from '../../../fare-engine/adapters/postgres-commands.ts';
import type { Acquirer } from '../../../fare-engine/bank/acquirer.ts';
import { readMoneyDay } from '../../../fare-engine/bank/read-money-day.ts';
import { type PaymentFile, workPayment } from '../../../fare-engine/bank/work-payment.ts';
import { derivedAccountId } from '../../../fare-engine/facts/account-of.ts';
import { reconcile } from '../../../fare-engine/reconcile.ts';
import { showBankTroubles } from '../../../fare-engine/show-bank-troubles.ts';
import { runCommand } from '../../support/command-io.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { token } from '../support/a-record.ts';
import { type BankRig, openBankRig } from '../support/bank-rig.ts';
import { BOOKS, TERMS } from '../support/bank-terms.ts';
import { calendar } from '../support/engine-database.ts';
import { command } from '../support/submit.ts';

let rig: BankRig;
/** From this fare day on a bank is asked again after an hour. */
const NEW_TERMS_FROM = 121;
const LATER = { ...TERMS, retryAfterH: [1] };
let factsKnown = 0;
beforeAll(async () => {
  rig = await openBankRig({
    ...BOOKS,
    terms: { of: (fareDay) => (fareDay !== null && fareDay >= dayOf(NEW_TERMS_FROM) ? LATER : TERMS) },
    tariffFacts: () => factsKnown,
  });
});
afterAll(() => rig.stop());

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** 14 October 2025, 9:00 in Kyiv; each test has days of its own. */
const FIRST = Date.UTC(2025, 9, 14, 6);
const dayOf = (n: number): string => new Date(FIRST + n * DAY_MS).toISOString().slice(0, 10);
const at = (day: number, hour = 0): number => FIRST + day * DAY_MS + hour * HOUR_MS;
const troubles = () => showBankTroubles(rig.engine.admin, 200);
const CITY = fileURLToPath(new URL('../../../cities/ternopil', import.meta.url));
const ENV = () => ({
  KVYTOK_POSTGRES_URL: rig.engine.database.url('auditor_runtime'),
  KVYTOK_OFFICE_POSTGRES_URL: rig.engine.database.url('office_runtime'),
});
const office = (...args: string[]) => runCommand(bankCommand, [...args, '--no-wait'], '', undefined, ENV());
async function refusals(): Promise<string[]> {
  const { rows } = await rig.engine.admin.query<{ reason: string }>(
    'SELECT reason FROM fare.command_refusal ORDER BY refused_at_ms, reason',
  );
  return rows.map(({ reason }) => reason);
}

/** Card n pays for two rides of a day, of which the second turns out to be free. */
async function overpaid(n: number, day: number): Promise<void> {
  rig.engine.clock.setWall(at(day, 6));
  await rig.engine.deliver([rig.tap(n, 1, at(day)), rig.tap(n, 2, at(day, 4))]);
  await rig.engine.drain();
  await rig.close(dayOf(day));
  await rig.settle();
  await rig.engine.admin.query(
    `INSERT INTO fare.decision SELECT (jsonb_populate_record(d, jsonb_build_object('revision', d.revision + 1,
       'supersedes', d.revision, 'rider_minor', 0, 'concession_minor', d.rider_minor, 'adjusts_close', d.fare_day,
       'xact', pg_current_xact_id()))).* FROM fare.latest_decision d WHERE d.tap_id LIKE $1`,
    [`val-${n}.%.2`],
  );
  await rig.close(dayOf(day + 1));
}

const refunds = async (n: number) => (await rig.story(n)).filter((line) => line.startsWith('refund'));

/** Hours go by, and the desk works in each. */
async function hours(count: number, each = 1): Promise<void> {
  for (let hour = 0; hour < count; hour += each) {
    rig.engine.clock.advance(each * HOUR_MS);
    await rig.settle();
  }
}

test('a gateway that has lost its log gives no money back twice, until a person says that he risks it', async () => {
  await overpaid(1, 0);
  // What the desk asks first is for chargebacks.
  rig.sandbox.misbehaviour.loseAnswers = 2;
  await rig.settle();
  expect(rig.account(1).balanceMinor).toBe(98_600n);
  rig.sandbox.books.forgetKeys();
  await hours(7);
  expect(rig.account(1).balanceMinor).toBe(98_600n);
  const [refund] = await troubles();
  expect(refund).toMatchObject({ trouble: 'refused', kind: 'refund', detail: 'LOG-LOST' });
  const id = refund?.id ?? '';
  // Another engine had it on its list: what waits for a person stays where he looks.
  const acquirer = createHttpAcquirer({ url: rig.sandbox.url, token: 'rig', timeoutMs: 60_000 });
  const nowMs = () => rig.engine.clock.nowMs();
  const store = createPaymentStore(rig.engine.pool, BOOKS);
  await workPayment(id, { store, acquirer, terms: BOOKS.terms, nowMs, probe: noProbe });
  expect((await troubles()).map((one) => one.id)).toEqual([id]);
  const before = (await store.load(id)) as PaymentFile;
  for (const how of ['again', 'anew'] as const) {
    await office(how, id, '--by', 'Олена');
    if (how === 'again') {
      // A worker that has seen it resting is late: the person's word is not put to sleep.
      await workCommands(rig.engine.pool, calendar, rig.engine.clock, 10);
      await store.defer(before, Number.MAX_SAFE_INTEGER);
      expect(await duePayments(rig.engine.pool, nowMs() + HOUR_MS, 10)).toEqual([id]);
    }
    await hours(how === 'again' ? 7 : 1);
    expect([how, rig.account(1).balanceMinor, (await troubles()).length]).toEqual([how, 98_600n, 1]);
  }
  expect(await refusals()).toEqual(['REFUND_MAY_BE_DONE']);
  await expect(office('again', id, '--by', 'Олена', '--risk', 'paid-twice')).rejects.toThrow('anew alone');
  expect((await office('anew', id, '--by', 'Олена', '--risk', 'paid-twice')).code).toBe(0);
  await hours(1);
  expect([rig.account(1).balanceMinor, await troubles()]).toEqual([100_000n, []]);
});

test('a bank that declines a refund is asked by the calendar, then a person sees it and asks anew', async () => {
  await overpaid(2, 10);
  rig.sandbox.books.refundsToDecline = 4;
  await rig.settle();
  await hours(8 * 24, 24);
  const declined = 'refund 1400: asked, declined 57';
  expect(await refunds(2)).toEqual([declined, declined, `${declined}, refused DECLINED-57`]);
  const [last] = await troubles();
  expect(last).toMatchObject({ trouble: 'refused', kind: 'refund', detail: 'DECLINED-57' });
  // However many payments come after it.
  await rig.engine.admin.query(
    `INSERT INTO fare.bank_payment (payment_id, kind, token_id, amount_minor, currency, tap_id, made_at_ms)
     SELECT 'bp-' || md5(n::text), 'offset', $1, 0, 'UAH', tap_id, $2::bigint + n FROM generate_series(1, 40) AS n,
       (SELECT tap_id FROM fare.bank_tap WHERE token_id = $1 LIMIT 1) AS t`,
    [token(2), rig.engine.clock.nowMs()],
  );
  await rig.engine.admin.query('UPDATE fare.bank_queue SET look_ms = 0 WHERE token_id = $1', [token(2)]);
  await rig.settle();
  expect(await refunds(2)).toHaveLength(3);
  await office('again', last?.id ?? '', '--by', 'Олена');
  await rig.settle();
  expect((await refusals()).at(-1)).toBe('PAYMENT_DECLINED');
  await office('anew', last?.id ?? '', '--by', 'Олена');
  await hours(1);
  expect([(await refunds(2)).slice(3), await troubles()]).toEqual([[declined], []]);
  await hours(24, 24);
  expect((await refunds(2)).slice(4)).toEqual(['refund 1400: asked, refunded 00']);
});

test('chargebacks without their form, or with a number beyond 2^31, hold up no other and no turn', async () => {
  const day = 50;
  rig.engine.clock.setWall(at(day, 1));
  await rig.engine.deliver([rig.tap(3, 1, at(day))]);
  await rig.engine.drain();
  await rig.close(dayOf(day));
  await rig.settle();
  const { books } = rig.sandbox;
  books.chargebacksBefore = 2 ** 31;
  books.inventChargeback('r'.repeat(70), 5n, 'UAH', dayOf(day));
  books.inventChargeback('sb-c9', 7n, 'hryvnia', dayOf(day));
  for (let n = 0; n < 100; n += 1)
    books.inventChargeback(`sb-${'x'.repeat(58)}${n}`, 999_999_999_999n - BigInt(n), 'UAH', dayOf(day));
  const taken = books.lines.find(({ kind, settledOn }) => kind === 'clearing' && settledOn >= dayOf(day));
  books.chargeBack(taken?.reference ?? '', dayOf(day), 400n);
  for (let turn = 0; turn < 3; turn += 1) {
    rig.engine.clock.advance(61_000);
    await rig.settle();
  }
  expect(await rig.balance(`rider:${derivedAccountId(token(3))}`)).toBe(400n);
  expect(await rig.denied(3)).toBe('deny debt');
  const found = await troubles();
  const malformed = found.filter(({ trouble }) => trouble === 'malformed');
  expect(malformed.map(({ detail }) => detail.split(':').slice(0, 2))).toEqual([
    [`number ${2 ** 31 + 1}`, ' /reference'],
    [`number ${2 ** 31 + 2}`, ' /currency'],
  ]);
  expect(found.filter(({ trouble }) => trouble === 'misfit')).toHaveLength(100);
  const ids = malformed.map(({ id }) => id);
  expect((await office('troubles')).stdout).toContain(`${ids[1]}  malformed  chargeback  an unknown sum`);
  const said = ['--reason', 'лист банку', '--by', 'Олена'];
  const was = (number: number) => [
    ...[
      '--was',
      'chargeback',
      '--number',
      `${number}`,
      '--reference',
      taken?.reference ?? '',
      '--code',
      '13',
    ],
    ...['--amount', '100', '--currency', 'UAH', ...said],
  ];
  await office('unreadable', ids[0] ?? '', '--was', 'nothing', ...said);
  await office('unreadable', ids[1] ?? '', ...was(2 ** 31 + 1));
  await office('unreadable', ids[1] ?? '', ...was(2 ** 31 + 2));
  await office('unreadable', ids[1] ?? '', ...was(2 ** 31 + 2));
  await office('unreadable', `acq.${'0'.repeat(64)}`, '--was', 'nothing', ...said);
  await expect(office('unreadable', ids[0] ?? '', '--was', 'nothing', ...was(7).slice(2))).rejects.toThrow(
    'alone',
  );
  await rig.settle();
  expect((await refusals()).slice(-3).sort()).toEqual([
    'CHARGEBACK_NOT_WAITING',
    'CHARGEBACK_UNKNOWN',
    'COMMAND_MALFORMED',
  ]);
  expect(await rig.balance(`rider:${derivedAccountId(token(3))}`)).toBe(500n);
  expect((await troubles()).filter(({ trouble }) => trouble === 'malformed')).toEqual([]);
  expect((await reconcile(rig.engine.admin)).ledgerSumByCurrency).toEqual({ UAH: '0' });
});

test('a person says whose a misfit chargeback is: a payment’s, the city’s loss, or given back by the acquirer', async () => {
  const day = 60;
  rig.engine.clock.setWall(at(day, 1));
  await rig.engine.deliver([rig.tap(4, 1, at(day))]);
  await rig.engine.drain();
  await rig.close(dayOf(day));
  await rig.settle();
  const before = await rig.balance('suspense:bank-chargebacks');
  const { books } = rig.sandbox;
  const taken = books.lines.findLast(({ kind }) => kind === 'clearing')?.reference ?? '';
  const first = books.lines.filter(({ kind }) => kind === 'chargeback').length + 2 ** 31;
  for (const [minor, currency] of [
    [300n, 'UAH'],
    [50n, 'EUR'],
    [70n, 'UAH'],
    [1200n, 'UAH'],
  ] as const)
    books.inventChargeback('sb-typo', minor, currency, dayOf(day));
  rig.engine.clock.advance(61_000);
  await rig.settle();
  const { rows } = await rig.engine.admin.query<{ id: string }>(
    `SELECT payment_id AS id FROM fare.bank_event WHERE reference = $1`,
    [taken],
  );
  const move = (n: number, to: string, ...more: string[]) =>
    office('misfit', `acq.${first + n}`, '--to', to, ...more, '--reason', 'лист банку', '--by', 'Олена');
  const toPayment = ['--payment', rows[0]?.id ?? ''];
  await move(1, 'payment', ...toPayment);
  await move(2, 'payment', ...toPayment);
  await move(4, 'payment', ...toPayment);
  await rig.settle();
  expect((await refusals()).slice(-2)).toEqual(['CHARGEBACK_DOES_NOT_FIT', 'CHARGEBACK_DOES_NOT_FIT']);
  expect([await rig.balance(`rider:${derivedAccountId(token(4))}`), await rig.denied(4)]).toEqual([
    300n,
    'deny debt',
  ]);
  await move(2, 'loss');
  await move(3, 'acquirer');
  await move(3, 'loss');
  await move(99, 'loss');
  await rig.settle();
  expect((await refusals()).slice(-2).sort()).toEqual(['CHARGEBACK_NOT_WAITING', 'CHARGEBACK_UNKNOWN']);
  expect([
    (await rig.balance('suspense:bank-chargebacks')) - before,
    await rig.balance('loss:chargebacks'),
  ]).toEqual([1200n, 50n]);
  const waiting = (await troubles()).filter(({ detail }) => detail.endsWith('sb-typo'));
  expect(waiting.map(({ id }) => id)).toEqual([`acq.${first + 4}`]);
  const nowDay = new Date(rig.engine.clock.nowMs()).toISOString().slice(0, 10);
  const rules = { day: nowDay, acquirerId: 'acq', providerId: 'pay' };
  const span = { fromMs: Date.parse(nowDay), untilMs: Date.parse(nowDay) + DAY_MS, named: ['sb-typo'] };
  const { clearing } = await readMoneyDay(rig.engine.admin, rules, span);
  expect(clearing).toContainEqual({
    ...{ reference: 'sb-typo', kind: 'chargeback-returned', amountMinor: 70n, currency: 'UAH', ofDay: true },
  });
  const found = await reconcile(rig.engine.admin);
  expect(found.ledgerSumByCurrency).toEqual({ UAH: '0', EUR: '0' });
});

test('what a provider pays out and a till brings to the bank is booked once, and the day compares as before', async () => {
  const day = dayOf(90);
  rig.engine.clock.setWall(at(90));
  const paid = { accountId: 'acc-booked', currency: 'UAH' };
  for (const [source, idempotencyKey, amountMinor] of [
    ['sandbox-pay', 'top-90', '5000'],
    ['kiosk-90', 'cash-90', '700'],
  ])
    await command(rig.engine, 'credit-wallet', { ...paid, source, idempotencyKey, amountMinor });
  await rig.settle();
  const folder = tempFolder('booked');
  try {
    const write = (name: string, text: string): string => {
      writeFileSync(join(folder.path, name), text);
      return join(folder.path, name);
    };
    const provider = write(
      'p.csv',
      `paid_on,reference,amount_minor,currency,fee_minor\n${day},top-90,5000,UAH,50\n`,
    );
    const tills = write('t.csv', `till,day,amount_minor,currency\nkiosk-90,${day},700,UAH\n`);
    const statement = write(
      's.csv',
      `booked_on,reference,amount_minor,currency\n${day},sandbox-pay-${day},4950,UAH\n${day},kiosk-90-${day},700,UAH\n`,
    );
    const book = () =>
      runCommand(
        reconcileCommand,
        [
          ...['bank', day, '--provider', provider, '--tills', tills, '--statement', statement],
          ...['--book', '--by', 'Олена'],
        ],
        '',
        undefined,
        { ...ENV(), KVYTOK_CITY_DIR: CITY },
      );
    expect((await book()).code).toBe(0);
    await rig.settle();
    const balances = [
      'till:sandbox-pay',
      'payout:sandbox-pay',
      'fee:sandbox-pay',
      'till:kiosk-90',
      'bank:city',
    ];
    expect(await Promise.all(balances.map(rig.balance))).toEqual([0n, 0n, 50n, 0n, 5650n]);
    const again = await book();
    expect([again.code, again.stdout.match(/was booked before/g)?.length]).toEqual([0, 3]);
    await rig.settle();
    expect(await rig.balance('bank:city')).toBe(5650n);
  } finally {
    folder.remove();
  }
});

test('a desk that dies between two chargebacks of one answer skips none of them', async () => {
  const first = 100;
  const other = { ...BOOKS, holders: { ...BOOKS.holders, acquirerId: 'other' } };
  const asked: number[] = [];
  const acquirer: Pick<Acquirer, 'chargebacks'> = {
    chargebacks: async (after) => {
      asked.push(after);
      const ours = { reference: 'sb-nobody', code: '13', amountMinor: 0n, currency: 'UAH' };
      const malformed = [{ n: first + 2, sha256: 'f'.repeat(64), problem: 'dies after this' }];
      return { chargebacks: [first + 3, first + 1].map((n) => ({ ...ours, n })), malformed, full: false };
    },
  };
  const log = createLogger({ component: 'test-bank', level: 'silent' });
  const dies = (_fields: object, event?: string) => {
    if (event === 'fare.bank.chargeback-malformed') throw new Error('dies');
  };
  const desk = (own: Logger) =>
    createChargebackDesk({
      ...{ pool: rig.engine.pool, acquirer: acquirer as Acquirer, books: other, log: own },
      nowMs: () => rig.engine.clock.nowMs(),
    });
  await expect(desk({ ...log, error: dies } as Logger)()).rejects.toThrow('dies');
  await desk(log)();
  const { rows } = await rig.engine.admin.query<{ n: string }>(
    'SELECT n FROM fare.bank_chargeback WHERE acquirer_id = $1 ORDER BY n',
    ['other'],
  );
  expect(rows.map(({ n }) => Number(n) - first)).toEqual([1, 3]);
  // What was written down before it died is all that is left out the next time, but the highest number.
  expect(asked.at(-1)).toBe(first + 1);
});

test('a debt is asked for by the terms of its oldest day, whatever came into force since', async () => {
  const [before, after] = [NEW_TERMS_FROM - 1, NEW_TERMS_FROM] as const;
  rig.account(51).balanceMinor = 0n;
  rig.account(52).balanceMinor = 0n;
  rig.engine.clock.setWall(at(before, 1));
  await rig.engine.deliver([rig.tap(51, 1, at(before))]);
  await rig.engine.drain();
  await rig.settle();
  const charge = async (card: number): Promise<string | undefined> => (await rig.story(card))[1];
  expect(await charge(51)).toBe('charge 1400: asked, declined 51');
  rig.engine.clock.setWall(at(after, 1) - 1);
  await rig.engine.deliver([rig.tap(52, 1, at(after))]);
  await rig.engine.drain();
  // Who knows fewer packages than the database plans nothing.
  factsKnown = -1;
  await rig.settle();
  expect(await rig.story(52)).toEqual([]);
  factsKnown = 0;
  await rig.settle();
  expect([await charge(51), await charge(52)]).toEqual(Array(2).fill('charge 1400: asked, declined 51'));
  // A day has passed, and an hour: each is asked for again by its own terms.
  rig.engine.clock.setWall(at(after, 1));
  await rig.settle();
  expect([await charge(51), await charge(52)]).toEqual([
    'charge 1400: asked, declined 51, asked, declined 51',
    'charge 1400: asked, declined 51',
  ]);
  rig.engine.clock.setWall(at(after, 2) - 1);
  await rig.settle();
  expect([await charge(51), await charge(52)]).toEqual([
    'charge 1400: asked, declined 51, asked, declined 51',
    'charge 1400: asked, declined 51, asked, declined 51',
  ]);
});
