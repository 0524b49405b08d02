/** `kvytok audit report`: concession rides and revenue of a period, by carrier, category, route or payer. */
import { formatMoney } from '#contracts/money.ts';
import { csvRow } from '../../fare-engine/claims/bundle-text.ts';
import { onOneSnapshot, rowsOf } from '../../fare-engine/database-reader.ts';
import { parsePeriod } from '../../fare-engine/settlement/period.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';

export interface ReportValues {
  readonly period?: string | undefined;
  readonly by?: string | undefined;
  readonly format?: string | undefined;
  readonly data?: string | undefined;
}

const COLUMN = {
  carrier: 'carrier_id',
  category: 'rider_category_id',
  route: 'route_id',
  funding: 'funding_id',
} as const;
const COUNTS = ['rides', 'transfers', 'concessionRides'] as const;
const SUMS = [
  'grossMinor',
  'riderMinor',
  'transferMinor',
  'concessionMinor',
  'passMinor',
  'capMinor',
] as const;
type Row = Record<(typeof SUMS)[number], string> &
  Record<(typeof COUNTS)[number], number> & { id: string | null; currency: string };

export async function runReport(values: ReportValues, io: CommandIo): Promise<number> {
  const { by = 'carrier', format = 'table' } = values;
  const period = parsePeriod(values.period ?? '');
  if (period === undefined) throw new UsageError('--period YYYY-MM is needed');
  if (!Object.hasOwn(COLUMN, by)) throw new UsageError('--by takes carrier, category, route or funding');
  if (!['table', 'csv', 'json'].includes(format)) throw new UsageError('--format takes table, csv or json');
  const column = COLUMN[by as keyof typeof COLUMN];
  const { pool } = openAuditDatabase(values.data, io);
  try {
    const sums = SUMS.map((name) => `sum(${snake(name)})::text AS "${name}"`).join(', ');
    // The column is one of four, never what was typed.
    const rows = await onOneSnapshot(pool, (client) =>
      rowsOf<Row>(
        client,
        `SELECT ${column} AS id, currency, count(*) FILTER (WHERE kind = 'ride')::float8 AS rides,
           count(*) FILTER (WHERE kind = 'transfer')::float8 AS transfers,
           count(*) FILTER (WHERE claim_ride)::float8 AS "concessionRides", ${sums}
         FROM fare.latest_decision WHERE kind <> 'withdrawn' AND fare_day >= $1::date AND fare_day < $2::date
         GROUP BY 1, 2 ORDER BY 1 NULLS LAST, 2`,
        [period.fromDay, period.untilDay],
      ),
    );
    io.stdout.write(textOf(rows, by, format, period.id));
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function textOf(rows: readonly Row[], by: string, format: string, period: string): string {
  if (format === 'json') return `${JSON.stringify({ period, by, rows }, null, 2)}\n`;
  const heads = ['currency', ...COUNTS, ...SUMS];
  if (format === 'csv') {
    const cells = rows.map((row) => [
      row.id,
      row.currency,
      ...COUNTS.map((c) => row[c]),
      ...SUMS.map((s) => row[s]),
    ]);
    return [[by, ...heads.map(snake)], ...cells].map(csvRow).join('');
  }
  const width = Math.max(by.length, ...rows.map(({ id }) => (id ?? '–').length));
  const line = (cells: readonly string[]) =>
    `${cells.map((cell, i) => (i === 0 ? cell.padEnd(width) : cell.padStart(15))).join(' ')}\n`;
  const money = (row: Row, name: (typeof SUMS)[number]) =>
    formatMoney({ amountMinor: BigInt(row[name]), currency: row.currency }, 'en');
  const body = rows.map((row) =>
    line([row.id ?? '–', ...COUNTS.map((c) => String(row[c])), ...SUMS.map((s) => money(row, s))]),
  );
  return line([by, ...COUNTS, ...SUMS.map((name) => name.replace('Minor', ''))]) + body.join('');
}
