/**
 * A period's settlement as a pure function of facts and of the tariff's split rules: what each carrier earned, line by line, and
 * the postings that share out passes and rebates. Totals are compared with the ledger's; where they differ nothing is settled.
 */
import type { SplitRule } from '#pricing/revenue-split.ts';
import {
  budgetAccount,
  CAP_REBATE,
  LATE_TAP_LOSS,
  MISSING_TAP_PENALTY,
  PASS_LIABILITY,
  PASSES_KEPT,
  revenueAccount,
} from '../ledger/chart-of-accounts.ts';
import type { Posting } from '../ledger/post-line.ts';
import type { Boardings, Movement, PassMoney, SettlementFacts } from './facts.ts';
import { type ItemShares, shareOf } from './share.ts';

/** What a line of a carrier is for. */
export type LineKind = 'fares' | 'late-loss' | 'concession' | 'cap' | 'cap-share' | 'pass-share' | 'other';

/** A named amount of a carrier; the lines of a currency add up to its total. */
export interface SettlementLine {
  readonly kind: LineKind;
  /** Source of money, cap, product, or sort of posting; '' where the kind says it all. */
  readonly ref: string;
  /** Period of the rides; another than the settled one for what came after its close. */
  readonly origin: string;
  readonly rides: number;
  readonly minor: bigint;
}

/** Figures beside the money. */
export interface RideFigures {
  readonly rides: number;
  readonly transfers: number;
  readonly claimRides: number;
  readonly grossMinor: bigint;
  readonly transferMinor: bigint;
  readonly passMinor: bigint;
  /** Penalties for missing taps on its vehicles: they stay with the city. */
  readonly penaltyMinor: bigint;
}

export interface CarrierSettlement {
  /** `null` = rides of nobody's vehicles: they wait under `suspense`. */
  readonly carrierId: string | null;
  readonly currency: string;
  readonly figures: RideFigures;
  readonly lines: readonly SettlementLine[];
  readonly totalMinor: bigint;
}

/** A carrier's part of the money of a pass or a cap. */
export interface ShareRow {
  readonly kind: 'pass' | 'cap';
  readonly itemId: string;
  readonly carrierId: string;
  readonly currency: string;
  readonly method: SplitRule['method'];
  readonly rides: number;
  readonly minor: bigint;
}

export interface Settlement {
  readonly period: string;
  readonly carriers: readonly CarrierSettlement[];
  readonly shares: readonly ShareRow[];
  /** What the shares move. */
  readonly postings: readonly Posting[];
  /** Money of passes that nobody rode with: it waits for the next period. What has waited, and nobody can earn any more, the city keeps. */
  readonly carried: readonly PassMoney[];
}

/** An account of which decisions and ledger say different sums. */
export interface LedgerDifference {
  readonly account: string;
  readonly currency: string;
  readonly decisionsMinor: bigint;
  readonly ledgerMinor: bigint;
}

export type Settled =
  | { readonly ok: true; readonly settlement: Settlement }
  | { readonly ok: false; readonly differences: readonly LedgerDifference[] };

/** Settles a period. The order of what is handed in does not matter. */
export function settle(facts: SettlementFacts, rules: readonly SplitRule[]): Settled {
  const differences = compareWithLedger(facts);
  if (differences.length > 0) return { ok: false, differences };
  const { shares, carried, kept } = shareOut(facts, rules);
  const postings = [
    ...shares.flatMap((share) => postingsOf(facts.period.id, share)),
    ...kept.map((pool) => keptPosting(facts.period.id, pool)),
  ];
  const carriers = carriersOf(facts, shares);
  const rows = shares.flatMap(({ item, method, parts }) =>
    [...parts].map(([carrierId, { minor, rides }]) => {
      const { kind, id: itemId, currency } = item;
      return { kind, itemId, carrierId, currency, method, rides, minor };
    }),
  );
  return { ok: true, settlement: { period: facts.period.id, carriers, shares: rows, postings, carried } };
}

const keyOf = (...parts: readonly (string | null)[]): string => JSON.stringify(parts);

/** Decisions, account by account, as the ledger has to have them: credits less debits. */
export function expectedSums(movements: readonly Movement[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  const add = (account: string, currency: string, minor: bigint): void => {
    const key = keyOf(account, currency);
    sums.set(key, (sums.get(key) ?? 0n) + minor);
  };
  for (const row of movements) {
    const { currency, riderMinor, lossMinor, concessionMinor, capMinor } = row;
    add('rider:*', currency, lossMinor - riderMinor);
    add(LATE_TAP_LOSS, currency, -lossMinor);
    add(CAP_REBATE, currency, -capMinor);
    // Without a concession there is no account for its source of money.
    if (concessionMinor !== 0n) add(budgetAccount(row.fundingId), currency, -concessionMinor);
    if (row.penalty) add(MISSING_TAP_PENALTY, currency, riderMinor);
    const fareMinor = row.penalty ? 0n : riderMinor;
    add(revenueAccount(row.carrierId), currency, fareMinor + concessionMinor + capMinor);
  }
  return sums;
}

function compareWithLedger({ movements, ledger, boardings }: SettlementFacts): LedgerDifference[] {
  const expected = expectedSums(movements);
  const found = new Map(ledger.map(({ account, currency, minor }) => [keyOf(account, currency), minor]));
  const keys = [...new Set([...expected.keys(), ...found.keys()])].sort();
  const differences = keys.flatMap((key) => {
    const [decisionsMinor, ledgerMinor] = [expected.get(key) ?? 0n, found.get(key) ?? 0n];
    if (decisionsMinor === ledgerMinor) return [];
    const [account, currency] = JSON.parse(key) as [string, string];
    return [{ account, currency, decisionsMinor, ledgerMinor }];
  });
  return [...differences, ...unnamedRebates(movements, boardings)];
}

/** What caps took off has to be named cap by cap, or it could not be shared out. */
function unnamedRebates(movements: readonly Movement[], boardings: readonly Boardings[]): LedgerDifference[] {
  const currencies = [...new Set([...movements, ...boardings].map((row) => row.currency))].sort();
  return currencies.flatMap((currency) => {
    const ofCurrency = <T extends { currency: string }>(rows: readonly T[]) =>
      rows.filter((row) => row.currency === currency);
    const named = sum(ofCurrency(boardings), (row) => row.ownMinor);
    const taken = sum(
      ofCurrency(movements).filter((row) => row.carrierId !== null),
      (row) => row.capMinor,
    );
    if (named === taken) return [];
    return [{ account: CAP_REBATE, currency, decisionsMinor: -named, ledgerMinor: -taken }];
  });
}

function shareOut(facts: SettlementFacts, rules: readonly SplitRule[]) {
  const items = Map.groupBy(facts.boardings, (row) => keyOf(row.kind, row.id, row.currency));
  const shares: ItemShares[] = [];
  const carried: PassMoney[] = [];
  const kept: PassMoney[] = [];
  for (const { fareProductId, currency, freshMinor, waitedMinor, open } of [...facts.pools].sort(byPool)) {
    const minor = freshMinor + waitedMinor;
    const item = { kind: 'pass' as const, id: fareProductId, currency };
    const rows = items.get(keyOf('pass', item.id, item.currency)) ?? [];
    const share = minor === 0n ? undefined : shareOf(item, minor, rows, rules);
    if (share !== undefined) shares.push(share);
    if (share !== undefined || minor === 0n) continue;
    // Rides of its last month may still come in the next one; what has waited for them goes to nobody.
    const waits = open ? minor : freshMinor;
    if (waits !== 0n) carried.push({ fareProductId, currency, minor: waits });
    if (minor !== waits) kept.push({ fareProductId, currency, minor: minor - waits });
  }
  for (const key of [...items.keys()].sort()) {
    const [kind, id, currency] = JSON.parse(key) as ['pass' | 'cap', string, string];
    if (kind !== 'cap') continue;
    const rows = items.get(key) as Boardings[];
    const share = shareOf(
      { kind, id, currency },
      sum(rows, (row) => row.ownMinor),
      rows,
      rules,
    );
    if (share !== undefined) shares.push(share);
  }
  return { shares, carried, kept };
}

const byPool = (a: { fareProductId: string; currency: string }, b: typeof a): number =>
  keyOf(a.fareProductId, a.currency) < keyOf(b.fareProductId, b.currency) ? -1 : 1;

/** Money of passes that no carrier earned: from the liability to the city. */
function keptPosting(period: string, { fareProductId, currency, minor }: PassMoney): Posting {
  const postingId = `settle:${period}:kept:${fareProductId}:${currency}`;
  const [debitAccount, creditAccount] =
    minor < 0n ? [PASSES_KEPT, PASS_LIABILITY] : [PASS_LIABILITY, PASSES_KEPT];
  return {
    postingId,
    debitAccount,
    creditAccount,
    amountMinor: minor < 0n ? -minor : minor,
    currency,
    tapId: null,
    revision: null,
    source: postingId,
    reverses: null,
  };
}

/** Passes: from the liability to revenue. Caps: from revenue, which had the fare before the cap, to the rebate. */
function postingsOf(period: string, { item, parts }: ItemShares): Posting[] {
  const [from, to] = item.kind === 'pass' ? [PASS_LIABILITY, null] : [null, CAP_REBATE];
  return [...parts]
    .filter(([, part]) => part.minor !== 0n)
    .map(([carrierId, { minor }]) => {
      const postingId = `settle:${period}:${item.kind}:${item.id}:${carrierId}:${item.currency}`;
      const revenue = revenueAccount(carrierId);
      const sides = [from ?? revenue, to ?? revenue];
      const [debitAccount, creditAccount] = (minor < 0n ? sides.reverse() : sides) as [string, string];
      return {
        postingId,
        debitAccount,
        creditAccount,
        amountMinor: minor < 0n ? -minor : minor,
        currency: item.currency,
        tapId: null,
        revision: null,
        source: postingId,
        reverses: null,
      };
    });
}

function carriersOf(facts: SettlementFacts, shares: readonly ItemShares[]): CarrierSettlement[] {
  const { period } = facts;
  const rows = Map.groupBy(facts.movements, (row) => keyOf(row.carrierId, row.currency));
  const lines = new Map<string, SettlementLine[]>();
  const add = (carrierId: string | null, currency: string, line: SettlementLine): void => {
    const key = keyOf(carrierId, currency);
    lines.set(key, [...(lines.get(key) ?? []), line]);
  };
  for (const [key, movements] of rows) lines.set(key, linesOf(movements));
  for (const { item, parts } of shares) {
    for (const [carrierId, { minor, rides }] of parts) {
      const kind = item.kind === 'pass' ? ('pass-share' as const) : ('cap-share' as const);
      const line = { kind, ref: item.id, origin: period.id, rides };
      add(carrierId, item.currency, { ...line, minor: item.kind === 'pass' ? minor : -minor });
    }
  }
  for (const { carrierId, currency, sort, minor } of facts.others)
    add(carrierId, currency, { kind: 'other', ref: sort, origin: period.id, rides: 0, minor });
  return [...lines]
    .map(([key, own]) => {
      const [carrierId, currency] = JSON.parse(key) as [string | null, string];
      const kept = own.filter((line) => line.minor !== 0n || line.rides !== 0).sort(byLine);
      return {
        carrierId,
        currency,
        figures: figuresOf(rows.get(key) ?? []),
        lines: kept,
        totalMinor: sum(kept, (line) => line.minor),
      };
    })
    .sort((a, b) => (keyOf(a.carrierId, a.currency) < keyOf(b.carrierId, b.currency) ? -1 : 1));
}

const LINE_ORDER: readonly LineKind[] = [
  'fares',
  'late-loss',
  'concession',
  'cap',
  'cap-share',
  'pass-share',
  'other',
];

function byLine(a: SettlementLine, b: SettlementLine): number {
  const order = (line: SettlementLine) => keyOf(String(LINE_ORDER.indexOf(line.kind)), line.origin, line.ref);
  return order(a) < order(b) ? -1 : 1;
}

/** Lines that come from rides: one for each kind, period of origin and source of money. */
function linesOf(movements: readonly Movement[]): SettlementLine[] {
  const lines: SettlementLine[] = [];
  for (const [origin, rows] of Map.groupBy(movements, (row) => row.origin)) {
    const total = (of: (row: Movement) => bigint) => sum(rows, of);
    const fares = (of: (row: Movement) => bigint) =>
      sum(
        rows.filter((row) => !row.penalty),
        of,
      );
    const rides = rows.reduce((count, row) => count + row.rides, 0);
    lines.push({
      kind: 'fares',
      ref: '',
      origin,
      rides,
      minor: fares((row) => row.riderMinor - row.lossMinor),
    });
    lines.push({ kind: 'late-loss', ref: '', origin, rides: 0, minor: fares((row) => row.lossMinor) });
    lines.push({ kind: 'cap', ref: '', origin, rides: 0, minor: total((row) => row.capMinor) });
    for (const [fundingId, owed] of Map.groupBy(rows, (row) => row.fundingId)) {
      const claimed = owed.reduce((count, row) => count + row.claimRides, 0);
      const minor = sum(owed, (row) => row.concessionMinor);
      lines.push({ kind: 'concession', ref: fundingId ?? '', origin, rides: claimed, minor });
    }
  }
  return lines;
}

function figuresOf(rows: readonly Movement[]): RideFigures {
  const count = (of: (row: Movement) => number) => rows.reduce((total, row) => total + of(row), 0);
  return {
    rides: count((row) => row.rides),
    transfers: count((row) => row.transfers),
    claimRides: count((row) => row.claimRides),
    grossMinor: sum(rows, (row) => row.grossMinor),
    transferMinor: sum(rows, (row) => row.transferMinor),
    passMinor: sum(rows, (row) => row.passMinor),
    penaltyMinor: sum(
      rows.filter((row) => row.penalty),
      (row) => row.riderMinor,
    ),
  };
}

function sum<T>(rows: readonly T[], of: (row: T) => bigint): bigint {
  return rows.reduce((total, row) => total + of(row), 0n);
}
