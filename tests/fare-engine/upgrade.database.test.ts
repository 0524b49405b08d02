/** A database that has rows from before sums were kept and newest days stood beside their accounts is brought up to date. */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPool } from '#platform/postgres.ts';
import { foldSums } from '../../fare-engine/adapters/sum-folder.ts';
import { pastTransactions } from '../support/past-transactions.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { MIGRATIONS } from './support/engine-database.ts';

/** The last migration of the version that the database comes from. */
const BEFORE = 40;

const folder = tempFolder('upgrade');
let database: TestDatabase;
let admin: pg.Client;
let pool: pg.Pool;

beforeAll(async () => {
  database = await openTestDatabase();
  const dir = join(folder.path, 'migrations');
  mkdirSync(dir);
  for (const name of readdirSync(MIGRATIONS).filter((file) => Number(file.slice(0, 3)) <= BEFORE))
    copyFileSync(join(MIGRATIONS, name), join(dir, name));
  await database.migrate([{ schema: 'fare', owner: 'fare_owner', dir }]);
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  pool = createPool({ url: database.url('fare_runtime'), applicationName: 'test-upgrade', max: 2 });
});
afterAll(async () => {
  await pool?.end();
  await admin?.end();
  await database?.close();
  folder.remove();
});

/** $1 = number of taps; every third one priced twice. */
const ROWS = [
  `INSERT INTO fare.account (account_id, version) SELECT 'a' || n, n FROM generate_series(0, 4) AS n`,
  `INSERT INTO fare.account_day (account_id, fare_day, state_in, state_out, base_in, base_out, account_version, running, running_ms)
   SELECT 'a' || a, date '2025-10-10' + d, '{"in":' || d || '}', '{"out":' || d || '}',
     CASE WHEN a = 2 AND d = 2 THEN '{}' END, NULL, 1, CASE WHEN a <> 2 AND d = 2 THEN '{"r":1}' END, CASE WHEN a <> 2 AND d = 2 THEN 7 END
   FROM generate_series(1, 3) AS a, generate_series(0, 2) AS d`,
  `INSERT INTO fare.tap (tap_id, device_id, epoch, seq, record_sha256, token_id, medium_kind, direction, companions, fare_day,
     fare_at_ms, uncertainty_ms, flags, received_at_ms)
   SELECT 't' || n, 'val-1', 'e', n, '\\x00', 't', (ARRAY['social', 'wallet'])[1 + n % 2], 'in', 0, date '2025-10-10' + n % 4, 0, 0, '{}', 0
   FROM generate_series(1, 900) AS n`,
  `INSERT INTO fare.decision (tap_id, revision, supersedes, account_id, account_version, fare_day, kind, carrier_id, route_id,
     rider_category_id, currency, gross_minor, rider_minor, transfer_minor, concession_minor, pass_minor, cap_minor, loss_minor,
     concession_id, funding_id, claim_ride, steps, line_sha256, posted_revision, decided_at_ms)
   SELECT 't' || n, r, nullif(r - 1, 0), 'a1', 1, date '2025-10-10' + n % 4, (ARRAY['ride', 'transfer', 'withdrawn'])[1 + (n + r) % 3],
     (ARRAY['tet', NULL])[1 + n % 2], 'T' || n % 3, 'c', 'UAH', n * r * 2, n * r, 0, n * r, 0, 0, 0, NULL, (ARRAY['budget', NULL])[1 + n % 2],
     n % 2 = 0, '[]', '\\x00', r, 0
   FROM generate_series(1, 900) AS n, generate_series(1, 2) AS r WHERE r = 1 OR n % 3 = 0`,
  `INSERT INTO fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, tap_id, revision, posted_at_ms, fare_day)
   SELECT 't' || n || '#1', 'rider:' || n, 'revenue:tet', n, 'UAH', 't' || n, 1, 0, date '2025-10-10' + n % 4 FROM generate_series(1, 900) AS n`,
  `INSERT INTO fare.audit_leaf (kind, ref, bytes) SELECT 'decision', 't' || n || '#1', '{}' FROM generate_series(1, 900) AS n`,
  `INSERT INTO fare.close (fare_day, known_from_ms) VALUES ('2025-10-10', 0), ('2025-10-11', 0)`,
];

const DIFFERENCES = 'SELECT * FROM fare.published_sum_difference';

it('its sums are exact from the first moment, and are kept step by step; its newest days are carried over', async () => {
  for (const text of ROWS) await admin.query(text);
  const ran = await database.migrate([{ schema: 'fare', owner: 'fare_owner', dir: MIGRATIONS }]);
  expect(ran.length).toBe(readdirSync(MIGRATIONS).filter((name) => name.endsWith('.sql')).length - BEFORE);
  expect((await admin.query(DIFFERENCES)).rows).toEqual([]);
  expect((await admin.query('SELECT taps, decided_taps FROM fare.published_counts')).rows).toEqual([
    { taps: '900', decided_taps: '900' },
  ]);
  // No transaction of another test is older: the line would wait below it.
  await pastTransactions(admin);
  let steps = 0;
  while (await foldSums(pool, 250)) {
    steps += 1;
    expect((await admin.query(DIFFERENCES)).rows).toEqual([]);
  }
  expect(steps).toBeGreaterThan(1);
  expect((await admin.query(DIFFERENCES)).rows).toEqual([]);
  const { rows } = await admin.query(
    'SELECT account_id, head_day::text, head_out, running, running_ms FROM fare.account ORDER BY account_id',
  );
  const none = { head_day: null, head_out: null, running: null, running_ms: null };
  const newest = { head_day: '2025-10-12', head_out: '{"out":2}', running: '{"r":1}', running_ms: '7' };
  expect(rows).toEqual([
    { account_id: 'a0', ...none },
    { account_id: 'a1', ...newest },
    { account_id: 'a2', ...none },
    { account_id: 'a3', ...newest },
    { account_id: 'a4', ...none },
  ]);
});

it('no statement of a step is ended by time: all taps of before the upgrade are one transaction', async () => {
  const client = await pool.connect();
  const seen: unknown[] = [];
  const watched = {
    on: () => {},
    off: () => {},
    release: () => {},
    query: async (text: string, values?: unknown[]) => {
      if (text.includes('folded_')) seen.push(...(await client.query('SHOW statement_timeout')).rows);
      return client.query(text, values);
    },
  };
  await admin.query(
    'UPDATE fare.sum_fold SET until_xact = 0, taps = 0, decided_taps = 0, commands_refused = 0',
  );
  await admin.query(
    'TRUNCATE fare.folded_total, fare.folded_budget, fare.folded_balance, fare.folded_account',
  );
  await foldSums({ connect: async () => watched } as unknown as pg.Pool, 250).finally(() => client.release());
  expect(seen).toEqual(Array(4).fill({ statement_timeout: '0' }));
});

it('where transaction numbers begin anew, as in a copy on another server, the sums are kept anew', async () => {
  await admin.query('UPDATE fare.sum_fold SET until_xact = until_xact + 1000000000');
  await admin.query("INSERT INTO fare.close (fare_day, known_from_ms) VALUES ('2025-10-12', 0)");
  await admin.query(
    `INSERT INTO fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, source, posted_at_ms)
     VALUES ('credit:1', 'till:kiosk', 'rider:a', 100, 'UAH', 'credit:1', 0)`,
  );
  expect((await admin.query(DIFFERENCES)).rows).not.toEqual([]);
  while (await foldSums(pool, 250));
  expect((await admin.query(DIFFERENCES)).rows).toEqual([]);
});
