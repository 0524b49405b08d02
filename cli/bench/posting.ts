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
import { middleOf } from './middle.ts';
import { type Pgbench, preparePgbench } from './pgbench.ts';
import { type PostingSize, postAlone, recordPosting } from './posted-alone.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `kvytok bench posting [--taps N] [--alone N] [--workers N] [--rows N] [--pgbench SECONDS] [--rounds N]

Priced and posted: the fare engine as it runs; from the inbox to decisions, postings and leaves.
Posted alone: the same without parsing records and without pricing. What workers handed to the store is written again, in the
same transactions, into another database with the same inbox: claim, account locks, look-up of what is stored, taps, decisions,
postings, account-days, audit leaves, commit. It is measured in turns with pgbench, so that a slow minute of the machine slows both.

  --taps N           taps in the inbox (default 200000; the first second goes into compiling)
  --alone N          taps that are posted alone (default 60000, at most as many as taps; they are held in memory)
  --workers N        pricing workers (default 2)
  --rows N           inbox rows in one transaction (default ${DEFAULT_LIMITS.inboxRowsMax}, as the engine takes)
  --pgbench SECONDS  how long the peer runs in each turn (default 10; 0 leaves it out)
  --rounds N         turns of posting alone and pgbench (default 3); the one in the middle counts
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
      rounds: { type: 'string' },
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
  const rounds = wholeOption('rounds', values.rounds, { default: 3, min: 1, max: 50 });
  const database = await openBenchDatabase(context.folder, ['fare']);
  try {
    const size = { workers, rows };
    const { adminUrl } = database;
    const { signal, io } = context;
    const peer = seconds === 0 ? undefined : await preparePgbench({ adminUrl, signal, env: io.env });
    const turns = { rounds, peer: peer && (() => peer.run(seconds)) };
    const alongside = await postedAlone(database, alone, { size, turns }, context);
    context.progress(`filling the inbox with ${taps} taps`);
    await fillInbox(database.pool('ingest_runtime'), loadOf(taps));
    await database.putAtRest();
    context.progress('pricing and posting');
    const auditor = database.pool('auditor_runtime');
    const took = await postAll(database.url('fare_runtime'), auditor, { taps, ...size }, context);
    const books = await reconcile(auditor);
    const problems = [...books.problems, ...alongside.problems];
    const setting = { taps, alone, workers, 'rows per transaction': rows, rounds };
    return result({ setting, whole: taps / took, peer, turns: alongside.turns, problems });
  } finally {
    await database.stop();
  }
}

function loadOf(taps: number): InboxLoad {
  const riders = Math.ceil(taps / 3);
  return { taps, riders, devices: 200, startMs: START_MS, spreadMs: DAY_OF_RIDES_MS, routeIds: ROUTES };
}

/** One turn: taps posted alone, and the peer's transactions right after them, each in a second. */
interface Turn {
  readonly alone: number;
  readonly peer: number | undefined;
}

/** Records what is posted in one database and writes it into others, in turns with the peer; all must come out exact. */
async function postedAlone(
  database: BenchDatabase,
  taps: number,
  how: { size: PostingSize; turns: { rounds: number; peer: (() => Promise<number>) | undefined } },
  { progress }: BenchContext,
): Promise<{ turns: Turn[]; problems: string[] }> {
  const { size, turns: wished } = how;
  progress(`recording how ${taps} taps are posted`);
  const recorded = await database.another('recorded');
  await fillInbox(recorded.pool('ingest_runtime'), loadOf(taps));
  const chunks = await recordPosting(recorded.url('fare_runtime'), size, START_MS);
  const auditor = recorded.pool('auditor_runtime');
  const [problems, ledger] = [[...(await reconcile(auditor)).problems], await ledgerOf(auditor)];
  await recorded.putAtRest();
  const turns: Turn[] = [];
  for (let round = 1; round <= wished.rounds; round++) {
    const written = await database.another(`written_${round}`);
    await fillInbox(written.pool('ingest_runtime'), loadOf(taps));
    await written.putAtRest();
    progress(`posting them alone, ${round} of ${wished.rounds}`);
    const alone = taps / (await postAlone(written.url('fare_runtime'), chunks, size));
    const second = written.pool('auditor_runtime');
    problems.push(...(await reconcile(second)).problems);
    const same = await ledgerOf(second);
    if (ledger !== same) problems.push(`posted alone: ${same} stands where ${ledger} was recorded`);
    await written.putAtRest();
    if (wished.peer !== undefined) progress('pgbench TPC-B on the same server');
    turns.push({ alone, peer: await wished.peer?.() });
  }
  return { turns, problems };
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
  whole: number;
  turns: readonly Turn[];
  peer: Pgbench | undefined;
  problems: readonly string[];
}): BenchResult {
  const { setting, whole, turns, peer, problems } = found;
  const alone = middleOf(turns.map((turn) => turn.alone));
  const measured = turns.flatMap(({ alone, peer }) => (peer === undefined ? [] : { alone, peer }));
  const peers = measured.map((turn) => turn.peer);
  const figures = [
    { name: 'priced and posted', value: whole, unit: 'taps/s' },
    { name: 'posted alone', value: alone, unit: 'taps/s' },
  ];
  const ratio = (name: string, value: number) => ({ name: `ratio to pgbench, ${name}`, value, unit: '×' });
  const compared =
    peers.length === 0
      ? []
      : [
          { name: 'pgbench TPC-B, scale 10, 8 clients', value: middleOf(peers), unit: 'transactions/s' },
          ratio('priced and posted', whole / middleOf(peers)),
          {
            ...ratio('posted alone', middleOf(measured.map((turn) => turn.alone / turn.peer))),
            target: '≥ 12',
          },
        ];
  const each = measured.map((turn) => `${Math.round(turn.alone)} / ${Math.round(turn.peer)}`);
  return {
    setting: { ...setting, ...(peer && { pgbench: peer.version }) },
    figures: [...figures, ...compared],
    notes: [
      peer === undefined
        ? 'pgbench was left out or is not installed: there is no ratio.'
        : `Posted alone / pgbench, turn by turn: ${each.join(', ')}. Of each figure the one in the middle counts, of the ratio the middle of the turns' own.`,
      ...problems,
    ],
    exact: problems.length === 0,
  };
}
