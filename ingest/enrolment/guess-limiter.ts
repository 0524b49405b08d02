/**
 * Slows guessing: whoever was refused too often within a minute waits. Only refusals count, so a depot that enrols a
 * hundred devices from one address is not held up. Pure: addresses and times go in.
 */
export interface GuessLimits {
  readonly refusalsPerAddressMax: number;
  readonly refusalsMax: number;
}

export interface GuessLimiter {
  /** Whether this address may try. */
  mayTry(address: string, monotonicMs: number): boolean;
  refused(address: string, monotonicMs: number): void;
}

const MINUTE_MS = 60_000;
/** Addresses remembered within one minute; more than may be refused anyway. */
const ADDRESSES_MAX = 10_000;

/** Counts by whole minutes, so the memory of one is thrown away with it. */
export function createGuessLimiter(limits: GuessLimits): GuessLimiter {
  let minute = Number.NaN;
  let all = 0;
  let byAddress = new Map<string, number>();
  const turn = (nowMs: number): void => {
    const now = Math.floor(nowMs / MINUTE_MS);
    if (now === minute) return;
    [minute, all, byAddress] = [now, 0, new Map()];
  };
  return {
    mayTry(address, nowMs) {
      turn(nowMs);
      return all < limits.refusalsMax && (byAddress.get(address) ?? 0) < limits.refusalsPerAddressMax;
    },
    refused(address, nowMs) {
      turn(nowMs);
      all += 1;
      if (byAddress.size < ADDRESSES_MAX || byAddress.has(address))
        byAddress.set(address, (byAddress.get(address) ?? 0) + 1);
    },
  };
}
