/**
 * What a close does to a price. A close is a fact: non-tap facts known later do not change its days any more, and taps
 * that came too late are never charged to the rider. "Too late" is itself a function of facts (when the tap was
 * received, when the close was known, when the fare day ended), so the order of working things off does not matter.
 * The rule itself is pure and stands in pricing/close-rules.ts, where the auditor's re-computation uses it too.
 */
import {
  type CarriedState,
  type ChargedLine,
  cameInTime,
  chargeDay,
  type ExitsAhead,
  NOTHING_AHEAD,
} from '#pricing/close-rules.ts';
import { isPenalty } from '#pricing/journey-lines.ts';
import type { PricingState, TapFact } from '#pricing/model.ts';
import type { ReadyDay } from './facts/account-day.ts';
import type { FareDays } from './facts/facts.ts';
import type { PlannedLine } from './ledger/decision.ts';
import type { Pricer } from './ports.ts';

export type { CarriedState };

export interface ClosingRules {
  readonly days: FareDays;
  /** Longest time, of all packages and networks, after a fare day's end within which a late tap is charged; seconds. */
  readonly lateTapAcceptS: number;
}

export interface PlannedDay {
  readonly lines: readonly PlannedLine[];
  readonly out: CarriedState;
  /** From where a later tap of the day may be priced alone; `null` where the whole day has to be. */
  readonly running: PricingState | null;
}

/** Prices an account-day and splits off what came too late. */
export function planDay(
  carried: CarriedState,
  ready: ReadyDay,
  pricer: Pricer,
  rules: Pick<ClosingRules, 'days'>,
  ahead: ExitsAhead = NOTHING_AHEAD,
): PlannedDay {
  const { day, close } = ready;
  const dayEndMs = rules.days.endOfMs(day.fareDay);
  const closedAtMs = close?.knownFromMs ?? null;
  const inTime = (tap: TapFact): boolean =>
    closedAtMs === null ||
    cameInTime({
      receivedAtMs: tap.receivedAtMs as number,
      dayEndMs,
      closedAtMs,
      lateTapAcceptMs: pricer.lateTapAcceptMs(tap, day.knownAsOfMs),
    });
  const { lines, out, running } = chargeDay(carried, day, pricer, inTime, ahead);
  return { lines: lines.map((charged) => planned(charged, ready)), out, running };
}

function planned({ line, lossMinor }: ChargedLine, ready: ReadyDay): PlannedLine {
  const { place } = ready.taps.get(line.tapId) as NonNullable<ReturnType<typeof ready.taps.get>>;
  const { tripId, directionId, routeBy, routeFactId } = place;
  return {
    tapId: line.tapId,
    fareDay: line.fareDay,
    accountId: ready.day.accountId,
    carrierId: line.carrierId,
    fundingId: line.fundingId,
    currency: line.currency,
    riderMinor: line.riderMinor,
    concessionMinor: line.concessionMinor,
    lossMinor,
    capMinor: line.capMinor,
    penalty: isPenalty(line),
    line,
    vehicleId: place.vehicleId,
    route: { tripId, directionId, routeBy, routeFactId },
    adjustsClose: ready.close?.fareDay ?? null,
  };
}

/** The last fare day that has ended for longer than late taps are accepted. */
export function dayToClose(nowMs: number, rules: ClosingRules): string {
  const stillTaken = rules.days.fareDayOf(nowMs - rules.lateTapAcceptS * 1000);
  return new Date(Date.parse(`${stillTaken}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
}
