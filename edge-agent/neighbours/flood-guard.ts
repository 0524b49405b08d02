/**
 * How many datagrams are opened: a flood costs no more than this, and does not keep a device of the vehicle from being
 * heard. Who has proven to be one has a budget of its own; all others share one, and none of them has much of it. An
 * address can be forged: whoever sends in the name of a neighbour's drowns that neighbour, and the city merges the rides.
 */

export interface FloodGuard {
  /** Whether a datagram from this address is opened. */
  admits(source: string): boolean;
  /** A device of the vehicle spoke from there just now: fresh, not a datagram of yesterday. */
  trust(source: string): void;
}

/** Things in a row, and how many more each second. */
interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

const TRUSTED: Rate = { burst: 200, perSecond: 100 };
const STRANGERS: Rate = { burst: 100, perSecond: 50 };
const ONE_STRANGER: Rate = { burst: 30, perSecond: 10 };
/** Devices of one vehicle and inspectors in it. */
const TRUSTED_MAX = 32;
const STRANGERS_MAX = 64;

/** Makes it; nobody is trusted yet. `nowMs`: monotonic real milliseconds. */
export function createFloodGuard(nowMs: () => number): FloodGuard {
  const trusted = new Map<string, () => boolean>();
  const strangers = new Map<string, () => boolean>();
  const strangersTogether = createBudget(STRANGERS, nowMs);

  function of(source: string): () => boolean {
    const budget = strangers.get(source) ?? createBudget(ONE_STRANGER, nowMs);
    remember(strangers, source, budget, STRANGERS_MAX);
    return budget;
  }

  return {
    admits(source) {
      const own = trusted.get(source);
      return own ? own() : of(source)() && strangersTogether();
    },
    trust(source) {
      remember(trusted, source, trusted.get(source) ?? createBudget(TRUSTED, nowMs), TRUSTED_MAX);
      strangers.delete(source);
    },
  };
}

/** A budget of things; the call takes one, or says that there is none. */
export function createBudget({ burst, perSecond }: Rate, nowMs: () => number): () => boolean {
  let left = burst;
  let atMs = nowMs();
  return () => {
    const now = nowMs();
    left = Math.min(burst, left + ((now - atMs) * perSecond) / 1000);
    atMs = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

/** As the newest; the one that was silent longest goes. */
function remember<T>(map: Map<string, T>, key: string, value: T, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value as string);
}
