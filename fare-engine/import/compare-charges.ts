/**
 * Parallel running: what an earlier system charged beside what is charged here, ride by ride. Pure; one medium at a time, so
 * that a city's month need not fit into memory.
 */

/** One charge of a medium. */
export interface Charge {
  readonly atMs: number;
  readonly amountMinor: bigint;
  /** The earlier system's own name of it, or the tap. */
  readonly ref: string;
}

/** Why two systems do not say the same of a ride; `same` = they do. */
export type Difference = 'same' | 'other-price' | 'missing-there' | 'missing-here';

export interface ComparedRide {
  readonly difference: Difference;
  readonly there: Charge | null;
  readonly here: Charge | null;
}

/** Rides and money by difference. */
export interface DifferenceTotal {
  rides: number;
  thereMinor: bigint;
  hereMinor: bigint;
}
export type CompareTotals = Record<Difference, DifferenceTotal>;

export function noTotals(): CompareTotals {
  const none = (): DifferenceTotal => ({ rides: 0, thereMinor: 0n, hereMinor: 0n });
  return { same: none(), 'other-price': none(), 'missing-there': none(), 'missing-here': none() };
}

export function addTo(totals: CompareTotals, { difference, there, here }: ComparedRide): void {
  const total = totals[difference];
  total.rides++;
  total.thereMinor += there?.amountMinor ?? 0n;
  total.hereMinor += here?.amountMinor ?? 0n;
}

/**
 * Pairs the charges of one medium: each with at most one of the other system that lies within the tolerance, both included.
 * Walked in order of time; of two that would fit the nearer one is taken.
 */
export function compareCharges(
  there: readonly Charge[],
  here: readonly Charge[],
  toleranceMs: number,
): ComparedRide[] {
  const [old, own] = [inOrder(there), inOrder(here)];
  const rides: ComparedRide[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < own.length) {
    const [a, b] = [old[i], own[j]];
    if (a !== undefined && b !== undefined && isPair(a, b, old[i + 1], own[j + 1], toleranceMs)) {
      rides.push({ difference: a.amountMinor === b.amountMinor ? 'same' : 'other-price', there: a, here: b });
      i++;
      j++;
    } else if (b === undefined || (a !== undefined && leavesFirst(a, b, old[i + 1], toleranceMs))) {
      rides.push({ difference: 'missing-here', there: a as Charge, here: null });
      i++;
    } else {
      rides.push({ difference: 'missing-there', there: null, here: b });
      j++;
    }
  }
  return rides;
}

/** Neither has another one that lies nearer. */
function isPair(
  a: Charge,
  b: Charge,
  nextA: Charge | undefined,
  nextB: Charge | undefined,
  toleranceMs: number,
): boolean {
  const apart = distance(a, b);
  if (apart > toleranceMs) return false;
  const nearerA = nextA !== undefined && distance(nextA, b) < apart;
  const nearerB = nextB !== undefined && distance(a, nextB) < apart;
  return !nearerA && !nearerB;
}

/** Of two that are no pair: whether the one there is left alone now, or the one here. */
function leavesFirst(a: Charge, b: Charge, nextA: Charge | undefined, toleranceMs: number): boolean {
  const apart = distance(a, b);
  if (apart > toleranceMs) return a.atMs < b.atMs;
  return nextA !== undefined && distance(nextA, b) < apart;
}

function distance(a: Charge, b: Charge): number {
  return Math.abs(a.atMs - b.atMs);
}

function inOrder(charges: readonly Charge[]): Charge[] {
  return [...charges].sort((a, b) => a.atMs - b.atMs || (a.ref < b.ref ? -1 : 1));
}
