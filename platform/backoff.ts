/** Waits between tries, for many who lost the same thing at the same moment. Pure; chance is handed in. */

export interface Backoff {
  /** Bound of the first wait; doubled with each failure in a row, up to `maxMs`. */
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait after the given number of failures in a row (1 or more): anything from nothing to the bound, each
 * length as likely as another ("full jitter"), so that tries of a fleet are spread evenly from the first round on.
 * Waiting at least half the bound, as is often done, leaves the first half empty and doubles the crowd in the second.
 * @param chance from 0 up to, but not including, 1.
 */
export function backoffMs({ firstMs, maxMs }: Backoff, failures: number, chance: number): number {
  const boundMs = Math.min(maxMs, firstMs * 2 ** Math.min(Math.max(failures, 1) - 1, 30));
  return Math.floor(chance * boundMs);
}
