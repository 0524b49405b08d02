/**
 * `kvytok bench posting`: how many taps a second the fare engine turns into decisions and postings. The inbox is filled
 * beforehand; the time runs from the first claim to the last commit.
 */
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { loadCity } from '#platform/city-data.ts';
import { createLogger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import { startFareEngine } from '../../fare-engine/main.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { simulateOfficers } from '../city/simulated-officers.ts';
import type { BenchContext, BenchResult } from './bench.ts';
import { openBenchDatabase } from './bench-database.ts';
import { fillInbox } from './inbox-rows.ts';
import { runPgbench } from './pgbench.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `kvytok bench posting [--taps N] [--workers N] [--rows N] [--pgbench SECONDS]

  --taps N           taps in the inbox (default 60000)
  --workers N        pricing workers (default 2)
  --rows N           inbox rows in one transaction (default 1000)
  --pgbench SECONDS  how long the peer runs (default 10; 0 leaves it out)
`;

const CITY_DIR = join(import.meta.dirname, '../../cities/ternopil');
export const ROUTES = ['T2', 'T5', 'T7'];
/** A working morning under the tariff of 1 August 2024. */
export const START_MS = Date.UTC(2025, 9, 14, 4);
export const DAY_OF_RIDES_MS = 15 * 3_600_000;

export async function run(args: string[], context: BenchContext): Promise<BenchResult> {
  const { values } = parseArgs({
    args,
    options: {
      taps: { type: 'string' },
      workers: { type: 'string' },
      rows: { type: 'string' },
      pgbench: { type: 'string' },
    },
  });
  const taps = wholeOption('taps', values.taps, { default: 60_000, min: 100, max: 5_000_000 });
  const workers = wholeOption('workers', values.workers, { default: 2, min: 1, max: 32 });
  const rows = wholeOption('rows', values.rows, { default: 1000, min: 1, max: 20_000 });
  const seconds = wholeOption('pgbench', values.pgbench, { default: 10, min: 0, max: 600 });
  const database = await openBenchDatabase(context.folder, ['fare']);
  try {
    context.progress(`filling the inbox with ${taps} taps`);
    const load = { taps, riders: Math.ceil(taps / 3), devices: 200, startMs: START_MS };
    await fillInbox(database.pool('ingest_runtime'), {
      ...load,
      spreadMs: DAY_OF_RIDES_MS,
      routeIds: ROUTES,
    });
    context.progress('pricing and posting');
    const auditor = database.pool('auditor_runtime');
    const took = await postAll(database.url('fare_runtime'), auditor, { taps, workers, rows }, context);
    const books = await reconcile(auditor);
    context.progress('pgbench TPC-B on the same server');
    const peer =
      seconds === 0
        ? undefined
        : await runPgbench({
            adminUrl: database.adminUrl,
            seconds,
            signal: context.signal,
            env: context.io.env,
          });
    return result({ taps, workers, rows, tapsPerSecond: taps / took, peer, problems: books.problems });
  } finally {
    await database.stop();
  }
}

const WAITS = `
  SELECT EXISTS (SELECT FROM fare.record_inbox) OR EXISTS (SELECT FROM fare.account_day_queue)
      OR EXISTS (SELECT FROM fare.clock_queue) AS waits`;

/** Runs the engine until nothing waits; seconds. With `auditKeys` it numbers and signs the audit log beside it. */
export async function postAll(
  postgresUrl: string,
  auditor: pg.Pool,
  size: { taps: number; workers: number; rows: number; auditKeys?: readonly KeyObject[] },
  context: Pick<BenchContext, 'signal'>,
): Promise<number> {
  const looking = createPool({ url: postgresUrl, applicationName: 'kvytok-bench', max: 1 });
  const officers = mkdtempSync(join(tmpdir(), 'kvytok-officers-'));
  const began = performance.now();
  const engine = await startFareEngine(
    {
      postgresUrl,
      cityDir: CITY_DIR,
      approvals: await simulateOfficers(officers, loadCity(CITY_DIR), START_MS),
      limits: { workers: size.workers, inboxRowsMax: size.rows },
      ...(size.auditKeys === undefined ? {} : { auditKeys: size.auditKeys }),
    },
    {
      clock: { nowMs: () => START_MS, monotonicMs: () => performance.now() },
      log: createLogger({ component: 'fare-engine', level: 'error' }),
    },
  );
  try {
    // Looks at what waits, by index: counting all taps ten times a second would be part of what is measured.
    for (;;) {
      const { rows } = await looking.query<{ waits: boolean }>(WAITS);
      if (rows[0]?.waits === false) break;
      await delay(100, undefined, { signal: context.signal });
    }
    const seconds = (performance.now() - began) / 1000;
    const { rows } = await auditor.query<{ decided: bigint }>(
      'SELECT decided_taps AS decided FROM fare.published_counts',
    );
    if (Number(rows[0]?.decided) !== size.taps)
      throw new Error(`${rows[0]?.decided} of ${size.taps} taps were decided`);
    return seconds;
  } finally {
    await engine.stop();
    await looking.end();
    rmSync(officers, { recursive: true, force: true });
  }
}

function result(found: {
  taps: number;
  workers: number;
  rows: number;
  tapsPerSecond: number;
  peer: Awaited<ReturnType<typeof runPgbench>>;
  problems: readonly string[];
}): BenchResult {
  const { peer } = found;
  const figures = [{ name: 'priced and posted', value: found.tapsPerSecond, unit: 'taps/s' }];
  const compared =
    peer === undefined
      ? []
      : [
          {
            name: 'pgbench TPC-B, scale 10, 8 clients',
            value: peer.transactionsPerSecond,
            unit: 'transactions/s',
          },
          {
            name: 'ratio to pgbench',
            value: found.tapsPerSecond / peer.transactionsPerSecond,
            unit: '×',
            target: '≥ 12',
          },
        ];
  return {
    setting: {
      taps: found.taps,
      workers: found.workers,
      'rows per transaction': found.rows,
      ...(peer && { pgbench: peer.version }),
    },
    figures: [...figures, ...compared],
    notes: [
      ...(peer === undefined ? ['pgbench was left out or is not installed: there is no ratio.'] : []),
      ...found.problems,
    ],
    exact: found.problems.length === 0,
  };
}
