/**
 * What a settlement is made from: sums over the facts of its window, and what the ledger says of the same window. A window is
 * every charge of a fare day before the period's end that no settlement before has taken in. Money is in minor units,
 * signed: a correction takes back what an earlier settlement has counted.
 */
import type { PassMonth } from './earn.ts';
import type { SettlementPeriod } from './period.ts';

/** Rides and amounts of one carrier, from decisions. `null` = nobody knows whose vehicle it was. */
export interface Movement {
  readonly carrierId: string | null;
  readonly currency: string;
  /** Period in which the rides took place; before the settled one, what came after its close. */
  readonly origin: string;
  /** Who owes the concession part. */
  readonly fundingId: string | null;
  /** What riders were asked for is a penalty: it is not the carrier's. */
  readonly penalty: boolean;
  readonly rides: number;
  readonly transfers: number;
  /** Concession rides that are no transfers. */
  readonly claimRides: number;
  readonly grossMinor: bigint;
  readonly transferMinor: bigint;
  readonly passMinor: bigint;
  readonly riderMinor: bigint;
  /** Part of riderMinor that came too late to be charged. */
  readonly lossMinor: bigint;
  readonly concessionMinor: bigint;
  readonly capMinor: bigint;
}

/** Something whose money is divided. */
export interface SplitItem {
  readonly kind: 'pass' | 'cap';
  /** Fare product, or cap. */
  readonly id: string;
  readonly currency: string;
}

/** Rides by which an item's money is divided. */
export interface Boardings extends SplitItem {
  readonly carrierId: string;
  readonly boardings: number;
  /** Passes whose first ride of the window was with the carrier. */
  readonly firsts: number;
  /** Of a cap: what it took off the carrier's own rides. */
  readonly ownMinor: bigint;
}

/** Money of passes to be shared out. */
export interface PassPool {
  readonly fareProductId: string;
  readonly currency: string;
  /** Earned in the window (earn.ts). */
  readonly freshMinor: bigint;
  /** What the settlement before could give nobody. */
  readonly waitedMinor: bigint;
  /** Holdings of the product have more to earn. */
  readonly open: boolean;
}

/** Money of a product. */
export interface PassMoney {
  readonly fareProductId: string;
  readonly currency: string;
  readonly minor: bigint;
}

/** What postings of the window made of an account: credits less debits. */
export interface LedgerSum {
  readonly account: string;
  readonly currency: string;
  readonly minor: bigint;
}

/** Postings to a carrier's revenue that are no charges, by the sort of their source (what stands before its first colon). */
export interface OtherSum {
  readonly carrierId: string;
  readonly currency: string;
  readonly sort: string;
  readonly minor: bigint;
}

/** Everything that a settlement depends on. */
export interface SettlementFacts {
  readonly period: SettlementPeriod;
  readonly movements: readonly Movement[];
  readonly boardings: readonly Boardings[];
  readonly pools: readonly PassPool[];
  /** What the window makes of each holding; the pools are their sums. */
  readonly passMonths: readonly PassMonth[];
  /** What stays owed of products that no package knows; absent = nothing. It changes no settlement. */
  readonly withoutTerms?: readonly PassMoney[];
  /** Charges alone: riders as one account `rider:*`. */
  readonly ledger: readonly LedgerSum[];
  readonly others: readonly OtherSum[];
}
