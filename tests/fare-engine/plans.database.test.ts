/** Statements that ask for some taps find them by index, however many there are. On real PostgreSQL, with many taps. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACCOUNT, DENIED, SEEN } from '../../cli/known-names.ts';
import { LOCK_ACCOUNTS } from '../../fare-engine/adapters/account-statements.ts';
import { ENQUEUE_SHIFTS } from '../../fare-engine/adapters/shift-queue.ts';
import { ENQUEUE } from '../../fare-engine/adapters/touched-days.ts';
import { LATEST_SQL, PACE_SQL } from '../../portal/adapters/postgres-views.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';

const TAPS = 50_000;
const DAYS = 100;
const DEVICES = 50;
const FIRST_MS = Date.UTC(2025, 0, 1, 6);

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
  await engine.admin.query(
    `INSERT INTO fare.tap (tap_id, device_id, epoch, seq, record_sha256, token_id, medium_kind, direction, companions,
       fare_day, fare_at_ms, uncertainty_ms, flags, received_at_ms)
     SELECT 'tap-' || n, 'val-' || n % $2::int, 'e', n, '\\x00', 'tok-' || n % 10000, 'wallet', 'in', 0,
       date '2025-01-01' + n % $3::int, $4::bigint + n % $3::int * 86400000::bigint, 0, '{}', $4::bigint + n * 1000::bigint
     FROM generate_series(1, $1::int) AS n`,
    [TAPS, DEVICES, DAYS, FIRST_MS],
  );
  await engine.admin.query(
    `INSERT INTO fare.decision (tap_id, revision, account_id, account_version, fare_day, kind, currency, gross_minor,
       rider_minor, transfer_minor, concession_minor, pass_minor, cap_minor, loss_minor, claim_ride, steps, line_sha256,
       posted_revision, decided_at_ms)
     SELECT tap_id, 1, 'acc-' || token_id, 1, fare_day, 'ride', 'UAH', 0, 0, 0, 0, 0, 0, 0, false, '[]', '\\x00', 1,
       received_at_ms FROM fare.tap`,
  );
  await engine.admin.query(
    `INSERT INTO fare.tap_time (tap_id, token_id, device_id, fare_day, fare_at_ms, uncertainty_ms, flags, known_from_ms)
     SELECT tap_id, token_id, device_id, fare_day, fare_at_ms + 1, 0, '{CLOCK_SETTLED}', received_at_ms
     FROM fare.tap WHERE seq % 50 = 0`,
  );
  await engine.admin.query('ANALYZE fare.tap, fare.tap_time, fare.decision');
}, 120_000);
afterAll(() => engine.close());

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly Plan[];
}

/** The table of taps, where a statement reads it from end to end; the small ones beside it may be. */
async function readWhole(sql: string, values: readonly unknown[]): Promise<string[]> {
  const { rows } = await engine.admin.query(`EXPLAIN (FORMAT JSON) ${sql}`, [...values]);
  return wholeTables(rows[0]['QUERY PLAN'][0].Plan).filter((table) => table === 'tap');
}

function wholeTables(plan: Plan): string[] {
  const own = plan['Node Type'] === 'Seq Scan' ? [plan['Relation Name'] ?? ''] : [];
  return [...own, ...(plan.Plans ?? []).flatMap(wholeTables)];
}

describe('no statement reads every tap', () => {
  test('that queues account-days after a command, while nothing is priced', async () => {
    expect(await readWhole(ENQUEUE, ['[]'])).toEqual([]);
  });
  test('that queues account-days after a shift, while nothing is priced', async () => {
    expect(await readWhole(ENQUEUE_SHIFTS, [500])).toEqual([]);
  });
  test("behind the portal's latest taps and pace", async () => {
    expect(await readWhole(LATEST_SQL, [50])).toEqual([]);
    expect(await readWhole(PACE_SQL, [FIRST_MS + (TAPS - 200) * 1000, 60_000])).toEqual([]);
  });
  test('that asks for taps of a medium, a device or by name', async () => {
    for (const [column, value] of [
      ['token_id', 'tok-7'],
      ['device_id', 'val-7'],
    ]) {
      const sql = `SELECT tap_id FROM fare.timed_tap WHERE ${column} = $1 AND fare_day = '2025-01-08'`;
      expect(await readWhole(sql, [value])).toEqual([]);
    }
    expect(
      await readWhole('SELECT * FROM fare.timed_tap WHERE tap_id = ANY ($1::text[])', [['tap-7']]),
    ).toEqual([]);
    expect(await readWhole('SELECT * FROM fare.published_tap WHERE tap_id = $1', ['tap-7'])).toEqual([]);
  });
});

test('accounts are locked by their ids alone, also by a plan that was made when there were none', async () => {
  await engine.admin.query('VACUUM fare.account');
  const [, explained] = (await engine.admin.query(
    `SET enable_seqscan = off; EXPLAIN (GENERIC_PLAN, COSTS off) ${LOCK_ACCOUNTS}; RESET enable_seqscan`,
  )) as unknown as { rows: Record<string, string>[] }[];
  const plan = explained?.rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toContain('Index Cond: (account_id = ANY ($1))');
});

test.each([
  ['of a token that was denied', DENIED],
  ['of a token', SEEN],
  ['of an account', ACCOUNT],
])('whether anything is known %s is asked of indexes alone', async (_, sql) => {
  const [, explained] = (await engine.admin.query(
    `SET enable_seqscan = off; EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${sql}; RESET enable_seqscan`,
  )) as unknown as { rows: { 'QUERY PLAN': [{ Plan: Plan }] }[] }[];
  expect(wholeTables(explained?.rows[0]?.['QUERY PLAN'][0].Plan as Plan)).toEqual([]);
});

test('the published view shows the time that counts, and its flags', async () => {
  const { rows } = await engine.admin.query(
    `SELECT p.fare_at_ms::float8 - t.fare_at_ms AS later, p.flags FROM fare.published_tap p JOIN fare.tap t USING (tap_id)
     WHERE tap_id IN ('tap-50', 'tap-51') ORDER BY tap_id`,
  );
  expect(rows).toEqual([
    { later: 1, flags: ['CLOCK_SETTLED'] },
    { later: 0, flags: [] },
  ]);
});
