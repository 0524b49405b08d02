/** Times that were settled stay a function of the facts: whatever comes later, whichever clock is ahead. On PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClockEvidence } from '#contracts/record.ts';
import { NEWEST_RECEIPT } from '../../fare-engine/adapters/newest-receipt.ts';
import { createPostgresClockStore } from '../../fare-engine/adapters/postgres-clock.ts';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { proveTimes } from '../../fare-engine/prove-times.ts';
import { workInbox, workQueue } from '../../fare-engine/work-chunk.ts';
import { workClock } from '../../fare-engine/work-clock.ts';
import { until } from '../support/until.ts';
import { clockSyncRow, tapIdOf, tapRow, token } from './support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase, RULES } from './support/engine-database.ts';
import { command, submit } from './support/submit.ts';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

/** Somebody of this database waits for an advisory lock; other tests share the server. */
const WAITS_AT_THE_GATE = `SELECT FROM pg_stat_activity
  WHERE wait_event_type = 'Lock' AND wait_event = 'advisory' AND datname = current_database()`;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MORNING = Date.UTC(2025, 9, 14, 5);
const boot = (digit: number): string => `${digit}`.repeat(32);
let next = 0;
const own = () => ({ device: `val-${++next}`, token: token(next) });

/** In 1970 by its own clock, switched on at `begunMs`. */
const unsure = (begunMs: number, atMs: number): ClockEvidence => ({
  wallMs: 120_000,
  monoMs: atMs - begunMs,
  bootId: boot(1),
});
const synced = (begunMs: number, atMs: number): ClockEvidence => {
  const monoMs = atMs - begunMs;
  return {
    wallMs: 0,
    monoMs,
    bootId: boot(1),
    sync: { serverMs: atMs, monoMs, bootId: boot(1), rttMs: 20 },
  };
};

async function standing(device: string) {
  const { rows } = await engine.admin.query(
    `SELECT t.tap_id, t.fare_day::text AS day, t.fare_at_ms::float8 AS at, t.uncertainty_ms::float8 AS unsure, t.flags,
            d.rider_minor::int AS rider, d.loss_minor::int AS loss
     FROM fare.timed_tap t JOIN fare.latest_decision d USING (tap_id) WHERE t.device_id = $1 ORDER BY t.seq`,
    [device],
  );
  return rows;
}

/** What the auditor's export does before it believes any time. */
async function proven(): Promise<void> {
  const { rows: taps } = await engine.admin.query(
    `SELECT tap_id AS "tapId", fare_at_ms::float8 AS "fareAtMs", uncertainty_ms::float8 AS "uncertaintyMs",
            known_from_ms::float8 AS "receivedAtMs" FROM fare.timed_tap`,
  );
  const { rows: closes } = await engine.admin.query(
    'SELECT fare_day::text AS "fareDay", known_from_ms::float8 AS "knownFromMs" FROM fare.close ORDER BY fare_day',
  );
  await proveTimes(engine.admin, taps, closes, { days: calendar });
}

async function close(day: string, nowMs: number): Promise<number> {
  await submit(engine, 'close-day', { fareDay: day });
  await workCommands(engine.pool, calendar, { nowMs: () => nowMs }, 10);
  const { rows } = await engine.admin.query(
    'SELECT known_from_ms::float8 AS at FROM fare.close WHERE fare_day = $1',
    [day],
  );
  return rows[0].at;
}

describe('flags that speak of the receipt', () => {
  test('are those of the time that counts, not of the one that was settled', async () => {
    const who = own();
    const begunMs = MORNING - HOUR_MS;
    const clock = unsure(begunMs, MORNING);
    await engine.deliver([tapRow({ ...who, seq: 1, atMs: MORNING, clock, receivedAtMs: MORNING + 1000 })]);
    await engine.drain();
    expect((await standing(who.device))[0].flags).toEqual([
      'CLOCK_FAR_FROM_RECEIPT',
      'CLOCK_UNSYNCED',
      'LATE',
    ]);
    await engine.deliver([
      clockSyncRow({ ...who, seq: 2, atMs: MORNING, clock: synced(begunMs, MORNING + MINUTE_MS) }),
    ]);
    await engine.drain();
    expect((await standing(who.device))[0].flags).toEqual(['CLOCK_UNSYNCED', 'CLOCK_SETTLED']);
    const { rows } = await engine.admin.query('SELECT flags FROM fare.published_tap WHERE device_id = $1', [
      who.device,
    ]);
    expect(rows).toEqual([{ flags: ['CLOCK_UNSYNCED', 'CLOCK_SETTLED'] }]);
  });

  test('are those of a correction too, with both sides of each bound', async () => {
    const who = own();
    const { farFromReceiptS } = RULES.clock;
    const lateFromMs = calendar.endOfMs('2025-10-14') + RULES.lateTapAcceptS * 1000;
    const received = [MORNING + farFromReceiptS * 1000, MORNING + farFromReceiptS * 1000 + 1, lateFromMs];
    await engine.deliver(
      received.map((receivedAtMs, n) =>
        tapRow({ ...who, seq: n + 1, atMs: MORNING - MINUTE_MS, receivedAtMs }),
      ),
    );
    await command(engine, 'correct-clock', {
      deviceId: who.device,
      validFromMs: MORNING - HOUR_MS,
      validUntilMs: MORNING,
      offsetMs: MINUTE_MS,
      reason: 'a minute slow',
    });
    await engine.drain();
    expect((await standing(who.device)).map(({ flags }) => flags)).toEqual([
      ['CLOCK_CORRECTED'],
      ['CLOCK_CORRECTED', 'CLOCK_FAR_FROM_RECEIPT'],
      ['CLOCK_CORRECTED', 'CLOCK_FAR_FROM_RECEIPT', 'LATE'],
    ]);
  });
});

test('a city that changes its numbers for clocks moves no tap that is there', async () => {
  const who = own();
  const begunMs = MORNING - 2 * HOUR_MS;
  await engine.deliver([
    tapRow({ ...who, seq: 1, atMs: MORNING, clock: unsure(begunMs, MORNING) }),
    clockSyncRow({ ...who, seq: 9, atMs: MORNING, clock: synced(begunMs, MORNING + HOUR_MS) }),
  ]);
  await engine.drain();
  const before = await standing(who.device);
  expect(before[0].unsure).toBe(10 + 180);
  const rules = { ...RULES, clock: { ...RULES.clock, driftPpm: 1000, unsyncedUncertaintyS: 1 } };
  await engine.admin.query(`INSERT INTO fare.clock_queue (sort, ref) VALUES ('tap', $1)`, [
    tapIdOf(who.device, 1),
  ]);
  expect(await workClock(createPostgresClockStore(engine.pool), rules, 10)).toEqual({ claimed: 1, moved: 0 });
  expect(await standing(who.device)).toEqual(before);
  await proven();
});

describe('a close', () => {
  test('is known after everything that the books hold, also what a faster clock received', async () => {
    const who = own();
    const day = '2025-10-19';
    const closingMs = calendar.endOfMs(day) + 10 * MINUTE_MS;
    // Ingest's clock is an hour ahead of the engine's that closes the day.
    const aheadMs = closingMs + HOUR_MS;
    const atMs = MORNING + 5 * DAY_MS;
    const begunMs = atMs - HOUR_MS;
    await engine.deliver([
      tapRow({
        ...who,
        seq: 1,
        atMs,
        clock: unsure(begunMs, atMs),
        receivedAtMs: atMs + 1000,
      }),
      clockSyncRow({
        ...who,
        seq: 2,
        atMs,
        clock: synced(begunMs, atMs + MINUTE_MS),
        receivedAtMs: aheadMs,
      }),
    ]);
    await engine.drain();
    const before = await standing(who.device);
    expect(before).toMatchObject([{ day, at: atMs }]);
    expect(await close(day, closingMs)).toBe(aheadMs + 1);
    await engine.drain();
    expect(await standing(who.device)).toEqual(before);
    await proven();
  });

  test('is dated once the gate is held: what was stored while it waited is no later than it', async () => {
    const day = '2025-10-20';
    const endMs = calendar.endOfMs(day);
    const gate = await engine.admin.connect();
    let nowMs = endMs;
    await gate.query('SELECT pg_advisory_lock_shared($1)', [0x6b766661]);
    await submit(engine, 'close-day', { fareDay: day });
    const closing = workCommands(engine.pool, calendar, { nowMs: () => nowMs }, 10);
    await until(async () => (await engine.admin.query(WAITS_AT_THE_GATE)).rowCount, {
      what: 'the close to stand at the gate',
    });
    nowMs = endMs + 5 * DAY_MS;
    await gate.query('SELECT pg_advisory_unlock_shared($1)', [0x6b766661]);
    gate.release();
    await closing;
    const { rows } = await engine.admin.query(
      'SELECT known_from_ms::float8 AS at FROM fare.close WHERE fare_day = $1',
      [day],
    );
    expect(rows[0].at).toBeGreaterThanOrEqual(nowMs);
  });

  test('finds the newest receipt without reading the history', async () => {
    await engine.admin.query(
      `INSERT INTO fare.tap (tap_id, device_id, epoch, seq, record_sha256, token_id, medium_kind, direction, companions,
         fare_day, fare_at_ms, uncertainty_ms, flags, received_at_ms)
       SELECT 'old-' || n, 'old', 'e', n, '\\x00', 't', 'wallet', 'in', 0, '2025-01-01', n, 0, '{}', n
       FROM generate_series(1, 20000) AS n`,
    );
    await engine.admin.query(`SELECT brin_summarize_new_values('fare.tap_received')`);
    await engine.admin.query('ANALYZE fare.tap');
    const { rows } = await engine.admin.query(`EXPLAIN ${NEWEST_RECEIPT}`, [MORNING + 300 * DAY_MS]);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('tap_received');
    expect(plan).not.toContain('Seq Scan on tap');
    await engine.admin.query(`DELETE FROM fare.tap WHERE device_id = 'old'`);
  });
});

test('a sync far away that a close has known is not pushed out by many nearer ones that came later', async () => {
  const who = own();
  const fareDay = '2025-10-27';
  const atMs = MORNING + 13 * DAY_MS;
  const begunMs = atMs - HOUR_MS;
  const far = atMs + 2 * HOUR_MS;
  await engine.deliver([
    tapRow({ ...who, seq: 1, atMs, clock: unsure(begunMs, atMs), receivedAtMs: atMs + 1000 }),
    clockSyncRow({ ...who, seq: 500, atMs: far, clock: synced(begunMs, far), receivedAtMs: far }),
  ]);
  await engine.drain();
  const before = await standing(who.device);
  expect(before).toMatchObject([{ day: fareDay, at: atMs }]);
  const closedMs = await close(fareDay, calendar.endOfMs(fareDay) + 10 * DAY_MS);
  const lateMs = closedMs + DAY_MS;
  await engine.deliver(
    Array.from({ length: 40 }, (_, n) => {
      const when = atMs + (n + 1) * MINUTE_MS;
      return clockSyncRow({
        ...who,
        seq: 2 + n,
        atMs: when,
        clock: synced(begunMs, when),
        receivedAtMs: lateMs,
      });
    }),
  );
  await workInbox(engine.deps(), 100);
  await engine.drain();
  while ((await workQueue(engine.deps(), 100)).claimed > 0);
  expect(await standing(who.device)).toEqual(before);
  await proven();
});
