/**
 * What was computed for a tap beside what the books have of it: the decision that stands, column by column, and the postings,
 * netted account by account. Both as texts: whoever reads millions of rows does not make numbers of what is only compared.
 */

import type { ChargedLine } from '#pricing/close-rules.ts';
import { isPenalty } from '#pricing/journey-lines.ts';
import { minorText } from '#pricing/minor-text.ts';
import type { Place } from '../facts/assign.ts';
import { type LineMoney, lineSha256, stepsText } from '../ledger/decision.ts';
import { type Due, dueOf } from '../ledger/post-line.ts';
import { type Cells, cellsOf, maybeText, type RowBytes, RowReader, textOf } from './rows.ts';

/** What the books have of one tap. */
export interface BookedTap {
  /** A row of DECISION_COLUMNS, with `reasons` of REASONS_COLUMN too; `null` = no decision stands. */
  readonly decision: RowBytes | null;
  /** Rows of POSTING_COLUMNS, one for each posting, reversals among them. */
  readonly postings: readonly RowBytes[];
}

export interface Found {
  readonly what: string;
  readonly computed: string | null;
  readonly stored: string | null;
}

/** A priced tap. */
export interface ComputedTap {
  readonly accountId: string;
  readonly fareDay: string;
  readonly charged: ChargedLine;
  readonly place: Place;
}

/** Says what is different about a tap; `undefined` = nothing. */
export type Judge = (computed: ComputedTap, booked: BookedTap) => Found | undefined;

/** Which cells of a decision's row are read by themselves; see DECISION_COLUMNS. */
export const ACCOUNT = 2;
const KIND = 3;
export const RIDER_MINOR = 8;

/** Whether a decision only undoes. */
export function isWithdrawn(decision: Cells): boolean {
  return decision[KIND] === 'withdrawn';
}

/** The first difference; `undefined` where everything is the same. `reasons` = steps and route count too. */
export function compareTap(
  computed: ComputedTap,
  { decision, postings }: BookedTap,
  reasons: boolean,
): Found | undefined {
  if (decision === null) return { what: 'decision', computed: 'a price', stored: null };
  return (
    (isDecided(computed, decision) ? undefined : compareDecision(computed, cellsOf(decision))) ??
    comparePostings(computed, postings) ??
    (reasons ? compareReasons(computed, cellsOf(decision)) : undefined)
  );
}

/**
 * Whether a decision's row says what was computed, sign by sign: nearly all do, and then no text is made of its bytes. What says
 * the same with an escape is told by {@link compareDecision}.
 */
function isDecided({ accountId, charged, place }: ComputedTap, row: RowBytes): boolean {
  const { line, lossMinor } = charged;
  const cells = new RowReader(row);
  cells.skip();
  cells.skip();
  return (
    cells.is(accountId) &&
    cells.is(line.kind) &&
    cells.is(line.carrierId) &&
    cells.is(line.fundingId) &&
    cells.is(line.currency) &&
    cells.is(minorText(line.grossMinor)) &&
    cells.is(minorText(line.riderMinor)) &&
    cells.is(minorText(line.transferMinor)) &&
    cells.is(minorText(line.concessionMinor)) &&
    cells.is(minorText(line.passMinor)) &&
    cells.is(minorText(line.capMinor)) &&
    cells.is(minorText(lossMinor)) &&
    cells.is(isPenalty(line) ? 't' : 'f') &&
    cells.is(line.concessionId) &&
    cells.is(line.claimRide ? 't' : 'f') &&
    cells.is(place.vehicleId) &&
    cells.is(line.routeId) &&
    (cells.isAtEnd() || cells.isLast())
  );
}

/** Names of {@link DECISION_COLUMNS} from the account's on, as they are told. */
const NAMES = [
  ...['account', 'kind', 'carrier', 'funding', 'currency', 'gross_minor', 'rider_minor', 'transfer_minor'],
  ...['concession_minor', 'pass_minor', 'cap_minor', 'loss_minor', 'penalty', 'concession', 'claim_ride'],
  ...['vehicle', 'route'],
];

function compareDecision({ accountId, charged, place }: ComputedTap, decision: Cells): Found | undefined {
  if (isWithdrawn(decision)) return { what: 'decision', computed: 'a price', stored: 'withdrawn' };
  const { line, lossMinor } = charged;
  const computed: readonly (string | null)[] = [
    ...[accountId, line.kind, line.carrierId, line.fundingId, line.currency],
    ...[minorText(line.grossMinor), minorText(line.riderMinor), minorText(line.transferMinor)],
    ...[
      minorText(line.concessionMinor),
      minorText(line.passMinor),
      minorText(line.capMinor),
      minorText(lossMinor),
    ],
    ...[isPenalty(line) ? 't' : 'f', line.concessionId, line.claimRide ? 't' : 'f'],
    ...[place.vehicleId, line.routeId],
  ];
  for (const [i, value] of computed.entries()) {
    const stored = maybeText(decision[ACCOUNT + i] as string);
    if (value !== stored) return { what: NAMES[i] as string, computed: value, stored };
  }
  return undefined;
}

/** What of a priced tap moves money. */
export function moneyOf({ accountId, charged }: ComputedTap): LineMoney {
  const { line, lossMinor } = charged;
  const { carrierId, fundingId, currency, riderMinor, concessionMinor, capMinor } = line;
  const penalty = isPenalty(line);
  return {
    accountId,
    carrierId,
    fundingId,
    currency,
    riderMinor,
    concessionMinor,
    lossMinor,
    capMinor,
    penalty,
  };
}

function comparePostings(computed: ComputedTap, postings: readonly RowBytes[]): Found | undefined {
  const due = dueOf(computed.charged.line.tapId, moneyOf(computed));
  const { currency } = computed.charged.line;
  // Nearly always: one posting, and it is the one.
  if (due.length === postings.length && postings.every((row, i) => isPosted(due[i] as Due, currency, row)))
    return undefined;
  const [first] = due;
  if (postings.length === 0 && first !== undefined)
    return { what: `posting ${first.debitAccount}`, computed: minorText(first.amountMinor), stored: null };
  const net = netOf(postings.map(cellsOf));
  const wanted = new Map<string, bigint>();
  for (const { debitAccount, creditAccount, amountMinor } of due) {
    add(wanted, `${debitAccount} ${currency}`, amountMinor);
    add(wanted, `${creditAccount} ${currency}`, -amountMinor);
  }
  for (const name of new Set([...wanted.keys(), ...net.keys()])) {
    const [a, b] = [wanted.get(name) ?? 0n, net.get(name) ?? 0n];
    if (a !== b) return { what: `posting ${name}`, computed: a.toString(), stored: b.toString() };
  }
  return undefined;
}

function isPosted(
  { debitAccount, creditAccount, amountMinor }: Due,
  currency: string,
  row: RowBytes,
): boolean {
  const cells = new RowReader(row);
  cells.skip();
  return (
    cells.is(debitAccount) &&
    cells.is(creditAccount) &&
    cells.is(minorText(amountMinor)) &&
    cells.is(currency) &&
    cells.isAtEnd()
  );
}

/** Debits less credits, by account and currency, without those that come to nothing. */
export function netOf(postings: readonly Cells[]): Map<string, bigint> {
  const net = new Map<string, bigint>();
  for (const [, debit, credit, minor, currency] of postings as readonly [
    string,
    string,
    string,
    string,
    string,
  ][]) {
    add(net, `${textOf(debit)} ${currency}`, BigInt(minor));
    add(net, `${textOf(credit)} ${currency}`, -BigInt(minor));
  }
  for (const [name, minor] of net) if (minor === 0n) net.delete(name);
  return net;
}

function add(sums: Map<string, bigint>, name: string, minor: bigint): void {
  sums.set(name, (sums.get(name) ?? 0n) + minor);
}

function compareReasons(computed: ComputedTap, decision: Cells): Found | undefined {
  const { accountId, fareDay, charged, place } = computed;
  const { line } = charged;
  const { tripId, directionId, routeBy, routeFactId, vehicleId } = place;
  const planned = {
    ...moneyOf(computed),
    ...{ tapId: line.tapId, accountId, fareDay, line, vehicleId, adjustsClose: null },
    route: { tripId, directionId, routeBy, routeFactId },
  };
  const hash = lineSha256(planned, stepsText(line));
  // Bytes are written `\\x…`, their backslash doubled.
  const stored = (decision.at(-1) as string).slice(3);
  return hash === stored ? undefined : { what: 'reasons', computed: hash, stored };
}
