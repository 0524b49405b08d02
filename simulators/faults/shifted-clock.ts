/** The machine's clock, moved to another date, for processes of a test that must agree on the city's time. */
import { type Clock, systemClock } from '#platform/clock.ts';

/** Environment variable that hands the shift to child processes. */
export const SHIFT_MS = 'KVYTOK_TEST_CLOCK_SHIFT_MS';

/** A clock `shiftMs` ahead of the machine's (behind it when negative). */
export function shiftedClock(shiftMs: number): Clock {
  return { nowMs: () => systemClock.nowMs() + shiftMs, monotonicMs: () => systemClock.monotonicMs() };
}
