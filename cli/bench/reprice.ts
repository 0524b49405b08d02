/**
 * `kvytok bench reprice`: a city-month from a seed, with quotas, transfers, passes, caps, late and doubled taps, computed again from
 * facts and compared with its books: the work of `kvytok audit reprice`. Beside it what SQL alone needs to add up the same rows,
 * unpriced.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { loadCity } from '#platform/city-data.ts';
import { clientConfig } from '#platform/postgres.ts';
import { hashPackage } from '#pricing/tariff-package.ts';
import { readTariffs } from '../audit/export-facts-file.ts';
import { repriceDatabase } from '../audit/reprice.ts';
import type { BenchContext, BenchResult } from './bench.ts';
import { type BenchDatabase, openBenchDatabase } from './bench-database.ts';
import { type Cell, linesOf, loadLines } from './load-rows.ts';
import { middleOf } from './middle.ts';
import { processorMs } from './processor-time.ts';
import { daysOfMonth, factsOfMonth, type MonthPlan, TAPS_OF_DAY } from './reprice-month.ts';
import type { WriterTask } from './reprice-writer.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `kvytok bench reprice [--taps N] [--workers N] [--seed N] [--rounds N]

  --taps N     taps of the month, about (default 600000; a city's are 12000000: 10 GB of disk, ten minutes to write)
  --workers N  threads that price (default: the machine's cores)
  --seed N     of the month (default 1)
  --rounds N   turns of re-pricing the month and adding it up in SQL (default 3); of each figure the one in the middle counts
`;

const CITIES = join(import.meta.dirname, '../../cities');
const DAYS = 31;
const MONTH_TAPS = 12_000_000;
/** Amounts that are changed behind the books' back: each must be named. */
const PLANTED = 3;

export async function run(args: string[], context: BenchContext): Promise<BenchResult> {
  const { values } = parseArgs({
    args,
    options: {
      taps: { type: 'string' },
      workers: { type: 'string' },
      seed: { type: 'string' },
      rounds: { type: 'string' },
    },
  });
  const wished = wholeOption('taps', values.taps, { default: 600_000, min: 1000, max: 50_000_000 });
  const workers = wholeOption('workers', values.workers, {
    default: availableParallelism(),
    min: 1,
    max: 16,
  });
  const seed = wholeOption('seed', values.seed, { default: 1, min: 0, max: 1_000_000 });
  const rounds = wholeOption('rounds', values.rounds, { default: 3, min: 1, max: 50 });
  const cityDir = makeCity(context.folder);
  const { dayStart } = loadCity(cityDir).city;
  const plan: MonthPlan = { seed, accounts: Math.ceil(wished / DAYS / TAPS_OF_DAY), days: DAYS, dayStart };
  const database = await openBenchDatabase(context.folder, ['fare']);
  try {
    context.progress(`writing a month of about ${wished} taps by ${plan.accounts} accounts`);
    const planted = await writeMonth(database, cityDir, { plan, workers }, context);
    const turns: Turn[] = [];
    for (let round = 1; round <= rounds; round++) {
      context.signal.throwIfAborted();
      context.progress(`re-pricing it, ${round} of ${rounds}`);
      const found = await reprice(database, cityDir, { plan, workers }, context);
      context.progress('adding up the same rows in SQL');
      turns.push({ ...found, sql: await addUp(database) });
    }
    return resultOf({ plan, workers, planted, turns });
  } finally {
    await database.stop();
  }
}

/** Ternopil's days, the tariff of the Lviv-like package with two nested caps on top. */
function makeCity(folder: string): string {
  const dir = join(folder, 'city');
  const tariff = join(dir, 'tariff/2025-06-01');
  cpSync(join(CITIES, 'ternopil'), dir, { recursive: true });
  rmSync(join(dir, 'tariff'), { recursive: true });
  cpSync(join(CITIES, 'lviv-like/tariff/2025-06-01'), tariff, { recursive: true });
  const cap = (id: string, window: string, minor: number, parent: string) => `
  - { cap_id: ${id}, names: { uk: межа, en: cap, de: Deckel, pl: limit }, act: lviv-2025, article: not-established, window: ${window},
      day_start: "04:00", basis: amount, cap_minor: ${minor}, network_ids: [city]${parent} }`;
  const caps = `${cap('city-day', 'day', 5000, ', parent_cap_id: city-month')}${cap('city-month', 'month', 90000, '')}`;
  writeFileSync(join(tariff, 'caps.yaml'), `caps:${caps}\n`);
  return dir;
}

/** Returns how many taps have a wrong amount. */
async function writeMonth(
  database: BenchDatabase,
  cityDir: string,
  { plan, workers }: { plan: MonthPlan; workers: number },
  { folder, signal }: BenchContext,
): Promise<number> {
  const admin = new pg.Client(
    clientConfig({ url: adminUrlOf(database), applicationName: 'kvytok-bench', statementTimeoutMs: 0 }),
  );
  await admin.connect();
  try {
    await admin.query(BARE_TABLES);
    await storeFacts(admin, cityDir, plan, join(folder, 'facts.txt'));
    const share = (index: number, of: number): WriterTask => ({
      url: adminUrlOf(database),
      folder,
      cityDir,
      plan,
      share: { index, of },
    });
    const writers = Array.from({ length: workers }, (_, index) => startWriter(share(index, workers), signal));
    await Promise.all(writers.map(ended));
    const { rows } = await admin.query<{ planted: string }>(PLANT);
    await admin.query('VACUUM ANALYZE fare.tap, fare.decision, fare.posting');
    return Number(rows[0]?.planted);
  } finally {
    await admin.end();
  }
}

function adminUrlOf({ adminUrl }: BenchDatabase): string {
  const url = new URL(adminUrl);
  url.pathname = '/kvytok';
  return url.href;
}

/**
 * What only posting looks up by is left out, and nothing is logged twice: the month is written once and read. Without its index
 * each reversal would be looked for in the whole table.
 */
const BARE_TABLES = `
  ALTER TABLE fare.posting DISABLE TRIGGER reversal_exact;
  ALTER TABLE fare.tap DROP CONSTRAINT tap_pkey; ALTER TABLE fare.posting DROP CONSTRAINT posting_pkey;
  DROP INDEX fare.tap_token_day, fare.tap_device_day, fare.decision_account_day, fare.decision_decided;
  ALTER TABLE fare.tap SET UNLOGGED; ALTER TABLE fare.decision SET UNLOGGED; ALTER TABLE fare.posting SET UNLOGGED`;

/** Not of taps that were decided twice: there a posting and its reversal might be changed alike. */
const PLANT = `
  WITH wrong AS (UPDATE fare.posting SET amount_minor = amount_minor + 1
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM fare.posting p WHERE NOT EXISTS (
      SELECT FROM fare.decision d WHERE d.tap_id = p.tap_id AND d.revision > 1) LIMIT ${PLANTED})) RETURNING tap_id)
  SELECT count(DISTINCT tap_id) AS planted FROM wrong`;

async function storeFacts(admin: pg.Client, cityDir: string, plan: MonthPlan, file: string): Promise<void> {
  const facts = factsOfMonth(plan);
  const rows = <T>(target: string, list: readonly T[], row: (one: T) => Cell[]): Promise<void> =>
    loadLines(admin, `fare.${target}`, linesOf(list, row), file);
  const valid = 'valid_from_ms, valid_until_ms, known_from_ms';
  await rows(`media_link (link_id, token_id, account_id, ${valid})`, facts.links, (one) => [
    ...[one.linkId, one.tokenId, one.accountId, one.validFromMs, one.validUntilMs, one.knownFromMs],
  ]);
  await rows(
    `entitlement (entitlement_id, account_id, concession_id, ${valid})`,
    facts.entitlements,
    (one) => [
      ...[
        one.entitlementId,
        one.accountId,
        one.concessionId,
        one.validFromMs,
        one.validUntilMs,
        one.knownFromMs,
      ],
    ],
  );
  await rows(`pass_holding (pass_id, account_id, fare_product_id, ${valid})`, facts.passes, (one) => [
    ...[one.passId, one.accountId, one.fareProductId, one.validFromMs, one.validUntilMs, one.knownFromMs],
  ]);
  await rows(
    `device_assignment (assignment_id, device_id, vehicle_id, carrier_id, ${valid})`,
    facts.assignments,
    (one) => [
      ...[one.assignmentId, one.deviceId, one.vehicleId, one.carrierId],
      ...[one.validFromMs, one.validUntilMs, one.knownFromMs],
    ],
  );
  await rows(
    'shift (record_id, device_id, action, source, route_id, fare_day, at_ms, received_at_ms)',
    facts.shifts,
    (one) => [
      ...[
        one.recordId,
        one.deviceId,
        one.action,
        one.source,
        one.routeId,
        one.fareDay,
        one.atMs,
        one.receivedAtMs,
      ],
    ],
  );
  await rows('close (fare_day, known_from_ms)', facts.closes, (one) => [one.fareDay, one.knownFromMs]);
  for (const files of await readTariffs(join(cityDir, 'tariff')))
    await admin.query(
      `INSERT INTO fare.tariff_activation (package_hash, version_id, names, valid_from_ms, known_from_ms)
       VALUES ($1, 'bench', '{}', 0, 0)`,
      [hashPackage(files)],
    );
}

function startWriter(task: WriterTask, signal: AbortSignal): ChildProcess {
  const script = join(import.meta.dirname, 'reprice-writer.ts');
  return fork(script, [JSON.stringify(task)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], signal });
}

async function ended(child: ChildProcess): Promise<void> {
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`a writer of the month ended with ${code}`);
}

async function reprice(
  database: BenchDatabase,
  cityDir: string,
  { plan, workers }: { plan: MonthPlan; workers: number },
  { signal }: BenchContext,
) {
  const pool = database.pool('auditor_runtime', 2);
  const [reading, asking] = [await pool.connect(), await pool.connect()];
  try {
    const pids = await Promise.all(
      [reading, asking].map(async (client) => {
        const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        return rows[0]?.pid as number;
      }),
    );
    const days = daysOfMonth(plan);
    const wish = { fromDay: days[0] as string, untilDay: '2025-11-01', workers, reasons: false };
    const [cpu, serverMs, began] = [process.cpuUsage(), processorMs(pids), performance.now()];
    const found = await repriceDatabase({ reading, asking }, cityDir, wish, { progress: () => {}, signal });
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    return { ...found, seconds, ownMs: (user + system) / 1000, serverMs: processorMs(pids) - serverMs };
  } finally {
    reading.release();
    asking.release();
  }
}

const SUM = `
  SELECT count(*), sum(d.rider_minor), sum(d.concession_minor), sum(d.cap_minor), sum(p.minor)
  FROM fare.timed_tap t JOIN fare.latest_decision d USING (tap_id)
  LEFT JOIN (SELECT tap_id, sum(CASE WHEN reverses IS NULL THEN amount_minor ELSE -amount_minor END) AS minor
             FROM fare.posting GROUP BY tap_id) AS p USING (tap_id)
  GROUP BY d.account_id`;

/** Seconds that the server needs to add up the rows by account. */
async function addUp(database: BenchDatabase): Promise<number> {
  const pool = database.pool('auditor_runtime');
  const client = await pool.connect();
  try {
    await client.query(
      "SET statement_timeout = 0; SET work_mem = '64MB'; SET max_parallel_workers_per_gather = 0",
    );
    const began = performance.now();
    await client.query(`SELECT count(*) FROM (${SUM}) AS s`);
    return (performance.now() - began) / 1000;
  } finally {
    client.release();
  }
}

/** A month re-priced, and the seconds in which SQL added it up. */
export type Turn = Awaited<ReturnType<typeof reprice>> & { readonly sql: number };

/** What the turns come to: exact only if each was. */
export function resultOf(measured: {
  plan: MonthPlan;
  workers: number;
  planted: number;
  turns: readonly Turn[];
}): BenchResult {
  const { plan, workers, planted, turns } = measured;
  const middle = (of: (turn: Turn) => number): number => middleOf(turns.map(of));
  const isExact = (turn: Turn): boolean =>
    turn.stoppedAt === null && turn.differing === planted && turn.decisions === turn.taps;
  const exact = turns.every(isExact);
  // What went wrong is told, if anything did.
  const { taps, differing, differences } = turns.find((turn) => exact || !isExact(turn)) as Turn;
  const seconds = middle((turn) => turn.seconds);
  const each = turns.map(
    ({ seconds, sql }) => `${monthOf(seconds, taps).toFixed(0)} / ${monthOf(sql, taps).toFixed(0)}`,
  );
  return {
    setting: {
      taps,
      accounts: plan.accounts,
      days: plan.days,
      workers,
      seed: plan.seed,
      planted,
      rounds: turns.length,
    },
    figures: [
      { name: 're-priced and compared', value: taps / seconds, unit: 'taps/s' },
      {
        name: `a city-month of ${MONTH_TAPS / 1e6} million taps at this pace`,
        value: monthOf(seconds, taps),
        unit: 's',
        target: '≤ 120',
      },
      {
        name: 'processor time of a tap, server and all',
        value: middle(({ ownMs, serverMs }) => ((ownMs + serverMs) * 1000) / taps),
        unit: 'µs',
      },
      { name: 'of it the server', value: middle(({ serverMs }) => (serverMs * 1000) / taps), unit: 'µs' },
      { name: 'added up in SQL, unpriced', value: middle(({ sql }) => taps / sql), unit: 'taps/s' },
      {
        name: 're-pricing / adding up in SQL, in time',
        value: middle(({ seconds, sql }) => seconds / sql),
        unit: '×',
      },
      { name: 'memory at most, this process', value: process.resourceUsage().maxRSS / 1000, unit: 'MB' },
    ],
    notes: [
      `${planted} taps have an amount that somebody changed afterwards; ${differing} were found to differ.`,
      'The month is synthetic. Indexes that only posting uses were left out when it was written.',
      `Seconds of a city-month re-priced / added up in SQL, turn by turn: ${each.join(', ')}. Of each figure the one in the middle counts.`,
      ...differences
        .slice(0, PLANTED)
        .map((one) => `${one.tapId}: ${one.what} ${one.computed} and not ${one.stored}`),
    ],
    exact,
  };
}

/** Seconds of a city-month where so many taps took `seconds`. */
function monthOf(seconds: number, taps: number): number {
  return (MONTH_TAPS * seconds) / taps;
}
