/** When this validator took no cards: an inspector asks, because nobody is fined for a broken validator. */

export interface Outage {
  /** Monotonic milliseconds of this boot. */
  readonly fromMs: number;
  /** Null while it lasts. */
  readonly untilMs: number | null;
}

export interface Outages {
  /** Called with every change and every look. */
  note(outOfOrder: boolean, nowMs: number): void;
  /** The journal's rides before this instant are not looked at any more: what can be spoken of begins here. */
  beginAnew(nowMs: number): void;
  /** Newest first, those that reach into the time since an instant. */
  since(fromMs: number): Outage[];
  /** What it can speak of begins here. */
  readonly knowsSinceMs: number;
}

/** Most outages remembered; an older one is forgotten, and what it can speak of begins after it. */
const OUTAGES_MAX = 64;

/** Makes an empty memory that begins now. */
export function createOutages(nowMs: number): Outages {
  const past: { fromMs: number; untilMs: number }[] = [];
  let beganMs: number | null = null;
  let knowsSinceMs = nowMs;
  return {
    note(outOfOrder, atMs) {
      if (outOfOrder) beganMs ??= atMs;
      else if (beganMs !== null) {
        past.unshift({ fromMs: beganMs, untilMs: atMs });
        beganMs = null;
        const forgotten = past.length > OUTAGES_MAX ? past.pop() : undefined;
        if (forgotten) knowsSinceMs = Math.max(knowsSinceMs, forgotten.untilMs);
      }
    },
    beginAnew(atMs) {
      knowsSinceMs = atMs;
    },
    since(fromMs) {
      const reaching: Outage[] = past.filter(({ untilMs }) => untilMs > fromMs);
      return beganMs === null ? reaching : [{ fromMs: beganMs, untilMs: null }, ...reaching];
    },
    get knowsSinceMs() {
      return knowsSinceMs;
    },
  };
}
