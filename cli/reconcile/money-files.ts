/** The files of a day's money: CSV with exactly these columns, a statement also in camt.053 (docs/RECONCILIATION.md). */
import { readFileSync, statSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { OperatorError, systemCode } from '#platform/errors.ts';
import type { ClearingLine, ProviderLine, TillLine } from '../../fare-engine/bank/reconcile-bank.ts';
import { CamtProblem, type CamtStatement, looksLikeXml, readCamt053, referenceAmong } from './camt053.ts';

const BYTES_MAX = 64 * 1024 * 1024;
/** An XML file is held as a tree: some ten times its size. */
const XML_BYTES_MAX = 8 * 1024 * 1024;
const CELL = {
  date: /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/,
  kind: /^(clearing|refund|chargeback|chargeback-returned)$/,
  reference: /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/,
  /** What people write on money; most lines of a statement are nobody's whom the city knows. */
  words: /^\P{Cc}{0,500}$/u,
  minor: /^(0|[1-9]\d{0,14})$/,
  signed: /^(0|-?[1-9]\d{0,14})$/,
  currency: /^[A-Z]{3}$/,
} as const;

const COLUMNS = {
  clearing: {
    settled_on: CELL.date,
    kind: CELL.kind,
    reference: CELL.reference,
    amount_minor: CELL.minor,
    currency: CELL.currency,
    fee_minor: CELL.minor,
  },
  provider: {
    paid_on: CELL.date,
    reference: CELL.reference,
    amount_minor: CELL.signed,
    currency: CELL.currency,
    fee_minor: CELL.minor,
  },
  tills: { till: CELL.reference, day: CELL.date, amount_minor: CELL.signed, currency: CELL.currency },
  statement: {
    booked_on: CELL.date,
    reference: CELL.words,
    amount_minor: CELL.signed,
    currency: CELL.currency,
  },
} as const;

type Cells = Readonly<Record<string, string>>;

/** @throws OperatorError RECONCILE_FILE_INVALID naming file, line and column. */
export function readClearing(file: string): ClearingLine[] {
  return rowsOf(file, COLUMNS.clearing).map((cells, at) => ({
    ...common(cells, at),
    settledOn: cells['settled_on'] ?? '',
    kind: cells['kind'] as ClearingLine['kind'],
    feeMinor: BigInt(cells['fee_minor'] ?? 0),
  }));
}

/** @throws OperatorError RECONCILE_FILE_INVALID */
export function readProvider(file: string): ProviderLine[] {
  return rowsOf(file, COLUMNS.provider).map((cells, at) => ({
    ...common(cells, at),
    paidOn: cells['paid_on'] ?? '',
    feeMinor: BigInt(cells['fee_minor'] ?? 0),
  }));
}

/** @throws OperatorError RECONCILE_FILE_INVALID */
export function readTills(file: string): TillLine[] {
  return rowsOf(file, COLUMNS.tills).map((cells, at) => ({
    ...common(cells, at),
    reference: cells['till'] ?? '',
    day: cells['day'] ?? '',
  }));
}

/**
 * CSV as documented, or camt.053.
 * @throws OperatorError RECONCILE_FILE_INVALID
 */
export function readStatement(file: string): CamtStatement {
  const xml = xmlOf(file);
  if (xml !== null) {
    try {
      return readCamt053(xml);
    } catch (error) {
      if (error instanceof CamtProblem) throw invalid(file, error.line, error.message);
      throw error;
    }
  }
  const lines = rowsOf(file, COLUMNS.statement).map((cells, at) => ({
    ...common(cells, at),
    reference: statementReference(cells['reference'] ?? ''),
    bookedOn: cells['booked_on'] ?? '',
  }));
  return { lines, unmatched: [] };
}

/** A bare reference as it stands; of other words what in them names whose money it is. */
function statementReference(text: string): string {
  return CELL.reference.test(text) ? text : referenceAmong([text]);
}

/** The text of an XML file; `null` = it is something else. */
function xmlOf(file: string): string | null {
  const bytes = bytesOf(file);
  if (!looksLikeXml(bytes.subarray(0, 1024))) return null;
  if (bytes.length > XML_BYTES_MAX) throw invalid(file, 1, `XML of more than ${XML_BYTES_MAX} bytes`);
  return textOf(file, bytes);
}

/** A reference in another encoding would be held against nothing, in silence. */
function textOf(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid(file, 1, 'it is not UTF-8');
  }
}

function common(cells: Cells, at: number) {
  return {
    line: at + 2,
    reference: cells['reference'] ?? '',
    amountMinor: BigInt(cells['amount_minor'] ?? 0),
    currency: cells['currency'] ?? '',
  };
}

function rowsOf(file: string, columns: Readonly<Record<string, RegExp>>): Cells[] {
  const [head, ...rows] = tableOf(file);
  const names = Object.keys(columns);
  if (head?.join(',') !== names.join(',')) throw invalid(file, 1, `the header has to be ${names.join(',')}`);
  return rows.map((row, at) => {
    if (row.length !== names.length)
      throw invalid(file, at + 2, `${row.length} columns where ${names.length} are needed`);
    names.forEach((name, column) => {
      if (!(columns[name] as RegExp).test(row[column] as string))
        throw invalid(file, at + 2, `${name} is ${JSON.stringify((row[column] as string).slice(0, 60))}`);
    });
    return Object.fromEntries(names.map((name, column) => [name, row[column] as string]));
  });
}

function tableOf(file: string): string[][] {
  const text = textOf(file, bytesOf(file));
  try {
    return parse(text, { bom: true, relax_column_count: true, skip_empty_lines: true }) as string[][];
  } catch (error) {
    throw invalid(file, 1, (error as Error).message);
  }
}

function bytesOf(file: string): Buffer {
  try {
    if (statSync(file).size > BYTES_MAX) throw invalid(file, 1, `more than ${BYTES_MAX} bytes`);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw unreadable(file, systemCode(error) ?? (error as Error).message);
  }
}

function unreadable(file: string, why: string): OperatorError {
  return new OperatorError({
    code: 'RECONCILE_FILE_UNREADABLE',
    happened: `${file} cannot be read (${why}).`,
    kept: 'Nothing was compared, and nothing is ever changed by it.',
    todo: 'Name a file that is there and may be read.',
  });
}

function invalid(file: string, line: number, problem: string): OperatorError {
  return new OperatorError({
    code: 'RECONCILE_FILE_INVALID',
    happened: `${file}, line ${line}: ${problem}.`,
    kept: 'Nothing was compared, and nothing is ever changed by it.',
    todo: 'Give the file in the form of docs/RECONCILIATION.md.',
  });
}
