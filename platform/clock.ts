/**
 * Time is handed in. A core that asks a Clock can be tested at any instant and lives in the city's time.
 */

/** Two views of time. They never mix: wall time may be corrected, monotonic time only grows. */
export interface Clock {
  /** UTC milliseconds since 1970, an integer; in a simulated city the city's instant. */
  nowMs(): number;
  /** Milliseconds from an unnamed origin, never backwards; fit only for differences. */
  monotonicMs(): number;
  /**
   * Names the stretch within which `monotonicMs` only grows, 128 bits in hex, where it outlives the process (a boot of
   * the machine, the life of a city's clock). Absent: it ends with the process.
   */
  readonly bootId?: string;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
