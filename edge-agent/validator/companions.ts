/** Companions, escorts and bags: how many a ride may have, by the city's rules, and the question that stands on the panel. Pure. */
import type { BesideLimit, CompanionRule } from '#contracts/enrolment.ts';
import type { MediumKind } from '#contracts/record.ts';
import type { Beside, CardFacts, Offer } from '../ports.ts';

/** Most of a ride. */
export interface BesideLimits {
  readonly companions: number;
  /** Companions beyond those; only who has a right to them rides free of charge with one. */
  readonly escorts: number;
  readonly bags: number;
  /** Companions and bags together; `null` = each by its own limit. */
  readonly together: number | null;
}

/**
 * What one medium may pay for in one ride. A rule that names the route stands above one that names none; without a rule
 * there is nothing.
 */
export function besideLimits(
  rules: readonly CompanionRule[] | undefined,
  ride: { readonly routeId: string | undefined; readonly mediumKind: MediumKind; readonly nowMs: number },
): BesideLimits {
  const { routeId, mediumKind, nowMs } = ride;
  const now = (rules ?? []).filter(
    ({ validFromMs, validUntilMs }) =>
      validFromMs <= nowMs && (validUntilMs === null || nowMs < validUntilMs),
  );
  const own = routeId === undefined ? undefined : now.find(({ routeIds }) => routeIds?.includes(routeId));
  const rule = own ?? now.find(({ routeIds }) => routeIds === undefined);
  const most = (limit: BesideLimit | undefined) => (limit?.mediumKinds.includes(mediumKind) ? limit.max : 0);
  return {
    companions: rule?.max ?? 0,
    escorts: most(rule?.escorts),
    bags: most(rule?.bags),
    together: rule?.together ?? null,
  };
}

/** Companions that may be paid for beside so many bags. */
function payable({ companions, together }: BesideLimits, bags: number): number {
  return Math.max(0, Math.min(companions, (together ?? Number.POSITIVE_INFINITY) - bags));
}

/** What may still be asked for, the one that a touch answers first. */
export function offersOf(limits: BesideLimits, taken: Beside): Offer[] {
  const paid = payable(limits, taken.bags);
  const offers: Offer[] = [];
  if (taken.companions < paid) offers.push('companion');
  else if (taken.companions < paid + limits.escorts) offers.push('escort');
  const beside = Math.min(taken.companions, limits.companions) + taken.bags;
  if (taken.bags < limits.bags && (limits.together === null || beside < limits.together)) offers.push('bag');
  return offers;
}

/** What of those that were taken are escorts, as the panel says it: more companions than anybody may pay for. */
export function escortsOf(limits: BesideLimits, taken: Beside): number {
  return Math.max(0, taken.companions - payable(limits, taken.bags));
}

/** The question: whose ride, and what may still be asked for. */
export interface CompanionQuestion {
  readonly card: CardFacts;
  /** The ride, in this device's journal. */
  readonly seq: number;
  readonly taken: Beside;
  readonly limits: BesideLimits;
  /** Not empty. */
  readonly offers: readonly Offer[];
  /** When it was shown, by the timers. */
  readonly askedAtMs: number;
}

/** The question after a repeated touch; `undefined` where nothing more may be asked for. */
export function questionAfter(
  card: CardFacts,
  { seq, taken }: { readonly seq: number; readonly taken: Beside },
  limits: BesideLimits,
  askedAtMs: number,
): CompanionQuestion | undefined {
  const offers = offersOf(limits, taken);
  return offers.length > 0 ? { card, seq, taken, limits, offers, askedAtMs } : undefined;
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

/** One more of what was asked for. */
export function moreOf(offer: Offer): Beside {
  return offer === 'bag' ? { companions: 0, bags: 1 } : { companions: 1, bags: 0 };
}
