/** A rate with a burst: what every limit in time of this room counts by. Pure; the time is handed in. */

export interface TokenBucket {
  /** Takes what has come, whatever it is, and answers how many milliseconds of rate it is ahead (0 = within). */
  take(amount: number, nowMs: number): number;
  /** Takes only if it is within; otherwise takes nothing. */
  tryTake(amount: number, nowMs: number): boolean;
  /** Whether it has been left alone for so long that it is full again. */
  full(nowMs: number): boolean;
}

/** Makes a full bucket. Time that goes back counts as standing still. */
export function createTokenBucket(perSecond: number, burst: number): TokenBucket {
  let tokens = burst;
  let atMs: number | undefined;
  const refill = (nowMs: number): void => {
    const elapsedMs = atMs === undefined ? 0 : Math.max(0, nowMs - atMs);
    atMs = Math.max(atMs ?? nowMs, nowMs);
    tokens = Math.min(burst, tokens + (elapsedMs * perSecond) / 1000);
  };
  return {
    take(amount, nowMs) {
      refill(nowMs);
      tokens -= amount;
      return tokens >= 0 ? 0 : Math.ceil((-tokens * 1000) / perSecond);
    },
    tryTake(amount, nowMs) {
      refill(nowMs);
      if (tokens < amount) return false;
      tokens -= amount;
      return true;
    },
    full(nowMs) {
      refill(nowMs);
      return tokens >= burst;
    },
  };
}
