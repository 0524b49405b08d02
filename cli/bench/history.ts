/**
 * `kvytok bench history`: what a tap costs the fare engine, and the city's page one reading of its sums, when the riders have ridden
 * for one month, for twelve, for twenty-four. The same riders tap on the days that follow; their past is laid into the tables in between.
 */
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { createPool } from '#platform/postgres.ts';
import { createPostgresFareStore } from '../../fare-engine/adapters/postgres-fare-store.ts';
import { foldSums } from '../../fare-engine/adapters/sum-folder.ts';
import { workInbox, workQueue } from '../../fare-engine/work-chunk.ts';
import { createPostgresViews } from '../../portal/adapters/postgres-views.ts';
import type { BenchContext, BenchResult } from './bench.ts';
import { type BenchDatabase, openBenchDatabase } from './bench-database.ts';
import { workerOf } from './bench-worker.ts';
import { layHistory, readSoFar } from './history-rows.ts';
import { fillInbox } from './inbox-rows.ts';
import { DAY_OF_RIDES_MS, ROUTES, START_MS } from './posting.ts';
import { processorMs } from './processor-time.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `kvytok bench history [--riders N] [--taps N]

  --riders N  accounts (default 500)
  --taps N    taps of each measured day (default 3000)
`;

const FIRST_DAY = '2025-10-14';
const DAY_MS = 86_400_000;
const MONTH_DAYS = 30;
const MONTHS = [1, 12, 24];
const ROWS_MAX = 1000;

const READINGS = 5;
const LEAVES_MAX = 20_000;

/** Of a tap. */
interface Cost {
  readonly rows: number;
  readonly blocks: number;
  readonly processorUs: number;
}

/** Of one reading of all sums of the city's page, a day's taps after they were last kept; and of counting them from scratch. */
interface PageCost {
  readonly rows: number;
  readonly ms: number;
  readonly scratchMs: number;
  readonly exact: boolean;
}

type Behind = Cost & { readonly months: number; readonly page: PageCost };

export async function run(args: string[], context: BenchContext): Promise<BenchResult> {
  const { values } = parseArgs({ args, options: { riders: { type: 'string' }, taps: { type: 'string' } } });
  const riders = wholeOption('riders', values.riders, { default: 500, min: 10, max: 100_000 });
  const taps = wholeOption('taps', values.taps, { default: 3000, min: 10, max: 1_000_000 });
  const database = await openBenchDatabase(context.folder, ['fare', 'ingest']);
  const url = new URL(database.adminUrl);
  url.pathname = '/kvytok';
  const admin = createPool({ url: url.href, applicationName: 'kvytok-bench', max: 1, statementTimeoutMs: 0 });
  try {
    context.progress('two first days: the accounts are made, and everything is warm');
    for (const day of [0, 1]) await workDay(database, admin, { riders, taps: Math.max(taps, riders), day });
    const costs: Behind[] = [];
    let laid = 0;
    for (const [index, months] of MONTHS.entries()) {
      context.progress(`laying ${months} months behind ${riders} riders`);
      await layHistory(admin, FIRST_DAY, { fromAgo: laid + 1, untilAgo: months * MONTH_DAYS });
      laid = months * MONTH_DAYS;
      await keepSums(database);
      const cost = await workDay(database, admin, { riders, taps, day: index + 2 });
      costs.push({ months, ...cost, page: await readPage(database, admin) });
    }
    return resultOf(costs, { riders, taps });
  } finally {
    await admin.end();
    await database.stop();
  }
}

/** Works off a day's taps in a session of its own, by one worker. */
async function workDay(
  database: BenchDatabase,
  admin: pg.Pool,
  { riders, taps, day }: { riders: number; taps: number; day: number },
): Promise<Cost> {
  const load = { taps, riders, devices: 200, startMs: START_MS + day * DAY_MS, before: day * 10_000_000 };
  await fillInbox(database.pool('ingest_runtime'), { ...load, spreadMs: DAY_OF_RIDES_MS, routeIds: ROUTES });
  const pool = createPool({ url: database.url('fare_runtime'), applicationName: 'kvytok-bench', max: 1 });
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const pid = rows[0]?.pid as number;
  const deps = await workerOf(createPostgresFareStore(pool), START_MS);
  const before = await readSoFar(admin);
  const [own, server] = [process.cpuUsage(), processorMs([pid])];
  while ((await workInbox(deps, ROWS_MAX)).claimed + (await workQueue(deps, ROWS_MAX)).claimed > 0);
  const { user, system } = process.cpuUsage(own);
  const processorUs = user + system + (processorMs([pid]) - server) * 1000;
  // A session tells at the end of a transaction what it has read, when it is asked to.
  await pool.query('SELECT pg_stat_force_next_flush()');
  await pool.end();
  const after = await readSoFar(admin);
  return {
    rows: (after.rows - before.rows) / taps,
    blocks: (after.blocks - before.blocks) / taps,
    processorUs: processorUs / taps,
  };
}

async function keepSums(database: BenchDatabase): Promise<void> {
  const pool = createPool({
    url: database.url('fare_runtime'),
    applicationName: 'kvytok-bench',
    max: 1,
    statementTimeoutMs: 0,
  });
  await pool.query('SELECT fare.summarize_new_pages()');
  while (await foldSums(pool, LEAVES_MAX));
  await pool.end();
}

/** Reads the page's sums as the portal does, in a session of its own. */
async function readPage(database: BenchDatabase, admin: pg.Pool): Promise<PageCost> {
  const before = await readSoFar(admin);
  const pool = createPool({ url: database.url('portal_runtime'), applicationName: 'kvytok-bench', max: 1 });
  const views = createPostgresViews(pool);
  const took: number[] = [];
  for (let n = 0; n < READINGS; n++) {
    const begun = performance.now();
    for (const read of [views.totals, views.budgetOwed, views.ledger, views.counts]) await read();
    took.push(performance.now() - begun);
  }
  await pool.query('SELECT pg_stat_force_next_flush()');
  await pool.end();
  const after = await readSoFar(admin);
  const begun = performance.now();
  for (const name of ['totals', 'budget_owed', 'trial_balance', 'counts'])
    await admin.query(`SELECT * FROM fare.counted_${name}`);
  const scratchMs = performance.now() - begun;
  const { rowCount } = await admin.query('SELECT FROM fare.published_sum_difference');
  const ms = took.sort((a, b) => a - b)[READINGS >> 1] as number;
  return { rows: (after.rows - before.rows) / READINGS, ms, scratchMs, exact: rowCount === 0 };
}

function resultOf(costs: readonly Behind[], setting: { riders: number; taps: number }): BenchResult {
  const [first, last] = [costs[0] as Behind, costs.at(-1) as Behind];
  const of = (months: number) => `behind ${months} ${months === 1 ? 'month' : 'months'}`;
  return {
    setting: { ...setting, months: MONTHS.join(' ') },
    figures: [
      ...costs.map(({ months, rows }) => ({
        name: `rows read for a tap, ${of(months)}`,
        value: rows,
        unit: '',
      })),
      ...costs.map(({ months, blocks }) => ({
        name: `blocks read for a tap, ${of(months)}`,
        value: blocks,
        unit: '',
      })),
      ...costs.map(({ months, processorUs }) => ({
        ...{ name: `processor time of a tap, server and all, ${of(months)}`, value: processorUs, unit: 'µs' },
      })),
      ...costs.flatMap(({ months, page }) => [
        { name: `rows read for the page's sums, ${of(months)}`, value: page.rows, unit: '' },
        { name: `reading the page's sums, ${of(months)}`, value: page.ms, unit: 'ms' },
        { name: `counting them from scratch, ${of(months)}`, value: page.scratchMs, unit: 'ms' },
      ]),
      {
        name: "rows of the page's sums, 24 months to 1",
        value: last.page.rows / first.page.rows,
        unit: '×',
        target: '≤ 1.1',
      },
      { name: 'rows, 24 months to 1', value: last.rows / first.rows, unit: '×', target: '≤ 1.1' },
      { name: 'blocks, 24 months to 1', value: last.blocks / first.blocks, unit: '×' },
      { name: 'processor time, 24 months to 1', value: last.processorUs / first.processorUs, unit: '×' },
    ],
    notes: [
      'The sums are read with a whole day of taps after they were last kept; in a running city it is a few seconds of taps.',
      'An index over many more rows may be a level deeper: that is a block more for a look-up, and no row more.',
    ],
    exact: last.rows <= first.rows * 1.2 + 1 && costs.every(({ page }) => page.exact),
  };
}
