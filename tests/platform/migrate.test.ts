import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { type MigrationSet, migrate } from '#platform/migrate.ts';
import { createPool } from '#platform/postgres.ts';
import { closeSchema, schemaFence } from '#platform/schema-fence.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

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

  test('change nothing under a process at work, which works no more after a change', async () => {
    await database.migrate([set]);
    const old = createPool({
      url: database.url('fare_runtime'),
      applicationName: 'kvytok-old-engine',
      max: 2,
      verify: schemaFence({ schema: 'fare', dir }),
    });
    const both = await Promise.all([old.connect(), old.connect()]);
    const log = createLogger({ component: 'test', level: 'silent' });
    const change = () => migrate({ url: database.migratorUrl, sets: [set], log, stopMsMax: 50 });
    // Nothing is missing: nobody is disturbed.
    expect(await change()).toEqual([]);
    writeFileSync(`${dir}/003-third.sql`, 'CREATE TABLE third ();');
    const refused = {
      code: 'MIGRATION_WHILE_RUNNING',
      happened: expect.stringContaining('kvytok-old-engine work'),
    };
    await expect(change()).rejects.toMatchObject(refused);
    both[0]?.release(true);
    // One connection left is a process at work.
    await expect(change()).rejects.toMatchObject(refused);
    both[1]?.release(true);
    expect(await database.migrate([set])).toEqual(['fare/003-third.sql']);
    await expect(old.query('SELECT 1')).rejects.toMatchObject({
      code: 'SCHEMA_OTHER_VERSION',
      happened: expect.stringContaining(
        'at change 003-third.sql; this version of Kvytok works at 002-second.sql',
      ),
    });
    await old.end();
    const fresh = createPool({
      url: database.url('fare_runtime'),
      applicationName: 'kvytok-engine',
      max: 1,
      verify: schemaFence({ schema: 'fare', dir }),
    });
    expect((await fresh.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await fresh.end();
  });

  test('are missed by who comes before the first of them, who says so', async () => {
    const early = new pg.Client({ connectionString: database.url('fare_runtime') });
    await early.connect();
    await expect(schemaFence({ schema: 'fare', dir })(early)).rejects.toMatchObject({
      code: 'SCHEMA_OTHER_VERSION',
      happened: expect.stringContaining('at change none'),
    });
    await early.end();
  });

  test('are waited for by who comes meanwhile, and then it looks', async () => {
    await database.migrate([set]);
    const old = schemaFence({ schema: 'fare', dir });
    const migrator = new pg.Client({ connectionString: database.migratorUrl });
    const comer = new pg.Client({ connectionString: database.url('fare_runtime') });
    await Promise.all([migrator.connect(), comer.connect()]);
    await closeSchema(migrator, 'fare', 1000);
    // Told of before it can happen: a refusal that comes while the migrator leaves is heard, too.
    const refused = expect(old(comer)).rejects.toMatchObject({ code: 'SCHEMA_OTHER_VERSION' });
    await migrator.query(
      "INSERT INTO platform.migration (schema, number, name, sha256) VALUES ('fare', 3, '003-x.sql', '')",
    );
    await migrator.end();
    await refused;
    await comer.end();
  });

  test('close schemas in the order in which a writer holds them: who comes between two waits, and nobody in a circle', async () => {
    const ingest = `${folder.path}/ingest`;
    mkdirSync(ingest);
    writeFileSync(`${ingest}/001-first.sql`, 'CREATE TABLE record ();');
    await database.migrate([set, { schema: 'ingest', owner: 'ingest_owner', dir: ingest }]);
    const migrator = new pg.Client({ connectionString: database.migratorUrl });
    const comer = new pg.Client({ connectionString: database.url('fare_runtime') });
    await Promise.all([migrator.connect(), comer.connect()]);
    await closeSchema(migrator, 'fare', 1000);
    const looked = schemaFence({ schema: 'ingest', dir: ingest, alsoIn: ['fare'] })(comer);
    await until(async () => {
      // Of this database alone: other files wait for locks on the same server.
      const waiting = await ask(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      return waiting.length > 0 ? true : null;
    });
    await closeSchema(migrator, 'ingest', 50);
    await migrator.end();
    await looked;
    await comer.end();
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
