/** Reads typed cells from rows and gathers the problems; a row with an error is left out. */
import type { FileProblem } from '../file-problem.ts';
import type { FileProblemCode } from '../problem-codes.ts';
import { type CsvRow, type CsvTable, parseCsvTable } from './csv-table.ts';

/** Files of a feed by name. */
export type FeedFiles = ReadonlyMap<string, Uint8Array>;

export interface RowReader {
  /** Value of a column, '' when the column is absent. */
  text(column: string): string;
  /** As `text`, but an empty value is an error. */
  required(column: string): string;
  /** One of the allowed values; `''` gives the fallback, or an error where there is none. */
  choice<T extends string>(column: string, allowed: readonly T[], fallback?: T): T | undefined;
  /** Reads a value with a parser; `undefined` = error with this text. */
  parsed<T>(column: string, parse: (text: string) => T | undefined, expected: string): T | undefined;
  fail(code: FileProblemCode, column: string | null, message: string, howToMend: string): void;
  warn(code: FileProblemCode, column: string | null, message: string, howToMend: string): void;
  readonly line: number;
}

export interface TableReader {
  readonly columns: ReadonlySet<string>;
  /** Calls `read` for each row and keeps what it returns, unless the row had an error. */
  map<T>(read: (row: RowReader) => T | undefined): T[];
  /** Calls `read` for each row. */
  each(read: (row: RowReader) => void): void;
}

/** Files that were parsed already: references between them are checked on the same tables. */
const parsed = new WeakMap<Uint8Array, ReturnType<typeof parseCsvTable>>();

/** Opens a file of the feed; `undefined` when it is absent. Missing required columns are an error. */
export function openTable(
  files: FeedFiles,
  file: string,
  requiredColumns: readonly string[],
  problems: FileProblem[],
): TableReader | undefined {
  const bytes = files.get(file);
  if (!bytes) return undefined;
  const known = parsed.get(bytes) ?? parseCsvTable(file, bytes);
  parsed.set(bytes, known);
  const { table, problems: found } = known;
  problems.push(...found);
  const missing = requiredColumns.filter((column) => !table.columns.has(column));
  if (table.columns.size > 0) {
    for (const column of missing) {
      const alike = [...table.columns.keys()].find((name) => name.toLowerCase() === column);
      problems.push(
        table.problemAt(
          'TARIFF_FILE_COLUMN_MISSING',
          null,
          alike ?? null,
          'error',
          `column ${column} is missing`,
          alike === undefined ? `Add the column ${column}.` : `Write ${alike} in small letters.`,
        ),
      );
    }
  }
  const usable = missing.length === 0 && table.columns.size > 0;
  return {
    columns: new Set(table.columns.keys()),
    map: (read) => (usable ? mapRows(table, read, problems) : []),
    each(read) {
      if (usable) mapRows(table, (row) => void read(row), problems);
    },
  };
}

function mapRows<T>(table: CsvTable, read: (row: RowReader) => T | undefined, problems: FileProblem[]): T[] {
  const values: T[] = [];
  for (const row of table.rows) {
    if (isBlank(table.file, row)) continue;
    let failed = false;
    const report =
      (severity: FileProblem['severity']): RowReader['fail'] =>
      (code, column, message, howToMend) => {
        if (severity === 'error') failed = true;
        problems.push(table.problemAt(code, row, column, severity, message, howToMend));
      };
    const value = read(rowReader(table, row, report('error'), report('warning')));
    if (!failed && value !== undefined) values.push(value);
  }
  return values;
}

/** A problem at a cell of a table that was read before; at the line's beginning where it has no such cell. */
export function tableProblem(
  files: FeedFiles,
  code: FileProblemCode,
  { file, line, cell }: { readonly file: string; readonly line: number; readonly cell: string },
  message: string,
  howToMend: string,
  severity: FileProblem['severity'] = 'error',
): FileProblem {
  const bytes = files.get(file);
  const column = (bytes && parsed.get(bytes)?.table.positionOf(line, cell)) ?? 1;
  return { code, file, line, column, severity, message, howToMend };
}

/** Nothing but commas is a blank line too, save where each empty value has a meaning. */
function isBlank(file: string, row: CsvRow): boolean {
  return file !== 'fare_leg_join_rules.txt' && row.values.every((value) => value === '');
}

function rowReader(
  table: CsvTable,
  row: CsvRow,
  fail: RowReader['fail'],
  warn: RowReader['warn'],
): RowReader {
  const text = (column: string) => {
    const position = table.columns.get(column);
    return position === undefined ? '' : (row.values[position] ?? '');
  };
  return {
    text,
    fail,
    warn,
    line: row.line,
    required(column) {
      const value = text(column);
      if (value === '')
        fail('TARIFF_VALUE_MISSING', column, `${column} is empty`, `Write a value for ${column}.`);
      return value;
    },
    choice(column, allowed, fallback) {
      const value = text(column);
      const known = allowed.find((a) => a === value);
      if (known !== undefined) return known;
      if (value === '' && fallback !== undefined) return fallback;
      fail(
        'TARIFF_VALUE_INVALID',
        column,
        `${column} is ${quote(value)}`,
        `Write one of ${allowed.join(', ')}.`,
      );
      return undefined;
    },
    parsed(column, parse, expected) {
      const value = parse(text(column));
      if (value === undefined)
        fail('TARIFF_VALUE_INVALID', column, `${column} is ${quote(text(column))}`, `Write ${expected}.`);
      return value;
    },
  };
}

/** A value for people, bounded. */
export function quote(value: string): string {
  return value === '' ? 'empty' : JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}
