/**
 * The sums that the city shows equal those counted from scratch at each instant: while writers hold transactions open, undo them,
 * supersede what was kept, and while whoever keeps the sums is ended between any two of its statements. On real PostgreSQL.
 */
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '#platform/postgres.ts';
import { createSumFolder, foldSums, foldTask } from '../../fare-engine/adapters/sum-folder.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { pastTransactions } from '../support/past-transactions.ts';
import { LONG_RUN, PATIENCE, PROPERTY_SEED } from '../support/properties.ts';
import { until } from '../support/until.ts';
import { tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';

const LEAVES_MAX = 3;
const DAY_MS = 86_400_000;

let engine: EngineDatabase;
let writers: pg.Client[];
beforeAll(async () => {
  engine = await openEngineDatabase();
  writers = await Promise.all(
    [0, 1].map(async () => {
      const client = new pg.Client({ connectionString: engine.database.adminUrl });
      await client.connect();
      return client;
    }),
  );
});
afterAll(async () => {
  await Promise.all(writers.map((client) => client.end()));
  await engine.close();
});

async function differences(): Promise<unknown[]> {
  return (await engine.admin.query('SELECT * FROM fare.published_sum_difference')).rows;
}

async function line(): Promise<bigint> {
  const { rows } = await engine.admin.query<{ line: bigint }>('SELECT until_xact AS line FROM fare.sum_fold');
  return rows[0]?.line ?? 0n;
}

/** Waits until the line may go on over all that was written here. */
const settled = (): Promise<void> => pastTransactions(engine.admin);

/** $1 tap, $2 revision, $3 a number that the row's texts and amounts are made from, $4 fare day. Taken back: `withdrawn`. */
const DECIDE = `
  WITH t AS (
    INSERT INTO fare.tap (tap_id, device_id, epoch, seq, record_sha256, token_id, medium_kind, direction, companions, fare_day,
      fare_at_ms, uncertainty_ms, flags, received_at_ms)
    SELECT $1, 'val-1', 'e', 1, '\\x00', 't', (ARRAY['social', 'wallet'])[1 + $3 % 2], 'in', 0, $4, 0, 0, '{}', 0 WHERE $2 = 1),
  d AS (
    INSERT INTO fare.decision (tap_id, revision, supersedes, account_id, account_version, fare_day, kind, carrier_id, route_id,
      rider_category_id, currency, gross_minor, rider_minor, transfer_minor, concession_minor, pass_minor, cap_minor, loss_minor,
      concession_id, funding_id, claim_ride, steps, line_sha256, posted_revision, decided_at_ms)
    SELECT $1, $2, nullif($2 - 1, 0), 'acc', 1, $4, (ARRAY['ride', 'transfer', 'pass-back', 'withdrawn'])[1 + $3 % 4],
      (ARRAY['tet', NULL])[1 + $3 / 2 % 2], 'T' || $3 % 3, 'c' || $3 % 2, 'UAH', $3 * 2, $3, 0, $3, 0, 0, 0,
      (ARRAY['pensioner', NULL])[1 + $3 % 2], (ARRAY['budget', NULL])[1 + $3 / 3 % 2], $3 % 2 = 0, '[]', '\\x00', $2, 0),
  p AS (
    INSERT INTO fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, tap_id, revision, posted_at_ms, fare_day)
    SELECT $1 || '#' || $2, 'rider:' || $3, 'revenue:' || $3 % 2, $3 + 1, 'UAH', $1, $2, 0, $4)
  INSERT INTO fare.audit_leaf (kind, ref, bytes) VALUES ('decision', $1 || '#' || $2, '{}')`;

const OTHER = `
  WITH r AS (INSERT INTO fare.command_refusal (command_id, kind, payload, submitted_by, reason, detail, refused_at_ms)
    VALUES (gen_random_uuid(), 'close-day', '{}', 'test', 'X', '', 0))
  INSERT INTO fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, source, posted_at_ms)
  VALUES ($1, 'till:kiosk', 'rider:a', 100, 'UAH', 'credit:' || $1, 0)`;

const CLOSE = `
  INSERT INTO fare.close (fare_day, known_from_ms) SELECT coalesce(max(fare_day), '2025-10-10') + 1, 0 FROM fare.close`;

/** A writer of its own taps: what it has committed, and what its open transaction adds. */
class Writer {
  readonly client: pg.Client;
  readonly name: string;
  #held = new Map<string, number>();
  #open: Map<string, number> | undefined;
  #made = 0;

  constructor(client: pg.Client, name: string) {
    this.client = client;
    this.name = name;
  }

  async write(n: number): Promise<void> {
    await this.#begin();
    const taps = this.#open as Map<string, number>;
    const known = [...taps.keys()];
    const tap = n % 3 > 0 && known.length > 0 ? (known[n % known.length] as string) : this.#id();
    const revision = (taps.get(tap) ?? 0) + 1;
    taps.set(tap, revision);
    await this.client.query(DECIDE, [tap, revision, n, `2025-10-${11 + (n % 8)}`]);
  }

  async other(): Promise<void> {
    await this.#begin();
    await this.client.query(OTHER, [this.#id()]);
  }

  async end(how: 'COMMIT' | 'ROLLBACK'): Promise<void> {
    if (this.#open === undefined) return;
    await this.client.query(how);
    if (how === 'COMMIT') this.#held = this.#open;
    this.#open = undefined;
  }

  async #begin(): Promise<void> {
    if (this.#open === undefined) await this.client.query('BEGIN');
    this.#open ??= new Map(this.#held);
  }

  #id(): string {
    this.#made += 1;
    return `${this.name}${this.#made}`;
  }
}

/** A step whose server session is ended before its `nth` statement, BEGIN and COMMIT counted; whole when it has fewer. */
async function foldKilled(nth: number): Promise<void> {
  const client = new pg.Client({ connectionString: engine.database.url('fare_runtime') });
  client.on('error', () => {});
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  let left = nth;
  const session = {
    on: () => {},
    off: () => {},
    release: () => {},
    query: async (text: string, values?: unknown[]) => {
      left -= 1;
      if (left === 0) await engine.admin.query('SELECT pg_terminate_backend($1, 10000)', [rows[0]?.pid]);
      return client.query(text, values);
    },
  };
  const step = foldSums({ connect: async () => session } as unknown as pg.Pool, LEAVES_MAX);
  // How a session's end is worded is the driver's and the kernel's affair: that nothing else ends a step is what counts.
  await step.catch(() => expect(left).toBeLessThanOrEqual(0));
  await client.end().catch(() => {});
}

const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), who: fc.nat(1), n: fc.nat(40) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('other' as const), who: fc.nat(1), n: fc.constant(0) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('COMMIT', 'COMMIT', 'ROLLBACK'),
      who: fc.nat(1),
      n: fc.constant(0),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('fold' as const), who: fc.constant(0), n: fc.nat(4) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('kill' as const), who: fc.constant(0), n: fc.nat(8) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('close' as const), who: fc.constant(0), n: fc.constant(0) }),
  },
);

test(
  'whatever two writers hold open, undo and supersede, and wherever a step of the folder dies, the sums are exact',
  PATIENCE,
  async () => {
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 20, maxLength: 25 }), async (operations) => {
        // The database goes on from run to run: names are each run's own.
        tried += 1;
        const both = writers.map((client, index) => new Writer(client, `${tried}.${index}.`));
        for (const { do: what, who, n } of operations) {
          const writer = both[who] as Writer;
          if (what === 'write') await writer.write(n);
          else if (what === 'other') await writer.other();
          else if (what === 'fold') await foldSums(engine.pool, n + 1);
          else if (what === 'kill') await foldKilled(n + 1);
          else if (what === 'close') await engine.admin.query(CLOSE);
          else await writer.end(what as 'COMMIT' | 'ROLLBACK');
          // What an open transaction adds nobody sees.
          if (what !== 'write' && what !== 'other') expect(await differences()).toEqual([]);
        }
        for (const writer of both) await writer.end('COMMIT');
        expect(await differences()).toEqual([]);
      }),
      { numRuns: LONG_RUN ? 300 : 4, seed: PROPERTY_SEED },
    );
  },
);

test('what a long transaction writes is not passed by: the line waits below it, and what it commits is counted once', async () => {
  const [slow, quick] = writers.map((client, index) => new Writer(client, `long.${index}.`)) as [
    Writer,
    Writer,
  ];
  await slow.write(6);
  const { rows } = await slow.client.query<{ xact: string }>('SELECT pg_current_xact_id()::text AS xact');
  await quick.write(9);
  await quick.end('COMMIT');
  while (await foldSums(engine.pool, LEAVES_MAX));
  expect(await line()).toBeLessThanOrEqual(BigInt(rows[0]?.xact ?? 0));
  expect(await differences()).toEqual([]);
  await slow.end('COMMIT');
  while (await foldSums(engine.pool, LEAVES_MAX));
  expect(await differences()).toEqual([]);
});

test('two folders at once add nothing twice, while two workers price', async () => {
  const rows = Array.from({ length: 60 }, (_, n) =>
    tapRow({
      device: `val-${n % 3}`,
      seq: n + 1,
      atMs: Date.UTC(2025, 10, 1, 8) - n * 60_000,
      token: token(n % 7),
    }),
  );
  await engine.deliver(rows);
  let working = true;
  const fold = async (): Promise<void> => {
    while (working) {
      const error = await foldSums(engine.pool, 10).then(
        () => '',
        (cause: Error) => cause.message,
      );
      expect(error).toMatch(/^$|moved on by another|deadlock/);
      expect(await differences()).toEqual([]);
    }
  };
  const folding = [fold(), fold()];
  await Promise.all([engine.drain({ rowsMax: 9 }), engine.drain({ rowsMax: 7 })]).finally(() => {
    working = false;
  });
  await Promise.all(folding);
  expect(await differences()).toEqual([]);
});

test('a city at rest is left at rest, and one engine keeps the sums', async () => {
  await settled();
  while (await foldSums(engine.pool, 1000));
  const before = await line();
  await engine.admin.query('SELECT pg_current_xact_id()');
  await foldSums(engine.pool, 1000);
  expect(await line()).toBe(before);
  const pools = [1, 2].map(() =>
    createPool({ url: engine.database.url('fare_runtime'), applicationName: 'test-sums', max: 2 }),
  ) as [pg.Pool, pg.Pool];
  const [leader, other] = pools.map(createSumFolder) as [
    ReturnType<typeof createSumFolder>,
    ReturnType<typeof createSumFolder>,
  ];
  await leader.turn(1000);
  const writer = new Writer(writers[0] as pg.Client, 'lead.');
  await writer.write(3);
  await writer.write(6);
  await writer.end('COMMIT');
  expect(await other.turn(1)).toBe(false);
  expect(await line()).toBe(before);
  await leader.stop();
  let nowMs = 0;
  const limits = { foldEveryMs: DAY_MS, foldLeavesMax: 1000, inboxRowsMax: 1 };
  const task = foldTask(other, limits, { monotonicMs: () => nowMs });
  await settled();
  await task.turn(1000);
  const moved = await line();
  expect(moved).toBeGreaterThan(before);
  await writer.write(9);
  await writer.end('COMMIT');
  await settled();
  nowMs = DAY_MS - 1;
  await task.turn(1000);
  expect(await line()).toBe(moved);
  nowMs = DAY_MS;
  await task.turn(1000);
  expect(await line()).toBeGreaterThan(moved);
  expect(await differences()).toEqual([]);
  await other.stop();
  await Promise.all(pools.map((pool) => pool.end()));
});

test('whoever stops the engine ends a step that lasts, and it is undone as a whole', async () => {
  const pool = createPool({ url: engine.database.url('fare_runtime'), applicationName: 'test-fold', max: 3 });
  const folder = createSumFolder(pool);
  const [slow] = writers as [pg.Client, pg.Client];
  const writer = new Writer(slow, 'stop.');
  await writer.write(5);
  await writer.end('COMMIT');
  await settled();
  const before = await line();
  // The third statement waits for a lock without end, as it would work for minutes.
  await slow.query('BEGIN');
  await slow.query('LOCK TABLE fare.folded_balance');
  const step = folder.turn(1000);
  await until(async () => {
    const { rowCount } = await engine.admin.query(
      `SELECT FROM pg_locks WHERE relation = 'fare.folded_balance'::regclass AND NOT granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return rowCount === 1 ? true : null;
  });
  await folder.interrupt();
  expect(await step).toBe(false);
  expect(await folder.turn(1000)).toBe(false);
  await slow.query('ROLLBACK');
  expect(await line()).toBe(before);
  expect(await differences()).toEqual([]);
  await folder.stop();
  const next = createSumFolder(pool);
  await next.turn(1000);
  expect(await line()).toBeGreaterThan(before);
  expect(await differences()).toEqual([]);
  await next.stop();
  await pool.end();
});

test('far behind, it rests nine tenths of its time while rows wait to be priced, and a fifth while none do', async () => {
  let nowMs = 0;
  let waits = 0;
  const begun: number[] = [];
  const folder = {
    turn: async () => {
      begun.push(nowMs);
      nowMs += 100;
      return true;
    },
    postingWaits: async (rows: number) => waits > rows,
  };
  const limits = { foldEveryMs: 2000, foldLeavesMax: 10, inboxRowsMax: 500 };
  const task = foldTask(folder, limits, { monotonicMs: () => nowMs });
  const steps = async (): Promise<number> => {
    const before = begun.length;
    for (const endMs = nowMs + 10_000; nowMs < endMs; nowMs += 5) await task.turn(10);
    return begun.length - before;
  };
  waits = 501;
  expect(await steps()).toBeLessThanOrEqual(10);
  waits = 500;
  expect(await steps()).toBeGreaterThanOrEqual(70);
});

test('what waits to be priced is counted no further than it must', async () => {
  const folder = createSumFolder(engine.pool);
  const rows = [1, 2].map((seq) =>
    tapRow({ device: 'val-9', seq, atMs: Date.UTC(2025, 10, 2, 8), token: token(1) }),
  );
  await engine.deliver(rows);
  expect([await folder.postingWaits(1), await folder.postingWaits(2)]).toEqual([true, false]);
  await engine.drain();
});

test('reconciling names the first sum that is kept wrongly', async () => {
  await foldSums(engine.pool, 1000);
  const auditor = createPool({
    url: engine.database.url('auditor_runtime'),
    applicationName: 'test-sums',
    max: 1,
  });
  try {
    expect((await reconcile(auditor)).sumThatDiffers).toBeNull();
    await engine.admin.query("UPDATE fare.folded_total SET rides = rides + 1 WHERE dimension = 'medium'");
    const { sumThatDiffers, problems } = await reconcile(auditor);
    expect(sumThatDiffers).toMatchObject({ sums: 'totals', side: 'shown' });
    expect(problems.join()).toContain(
      "of the city's sums differ from those counted from scratch, the first in totals, shown: {",
    );
  } finally {
    await auditor.end();
  }
});
