/** Debts that riders pay at the provider's page: real PostgreSQL, sandbox acquirer and sandbox provider as real HTTP servers. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { debtReference } from '#contracts/debt-reference.ts';
import { createLogger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import { createDebtDesk, type DebtDesk } from '../../../fare-engine/adapters/debt-desk.ts';
import { createHttpPaymentProvider } from '../../../fare-engine/adapters/http-payment-provider.ts';
import { readMoneyDay } from '../../../fare-engine/bank/read-money-day.ts';
import { reconcileMoney } from '../../../fare-engine/bank/reconcile-bank.ts';
import { derivedAccountId } from '../../../fare-engine/facts/account-of.ts';
import { reconcile } from '../../../fare-engine/reconcile.ts';
import { showDebts } from '../../../fare-engine/show-debts.ts';
import { trialBalance } from '../../../fare-engine/trial-balance.ts';
import { WELL_BEHAVED } from '../../../simulators/payments/misbehaviour.ts';
import { type SandboxProvider, startSandboxProvider } from '../../../simulators/payments/sandbox.ts';
import { token } from '../support/a-record.ts';
import { type BankRig, openBankRig } from '../support/bank-rig.ts';
import { BOOKS } from '../support/bank-terms.ts';
import { type DebtPage, debtPage, wordOn } from '../support/debt-page.ts';
import { command } from '../support/submit.ts';

let rig: BankRig;
let sandbox: SandboxProvider;
let portal: pg.Pool;
let desk: DebtDesk;
const desks: DebtDesk[] = [];

beforeAll(async () => {
  rig = await openBankRig();
  sandbox = await startSandboxProvider({
    token: 'p',
    callKey: Buffer.alloc(32, 3),
    nowMs: () => rig.engine.clock.nowMs(),
    realMs: () => FIRST,
  });
  portal = createPool({
    url: rig.engine.database.url('portal_runtime'),
    applicationName: 'test-portal',
    max: 2,
  });
  desk = openDesk();
});
afterAll(async () => {
  await Promise.all(desks.map((one) => one.stop()));
  await sandbox.stop();
  await portal.end();
  await rig.stop();
});
beforeEach(() => void Object.assign(sandbox.misbehaviour, WELL_BEHAVED));

const FIRST = Date.UTC(2025, 9, 14, 6);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const at = (day: number): number => FIRST + day * DAY_MS;
const dayOf = (n: number): string => new Date(at(n)).toISOString().slice(0, 10);
const body = (n: number): string => debtReference(token(n)).slice(0, 15);

function openDesk(probe: Probe = noProbe): DebtDesk {
  const made = createDebtDesk({
    pool: rig.engine.pool,
    provider: createHttpPaymentProvider({ url: sandbox.url, token: 'p', timeoutMs: 60_000 }),
    holders: BOOKS.holders,
    publicUrl: 'http://city',
    nowMs: () => rig.engine.clock.nowMs(),
    log: createLogger({ component: 'test-debt', level: 'silent' }),
    probe,
  });
  desks.push(made);
  return made;
}

/** A card that has ridden once on a day and whose bank refuses: it owes 14.00 and is on the deny list. */
async function owes(n: number, day: number): Promise<string> {
  rig.account(n).balanceMinor = 0n;
  rig.engine.clock.setWall(at(day) + HOUR_MS);
  await rig.engine.deliver([rig.tap(n, 1, at(day))]);
  await rig.engine.drain();
  await rig.settle();
  expect(await denied(n)).toBe('deny debt');
  const [debt] = await showDebts(rig.engine.admin, { tokenId: token(n), rowsMax: 1 });
  return debt?.paymentId ?? '';
}

const denied = (n: number): Promise<string> => wordOn(rig.engine.admin, n);
const pageOf = (n: number): Promise<DebtPage | null> => debtPage(portal, n);

async function ask(n: number, kind = 'pay'): Promise<boolean> {
  const { rows } = await portal.query<{ taken: boolean }>(
    `SELECT fare.ask_debt_desk($1, $2, 'uk', $3) AS taken`,
    [kind, body(n), rig.engine.clock.nowMs()],
  );
  return rows[0]?.taken === true;
}

async function turns(which: DebtDesk = desk): Promise<void> {
  while ((await which.turn()) > 0);
  await rig.settle();
}

/** Begins to pay, and gives the provider's name of the payment. */
async function begin(n: number): Promise<string> {
  await ask(n);
  await turns();
  const opened = (await pageOf(n))?.payment?.events.at(-1);
  if (opened?.kind !== 'opened' || opened.payUrl === null) throw new Error(`not opened: ${opened?.kind}`);
  return opened.payUrl.split('/').at(-1) as string;
}

async function said(n: number): Promise<string[]> {
  return ((await pageOf(n))?.payment?.events ?? []).map(({ kind }) => kind);
}

const rider = (n: number): Promise<bigint> => rig.balance(`rider:${derivedAccountId(token(n))}`);

test('a debt is found by its reference with days, rides and why; paid without any call it is posted, and the card is free', async () => {
  await owes(1, 0);
  const page = await pageOf(1);
  expect(page).toMatchObject({ denied: 'debt', asking: false, payment: null });
  expect(page?.debts).toEqual([
    expect.objectContaining({
      amountMinor: '1400',
      days: [{ fareDay: dayOf(0), amountMinor: '1400' }],
    }),
  ]);
  expect(page?.rides.map(({ tap }) => tap.rider_minor)).toEqual([1400]);
  expect(page?.rides[0]?.explanation?.steps.length).toBeGreaterThan(0);
  expect(JSON.stringify(page)).not.toMatch(/k\d+\.[0-9a-f]{32}|bp-|"account/);
  expect(await pageOf(999)).toBeNull();

  const reference = await begin(1);
  // While it is paid its bank is not asked, not even when the calendar says so.
  rig.engine.clock.advance(25 * HOUR_MS);
  await rig.settle();
  expect((await rig.story(1))[1]).toBe('charge 1400: asked, declined 51, held');
  sandbox.misbehaviour.callsEach = 0;
  sandbox.end(reference, 'paid');
  rig.engine.clock.advance(60_000);
  await turns();
  expect(await said(1)).toEqual(['asked', 'opened', 'paid']);
  expect((await rig.story(1))[1]).toBe('charge 1400: asked, declined 51, held, paid');
  expect([await rider(1), await rig.balance('till:pay'), await denied(1)]).toEqual([0n, 1400n, 'allow']);
  expect(await pageOf(1)).toMatchObject({ debts: [], denied: null });
  const { rows } = await rig.engine.admin.query<{ ref: string }>(
    `SELECT count(*)::int AS leaves FROM fare.audit_leaf WHERE kind = 'debt-payment'`,
  );
  expect(rows[0]).toEqual({ leaves: 3 });
});

test('who fails or leaves owes as before, and may begin again; two wishes at once are one payment', async () => {
  await owes(2, 2);
  for (const state of ['failed', 'cancelled'] as const) {
    sandbox.end(await begin(2), state);
    rig.engine.clock.advance(10_000);
    await turns();
    expect((await said(2)).at(-1)).toBe(state);
    expect((await rig.story(2))[1]).toMatch(/held, released$/);
  }
  const reference = await begin(2);
  await ask(2);
  await turns();
  expect((await pageOf(2))?.payment?.events).toHaveLength(2);
  sandbox.end(reference, 'paid');
  rig.engine.clock.advance(10_000);
  await turns();
  expect([await denied(2), await rider(2)]).toEqual(['allow', 0n]);
});

test('a call is kept once and only a reason to look; what it says of state and amount counts for nothing', async () => {
  await owes(3, 4);
  const reference = await begin(3);
  const { rows } = await rig.engine.admin.query<{ id: string }>(
    'SELECT debt_payment_id AS id FROM fare.debt_payment ORDER BY made_at_ms DESC LIMIT 1',
  );
  const call = (id: string, state = 'paid') =>
    portal
      .query<{ fresh: boolean }>(`SELECT fare.hear_payment_call($1, $2, $3, 9999, 'UAH', $4) AS fresh`, [
        ...[id, rows[0]?.id, state, rig.engine.clock.nowMs()],
      ])
      .then((heard) => heard.rows[0]?.fresh);
  expect([await call('call-one'), await call('call-one')]).toEqual([true, false]);
  await turns();
  expect([await said(3), await denied(3)]).toEqual([['asked', 'opened'], 'deny debt']);
  sandbox.end(reference, 'paid');
  expect(await call('call-two', 'failed')).toBe(true);
  await turns();
  expect([await said(3), await denied(3)]).toEqual([['asked', 'opened', 'paid'], 'allow']);
});

test('another sum than was asked for pays nothing and goes back', async () => {
  await owes(4, 6);
  const before = await rig.balance('till:pay');
  const reference = await begin(4);
  sandbox.misbehaviour.wrongAmountMinor = -100n;
  sandbox.end(reference, 'paid');
  rig.engine.clock.advance(10_000);
  await turns();
  rig.engine.clock.advance(10_000);
  await turns();
  expect(await said(4)).toEqual(['asked', 'opened', 'paid', 'over', 'refund-asked', 'refunded']);
  expect([await denied(4), await rider(4)]).toEqual(['deny debt', 1400n]);
  expect([await rig.balance('till:pay'), await rig.balance('refund:pay')]).toEqual([before, 0n]);
  expect((await rig.story(4))[1]).toBe('charge 1400: asked, declined 51, held, released');
});

test('a debt that was paid at a till meanwhile is paid once: what the provider took goes back, and its report agrees', async () => {
  const day = 8;
  const paymentId = await owes(5, day);
  const reference = await begin(5);
  const paying = { paymentId, source: 'kiosk-1', reference: 'r-1', amountMinor: '1400', currency: 'UAH' };
  await command(rig.engine, 'pay-debt', { ...paying, by: 'Олена' });
  await rig.settle();
  expect(await denied(5)).toBe('allow');
  sandbox.end(reference, 'paid');
  rig.engine.clock.advance(10_000);
  sandbox.misbehaviour.loseAnswers = 1;
  await turns();
  rig.engine.clock.advance(10_000);
  await turns();
  rig.engine.clock.advance(10_000);
  await turns();
  expect((await said(5)).slice(2)).toEqual(['paid', 'over', 'refund-asked', 'refunded']);
  expect([await rider(5), await rig.balance('till:kiosk-1'), await rig.balance('refund:pay')]).toEqual([
    ...[0n, 1400n, 0n],
  ]);
  const rules = { day: dayOf(day), acquirerId: 'acq', providerId: 'pay' };
  const lines = sandbox.books.lines
    .map((line, i) => ({ ...line, line: i + 2 }))
    .filter(({ paidOn }) => paidOn === rules.day);
  const ledger = await readMoneyDay(rig.engine.admin, rules, {
    fromMs: Date.parse(rules.day),
    untilMs: Date.parse(rules.day) + DAY_MS,
    named: lines.map((line) => line.reference),
  });
  expect(lines).toHaveLength(2);
  expect(reconcileMoney(ledger, { provider: lines }, rules)).toEqual([]);
  const [taken] = lines;
  if (taken === undefined) throw new Error('no line');
  expect(reconcileMoney(ledger, { provider: [{ ...taken, amountMinor: 1399n }] }, rules)).toMatchObject([
    { reason: 'amount', expectedMinor: 1400n },
    { reason: 'missing-in-file', expectedMinor: -1400n },
  ]);
});

test('what a provider takes after it was given up is taken in all the same', async () => {
  await owes(6, 10);
  const reference = await begin(6);
  rig.engine.clock.advance(2 * DAY_MS - 1);
  await turns();
  expect((await said(6)).at(-1)).toBe('opened');
  rig.engine.clock.advance(60_001);
  await turns();
  expect((await said(6)).at(-1)).toBe('expired');
  sandbox.end(reference, 'paid');
  await ask(6, 'look');
  await turns();
  expect([(await said(6)).at(-1), await denied(6)]).toEqual(['paid', 'allow']);
});

test('an asker that dies at any point, and answers that are lost or wrong, take and give back nothing twice', async () => {
  const cards = [20, 21, 22, 23];
  const day = 14;
  for (const n of cards) await owes(n, day);
  for (const n of cards) await ask(n);
  await desk.stop();
  let points = 0;
  const dying = openDesk(() => {
    points += 1;
    if (points % 3 === 0) throw new Error('killed');
  });
  Object.assign(sandbox.misbehaviour, { loseAnswers: 2, errors: 1, garble: 1, cutRequests: 1 });
  const paid = new Set<string>();
  for (let round = 0; round < 12; round += 1) {
    await dying.turn().catch(() => {});
    for (const n of cards) {
      const opened = (await pageOf(n))?.payment?.events.find(({ kind }) => kind === 'opened');
      const name = opened?.payUrl?.split('/').at(-1);
      if (name !== undefined && sandbox.end(name, 'paid')) paid.add(name);
    }
    rig.engine.clock.advance(61_000);
  }
  await dying.stop();
  rig.engine.clock.advance(10 * 61_000);
  await turns();
  expect(paid.size).toBe(cards.length);
  for (const n of cards) expect([n, await said(n)]).toEqual([n, ['asked', 'opened', 'paid']]);
  for (const n of cards) expect([n, await rider(n), await denied(n)]).toEqual([n, 0n, 'allow']);
});

test('a phone finds the debt of its card; a bank that is being asked has the word before any payment', async () => {
  const par = '5413KVYTOK0000000000000000088';
  const day = 20;
  rig.engine.clock.setWall(at(day) + HOUR_MS);
  rig.account(30).balanceMinor = 0n;
  await rig.engine.deliver([
    rig.tap(30, 1, at(day), { par, parProven: true }),
    rig.tap(31, 1, at(day), { par, parProven: true, pan: 30 }),
  ]);
  await rig.engine.drain();
  await rig.settle();
  expect((await pageOf(31))?.debts.map(({ amountMinor }) => amountMinor)).toEqual(
    (await pageOf(30))?.debts.map(({ amountMinor }) => amountMinor),
  );
  const shown = await showDebts(rig.engine.admin, { rowsMax: 100 });
  const both = shown.filter(({ tokenId }) => [token(30), token(31)].includes(tokenId));
  expect((await pageOf(31))?.debts.reduce((sum, one) => sum + BigInt(one.amountMinor), 0n)).toBe(
    both.reduce((sum, one) => sum + one.amountMinor, 0n),
  );
  expect(both).not.toHaveLength(0);
  // The acquirer is silent in the middle of a try: nothing is begun until it has spoken.
  rig.sandbox.misbehaviour.down = true;
  rig.engine.clock.advance(25 * HOUR_MS);
  await rig.main.turn();
  expect((await pageOf(30))?.asking).toBe(true);
  await ask(31);
  await turns(desk);
  expect((await pageOf(31))?.payment).toBeNull();
  rig.sandbox.misbehaviour.down = false;
  rig.engine.clock.advance(HOUR_MS);
  await rig.settle();
  sandbox.end(await begin(31), 'paid');
  rig.engine.clock.advance(10_000);
  await turns();
  expect([await denied(30), await denied(31)]).toEqual(['allow', 'allow']);
});

test('a card whose bank does not answer rides up to the limit, waits beyond it, and rides again at its first yes', async () => {
  const day = 26;
  rig.engine.clock.setWall(at(day) + 8 * HOUR_MS);
  rig.sandbox.misbehaviour.down = true;
  const ride = async (n: number, seq: number): Promise<void> => {
    await rig.engine.deliver([rig.tap(n, seq, at(day) + 2 * seq * HOUR_MS)]);
    await rig.engine.drain();
    await rig.main.turn();
    await command(rig.engine, 'close-day', { fareDay: dayOf(0) });
  };
  for (const seq of [1, 2]) await ride(40, seq);
  expect(await denied(40)).toBe('never');
  await ride(40, 3);
  expect([await denied(40), (await pageOf(40))?.denied]).toEqual(['deny unconfirmed', 'unconfirmed']);
  await rig.main.turn();
  await command(rig.engine, 'close-day', { fareDay: dayOf(0) });
  expect(await denied(40)).toBe('deny unconfirmed');
  rig.sandbox.misbehaviour.down = false;
  rig.engine.clock.advance(HOUR_MS);
  await rig.settle();
  expect(await denied(40)).toBe('allow');
  // Another's bank says no: what it waited for is a debt now.
  rig.sandbox.misbehaviour.down = true;
  for (const seq of [1, 2, 3]) await ride(41, seq);
  rig.account(41).balanceMinor = 0n;
  rig.sandbox.misbehaviour.down = false;
  rig.engine.clock.advance(HOUR_MS);
  await rig.settle();
  expect(await denied(41)).toBe('deny debt');
});

test('the portal reads one reference and no table, and asks for no more than the desk can take', async () => {
  for (const table of [
    'debt_payment',
    'bank_payment',
    'bank_debt',
    'debt_request',
    'payment_call',
    'bank_tap',
  ])
    await expect(portal.query(`SELECT FROM fare.${table}`), table).rejects.toMatchObject({ code: '42501' });
  await expect(portal.query(`SELECT fare.cards_of_reference('x')`)).rejects.toMatchObject({ code: '42501' });
  const office = createPool({ url: rig.engine.database.url('office_runtime'), applicationName: 't', max: 1 });
  await expect(office.query(`SELECT fare.debt_page('x')`)).rejects.toMatchObject({ code: '42501' });
  await office.end();
  const wish = (reference: string) =>
    portal
      .query<{ taken: boolean }>(`SELECT fare.ask_debt_desk('pay', $1, 'uk', 0) AS taken`, [reference])
      .then(({ rows }) => rows[0]?.taken);
  expect(await wish('not a reference')).toBe(false);
  await rig.engine.admin.query(
    `INSERT INTO fare.debt_request SELECT 'look', 'dp-' || n, 'uk', 0 FROM generate_series(1, 999) AS n`,
  );
  expect([await wish('2'.repeat(15)), await wish('3'.repeat(15))]).toEqual([true, false]);
  await turns();
});

test('the books agree with themselves', async () => {
  expect((await reconcile(rig.engine.admin)).ledgerSumByCurrency).toEqual({ UAH: '0' });
  const kept = sandbox.books.lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
  // The sandbox's books know the sum that it took, the ledger the one that it was told (card 4), and both gave it back.
  expect(await rig.balance('till:pay')).toBe(kept - 100n);
  // What is still to go back stands in the ledger, and in the audit log alike.
  const reference = await begin(4);
  sandbox.misbehaviour.wrongAmountMinor = 100n;
  sandbox.end(reference, 'paid');
  rig.engine.clock.advance(10_000);
  await turns();
  expect(await rig.balance('refund:pay')).toBe(-1500n);
  expect((await trialBalance(rig.engine.admin, { againstLog: true })).problems).toEqual([]);
});
