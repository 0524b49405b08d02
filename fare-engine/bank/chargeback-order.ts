/** Behind which of an acquirer's chargebacks the list goes on, so that no wrong number hides those that come after it. Pure. */

/** A number that is known, and when it came. */
export interface KnownNumber {
  readonly n: number;
  readonly atMs: number;
}

export interface PlaceInList {
  /** What comes after this number is asked for. */
  readonly after: number;
  /** The highest number that nothing speaks against; `null` = none is known. */
  readonly highest: number | null;
}

/**
 * Numbers only grow: one that came before a lower one was wrong, and counts no more. The highest of the others may be as wrong, and
 * nobody knows yet; so the list goes on behind the one below it, and the highest is told once more.
 */
export function placeInList(known: readonly KnownNumber[]): PlaceInList {
  const trusted: number[] = [];
  let lowerCameMs = Number.NEGATIVE_INFINITY;
  for (const { n, atMs } of [...known].sort((a, b) => a.n - b.n)) {
    if (atMs >= lowerCameMs) trusted.push(n);
    lowerCameMs = Math.max(lowerCameMs, atMs);
  }
  return { after: trusted.at(-2) ?? 0, highest: trusted.at(-1) ?? null };
}
