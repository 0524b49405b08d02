/**
 * What a close does to a price. A close is a fact: non-tap facts known later do not change its days any more, and taps
 * that came too late are never charged to the rider. "Too late" is itself a function of facts (when the tap was
 * received, when the close was known, when the fare day ended), so the order of working things off does not matter.
 *
 * A day is priced twice where that makes a difference: with all its taps (what the ride costs, what the carrier earns),
 * and with those only that came in time (the base). Of each tap's new price the rider bears at most what the base says;
 * the rest is a loss under a name of its own. Prices may fall after a close, never rise through a late tap.
 */
import type { PricedLine, PricingState } from '#pricing/model.ts';
import type { ReadyDay } from './facts/account-day.ts';
import type { FareDays } from './facts/facts.ts';
import type { PlannedLine } from './ledger/decision.ts';
import type { Pricer } from './ports.ts';

/** A carried state and its base; the base is null where both are the same. */
export interface CarriedState {
  readonly state: PricingState;
  readonly base: PricingState | null;
}

export interface ClosingRules {
  readonly days: FareDays;
  /** Seconds after a fare day's end within which a tap is charged even when its day was closed before. */
  readonly lateTapAcceptS: number;
}

export interface PlannedDay {
  readonly lines: readonly PlannedLine[];
  readonly out: CarriedState;
}

/** Prices an account-day and splits off what came too late. */
export function planDay(
  carried: CarriedState,
  ready: ReadyDay,
  pricer: Pricer,
  rules: ClosingRules,
): PlannedDay {
  const priced = pricer.price(carried.state, ready.day);
  const inTime = new Set(
    ready.day.taps.filter((tap) => cameInTime(tap.tapId, ready, rules)).map((tap) => tap.tapId),
  );
  const allInTime = inTime.size === ready.day.taps.length;
  if (allInTime && carried.base === null) {
    const lines = priced.lines.map((line) => planned(line, line.riderMinor, ready));
    return { lines, out: { state: priced.stateOut, base: null } };
  }
  const base = pricer.price(carried.base ?? carried.state, {
    ...ready.day,
    taps: ready.day.taps.filter((tap) => inTime.has(tap.tapId)),
  });
  // Open days are held to their base as well: what came too late on a closed day before must not raise them, and so
  // nothing has to be priced again at the moment of a close.
  const bounds = new Map(base.lines.map((line) => [line.tapId, line.riderMinor]));
  const lines = priced.lines.map((line) => planned(line, bounds.get(line.tapId) ?? 0n, ready));
  const same = pricer.stateText(base.stateOut) === pricer.stateText(priced.stateOut);
  return { lines, out: { state: priced.stateOut, base: same ? null : base.stateOut } };
}

/** In time: known when the day was closed, or received before the tariff's bound. On an open day every tap is. */
function cameInTime(tapId: string, ready: ReadyDay, rules: ClosingRules): boolean {
  if (ready.close === null) return true;
  const receivedAtMs = ready.taps.get(tapId)?.tap.receivedAtMs as number;
  if (receivedAtMs <= ready.close.knownFromMs) return true;
  return receivedAtMs < rules.days.endOfMs(ready.day.fareDay) + rules.lateTapAcceptS * 1000;
}

function planned(line: PricedLine, riderMinorMax: bigint, ready: ReadyDay): PlannedLine {
  const lossMinor = line.riderMinor > riderMinorMax ? line.riderMinor - riderMinorMax : 0n;
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
    line,
    vehicleId: ready.taps.get(line.tapId)?.place.vehicleId ?? null,
    adjustsClose: ready.close?.fareDay ?? null,
  };
}

/** The last fare day that has ended for longer than late taps are accepted. */
export function dayToClose(nowMs: number, rules: ClosingRules): string {
  const stillTaken = rules.days.fareDayOf(nowMs - rules.lateTapAcceptS * 1000);
  return new Date(Date.parse(`${stillTaken}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
}
