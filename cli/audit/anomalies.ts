/** `kvytok audit anomalies`: looks for what cannot be, keeps what was found, and what people made of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import type pg from 'pg';
import { loadCity, readYaml } from '#platform/city-data.ts';
import { OperatorError } from '#platform/errors.ts';
import { createLogger } from '#platform/logger.ts';
import { onSignals } from '#platform/shutdown.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { type Finding, findingId } from '../../fare-engine/anomalies/finding.ts';
import { hunt } from '../../fare-engine/anomalies/hunt.ts';
import { huntSource } from '../../fare-engine/anomalies/hunt-database.ts';
import { AnomalyRulesFile, type Rules, rulesFor } from '../../fare-engine/anomalies/rules-file.ts';
import type { StopPlace } from '../../fare-engine/anomalies/travel-rules.ts';
import { onOneSnapshot, rowsOf } from '../../fare-engine/database-reader.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { handIn, handInAll, type Outcome, refusalsOf } from '../hand-in.ts';
import { findingLines, type ListOptions, listFindings } from './anomaly-list.ts';
import { daysOf, type ExportedDays } from './export-facts-file.ts';
import { progressBar } from './progress-bar.ts';

export interface AnomalyOptions extends ListOptions {
  readonly day?: string | undefined;
  readonly data?: string | undefined;
  readonly city?: string | undefined;
  readonly who?: string | undefined;
  readonly dry?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly 'no-wait'?: boolean | undefined;
}

/** More than this says that the numbers of the rules are wrong, not that the city is full of frauds. */
const FINDINGS_MAX = 20_000;

/** `run`, `list` or `review FINDING`. */
export async function runAnomalies(
  words: readonly string[],
  options: AnomalyOptions,
  io: CommandIo,
): Promise<number> {
  const [what, id, ...rest] = words;
  if (rest.length > 0 || (what === 'review') !== (id !== undefined))
    throw new UsageError('anomalies run, anomalies list or anomalies review FINDING');
  if (what === 'run') return runHunt(options, io);
  if (what === 'list') {
    const { pool } = openAuditDatabase(options.data, io);
    try {
      return await listFindings(pool, options, io);
    } finally {
      await pool.end();
    }
  }
  if (what !== 'review') throw new UsageError('anomalies run, anomalies list or anomalies review FINDING');
  return review(id as string, options, io);
}

async function runHunt(options: AnomalyOptions, io: CommandIo): Promise<number> {
  const days = daysOf(options);
  const by = options.who;
  if (by === undefined && options.dry !== true)
    throw new UsageError('--who NAME, the person who looks, is needed; or --dry, which keeps nothing');
  const { pool, cityDir } = openAuditDatabase(options.data, io);
  try {
    const dir = options.city === undefined ? cityDir : resolve(io.cwd, options.city);
    if (dir === null) throw new UsageError('--city DIR is needed: the rules are data of the city');
    const found = await look(pool, dir, days, io);
    if (found === null) {
      io.stderr.write('Stopped: nothing was kept.\n');
      return EXIT.failed;
    }
    if (options.dry === true) {
      io.stdout.write(findingLines(found, options).join(''));
      return EXIT.ok;
    }
    const known = await storedIds(pool, found);
    const fresh = found.filter((finding) => !known.has(findingId(finding)));
    const { answers, code } = await handInFindings(fresh, by as string, options, io);
    for (const why of refusalsOf(answers)) io.stderr.write(`refused: ${why}\n`);
    const waiting = answers.filter((answer) => answer === null).length;
    const counts = Object.fromEntries(
      [...Map.groupBy(found, (finding) => finding.ruleId)].map(([ruleId, list]) => [ruleId, list.length]),
    );
    io.stdout.write(
      `${JSON.stringify({ ...days, findings: found.length, submitted: fresh.length, waiting, rules: counts })}\n`,
    );
    return code;
  } finally {
    await pool.end();
  }
}

/** All findings of the days; `null` when somebody stopped it. Nothing is written. */
async function look(
  pool: pg.Pool,
  cityDir: string,
  days: ExportedDays,
  io: CommandIo,
): Promise<Finding[] | null> {
  const { city } = loadCity(cityDir);
  const rules = rulesOf(cityDir, days);
  const places = stopPlaces(cityDir);
  const calendar = createFareCalendar(city.zone, city.dayStart);
  const stopping = new AbortController();
  const signals = onSignals(createLogger({ component: 'anomalies', level: 'warn' }));
  void signals.received.then(() => stopping.abort());
  try {
    return await onOneSnapshot(pool, async (client) => {
      const source = await huntSource(client, days, calendar);
      // Each tap is looked at for its account and its route, and where doors are several for its vehicle.
      const bar = progressBar(io.stderr, 'looking', source.taps * 2);
      const found: Finding[] = [];
      const findings = hunt(
        source,
        rules,
        (stopId) => places.get(stopId),
        (taps) => bar.show(Math.min(taps, source.taps * 2)),
        stopping.signal,
      );
      for await (const { findingId: _, ...finding } of findings) {
        found.push(finding);
        if (found.length > FINDINGS_MAX) throw tooMany();
      }
      bar.end();
      return stopping.signal.aborted ? null : found;
    });
  } finally {
    signals.forget();
  }
}

function tooMany(): OperatorError {
  return new OperatorError({
    code: 'ANOMALIES_TOO_MANY',
    happened: `The rules found more than ${FINDINGS_MAX} things in these days.`,
    kept: 'Nothing was kept.',
    todo: 'Look at fewer days, or put numbers into anomalies.yaml by which an honest month stays quiet (docs/ANOMALIES.md).',
  });
}

/** @throws OperatorError CITY_DATA_INVALID; UsageError where no one set of numbers holds for all days */
function rulesOf(cityDir: string, { fromDay, untilDay }: ExportedDays): Rules {
  const rules = rulesFor(readYaml(join(cityDir, 'anomalies.yaml'), AnomalyRulesFile), fromDay, untilDay);
  if (rules === 'before-first') throw new UsageError(`anomalies.yaml has no numbers for ${fromDay}`);
  if (rules === 'several-sets')
    throw new UsageError('anomalies.yaml changes its numbers within these days: look at each part by itself');
  return rules;
}

/** Where the stops of the city are; without a feed no speed can be measured. */
function stopPlaces(cityDir: string): Map<string, StopPlace> {
  const file = join(cityDir, 'gtfs', 'stops.txt');
  if (!existsSync(file)) return new Map();
  const rows = parseCsv(readFileSync(file), { columns: true, bom: true }) as Record<string, string>[];
  return new Map(
    rows.flatMap(({ stop_id: id, stop_lat: lat, stop_lon: lon }) =>
      id && lat && lon ? [[id, { lat: Number(lat), lon: Number(lon) }] as const] : [],
    ),
  );
}

async function storedIds(pool: pg.Pool, found: readonly Finding[]): Promise<Set<string>> {
  const rows = await rowsOf<{ id: string }>(
    pool,
    'SELECT finding_id AS id FROM fare.anomaly_finding WHERE finding_id = ANY ($1::text[])',
    [found.map(findingId)],
  );
  return new Set(rows.map((row) => row.id));
}

/** Under the office's role; what the engine says to each. */
function handInFindings(
  found: readonly Finding[],
  by: string,
  options: AnomalyOptions,
  io: CommandIo,
): Promise<Outcome> {
  const payloads = found.map((finding) => ({ ...finding, findingId: findingId(finding), by }));
  return handInAll('record-anomaly', payloads, by, options, io);
}

async function review(id: string, options: AnomalyOptions, io: CommandIo): Promise<number> {
  const { verdict, reason, who: by } = options;
  if (verdict !== 'confirmed' && verdict !== 'dismissed')
    throw new UsageError('--verdict confirmed or --verdict dismissed is needed');
  if (reason === undefined || by === undefined)
    throw new UsageError('--reason TEXT and --who NAME are needed');
  if (!/^an-[0-9a-f]{32}$/.test(id)) throw new UsageError('a finding is named an-… with 32 digits');
  const payload = { findingId: id, verdict, reason, by };
  return handIn('review-anomaly', payload, options, io, { by, showsPayload: true });
}
