/** `kvytok audit reprice`: the ledger of some fare days computed again from facts, and set beside what the books have. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { loadCity } from '#platform/city-data.ts';
import { createLogger } from '#platform/logger.ts';
import { onSignals } from '#platform/shutdown.ts';
import {
  copyDay,
  loadRepriceFacts,
  openSnapshot,
  overtakenDecisions,
  standingDecisions,
  storedStates,
} from '../../fare-engine/adapters/reprice-database.ts';
import { startRepriceThread } from '../../fare-engine/adapters/reprice-threads.ts';
import type { ExportRequest } from '../../fare-engine/export-facts.ts';
import { compareTap, type Judge } from '../../fare-engine/reprice/compare.ts';
import { factsOfShares, homesOf } from '../../fare-engine/reprice/home.ts';
import type { RepriceShard } from '../../fare-engine/reprice/model.ts';
import { createRepriceShard } from '../../fare-engine/reprice/reprice-days.ts';
import { type RepriceResult, type RepriceRun, runReprice } from '../../fare-engine/reprice/run-reprice.ts';
import type { AuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { type ExportedDays, readTariffs } from './export-facts-file.ts';
import { progressBar } from './progress-bar.ts';

const WORKERS_MAX = 16;
const DAY_MS = 86_400_000;
/** Parts of a day that the bar shows. */
const PARTS = 100;

export interface RepriceWish extends ExportedDays {
  /** Threads that price; 1 = this one alone. */
  readonly workers: number;
  /** Compares the steps of each price too. */
  readonly reasons: boolean;
}

/** How many threads, as it was asked for. @throws UsageError */
export function workersOf(text: string | undefined): number {
  if (text === undefined) return Math.min(availableParallelism(), WORKERS_MAX);
  const workers = Number(text);
  if (!/^\d+$/.test(text) || workers < 1 || workers > WORKERS_MAX)
    throw new UsageError(
      `--workers is a number from 1 to ${WORKERS_MAX}, not ${JSON.stringify(text.slice(0, 20))}`,
    );
  return workers;
}

/**
 * Re-prices and compares on one snapshot.
 * @throws OperatorError TARIFF_INVALID, TARIFF_MISSING, TIMES_UNPROVEN
 */
export async function repriceDatabase(
  clients: { readonly reading: pg.ClientBase; readonly asking: pg.ClientBase },
  cityDir: string,
  wish: RepriceWish,
  watch: { progress(daysDone: number): void; readonly signal: AbortSignal },
): Promise<RepriceResult> {
  const { city } = loadCity(cityDir);
  const { fromDay, untilDay } = wish;
  const packages = await readTariffs(join(cityDir, 'tariff'));
  const request: ExportRequest = { fromDay, untilDay, zone: city.zone, dayStart: city.dayStart, packages };
  const { reading, asking } = clients;
  let shards: readonly RepriceShard[] = [];
  try {
    await openSnapshot(reading, asking);
    // Looked up while facts are read; what goes wrong is heard of below.
    const looking = overtakenDecisions(asking, request);
    looking.catch(() => {});
    const started = await startShards(clients, request, wish);
    shards = started.shards;
    const overtaken = await looking;
    return await runReprice({
      days: daysBetween(fromDay, untilDay),
      untilDay,
      read: (sort, fareDay, takeRow) =>
        copyDay(reading, { sort, fareDay, reasons: wish.reasons }, overtaken, takeRow),
      standing: (lines) => standingDecisions(asking, lines),
      ...started,
      ...watch,
    });
  } finally {
    await Promise.all(shards.map((shard) => shard.stop()));
    for (const client of [reading, asking]) await client.query('ROLLBACK');
  }
}

/** Shares with the facts, which are kept nowhere else: whoever reads millions of rows has its garbage collected the faster for it. */
async function startShards(
  { reading, asking }: { readonly reading: pg.ClientBase; readonly asking: pg.ClientBase },
  request: ExportRequest,
  { workers, reasons }: RepriceWish,
): Promise<Pick<RepriceRun, 'shards' | 'homeOf'>> {
  const facts = await loadRepriceFacts(reading, request);
  const states = storedStates(asking, request);
  const homes = homesOf(facts.links, facts.successions, workers);
  const judge: Judge = (computed, booked) => compareTap(computed, booked, reasons);
  const shards =
    workers === 1
      ? [createRepriceShard(facts, states, judge)]
      : factsOfShares(facts, homes, workers).map((own) => startRepriceThread(own, states, reasons));
  return { shards, homeOf: homes.ofToken };
}

function daysBetween(fromDay: string, untilDay: string): string[] {
  const count = (Date.parse(untilDay) - Date.parse(fromDay)) / DAY_MS;
  return Array.from({ length: count }, (_, i) =>
    new Date(Date.parse(fromDay) + i * DAY_MS).toISOString().slice(0, 10),
  );
}

/** The command: a bar on standard error, the answer as JSON; exit code 1 on any difference, or when it was stopped. */
export async function runRepriceCommand(
  { pool }: AuditDatabase,
  cityDir: string,
  wish: RepriceWish,
  io: CommandIo,
): Promise<number> {
  const signals = onSignals(createLogger({ component: 'audit', level: 'warn' }));
  const stopping = new AbortController();
  void signals.received.then(() => stopping.abort());
  const days = daysBetween(wish.fromDay, wish.untilDay).length;
  const bar = progressBar(io.stderr, 're-pricing', days * PARTS);
  const [reading, asking] = [await pool.connect(), await pool.connect()];
  try {
    const progress = (done: number): void => bar.show(Math.floor(done * PARTS));
    const found = await repriceDatabase({ reading, asking }, cityDir, wish, {
      progress,
      signal: stopping.signal,
    });
    bar.end();
    return publish(wish, found, io);
  } finally {
    signals.forget();
    reading.release();
    asking.release();
  }
}

function publish({ fromDay, untilDay }: RepriceWish, found: RepriceResult, io: CommandIo): number {
  const { stoppedAt, totals, differences, differing, ...counts } = found;
  const complete = stoppedAt === null;
  const answer = {
    fromDay,
    untilDay: stoppedAt ?? untilDay,
    complete,
    ...counts,
    totals,
    differing,
    differences,
  };
  const text = JSON.stringify(answer, (_key, v: unknown) => (typeof v === 'bigint' ? v.toString() : v), 2);
  io.stdout.write(`${text}\n`);
  if (!complete)
    io.stderr.write(
      `Stopped. What is said holds for the fare days before ${stoppedAt} alone; ask again from that day on.\n`,
    );
  return complete && differing === 0 ? EXIT.ok : EXIT.failed;
}
