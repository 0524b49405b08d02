/** Reads a CSV file of people's row by row, in bounded memory: comma or semicolon, with or without a byte order mark. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';
import type { ImportProblem } from '../import/problems.ts';

/** Longest line of a file in bytes: no row of these files is a tenth of it. */
const LINE_BYTES_MAX = 16_384;
const COLUMNS_MAX = 50;
/** What may be the name of a column, and is shown as one. */
const NAME = /^[A-Za-z][A-Za-z_ ?-]{0,39}$/;

/** What comes of reading a table. */
export interface TableRead {
  readonly rows: number;
  /** SHA-256 of the file's bytes, hex. */
  readonly sha256: string;
}

export interface TableForm {
  readonly file: string;
  /** Columns in any order; `name?` may be left out. */
  readonly columns: readonly string[];
}

/**
 * Calls `onRow` for each row with its cells, trimmed, by column. Lines that are no row are problems, and so is a header
 * that does not fit: then no row is read.
 * @throws Error as node:fs does, where the file cannot be read.
 */
export async function readImportTable(
  path: string,
  { file, columns }: TableForm,
  onRow: (line: number, cells: Readonly<Record<string, string>>) => Promise<void> | void,
  onProblem: (problem: ImportProblem) => void,
): Promise<TableRead> {
  const hash = createHash('sha256');
  const bad = (
    code: ImportProblem['code'],
    line: number,
    column: string | null,
    message: string,
    howToMend: string,
  ) => onProblem({ code, file, line, column, message, howToMend });
  let header: readonly string[] | undefined;
  let usable = true;
  let broken = false;
  let rows = 0;
  const parser = parse({
    bom: true,
    delimiter: await delimiterOf(path),
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
    max_record_size: LINE_BYTES_MAX,
  });
  const bytes = createReadStream(path);
  bytes.on('data', (chunk) => hash.update(chunk));
  bytes.on('error', (error) => parser.destroy(error));
  bytes.pipe(parser);
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[];
      info: { lines: number };
    }>) {
      const line = info.lines;
      if (header === undefined) {
        header = record;
        const problems = headerProblems(record, columns);
        usable = problems.length === 0;
        for (const [column, message, mend] of problems) bad('IMPORT_COLUMNS', line, column, message, mend);
        continue;
      }
      if (!usable) continue;
      rows++;
      if (record.length !== header.length)
        bad(
          'IMPORT_FILE',
          line,
          null,
          `${record.length} values, the header has ${header.length}`,
          'Give each line a value for each column.',
        );
      else if (record.some((cell) => cell.includes('\uFFFD')))
        bad('IMPORT_FILE', line, null, 'not UTF-8', 'Save the file as UTF-8.');
      else await onRow(line, Object.fromEntries(header.map((column, i) => [column, record[i] ?? ''])));
    }
  } catch (error) {
    const { code, lines = 0, message } = error as { code?: string; lines?: number; message: string };
    if (!code?.startsWith('CSV_')) throw error;
    broken = true;
    bad(
      'IMPORT_FILE',
      lines,
      null,
      `not CSV: ${message.slice(0, 120)}`,
      'Mend the quotes or the length of this line; nothing after it was read.',
    );
  }
  bytes.destroy();
  if (header === undefined && !broken)
    bad('IMPORT_FILE', 1, null, 'the file is empty', 'Write a line of column names, or leave the file out.');
  return { rows, sha256: hash.digest('hex') };
}

/** By the first line: whichever of the two occurs more often. */
async function delimiterOf(path: string): Promise<',' | ';'> {
  let text = '';
  for await (const chunk of createReadStream(path, { end: LINE_BYTES_MAX - 1, encoding: 'utf8' }))
    text += chunk;
  const line = text.split('\n', 1)[0] ?? '';
  return line.split(';').length > line.split(',').length ? ';' : ',';
}

function headerProblems(
  header: readonly string[],
  columns: readonly string[],
): [string | null, string, string][] {
  const names = columns.map((column) => column.replace('?', ''));
  const missing = columns.filter((column) => !column.endsWith('?') && !header.includes(column));
  const unknown = header.filter((column) => !names.includes(column)).slice(0, COLUMNS_MAX);
  const twice = header.filter((column, i) => header.indexOf(column) !== i).slice(0, COLUMNS_MAX);
  const all = `The columns are ${names.join(', ')}.`;
  // A file without its line of names has a row there: a card's number would be shown for a name.
  const named = (column: string) => (NAME.test(column) ? column : null);
  return [
    ...missing.map((column): [string, string, string] => [column, 'the column is missing', `Add it. ${all}`]),
    ...unknown.map((column): [string | null, string, string] => [
      named(column),
      named(column) === null ? 'a column whose name is none' : 'a column that is not known',
      `Remove it. ${all}`,
    ]),
    ...twice.map((column): [string | null, string, string] => [
      named(column),
      'the column occurs twice',
      'Remove one of the two.',
    ]),
  ];
}
