/** Rows of taps, decisions and postings as COPY writes them, in the order of the columns that are asked for here. */
import type { PricedTap } from '../facts/facts.ts';
import type { Names } from './names.ts';

/** The first two say to whom the row goes; see home.ts. */
export const TAP_COLUMNS = `tap_id, token_id, device_id, medium_kind, direction, companions, bags, fare_at_ms, uncertainty_ms,
  belief_vehicle_id, belief_route_id, belief_trip_id, belief_direction_id, stop_id, stop_unsure, pass_back_of, known_from_ms`;

export const DECISION_COLUMNS = `tap_id, revision, account_id, kind, carrier_id, funding_id, currency, gross_minor,
  rider_minor, transfer_minor, concession_minor, pass_minor, cap_minor, loss_minor, penalty, concession_id, claim_ride,
  vehicle_id, route_id`;

/** By what steps are compared: a further column, the last, for whoever asks for them. It is a third of a decision's bytes. */
export const REASONS_COLUMN = 'line_sha256';

export const POSTING_COLUMNS = 'tap_id, debit_account, credit_account, amount_minor, currency';

/** A line among the bytes of others, from a place on until the newline. */
export interface RowBytes {
  readonly bytes: Buffer;
  readonly at: number;
}

/** Cells of a line; `\N` = null. */
export type Cells = readonly string[];

const TAB = 9;
const NEWLINE = 10;
const SPACE = 32;
const MINUS = 45;
const ZERO = 48;
const UPPER_N = 78;
const BACKSLASH = 92;
const LOWER_T = 116;
const ASCII_MAX = 127;
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** A cell that is not null. */
export function textOf(cell: string): string {
  if (!cell.includes('\\')) return cell;
  return cell.replaceAll(/\\(.)/gs, (_, sign: string) => ESCAPES[sign] ?? sign);
}

/** A cell that may be null. */
export function maybeText(cell: string): string | null {
  return cell === '\\N' ? null : textOf(cell);
}

/** The line alone, in memory of its own. */
export function aloneOf({ bytes, at }: RowBytes): RowBytes {
  return { bytes: Buffer.from(bytes.subarray(at, bytes.indexOf(NEWLINE, at) + 1)), at: 0 };
}

export function cellsOf({ bytes, at }: RowBytes): string[] {
  return bytes.toString('utf8', at, bytes.indexOf(NEWLINE, at)).split('\t');
}

/** Reads a line cell by cell. */
export class RowReader {
  private readonly bytes: Buffer;
  private at: number;

  constructor({ bytes, at }: RowBytes) {
    this.bytes = bytes;
    this.at = at;
  }

  text(): string {
    const { bytes, at } = this;
    const end = this.next();
    return textOf(bytes.toString('utf8', at, end));
  }

  maybe(): string | null {
    return this.isNull() ? null : this.text();
  }

  /** A text of which there are few, again and again. */
  name(names: Names): string {
    const { bytes, at } = this;
    return names.of(bytes, at, this.next());
  }

  maybeName(names: Names): string | null {
    return this.isNull() ? null : this.name(names);
  }

  whole(): number {
    const { bytes } = this;
    const isBelowZero = bytes[this.at] === MINUS;
    let found = 0;
    let at = isBelowZero ? this.at + 1 : this.at;
    for (let code = bytes[at] as number; code > NEWLINE; code = bytes[++at] as number)
      found = found * 10 + code - ZERO;
    this.at = at + 1;
    return isBelowZero ? -found : found;
  }

  maybeWhole(): number | null {
    return this.isNull() ? null : this.whole();
  }

  isTrue(): boolean {
    const is = this.bytes[this.at] === LOWER_T;
    this.at += 2;
    return is;
  }

  skip(): void {
    this.next();
  }

  /**
   * Whether the next cell is this text, sign by sign; it is left behind if it is. A sign that is escaped or takes several bytes is never
   * found the same: `false` is no proof.
   */
  is(value: string | null): boolean {
    const { bytes } = this;
    let { at } = this;
    const text = value ?? '\\N';
    for (let i = 0; i < text.length; i++, at++) {
      const code = text.charCodeAt(i);
      if (code !== bytes[at] || code < SPACE || code > ASCII_MAX) return false;
      // Alone in a cell it would begin an escape, or be the null.
      if (code === BACKSLASH && value !== null) return false;
    }
    this.at = at + 1;
    return bytes[at] === TAB || bytes[at] === NEWLINE;
  }

  /** Whether one cell is left. */
  isLast(): boolean {
    this.skip();
    return this.isAtEnd();
  }

  /** Whether no cell is left. */
  isAtEnd(): boolean {
    return this.bytes[this.at - 1] === NEWLINE;
  }

  /** Goes on to the next cell; returns where this one ends. */
  private next(): number {
    const { bytes } = this;
    let { at } = this;
    while (bytes[at] !== TAB && bytes[at] !== NEWLINE) at++;
    this.at = at + 1;
    return at;
  }

  private isNull(): boolean {
    const { bytes, at } = this;
    if (bytes[at] !== BACKSLASH || bytes[at + 1] !== UPPER_N) return false;
    this.at = at + 3;
    return true;
  }
}

/** The first cell of a row: the tap that it is about. */
export function firstText(row: RowBytes): string {
  return new RowReader(row).text();
}

/** The how manyth decision of its tap a row of {@link DECISION_COLUMNS} is. */
export function revisionOf(row: RowBytes): number {
  const cells = new RowReader(row);
  cells.skip();
  return cells.whole();
}

/** The token of a tap's row. */
export function tokenOfTap(row: RowBytes): string {
  const cells = new RowReader(row);
  cells.skip();
  return cells.text();
}

/** What a price needs of a tap; whose token it is, its number says. */
export type RowTap = Omit<PricedTap, 'tokenId'>;

/** A tap of {@link TAP_COLUMNS}. */
export function tapOfRow(row: RowBytes, fareDay: string, names: Names): RowTap {
  const cells = new RowReader(row);
  const tapId = cells.text();
  cells.skip();
  return {
    tapId,
    deviceId: cells.name(names),
    mediumKind: cells.name(names) as PricedTap['mediumKind'],
    direction: cells.maybeName(names) as PricedTap['direction'],
    companions: cells.whole(),
    bags: cells.whole(),
    fareDay,
    fareAtMs: cells.whole(),
    uncertaintyMs: cells.whole(),
    belief: {
      vehicleId: cells.maybeName(names),
      routeId: cells.maybeName(names),
      tripId: cells.maybeName(names),
      directionId: cells.maybeWhole() as 0 | 1 | null,
    },
    stopId: cells.maybeName(names),
    stopUnsure: cells.isTrue(),
    passBackOf: cells.maybe(),
    receivedAtMs: cells.whole(),
  };
}
