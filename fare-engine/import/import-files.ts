/**
 * The files of an import: their columns, and from the text of a row to what is brought over. Pure. docs/IMPORT.md describes
 * them for people. Every cell is read strictly: what is not understood is named, never guessed.
 */
import { minorUnitDigits } from '#contracts/money.ts';
import { parseAmount, parseZonedInstant } from '#pricing/gtfs/cells.ts';
import { getZone } from '#pricing/local-time.ts';
import type { ImportProblem } from './problems.ts';

/** In the order in which they are read: accounts first, for the others name them. */
export const IMPORT_FILES = [
  'accounts.csv',
  'media.csv',
  'balances.csv',
  'passes.csv',
  'entitlements.csv',
  'quotas.csv',
  'uses.csv',
  'caps.csv',
  'rides.csv',
  'denials.csv',
] as const;
export type ImportFile = (typeof IMPORT_FILES)[number];

/** Their rows become rights, or words about what was counted, which are kept as rights are. */
export const RIGHT_FILES = [
  'entitlements.csv',
  'quotas.csv',
  'uses.csv',
  'caps.csv',
  'rides.csv',
] as const satisfies readonly ImportFile[];

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
  'quotas.csv': ['account_id', 'concession_id', 'period_from', 'rides', 'amount?', 'currency?'],
  'uses.csv': ['account_id', 'pass_id', 'rides', 'first_used'],
  'caps.csv': ['account_id', 'cap_id', 'period_from', 'amount?', 'currency?', 'rides?'],
  'rides.csv': ['account_id', 'at', 'route_id', 'stop_id?', 'vehicle_id?', 'transfers?', 'first_at?'],
  'denials.csv': [...MEDIUM_COLUMNS, 'reason', 'scope?', 'valid_from', 'valid_until?'],
};

/** A row as it is staged. What a file has no column for is `null`. */
export interface ImportRow {
  readonly file: ImportFile;
  readonly line: number;
  /** Id of the pass or entitlement. */
  readonly id: string | null;
  /** `null` = a medium's, whoever has it. */
  readonly accountId: string | null;
  /** Token, product or concession. */
  readonly ref: string | null;
  readonly fromMs: number | null;
  readonly untilMs: number | null;
  /** Digits, a minus before a debt. */
  readonly amountMinor: string | null;
  readonly currency: string | null;
  /** Hex. */
  readonly evidenceSha256: string | null;
  /** Of a denial. */
  readonly reason: string | null;
  readonly scope: string | null;
}

/** A product that can be held, and whether use so far matters to it. */
export interface HeldProduct {
  /** Rides or first use are counted: only an unused one can be brought over. */
  readonly counted: boolean;
}

export type QuotaWindow = 'day' | 'week' | 'month';

/** A cap, and the window or the day of one that an instant begins; `undefined` = it begins none. */
export interface CountedCap {
  readonly basis: 'amount' | 'rides';
  /** First instant after the window in which what was spent counts. */
  untilMs(fromMs: number): number | undefined;
}

/** What rows are read by. */
export interface ImportTerms {
  readonly zone: string;
  readonly currency: string;
  /** The city's time: what is said to have been before is not after it. */
  readonly nowMs: number;
  /** Passes and carnets of all packages of the city. */
  readonly products: ReadonlyMap<string, HeldProduct>;
  readonly concessions: ReadonlySet<string>;
  /** Window of those concessions that have a quota. */
  readonly quotas: ReadonlyMap<string, QuotaWindow>;
  readonly caps: ReadonlyMap<string, CountedCap>;
  readonly routes: ReadonlySet<string>;
  /** Absent = no token key was given. */
  readonly tokenOf?: TokenOf;
}

const TOKEN = /^k[0-9]{1,4}\.[0-9a-f]{32}$/;
const LOCAL = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?))?$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/;
/** A hundred million of a currency with two decimals. */
const MINOR_MAX = 10_000_000_000n;

/** An instant: a local date (its first instant), a local time, or a time with a zone. `undefined` = none. */
export function instantCell(text: string, zone: string): number | undefined {
  const local = LOCAL.exec(text);
  if (local) {
    const [, day = '', time = '00:00'] = local;
    const wallMs = TIME.test(time) ? parseZonedInstant(`${day}T${time}Z`) : undefined;
    return wallMs === undefined ? undefined : getZone(zone).instantMs(wallMs);
  }
  return parseZonedInstant(text);
}

/**
 * Decimals with a point or a comma, to minor units; `undefined` = no amount of this currency. One with more decimals than the currency has
 * is none, noughts too: `1,500` may be fifteen hundred.
 */
export function amountCell(text: string, currency: string): bigint | undefined {
  const read = parseAmount(text.replace(',', '.'), currency);
  if (!read.ok || read.digits > minorUnitDigits(currency)) return undefined;
  if (read.amountMinor >= MINOR_MAX || read.amountMinor <= -MINOR_MAX) return undefined;
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
          // It may be a card's number that stands in the wrong column.
          message: 'not a token',
          howToMend: 'Write k1. and 32 hex digits; the number of a card belongs in medium_number.',
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
