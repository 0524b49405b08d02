/**
 * Waits until nothing is left, for as long as less and less is left. A limit on the whole wait would say how fast a machine
 * has to be; a limit on the time without progress says only that nobody waits for what does not come.
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface ShrinkOptions {
  /** Without getting less for so long it is given up, milliseconds. */
  readonly idleMsMax: number;
  /** Between two looks, milliseconds. */
  readonly everyMs: number;
  /** Called at the start and again after each `nudgeEveryMs` without progress: whoever waits for its turn need not. */
  readonly nudge?: () => void;
  readonly nudgeEveryMs?: number;
  /** Monotonic milliseconds, and how a pause is made; the machine's own unless a test brings others. */
  readonly nowMs?: () => number;
  readonly pause?: (ms: number) => Promise<unknown>;
}

/**
 * Looks until nothing is left or it has not got less for `idleMsMax`; gives what is left then. Each limit begins anew
 * only when there is less than ever before, so the whole wait is bounded by what there was.
 */
export async function whileItShrinks(
  look: () => number | Promise<number>,
  options: ShrinkOptions,
): Promise<number> {
  const { idleMsMax, everyMs, nudge, nudgeEveryMs = idleMsMax, pause = delay } = options;
  const nowMs = options.nowMs ?? (() => performance.now());
  let least = Number.POSITIVE_INFINITY;
  let progressAtMs = nowMs();
  let nudgedAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const left = await look();
    if (left === 0) return 0;
    const atMs = nowMs();
    if (left < least) {
      // The first look is no progress: then the nudge is due at once.
      if (least !== Number.POSITIVE_INFINITY) nudgedAtMs = atMs;
      least = left;
      progressAtMs = atMs;
    } else if (atMs - progressAtMs >= idleMsMax) return left;
    if (nudge !== undefined && atMs - nudgedAtMs >= nudgeEveryMs) {
      nudge();
      nudgedAtMs = atMs;
    }
    await pause(everyMs);
  }
}
