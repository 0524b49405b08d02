/**
 * Watches connections that push each other off under one name. A single takeover is a device that came back before
 * its old connection was missed. Several within a minute are two holders of one identity: a copied device folder.
 *
 * Pure: names and times go in, a verdict comes out.
 */

export interface TakeoverLimits {
  /** Takeovers of one name within a minute that are still taken for a bad network. */
  readonly takeoversPerMinuteMax: number;
}

export interface TakeoverWatch {
  /**
   * A connection under this name pushed another one off. True when this one makes it a contention; then again after
   * a further minute at the earliest.
   */
  tookOver(clientId: string, monotonicMs: number): boolean;
  /** Names that were in contention within the last minute. */
  contended(monotonicMs: number): number;
}

const MINUTE_MS = 60_000;

interface Watched {
  times: number[];
  reportedAtMs: number;
}

/** Makes a watch. It remembers a name for a minute after its last takeover, so it is bounded by the logins of one. */
export function createTakeoverWatch(limits: TakeoverLimits): TakeoverWatch {
  const names = new Map<string, Watched>();

  function forget(nowMs: number): void {
    for (const [name, { times }] of names) {
      if ((times.at(-1) ?? 0) + MINUTE_MS > nowMs) break; // the least recent stands first
      names.delete(name);
    }
  }

  return {
    tookOver(clientId, nowMs) {
      forget(nowMs);
      const watched = names.get(clientId) ?? { times: [], reportedAtMs: Number.NEGATIVE_INFINITY };
      names.delete(clientId);
      names.set(clientId, watched);
      watched.times = [...watched.times.filter((at) => at + MINUTE_MS > nowMs), nowMs].slice(
        -(limits.takeoversPerMinuteMax + 1),
      );
      if (watched.times.length <= limits.takeoversPerMinuteMax) return false;
      if (watched.reportedAtMs + MINUTE_MS > nowMs) return false;
      watched.reportedAtMs = nowMs;
      return true;
    },
    contended(nowMs) {
      forget(nowMs);
      return [...names.values()].filter(({ reportedAtMs }) => reportedAtMs + MINUTE_MS > nowMs).length;
    },
  };
}
