import { readFileSync, statSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '#platform/database.ts';
import { createPool, inTransaction } from '#platform/postgres.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
const folder = tempFolder('database');

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await database.close();
  folder.remove();
});

async function ask<R extends pg.QueryResultRow>(url: string, sql: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('the bootstrapped database', () => {
  test('no role that services or migrations use is a superuser or may make roles or databases; one may copy', async () => {
    const rows = await ask(
      database.adminUrl,
      `SELECT rolname FROM pg_roles WHERE rolname ~ '_(runtime|owner|migrator)$'
       AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)`,
    );
    expect(rows).toEqual([{ rolname: 'backup_runtime' }]);
    const [count] = await ask<{ n: string }>(
      database.adminUrl,
      `SELECT count(*) n FROM pg_roles WHERE rolname ~ '^(?!pg_).*_(runtime|owner|migrator)$'`,
    );
    expect(Number(count?.n)).toBe(12);
  });

  test('owners cannot log in', async () => {
    const rows = await ask(
      database.adminUrl,
      `SELECT 1 FROM pg_roles WHERE rolname LIKE '%\\_owner' AND rolcanlogin`,
    );
    expect(rows).toEqual([]);
  });

  test('a runtime role can neither make a table nor become an owner', async () => {
    const url = database.url('fare_runtime');
    await expect(ask(url, 'CREATE TABLE public.x ()')).rejects.toThrow(/permission denied/);
    await expect(ask(url, 'CREATE TABLE fare.x ()')).rejects.toThrow(/permission denied/);
    await expect(ask(url, 'SET ROLE fare_owner')).rejects.toThrow(/permission denied/);
  });

  test('the migrator acts as an owner only after saying so', async () => {
    await expect(ask(database.migratorUrl, 'CREATE TABLE fare.x ()')).rejects.toThrow(/permission denied/);
    await ask(database.migratorUrl, 'BEGIN; SET LOCAL ROLE fare_owner; CREATE TABLE fare.x (); ROLLBACK');
  });

  test('a wrong password is refused', async () => {
    const url = new URL(database.url('fare_runtime'));
    url.password = 'guess';
    await expect(ask(url.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  });
});

describe('a second bootstrap', () => {
  const secretsFile = `${folder.path}/secrets.json`;
  /** Bootstraps of one server wait for each other on its maintenance database: those of other files run at the same time. */
  const maintenanceUrl = (): string =>
    Object.assign(new URL(database.adminUrl), { pathname: '/postgres' }).href;

  test('changes nothing and hands out the same addresses, and the file with them is private', async () => {
    // A database name of its own; the roles belong to the whole server, so they get this file's passwords for a moment
    // only in the run of this test: the other files keep theirs through the shared secrets file.
    const shared = new URL(database.url('fare_runtime')).password;
    writeFileSync(
      secretsFile,
      JSON.stringify({ v: 1, passwords: { ...passwordsOf(database), fare_runtime: shared } }),
      { mode: 0o600 },
    );
    const options = { adminUrl: maintenanceUrl(), database: database.name, secretsFile };
    const first = await bootstrapDatabase(options);
    const second = await bootstrapDatabase(options);
    expect(second.migratorUrl).toBe(first.migratorUrl);
    expect(second.url('portal_runtime')).toBe(first.url('portal_runtime'));
    expect(statSync(secretsFile).mode & 0o777).toBe(0o600);
    expect(Object.keys(JSON.parse(readFileSync(secretsFile, 'utf8')).passwords)).toHaveLength(9);
  });

  test('finishes what an interrupted one began: a schema that is missing is made', async () => {
    await ask(database.adminUrl, 'DROP SCHEMA portal');
    await bootstrapDatabase({ adminUrl: maintenanceUrl(), database: database.name, secretsFile });
    await ask(database.migratorUrl, 'BEGIN; SET LOCAL ROLE portal_owner; CREATE TABLE portal.x (); ROLLBACK');
  });

  test('waits for one from another database of the server, which has the same roles, and says for whom', async () => {
    const other = new pg.Client({
      connectionString: maintenanceUrl(),
      application_name: 'another-bootstrap',
    });
    await other.connect();
    // The lock of platform/database.ts.
    await other.query('SELECT pg_advisory_lock($1)', [0x6b767962]);
    const told = Promise.withResolvers<readonly string[]>();
    let done = false;
    const waiting = bootstrapDatabase({
      ...{ adminUrl: database.adminUrl, database: database.name, secretsFile },
      ...{ onWait: told.resolve, sayAfterMs: 20 },
    }).finally(() => {
      done = true;
    });
    expect((await told.promise)[0]).toMatch(/^another-bootstrap \(process \d+ of the server\)$/);
    expect(done).toBe(false);
    await other.end();
    expect(await waiting).toHaveProperty('migratorUrl');
  });

  test('refuses a damaged secrets file and leaves it as it is', async () => {
    const damaged = `${folder.path}/damaged.json`;
    writeFileSync(damaged, '{"v":1,"passw');
    const attempt = bootstrapDatabase({
      adminUrl: database.adminUrl,
      database: database.name,
      secretsFile: damaged,
    });
    await expect(attempt).rejects.toMatchObject({ code: 'SECRETS_UNREADABLE' });
    expect(readFileSync(damaged, 'utf8')).toBe('{"v":1,"passw');
  });
});

function passwordsOf(from: TestDatabase): Record<string, string> {
  const roles = [
    'ingest_runtime',
    'fare_runtime',
    'portal_runtime',
    'office_runtime',
    'auditor_runtime',
    'backup_runtime',
    'enrolment_runtime',
    'broker_runtime',
  ] as const;
  const entries = roles.map((role) => [role, new URL(from.url(role)).password]);
  return { ...Object.fromEntries(entries), kvytok_migrator: new URL(from.migratorUrl).password };
}

describe('connections', () => {
  test('eight-byte integers are read as bigint, alone and in arrays, and only on our pools', async () => {
    const pool = createPool({ url: database.url('fare_runtime'), applicationName: 'kvytok-test', max: 1 });
    const { rows } = await pool.query(
      `SELECT 9007199254740993::bigint a, ARRAY[1, NULL, -2]::bigint[] b, '{}'::bigint[] c, $1::bigint d`,
      [-9007199254740993n],
    );
    expect(rows[0]).toEqual({ a: 9007199254740993n, b: [1n, null, -2n], c: [], d: -9007199254740993n });
    await pool.end();
    expect(await ask(database.adminUrl, 'SELECT 1::bigint a')).toEqual([{ a: '1' }]);
  });

  test('a transaction that throws leaves nothing and gives its connection back', async () => {
    const pool = createPool({ url: database.adminUrl, applicationName: 'kvytok-test', max: 1 });
    await pool.query('CREATE TABLE public.kept (n int)');
    const failing = inTransaction(pool, async (client) => {
      await client.query('INSERT INTO public.kept VALUES (1)');
      throw new Error('thought better of it');
    });
    await expect(failing).rejects.toThrow('thought better of it');
    await inTransaction(pool, (client) => client.query('INSERT INTO public.kept VALUES (2)'));
    expect((await pool.query('SELECT n FROM public.kept')).rows).toEqual([{ n: 2 }]);
    await pool.end();
  });

  test('a connection that was cut in a transaction is thrown away, the next one works', async () => {
    const pool = createPool({ url: database.adminUrl, applicationName: 'kvytok-cut', max: 1 });
    const cut = inTransaction(pool, async (client) => {
      const { rows } = await client.query('SELECT pg_backend_pid() pid');
      await ask(database.adminUrl, `SELECT pg_terminate_backend(${rows[0].pid})`);
      await client.query('SELECT 1');
    });
    await expect(cut).rejects.toThrow();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });
});
