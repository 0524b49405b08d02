/** One fare under the caps: what is charged of it, which cap took how much, and what is counted. */
import { type CapWindow, type Counted, type DatedCap, windowAt } from './cap-window.ts';
import type { CapCut } from './caps.ts';
import type { SpentElsewhere } from './elsewhere.ts';
import { minorOf, minorText } from './minor-text.ts';
import type { CapCount } from './model.ts';
import { periodAt } from './period.ts';
import { BOUNDARY_REACH_MS_MAX } from './price-boundaries.ts';

/** One for a cap and the first day of its window. A handful: looking through them is cheaper than an index. */
export type Counts = CapCount[];

/** Puts a count in the place of the one that it goes on from, or behind the others. */
export function putCount(counts: Counts, count: CapCount): void {
  const at = counts.findIndex(({ capId, from }) => capId === count.capId && from === count.from);
  counts[at < 0 ? counts.length : at] = count;
}

/** A fare that caps may lower. */
export interface Fare {
  /** Those in whose scope it lies, in the order of their windows; also those that it would enter with an extension. */
  readonly caps: readonly DatedCap[];
  readonly atMs: number;
  readonly uncertaintyMs: number;
  /** Whether a ride at an instant lies in the hours of a cap. */
  readonly inHours: (cap: DatedCap, atMs: number) => boolean;
  /** Instants in `(fromMs, untilMs]` at which hours of a cap begin or end. */
  readonly hoursWithin: (cap: DatedCap, fromMs: number, untilMs: number) => readonly number[];
  /** What the holder pays, after transfer, concession and pass. */
  readonly holderMinor: bigint;
  readonly companionsMinor: bigint;
  /** By cap: what stays owed beside the cap, when the cap is taken together with extensions; see caps.ts. */
  readonly extensions: ReadonlyMap<string, { readonly productId: string; readonly minor: bigint }>;
  /** What an earlier system counted of its caps, and of others. */
  readonly elsewhere: readonly SpentElsewhere[];
}

interface Charge {
  readonly chargedMinor: bigint;
  readonly cuts: readonly CapCut[];
  /** Counts as they are afterwards. */
  readonly counted: readonly CapCount[];
}

/** Charges a fare. Where the clock is not sure, the cheapest of all windows and hours within its uncertainty counts. */
export function capCharge(counts: Counts, fare: Fare, split: string | null): Charge {
  if (fare.caps.length === 0)
    return { chargedMinor: fare.holderMinor + fare.companionsMinor, cuts: [], counted: [] };
  const reachMs = Math.min(fare.uncertaintyMs, BOUNDARY_REACH_MS_MAX);
  const nominal = chargeAt(counts, fare, split, fare.atMs);
  let best = nominal;
  if (reachMs > 0) {
    for (const atMs of instantsWithin(fare, fare.atMs - reachMs, fare.atMs + reachMs)) {
      const other = chargeAt(counts, fare, split, atMs);
      if (other.chargedMinor < best.chargedMinor) best = other;
    }
  }
  if (best === nominal) return best;
  const noted = (cut: CapCut): CapCut => ({ ...cut, nominalMinor: nominal.chargedMinor });
  return { ...best, cuts: best.cuts.map(noted) };
}

/** One instant of each stretch within which windows and hours stay the same; none where they stay throughout. */
function instantsWithin(fare: Fare, fromMs: number, untilMs: number): readonly number[] {
  let found: Set<number> | undefined;
  for (const cap of fare.caps) {
    for (const atMs of fare.hoursWithin(cap, fromMs, untilMs)) found = (found ?? new Set()).add(atMs);
    // Every window begins with a day of the cap.
    let nextMs = periodAt(cap.calendar, 'day', fromMs).untilMs;
    for (; nextMs <= untilMs; nextMs = periodAt(cap.calendar, 'day', nextMs).untilMs)
      found = (found ?? new Set()).add(nextMs);
  }
  return found === undefined ? NOWHERE : [...found.add(fromMs)].sort((a, b) => a - b);
}

const NOWHERE: readonly never[] = [];

interface Rest {
  holderMinor: bigint;
  companionsMinor: bigint;
}

interface OpenWindow extends CapWindow {
  readonly cap: DatedCap;
  /** All that was charged against the cap. */
  readonly spentMinor: bigint;
  /** Owed beside the cap. */
  readonly besideMinor: bigint;
}

function chargeAt(counts: Counts, fare: Fare, split: string | null, atMs: number): Charge {
  const rest: Rest = { holderMinor: fare.holderMinor, companionsMinor: fare.companionsMinor };
  const windows: OpenWindow[] = [];
  const cuts: CapCut[] = [];
  for (const cap of fare.caps) {
    const extension = fare.extensions.size === 0 ? undefined : fare.extensions.get(cap.cap_id);
    if (extension !== undefined && split !== cap.cap_id) continue;
    if (extension === undefined && !fare.inHours(cap, atMs)) continue;
    const found = windowAt(cap, counts, fare.elsewhere, atMs);
    const spentMinor = spentOf(found.counted);
    const window = { ...found, cap, spentMinor, besideMinor: extension?.minor ?? 0n };
    windows.push(window);
    const beforeMinor = totalOf(rest);
    cutDown(rest, window);
    const afterMinor = totalOf(rest);
    if (afterMinor === beforeMinor) continue;
    const extensionId = extension?.productId ?? null;
    cuts.push({ cap, from: window.own.from, beforeMinor, afterMinor, extensionId, nominalMinor: null });
  }
  const counted: CapCount[] = [];
  for (const window of windows) {
    const count = countOf(window, rest);
    if (count !== undefined) counted.push(count);
  }
  return { chargedMinor: totalOf(rest), cuts, counted };
}

function spentOf(counted: readonly Counted[]): bigint {
  let spent = 0n;
  for (const { spentMinor } of counted) spent += minorOf(spentMinor);
  return spent;
}

function totalOf({ holderMinor, companionsMinor }: Rest): bigint {
  return holderMinor + companionsMinor;
}

/** The part of a fare that lies in the cap's scope. */
function inScope(rest: Rest, { cap, besideMinor }: OpenWindow): bigint {
  const minor = rest.holderMinor - besideMinor + (cap.includes_companions ? rest.companionsMinor : 0n);
  return minor > 0n ? minor : 0n;
}

function cutDown(rest: Rest, window: OpenWindow): void {
  const { cap, counted, spentMinor, besideMinor } = window;
  let over: bigint;
  if (cap.basis === 'rides') {
    const rides = counted.reduce((sum, count) => sum + count.rides, 0);
    over = rides < (cap.cap_rides as number) ? 0n : inScope(rest, window);
  } else {
    const left = BigInt(cap.cap_minor as number) - spentMinor;
    over = inScope(rest, window) - (left > 0n ? left : 0n);
  }
  if (over <= 0n) return;
  // Of the holder's part first; what is owed beside the cap stays.
  const ofHolder = least(over, rest.holderMinor > besideMinor ? rest.holderMinor - besideMinor : 0n);
  rest.holderMinor -= ofHolder;
  rest.companionsMinor -= over - ofHolder;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** Nothing is counted, and no window begins, where nothing was charged. */
function countOf(window: OpenWindow, rest: Rest): CapCount | undefined {
  const { cap, own, before, counted, spentMinor } = window;
  const minor = inScope(rest, window);
  if (minor === 0n) return undefined;
  const beforeMinor =
    before === undefined ? 0n : counted.length === 1 ? spentMinor : minorOf(before.spentMinor);
  return {
    capId: cap.cap_id,
    from: own.from,
    untilMs: own.untilMs,
    spentMinor: minorText(beforeMinor + minor),
    rides: (before?.rides ?? 0) + 1,
  };
}
