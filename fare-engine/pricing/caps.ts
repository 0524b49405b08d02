/**
 * Caps: within a window a rider pays no more than a cap says. They are applied to all fares of a fare day together, after
 * transfers, concessions and passes, each fare in the order of time: charge = the least of the fare and of what every cap in
 * whose scope it lies leaves. What was counted goes from day to day with the state, one count for a cap and window, so the
 * cost of a ride does not grow with a rider's history.
 */
import { type Counts, capCharge, type Fare, putCount } from './cap-charge.ts';
import type { DatedCap } from './cap-window.ts';
import type { CapCount } from './model.ts';

/** What a cap took off a fare. */
export interface CapCut {
  readonly cap: DatedCap;
  /** First day of the window that was full. */
  readonly from: string;
  readonly beforeMinor: bigint;
  readonly afterMinor: bigint;
  /** Product owed beside the cap, where the ride went beyond its area. */
  readonly extensionId: string | null;
  /** Charge at the tap's own instant, where an unsure clock made it less. */
  readonly nominalMinor: bigint | null;
}

export interface CappedDay {
  /** Cuts of each fare, in the order of the fares given. */
  readonly cuts: readonly (readonly CapCut[])[];
  readonly counts: readonly CapCount[];
}

/** Applies the caps to the fares of a day; `fares` in the order of time. */
export function applyCaps(counts: readonly CapCount[], fares: readonly Fare[]): CappedDay {
  let best = attempt(counts, fares, null, false);
  for (const { split, cheapestFirst } of alternatives(fares)) {
    const other = attempt(counts, fares, split, cheapestFirst);
    if (other.totalMinor < best.totalMinor) best = other;
  }
  return best;
}

/**
 * Other lawful ways to reckon the day where a cap's strategy is `optimal`: the cap taken together with extension fares, or
 * the cheapest rides counted first, so that the dearest are free. The cheapest of all holds; in order of time is one of
 * them, so it is never dearer.
 */
function alternatives(
  fares: readonly Fare[],
): readonly { readonly split: string | null; readonly cheapestFirst: boolean }[] {
  // The plain way alone, which is reckoned already.
  if (!fares.some(({ caps }) => caps.some(isOptimal))) return NO_OTHERS;
  const optimal = new Map<string, DatedCap>();
  for (const { caps } of fares) for (const cap of caps) if (isOptimal(cap)) optimal.set(cap.cap_id, cap);
  const splits = [...optimal.values()].filter((cap) => cap.extensions !== undefined).map((cap) => cap.cap_id);
  const orders = [...optimal.values()].some((cap) => cap.basis === 'rides') ? [false, true] : [false];
  return [null, ...splits.sort()].flatMap((split) =>
    orders.map((cheapestFirst) => ({ split, cheapestFirst })),
  );
}

const NO_OTHERS: readonly never[] = [];

function isOptimal({ strategy }: DatedCap): boolean {
  return strategy === 'optimal';
}

function attempt(
  before: readonly CapCount[],
  fares: readonly Fare[],
  split: string | null,
  cheapestFirst: boolean,
): CappedDay & { readonly totalMinor: bigint } {
  const counts: Counts = [...before];
  const cuts: (readonly CapCut[])[] = fares.map(() => NO_OTHERS);
  const order = cheapestFirst ? cheapestFirstOf(fares) : undefined;
  let totalMinor = 0n;
  for (let i = 0; i < fares.length; i++) {
    const index = order === undefined ? i : (order[i] as number);
    const charge = capCharge(counts, fares[index] as Fare, split);
    cuts[index] = charge.cuts;
    totalMinor += charge.chargedMinor;
    for (const count of charge.counted) putCount(counts, count);
  }
  return { cuts, counts, totalMinor };
}

/** Which fare comes first, which next. */
function cheapestFirstOf(fares: readonly Fare[]): number[] {
  const order = fares.map((_, index) => index);
  return order.sort((a, b) => byAmount(fares[a] as Fare, fares[b] as Fare) || a - b);
}

function byAmount(a: Fare, b: Fare): number {
  return a.holderMinor === b.holderMinor ? 0 : a.holderMinor < b.holderMinor ? -1 : 1;
}
