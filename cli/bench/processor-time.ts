/** Processor time of other processes, as Linux tells it. */
import { readFileSync } from 'node:fs';

const TICK_MS = 10;

/** Processor time of processes so far; 0 where the system does not tell. @see proc(5) */
export function processorMs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const after = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
      ticks += Number(after[11]) + Number(after[12]);
    } catch {
      return 0;
    }
  }
  return ticks * TICK_MS;
}
