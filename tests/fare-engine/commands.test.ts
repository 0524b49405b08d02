/** Commands: obeyed once, refused with a reason that is kept. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeEndedDays } from '../../fare-engine/adapters/close-scheduler.ts';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { tapRow, token } from './support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase, RULES } from './support/engine-database.ts';
import { command, submit } from './support/submit.ts';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const credit = (key: string, amountMinor = '10000') => ({
  accountId: 'p-1',
  amountMinor,
  currency: 'UAH',
  source: 'kiosk-7',
  idempotencyKey: key,
});

const sale = {
  ...{ passId: 'c-1', accountId: 'p-1', fareProductId: 'carnet-3', amountMinor: '0' },
  ...{ currency: 'UAH', source: 'office' },
};
const counted = { entitlementId: 'w-1', accountId: 'p-1' };

async function refusals(): Promise<[string, string][]> {
  const { rows } = await engine.admin.query(
    'SELECT kind, reason FROM fare.command_refusal ORDER BY refusal_id',
  );
  return rows.map((row) => [row.kind, row.reason]);
}

async function count(table: string): Promise<number> {
  return Number((await engine.admin.query(`SELECT count(*) AS n FROM fare.${table}`)).rows[0].n);
}

test('the same top-up submitted three times is booked once, from the till to the rider', async () => {
  await command(engine, 'credit-wallet', credit('pay-1'));
  await submit(engine, 'credit-wallet', credit('pay-1'));
  await submit(engine, 'credit-wallet', { ...credit('pay-1') });
  await workCommands(engine.pool, calendar, engine.clock, 100);
  const { rows } = await engine.admin.query(
    'SELECT posting_id, debit_account, credit_account, amount_minor FROM fare.posting',
  );
  expect(rows).toEqual([
    {
      posting_id: 'credit:pay-1',
      debit_account: 'till:kiosk-7',
      credit_account: 'rider:p-1',
      amount_minor: 10_000n,
    },
  ]);
  expect(await refusals()).toEqual([]);
  expect(await count('command_inbox')).toBe(0);
  expect(await count('audit_leaf')).toBe(1);
});

test('the same key with another amount is refused and the first booking stays', async () => {
  await command(engine, 'credit-wallet', credit('pay-1', '99'));
  expect(await refusals()).toEqual([['credit-wallet', 'COMMAND_KEY_REUSED']]);
  expect(await count('wallet_credit')).toBe(1);
});

test.each([
  ['credit-wallet', { ...credit('x'), amountMinor: '0' }],
  ['credit-wallet', { ...credit('x'), amountMinor: '-5' }],
  ['credit-wallet', { ...credit('x'), amountMinor: 5 }],
  ['credit-wallet', { ...credit('x'), accountId: 'a:b' }],
  ['credit-wallet', { ...credit('x'), bonus: true }],
  ['close-day', { fareDay: '2025-02-30' }],
  ['link-medium', { tokenId: '4111111111111111', accountId: 'p-1', validFromMs: 0 }],
  ['sell-pass', { ...sale, validFromMs: -8.64e15 }],
  ['sell-pass', { ...sale, validFromMs: 8.64e15 }],
  ...['uses:c-1:1', 'spent:day:10:1', 'used:pensioner:1:0', 'begun:A1:::0:0'].flatMap(
    (concessionId): [string, object][] => [
      ['grant-entitlement', { ...counted, concessionId, validFromMs: -8.64e15 }],
      ['grant-entitlement', { ...counted, concessionId, validFromMs: 8.64e15 }],
    ],
  ),
  ['close-day', null],
  ['close-day', 'today'],
])('a malformed %s is refused and changes nothing: %j', async (kind, payload) => {
  const before = [await count('command_accepted'), (await refusals()).length];
  await command(engine, kind as 'close-day', payload as never);
  const [last] = (await refusals()).slice(-1);
  expect(last).toEqual([kind, 'COMMAND_MALFORMED']);
  expect([await count('command_accepted'), (await refusals()).length - 1]).toEqual(before);
});

test('unknown kinds, empty intervals and unknown entitlements have reasons of their own', async () => {
  const from = (await refusals()).length;
  await command(engine, 'delete-everything' as 'close-day', {});
  await command(engine, '__proto__' as 'close-day', {});
  await command(engine, 'link-medium', {
    tokenId: token(1),
    accountId: 'p-1',
    validFromMs: 5,
    validUntilMs: 5,
  });
  await command(engine, 'revoke-entitlement', { entitlementId: 'none', validUntilMs: 5 });
  expect((await refusals()).slice(from).map(([, reason]) => reason)).toEqual([
    'COMMAND_UNKNOWN_KIND',
    'COMMAND_UNKNOWN_KIND',
    'COMMAND_INTERVAL_EMPTY',
    'ENTITLEMENT_UNKNOWN',
  ]);
});

test('a grant, its revocation and a grant under the same id with other dates, all in one turn', async () => {
  const grant = { entitlementId: 'e-1', accountId: 'p-1', concessionId: 'c', validFromMs: 1000 };
  const from = (await refusals()).length;
  await submit(engine, 'grant-entitlement', grant);
  await submit(engine, 'revoke-entitlement', { entitlementId: 'e-1', validUntilMs: 2000 });
  await submit(engine, 'grant-entitlement', { ...grant, validFromMs: 999 });
  await workCommands(engine.pool, calendar, engine.clock, 100);
  expect([await count('entitlement'), await count('entitlement_revocation')]).toEqual([1, 1]);
  expect((await refusals()).slice(from)).toEqual([['grant-entitlement', 'COMMAND_KEY_REUSED']]);
});

test('a command submitted again under its id after a restart does nothing more', async () => {
  const id = randomUUID();
  const link = { tokenId: token(7), accountId: 'p-7', validFromMs: 0 };
  await command(engine, 'link-medium', link, id);
  await command(engine, 'link-medium', link, id);
  expect(await count('media_link')).toBe(1);
});

test('the scheduler closes a day when it has ended for longer than late taps are taken, and not a second before', async () => {
  await engine.deliver([tapRow({ seq: 1, atMs: Date.UTC(2025, 9, 14, 6) })]);
  await engine.drain();
  const due = calendar.endOfMs('2025-10-14') + RULES.lateTapAcceptS * 1000;
  expect(await closeEndedDays(engine.pool, RULES, due - 1)).toBeNull();
  expect(await closeEndedDays(engine.pool, RULES, due)).toBe('2025-10-14');
  expect(await closeEndedDays(engine.pool, RULES, due)).toBeNull();
  engine.clock.setWall(due);
  await workCommands(engine.pool, calendar, { nowMs: () => due }, 100);
  const { rows } = await engine.admin.query('SELECT fare_day::text AS day FROM fare.close');
  expect(rows).toEqual([{ day: '2025-10-14' }]);
  expect(await closeEndedDays(engine.pool, RULES, due + 86_400_000)).toBeNull();
});
