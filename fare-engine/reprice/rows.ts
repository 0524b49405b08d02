/** Rows of taps, decisions and postings as COPY writes them, in the order of the columns that are asked for here. */
import type { PricedTap } from '../facts/facts.ts';

/** The first two say to whom the row goes; see home.ts. */
export const TAP_COLUMNS = `tap_id, token_id, device_id, medium_kind, direction, companions, bags, fare_at_ms, uncertainty_ms,
  belief_vehicle_id, belief_route_id, belief_trip_id, belief_direction_id, stop_id, stop_unsure, pass_back_of, known_from_ms`;

export const DECISION_COLUMNS = `tap_id, account_id, kind, carrier_id, funding_id, currency, gross_minor, rider_minor,
  transfer_minor, concession_minor, pass_minor, cap_minor, loss_minor, penalty, concession_id, claim_ride, vehicle_id,
  route_id`;

/** By what steps are compared: a further column, the last, for whoever asks for them. It is a third of a decision's bytes. */
export const REASONS_COLUMN = 'line_sha256';

export const POSTING_COLUMNS = 'tap_id, debit_account, credit_account, amount_minor, currency';

/** A line that stands in a longer text, from a sign on until the newline. */
export interface RowText {
  readonly text: string;
  readonly at: number;
}

/** Cells of a line; `\N` = null. */
export type Cells = readonly string[];

const TAB = 9;
const NEWLINE = 10;
const MINUS = 45;
const ZERO = 48;
const BACKSLASH = 92;
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

/** The line alone, which keeps nothing else of the text in memory. */
export function aloneOf({ text, at }: RowText): RowText {
  const bytes = Buffer.from(text.slice(at, text.indexOf('\n', at) + 1), 'utf16le');
  return { text: bytes.toString('utf16le'), at: 0 };
}

export function cellsOf({ text, at }: RowText): string[] {
  return text.slice(at, text.indexOf('\n', at)).split('\t');
}

/** Reads a line cell by cell. */
export class RowReader {
  private readonly line: string;
  private at: number;

  constructor({ text, at }: RowText) {
    this.line = text;
    this.at = at;
  }

  text(): string {
    const { line, at } = this;
    const end = endOfCell(line, at);
    this.at = end + 1;
    return textOf(line.slice(at, end));
  }

  maybe(): string | null {
    return this.isNull() ? null : this.text();
  }

  whole(): number {
    const { line } = this;
    const isBelowZero = line.charCodeAt(this.at) === MINUS;
    let found = 0;
    let at = isBelowZero ? this.at + 1 : this.at;
    for (let code = line.charCodeAt(at); code > NEWLINE; code = line.charCodeAt(++at))
      found = found * 10 + code - ZERO;
    this.at = at + 1;
    return isBelowZero ? -found : found;
  }

  maybeWhole(): number | null {
    return this.isNull() ? null : this.whole();
  }

  isTrue(): boolean {
    const is = this.line.startsWith('t', this.at);
    this.at += 2;
    return is;
  }

  skip(): void {
    this.at = endOfCell(this.line, this.at) + 1;
  }

  /** Whether the next cell is this text, sign by sign; it is left behind. An escape is another sign, so `false` is no proof. */
  is(value: string | null): boolean {
    const { line, at } = this;
    const end = at + (value === null ? 2 : value.length);
    this.at = end + 1;
    if (!line.startsWith(value ?? '\\N', at)) return false;
    const after = line.charCodeAt(end);
    return after === TAB || after === NEWLINE;
  }

  /** Whether one cell is left. */
  isLast(): boolean {
    this.skip();
    return this.isAtEnd();
  }

  /** Whether no cell is left. */
  isAtEnd(): boolean {
    return this.line.charCodeAt(this.at - 1) === NEWLINE;
  }

  private isNull(): boolean {
    const { line, at } = this;
    if (line.charCodeAt(at) !== BACKSLASH || line[at + 1] !== 'N') return false;
    this.at = at + 3;
    return true;
  }
}

function endOfCell(line: string, from: number): number {
  let at = from;
  while (line.charCodeAt(at) > NEWLINE || (line.charCodeAt(at) !== TAB && line.charCodeAt(at) !== NEWLINE))
    at++;
  return at;
}

/** The token of a tap's row. */
export function tokenOfTap(row: RowText): string {
  const cells = new RowReader(row);
  cells.skip();
  return cells.text();
}

/** A tap of {@link TAP_COLUMNS}. */
export function tapOfRow(row: RowText, fareDay: string): PricedTap {
  const cells = new RowReader(row);
  return {
    tapId: cells.text(),
    tokenId: cells.text(),
    deviceId: cells.text(),
    mediumKind: cells.text() as PricedTap['mediumKind'],
    direction: cells.maybe() as PricedTap['direction'],
    companions: cells.whole(),
    bags: cells.whole(),
    fareDay,
    fareAtMs: cells.whole(),
    uncertaintyMs: cells.whole(),
    belief: {
      vehicleId: cells.maybe(),
      routeId: cells.maybe(),
      tripId: cells.maybe(),
      directionId: cells.maybeWhole() as 0 | 1 | null,
    },
    stopId: cells.maybe(),
    stopUnsure: cells.isTrue(),
    passBackOf: cells.maybe(),
    receivedAtMs: cells.whole(),
  };
}
