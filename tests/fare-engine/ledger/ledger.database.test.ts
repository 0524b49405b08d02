/** The ledger on a real PostgreSQL: what was pending and final, at any instant, whatever committed late; reversals; keys. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as ledgerCommand from '../../../cli/commands/ledger.ts';
import { accountStatement } from '../../../fare-engine/account-statement.ts';
import { createAuditSequencer } from '../../../fare-engine/adapters/audit-sequencer.ts';
import { foldSums } from '../../../fare-engine/adapters/sum-folder.ts';
import type { AccountSums } from '../../../fare-engine/trial-balance.ts';
import { balanceOf, byKind, trialBalance } from '../../../fare-engine/trial-balance.ts';
import { runCommand } from '../../support/command-io.ts';
import { pastTransactions } from '../../support/past-transactions.ts';
import { until } from '../../support/until.ts';
import { tapRow, token } from '../support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from '../support/engine-database.ts';
import { moneyPricer } from '../support/money-pricer.ts';
import { command, submit } from '../support/submit.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** 14 October 2025, 09:00 in Kyiv. */
const MORNING = Date.UTC(2025, 9, 14, 6);

let engine: EngineDatabase;
let sequencer: ReturnType<typeof createAuditSequencer>;
beforeAll(async () => {
  engine = await openEngineDatabase();
  const keys = { origin: 'kvytok.example/test', privateKeys: [generateKeyPairSync('ed25519').privateKey] };
  sequencer = createAuditSequencer(engine.pool, keys, engine.clock);
  await command(engine, 'link-medium', { tokenId: token(7), accountId: 'person-7', validFromMs: 0 });
  await command(engine, 'assign-vehicle', { vehicleId: 'bus-1', carrierId: 'tet', validFromMs: 0 });
  await command(engine, 'assign-device', { deviceId: 'val-1', vehicleId: 'bus-1', validFromMs: 0 });
});
afterAll(async () => {
  await sequencer.stop();
  await engine.close();
});

const ride = (seq: number, atMs: number) => tapRow({ device: 'val-1', seq, atMs, token: token(7) });
/** Five rides with an hour between them: 12 each, and a cap of 30 a day. */
const rides = [1, 2, 3, 4, 5].map((n) => ride(n, MORNING + n * HOUR_MS));
const drain = () => engine.drain({ deps: engine.deps(moneyPricer(3000n)) });

/** Everything committed is signed, a minute later. */
async function seal(): Promise<number> {
  await pastTransactions(engine.admin);
  await until(async () => {
    const { rows } = await engine.admin.query<{ left: boolean }>(
      `SELECT EXISTS (SELECT FROM fare.audit_leaf l, fare.audit_tree t
         WHERE (l.xact, l.leaf_id) > (t.last_xact, t.last_leaf_id)) AS left`,
    );
    if (rows[0]?.left === false) return true;
    engine.clock.advance(1);
    await sequencer.turn(1000);
    return null;
  });
  const atMs = engine.clock.nowMs();
  engine.clock.advance(60_000);
  return atMs;
}

const short = (accounts: readonly AccountSums[]) =>
  Object.fromEntries(
    accounts.map((row) => [
      row.account,
      [row.pendingDebitMinor - row.pendingCreditMinor, row.postedDebitMinor - row.postedCreditMinor].map(
        Number,
      ),
    ]),
  );
const at = async (atMs: number) => {
  const found = await trialBalance(engine.admin, { atMs, againstLog: true });
  expect(found.problems).toEqual([]);
  // Not held against the log it is read from sums that are kept, wherever they reach just then.
  for (const folded of [false, true]) {
    if (folded) await foldSums(engine.pool, 2);
    expect((await trialBalance(engine.admin, { atMs, byKind: true })).accounts).toEqual(
      byKind(found.accounts),
    );
    expect((await trialBalance(engine.admin, { atMs })).accounts).toEqual(found.accounts);
    for (const row of found.accounts) {
      const { closing } = await accountStatement(engine.admin, {
        account: row.account,
        untilMs: atMs,
        rowsMax: 1,
      });
      expect(closing, row.account).toEqual({ [row.currency]: balanceOf(row) });
    }
  }
  return short(found.accounts);
};

test('before the log has signed anything nobody can say what was known', async () => {
  await expect(trialBalance(engine.admin, { atMs: MORNING })).rejects.toMatchObject({
    code: 'LEDGER_NOT_SEALED',
  });
});

let openAt: number;
let closedAt: number;
const OPEN = { 'rider:person-7': [3000, 0], 'rebate:caps': [3000, 0], 'revenue:tet': [-6000, 0] };
const CLOSED = { 'rider:person-7': [0, 3000], 'rebate:caps': [0, 3000], 'revenue:tet': [0, -6000] };

test('charges are pending while their fare day is open and final from its close on; the past stays as it was known', async () => {
  await engine.deliver(rides);
  await drain();
  openAt = await seal();
  expect(await at(openAt)).toEqual(OPEN);
  engine.clock.advance(4 * DAY_MS);
  await command(engine, 'close-day', { fareDay: '2025-10-14' });
  expect(short((await trialBalance(engine.admin)).accounts)).toEqual(CLOSED);
  closedAt = await seal();
  expect(await at(openAt)).toEqual(OPEN);
  expect(await at(closedAt)).toEqual(CLOSED);
  const { rows } = await engine.admin.query(
    'SELECT account_id, balance_minor::int AS b, pending_debit_minor::int AS p FROM fare.published_trial_balance ORDER BY 1',
  );
  expect(rows).toEqual([
    { account_id: 'rebate:caps', b: 3000, p: 0 },
    { account_id: 'revenue:tet', b: -6000, p: 0 },
    { account_id: 'rider:*', b: 3000, p: 0 },
  ]);
});

test('an adjustment after the close is final at once and names the close; the next day is pending again', async () => {
  // A ride between the others, three days late and out of the time for late taps: the cap takes it off.
  await engine.deliver([ride(6, MORNING + 90 * 60_000), ride(7, MORNING + 4 * DAY_MS + HOUR_MS)]);
  await drain();
  const later = await seal();
  expect(await at(later)).toEqual({
    'rider:person-7': [1200, 3000],
    'rebate:caps': [0, 4200],
    'revenue:tet': [-1200, -7200],
  });
  expect(await at(closedAt)).toEqual(CLOSED);
  const { rows } = await engine.admin.query(
    'SELECT count(*)::int AS n FROM fare.decision WHERE adjusts_close = $1',
    ['2025-10-14'],
  );
  expect(rows[0].n).toBeGreaterThan(0);
});

test('what commits late was not known before, and changes no answer about the past', async () => {
  const late = new pg.Client({ connectionString: engine.database.url('fare_runtime') });
  await late.connect();
  await late.query('BEGIN');
  await late.query(
    `INSERT INTO fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, source, posted_at_ms)
     VALUES ('credit:slow', 'till:kiosk-7', 'rider:person-7', 500, 'UAH', 'credit:slow', $1)`,
    [engine.clock.nowMs()],
  );
  await command(engine, 'credit-wallet', credit('fast', '700'));
  engine.clock.advance(1000);
  await sequencer.turn(1000);
  const between = engine.clock.nowMs();
  const before = await at(between);
  await late.query(`INSERT INTO fare.audit_leaf (kind, ref, bytes) VALUES ('command', 'slow', $1)`, [
    JSON.stringify({ postings: [['credit:slow', 'till:kiosk-7', 'rider:person-7', '500', 'UAH']] }),
  ]);
  await late.query('COMMIT');
  await late.end();
  engine.clock.advance(1000);
  const after = await seal();
  expect(await at(between)).toEqual(before);
  expect((await at(after))['till:kiosk-7']).toEqual([0, 1200]);
  const statement = await accountStatement(engine.admin, {
    account: 'till:kiosk-7',
    fromMs: between,
    untilMs: after,
    rowsMax: 10,
  });
  expect(statement.rows.map((row) => row.postingId)).toContain('credit:slow');
  expect(statement.closing).toEqual({ UAH: 1200n });
  expect(statement.rows.at(-1)?.balanceMinor).toBe(1200n);
});

const credit = (idempotencyKey: string, amountMinor: string) => ({
  accountId: 'person-7',
  amountMinor,
  currency: 'UAH',
  source: 'kiosk-7',
  idempotencyKey,
});

test('the same id with other bytes is refused, also while the first still waits in the inbox', async () => {
  const id = randomUUID();
  const link = { tokenId: token(8), accountId: 'person-8', validFromMs: 0 };
  await submit(engine, 'link-medium', link, id);
  await submit(engine, 'link-medium', { ...link, accountId: 'person-9' }, id);
  await command(engine, 'credit-wallet', credit('fast', '701'));
  const { rows } = await engine.admin.query(
    'SELECT kind, reason FROM fare.command_refusal ORDER BY refusal_id',
  );
  expect(rows).toEqual([
    { kind: 'link-medium', reason: 'COMMAND_KEY_REUSED' },
    { kind: 'credit-wallet', reason: 'COMMAND_KEY_REUSED' },
  ]);
});

test('the database takes no reversal that undoes another amount, side or currency, or nothing', async () => {
  const insert = (id: string, fields: [string, string, number, string, string]) =>
    engine.pool.query(
      `INSERT INTO fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, reverses, source, posted_at_ms)
       VALUES ($1, $2, $3, $4, $5, $6, 'test', 0)`,
      [id, ...fields],
    );
  for (const fields of [
    ['rider:person-7', 'till:kiosk-7', 699, 'UAH', 'credit:fast'],
    ['till:kiosk-7', 'rider:person-7', 700, 'UAH', 'credit:fast'],
    ['rider:person-7', 'till:kiosk-7', 700, 'EUR', 'credit:fast'],
    ['rider:person-7', 'till:kiosk-7', 700, 'UAH', 'credit:none'],
  ] as [string, string, number, string, string][]) {
    // 23514 check_violation
    await expect(insert('undo', fields)).rejects.toMatchObject({ code: '23514' });
  }
  await insert('undo', ['rider:person-7', 'till:kiosk-7', 700, 'UAH', 'credit:fast']);
});

test('the command shows balances and accounts, as of an instant too', async () => {
  const env = {
    KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'),
    KVYTOK_CITY_DIR: 'cities/ternopil',
  };
  const kvytok = (...args: string[]) => runCommand(ledgerCommand, args, '', process.cwd(), env);
  const instant = new Date(closedAt).toISOString();
  const balance = await kvytok('trial-balance', '--at', instant, '--by', 'kind');
  expect(balance).toMatchObject({ code: 0, stdout: expect.stringContaining('closed until 2025-10-14\n') });
  expect(balance.stdout).toMatch(/^revenue .*-₴60\.00$/m);
  const total = /^total UAH +₴([0-9.,]+) +₴\1 +₴([0-9.,]+) +₴\2 +₴0\.00$/m;
  expect(balance.stdout).toMatch(total);
  expect(balance.stdout).not.toContain('audit log say');
  const compared = await kvytok('trial-balance', '--at', instant, '--against-log');
  expect(compared.stdout).toMatch(
    /\nThe sealed leaves of the audit log say the same, account by account\.\n$/,
  );
  const misspelt = await kvytok('account', 'revenue:tte');
  expect(misspelt.stdout).toContain('\nNothing had been posted to an account of this name:');
  const account = await kvytok('account', 'revenue:tet', '--to', instant, '--rows', '2');
  expect(account.stdout).toMatch(/… \d+ more/);
  expect(account.stdout).not.toContain('Nothing had been posted');
  expect(account.stdout).toMatch(/^As known by state \d+ of kvytok.example\/test.*: -₴60\.00$/m);
  expect((await kvytok('chart')).stdout).toMatch(/^rebate +debit/m);
  await expect(kvytok('trial-balance', '--by', 'carrier')).rejects.toThrow('--by takes');
});

test('an account is shown since the month before, which is said; all of it where that is asked for', async () => {
  const env = {
    KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'),
    KVYTOK_CITY_DIR: 'cities/ternopil',
  };
  const kiosk = (...args: string[]) =>
    runCommand(ledgerCommand, ['account', 'till:kiosk-7', ...args], '', process.cwd(), env);
  // November: all of it lies in the month before, or in this one.
  engine.clock.advance(30 * DAY_MS);
  await seal();
  expect((await kiosk()).stdout).toBe((await kiosk('--all')).stdout);
  engine.clock.advance(31 * DAY_MS);
  await command(engine, 'credit-wallet', credit('in-december', '5'));
  await seal();
  const { stdout } = await kiosk();
  expect(stdout).toMatch(/^Since the month before began, 2025-10-31T22:00:00.000Z: --from/m);
  expect(stdout).toMatch(/^As known by state \d+ /m);
  expect(stdout).toContain('credit:in-december');
  expect(stdout).not.toContain('credit:slow');
  const all = (await kiosk('--all')).stdout;
  expect(all).toMatch(/^From the first posting: 0\n[\s\S]*credit:slow[\s\S]*credit:in-december/m);
  const last = (text: string) => text.trimEnd().split('\n').at(-1);
  expect(last(stdout)).toBe(last(all));
  expect((await kiosk('--from', '2025-12-01T00:00')).stdout).not.toContain('Since the month before');
  await expect(kiosk('--from', '2025-12-01T00:00', '--all')).rejects.toThrow('one of them');
});

test('a posting that no leaf witnesses, and an account of no kind, are problems of the balance', async () => {
  await engine.pool.query(
    `INSERT INTO fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, source, posted_at_ms)
     VALUES ('x', 'purse:a', 'rider:person-7', 1, 'UAH', 'x', 0)`,
  );
  await command(engine, 'credit-wallet', credit('last', '1'));
  const now = await seal();
  const { problems } = await trialBalance(engine.admin, { atMs: now, againstLog: true });
  expect(problems).toEqual([
    'the chart of accounts has no kind for purse:a',
    expect.stringMatching(/^purse:a UAH: the ledger says 1, the audit log 0/),
    expect.stringMatching(/^rider:person-7 UAH/),
    expect.stringMatching(/^till:kiosk-7 UAH/),
  ]);
});
