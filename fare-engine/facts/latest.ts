/** Which of several dated facts holds. */
import { covers, knownBy } from './facts.ts';

/** A fact with its id, its interval and the time from which it was known. */
export interface DatedFact {
  readonly assignmentId: string;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
}

/** Of the facts that cover an instant the one that was known last; in doubt the greater id; `null` when none does. */
export function latestOf<T extends DatedFact>(
  facts: readonly T[],
  atMs: number,
  knownAsOfMs: number | null,
): T | null {
  let best: T | null = null;
  for (const fact of facts) {
    if (!covers(fact, atMs) || !knownBy(fact, knownAsOfMs)) continue;
    if (best === null || isLater(fact, best)) best = fact;
  }
  return best;
}

function isLater(a: DatedFact, b: DatedFact): boolean {
  if (a.knownFromMs !== b.knownFromMs) return a.knownFromMs > b.knownFromMs;
  return a.assignmentId > b.assignmentId;
}
