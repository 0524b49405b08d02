/** When a journal was certainly being written, by the clock evidence of its records alone. */
import type { ClockEvidence } from '#contracts/record.ts';

/** At `fromMs` the journal had certainly begun; at `toMs` it was certainly still written. */
export interface Alive {
  readonly fromMs: number;
  readonly toMs: number;
}

/** No crystal drifts by this much; a sign of a copied journal must not come from a bad clock. */
const DRIFT_PPM_MAX = 500;

/**
 * Bounds of the instant of a record, UTC ms; null when the device had not heard the city's time in this boot. The bounds
 * are swapped on purpose (`fromMs` is the later): taken together over many records, the earliest `fromMs` and the latest
 * `toMs` enclose a time in which the journal was surely in use.
 */
export function aliveAt({ monoMs, bootId, sync }: ClockEvidence): Alive | null {
  if (sync === undefined || sync.bootId !== bootId) return null;
  const elapsedMs = monoMs - sync.monoMs;
  const atMs = sync.serverMs + elapsedMs;
  const errorMs = Math.ceil(sync.rttMs / 2 + (Math.abs(elapsedMs) * DRIFT_PPM_MAX) / 1e6) + 1;
  return { fromMs: atMs + errorMs, toMs: atMs - errorMs };
}

/** The time enclosed by two others. */
export function joinAlive(one: Alive | null, other: Alive | null): Alive | null {
  if (one === null || other === null) return one ?? other;
  return { fromMs: Math.min(one.fromMs, other.fromMs), toMs: Math.max(one.toMs, other.toMs) };
}
