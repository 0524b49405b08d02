/**
 * The files of an import: their columns, and from the text of a row to what is brought over. Pure. docs/IMPORT.md describes
 * them for people. Every cell is read strictly: what is not understood is named, never guessed.
 */
import { minorUnitDigits } from '#contracts/money.ts';
import { parseAmount, parseIsoDate } from '#pricing/gtfs/cells.ts';
import { getZone } from '#pricing/local-time.ts';
import type { ImportProblem, ImportProblemCode } from './problems.ts';

/** In the order in which they are read: accounts first, for the others name them. */
export const IMPORT_FILES = [
  'accounts.csv',
  'media.csv',
  'balances.csv',
  'passes.csv',
  'entitlements.csv',
] as const;
export type ImportFile = (typeof IMPORT_FILES)[number];

/** The columns of a medium. */
export const MEDIUM_COLUMNS = ['token_id?', 'medium_number?', 'number_kind?'] as const;

/** Columns; those with `?` may be left out. */
export const IMPORT_COLUMNS: Readonly<Record<ImportFile, readonly string[]>> = {
  'accounts.csv': ['account_id'],
  'media.csv': ['account_id', ...MEDIUM_COLUMNS, 'valid_from', 'valid_until?'],
  'balances.csv': ['account_id', 'amount', 'currency?'],
  'passes.csv': [
    'pass_id',
    'account_id',
    'fare_product_id',
    'valid_from',
    'prepaid?',
    'currency?',
    'unused?',
  ],
  'entitlements.csv': [
    'entitlement_id',
    'account_id',
    'concession_id',
    'valid_from',
    'valid_until?',
    'evidence_sha256',
  ],
};

/** A row as it is staged. What a file has no column for is `null`. */
export interface ImportRow {
  readonly file: ImportFile;
  readonly line: number;
  /** Id of the pass or entitlement. */
  readonly id: string | null;
  readonly accountId: string;
  /** Token, product or concession. */
  readonly ref: string | null;
  readonly fromMs: number | null;
  readonly untilMs: number | null;
  /** Digits, a minus before a debt. */
  readonly amountMinor: string | null;
  readonly currency: string | null;
  /** Hex. */
  readonly evidenceSha256: string | null;
}

/** A product that can be held, and whether use so far matters to it. */
export interface HeldProduct {
  /** Rides or first use are counted: only an unused one can be brought over. */
  readonly counted: boolean;
}

/** What rows are read by. */
export interface ImportTerms {
  readonly zone: string;
  readonly currency: string;
  /** Passes and carnets of all packages of the city. */
  readonly products: ReadonlyMap<string, HeldProduct>;
  readonly concessions: ReadonlySet<string>;
  /** Absent = no token key was given. */
  readonly tokenOf?: TokenOf;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const TOKEN = /^k[0-9]{1,4}\.[0-9a-f]{32}$/;
const SHA256 = /^[0-9a-fA-F]{64}$/;
const LOCAL = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?))?$/;
const ZONED = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/;
/** A hundred million of a currency with two decimals. */
const MINOR_MAX = 10_000_000_000n;

/** An instant: a local date (its first instant), a local time, or a time with a zone. `undefined` = none. */
export function instantCell(text: string, zone: string): number | undefined {
  const local = LOCAL.exec(text);
  if (local) {
    const [, day = '', time = '00:00'] = local;
    if (parseIsoDate(day) === undefined || !TIME.test(time)) return undefined;
    return getZone(zone).instantMs(Date.parse(`${day}T${time}Z`));
  }
  if (!ZONED.test(text) || parseIsoDate(text.slice(0, 10)) === undefined) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Decimals with a point or a comma, to minor units; `undefined` = no amount of this currency. */
export function amountCell(text: string, currency: string): bigint | undefined {
  const read = parseAmount(text.replace(',', '.'), currency);
  if (!read.ok || read.amountMinor >= MINOR_MAX || read.amountMinor <= -MINOR_MAX) return undefined;
  return read.amountMinor;
}

type Cells = Readonly<Record<string, string>>;

/** The token of a number of a medium, in hex digits; `kind` as in the column number_kind. `undefined` = it is no number. */
export type TokenOf = (number: string, kind: string) => string | undefined;

/** A medium's token, given or made of its number; else what is wrong. A number stands in no message. */
export function tokenCell(
  cells: Cells,
  tokenOf: TokenOf | undefined,
): string | (Pick<ImportProblem, 'message' | 'howToMend'> & { readonly column: string }) {
  const { token_id: token = '', medium_number: number = '', number_kind: kind = '' } = cells;
  if ((token === '') === (number === ''))
    return {
      column: 'token_id',
      message: 'a medium has a token or a number, one of both',
      howToMend: 'Fill token_id, or medium_number and give --token-key.',
    };
  if (token !== '')
    return TOKEN.test(token)
      ? token
      : {
          column: 'token_id',
          message: `${shown(token)} is no token`,
          howToMend: 'Write k1. and 32 hex digits.',
        };
  if (tokenOf === undefined)
    return {
      column: 'medium_number',
      message: 'a number without a key',
      howToMend: 'Give the token key: --token-key FILE.',
    };
  return (
    tokenOf(number, kind) ?? {
      column: 'medium_number',
      message: 'not the number of a medium of this kind',
      howToMend: 'Write its bytes in hex digits, 16 of them where number_kind is empty; see docs/IMPORT.md.',
    }
  );
}

/** Reads one row; all its problems at once. */
export function readImportRow(
  file: ImportFile,
  line: number,
  cells: Cells,
  terms: ImportTerms,
): { readonly row: ImportRow } | { readonly problems: readonly ImportProblem[] } {
  const reader = new RowReader(file, line, cells, terms);
  const row = reader[READERS[file]]();
  return reader.problems.length > 0 ? { problems: reader.problems } : { row };
}

const READERS = {
  'accounts.csv': 'account',
  'media.csv': 'medium',
  'balances.csv': 'balance',
  'passes.csv': 'pass',
  'entitlements.csv': 'entitlement',
} as const;

class RowReader {
  readonly problems: ImportProblem[] = [];
  private readonly file: ImportFile;
  private readonly line: number;
  private readonly cells: Cells;
  private readonly terms: ImportTerms;

  constructor(file: ImportFile, line: number, cells: Cells, terms: ImportTerms) {
    this.file = file;
    this.line = line;
    this.cells = cells;
    this.terms = terms;
  }

  account(): ImportRow {
    return this.row({});
  }

  medium(): ImportRow {
    const ref = this.token();
    return this.row({ ref, ...this.interval() });
  }

  balance(): ImportRow {
    const currency = this.currency();
    return this.row({ currency, amountMinor: this.amount('amount', currency) });
  }

  pass(): ImportRow {
    const ref = this.cell('fare_product_id');
    const product = this.terms.products.get(ref);
    if (product === undefined)
      this.fail(
        'IMPORT_REFERENCE',
        'fare_product_id',
        `no tariff sells a pass or carnet ${shown(ref)}`,
        'Use an id of product-terms.yaml with kind pass or carnet.',
      );
    const unused = this.cell('unused');
    if (unused !== '' && unused !== 'yes' && unused !== 'no')
      this.fail(
        'IMPORT_VALUE',
        'unused',
        `${shown(unused)} is neither yes nor no`,
        'Write yes, no or nothing.',
      );
    if (product?.counted && unused !== 'yes')
      this.fail(
        'IMPORT_USED',
        'unused',
        `how much of ${shown(ref)} was used cannot be brought over`,
        'Bring over unused ones only (yes); give the worth of the others back as a balance.',
      );
    const currency = this.currency();
    const prepaid = this.cell('prepaid') === '' ? null : this.amount('prepaid', currency);
    if (prepaid?.startsWith('-'))
      this.fail(
        'IMPORT_VALUE',
        'prepaid',
        'a pass is not worth less than nothing',
        'Write what of its price is owed to carriers, or nothing.',
      );
    return this.row({
      id: this.name('pass_id'),
      ref,
      fromMs: this.instant('valid_from'),
      amountMinor: prepaid,
      currency,
    });
  }

  entitlement(): ImportRow {
    const ref = this.cell('concession_id');
    if (!this.terms.concessions.has(ref) && !/^residence:[A-Za-z0-9_.-]{1,64}$/.test(ref))
      this.fail(
        'IMPORT_REFERENCE',
        'concession_id',
        `no tariff knows the concession ${shown(ref)}`,
        'Use an id of concessions.yaml, or residence:<id>.',
      );
    const evidence = this.cell('evidence_sha256');
    if (!SHA256.test(evidence))
      this.fail(
        'IMPORT_VALUE',
        'evidence_sha256',
        'not the hash of the evidence',
        'Write SHA-256 of the register’s extract in 64 hex digits; never a diagnosis or a name.',
      );
    return this.row({
      id: this.name('entitlement_id'),
      ref,
      ...this.interval(),
      evidenceSha256: evidence.toLowerCase(),
    });
  }

  private row(more: Partial<ImportRow>): ImportRow {
    return {
      file: this.file,
      line: this.line,
      id: null,
      accountId: this.name('account_id'),
      ref: null,
      fromMs: null,
      untilMs: null,
      amountMinor: null,
      currency: null,
      evidenceSha256: null,
      ...more,
    };
  }

  private cell(column: string): string {
    return this.cells[column] ?? '';
  }

  private name(column: string): string {
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

  private token(): string {
    const read = tokenCell(this.cells, this.terms.tokenOf);
    if (typeof read === 'string') return read;
    this.fail('IMPORT_VALUE', read.column, read.message, read.howToMend);
    return '';
  }

  private instant(column: string): number {
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

  private interval(): { fromMs: number; untilMs: number | null } {
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

  private currency(): string {
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

  private amount(column: string, currency: string): string {
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

  private fail(code: ImportProblemCode, column: string, message: string, howToMend: string): void {
    this.problems.push({ code, file: this.file, line: this.line, column, message, howToMend });
  }
}

/** A cell in a sentence, bounded. */
function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
