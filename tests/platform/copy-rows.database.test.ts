/** Rows by COPY on a real server: what comes out is what went in, and a refused copy leaves the connection usable. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { arrayText, type CopyValue, copyRows, copyText } from '#platform/copy-rows.ts';
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

test('a row is a line, a NULL has a sign of its own', () => {
  expect(copyText([['a\tb', null, 1]], itself)).toBe('a\\tb\t\\N\t1\n');
});
