/** The portal on real PostgreSQL under its own role, over the real migrations of the services that publish. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import { listenDecided } from '../../portal/adapters/listen-decided.ts';
import { createPostgresViews, PUBLISHED_COLUMNS } from '../../portal/adapters/postgres-views.ts';
import type { CityViews } from '../../portal/ports.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { EPOCH } from './support/fake-views.ts';
import { insertDecidedTap } from './support/insert-decided-tap.ts';

let database: TestDatabase;
let admin: pg.Client;
let pool: pg.Pool;
let views: CityViews;
const log = createLogger({ component: 'test', level: 'silent' });

beforeAll(async () => {
  database = await openTestDatabase();
  await database.migrate([
    { schema: 'fare', owner: 'fare_owner', dir: 'fare-engine/migrations' },
    { schema: 'ingest', owner: 'ingest_owner', dir: 'ingest/migrations' },
  ]);
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  pool = createPool({ url: database.url('portal_runtime'), applicationName: 'test', max: 2 });
  views = createPostgresViews(pool);
});

afterAll(async () => {
  await pool?.end();
  await admin?.end();
  await database?.close();
});

describe('the published views', () => {
  it.each(Object.entries(PUBLISHED_COLUMNS))(
    '%s has every column that the portal reads',
    async (view, columns) => {
      const [schema, name] = view.split('.');
      const { rows } = await admin.query<{ column_name: string }>(
        'SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2',
        [schema, name],
      );
      expect(rows.map((row) => row.column_name)).toEqual(expect.arrayContaining([...columns]));
    },
  );

  it('none of them shows an account or a token, whatever columns it gains', async () => {
    const { rows } = await admin.query<{ found: string }>(
      `SELECT table_name || '.' || column_name AS found FROM information_schema.columns
        WHERE table_name IN ('published_tap', 'published_explanation', 'published_totals', 'published_budget_owed', 'published_device')
          AND column_name ~ '(account|token|holder|person)'`,
    );
    expect(rows).toEqual([]);
  });

  it('an empty city answers with nothing, not with errors', async () => {
    expect(await views.latestTaps(10)).toEqual([]);
    expect(await views.tap(`val-1.${EPOCH}.1`)).toBeUndefined();
    expect(await views.totals()).toEqual([]);
    expect(await views.ledger()).toEqual([]);
    expect(await views.devices()).toEqual([]);
    expect(await views.quarantine()).toEqual([]);
    expect(await views.pace(0, 60_000)).toEqual([]);
    expect(await views.counts()).toMatchObject({ taps: 0n, decidedTaps: 0n, records: 0n, quarantined: 0n });
  });

  it('a decided tap is read with its sums, its pace and its explanation, without its rider', async () => {
    const tapId = await insertDecidedTap(admin, { seq: 1, concession: true });
    expect(await views.tap(tapId)).toMatchObject({
      tapId,
      kind: 'ride',
      grossMinor: 1200n,
      riderMinor: 0n,
      concessionMinor: 1200n,
      concessionId: 'pensioner',
      flags: ['LATE'],
      revision: 1,
    });
    const [explanation] = await views.explanations(tapId);
    expect(explanation).toMatchObject({
      revision: 1,
      fareDay: '2025-10-14',
      kind: 'ride',
      packageName: { uk: 'Тариф' },
    });
    expect(JSON.stringify(explanation?.postings)).toContain('budget:city-budget-law');
    expect(JSON.stringify(explanation)).not.toContain('acc-secret');
    expect(await views.totals()).toContainEqual(
      expect.objectContaining({ dimension: 'category', key: 'pensioner', rides: 1n, concessionMinor: 1200n }),
    );
    expect(await views.budgetOwed()).toEqual([
      {
        fundingId: 'city-budget-law',
        carrierId: 'tet',
        concessionId: 'pensioner',
        claimRides: 1n,
        amountMinor: 1200n,
        currency: 'UAH',
      },
    ]);
    expect(await views.ledger()).toEqual([
      { kind: 'budget', currency: 'UAH', pendingMinor: 1200n, postedMinor: 0n },
      { kind: 'revenue', currency: 'UAH', pendingMinor: -1200n, postedMinor: 0n },
    ]);
    expect(await views.pace(0, 60_000)).toEqual([
      expect.objectContaining({ taps: 1, latencyMsMedian: 400, latencyMsP95: 400 }),
    ]);
  });

  it('the newest decisions come first, as many as asked for', async () => {
    const later = await insertDecidedTap(admin, { seq: 2, decidedAfterMs: 10_000 });
    await insertDecidedTap(admin, { seq: 3, decidedAfterMs: 5000 });
    expect((await views.latestTaps(1)).map((tap) => tap.tapId)).toEqual([later]);
  });

  it('the portal may not read what lies behind the views, and change nothing', async () => {
    for (const sql of [
      'SELECT * FROM fare.tap',
      'SELECT * FROM fare.posting',
      'SELECT * FROM ingest.record',
      'DELETE FROM fare.published_tap',
      "UPDATE fare.decision SET kind = 'ride'",
      'CREATE TABLE fare.mine (a int)',
    ]) {
      await expect(pool.query(sql), sql).rejects.toThrow(/permission denied|cannot delete/);
    }
  });
});

describe('the sign that something was decided', () => {
  it('arrives, and arrives again after the connection was cut', async () => {
    const signal = listenDecided({ url: database.url('portal_runtime'), log });
    let heard = 0;
    signal.onDecided(() => {
      heard += 1;
    });
    const say = async () => {
      await admin.query("SELECT pg_notify('kvytok_decided', '1')");
      return heard > 0;
    };
    await until(say, { what: 'the first notification' });
    const cut = await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kvytok-portal-listen' AND datname = current_database()",
    );
    expect(cut.rowCount).toBe(1);
    heard = 0;
    await until(say, { what: 'a notification after the cut' });
    await signal.stop();
  });

  it('stops while it has never reached a database', async () => {
    const signal = listenDecided({ url: 'postgres://nobody@127.0.0.1:1/none', log });
    await signal.stop();
  });
});
