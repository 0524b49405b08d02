/** What may be wrong with the files of a running system that are brought over. */

/** Code → meaning. */
export const IMPORT_PROBLEMS = {
  IMPORT_CONTRADICTS: 'the city already knows something else of it',
  IMPORT_FILE:
    'a file of no known name, one that is not UTF-8 CSV, or a line with more or fewer values than there are columns',
  IMPORT_COLUMNS: 'a required column is missing, twice, or not known',
  IMPORT_REFERENCE: 'an account, product or concession that is listed nowhere',
  IMPORT_TWICE: 'two rows say something of the same thing',
  IMPORT_USED: 'a holding whose rides are counted, without a word on whether and how often it was used',
  IMPORT_VALUE: 'a cell that is not of its column’s form',
} as const;
export type ImportProblemCode = keyof typeof IMPORT_PROBLEMS;

/** One bad row. */
export interface ImportProblem {
  readonly code: ImportProblemCode;
  readonly file: string;
  /** From 1; the header is line 1. */
  readonly line: number;
  /** Name of the column; `null` = the whole line. */
  readonly column: string | null;
  readonly message: string;
  readonly howToMend: string;
}

/** Most problems that are listed; the others are counted. */
export const IMPORT_PROBLEMS_MAX = 1000;

/** Problems of a whole import, bounded. */
export class ProblemList {
  readonly listed: ImportProblem[] = [];
  count = 0;

  add(...problems: readonly ImportProblem[]): void {
    this.count += problems.length;
    this.listed.push(...problems.slice(0, Math.max(0, IMPORT_PROBLEMS_MAX - this.listed.length)));
  }
}

/** `media.csv:12 valid_from: … → …  [IMPORT_VALUE]` */
export function formatImportProblem(problem: ImportProblem): string {
  const { code, file, line, column, message, howToMend } = problem;
  const at = column === null ? '' : ` ${column}`;
  return `${file}:${line}${at}: ${message} → ${howToMend} [${code}]`;
}

/** A cell in a sentence, bounded. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
