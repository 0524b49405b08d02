/**
 * Time is handed in. A core that asks a Clock can be tested at any instant and lives in the city's time.
 */

/** Two views of time. They never mix: wall time may be corrected, monotonic time only grows. */
export interface Clock {
  /** UTC milliseconds since 1970, an integer; in a simulated city the city's instant. */
  nowMs(): number;
  /** Milliseconds from an unnamed origin, never backwards; fit only for differences. */
  monotonicMs(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
