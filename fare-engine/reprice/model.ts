/** What a re-pricing of a city's days works on, and what it answers. */
import type { BundleTotals } from '#pricing/reprice-bundle.ts';
import type { Facts } from '../facts/account-day.ts';
import type { JourneyRepair } from '../facts/facts.ts';

/** Everything but taps that prices follow from; structured-cloneable, so that it can be handed to a thread. */
export interface RepriceFacts extends Omit<Facts, 'taps'> {
  readonly zone: string;
  readonly dayStart: string;
  /** Bytes of the packages that price here, and from when each was known. */
  readonly packages: readonly ReadonlyMap<string, Uint8Array>[];
  readonly activations: ReadonlyMap<string, number>;
  readonly repairs: readonly JourneyRepair[];
}

/** Where what was computed and what the books have are not the same. */
export interface Difference {
  readonly fareDay: string;
  readonly tapId: string;
  /** Whose the tap is by the facts; where the facts have no such tap, whose it is in the books. */
  readonly accountId: string;
  /** A column of the decision, `decision` or `tap` as a whole, or `posting <account>`. */
  readonly what: string;
  readonly computed: string | null;
  readonly stored: string | null;
}

/** What came of some days, or of all. */
export interface Outcome {
  readonly taps: number;
  readonly accountDays: number;
  readonly decisions: number;
  readonly postings: number;
  readonly differing: number;
  /** The first ones. */
  readonly differences: readonly Difference[];
}

/** Most differences that are named. */
export const DIFFERENCES_MAX = 20;

/** Sorts of rows of a day. */
export type RowSort = 'tap' | 'decision' | 'posting';

/** What a block of rows is written in; memory that threads share, so that handing it over copies nothing. */
export interface BlockMemory {
  readonly lines: Uint8Array;
  readonly rows: Int32Array;
}

/** Rows of one sort, of the day that is being read. */
export interface RowBlock extends BlockMemory {
  readonly sort: RowSort;
  /** Whole lines of COPY's text format. */
  readonly lines: Uint8Array;
  /**
   * Of each line two numbers: where in `lines` it begins, and what it is about. A tap is about its token, which have numbers from 0 in
   * the order in which the share first meets them; a decision or posting about a tap of the day, in the order of their rows, or
   * -1 where the day has no such tap.
   */
  readonly rows: Int32Array;
}

/** State that an account had before its first day, or that its first day afterwards has; canonical texts. */
export interface StoredState {
  readonly accountId: string;
  readonly state: string;
  readonly base: string | null;
}

/** Re-prices the accounts of one share of a city, day after day. One call after the other. */
export interface RepriceShard {
  /** What is said of taps may come before the last of them, as blocks go out when they are full. The bytes and numbers are the shard's from then on. */
  add(block: RowBlock): void;
  /**
   * Memory of a block that the shard has done with, to be written again; `undefined` = none. Memory that a system hands out anew costs
   * more than the rows that are written in it.
   */
  spare(): BlockMemory | undefined;
  /** The day has no more rows. Answers when it was priced and compared. */
  endDay(fareDay: string): Promise<Outcome>;
  /**
   * There is no more day. Journeys that are still open are compared by how the stored state says that they ended: that of the first
   * day from `untilDay` on, the day after the last one that was priced.
   */
  end(untilDay: string): Promise<Outcome & { readonly totals: readonly BundleTotals[] }>;
  stop(): Promise<void>;
}

/** Where a shard asks for states that were stored outside of the days that are re-priced. */
export interface StateSource {
  /** What the last priced day before the first re-priced one handed on. */
  before(accountIds: readonly string[]): Promise<readonly StoredState[]>;
  /** What the first stored day from `untilDay` on handed on: it says how journeys that were open before it ended. */
  after(accountIds: readonly string[], untilDay: string): Promise<readonly StoredState[]>;
}
