/** What a debt's denial does beside others of the same card, and lists of chargebacks that cannot be read: real PostgreSQL, the sandbox acquirer over HTTP. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger, type Logger } from '#platform/logger.ts';
import { createChargebackDesk } from '../../../fare-engine/adapters/chargeback-desk.ts';
import { createEndedDenials } from '../../../fare-engine/adapters/ended-denials.ts';
import type { Acquirer } from '../../../fare-engine/bank/acquirer.ts';
import { showBankTroubles } from '../../../fare-engine/show-bank-troubles.ts';
import { showDebts } from '../../../fare-engine/show-debts.ts';
import { token } from '../support/a-record.ts';
import { type BankRig, openBankRig } from '../support/bank-rig.ts';
import { BOOKS } from '../support/bank-terms.ts';
import { command } from '../support/submit.ts';

let rig: BankRig;
beforeAll(async () => {
  rig = await openBankRig();
});
afterAll(() => rig.stop());

const HOUR_MS = 3_600_000;
/** 14 October 2025, 9:00 in Kyiv; each test has days of its own. */
const at = (day: number, hour = 0): number => Date.UTC(2025, 9, 14, 6) + (24 * day + hour) * HOUR_MS;

test('a card that is lost and owes stays denied for its debt when it is found, and when the denial ends by its date', async () => {
  const day = 70;
  rig.engine.clock.setWall(at(day, 1));
  const lost = { reason: 'lost', scope: 'all', validFromMs: at(day) };
  await command(rig.engine, 'deny-medium', { tokenId: token(5), ...lost });
  await command(rig.engine, 'deny-medium', { tokenId: token(6), ...lost, validUntilMs: at(day, 48) });
  for (const n of [5, 6]) rig.account(n).balanceMinor = 0n;
  await rig.engine.deliver([rig.tap(5, 1, at(day)), rig.tap(6, 1, at(day))]);
  await rig.engine.drain();
  await rig.settle();
  expect([await rig.denied(5), await rig.denied(6)]).toEqual(['deny lost', 'deny lost']);
  await command(rig.engine, 'allow-medium', { tokenId: token(5) });
  await rig.settle();
  expect(await rig.denied(5)).toBe('deny debt');
  rig.engine.clock.setWall(at(day, 48));
  await rig.settle();
  expect(await rig.denied(6)).toBe('deny debt');
  for (const debt of await showDebts(rig.engine.admin, { rowsMax: 100 }))
    await command(rig.engine, 'pay-debt', {
      ...{ paymentId: debt.paymentId, source: 'kiosk', reference: debt.paymentId, by: 'Олена' },
      ...{ amountMinor: debt.amountMinor.toString(), currency: debt.currency },
    });
  await rig.settle();
  expect([await rig.denied(5), await rig.denied(6)]).toEqual(['allow', 'allow']);
  // Who owes nothing is simply taken again.
  await command(rig.engine, 'deny-medium', { tokenId: token(5), ...lost });
  await command(rig.engine, 'allow-medium', { tokenId: token(5) });
  await rig.settle();
  expect(await rig.denied(5)).toBe('allow');
});

test('a denial from a later date lets nobody on who owes until then, and counts when the debt is paid', async () => {
  const day = 80;
  rig.engine.clock.setWall(at(day, 1));
  const later = { reason: 'lost', scope: 'all', validFromMs: at(day, 480) };
  await command(rig.engine, 'deny-medium', { tokenId: token(8), ...later });
  for (const n of [7, 8, 9]) rig.account(n).balanceMinor = 0n;
  await rig.engine.deliver([7, 8, 9].map((n) => rig.tap(n, 1, at(day))));
  await rig.engine.drain();
  await rig.settle();
  await command(rig.engine, 'deny-medium', { tokenId: token(7), ...later });
  await rig.settle();
  expect([await rig.denied(7), await rig.denied(8)]).toEqual(['deny debt', 'deny debt']);
  // Where a denial got there without the debt's word, the desk finds each, however few it looks at in one turn.
  await rig.engine.admin.query(
    `INSERT INTO fare.deny_entry (entry_id, token_id, action, reason, scope, valid_from_ms, known_from_ms)
     SELECT gen_random_uuid(), token_id, 'deny', 'lost', 'all', $2, $3 FROM unnest($1::text[]) AS t (token_id)`,
    [[token(8), token(9)], later.validFromMs, rig.engine.clock.nowMs() + 1000],
  );
  const look = createEndedDenials(rig.engine.pool, () => rig.engine.clock.nowMs() + 2000, 1);
  for (let turn = 0; turn < 3; turn += 1) await look();
  await rig.engine.clock.advance(2000);
  await rig.settle();
  expect([await rig.denied(8), await rig.denied(9)]).toEqual(['deny debt', 'deny debt']);
  const owed = (await showDebts(rig.engine.admin, { rowsMax: 100 })).map((debt) => ({
    ...{ paymentId: debt.paymentId, source: 'kiosk', reference: debt.paymentId, by: 'Олена' },
    ...{ amountMinor: debt.amountMinor.toString(), currency: debt.currency },
  }));
  for (const debt of owed) await command(rig.engine, 'pay-debt', debt);
  await rig.settle();
  const { rows } = await rig.engine.admin.query(
    `SELECT DISTINCT ON (token_id) action, reason, valid_from_ms::float8 AS "validFromMs" FROM fare.deny_entry
     WHERE token_id = ANY ($1) ORDER BY token_id, known_from_ms DESC`,
    [[token(7), token(8), token(9)]],
  );
  const stands = { action: 'deny', reason: 'lost', validFromMs: later.validFromMs };
  expect(rows).toEqual([stands, stands, stands]);
  await command(rig.engine, 'allow-medium', { tokenId: token(7) });
  await rig.settle();
  expect(await rig.denied(7)).toBe('allow');
});

test('a hundred without a number at the head of a list hide none behind them, and a list that is too long waits for a person', async () => {
  const other = { ...BOOKS, holders: { ...BOOKS.holders, acquirerId: 'third' } };
  const ours = { n: 101, reference: 'sb-nobody', code: '13', amountMinor: 5n, currency: 'UAH' };
  const nameless = Array.from({ length: 100 }, (_, at) => ({
    ...{ n: null, sha256: at.toString(16).padStart(64, '0'), problem: '/n is missing' },
  }));
  const unread = { n: null, sha256: 'e'.repeat(64), problem: 'the list after 101 is too long' };
  const asked: number[] = [];
  const acquirer: Pick<Acquirer, 'chargebacks'> = {
    chargebacks: async (after) => {
      asked.push(after);
      if (after === 0) return { chargebacks: [], malformed: nameless, full: true };
      if (after === 100) return { chargebacks: [ours, { ...ours, n: 102 }], malformed: [], full: false };
      return { chargebacks: [], malformed: [], full: false, unread };
    },
  };
  const turn = createChargebackDesk({
    ...{ pool: rig.engine.pool, acquirer: acquirer as Acquirer, books: other },
    ...{
      log: createLogger({ component: 'test-bank', level: 'silent' }),
      nowMs: () => rig.engine.clock.nowMs(),
    },
  });
  for (let minute = 0; minute < 3; minute += 1) {
    await turn();
    rig.engine.clock.advance(60_000);
  }
  expect(asked).toEqual([0, 100, 101]);
  const found = (await showBankTroubles(rig.engine.admin, 1000)).filter(({ id }) => id.startsWith('third.'));
  expect(found).toHaveLength(103);
  expect(found.map(({ id }) => id)).toEqual(expect.arrayContaining(['third.101', `third.${unread.sha256}`]));
});

test('a chargeback with an absurdly high number is told, and hides none that come after it', async () => {
  const other = { ...BOOKS, holders: { ...BOOKS.holders, acquirerId: 'leaping' } };
  const ours = { reference: 'sb-nobody', code: '13', amountMinor: 5n, currency: 'UAH' };
  const list: number[] = [];
  const acquirer: Pick<Acquirer, 'chargebacks'> = {
    chargebacks: async (after) => {
      const numbers = list.filter((n) => n > after).sort((a, b) => a - b);
      return { chargebacks: numbers.map((n) => ({ ...ours, n })), malformed: [], full: false };
    },
  };
  const log = createLogger({ component: 'test-bank', level: 'silent' });
  const told: object[] = [];
  const error = (fields: object, event?: string) => {
    if (event?.startsWith('fare.bank.chargeback-number')) told.push(fields);
  };
  const turn = createChargebackDesk({
    ...{ pool: rig.engine.pool, acquirer: acquirer as Acquirer, books: other },
    ...{ log: { ...log, error } as Logger, nowMs: () => rig.engine.clock.nowMs() },
  });
  const taken = async () => {
    const { rows } = await rig.engine.admin.query(
      `SELECT n::float8 AS n FROM fare.bank_chargeback WHERE acquirer_id = 'leaping' ORDER BY n`,
    );
    return rows.map(({ n }) => n);
  };
  for (const next of [11, 12, 9e15, 13, 14, 8e15, 15]) {
    list.push(next);
    await turn();
    rig.engine.clock.advance(60_000);
  }
  expect(await taken()).toEqual([11, 12, 13, 14, 15, 8e15, 9e15]);
  expect(told).toEqual([
    { chargeback: 9e15, later: 13 },
    { chargeback: 8e15, later: 15 },
  ]);
});
