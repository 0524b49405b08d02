/** Facts have no UPDATE, DELETE or TRUNCATE grant, for no runtime role; asked of PostgreSQL itself. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RUNTIME_ROLES } from '#platform/database.ts';
import { createPool } from '#platform/postgres.ts';
import { tapRow } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';

let engine: EngineDatabase;
let tables: { name: string; sort: string }[];
beforeAll(async () => {
  engine = await openEngineDatabase();
  await engine.deliver([tapRow({ seq: 1, atMs: Date.UTC(2025, 9, 14, 6) })]);
  await engine.drain();
  const { rows } = await engine.admin.query<{ name: string; comment: string | null }>(
    `SELECT relname AS name, obj_description(oid, 'pg_class') AS comment
     FROM pg_class WHERE relnamespace = 'fare'::regnamespace AND relkind = 'r' ORDER BY 1`,
  );
  tables = rows.map(({ name, comment }) => ({ name, sort: (comment ?? '').split(':')[0] ?? '' }));
});
afterAll(() => engine.close());

test('every table says in its comment whether it is a fact, a queue or a projection', () => {
  expect(tables.length).toBeGreaterThan(20);
  for (const { name, sort } of tables)
    expect([name, sort]).toEqual([name, expect.stringMatching(/^(fact|queue|projection)$/)]);
});

/** Tries each statement, all in one round trip; which of them were not refused for want of a privilege? */
async function notDenied(pool: pg.Pool, statements: readonly string[]): Promise<string[]> {
  const list = statements.map((statement) => pg.escapeLiteral(statement)).join(', ');
  let told = '';
  const client = await pool.connect();
  client.once('notice', (notice) => {
    told = notice.message ?? '';
  });
  try {
    await client.query(`DO $try$
      DECLARE statement text; allowed text[] := '{}';
      BEGIN
        FOREACH statement IN ARRAY ARRAY[${list}] LOOP
          BEGIN
            EXECUTE statement;
            allowed := allowed || statement;
          EXCEPTION WHEN insufficient_privilege THEN NULL;
          END;
        END LOOP;
        RAISE NOTICE '%', to_json(allowed);
      END $try$`);
  } finally {
    client.release();
  }
  return JSON.parse(told) as string[];
}

describe.each(RUNTIME_ROLES)('%s', (role) => {
  test('is denied UPDATE, DELETE and TRUNCATE on every fact table', async () => {
    const facts = tables.filter(({ sort }) => sort === 'fact').map(({ name }) => name);
    expect(facts).toEqual(
      expect.arrayContaining(['tap', 'decision', 'posting', 'audit_leaf', 'close', 'media_link']),
    );
    const pool = createPool({ url: engine.database.url(role), applicationName: 'test-role', max: 1 });
    try {
      const { rows } = await engine.admin.query<{ table: string; column: string }>(
        `SELECT DISTINCT ON (t.name) t.name AS table, attname AS column FROM unnest($1::text[]) AS t (name)
         JOIN pg_attribute ON attrelid = ('fare.' || t.name)::regclass AND attnum > 0 AND attidentity = ''
         ORDER BY t.name, attnum`,
        [facts],
      );
      expect(rows.length).toBe(facts.length);
      const statements = rows.flatMap(({ table, column }) => [
        `UPDATE fare.${table} SET ${column} = ${column}`,
        `DELETE FROM fare.${table}`,
        `TRUNCATE fare.${table}`,
      ]);
      expect(await notDenied(pool, statements)).toEqual([]);
      // The question itself can be answered with yes.
      expect(await notDenied(pool, ['SELECT 1'])).toEqual(['SELECT 1']);
    } finally {
      await pool.end();
    }
  });
});

test('ingest may put records into the inbox, tell marks of journals, witness what it accepts, and do nothing else here', async () => {
  const pool = createPool({
    url: engine.database.url('ingest_runtime'),
    applicationName: 'test-role',
    max: 1,
  });
  try {
    for (const { name } of tables) {
      await expect(pool.query(`SELECT FROM fare.${name}`), name).rejects.toMatchObject({ code: '42501' });
      if (['record_inbox', 'journal_mark', 'audit_leaf'].includes(name)) continue;
      const insert = pool.query(`INSERT INTO fare.${name} DEFAULT VALUES`);
      await expect(insert, name).rejects.toMatchObject({ code: '42501' });
    }
    const leaf = (columns: string, values: string) =>
      pool.query(`INSERT INTO fare.audit_leaf (kind, ref, bytes${columns}) VALUES (${values})`);
    await leaf('', "'batch', 'val-1 e 1', '{}'");
    await expect(leaf('', "'decision', 'val-1.e.1', '{}'")).rejects.toMatchObject({ code: '42501' });
    await expect(leaf(', xact', "'batch', 'val-1 e 2', '{}', '1'")).rejects.toMatchObject({ code: '42501' });
  } finally {
    await pool.end();
  }
});

test('the portal reads published views, hands in no command and sees no account and no token', async () => {
  const pool = createPool({
    url: engine.database.url('portal_runtime'),
    applicationName: 'test-role',
    max: 1,
  });
  try {
    const tap = await pool.query('SELECT * FROM fare.published_tap');
    expect(tap.rowCount).toBe(1);
    const columns = tap.fields.map((field) => field.name);
    expect(columns.filter((name) => /account|token/.test(name))).toEqual([]);
    const shown = JSON.stringify(
      (await pool.query('SELECT postings FROM fare.published_explanation')).rows.concat(
        (await pool.query('SELECT account_id FROM fare.published_trial_balance')).rows,
      ),
    );
    expect(shown).not.toMatch(/acc-/);
    const command = pool.query(
      "INSERT INTO fare.command_inbox (command_id, kind, payload, submitted_by, submitted_at_ms) VALUES (gen_random_uuid(), 'allow-medium', '{}', 'test', 0)",
    );
    await expect(command).rejects.toMatchObject({ code: '42501' });
    for (const { name } of tables)
      await expect(pool.query(`SELECT FROM fare.${name}`), name).rejects.toMatchObject({ code: '42501' });
  } finally {
    await pool.end();
  }
});
