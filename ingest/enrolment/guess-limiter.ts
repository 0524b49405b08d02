/**
 * Slows guessing: whoever was refused too often within a minute waits. Only refusals count, so a depot that enrols a
 * hundred devices from one address is not held up; and only refused codes count for all together, so that what proves
 * nothing stops nobody else. Pure: addresses and times go in.
 */
export interface GuessLimits {
  readonly refusalsPerAddressMax: number;
  readonly refusalsMax: number;
}

/** Who asks: an address, or the holder of a certificate of the authority, which is counted by its number alone. */
export type Caller = { readonly address: string } | { readonly serial: string };

export interface GuessLimiter {
  /** Whether this caller may try. */
  mayTry(caller: Caller, monotonicMs: number): boolean;
  /** `guess`: what was refused was a code. */
  refused(caller: Caller, guess: boolean, monotonicMs: number): void;
}

const MINUTE_MS = 60_000;
/** Callers remembered within one minute; of more, only the refused codes are counted, for all together. */
const CALLERS_MAX = 10_000;

/** Counts by whole minutes, so the memory of one is thrown away with it. */
export function createGuessLimiter(limits: GuessLimits): GuessLimiter {
  let minute = Number.NaN;
  let all = 0;
  let byCaller = new Map<string, number>();
  const turn = (nowMs: number): void => {
    const now = Math.floor(nowMs / MINUTE_MS);
    if (now === minute) return;
    [minute, all, byCaller] = [now, 0, new Map()];
  };
  return {
    mayTry(caller, nowMs) {
      turn(nowMs);
      if ('address' in caller && all >= limits.refusalsMax) return false;
      return (byCaller.get(keyOf(caller)) ?? 0) < limits.refusalsPerAddressMax;
    },
    refused(caller, guess, nowMs) {
      turn(nowMs);
      if (guess) all += 1;
      const key = keyOf(caller);
      if (byCaller.size < CALLERS_MAX || byCaller.has(key)) byCaller.set(key, (byCaller.get(key) ?? 0) + 1);
    },
  };
}

function keyOf(caller: Caller): string {
  return 'serial' in caller ? `certificate ${caller.serial}` : networkOf(caller.address);
}

/** An IPv6 address stands for its /64, since one household has so many; an IPv4 address for itself. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.replace(/%.*$/, '').toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const last = tail === '' ? [] : tail.split(':');
    while (groups.length + last.length < 8) groups.push('0');
    groups.push(...last);
  }
  const network = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${network.join(':')}::/64`;
}
