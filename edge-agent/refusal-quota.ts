/**
 * How many refusals are written down: a wedged reader or a card left on it must not fill the journal that rides need.
 * Beyond the quota the passenger still sees red; only the record is left out, and counted.
 */

export interface RefusalQuota {
  /** Takes one refusal; false when none is left just now. */
  take(nowRealMs: number): boolean;
}

/** A bucket of `burst` refusals that fills again by one every `refillMs` (real milliseconds). */
export function createRefusalQuota(burst: number, refillMs: number): RefusalQuota {
  let left = burst;
  let filledAtMs: number | undefined;
  return {
    take(nowRealMs) {
      filledAtMs ??= nowRealMs;
      const gained = Math.floor((nowRealMs - filledAtMs) / refillMs);
      left = Math.min(burst, left + gained);
      filledAtMs = left === burst ? nowRealMs : filledAtMs + gained * refillMs;
      if (left === 0) return false;
      left--;
      return true;
    },
  };
}
