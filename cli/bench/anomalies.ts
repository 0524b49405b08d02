/**
 * `kvytok bench anomalies`: how fast a month is searched by all rules, from the database, beside one plain SQL query with a
 * window function that finds two vehicles at once and nothing else.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { readYaml } from '#platform/city-data.ts';
import type { Finding } from '../../fare-engine/anomalies/finding.ts';
import { hunt } from '../../fare-engine/anomalies/hunt.ts';
import { huntSource } from '../../fare-engine/anomalies/hunt-database.ts';
import { AnomalyRulesFile, type Rules, rulesFor } from '../../fare-engine/anomalies/rules-file.ts';
import { onOneSnapshot } from '../../fare-engine/database-reader.ts';
import { cityPlan } from '../../simulators/frauds/adapters/city-plan.ts';
import { makeTrial, type Trial } from '../../simulators/frauds/fraud-trial.ts';
import { scoreFindings } from '../../simulators/frauds/score-findings.ts';
import { storeMonth } from '../../simulators/frauds/store-month.ts';
import type { BenchContext, BenchResult } from './bench.ts';
import { openBenchDatabase } from './bench-database.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `kvytok bench anomalies [--riders N] [--seed N]

  --riders N  people of the month (default 3000, some 140,000 taps)
  --seed N    of the month and of its frauds (default 1)
`;

const CITY = join(import.meta.dirname, '../../cities/ternopil');
const PERIOD = { fromDay: '2025-10-01', untilDay: '2025-11-01' };

/** What an analyst would write first: taps of one account in two vehicles within eight seconds. */
const PLAIN = `
  SELECT count(*) FROM (
    SELECT d.vehicle_id, t.fare_at_ms, t.uncertainty_ms,
           lag(d.vehicle_id) OVER w AS before_vehicle, lag(t.fare_at_ms) OVER w AS before_ms
    FROM fare.timed_tap t JOIN fare.latest_decision d USING (tap_id)
    WHERE t.fare_day >= $1 AND t.fare_day < $2 AND d.kind IN ('ride', 'transfer')
    WINDOW w AS (PARTITION BY d.account_id ORDER BY t.fare_at_ms, t.tap_id)) AS pair
  WHERE before_vehicle <> vehicle_id AND fare_at_ms - before_ms <= 8000`;

export async function run(args: string[], context: BenchContext): Promise<BenchResult> {
  const { values } = parseArgs({ args, options: { riders: { type: 'string' }, seed: { type: 'string' } } });
  const riders = wholeOption('riders', values.riders, { default: 3000, min: 100, max: 100_000 });
  const seed = wholeOption('seed', values.seed, { default: 1, min: 0, max: 1_000_000 });
  const trial = makeTrial(cityPlan(CITY, { seed, riders, fromDay: PERIOD.fromDay, days: 31 }), seed);
  const taps = trial.month.accounts.reduce((sum, account) => sum + account.taps.length, 0);
  context.progress(`storing ${taps} taps`);
  const database = await openBenchDatabase(context.folder, ['fare']);
  try {
    await storeMonth(database.pool('fare_runtime'), trial.month);
    const pool = database.pool('auditor_runtime');
    context.progress('searching');
    const plainMs = await timed(() => pool.query(PLAIN, [PERIOD.fromDay, PERIOD.untilDay]));
    const { ms, exact, heapMb, findings } = await search(pool, trial);
    return {
      setting: { riders, seed, taps, rules: 7, findings },
      figures: [
        { name: 'taps searched by all rules', value: taps / (ms / 1000), unit: 'taps/s' },
        { name: 'one SQL window query for one rule', value: taps / (plainMs / 1000), unit: 'taps/s' },
        { name: 'all rules / one SQL query, in time', value: ms / plainMs, unit: '×' },
        { name: 'heap in use afterwards', value: heapMb, unit: 'MB' },
      ],
      notes: [
        'The month is synthetic. Every card fraud that was planted must be found, and nothing else named.',
      ],
      exact,
    };
  } finally {
    await database.stop();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

async function search(pool: pg.Pool, { month, planted }: Trial) {
  const file = readYaml(join(CITY, 'anomalies.yaml'), AnomalyRulesFile);
  const rules = rulesFor(file, PERIOD.fromDay, PERIOD.untilDay) as Rules;
  const { stops } = month.plan.timetable;
  const found: Finding[] = [];
  const from = performance.now();
  await onOneSnapshot(pool, async (client) => {
    const source = await huntSource(client, PERIOD, month.plan.bounds);
    for await (const finding of hunt(source, rules, (stopId) => stops.get(stopId))) found.push(finding);
  });
  const ms = performance.now() - from;
  const scores = scoreFindings(planted, found);
  const ofCards = scores.slice(0, 5);
  return {
    ms,
    findings: found.length,
    heapMb: process.memoryUsage().heapUsed / 1e6,
    exact:
      scores.every(({ findings, right }) => right === findings) &&
      ofCards.every((s) => s.found >= s.planted * 0.9),
  };
}
