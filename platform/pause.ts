/** A pause that whoever stops may end. */
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves after so many milliseconds, or at once when `signal` is aborted; never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
