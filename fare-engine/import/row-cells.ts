/** Reads cells of one row of an import, and notes what is wrong with them. Pure. */
import { minorUnitDigits } from '#contracts/money.ts';
import { COUNTED_FROM_MS_MAX, COUNTED_FROM_MS_MIN, FARE_AT_MS_MIN } from '#pricing/fare-day.ts';
import {
  amountCell,
  type ImportFile,
  type ImportRow,
  type ImportTerms,
  instantCell,
  tokenCell,
} from './import-files.ts';
import { type ImportProblem, type ImportProblemCode, shown } from './problems.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

export type Cells = Readonly<Record<string, string>>;

/** The base of what reads whole rows. */
export class CellReader {
  readonly problems: ImportProblem[] = [];
  protected readonly file: ImportFile;
  protected readonly line: number;
  protected readonly cells: Cells;
  protected readonly terms: ImportTerms;

  constructor(file: ImportFile, line: number, cells: Cells, terms: ImportTerms) {
    this.file = file;
    this.line = line;
    this.cells = cells;
    this.terms = terms;
  }

  protected row(more: Partial<ImportRow>): ImportRow {
    return { ...this.nobodys(), accountId: this.name('account_id'), ...more };
  }

  protected nobodys(): ImportRow {
    return {
      file: this.file,
      line: this.line,
      id: null,
      accountId: null,
      ref: null,
      fromMs: null,
      untilMs: null,
      amountMinor: null,
      currency: null,
      evidenceSha256: null,
      reason: null,
      scope: null,
    };
  }

  protected cell(column: string): string {
    return this.cells[column] ?? '';
  }

  protected name(column: string): string {
    const text = this.cell(column);
    if (!NAME.test(text))
      this.fail(
        'IMPORT_VALUE',
        column,
        `${shown(text)} is no id`,
        'Write letters, digits, _ . - and begin with a letter or digit, 128 at most.',
      );
    return text;
  }

  protected token(): string {
    const read = tokenCell(this.cells, this.terms.tokenOf);
    if (typeof read === 'string') return read;
    this.fail('IMPORT_VALUE', read.column, read.message, read.howToMend);
    return '';
  }

  protected instant(column: string): number {
    const ms = instantCell(this.cell(column), this.terms.zone);
    if (ms === undefined)
      this.fail(
        'IMPORT_VALUE',
        column,
        `${shown(this.cell(column))} is no instant`,
        'Write 2026-12-01, 2026-12-01 07:30 (local time), or a time with a zone.',
      );
    return ms ?? 0;
  }

  /** When something was counted: a day that rides may have, and so has the window that it falls into. */
  protected counted(column: string): number {
    return this.within(
      column,
      FARE_AT_MS_MIN,
      'no day of a ride',
      'Write the day or instant at which it was.',
    );
  }

  /** From when a pass holds: by the rule of the command that sells one. */
  protected beginning(column: string): number {
    const howToMend = 'Write the day or instant from which it is valid: 1970-01-01 at the earliest.';
    return this.within(column, COUNTED_FROM_MS_MIN, 'no day of the calendar of passes', howToMend);
  }

  private within(column: string, minMs: number, fault: string, howToMend: string): number {
    const problems = this.problems.length;
    const ms = this.instant(column);
    if (ms >= minMs && ms <= COUNTED_FROM_MS_MAX) return ms;
    if (this.problems.length === problems)
      this.fail('IMPORT_VALUE', column, `${shown(this.cell(column))} is ${fault}`, howToMend);
    return minMs;
  }

  /** When something was done: counted, and not ahead of the city's time. */
  protected past(column: string): number {
    const ms = this.counted(column);
    if (ms > this.terms.nowMs)
      this.fail(
        'IMPORT_VALUE',
        column,
        `${shown(this.cell(column))} is still to come`,
        'Write when it was, with the zone if the time is not local; or leave the row out until it has been.',
      );
    return ms;
  }

  protected interval(): { fromMs: number; untilMs: number | null } {
    const fromMs = this.instant('valid_from');
    const untilMs = this.cell('valid_until') === '' ? null : this.instant('valid_until');
    if (this.problems.length === 0 && untilMs !== null && untilMs <= fromMs)
      this.fail(
        'IMPORT_VALUE',
        'valid_until',
        'not after valid_from',
        'It is the first instant at which it holds no more.',
      );
    return { fromMs, untilMs };
  }

  protected currency(): string {
    const { currency } = this.terms;
    const said = this.cell('currency');
    if (said !== '' && said !== currency)
      this.fail(
        'IMPORT_VALUE',
        'currency',
        `${shown(said)} is not the city’s currency`,
        `Write ${currency}, or leave it out.`,
      );
    return currency;
  }

  protected amount(column: string, currency: string): string {
    const minor = amountCell(this.cell(column), currency);
    if (minor === undefined)
      this.fail(
        'IMPORT_VALUE',
        column,
        `${shown(this.cell(column))} is no amount`,
        `Write ${currency} with at most ${minorUnitDigits(currency)} decimals, like -12.50; below 100,000,000.`,
      );
    return (minor ?? 0n).toString();
  }

  /** Whether something was said of a cell already. */
  protected isWrong(column: string): boolean {
    return this.problems.some((problem) => problem.column === column);
  }

  protected fail(code: ImportProblemCode, column: string, message: string, howToMend: string): void {
    this.problems.push({ code, file: this.file, line: this.line, column, message, howToMend });
  }
}
