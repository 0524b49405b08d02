import { generateKeyPairSync } from 'node:crypto';
import { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sealDenyGeneration } from '#contracts/deny-list.ts';
import { createPool } from '#platform/postgres.ts';
import { finishRestore } from '../../../cli/backup/finish-restore.ts';
import { markArchive } from '../../../cli/backup/mark-archive.ts';
import { missingCommands } from '../../../cli/backup/missing-commands.ts';
import { thisMachine } from '../../../cli/doctor/machine.ts';
import { openDatabaseLife } from '../../../ingest/adapters/database-life.ts';
import { MIGRATIONS } from '../../ingest/harness.ts';
import { openTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { until } from '../../support/until.ts';

const offline = { keyId: 'offline-1', privateKey: generateKeyPairSync('ed25519').privateKey };

let database: TestDatabase;
let admin: Pool;

beforeAll(async () => {
  database = await openTestDatabase();
  await database.migrate(MIGRATIONS);
  admin = new Pool({ connectionString: database.adminUrl, max: 1 });
  const ingest = createPool({ url: database.url('ingest_runtime'), applicationName: 'test', max: 1 });
  await openDatabaseLife(ingest, 1);
  await ingest.end();
});
afterAll(async () => {
  await admin?.end();
  await database?.close();
});

const finish = (more: { evenSo?: boolean; generationMin?: number } = {}) =>
  finishRestore({
    migratorUrl: database.migratorUrl,
    nowMs: 7,
    generationMin: 1,
    statementFor: (generation) => sealDenyGeneration(generation, 7, offline),
    evenSo: false,
    ...more,
  });
/** A pool that has ended does not wait until the server has let go of its connections, and a restore looks at those. */
const alone = () =>
  until(
    async () => {
      const { rows } = await admin.query(
        `SELECT usename FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE '%_runtime'`,
      );
      return rows.length === 0;
    },
    { what: 'nobody else to be connected' },
  );
const lives = async () =>
  (await admin.query('SELECT ordinal, incarnation FROM ingest.incarnation ORDER BY ordinal')).rows;

describe('finishing a restore', () => {
  beforeEach(async () => {
    await alone();
    await admin.query('UPDATE ingest.backup_watermark SET announced_ms = 9, watermark_ms = 5');
  });

  test('is refused on a database that was not restored', async () => {
    await expect(finish()).rejects.toMatchObject({ code: 'RESTORE_NOT_NEEDED' });
    expect(await lives()).toHaveLength(1);
  });

  test('is refused while the city works on it, also when it is asked for twice', async () => {
    const ingest = createPool({ url: database.url('ingest_runtime'), applicationName: 'test', max: 1 });
    await ingest.query('SELECT 1');
    await expect(finish({ evenSo: true })).rejects.toMatchObject({
      code: 'RESTORE_DATABASE_IN_USE',
      happened: expect.stringContaining('ingest_runtime'),
    });
    await ingest.end();
    expect(await lives()).toHaveLength(1);
  });

  test('is refused where transaction numbers begin anew, until the counter is raised', async () => {
    await admin.query("UPDATE fare.audit_tree SET last_xact = '12884901895'");
    await expect(finish({ evenSo: true })).rejects.toMatchObject({
      code: 'TRANSACTIONS_BEHIND',
      todo: expect.stringContaining('pg_resetwal -e 4 '),
    });
    expect(await lives()).toHaveLength(1);
    const { KVYTOK_DOCTOR_POSTGRES_URL: _, ...env } = process.env;
    const named = { ...env, KVYTOK_DOCTOR_POSTGRES_URL: database.url('fare_runtime') };
    await expect(thisMachine(named).checkDatabase()).rejects.toMatchObject({ code: 'TRANSACTIONS_BEHIND' });
    expect(await thisMachine(env).checkDatabase()).toBe(false);
    await admin.query("UPDATE fare.audit_tree SET last_xact = '0'");
    expect(await thisMachine(named).checkDatabase()).toBe(true);
  });

  test('begins a life, raises the list and takes every promise back, in one step', async () => {
    await admin.query('UPDATE ingest.incarnation SET timeline = timeline + 1');
    const [before] = (await admin.query('SELECT generation FROM fare.deny_list')).rows;
    const life = await finish();
    expect(life).toMatchObject({ ordinal: 2, generation: before.generation + 1 });
    expect((await lives()).map((row) => row.ordinal)).toEqual([1, 2]);
    const audit = await admin.query('SELECT max(ordinal) AS life FROM fare.audit_life');
    expect(audit.rows).toEqual([{ life: 2 }]);
    const leaf = await admin.query("SELECT bytes FROM fare.audit_leaf WHERE kind = 'audit-life'");
    expect(leaf.rows.map(({ bytes }) => JSON.parse(bytes))).toEqual([
      { v: 1, kind: 'audit-life', ordinal: 2, begunAtMs: 7, before: null },
    ]);
    const { rows } = await admin.query('SELECT announced_ms, watermark_ms FROM ingest.backup_watermark');
    expect(rows).toEqual([{ announced_ms: null, watermark_ms: null }]);
    const ingest = createPool({ url: database.url('ingest_runtime'), applicationName: 'test', max: 1 });
    expect((await openDatabaseLife(ingest, 8)).incarnation).toBe(life.incarnation);
    await ingest.end();
  });

  test('uses no generation below the one that was named', async () => {
    expect(await finish({ evenSo: true, generationMin: 40 })).toMatchObject({ ordinal: 3, generation: 40 });
    expect(await finish({ evenSo: true, generationMin: 40 })).toMatchObject({ ordinal: 4, generation: 41 });
  });
});

describe('what an office has to enter again', () => {
  test('is what the database neither obeyed nor refused, in the order of the list', async () => {
    const [obeyed, refused, lost] = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`);
    await admin.query(
      `INSERT INTO fare.command_accepted (idempotency_key, command_id, kind, input_sha256, submitted_by, known_from_ms)
       VALUES ('key-1', $1, 'x', '', 'test', 1)`,
      [obeyed],
    );
    await admin.query(
      `INSERT INTO fare.command_refusal (command_id, kind, payload, submitted_by, reason, detail, refused_at_ms)
       VALUES ($1, 'x', '{}', 'test', 'X', '', 1)`,
      [refused],
    );
    const auditor = createPool({ url: database.url('auditor_runtime'), applicationName: 'test', max: 1 });
    async function* ids() {
      yield* ['key-2', obeyed as string, 'key-1', '', refused as string, lost as string];
    }
    const missing: string[] = [];
    for await (const id of missingCommands(auditor, ids())) missing.push(id);
    expect(missing).toEqual(['key-2', lost]);
    await auditor.end();
  });
});

describe('the mark of a server with an archive of its own', () => {
  test('says when nothing is archived, and takes a place that is named', async () => {
    const pool = createPool({ url: database.url('backup_runtime'), applicationName: 'test', max: 1 });
    await expect(markArchive(pool, Date.now(), undefined)).rejects.toMatchObject({
      code: 'BACKUP_NO_ARCHIVE',
    });
    expect(await markArchive(pool, Date.now(), '0/1000000')).toEqual({ heldUpTo: '0/1000000', moved: false });
    await pool.end();
  });
});
