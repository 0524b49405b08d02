/** What a priced leg leaves behind: touches, transfers, what broke off, what is used of quotas and holdings. */
import type { Beside } from './bags.ts';
import { brokenAfter, openBroken } from './breakdown-rides.ts';
import { escortRightOf, escortsOf } from './escorts.ts';
import { uncertaintyOf } from './leg-of-tap.ts';
import type { EscortRight, PricingState, TapFact, Touch } from './model.ts';
import { usesAfter } from './passes.ts';
import { placeOf } from './places.ts';
import type { PricedLeg } from './price-leg.ts';
import { quotaAfter } from './quotas.ts';
import { recentTouches } from './state-text.ts';

/** The state after a priced leg. */
export function nextState(state: PricingState, tap: TapFact, leg: PricedLeg, beside: Beside): PricingState {
  const placeId = placeOf(tap);
  const others = recentTouches(state, tap.fareAtMs).filter(
    (t) => t.placeId !== placeId || t.mediumId !== tap.mediumId,
  );
  const lastTouches =
    placeId === null ? others : [...others, touchOf(tap, placeId, beside, escortsLeft(tap, leg))];
  const transferRun = nextRun(state, tap, leg);
  const row = leg.concession?.row;
  const takenMinor = leg.referenceMinor - leg.riderMinor - (leg.notOwedMinor ?? 0n);
  const quotas = row ? quotaAfter(row, state.quotas, leg.atMs, takenMinor) : state.quotas;
  const passes = usesAfter(state.passes, leg.pass?.use);
  const { journeys, closed, caps } = state;
  const next: Mutable<PricingState> = { v: 2, transferRun, lastTouches, caps, quotas, passes };
  if (journeys !== undefined) next.journeys = journeys;
  if (closed !== undefined) next.closed = closed;
  if (state.broken === undefined && tap.breakdowns === undefined) return next;
  const broken = brokenAfter(state, { tap, placeId }, leg, beside);
  return Object.assign(next, openBroken(broken, tap.fareAtMs));
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The right to escorts, as far as it is not used by those who touched with the holder. */
function escortsLeft(tap: TapFact, leg: PricedLeg): EscortRight | null {
  const right = escortRightOf(leg);
  const left = (right?.left ?? 0) - escortsOf(tap, right);
  return right && left > 0 ? { ...right, left } : null;
}

function touchOf(
  tap: TapFact,
  placeId: string,
  { companions, bags }: Beside,
  escort: EscortRight | null,
): Touch {
  const { mediumId, fareAtMs, tapId } = tap;
  const uncertaintyMs = uncertaintyOf(tap);
  const touch: Mutable<Touch> = { placeId, atMs: fareAtMs, tapId };
  if (mediumId !== undefined) touch.mediumId = mediumId;
  if (uncertaintyMs > 0) touch.uncertaintyMs = uncertaintyMs;
  if (companions > 0) touch.companions = companions;
  if (bags > 0) touch.bags = bags;
  if (escort !== null) touch.escort = escort;
  return touch;
}

function nextRun(state: PricingState, tap: TapFact, leg: PricedLeg): PricingState['transferRun'] {
  // It stands for the ride that broke off: the run goes on, from where the rider is now.
  if (leg.breakdown)
    return (
      state.transferRun && { ...state.transferRun, lastStopId: tap.stopId, lastVehicleId: tap.vehicleId }
    );
  const { feed, transfers } = leg.tariff.pricer;
  const groupId = leg.rule.legGroupId;
  // No transfer leads from a journey that is not whole.
  if (leg.journey?.penalty === true) return null;
  if (groupId === '' || feed.transferRules.length === 0) return null;
  const before = leg.transfer ? state.transferRun : null;
  // The part of the run under rules that count transfers and measure from its first leg.
  const counted = before !== null && transfers.inRun(before.lastLegGroupId, groupId);
  const goesOn = counted && before.transferCount > 0 && transfers.goesOn(before.lastLegGroupId, groupId);
  const uncertaintyMs = Math.max(uncertaintyOf(tap), before?.uncertaintyMs ?? 0);
  const lastArrivalMs = leg.journey?.arrivalMs;
  const startedArrivalMs = !counted ? lastArrivalMs : goesOn ? before.startedArrivalMs : before.lastArrivalMs;
  const run: Mutable<NonNullable<PricingState['transferRun']>> = {
    startedAtMs: !counted ? tap.fareAtMs : goesOn ? before.startedAtMs : before.lastLegAtMs,
    lastLegAtMs: tap.fareAtMs,
    lastLegGroupId: groupId,
    lastStopId: tap.stopId,
    lastVehicleId: tap.vehicleId,
    transferCount: !counted ? 0 : goesOn ? before.transferCount + 1 : 1,
    firstTapId: before?.firstTapId ?? tap.tapId,
    packageHash: leg.tariff.hash,
  };
  if (uncertaintyMs > 0) run.uncertaintyMs = uncertaintyMs;
  if (startedArrivalMs !== undefined) run.startedArrivalMs = startedArrivalMs;
  if (lastArrivalMs !== undefined) run.lastArrivalMs = lastArrivalMs;
  return run;
}
