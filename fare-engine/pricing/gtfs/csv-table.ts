/**
 * One GTFS text file as a table: header, rows with their line numbers, problems. Values are trimmed text; meaning
 * is given by the readers (`cells.ts`, `read-*.ts`).
 */
import { parse } from 'csv-parse/sync';
import type { FileProblem } from '../file-problem.ts';
import type { FileProblemCode } from '../problem-codes.ts';
import { firstOutsideUtf8, SAVE_AS_UTF8 } from './utf8-place.ts';

/** Most rows that are read from one file. */
export const ROWS_MAX = 5_000_000;

export interface CsvRow {
  readonly line: number;
  readonly values: readonly string[];
}

export interface CsvTable {
  readonly file: string;
  /** Column name → position. */
  readonly columns: ReadonlyMap<string, number>;
  readonly rows: readonly CsvRow[];
  /** The problem of one cell (or of the whole row, when the column is not given). */
  problemAt(
    code: FileProblemCode,
    row: CsvRow | null,
    column: string | null,
    severity: FileProblem['severity'],
    message: string,
    howToMend: string,
  ): FileProblem;
  /** Character at which a column's cell begins in a line, from 1; 1 where there is no such column. */
  positionOf(line: number, column: string): number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Parses a file. With a problem of severity `error` the table must not be used. */
export function parseCsvTable(file: string, bytes: Uint8Array): { table: CsvTable; problems: FileProblem[] } {
  const problems: FileProblem[] = [];
  const text = decode(file, bytes, problems);
  const records = text === undefined ? [] : split(file, text, problems);
  let lines: readonly string[] | undefined;
  const lineAt = (line: number): string => {
    lines ??= (text ?? '').split('\n');
    return lines[line - 1] ?? '';
  };
  const header = records[0];
  const columns = new Map<string, number>();
  // A file of nothing is one without rows, as if it were not there; one that could not be split has its error already.
  if (!header && problems.length === 0)
    problems.push(
      problem(
        'TARIFF_FILE_NO_HEADER',
        file,
        1,
        1,
        'warning',
        'no header line',
        'Write the column names, or remove it.',
      ),
    );
  header?.values.forEach((name, i) => {
    if (!columns.has(name)) columns.set(name, i);
    else if (name !== '') {
      const at = columnOf(lineAt(header.line), i);
      problems.push(
        problem(
          'TARIFF_FILE_COLUMN_TWICE',
          file,
          header.line,
          at,
          'error',
          `column ${name} occurs twice`,
          'Remove one of the two.',
        ),
      );
    }
  });
  const rows = records.slice(1);
  const table: CsvTable = {
    file,
    columns,
    rows,
    problemAt(code, row, column, severity, message, howToMend) {
      const line = row?.line ?? header?.line ?? 1;
      const at = column === null ? 1 : table.positionOf(line, column);
      return problem(code, file, line, at, severity, message, howToMend);
    },
    positionOf(line, column) {
      const position = columns.get(column);
      return position === undefined ? 1 : columnOf(lineAt(line), position);
    },
  };
  checkWidths(table, header?.values.length ?? 0, problems);
  return { table, problems };
}

function problem(
  code: FileProblemCode,
  file: string,
  line: number,
  column: number,
  severity: FileProblem['severity'],
  message: string,
  howToMend: string,
): FileProblem {
  return { code, file, line, column, severity, message, howToMend };
}

function decode(file: string, bytes: Uint8Array, problems: FileProblem[]): string | undefined {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    const { line, column } = firstOutsideUtf8(bytes);
    problems.push(
      problem('TARIFF_FILE_NOT_UTF8', file, line, column, 'error', 'the file is not UTF-8', SAVE_AS_UTF8),
    );
    return undefined;
  }
  return isTable(file, text, problems) ? text : undefined;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** Text that could be a table: without characters that no text has, its values separated by commas. */
function isTable(file: string, text: string, problems: FileProblem[]): boolean {
  const at = text.search(CONTROL);
  if (at >= 0) {
    const before = text.slice(0, at).split('\n');
    const column = (before.at(-1)?.length ?? 0) + 1;
    const code = text.charCodeAt(at).toString(16).padStart(4, '0');
    const message = `a character that no text has: U+${code.toUpperCase()}`;
    const mend = 'Remove it; the file may be damaged, or none of text.';
    problems.push(problem('TARIFF_FILE_LINE', file, before.length, column, 'error', message, mend));
    return false;
  }
  const header = text.trimStart().split(/[\r\n]/, 1)[0] ?? '';
  // Between two names: spaces and tabs around the only column of a file are around it, with or without quotes.
  const names = header.replace(/[\s"]+$/, '');
  const separator = names.includes(',') ? null : /[;\t|]/.exec(names)?.[0];
  if (!separator) return true;
  const message = `values are separated by ${separator === '\t' ? 'tabs' : separator}`;
  const mend = 'Separate them by commas.';
  problems.push(problem('TARIFF_FILE_LINE', file, 1, header.indexOf(separator) + 1, 'error', message, mend));
  return false;
}

interface CsvParseError {
  readonly lines?: number;
  readonly message: string;
}

function split(file: string, text: string, problems: FileProblem[]): CsvRow[] {
  try {
    const records = parse(text, {
      bom: true,
      trim: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      // Told, else the first line's ending would be taken for that of all.
      record_delimiter: ['\r\n', '\n', '\r'],
      max_record_size: 1_000_000,
      to: ROWS_MAX,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return records.map(({ record, info }) => ({
      // `lines` counts to the record's end: step back over line breaks inside quotes.
      line:
        info.lines - record.reduce((sum, v) => sum + (v.includes('\n') ? v.split('\n').length - 1 : 0), 0),
      values: record,
    }));
  } catch (error) {
    const { lines, message } = error as CsvParseError;
    problems.push(
      problem(
        'TARIFF_FILE_LINE',
        file,
        lines ?? 1,
        1,
        'error',
        `not a CSV line: ${message.slice(0, 160)}`,
        'Put values with commas or quotes into double quotes, and double each quote inside.',
      ),
    );
    return [];
  }
}

function checkWidths(table: CsvTable, width: number, problems: FileProblem[]): void {
  let reported = 0;
  for (const row of table.rows) {
    if (row.values.length === width || reported === 20) continue;
    const extra = row.values.slice(width).some((v) => v !== '');
    if (row.values.length > width && !extra) continue;
    reported++;
    problems.push(
      table.problemAt(
        'TARIFF_FILE_VALUES',
        row,
        null,
        extra ? 'error' : 'warning',
        `${row.values.length} values under ${width} columns`,
        extra
          ? 'Quote the value that holds a comma, or add the column.'
          : 'Missing values are read as empty.',
      ),
    );
  }
}

/** Character position of the n-th cell in a line; only computed for problems. */
function columnOf(source: string, cell: number): number {
  let quoted = false;
  let seen = 0;
  for (let i = 0; i < source.length && seen < cell; i++) {
    if (source[i] === '"') quoted = !quoted;
    else if (source[i] === ',' && !quoted && ++seen === cell) return i + 2;
  }
  return 1;
}
