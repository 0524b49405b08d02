/** Several engines look whether a day is over; it is closed once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeEndedDays } from '../../fare-engine/adapters/close-scheduler.ts';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { tapRow, token } from './support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase, RULES } from './support/engine-database.ts';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const DAY_MS = 86_400_000;
const MORNING = Date.UTC(2025, 9, 14, 5);

test('four closers and four offices at once leave one close for each day', async () => {
  for (const day of [0, 1, 2]) {
    const atMs = MORNING + day * DAY_MS;
    await engine.deliver([tapRow({ device: 'val-1', seq: day + 1, atMs, token: token(day + 1) })]);
  }
  await engine.drain();
  for (let day = 4; day < 9; day++) {
    const nowMs = MORNING + day * DAY_MS;
    const worker = async (): Promise<void> => {
      for (let turn = 0; turn < 4; turn++) {
        await closeEndedDays(engine.pool, RULES, nowMs);
        await workCommands(engine.pool, calendar, { nowMs: () => nowMs }, 10);
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
  }
  const { rows } = await engine.admin.query<{ day: string; accepted: bigint }>(
    `SELECT fare_day::text AS day, (SELECT count(*) FROM fare.command_accepted WHERE kind = 'close-day') AS accepted
     FROM fare.close ORDER BY fare_day`,
  );
  const days = rows.map(({ day }) => day);
  expect(days.length).toBeGreaterThan(0);
  expect(new Set(days).size).toBe(days.length);
  expect(Number(rows[0]?.accepted)).toBe(days.length);
  await engine.drain();
  expect((await reconcile(engine.admin)).problems).toEqual([]);
});
