import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MigrationSet } from '#platform/migrate.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';

const folder = tempFolder('migrate');
let database: TestDatabase;
let dir: string;
let set: MigrationSet;

beforeEach(async () => {
  database = await openTestDatabase();
  dir = `${folder.path}/fare`;
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
  set = { schema: 'fare', owner: 'fare_owner', dir };
  writeFileSync(`${dir}/001-first.sql`, 'CREATE TABLE account (id bigint PRIMARY KEY);');
  writeFileSync(
    `${dir}/002-second.sql`,
    'INSERT INTO account VALUES (1); GRANT USAGE ON SCHEMA fare TO fare_runtime;',
  );
});
afterEach(() => database.close());
afterAll(() => folder.remove());

async function ask(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: database.adminUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('migrations', () => {
  test('run once, in order, in their schema and under its owner', async () => {
    expect(await database.migrate([set])).toEqual(['fare/001-first.sql', 'fare/002-second.sql']);
    expect(await database.migrate([set])).toEqual([]);
    expect(await ask('SELECT id FROM fare.account')).toEqual([{ id: '1' }]);
    expect(await ask(`SELECT tableowner FROM pg_tables WHERE schemaname = 'fare'`)).toEqual([
      { tableowner: 'fare_owner' },
    ]);
  });

  test('started twice at once run once', async () => {
    const [a, b] = await Promise.all([database.migrate([set]), database.migrate([set])]);
    expect([a.length, b.length].sort()).toEqual([0, 2]);
  });

  test('one that fails is undone as a whole, names its file and line, and can be mended', async () => {
    writeFileSync(`${dir}/003-third.sql`, 'CREATE TABLE half ();\n\nSELECT nonsense;\n');
    await expect(database.migrate([set])).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      happened: expect.stringContaining('003-third.sql:3 failed'),
    });
    expect(await ask(`SELECT 1 FROM pg_tables WHERE tablename = 'half'`)).toEqual([]);
    writeFileSync(`${dir}/003-third.sql`, 'CREATE TABLE whole ();');
    expect(await database.migrate([set])).toEqual(['fare/003-third.sql']);
  });

  test('a file that changed after it ran is refused', async () => {
    await database.migrate([set]);
    writeFileSync(`${dir}/001-first.sql`, 'CREATE TABLE account (id bigint PRIMARY KEY); ');
    await expect(database.migrate([set])).rejects.toMatchObject({ code: 'MIGRATION_CHANGED' });
  });

  test('a database newer than the program is refused', async () => {
    await database.migrate([set]);
    rmSync(`${dir}/002-second.sql`);
    await expect(database.migrate([set])).rejects.toMatchObject({ code: 'MIGRATION_UNKNOWN' });
  });

  test.each([
    ['004-gap.sql', 'SELECT 1'],
    ['3-short.sql', 'SELECT 1'],
    ['003-Upper.sql', 'SELECT 1'],
    ['003-ends-itself.sql', 'SELECT 1;\nCOMMIT;'],
    ['003-ends-itself.sql', 'SELECT 1;\n rollback transaction ;'],
  ])('a file %s with %j is refused before anything runs', async (name, sql) => {
    copyFileSync(`${dir}/002-second.sql`, `${dir}/${name}`);
    writeFileSync(`${dir}/${name}`, sql);
    await expect(database.migrate([set])).rejects.toMatchObject({ code: 'MIGRATION_NAMES' });
    expect(await ask(`SELECT 1 FROM pg_tables WHERE schemaname = 'fare'`)).toEqual([]);
  });

  test('a function body may say BEGIN and END', async () => {
    writeFileSync(
      `${dir}/003-function.sql`,
      'CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1;\nEND;\n$$;',
    );
    expect(await database.migrate([set])).toHaveLength(3);
  });
});
