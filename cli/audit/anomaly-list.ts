/** Findings as lines for people and programs: text, JSON lines or CSV, each with its sentence. */
import type pg from 'pg';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import { type Finding, findingId, RULE_IDS } from '../../fare-engine/anomalies/finding.ts';
import { findingText, type SaidFinding } from '../../fare-engine/anomalies/finding-text.ts';
import { rowsOf } from '../../fare-engine/database-reader.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { calendarDay } from '../instants.ts';

export interface ListOptions {
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  readonly rule?: string | undefined;
  readonly verdict?: string | undefined;
  readonly lang?: string | undefined;
  readonly json?: boolean | undefined;
  readonly csv?: boolean | undefined;
}

interface ListedFinding
  extends SaidFinding,
    Pick<Finding, 'fromDay' | 'untilDay' | 'severity' | 'scorePermille'> {
  readonly findingId: string;
  readonly vehicleId: string | null;
  readonly routeId: string | null;
  readonly carrierId: string | null;
  readonly tapIds: readonly string[];
  readonly paramsSha256: string;
  readonly verdict: string;
  readonly verdictReason: string | null;
  readonly reviewedBy: string | null;
}

const SHOWN_MAX = 100_000;

/** Prints the findings that stand. */
export async function listFindings(pool: pg.Pool, options: ListOptions, io: CommandIo): Promise<number> {
  check(options);
  const { from = '0001-01-01', until = '9999-12-31', rule = null, verdict = null } = options;
  const rows = await rowsOf<ListedFinding>(
    pool,
    `SELECT f.finding_id AS "findingId", f.rule_id AS "ruleId", f.from_day::text AS "fromDay", f.until_day::text AS "untilDay",
       f.severity, f.score_permille::float8 AS "scorePermille", coalesce(f.verdict, 'open') AS verdict,
       f.verdict_reason AS "verdictReason", f.reviewed_by AS "reviewedBy", f.taps, f.device_id AS "deviceId",
       f.vehicle_id AS "vehicleId", f.route_id AS "routeId", f.carrier_id AS "carrierId", f.concession_id AS "concessionId",
       f.evidence, encode(f.params_sha256, 'hex') AS "paramsSha256",
       ARRAY(SELECT tap_id FROM fare.anomaly_tap t WHERE t.finding_id = f.finding_id ORDER BY tap_id) AS "tapIds"
     FROM fare.standing_anomaly f
     WHERE f.from_day < $2::date AND f.until_day > $1::date AND ($3::text IS NULL OR f.rule_id = $3)
       AND ($4::text IS NULL OR coalesce(f.verdict, 'open') = $4)
     ORDER BY f.from_day, f.rule_id, f.finding_id LIMIT ${SHOWN_MAX}`,
    [from, until, rule, verdict],
  );
  io.stdout.write(linesOf(rows, options).join(''));
  return EXIT.ok;
}

/** Findings of a run that keeps nothing, in the same forms. */
export function findingLines(found: readonly Finding[], options: ListOptions): string[] {
  check(options);
  const rows = found
    .map((finding) => ({
      ...finding,
      findingId: findingId(finding),
      verdict: 'open',
      verdictReason: null,
      reviewedBy: null,
    }))
    .sort(
      (a, b) => order(a.fromDay, b.fromDay) || order(a.ruleId, b.ruleId) || order(a.findingId, b.findingId),
    );
  return linesOf(rows, options);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function check({ from, until, rule, verdict, lang }: ListOptions): void {
  for (const [name, day] of Object.entries({ from, until }))
    if (day !== undefined) calendarDay(day, `--${name}`);
  if (rule !== undefined && !(RULE_IDS as readonly string[]).includes(rule))
    throw new UsageError(`--rule takes one of ${RULE_IDS.join(', ')}`);
  if (verdict !== undefined && !['open', 'confirmed', 'dismissed'].includes(verdict))
    throw new UsageError('--verdict takes open, confirmed or dismissed');
  if (lang !== undefined && !(LANGUAGES as readonly string[]).includes(lang))
    throw new UsageError(`--lang takes ${LANGUAGES.join(', ')}`);
}

const COLUMNS = [
  'findingId',
  'ruleId',
  'fromDay',
  'untilDay',
  'severity',
  'scorePermille',
  'verdict',
  'verdictReason',
  'reviewedBy',
  'taps',
  'deviceId',
  'vehicleId',
  'routeId',
  'carrierId',
  'concessionId',
  'paramsSha256',
] as const satisfies readonly (keyof ListedFinding)[];

function linesOf(rows: readonly ListedFinding[], { json, csv, lang = 'uk' }: ListOptions): string[] {
  const sentences = (row: ListedFinding) => LANGUAGES.map((language) => findingText(row, language));
  if (json === true)
    return rows.map((row) => {
      const explanations = Object.fromEntries(
        LANGUAGES.map((language, at) => [language, sentences(row)[at]]),
      );
      return `${JSON.stringify({ ...row, explanations })}\n`;
    });
  if (csv === true) {
    const head = [...COLUMNS, 'tapIds', 'evidence', ...LANGUAGES];
    const lines = rows.map((row) => [
      ...COLUMNS.map((column) => String(row[column] ?? '')),
      row.tapIds.join(' '),
      JSON.stringify(row.evidence),
      ...sentences(row),
    ]);
    return [head, ...lines].map((cells) => `${cells.map(cell).join(',')}\r\n`);
  }
  return rows.map((row) => {
    const where = [row.carrierId, row.routeId, row.vehicleId].filter((id) => id !== null).join(' ');
    const state = row.verdict === 'open' ? '' : ` [${row.verdict}: ${row.verdictReason}, ${row.reviewedBy}]`;
    return `${row.findingId}  ${row.fromDay}  ${row.ruleId} (${row.severity}) ${where}${state}\n  ${findingText(row, lang as Language)}\n`;
  });
}

/** RFC 4180; a text that a spreadsheet would compute is made a text. */
function cell(text: string): string {
  const safe = /^[=+\-@\t]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
