/** Rows by COPY on a real server: what comes out is what went in, and a refused copy leaves the connection usable. */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sha256Hex } from '#contracts/hash-chain.ts';
import {
  arrayText,
  type CopyValue,
  copyEach,
  copyOf,
  copyRows,
  inOrderOf,
  type RowCopy,
} from '#platform/copy-rows.ts';
import { createPool } from '#platform/postgres.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

const itself = (row: readonly CopyValue[]): readonly CopyValue[] => row;

const HOSTILE = [
  '',
  'tab\there',
  'line\nend\r',
  'back\\slash \\N \\.',
  '\\N',
  '"quoted", {braced}',
  'Квиток 🎫',
];

test('every text, NULL, number and list comes back as it was', async () => {
  const pool = createPool({ url: database.adminUrl, applicationName: 'test-copy', max: 1 });
  const client = await pool.connect();
  try {
    await client.query('CREATE TEMP TABLE copied (n bigint, t text, b boolean, y bytea, l text[])');
    const rows = HOSTILE.map((text, n) => [BigInt(n), text, n % 2 === 0, '\\x00ff', arrayText([text, 'b'])]);
    await copyRows(client, 'copied (n, t, b, y, l)', [...rows, [99, null, undefined, null, '{}']], itself);
    await copyRows(client, 'copied (n)', [], itself);
    const found = await client.query('SELECT n, t, b, y, l FROM copied ORDER BY n');
    expect(found.rows.slice(0, -1)).toEqual(
      HOSTILE.map((text, n) => ({
        ...{ n: BigInt(n), t: text, b: n % 2 === 0, y: Buffer.from([0, 255]), l: [text, 'b'] },
      })),
    );
    expect(found.rows.at(-1)).toEqual({ n: 99n, t: null, b: null, y: null, l: [] });

    await expect(copyRows(client, 'copied (n)', [['one']], itself)).rejects.toThrow('invalid input syntax');
    await expect(copyRows(client, 'missing (n)', [[1]], itself)).rejects.toThrow('does not exist');
    expect((await client.query('SELECT count(*) AS n FROM copied')).rows).toEqual([{ n: 8n }]);
  } finally {
    client.release();
    await pool.end();
  }
});

const LETTERS = ['a', '\t', '\\', 'ї', '€', '🚌', '\n', ' '];

/** Texts whose bytes are told by their number alone, so that none stands in for another. */
function textOf(n: number, length: number): string {
  return Array.from({ length }, (_, k) => LETTERS[(n * 7 + k * (n + 3)) % LETTERS.length]).join('');
}

test.each([
  ['many messages', 1500, 300],
  ['rows that no usual message holds', 2, 100_000],
  ['nothing but short rows', 5000, 2],
])(
  '%s: each row comes back, and the memory of one copy says nothing in the next',
  async (_, rows, length) => {
    const pool = createPool({ url: database.adminUrl, applicationName: 'test-copy', max: 2 });
    const clients = await Promise.all([pool.connect(), pool.connect()]);
    try {
      const copied = async (client: (typeof clients)[number], salt: number): Promise<void> => {
        await client.query('CREATE TEMP TABLE copied (n int, t text)');
        for (const round of [0, 1]) {
          const texts = Array.from(
            { length: rows },
            (_, n) => [n, textOf(n + salt + round, length)] as const,
          );
          await copyRows(client, 'copied (n, t)', texts, itself);
          const found = await client.query<{ t: string }>(
            'WITH gone AS (DELETE FROM copied RETURNING *) SELECT t FROM gone ORDER BY n',
          );
          const digest = (list: readonly string[]) => sha256Hex(list.join('|'));
          expect(found.rows).toHaveLength(rows);
          expect(digest(found.rows.map(({ t }) => t))).toBe(digest(texts.map(([, t]) => t)));
        }
        await client.query('DROP TABLE copied');
      };
      await Promise.all(clients.map((client, n) => copied(client, 100 * n)));
    } finally {
      for (const client of clients) client.release();
      await pool.end();
    }
  },
);

test('memory that is given back twice is given to one copy alone', () => {
  const copy = () => copyOf('held (n)', [1], (n) => [n]).rows;
  const first = copy();
  first.reuse();
  first.reuse();
  expect(copy().messages[0]?.buffer).not.toBe(copy().messages[0]?.buffer);
});

test('rows come in the order of their key, those of one key as they were, and the list that was given stays', () => {
  const given = ['b1', 'a1', 'b0', 'a10', 'a1'].map((key, n) => ({ key, n }));
  const before = [...given];
  expect(inOrderOf(given, ({ key }) => key).map(({ key, n }) => `${key} ${n}`)).toEqual([
    'a1 1',
    'a1 4',
    'a10 3',
    'b0 2',
    'b1 0',
  ]);
  expect(given).toEqual(before);
});

describe('several copies', () => {
  let pool: pg.Pool;
  let client: pg.PoolClient;
  let other: pg.PoolClient;
  beforeEach(async () => {
    pool = createPool({ url: database.adminUrl, applicationName: 'test-copy', max: 2 });
    [client, other] = await Promise.all([pool.connect(), pool.connect()]);
    await other.query('CREATE TABLE held (n int)');
  });
  afterEach(async () => {
    await other.query('DROP TABLE held');
    client.release();
    other.release();
    await pool.end();
  });
  const numbers = (...list: number[]): RowCopy => copyOf('held (n)', list, (n) => [n]);
  const stored = async () => (await client.query('SELECT n FROM held ORDER BY n')).rows.map(({ n }) => n);

  test('the next rows are made while the server still works at the last ones', async () => {
    await other.query('BEGIN; LOCK TABLE held');
    const made = Promise.withResolvers<void>();
    function* copies(): Generator<RowCopy> {
      yield numbers(1);
      made.resolve();
      yield numbers();
      yield numbers(2, 3);
    }
    const ended = copyEach(client, copies());
    await made.promise;
    await other.query('COMMIT');
    await ended;
    expect(await stored()).toEqual([1, 2, 3]);
  });

  test('memory of a copy is used again when the server has read it, and not before', async () => {
    const memoryOf = ({ rows }: RowCopy) => rows.messages.map(({ buffer }) => buffer);
    await other.query('BEGIN; LOCK TABLE held');
    const copy = numbers(1);
    const sent = Promise.withResolvers<void>();
    function* copies(): Generator<RowCopy> {
      yield copy;
      sent.resolve();
    }
    const ended = copyEach(client, copies());
    await sent.promise;
    expect(memoryOf(copy)).not.toContain(memoryOf(numbers(2))[0]);
    await other.query('COMMIT');
    await ended;
    expect(memoryOf(copy)).toContain(memoryOf(numbers(3))[0]);
  });

  test('a copy that is refused ends them, with what the server says; no row after it is made', async () => {
    const made: number[] = [];
    function* copies(): Generator<RowCopy> {
      for (const n of [1, 2, 3, 4]) {
        made.push(n);
        yield n === 2 ? copyOf('missing (n)', [n], (one) => [one]) : numbers(n);
      }
    }
    await expect(copyEach(client, copies())).rejects.toThrow('does not exist');
    expect(made).toEqual([1, 2, 3]);
    expect(await stored()).toEqual([1]);
  });

  test('rows that cannot be made end them when the copy before has ended', async () => {
    await other.query('BEGIN; LOCK TABLE held');
    const failed = Promise.withResolvers<void>();
    function* copies(): Generator<RowCopy> {
      yield numbers(1);
      failed.resolve();
      throw new Error('no such row');
    }
    const ended = copyEach(client, copies());
    const said = expect(ended).rejects.toThrow('no such row');
    await failed.promise;
    await other.query('COMMIT');
    await said;
    expect(await stored()).toEqual([1]);
  });
});
