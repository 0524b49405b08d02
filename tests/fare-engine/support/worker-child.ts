/** A pricing worker in a process of its own that kills itself at a named point; argument: JSON. */

import { createLogger } from '#platform/logger.ts';
import { pause } from '#platform/pause.ts';
import { createPool } from '#platform/postgres.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { createPostgresFareStore } from '../../../fare-engine/adapters/postgres-fare-store.ts';
import { workInbox, workQueue } from '../../../fare-engine/work-chunk.ts';
import { startWorker } from '../../../fare-engine/worker.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { standInPricer } from './stand-in-pricer.ts';

export interface ChildOrder {
  readonly url: string;
  readonly killAt: string | null;
  readonly onNth: number;
  readonly rowsMax: number;
}

const order = JSON.parse(process.argv[2] as string) as ChildOrder;
let passed = 0;
const calendar = createFareCalendar('Europe/Kyiv', '04:00');
const deps = {
  store: createPostgresFareStore(createPool({ url: order.url, applicationName: 'test-child', max: 2 })),
  pricer: standInPricer(),
  rules: {
    attemptsMax: 3,
    clock: { driftPpm: 50, unsyncedUncertaintyS: 120, farFromReceiptS: 86_400, settleBeyondS: 5 },
    days: calendar,
    lateTapAcceptS: 259_200,
    stopCountsFromPct: 60,
  },
  clock: manualClock(Date.UTC(2025, 9, 14, 6)),
  probe: (point: string) => {
    if (point !== order.killAt) return;
    passed += 1;
    if (passed >= order.onNth) process.kill(process.pid, 'SIGKILL');
  },
  draw: () => 'drawn',
};
startWorker({
  tasks: [
    { name: 'inbox', rowsMax: order.rowsMax, turn: async (rows) => (await workInbox(deps, rows)).claimed },
    { name: 'queue', rowsMax: order.rowsMax, turn: async (rows) => (await workQueue(deps, rows)).claimed },
  ],
  log: createLogger({ component: 'test-child', level: 'silent' }),
  wait: pause,
  idleMs: 5,
});
process.stdout.write('working\n');
