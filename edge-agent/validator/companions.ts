/** Companions: how many a ride may have, by the city's rules, and the question that stands on the panel. Pure. */
import type { CompanionRule } from '#contracts/enrolment.ts';
import type { CardFacts } from '../ports.ts';

/**
 * Most companions of one ride. A rule that names the route stands above one that names none; without a rule there are
 * none.
 */
export function companionsMax(
  rules: readonly CompanionRule[] | undefined,
  routeId: string | undefined,
  nowMs: number,
): number {
  const now = (rules ?? []).filter(
    ({ validFromMs, validUntilMs }) =>
      validFromMs <= nowMs && (validUntilMs === null || nowMs < validUntilMs),
  );
  const own = routeId === undefined ? undefined : now.find(({ routeIds }) => routeIds?.includes(routeId));
  return (own ?? now.find(({ routeIds }) => routeIds === undefined))?.max ?? 0;
}

/** The question: whose ride, and how many may still be paid for. */
export interface CompanionQuestion {
  readonly card: CardFacts;
  /** The ride, in this device's journal. */
  readonly seq: number;
  readonly taken: number;
  readonly max: number;
  /** When it was shown, by the timers. */
  readonly askedAtMs: number;
}

/** The question after a repeated touch; `undefined` where nobody more may be paid for. */
export function questionAfter(
  card: CardFacts,
  ride: { readonly seq: number; readonly companions: number },
  max: number,
  askedAtMs: number,
): CompanionQuestion | undefined {
  return ride.companions < max ? { card, seq: ride.seq, taken: ride.companions, max, askedAtMs } : undefined;
}

/** Whether a touch is the answer "yes": of the same medium, and `afterMs` or more after the question was shown. */
export function answersQuestion(
  question: CompanionQuestion | undefined,
  card: CardFacts,
  { nowMs, afterMs }: { readonly nowMs: number; readonly afterMs: number },
): boolean {
  if (question === undefined || nowMs - question.askedAtMs < afterMs) return false;
  const names = [question.card.tokenId, question.card.formerTokenId];
  return (
    names.includes(card.tokenId) || (card.formerTokenId !== undefined && names.includes(card.formerTokenId))
  );
}
