/** A database with the fare engine's schema, and the worker's turns on it. */
import { join } from 'node:path';
import type pg from 'pg';
import { createPool } from '#platform/postgres.ts';
import { noProbe } from '#platform/probe.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { workBreakdowns } from '../../../fare-engine/adapters/breakdown-queue.ts';
import { createPostgresClockStore } from '../../../fare-engine/adapters/postgres-clock.ts';
import { createPostgresFareStore } from '../../../fare-engine/adapters/postgres-fare-store.ts';
import { workShifts } from '../../../fare-engine/adapters/shift-queue.ts';
import { workSuccessions } from '../../../fare-engine/adapters/succession-queue.ts';
import type { Pricer } from '../../../fare-engine/ports.ts';
import { type WorkDeps, type WorkRules, workInbox, workQueue } from '../../../fare-engine/work-chunk.ts';
import { workClock } from '../../../fare-engine/work-clock.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { openTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import type { RowWish } from './a-record.ts';
import { standInPricer } from './stand-in-pricer.ts';

export const MIGRATIONS = join(import.meta.dirname, '../../../fare-engine/migrations');
export const calendar = createFareCalendar('Europe/Kyiv', '04:00');
export const RULES: WorkRules = {
  attemptsMax: 3,
  clock: { driftPpm: 50, unsyncedUncertaintyS: 120, farFromReceiptS: 86_400, settleBeyondS: 5 },
  days: calendar,
  lateTapAcceptS: 259_200,
  stopCountsFromPct: 60,
};

export interface EngineDatabase {
  readonly database: TestDatabase;
  /** As `fare_runtime`. */
  readonly pool: pg.Pool;
  /** As superuser, for looking. */
  readonly admin: pg.Pool;
  readonly clock: ManualClock;
  deps(pricer?: Pricer): WorkDeps;
  /** Puts rows into the inbox as ingest does. */
  deliver(rows: readonly RowWish[]): Promise<void>;
  /** Works until inbox and queue are empty. */
  drain(options?: { deps?: WorkDeps; rowsMax?: number }): Promise<void>;
  close(): Promise<void>;
}

export async function openEngineDatabase(): Promise<EngineDatabase> {
  const database = await openTestDatabase();
  await database.migrate([{ schema: 'fare', owner: 'fare_owner', dir: MIGRATIONS }]);
  const pool = createPool({ url: database.url('fare_runtime'), applicationName: 'test-fare', max: 6 });
  const ingest = createPool({ url: database.url('ingest_runtime'), applicationName: 'test-ingest', max: 2 });
  const admin = createPool({ url: database.adminUrl, applicationName: 'test-admin', max: 2 });
  const clock = manualClock(Date.UTC(2025, 9, 14, 6));
  const deps = (pricer: Pricer = standInPricer()): WorkDeps => ({
    store: createPostgresFareStore(pool),
    pricer,
    rules: RULES,
    clock,
    probe: noProbe,
    draw: () => 'drawn',
  });
  return {
    database,
    pool,
    admin,
    clock,
    deps,
    deliver: (rows) => deliver(ingest, rows),
    drain: async (options = {}) => {
      const using = options.deps ?? deps();
      const rowsMax = options.rowsMax ?? 500;
      const turn = async (): Promise<number> =>
        (await workInbox(using, rowsMax)).claimed +
        (await workShifts(pool, rowsMax)) +
        (await workSuccessions(pool, rowsMax)) +
        (await workBreakdowns(pool, RULES, rowsMax)) +
        (await workClock(createPostgresClockStore(pool), RULES, rowsMax)).claimed +
        (await workQueue(using, rowsMax)).claimed;
      while ((await turn()) > 0);
    },
    close: async () => {
      await Promise.all([pool.end(), ingest.end(), admin.end()]);
      await database.close();
    },
  };
}

/** The statement shape that ingest uses: one insert, under its own role. */
export async function deliver(pool: pg.Pool, rows: readonly RowWish[]): Promise<void> {
  await pool.query(
    `INSERT INTO fare.record_inbox (device_id, epoch, seq, kind, hash, record, flags, received_at_ms)
     SELECT "deviceId", epoch, seq, kind, decode(hash, 'hex'), record, flags, "receivedAtMs"
     FROM json_to_recordset($1) AS r ("deviceId" text, epoch text, seq bigint, kind text, hash text, record text,
       flags text[], "receivedAtMs" bigint)`,
    [JSON.stringify(rows)],
  );
}
