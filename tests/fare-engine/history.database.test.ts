/** What the server reads for a tap, and for the sums that the city shows, does not grow with what was ridden before. On real PostgreSQL. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '#platform/postgres.ts';
import { layHistory, type ReadSoFar, readSoFar } from '../../cli/bench/history-rows.ts';
import { accountStatement } from '../../fare-engine/account-statement.ts';
import { createPostgresFareStore } from '../../fare-engine/adapters/postgres-fare-store.ts';
import { foldSums } from '../../fare-engine/adapters/sum-folder.ts';
import { readMoneyDay } from '../../fare-engine/bank/read-money-day.ts';
import { readSettlementFacts } from '../../fare-engine/settlement/window.ts';
import { trialBalance } from '../../fare-engine/trial-balance.ts';
import { pastTransactions } from '../support/past-transactions.ts';
import { tapRow, token } from './support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';

const NO_TERMS = { tariffs: { at: () => undefined }, calendar };

const RIDERS = 20;
const DAY_MS = 86_400_000;
const FIRST_MS = Date.UTC(2025, 9, 14, 8);
const MONTH = 30;

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

/** A session of its own, which tells what it has read before it ends. */
async function inSession(
  role: 'fare_runtime' | 'portal_runtime' | 'auditor_runtime',
  work: (pool: pg.Pool) => Promise<void>,
): Promise<ReadSoFar> {
  const before = await readSoFar(engine.admin);
  const pool = createPool({ url: engine.database.url(role), applicationName: 'test-history', max: 1 });
  await work(pool);
  await pool.query('SELECT pg_stat_force_next_flush()');
  await pool.end();
  const after = await readSoFar(engine.admin);
  return { rows: after.rows - before.rows, blocks: after.blocks - before.blocks };
}

/** Works off a tap of each rider on a day, in a session of its own. */
async function readFor(day: number): Promise<ReadSoFar> {
  const rows = Array.from({ length: RIDERS }, (_, n) =>
    tapRow({
      device: 'val-1',
      seq: day * RIDERS + n + 1,
      atMs: FIRST_MS + day * DAY_MS + n * 1000,
      token: token(n),
    }),
  );
  await engine.deliver(rows);
  return inSession('fare_runtime', (pool) =>
    engine.drain({ deps: { ...engine.deps(), store: createPostgresFareStore(pool) }, rowsMax: RIDERS }),
  );
}

/** What a reading of the city's sums reads, when all before a day's rides was kept. */
async function readSumsAfter(day: number): Promise<ReadSoFar> {
  // The line of the sums would wait below what others have open.
  await pastTransactions(engine.admin);
  await inSession('fare_runtime', async (pool) => {
    await pool.query('SELECT fare.summarize_new_pages()');
    while (await foldSums(pool, 1000));
  });
  await readFor(day);
  return inSession('portal_runtime', async (pool) => {
    for (const view of ['totals', 'budget_owed', 'trial_balance', 'counts'])
      await pool.query(`SELECT * FROM fare.published_${view}`);
  });
}

test('with two years behind them the rides of a day ask for as many rows as with a month', async () => {
  await readFor(0);
  await layHistory(engine.admin, '2025-10-14', { fromAgo: 1, untilAgo: MONTH });
  await readFor(1);
  const month = await readFor(2);
  const sumsOfMonth = await readSumsAfter(3);
  await layHistory(engine.admin, '2025-10-14', { fromAgo: MONTH + 1, untilAgo: 24 * MONTH });
  const years = await readFor(4);
  const sumsOfYears = await readSumsAfter(5);
  expect(month.rows).toBeGreaterThan(0);
  expect(years.rows).toBeLessThan(month.rows * 1.2 + RIDERS);
  expect(sumsOfMonth.rows).toBeGreaterThan(0);
  // What is new, and what lies on the same pages: two summaries' worth of each table at most. From scratch it is over 70,000.
  expect(sumsOfYears.rows).toBeLessThan(20_000);
  // An index of many more rows may be a level deeper.
  expect(years.blocks).toBeLessThan(month.blocks * 1.6 + 10 * RIDERS);
});

test('whoever asks for a day, an instant or a month after two years reads what was written since', async () => {
  await engine.admin.query("INSERT INTO fare.close (fare_day, known_from_ms) VALUES ('2025-10-19', 0)");
  const { rows } = await engine.admin.query<{ xact: string }>(
    `INSERT INTO fare.audit_checkpoint (size, origin, root, note, last_xact, last_leaf_id, signed_at_ms)
     SELECT 1, 'test', sha256(''), '', pg_current_xact_id(), 0, $1 RETURNING last_xact::text AS xact`,
    [FIRST_MS],
  );
  await readFor(6);
  const xact = rows[0]?.xact as string;
  const untilMs = FIRST_MS + 6 * DAY_MS;
  const before = { period: '2025-09', untilDay: '2025-10-01', untilMs, floorXact: xact, xact };
  const period = { id: '2025-10', fromDay: '2025-10-01', untilDay: '2025-11-01' };
  const window = { period, untilMs: untilMs + DAY_MS, before, cutXact: null };
  // Each with what it may read at most; two years of rides are over fourteen thousand postings, and a month asks for them three
  // times, for as many decisions eight times.
  const asked: [string, number, (pool: pg.Pool) => Promise<unknown>][] = [
    [
      'the money of a day',
      500,
      (pool) =>
        readMoneyDay(
          pool,
          { day: '2025-10-14', acquirerId: 'acquirer', providerId: 'provider' },
          { fromMs: FIRST_MS, untilMs, named: ['one'] },
        ),
    ],
    ['what was known at an instant', 11_000, (pool) => trialBalance(pool, { atMs: FIRST_MS, byKind: true })],
    ['every account at an instant', 11_000, (pool) => trialBalance(pool, { atMs: FIRST_MS })],
    ['every account now', 11_000, (pool) => trialBalance(pool)],
    [
      'an account since an instant',
      11_000,
      (pool) => accountStatement(pool, { account: 'revenue:tet', fromMs: FIRST_MS, rowsMax: 1000 }),
    ],
    // A window's decisions are read several times, its postings too, each with what lies on the same pages: 3,900 rows, measured.
    // One scan of the decisions in place of a look into their window would be 14,400.
    ['a month of settlement', 12_000, (pool) => readSettlementFacts(pool, window, NO_TERMS)],
  ];
  for (const [what, rowsMax, read] of asked) {
    const needed = await inSession('auditor_runtime', async (pool) => void (await read(pool)));
    expect(needed.rows, what).toBeLessThan(rowsMax);
  }
});
