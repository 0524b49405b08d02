/** Waiting in the machine's own time. */
import type { Timers } from '../ports.ts';

export const realTimers: Timers = {
  nowMs: () => performance.now(),
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
  rest: () => new Promise((resolve) => setImmediate(resolve)),
};
