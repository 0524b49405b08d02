/**
 * `kvytok bench posting`: how many taps a second the fare engine turns into decisions and postings, and how many it writes when
 * others have priced them. The inbox is filled beforehand; the time runs from the first claim to the last commit.
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
import { DEFAULT_LIMITS } from '../../fare-engine/config.ts';
import { startFareEngine } from '../../fare-engine/main.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { simulateOfficers } from '../city/simulated-officers.ts';
import type { BenchContext, BenchResult } from './bench.ts';
import { type BenchDatabase, openBenchDatabase } from './bench-database.ts';
import { fillInbox, type InboxLoad } from './inbox-rows.ts';
import { type PgbenchResult, runPgbench } from './pgbench.ts';
import { type PostingSize, postAlone, recordPosting } from './posted-alone.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `kvytok bench posting [--taps N] [--alone N] [--workers N] [--rows N] [--pgbench SECONDS]

Priced and posted: the fare engine as it runs; from the inbox to decisions, postings and leaves.
Posted alone: the same without parsing records and without pricing. What workers handed to the store is written again, in the
same transactions, into another database with the same inbox: claim, account locks, look-up of what is stored, taps, decisions,
postings, account-days, audit leaves, commit.

  --taps N           taps in the inbox (default 200000; the first second goes into compiling)
  --alone N          taps that are posted alone (default 60000, at most as many as taps; they are held in memory)
  --workers N        pricing workers (default 2)
  --rows N           inbox rows in one transaction (default ${DEFAULT_LIMITS.inboxRowsMax}, as the engine takes)
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
      alone: { type: 'string' },
      workers: { type: 'string' },
      rows: { type: 'string' },
      pgbench: { type: 'string' },
    },
  });
  const taps = wholeOption('taps', values.taps, { default: 200_000, min: 100, max: 5_000_000 });
  const alone = wholeOption('alone', values.alone, { default: Math.min(60_000, taps), min: 100, max: taps });
  const workers = wholeOption('workers', values.workers, { default: 2, min: 1, max: 32 });
  const rows = wholeOption('rows', values.rows, {
    default: DEFAULT_LIMITS.inboxRowsMax,
    min: 1,
    max: 20_000,
  });
  const seconds = wholeOption('pgbench', values.pgbench, { default: 10, min: 0, max: 600 });
  const database = await openBenchDatabase(context.folder, ['fare']);
  try {
    const size = { workers, rows };
    const written = await postedAlone(database, alone, size, context);
    context.progress(`filling the inbox with ${taps} taps`);
    await fillInbox(database.pool('ingest_runtime'), loadOf(taps));
    await database.putAtRest();
    context.progress('pricing and posting');
    const auditor = database.pool('auditor_runtime');
    const took = await postAll(database.url('fare_runtime'), auditor, { taps, ...size }, context);
    const books = await reconcile(auditor);
    context.progress('pgbench TPC-B on the same server');
    await database.putAtRest();
    const { adminUrl } = database;
    const { signal, io } = context;
    const peer = seconds === 0 ? undefined : await runPgbench({ adminUrl, seconds, signal, env: io.env });
    const problems = [...books.problems, ...written.problems];
    const perSecond = { whole: taps / took, alone: alone / written.tookS };
    return result({
      setting: { taps, alone, workers, 'rows per transaction': rows },
      perSecond,
      peer,
      problems,
    });
  } finally {
    await database.stop();
  }
}

function loadOf(taps: number): InboxLoad {
  const riders = Math.ceil(taps / 3);
  return { taps, riders, devices: 200, startMs: START_MS, spreadMs: DAY_OF_RIDES_MS, routeIds: ROUTES };
}

/** Records what is posted in one database and writes it into another; both must come out exact. */
async function postedAlone(
  database: BenchDatabase,
  taps: number,
  size: PostingSize,
  { progress }: BenchContext,
): Promise<{ tookS: number; problems: string[] }> {
  progress(`recording how ${taps} taps are posted`);
  const [recorded, written] = [await database.another('recorded'), await database.another('written')];
  for (const one of [recorded, written]) await fillInbox(one.pool('ingest_runtime'), loadOf(taps));
  const chunks = await recordPosting(recorded.url('fare_runtime'), size, START_MS);
  await written.putAtRest();
  progress('posting them alone');
  const tookS = await postAlone(written.url('fare_runtime'), chunks, size);
  const [first, second] = [recorded.pool('auditor_runtime'), written.pool('auditor_runtime')];
  const problems = [...(await reconcile(first)).problems, ...(await reconcile(second)).problems];
  const [ledger, same] = [await ledgerOf(first), await ledgerOf(second)];
  if (ledger !== same) problems.push(`posted alone: ${same} stands where ${ledger} was recorded`);
  return { tookS, problems };
}

async function ledgerOf(auditor: pg.Pool): Promise<string> {
  const { rows } = await auditor.query<{ ledger: string }>(
    `SELECT concat_ws(' ', (SELECT count(*) FROM fare.tap), (SELECT count(*) FROM fare.decision),
       (SELECT md5(string_agg(posting_id || amount_minor, ' ' ORDER BY posting_id)) FROM fare.posting)) AS ledger`,
  );
  return rows[0]?.ledger ?? '';
}

const WAITS = `
  SELECT EXISTS (SELECT FROM fare.record_inbox) OR EXISTS (SELECT FROM fare.account_day_queue)
      OR EXISTS (SELECT FROM fare.clock_queue) AS waits`;

/**
 * Runs the engine until nothing waits; seconds from the first claim to the last commit. With `auditKeys` it numbers and signs the
 * audit log beside it.
 */
export async function postAll(
  postgresUrl: string,
  auditor: pg.Pool,
  size: { taps: number; workers: number; rows: number; auditKeys?: readonly KeyObject[] },
  context: Pick<BenchContext, 'signal'>,
): Promise<number> {
  const looking = createPool({ url: postgresUrl, applicationName: 'kvytok-bench', max: 1 });
  const officers = mkdtempSync(join(tmpdir(), 'kvytok-officers-'));
  const worked = { firstMs: Number.POSITIVE_INFINITY, lastMs: 0 };
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
      probe: async (point) => {
        if (point === 'fare.after-claim') worked.firstMs = Math.min(worked.firstMs, performance.now());
        if (point === 'fare.after-commit') worked.lastMs = performance.now();
      },
    },
  );
  try {
    // Looks at what waits, by index: counting all taps ten times a second would be part of what is measured.
    for (;;) {
      const { rows } = await looking.query<{ waits: boolean }>(WAITS);
      if (rows[0]?.waits === false) break;
      await delay(100, undefined, { signal: context.signal });
    }
    const { rows } = await auditor.query<{ decided: bigint }>(
      'SELECT decided_taps AS decided FROM fare.published_counts',
    );
    if (Number(rows[0]?.decided) !== size.taps)
      throw new Error(`${rows[0]?.decided} of ${size.taps} taps were decided`);
  } finally {
    await engine.stop();
    await looking.end();
    rmSync(officers, { recursive: true, force: true });
  }
  return (worked.lastMs - worked.firstMs) / 1000;
}

function result(found: {
  setting: BenchResult['setting'];
  perSecond: { whole: number; alone: number };
  peer: Awaited<ReturnType<typeof runPgbench>>;
  problems: readonly string[];
}): BenchResult {
  const { setting, perSecond, peer, problems } = found;
  const figures = [
    { name: 'priced and posted', value: perSecond.whole, unit: 'taps/s' },
    { name: 'posted alone', value: perSecond.alone, unit: 'taps/s' },
  ];
  const ratio = (name: string, tapsPerSecond: number, { transactionsPerSecond }: PgbenchResult) => ({
    ...{ name: `ratio to pgbench, ${name}`, value: tapsPerSecond / transactionsPerSecond, unit: '×' },
  });
  const compared =
    peer === undefined
      ? []
      : [
          {
            name: 'pgbench TPC-B, scale 10, 8 clients',
            value: peer.transactionsPerSecond,
            unit: 'transactions/s',
          },
          ratio('priced and posted', perSecond.whole, peer),
          { ...ratio('posted alone', perSecond.alone, peer), target: '≥ 12' },
        ];
  return {
    setting: { ...setting, ...(peer && { pgbench: peer.version }) },
    figures: [...figures, ...compared],
    notes: [
      ...(peer === undefined ? ['pgbench was left out or is not installed: there is no ratio.'] : []),
      ...problems,
    ],
    exact: problems.length === 0,
  };
}
