/**
 * A day's money by four books: what the ledger says was taken, the acquirer's clearing file, the payment provider's report,
 * the counts of the tills, and what the city's bank booked. Pure: every difference is named by its line and its reason.
 */

/** A line of a file, with where it stands. */
export interface FileLine {
  /** From 1, the header is line 1. */
  readonly line: number;
  readonly reference: string;
  readonly amountMinor: bigint;
  readonly currency: string;
}

export interface ClearingLine extends FileLine {
  readonly settledOn: string;
  readonly kind: 'clearing' | 'refund' | 'chargeback';
  readonly feeMinor: bigint;
}

export interface ProviderLine extends FileLine {
  readonly paidOn: string;
  readonly feeMinor: bigint;
}

/** Of a till the sum that was counted; its name is the reference. */
export interface TillLine extends FileLine {
  readonly day: string;
}

/** `reference`: whose payout or deposit of which day it is, `<acquirer, provider or till>-<date>`. */
export interface StatementLine extends FileLine {
  readonly bookedOn: string;
}

/** What the ledger has, each under the reference of who moved it. */
export interface LedgerDay {
  /** Clearings, refunds and chargebacks of the day and of every reference that the file names. */
  readonly clearing: readonly LedgerMove[];
  /** What came in at the provider, of the day and of every reference that its file names. */
  readonly provider: readonly LedgerMove[];
  /** Sums that the tills took in, by till and currency, of the day. */
  readonly tills: readonly {
    readonly till: string;
    readonly amountMinor: bigint;
    readonly currency: string;
  }[];
}

export interface LedgerMove {
  readonly reference: string;
  readonly kind: ClearingLine['kind'] | 'paid';
  readonly amountMinor: bigint;
  readonly currency: string;
  /** Whether it was posted on the day that is looked at. */
  readonly ofDay: boolean;
}

export interface DayFiles {
  readonly clearing?: readonly ClearingLine[];
  readonly provider?: readonly ProviderLine[];
  readonly tills?: readonly TillLine[];
  readonly statement?: readonly StatementLine[];
}

export type DifferenceReason =
  /** The ledger has it, the file does not. */
  | 'missing-in-file'
  /** The file has it, the ledger does not. */
  | 'missing-in-ledger'
  | 'amount'
  | 'currency'
  /** The same line once more. */
  | 'duplicate'
  /** Another fee than was agreed. */
  | 'fee'
  /** The bank booked nothing for it. */
  | 'payout-missing'
  /** The bank booked another sum than the file comes to. */
  | 'payout-amount';

export interface MoneyDifference {
  readonly book: 'clearing' | 'provider' | 'tills' | 'statement';
  /** Line of the file; `null` = it is missing there. */
  readonly line: number | null;
  readonly reference: string;
  readonly reason: DifferenceReason;
  /** What should stand there by the other book. */
  readonly expectedMinor: bigint | null;
  readonly foundMinor: bigint | null;
}

export interface MoneyRules {
  readonly day: string;
  readonly acquirerId: string;
  readonly providerId: string;
  /** Share of a clearing that the acquirer keeps, in thousandths, rounded half up; absent = fees are taken as they come. */
  readonly feePermille?: bigint;
}

/** Everything that does not fit, in the order of books and lines. Files that are not given are not looked for. */
export function reconcileMoney(ledger: LedgerDay, files: DayFiles, rules: MoneyRules): MoneyDifference[] {
  return [
    ...(files.clearing === undefined ? [] : ofClearing(ledger.clearing, files.clearing, rules)),
    ...(files.provider === undefined ? [] : ofProvider(ledger.provider, files.provider, rules)),
    ...(files.tills === undefined ? [] : ofTills(ledger.tills, files.tills, rules)),
    ...(files.statement === undefined ? [] : ofStatement(files.statement, files, rules)),
  ];
}

type Note = (
  line: number | null,
  reference: string,
  reason: DifferenceReason,
  expectedMinor: bigint | null,
  foundMinor: bigint | null,
) => void;

function notes(book: MoneyDifference['book']): { found: MoneyDifference[]; note: Note } {
  const found: MoneyDifference[] = [];
  const note: Note = (line, reference, reason, expectedMinor, foundMinor) =>
    found.push({ book, line, reference, reason, expectedMinor, foundMinor });
  return { found, note };
}

function ofClearing(
  moves: readonly LedgerMove[],
  lines: readonly ClearingLine[],
  { day, feePermille }: MoneyRules,
): MoneyDifference[] {
  const { found, note } = notes('clearing');
  const keyOf = (entry: { kind: string; reference: string }): string => `${entry.kind} ${entry.reference}`;
  matchMoves(
    moves,
    lines.map((line) => ({ ...line, ofDay: line.settledOn === day })),
    keyOf,
    note,
  );
  for (const { line, kind, reference, amountMinor, feeMinor, settledOn } of lines) {
    if (feePermille === undefined || settledOn !== day) continue;
    const agreed = kind === 'clearing' ? (amountMinor * feePermille + 500n) / 1000n : 0n;
    if (feeMinor !== agreed) note(line, reference, 'fee', agreed, feeMinor);
  }
  return found;
}

function ofProvider(
  moves: readonly LedgerMove[],
  lines: readonly ProviderLine[],
  { day }: MoneyRules,
): MoneyDifference[] {
  const { found, note } = notes('provider');
  matchMoves(
    moves,
    lines.map((line) => ({ ...line, ofDay: line.paidOn === day })),
    ({ reference }) => reference,
    note,
  );
  return found;
}

/** One line for one move. Lines of other days match moves, and are not missed themselves. */
function matchMoves<L extends FileLine & { readonly ofDay: boolean; readonly kind?: string }>(
  moves: readonly LedgerMove[],
  lines: readonly L[],
  keyOf: (entry: { kind: string; reference: string }) => string,
  note: Note,
): void {
  const known = new Map(moves.map((move) => [keyOf(move), move]));
  const seen = new Set<string>();
  for (const line of lines) {
    const key = keyOf({ kind: line.kind ?? 'paid', reference: line.reference });
    const move = known.get(key);
    const again = seen.has(key);
    seen.add(key);
    if (!line.ofDay) continue;
    if (again) note(line.line, line.reference, 'duplicate', null, line.amountMinor);
    else if (move === undefined) note(line.line, line.reference, 'missing-in-ledger', null, line.amountMinor);
    else if (move.currency !== line.currency)
      note(line.line, line.reference, 'currency', move.amountMinor, line.amountMinor);
    else if (move.amountMinor !== line.amountMinor)
      note(line.line, line.reference, 'amount', move.amountMinor, line.amountMinor);
  }
  for (const [key, move] of known)
    if (move.ofDay && !seen.has(key)) note(null, move.reference, 'missing-in-file', move.amountMinor, null);
}

function ofTills(
  sums: LedgerDay['tills'],
  lines: readonly TillLine[],
  { day }: MoneyRules,
): MoneyDifference[] {
  const { found, note } = notes('tills');
  const keyOf = (name: string, currency: string): string => `${name} ${currency}`;
  const known = new Map(sums.map((sum) => [keyOf(sum.till, sum.currency), sum.amountMinor]));
  const seen = new Set<string>();
  for (const { line, reference, amountMinor, currency, day: counted } of lines) {
    if (counted !== day) continue;
    const key = keyOf(reference, currency);
    const expected = known.get(key) ?? 0n;
    if (seen.has(key)) note(line, reference, 'duplicate', null, amountMinor);
    else if (expected !== amountMinor)
      note(line, reference, known.has(key) ? 'amount' : 'missing-in-ledger', expected, amountMinor);
    seen.add(key);
  }
  for (const { till, currency, amountMinor } of sums)
    if (amountMinor !== 0n && !seen.has(keyOf(till, currency)))
      note(null, till, 'missing-in-file', amountMinor, null);
  return found;
}

/** What the bank must have booked: each file's net sum as one payout, each till's count as one deposit. */
function ofStatement(
  lines: readonly StatementLine[],
  { clearing, provider, tills }: DayFiles,
  { day, acquirerId, providerId }: MoneyRules,
): MoneyDifference[] {
  const { found, note } = notes('statement');
  const expected = new Map<string, bigint>();
  const expect = (whose: string, currency: string, amountMinor: bigint): void => {
    const key = `${whose}-${day} ${currency}`;
    expected.set(key, (expected.get(key) ?? 0n) + amountMinor);
  };
  for (const line of clearing ?? [])
    if (line.settledOn === day)
      expect(
        acquirerId,
        line.currency,
        (line.kind === 'clearing' ? line.amountMinor : -line.amountMinor) - line.feeMinor,
      );
  for (const line of provider ?? [])
    if (line.paidOn === day) expect(providerId, line.currency, line.amountMinor - line.feeMinor);
  for (const line of tills ?? [])
    if (line.day === day) expect(line.reference, line.currency, line.amountMinor);
  const seen = new Set<string>();
  for (const { line, reference, amountMinor, currency } of lines) {
    const key = `${reference} ${currency}`;
    const sum = expected.get(key);
    if (sum === undefined) {
      if (reference.endsWith(`-${day}`)) note(line, reference, 'missing-in-ledger', null, amountMinor);
    } else if (seen.has(key)) note(line, reference, 'duplicate', null, amountMinor);
    else if (sum !== amountMinor) note(line, reference, 'payout-amount', sum, amountMinor);
    seen.add(key);
  }
  for (const [key, sum] of expected)
    if (sum !== 0n && !seen.has(key)) note(null, key.split(' ')[0] as string, 'payout-missing', sum, null);
  return found;
}
