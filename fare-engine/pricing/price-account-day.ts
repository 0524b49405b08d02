/**
 * The charge: all facts of one account on one fare day, and what the day before handed on, become priced lines and
 * what is handed to the next day. Pure; the order of the facts and of the rules does not matter.
 */
import { type Beside, bagsOf, NOTHING_BESIDE, type PricedBags, withBags } from './bags.ts';
import { brokenAfter, brokenAfterTouch, laterCompanions, openBroken, rideOn } from './breakdown-rides.ts';
import { candidateStops } from './candidate-stops.ts';
import { capLines, type OpenLine } from './cap-lines.ts';
import { type DatedEmergency, suspensionOf } from './emergency.ts';
import { escortRightOf, escortsOf } from './escorts.ts';
import type { FareCalendar } from './fare-day.ts';
import { compareText } from './file-problem.ts';
import type {
  AccountDay,
  EscortRight,
  PricedDay,
  PricedLine,
  PricingState,
  TapFact,
  Touch,
} from './model.ts';
import { usesAfter } from './passes.ts';
import { BOUNDARY_REACH_MS_MAX, boundariesWithin } from './price-boundaries.ts';
import { type PricedLeg, priceRide, priceTransfer, type UnpricedReason } from './price-leg.ts';
import {
  chargedMinor,
  companionsOf,
  type DoubtNotes,
  lineOfLaterCompanions,
  lineOfLeg,
  lineOfSameRide,
  lineOfUnpriced,
  type Repeated,
  withEscorts,
} from './priced-line.ts';
import { quotaAfter } from './quotas.ts';
import { recentTouches, trimState, UNCERTAINTY_MS_MAX } from './state-text.ts';
import type { TariffPackage } from './tariff-package.ts';
import type { TariffTimeline } from './tariff-timeline.ts';

/** Prices a day by the packages that were activated when it was closed (all of them while it is open). Throws a RangeError when a tap is not of this fare day: that is a fault of the caller. */
export function priceAccountDay(
  stateIn: PricingState,
  day: AccountDay,
  tariffs: TariffTimeline,
  calendar: FareCalendar,
): PricedDay {
  const startMs = calendar.startOfMs(day.fareDay);
  const endMs = calendar.endOfMs(day.fareDay);
  const known = tariffs.asKnownAt(day.knownAsOfMs);
  const open: OpenLine[] = [];
  let state = stateIn;
  for (const tap of inOrder(day.taps)) {
    if (tap.fareAtMs < startMs || tap.fareAtMs >= endMs) {
      throw new RangeError(`tap ${tap.tapId} is not of fare day ${day.fareDay}`);
    }
    const priced = priceTap(state, { day, tap, tariffs: known, startMs });
    open.push({ ...priced, tap });
    state = priced.state;
  }
  const { lines: capped, counts } = capLines(state.caps, open);
  const lines = open.map(({ tap, leg, bags }, i) => withBags(capped[i] as PricedLine, tap, leg, bags));
  return { lines, stateOut: trimState({ ...state, caps: counts }, tariffs, endMs) };
}

/** By time, then id; the same tap given twice counts once. */
function inOrder(taps: readonly TapFact[]): TapFact[] {
  const sorted = [...taps].sort((a, b) => a.fareAtMs - b.fareAtMs || compareText(a.tapId, b.tapId));
  const seen = new Set<string>();
  return sorted.filter((tap) => !seen.has(tap.tapId) && seen.add(tap.tapId));
}

/** A line before caps. */
interface PricedTap extends Omit<OpenLine, 'tap'> {
  readonly state: PricingState;
}

/** A tap with what it is priced by. */
interface Presented {
  readonly day: AccountDay;
  readonly tap: TapFact;
  /** As known at the day's close. */
  readonly tariffs: TariffTimeline;
  /** First instant of the fare day. */
  readonly startMs: number;
}

function priceTap(state: PricingState, presented: Presented): PricedTap {
  const { day, tap, tariffs } = presented;
  const tariff = tariffs.at(tap.fareAtMs) ?? null;
  const unpriced = (reason: UnpricedReason): PricedTap => ({
    ...notCharged(lineOfUnpriced(tap, day.fareDay, tariff, currencyOf(tariffs), reason)),
    state,
  });
  if (!tariff) return unpriced('no-tariff');
  if (tap.direction === 'out') return unpriced('tap-out');
  const networkId = networkOf(tariff, tap);
  const touch = recordedTouch(state, day, tap) ?? findTouch(state, tap, tariff, networkId);
  if (touch) return repeatedTap(state, presented, tariff, networkId, touch);
  const nominal = priceAt(state, presented, tap.fareAtMs, 0);
  if (typeof nominal === 'string') return unpriced(nominal);
  const { leg, notes } = cheaperStop(state, presented, cheaperClock(state, presented, nominal));
  const line = lineOfLeg(tap, day.fareDay, leg, notes);
  const { bags, beside } = besideOf(tap, leg);
  return { line, leg, bags, holderMinor: leg.riderMinor, state: nextState(state, tap, leg, beside) };
}

/** What pays beside the holder by one touch; `before` did already. */
function besideOf(
  tap: TapFact,
  leg: PricedLeg,
  before: Beside = NOTHING_BESIDE,
): { bags: PricedBags | undefined; beside: Beside } {
  const companions = companionsOf(tap, leg, before).paying;
  const bags = bagsOf(tap, leg, { ...before, companions: before.companions + companions });
  return { bags, beside: { companions, bags: bags?.paying ?? 0 } };
}

function notCharged(line: PricedLine): Omit<PricedTap, 'state'> {
  return { line, leg: null, holderMinor: 0n };
}

/**
 * The same ride. Companions and bags are priced where the device itself recorded the repetition: then it has asked for them on its
 * panel. Otherwise nobody can tell whether they are others than at the first touch.
 */
function repeatedTap(
  state: PricingState,
  presented: Presented,
  tariff: TariffPackage,
  networkId: string | null,
  touch: Repeated,
): PricedTap {
  const { day } = presented;
  const line = lineOfSameRide(presented.tap, day.fareDay, tariff, networkId, touch);
  const placeId = placeOf(presented.tap);
  const own = (t: Touch) => t.placeId === placeId && t.mediumId === presented.tap.mediumId;
  const begun = state.lastTouches.find(own);
  const escorts = escortsOf(presented.tap, begun?.escort);
  // Escorts ride as the holder did; the others are companions.
  const tap = { ...presented.tap, companions: presented.tap.companions - escorts };
  const { companions, bags: given = 0, passBackOf } = presented.tap;
  const asked = companions + given > 0 && passBackOf !== undefined && passBackOf !== null;
  if (!asked) return { ...notCharged(line), state };
  // Full price: without the holder's rights and without a transfer.
  const alone = { ...presented, tap, day: { ...day, entitlements: [], passes: [] } };
  const { broken: _, ...fresh } = { ...state, transferRun: null };
  const ride = priceAt(fresh, alone, tap.fareAtMs, 0);
  if (typeof ride === 'string') return { ...notCharged(line), state };
  const before = { companions: begun?.companions ?? 0, bags: begun?.bags ?? 0 };
  const { leg: full } = cheaperStop(fresh, alone, cheaperClock(fresh, alone, ride));
  const breakdown = laterCompanions(state, { tap, placeId }, presented.tariffs);
  const leg = breakdown ? { ...full, breakdown } : full;
  const { bags, beside } = besideOf(tap, leg, before);
  const lastTouches = state.lastTouches.map((t) => (own(t) ? touchedAgain(t, beside, escorts) : t));
  const broken = brokenAfterTouch(state, { tap, placeId }, presented.tariffs, beside);
  const later = lineOfLaterCompanions(line, tap, leg, before);
  return {
    line:
      begun?.escort && escorts > 0
        ? withEscorts(
            later,
            tap,
            leg,
            begun.escort,
            escorts,
            presented.tariffs.byHash(begun.escort.packageHash),
          )
        : later,
    leg,
    bags,
    holderMinor: 0n,
    state: { ...state, lastTouches, ...openBroken(broken, tap.fareAtMs) },
  };
}

/** The touch after a repetition that brought companions or bags. */
function touchedAgain({ escort, ...touch }: Touch, beside: Beside, escorts: number): Touch {
  const left = (escort?.left ?? 0) - escorts;
  return {
    ...touch,
    ...(beside.companions > 0 ? { companions: (touch.companions ?? 0) + beside.companions } : {}),
    ...(beside.bags > 0 ? { bags: (touch.bags ?? 0) + beside.bags } : {}),
    ...(escort && left > 0 ? { escort: { ...escort, left } } : {}),
  };
}

/** A leg that is not the nominal one says why. */
interface NotedLeg {
  readonly leg: PricedLeg;
  readonly notes: DoubtNotes;
}

function cheaperClock(state: PricingState, presented: Presented, nominal: PricedLeg): NotedLeg {
  const { leg, uncertaintyMs } = cheaperSide(state, presented, nominal);
  const clock = leg === nominal ? null : { uncertaintyMs, nominalMinor: nominal.riderMinor };
  return { leg, notes: { clock, stop: null } };
}

/** Where the stop is not sure and the price depends on it, the rider pays for the cheapest area that may be meant. */
function cheaperStop(state: PricingState, presented: Presented, nominal: NotedLeg): NotedLeg {
  const { tap, tariffs } = presented;
  const tariff = tap.stopUnsure === true ? tariffs.at(tap.fareAtMs) : undefined;
  if (tariff === undefined) return nominal;
  let best = nominal;
  for (const stopId of candidateStops(tariff.pricer.feed, nominal.leg.networkId)) {
    if (chargedMinor(tap, best.leg) <= 0n) break;
    const other = { ...presented, tap: { ...tap, stopId } };
    const leg = priceAt(state, other, tap.fareAtMs, 0);
    if (typeof leg === 'string') continue;
    const noted = cheaperClock(state, other, leg);
    if (chargedMinor(tap, noted.leg) < chargedMinor(tap, best.leg)) best = noted;
  }
  if (best === nominal) return nominal;
  return { leg: best.leg, notes: { ...best.notes, stop: { nominalMinor: nominal.leg.riderMinor } } };
}

function networkOf(tariff: TariffPackage, tap: TapFact): string | null {
  return tap.routeId === null ? null : (tariff.pricer.feed.networkOfRoute?.get(tap.routeId) ?? null);
}

/** A city has one currency; a line without a tariff still names it. */
function currencyOf(tariffs: TariffTimeline): string {
  return tariffs.asKnownAt(null).packages[0]?.tariff.currency ?? '';
}

/**
 * The ride's own touch at this place, if pass-back still reaches it. Measured from the touch that was priced, not from
 * its repetitions, so that repeating it does not go on for ever. Uncertainty of either clock widens the reach: a device
 * that was switched off between two touches knows the time of the second less well.
 */
function findTouch(state: PricingState, tap: TapFact, tariff: TariffPackage, networkId: string | null) {
  const placeId = placeOf(tap);
  if (placeId === null) return undefined;
  const reachMs = tariff.policyOf(networkId).passback_s * 1000 + uncertaintyOf(tap);
  return state.lastTouches.find(
    (t) =>
      t.placeId === placeId &&
      t.mediumId === tap.mediumId &&
      tap.fareAtMs - t.atMs <= reachMs + (t.uncertaintyMs ?? 0),
  );
}

/** What the device itself recorded: it saw both touches, whatever its clock made of them. Not where the first is gone. */
function recordedTouch(state: PricingState, day: AccountDay, tap: TapFact): Repeated | undefined {
  const { passBackOf, tapId } = tap;
  if (passBackOf === undefined || passBackOf === null || passBackOf === tapId) return undefined;
  const first = day.taps.find((t) => t.tapId === passBackOf && t.mediumId === tap.mediumId);
  if (first) return { tapId: first.tapId, atMs: first.fareAtMs };
  return state.lastTouches.find((t) => t.tapId === passBackOf && t.mediumId === tap.mediumId);
}

function placeOf({ vehicleId, deviceId }: TapFact): string | null {
  if (vehicleId !== null) return `vehicle:${vehicleId}`;
  return deviceId === undefined || deviceId === null ? null : `device:${deviceId}`;
}

/** No more than counts as evidence. */
function uncertaintyOf(tap: TapFact): number {
  return Math.min(tap.uncertaintyMs, UNCERTAINTY_MS_MAX);
}

/** The leg at an instant: a transfer by the tariff of the run's first tap, else a ride by the tariff in force. */
function priceAt(
  state: PricingState,
  { day, tap, tariffs, startMs }: Presented,
  atMs: number,
  slackMs: number,
): PricedLeg | UnpricedReason {
  const boarding = { tap, day, atMs, slackMs, dayStartMs: startMs, counted: state, tariffs };
  const run = state.transferRun;
  const runTariff = run?.packageHash === undefined ? undefined : tariffs.byHash(run.packageHash);
  const transfer = run && runTariff ? priceTransfer(runTariff, boarding, run) : undefined;
  const suspended = run && transfer ? suspendedTransfer(transfer, run) : undefined;
  const tariff = tariffs.at(atMs);
  const ride = tariff ? priceRide(tariff, boarding) : 'no-tariff';
  const noted = suspended && typeof ride !== 'string' ? { ...ride, suspended } : ride;
  const usual = transfer && !suspended ? transfer : noted;
  const placed = { tap, placeId: placeOf(tap) };
  return rideOn(state, placed, tariffs, usual, (broken) => priceRide(broken, boarding));
}

/** By the rule of the run's first tap, as all of a journey; where its clock is not sure, only if the rule held throughout. */
function suspendedTransfer(
  { tariff, networkId }: PricedLeg,
  { startedAtMs, uncertaintyMs = 0 }: NonNullable<PricingState['transferRun']>,
): DatedEmergency | undefined {
  const [first, last] = [startedAtMs - uncertaintyMs, startedAtMs + uncertaintyMs];
  const then = (atMs: number) => suspensionOf(tariff, 'transfers', atMs, networkId);
  return then(first) && then(last);
}

/** Where the clock is not sure and a border lies within its uncertainty, the rider pays the cheaper side. */
function cheaperSide(
  state: PricingState,
  presented: Presented,
  nominal: PricedLeg,
): { leg: PricedLeg; uncertaintyMs: number } {
  const { tap } = presented;
  const own = uncertaintyOf(tap);
  const slackMs = own + (state.transferRun?.uncertaintyMs ?? 0);
  let leg = nominal;
  if (slackMs <= 0 || chargedMinor(tap, leg) <= 0n) return { leg, uncertaintyMs: slackMs };
  for (const atMs of possibleInstants(presented)) {
    if (chargedMinor(tap, leg) <= 0n) break;
    const other = priceAt(state, presented, atMs, slackMs);
    if (typeof other !== 'string' && chargedMinor(tap, other) < chargedMinor(tap, leg)) leg = other;
  }
  return { leg, uncertaintyMs: Math.max(slackMs, tap.uncertaintyMs) };
}

/** One instant for each stretch of equal prices that the tap may have been in; its own first. */
function possibleInstants({ day, tap, tariffs }: Presented): number[] {
  const reachMs = Math.min(tap.uncertaintyMs, BOUNDARY_REACH_MS_MAX);
  if (reachMs <= 0) return [tap.fareAtMs];
  const firstMs = tap.fareAtMs - reachMs;
  const { packages } = tariffs;
  const later = boundariesWithin(packages, day, tap.stopId, firstMs, tap.fareAtMs + reachMs);
  return later.length === 0 ? [tap.fareAtMs] : [tap.fareAtMs, firstMs, ...later];
}

function nextState(state: PricingState, tap: TapFact, leg: PricedLeg, beside: Beside): PricingState {
  const placeId = placeOf(tap);
  const others = recentTouches(state, tap.fareAtMs).filter(
    (t) => t.placeId !== placeId || t.mediumId !== tap.mediumId,
  );
  const lastTouches =
    placeId === null ? others : [...others, touchOf(tap, placeId, beside, escortsLeft(tap, leg))];
  const broken = brokenAfter(state, { tap, placeId }, leg, beside);
  const { broken: _, ...rest } = state;
  const transferRun = nextRun(state, tap, leg);
  const row = leg.concession?.row;
  const taken = leg.referenceMinor - leg.riderMinor;
  const quotas = row ? quotaAfter(row, state.quotas, leg.atMs, taken) : state.quotas;
  const passes = usesAfter(state.passes, leg.pass?.use);
  return { ...rest, quotas, passes, transferRun, lastTouches, ...openBroken(broken, tap.fareAtMs) };
}

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
  return {
    placeId,
    ...(mediumId === undefined ? {} : { mediumId }),
    atMs: fareAtMs,
    tapId,
    ...(uncertaintyMs > 0 ? { uncertaintyMs } : {}),
    ...(companions > 0 ? { companions } : {}),
    ...(bags > 0 ? { bags } : {}),
    ...(escort === null ? {} : { escort }),
  };
}

function nextRun(state: PricingState, tap: TapFact, leg: PricedLeg): PricingState['transferRun'] {
  // It stands for the ride that broke off: the run goes on, from where the rider is now.
  if (leg.breakdown)
    return (
      state.transferRun && { ...state.transferRun, lastStopId: tap.stopId, lastVehicleId: tap.vehicleId }
    );
  const { feed, transfers } = leg.tariff.pricer;
  const groupId = leg.rule.legGroupId;
  if (groupId === '' || feed.transferRules.length === 0) return null;
  const before = leg.transfer ? state.transferRun : null;
  // The part of the run under rules that count transfers and measure from its first leg.
  const counted = before !== null && transfers.inRun(before.lastLegGroupId, groupId);
  const goesOn = counted && before.transferCount > 0 && transfers.goesOn(before.lastLegGroupId, groupId);
  const uncertaintyMs = Math.max(uncertaintyOf(tap), before?.uncertaintyMs ?? 0);
  return {
    startedAtMs: !counted ? tap.fareAtMs : goesOn ? before.startedAtMs : before.lastLegAtMs,
    lastLegAtMs: tap.fareAtMs,
    lastLegGroupId: groupId,
    lastStopId: tap.stopId,
    lastVehicleId: tap.vehicleId,
    transferCount: !counted ? 0 : goesOn ? before.transferCount + 1 : 1,
    firstTapId: before?.firstTapId ?? tap.tapId,
    packageHash: leg.tariff.hash,
    ...(uncertaintyMs > 0 ? { uncertaintyMs } : {}),
  };
}
