/** kill -9 of real pricing processes, two at a time, while taps flow; nothing is lost, nothing is posted twice. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { until } from '../support/until.ts';
import { type RowWish, tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import type { ChildOrder } from './support/worker-child.ts';

const CHILD = fileURLToPath(new URL('./support/worker-child.ts', import.meta.url));
const MINUTE_MS = 60_000;
const MORNING = Date.UTC(2025, 9, 14, 5, 0);

/** A process that starts connects anew, and waits there for half a minute at most while the machine stands still. */
const CHILDREN = { withinMs: 90_000, what: 'both workers' };

let engine: EngineDatabase;
const children = new Set<ChildProcess>();
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await engine.close();
});

function startChild(order: Omit<ChildOrder, 'url'>): ChildProcess {
  const argument = JSON.stringify({ ...order, url: engine.database.url('fare_runtime') });
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CHILD, argument], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

/** 120 riders, four taps each: a ride, its transfer, a repeated touch, a ride on the way home. */
function day(): RowWish[] {
  const rows: RowWish[] = [];
  for (let rider = 1; rider <= 120; rider++) {
    const start = MORNING + (rider % 40) * MINUTE_MS;
    const tap = (device: string, offset: number) =>
      tapRow({
        device,
        vehicleId: device,
        seq: rider * 10 + offset,
        atMs: start + offset * MINUTE_MS,
        token: token(rider),
      });
    rows.push(tap('val-1', 0), tap('val-2', 9));
    rows.push(
      { ...tap('val-1', 1) },
      tapRow({ device: 'val-3', seq: rider, atMs: start + 9 * 3_600_000, token: token(rider) }),
    );
  }
  return rows;
}

// Twelve starts of Node one after another; on a machine that stands still now and then each may take its time.
test('two workers killed at every point in turn leave exact books', { timeout: 240_000 }, async () => {
  // Delivered backwards, so that almost every chunk also re-prices what was decided before.
  const rows = day().reverse();
  const points = ['fare.before-commit', 'fare.after-commit'];
  const orders = Array.from({ length: 10 }, (_, index) => ({
    killAt: points[index % 2] as string,
    onNth: 1 + (index % 3),
    rowsMax: 7 + index,
  }));
  let kills = 0;
  let delivered = 0;
  const portion = Math.ceil(rows.length / 5);
  while (orders.length > 0) {
    const pair = orders.splice(0, 2).map(startChild);
    const dead = Promise.all(pair.map((child) => once(child, 'exit')));
    await Promise.all(pair.map((child) => once(child.stdout as NodeJS.ReadableStream, 'data')));
    const part = rows.slice(delivered, delivered + portion);
    delivered += part.length;
    await engine.deliver(part);
    for (const [, signal] of await withinReach(dead, part)) {
      expect(signal).toBe('SIGKILL');
      kills += 1;
    }
  }
  expect(kills).toBe(10);
  startChild({ killAt: null, onNth: 0, rowsMax: 50 });
  startChild({ killAt: null, onNth: 0, rowsMax: 50 });
  const found = await until(async () => {
    const seen = await reconcile(engine.admin);
    return seen.inbox + seen.queue === 0 && seen.taps === rows.length ? seen : null;
  }, CHILDREN);
  expect(found).toMatchObject({
    taps: 480,
    decided: 480,
    stuck: 0,
    problems: [],
    ledgerSumByCurrency: { UAH: '0' },
  });
  // A ride each way; the transfer and the repeated touch are free.
  const { rows: earned } = await engine.admin.query(
    "SELECT -balance_minor AS minor FROM fare.published_trial_balance WHERE account_id = 'suspense:no-carrier'",
  );
  expect(earned).toEqual([{ minor: 120n * 2n * 1200n }]);
});

/** A worker that finds no more work never reaches its point: more of the same taps keep it busy. */
async function withinReach<T>(dead: Promise<T>, part: readonly RowWish[]): Promise<T> {
  let done = false;
  void dead.then(() => {
    done = true;
  });
  await until(
    async () => {
      if (done) return true;
      await engine.deliver(part.slice(0, 40));
      return false;
    },
    { ...CHILDREN, everyMs: 100 },
  );
  return dead;
}
