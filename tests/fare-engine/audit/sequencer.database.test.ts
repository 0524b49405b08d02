/** The sequencer on a real PostgreSQL: gapless, once, in order, whatever commits late or dies. */
import { generateKeyPairSync } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decodeBundle, parseCheckpoint } from '#contracts/audit-log.ts';
import { formatVerifier, noteVerifier, parseNote, verifyNote } from '#contracts/signed-note.ts';
import { createPool } from '#platform/postgres.ts';
import { beginAuditLife } from '../../../fare-engine/adapters/audit-life.ts';
import { createAuditSequencer } from '../../../fare-engine/adapters/audit-sequencer.ts';
import { requireTransactionOrder } from '../../../fare-engine/adapters/transaction-order.ts';
import { leafHash, rootOver } from '../../../fare-engine/audit/merkle.ts';
import { exportLog } from '../../../fare-engine/export-log.ts';
import { pastTransactions } from '../../support/past-transactions.ts';
import { until } from '../../support/until.ts';
import { type EngineDatabase, openEngineDatabase } from '../support/engine-database.ts';

const ORIGIN = 'kvytok.example/test';
const { privateKey } = generateKeyPairSync('ed25519');
const config = { origin: ORIGIN, privateKeys: [privateKey] };

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

/** A sequencer of its own pool, as a process has it. */
function openSequencer(keys = config) {
  const pool = createPool({
    url: engine.database.url('fare_runtime'),
    applicationName: 'test-audit',
    max: 3,
  });
  const sequencer = createAuditSequencer(pool, keys, engine.clock);
  return {
    pool,
    turn: (leavesMax = 20_000) => sequencer.turn(leavesMax),
    close: async () => {
      await sequencer.stop();
      await pool.end();
    },
  };
}

let open: ReturnType<typeof openSequencer>[] = [];
const sequencer = (keys = config) => {
  const one = openSequencer(keys);
  open.push(one);
  return one;
};
beforeEach(async () => {
  await engine.admin.query('TRUNCATE fare.audit_leaf, fare.audit_tile, fare.audit_checkpoint');
  await engine.admin.query(
    "UPDATE fare.audit_tree SET size = 0, levels = '{}', last_xact = '0', last_leaf_id = 0",
  );
});
afterEach(async () => {
  await Promise.all(open.map((one) => one.close()));
  open = [];
});

async function write(texts: readonly string[], client: pg.Pool | pg.ClientBase = engine.pool): Promise<void> {
  await client.query(
    "INSERT INTO fare.audit_leaf (kind, ref, bytes) SELECT 'test', t, t FROM unnest($1::text[]) AS t",
    [texts],
  );
}

/** Writes leaves and waits until a turn may number them. */
async function writeAndSettle(leaves: readonly string[]): Promise<void> {
  await write(leaves);
  await pastTransactions(engine.admin);
}

async function signed() {
  const { rows } = await engine.admin.query<{ note: string; size: number }>(
    'SELECT note, size::float8 AS size FROM fare.audit_checkpoint ORDER BY size',
  );
  return rows;
}

const rootOf = (texts: readonly string[]): string =>
  rootOver(texts.map((text) => leafHash(Buffer.from(text)))).toString('base64');

const texts = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

test('numbers what is committed and signs the root; nothing new, nothing signed', async () => {
  const one = sequencer();
  const leaves = texts('a', 300);
  await writeAndSettle(leaves);
  expect(await one.turn()).toBe(300);
  expect(await one.turn()).toBe(0);
  const [checkpoint, ...more] = await signed();
  expect(more).toEqual([]);
  const note = parseNote(checkpoint?.note ?? '');
  if (!note.ok) throw new Error('note');
  expect(note.value.text).toBe(`${ORIGIN}\n300\n${rootOf(leaves)}\n`);
  const held = verifyNote(note.value, [noteVerifier(ORIGIN, 'log', privateKey)]);
  expect(held.ok && held.value.length).toBe(1);
  await writeAndSettle(['later']);
  expect(await one.turn()).toBe(1);
  const last = (await signed()).at(-1);
  expect(last?.note).toContain(`\n301\n${rootOf([...leaves, 'later'])}\n`);
});

test('a server whose transaction numbers begin anew under a log that was copied into it is refused, not passed by', async () => {
  const one = sequencer();
  await writeAndSettle(['sealed']);
  await one.turn();
  // What a dump brings: the log stands where another server's counter was.
  const copied = (2n ** 32n * 3n + 7n).toString();
  await engine.admin.query('UPDATE fare.audit_tree SET last_xact = $1::text::xid8', [copied]);
  await write(['never sealed before']);
  const behind = { code: 'TRANSACTIONS_BEHIND', todo: expect.stringContaining('pg_resetwal -e 4 ') };
  await expect(one.turn()).rejects.toMatchObject(behind);
  await expect(requireTransactionOrder(one.pool)).rejects.toMatchObject(behind);
  // Leaves that nobody has numbered yet bear numbers too.
  await engine.admin.query("UPDATE fare.audit_tree SET last_xact = '0'");
  await engine.admin.query("UPDATE fare.audit_leaf SET xact = $1::text::xid8 WHERE ref = 'sealed'", [copied]);
  await expect(requireTransactionOrder(one.pool)).rejects.toMatchObject(behind);
});

test('whoever waited for the tree while another numbered goes on from there, and takes no number for one of another server', async () => {
  const one = sequencer();
  const other = new pg.Client({ connectionString: engine.database.url('fare_runtime') });
  await other.connect();
  try {
    await other.query('BEGIN');
    await other.query('SELECT FROM fare.audit_tree FOR UPDATE');
    const turn = one.turn();
    await until(async () => {
      const waiting = await engine.admin.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'test-audit' AND wait_event_type = 'Lock'",
      );
      return waiting.rowCount === 1 ? true : null;
    });
    // What the other numbers has committed after the first began to wait.
    await write(['meanwhile']);
    await other.query(
      'UPDATE fare.audit_tree SET (last_xact, last_leaf_id) = (SELECT xact, leaf_id FROM fare.audit_leaf)',
    );
    await other.query('COMMIT');
    expect(await turn).toBe(0);
  } finally {
    await other.end();
  }
});

test('a leaf of a transaction that commits late is not skipped, and never gets an earlier number', async () => {
  const one = sequencer();
  const late = new pg.Client({ connectionString: engine.database.url('fare_runtime') });
  await late.connect();
  try {
    await writeAndSettle(['before']);
    await late.query('BEGIN');
    await write(['late'], late);
    await write(['after']);
    // Younger than the one that runs: it waits.
    expect(await one.turn()).toBe(1);
    expect(await one.turn()).toBe(0);
    await late.query('COMMIT');
    await pastTransactions(engine.admin);
    expect(await one.turn()).toBe(2);
    expect((await signed()).at(-1)?.note).toContain(`\n3\n${rootOf(['before', 'late', 'after'])}\n`);
  } finally {
    await late.end();
  }
});

test('transactions are ordered as numbers, in the log and in an export of it', async () => {
  const one = sequencer();
  // As on a young server, whose transaction ids gain a digit now and then.
  const xacts = Array.from({ length: 300 }, (_, i) => i + 1);
  await engine.admin.query(
    `INSERT INTO fare.audit_leaf (kind, ref, bytes, xact)
     SELECT 'test', x, 'leaf ' || x, x::text::xid8 FROM unnest($1::int[]) AS x`,
    [xacts.toSorted((a, b) => ((a * 7919) % 300) - ((b * 7919) % 300))],
  );
  await pastTransactions(engine.admin);
  const taken = [await one.turn(120), await one.turn(), await one.turn()];
  expect(taken).toEqual([120, 180, 0]);
  expect((await signed()).at(-1)?.note).toContain(`\n300\n${rootOf(xacts.map((x) => `leaf ${x}`))}\n`);
  const files = new Map<string, Buffer>();
  await exportLog(engine.admin, {
    begin: () => {},
    file: async (path, bytes) => void files.set(path, Buffer.from(bytes)),
    progress: () => {},
  });
  const bundles = ['tile/entries/000', 'tile/entries/001.p/44'].map(
    (path) => files.get(path) ?? Buffer.alloc(0),
  );
  const entries = bundles.flatMap((bundle) => decodeBundle(bundle).entries.map(String));
  expect(entries).toEqual(xacts.map((x) => `leaf ${x}`));
});

test('a leaf that is rolled back leaves no gap', async () => {
  const one = sequencer();
  const client = await engine.pool.connect();
  await client.query('BEGIN');
  await write(['never'], client);
  await client.query('ROLLBACK');
  client.release();
  await writeAndSettle(['one', 'two']);
  expect(await one.turn()).toBe(2);
  expect((await signed()).at(-1)?.note).toContain(`\n2\n${rootOf(['one', 'two'])}\n`);
});

test('portions of any size give the same tree', async () => {
  const one = sequencer();
  const leaves = texts('p', 700);
  await writeAndSettle(leaves);
  const portions = [1, 255, 256, 100, 88, 500];
  const taken: number[] = [];
  for (const portion of portions) taken.push(await one.turn(portion));
  expect(taken).toEqual([1, 255, 256, 100, 88, 0]);
  expect((await signed()).at(-1)?.note).toContain(`\n700\n${rootOf(leaves)}\n`);
  const { rows } = await engine.admin.query<{ level: number; n: string }>(
    'SELECT level, n::text AS n FROM fare.audit_tile ORDER BY level, n',
  );
  expect(rows.map(({ level, n }) => [level, n])).toEqual([
    [0, '0'],
    [0, '1'],
  ]);
  const { rows: published } = await engine.admin.query<{ level: number; n: string; width: number }>(
    'SELECT level, n::text AS n, length(hashes) / 32 AS width FROM fare.published_audit_tile ORDER BY level, n',
  );
  expect(published.map(({ level, n, width }) => [level, n, width])).toEqual([
    [0, '0', 256],
    [0, '1', 256],
    [0, '2', 188],
    [1, '0', 2],
  ]);
});

test('two that lead at once, one of them given up in the midst of its turn, number each leaf once', async () => {
  const [one, other] = [sequencer(), sequencer()];
  await writeAndSettle(['first']);
  expect(await one.turn()).toBe(1);
  await writeAndSettle(texts('o', 300));
  // The row of the tree is held: the leader's turn stands in its transaction, when its session of the lock dies.
  const held = new pg.Client({ connectionString: engine.database.adminUrl });
  await held.connect();
  await held.query('BEGIN; SELECT * FROM fare.audit_tree FOR UPDATE');
  try {
    const turns = [one.turn()];
    await waiting(1);
    expect(await endLeader()).toBe(1);
    turns.push(other.turn());
    await waiting(2);
    await held.query('COMMIT');
    expect((await Promise.all(turns)).toSorted((a, b) => a - b)).toEqual([0, 300]);
  } finally {
    await held.end();
  }
  const notes = await signed();
  expect(notes.map(({ size }) => size)).toEqual([1, 301]);
  expect(notes.at(-1)?.note).toContain(`\n301\n${rootOf(['first', ...texts('o', 300)])}\n`);
});

/** Ends the session of who leads, and waits until its lock is free: the server is only told to. Gives how many led. */
async function endLeader(): Promise<number> {
  const held = `FROM pg_locks WHERE locktype = 'advisory' AND objid = ${0x6b76_6175} AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  const { rowCount } = await engine.admin.query(`SELECT pg_terminate_backend(pid) ${held}`);
  await until(async () => (await engine.admin.query(`SELECT ${held}`)).rowCount === 0, {
    what: "the leader's lock to fall",
  });
  return rowCount ?? 0;
}

/** Until so many turns wait for the row of the tree. */
async function waiting(many: number): Promise<void> {
  await until(async () => {
    const { rows } = await engine.admin.query<{ many: number }>(
      `SELECT count(*)::int AS many FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'test-audit' AND wait_event_type = 'Lock'`,
    );
    return rows[0]?.many === many ? true : null;
  });
}

test('one of two leads; when its session dies the other follows and numbers nothing twice', async () => {
  const [one, two] = [sequencer(), sequencer()];
  await writeAndSettle(texts('x', 10));
  expect(await one.turn(4)).toBe(4);
  expect(await two.turn()).toBe(0);
  expect(await endLeader()).toBe(1);
  expect(await two.turn()).toBe(6);
  // The former leader finds out at its next turn.
  expect(await one.turn().catch(() => 0)).toBe(0);
  expect(await one.turn()).toBe(0);
  expect((await signed()).map(({ size }) => size)).toEqual([4, 10]);
  expect((await signed()).at(-1)?.note).toContain(rootOf(texts('x', 10)));
});

test.each([
  'UPDATE fare.audit_tree SET',
  'INSERT INTO fare.audit_tile',
  'INSERT INTO fare.audit_checkpoint',
  'COMMIT',
])('dies at %s: nothing of that turn stays, and the next one does it all', async (point) => {
  await writeAndSettle(texts('k', 300));
  const dying = sequencer();
  const connect = dying.pool.connect.bind(dying.pool) as () => Promise<pg.PoolClient>;
  dying.pool.connect = (async () => {
    const client = await connect();
    const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
    client.query = (async (...args: unknown[]) => {
      if (String(args[0]).trimStart().startsWith(point)) {
        await engine.admin.query('SELECT pg_terminate_backend($1)', [
          (client as unknown as { processID: number }).processID,
        ]);
      }
      return query(...args);
    }) as typeof client.query;
    return client;
  }) as typeof dying.pool.connect;
  await expect(dying.turn()).rejects.toThrow();
  expect(await signed()).toEqual([]);
  await dying.close();
  open = [];
  const next = sequencer();
  expect(await next.turn()).toBe(300);
  expect((await signed()).map(({ note }) => note.split('\n')[2])).toEqual([rootOf(texts('k', 300))]);
});

describe('a tree that is not the one that was signed', () => {
  test.each([
    [
      'a hash of its edge',
      'UPDATE fare.audit_tree SET levels[1] = set_byte(levels[1], 5, get_byte(levels[1], 5) # 1)',
    ],
    ['its size', 'UPDATE fare.audit_tree SET size = 9'],
    ['the checkpoint', 'DELETE FROM fare.audit_checkpoint'],
  ])('%s changed: the sequencer signs nothing', async (_, tamper) => {
    const one = sequencer();
    await writeAndSettle(texts('t', 10));
    await one.turn();
    await engine.admin.query(tamper);
    await writeAndSettle(['more']);
    await expect(one.turn()).rejects.toMatchObject({ code: 'AUDIT_TREE_DAMAGED' });
    expect((await signed()).filter(({ size }) => size > 10)).toEqual([]);
  });
});

test('after a restore the same tree goes on under another origin, with a leaf that names what was signed before', async () => {
  const one = sequencer();
  await writeAndSettle(texts('r', 5));
  await one.turn();
  const before = rootOf(texts('r', 5));
  const owner = await engine.admin.connect();
  try {
    await owner.query('BEGIN');
    await beginAuditLife(owner, 77);
    await owner.query('COMMIT');
  } finally {
    owner.release();
  }
  await pastTransactions(engine.admin);
  expect(await one.turn()).toBe(1);
  const leaf = {
    v: 1,
    kind: 'audit-life',
    ordinal: 2,
    begunAtMs: 77,
    before: { origin: ORIGIN, size: 5, root: before },
  };
  const root = rootOf([...texts('r', 5), JSON.stringify(leaf)]);
  expect(
    (await signed()).at(-1)?.note.startsWith(`${ORIGIN}/life-2\n6\n${root}\n\n— ${ORIGIN}/life-2 `),
  ).toBe(true);
  await engine.admin.query('DELETE FROM fare.audit_life WHERE ordinal > 1');
});

test('while keys change both sign', async () => {
  const next = generateKeyPairSync('ed25519').privateKey;
  const one = sequencer({ origin: ORIGIN, privateKeys: [privateKey, next] });
  await writeAndSettle(['a']);
  await one.turn();
  const note = parseNote((await signed())[0]?.note ?? '');
  if (!note.ok) throw new Error('note');
  const { rows } = await engine.admin.query<{ vkey: string }>('SELECT vkey FROM fare.published_audit_key');
  for (const key of [privateKey, next]) {
    const held = verifyNote(note.value, [noteVerifier(ORIGIN, 'log', key)]);
    expect(held.ok && held.value.length).toBe(1);
    expect(rows).toContainEqual({ vkey: formatVerifier(noteVerifier(ORIGIN, 'log', key)) });
  }
  expect(parseCheckpoint(note.value.text)).toMatchObject({ ok: true, value: { size: 1 } });
});
