/**
 * A day's money by four books: what the ledger says was taken, the acquirer's clearing file, the payment provider's report,
 * the counts of the tills, and what the city's bank booked. Pure: every difference is named by its line and its reason.
 */

/** A line of a file, with where it stands. */
export interface FileLine {
  /** Where several files are one book: which of them. */
  readonly file?: string;
  /** From 1, the header is line 1. */
  readonly line: number;
  readonly reference: string;
  readonly amountMinor: bigint;
  readonly currency: string;
}

export interface ClearingLine extends FileLine {
  readonly settledOn: string;
  /** `chargeback-returned`: the acquirer gives back what it had taken for a chargeback. */
  readonly kind: 'clearing' | 'refund' | 'chargeback' | 'chargeback-returned';
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
  /** Money that came, or went, and goes back: the bank takes back an entry, or a payment was returned. */
  readonly returned?: boolean;
}

/** What the ledger has, each under the reference of who moved it. */
export interface LedgerDay {
  /** Clearings, refunds, chargebacks and those that were given back, of the day and of every reference that the file names. */
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
  | 'payout-amount'
  /** What the bank had booked has gone back. */
  | 'returned';

export interface MoneyDifference {
  readonly book: 'clearing' | 'provider' | 'tills' | 'statement';
  /** Where several files are one book: which of them. */
  readonly file?: string;
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
  line: Pick<FileLine, 'file' | 'line'> | null,
  reference: string,
  reason: DifferenceReason,
  expectedMinor: bigint | null,
  foundMinor: bigint | null,
) => void;

function notes(book: MoneyDifference['book']): { found: MoneyDifference[]; note: Note } {
  const found: MoneyDifference[] = [];
  const note: Note = (at, reference, reason, expectedMinor, foundMinor) => {
    const file = at?.file === undefined ? {} : { file: at.file };
    found.push({ book, ...file, line: at?.line ?? null, reference, reason, expectedMinor, foundMinor });
  };
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
  for (const line of lines) {
    const { kind, reference, amountMinor, feeMinor, settledOn } = line;
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
  const left = Map.groupBy(moves, keyOf);
  const known = new Set(left.keys());
  const take = (line: L, fits: (move: LedgerMove) => boolean): LedgerMove | undefined => {
    const rest = left.get(keyOf({ kind: line.kind ?? 'paid', reference: line.reference })) ?? [];
    const at = rest.findIndex(fits);
    return at < 0 ? undefined : rest.splice(at, 1)[0];
  };
  const same = (line: L) => (move: LedgerMove) =>
    move.amountMinor === line.amountMinor && move.currency === line.currency;
  // Several parts of one clearing may be charged back: what fits exactly is matched first.
  const others = lines.filter((line) => take(line, same(line)) === undefined);
  for (const line of others) {
    const move = take(line, () => true);
    const again = known.has(keyOf({ kind: line.kind ?? 'paid', reference: line.reference }));
    if (!line.ofDay) continue;
    if (move === undefined)
      note(line, line.reference, again ? 'duplicate' : 'missing-in-ledger', null, line.amountMinor);
    else
      note(
        line,
        line.reference,
        move.currency === line.currency ? 'amount' : 'currency',
        move.amountMinor,
        line.amountMinor,
      );
  }
  for (const move of [...left.values()].flat())
    if (move.ofDay) note(null, move.reference, 'missing-in-file', move.amountMinor, null);
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
  for (const line of lines) {
    const { reference, amountMinor, currency, day: counted } = line;
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

/** What a line adds to its day's payout. */
export function netOf({ kind, amountMinor, feeMinor }: ClearingLine): bigint {
  const comesIn = kind === 'clearing' || kind === 'chargeback-returned';
  return (comesIn ? amountMinor : -amountMinor) - feeMinor;
}

/** What the bank must have booked: each file's net sum as one payout, each till's count as one deposit. */
function ofStatement(
  lines: readonly StatementLine[],
  files: DayFiles,
  { day, acquirerId, providerId }: MoneyRules,
): MoneyDifference[] {
  const { clearing, provider, tills } = files;
  const { found, note } = notes('statement');
  const expected = new Map<string, bigint>();
  const expect = (whose: string, currency: string, amountMinor: bigint): void => {
    const key = `${whose}-${day} ${currency}`;
    expected.set(key, (expected.get(key) ?? 0n) + amountMinor);
  };
  for (const line of clearing ?? [])
    if (line.settledOn === day) expect(acquirerId, line.currency, netOf(line));
  for (const line of provider ?? [])
    if (line.paidOn === day) expect(providerId, line.currency, line.amountMinor - line.feeMinor);
  for (const line of tills ?? [])
    if (line.day === day) expect(line.reference, line.currency, line.amountMinor);
  const seen = new Set<string>();
  const unasked = unaskedOwners(files, { acquirerId, providerId });
  for (const line of lines) {
    const { reference, amountMinor, currency } = line;
    const key = `${reference} ${currency}`;
    const sum = expected.get(key);
    const isOurs = reference.endsWith(`-${day}`) && !unasked(reference.slice(0, -day.length - 1));
    if (line.returned === true) {
      if (isOurs) note(line, reference, 'returned', null, amountMinor);
      continue;
    }
    if (sum === undefined) {
      if (isOurs) note(line, reference, 'missing-in-ledger', null, amountMinor);
    } else if (seen.has(key)) note(line, reference, 'duplicate', null, amountMinor);
    else if (sum !== amountMinor) note(line, reference, 'payout-amount', sum, amountMinor);
    seen.add(key);
  }
  for (const [key, sum] of expected)
    if (sum !== 0n && !seen.has(key)) note(null, key.split(' ')[0] as string, 'payout-missing', sum, null);
  return found;
}

/** Whose money no file was given for: nobody knows what the bank should have booked for them. */
function unaskedOwners(
  { clearing, provider, tills }: DayFiles,
  { acquirerId, providerId }: Pick<MoneyRules, 'acquirerId' | 'providerId'>,
): (owner: string) => boolean {
  return (owner) => {
    if (owner === acquirerId) return clearing === undefined;
    if (owner === providerId) return provider === undefined;
    return tills === undefined;
  };
}
