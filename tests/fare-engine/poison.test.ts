/** What cannot be worked off is set aside, counted and shown; the others go on; a new start tries it again. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { pause } from '#platform/pause.ts';
import { requeueStuck } from '../../fare-engine/adapters/postgres-start.ts';
import { DEFAULT_LIMITS } from '../../fare-engine/config.ts';
import { derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import { pricingTasks } from '../../fare-engine/main.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { workInbox, workQueue } from '../../fare-engine/work-chunk.ts';
import { startWorker } from '../../fare-engine/worker.ts';
import { until } from '../support/until.ts';
import { tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { standInPricer } from './support/stand-in-pricer.ts';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const MORNING = Date.UTC(2025, 9, 14, 5);

async function stuck() {
  const { rows } = await engine.admin.query(
    'SELECT sort, ref, error, attempts FROM fare.stuck ORDER BY stuck_id',
  );
  return rows;
}

test('an account whose pricing throws is tried three times and set aside; the others are priced at once', async () => {
  const bad = derivedAccountId(token(13));
  const deps = engine.deps(standInPricer(new Set([bad])));
  await engine.deliver(
    [1, 13, 2].map((card, index) => tapRow({ seq: index + 1, atMs: MORNING, token: token(card) })),
  );
  await workInbox(deps, 100);
  expect((await engine.admin.query('SELECT count(*) AS n FROM fare.decision')).rows[0].n).toBe(2n);
  await workQueue(deps, 100);
  expect(await stuck()).toEqual([]);
  await workQueue(deps, 100);
  expect(await stuck()).toEqual([
    { sort: 'account-day', ref: `${bad} 2025-10-14`, error: 'Error: a rule divides by zero', attempts: 3 },
  ]);
  expect((await reconcile(engine.admin)).problems).toEqual([
    '1 accepted taps have no decision',
    '3 taps but 2 of them decided',
    '1 rows are stuck and wait for a person',
  ]);
  // The rule is mended, the engine starts anew.
  expect(await requeueStuck(engine.pool)).toBe(1);
  await engine.drain();
  expect(await reconcile(engine.admin)).toMatchObject({ taps: 3, decided: 3, stuck: 0, problems: [] });
});

test('a row that is no record is found among good ones and set aside by the worker itself', async () => {
  const good = Array.from({ length: 20 }, (_, index) =>
    tapRow({ device: 'val-2', seq: index + 1, atMs: MORNING + index * 3_600_000, token: token(50) }),
  );
  await engine.deliver([
    ...good.slice(0, 9),
    { ...(good[0] as (typeof good)[0]), seq: 99, record: '{"kind":"tap"}' },
    ...good.slice(9),
  ]);
  const deps = engine.deps();
  const worker = startWorker({
    tasks: pricingTasks(deps, { ...DEFAULT_LIMITS, inboxRowsMax: 16 }),
    log: createLogger({ component: 'test', level: 'silent' }),
    // The worker's own pauses, as they are made in the engine, but short.
    wait: (ms, signal) => pause(Math.min(ms, 5), signal),
  });
  try {
    await until(async () => (await reconcile(engine.admin)).taps === 23);
  } finally {
    await worker.stop();
  }
  expect(await stuck()).toMatchObject([
    { sort: 'record', attempts: 3, error: expect.stringContaining('not a record') },
  ]);
  expect(await reconcile(engine.admin)).toMatchObject({ taps: 23, decided: 23, inbox: 0 });
});
