/** Waiting that happens when the test says so. */
import type { Timers } from '../../../edge-agent/ports.ts';

export interface ManualTimers extends Timers {
  /** Goes on, calling what falls due on the way, in order. */
  advance(ms: number): void;
  pending(): number;
  /** How often longer work has given way. */
  rests(): number;
}

export function createManualTimers(): ManualTimers {
  let nowMs = 0;
  let nextId = 1;
  let rests = 0;
  const waiting = new Map<number, { atMs: number; call: () => void }>();
  return {
    nowMs: () => nowMs,
    after(delayMs, call) {
      const id = nextId++;
      waiting.set(id, { atMs: nowMs + delayMs, call });
      return () => void waiting.delete(id);
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const due = [...waiting]
          .filter(([, timer]) => timer.atMs <= untilMs)
          .sort(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0];
        if (!due) break;
        waiting.delete(due[0]);
        nowMs = Math.max(nowMs, due[1].atMs);
        due[1].call();
      }
      nowMs = untilMs;
    },
    pending: () => waiting.size,
    rest() {
      rests++;
      return new Promise((resolve) => setImmediate(resolve));
    },
    rests: () => rests,
  };
}
