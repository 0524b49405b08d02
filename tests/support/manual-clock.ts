/** A clock that stands still until the test moves it. */
import type { Clock } from '#platform/clock.ts';

export interface ManualClock extends Clock {
  /** Wall and monotonic time go on together. */
  advance(ms: number): void;
  /** Only the wall clock is set, as a correction would. */
  setWall(ms: number): void;
}

/** Starts at the given UTC instant; monotonic time starts at 0. */
export function manualClock(startAtMs = Date.UTC(2026, 2, 2, 6, 0, 0)): ManualClock {
  let wallMs = startAtMs;
  let monoMs = 0;
  return {
    nowMs: () => wallMs,
    monotonicMs: () => monoMs,
    advance(ms) {
      if (ms < 0) throw new Error('a clock is advanced, not turned back; use setWall');
      wallMs += ms;
      monoMs += ms;
    },
    setWall(ms) {
      wallMs = ms;
    },
  };
}
