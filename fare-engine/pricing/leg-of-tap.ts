/**
 * The leg that a tap pays for, with every doubt on the rider's side: an unsure clock or stop, an exit that nobody knows the
 * stop of. Where the exit is missing altogether, the tariff's word for that.
 */
import { rideOn } from './breakdown-rides.ts';
import { candidateStops } from './candidate-stops.ts';
import type { Elsewhere } from './elsewhere.ts';
import { type DatedEmergency, suspensionOf } from './emergency.ts';
import type { JourneyEnd, JourneyRole } from './journeys.ts';
import type { AccountDay, PricingState, TapFact } from './model.ts';
import { placeOf } from './places.ts';
import { BOUNDARY_REACH_MS_MAX, boundariesWithin } from './price-boundaries.ts';
import {
  type JourneyNote,
  type PricedLeg,
  priceFlat,
  priceRide,
  priceTransfer,
  type UnpricedReason,
  type Way,
} from './price-leg.ts';
import { chargedMinor, companionsOf, type DoubtNotes } from './priced-line.ts';
import { UNCERTAINTY_MS_MAX } from './reach.ts';
import type { TariffPackage } from './tariff-package.ts';
import type { NetworkTapPolicy } from './tariff-schema.ts';
import type { TariffTimeline } from './tariff-timeline.ts';

/** A tap with what it is priced by. */
export interface Presented {
  readonly day: AccountDay;
  readonly tap: TapFact;
  /** As known at the day's close. */
  readonly tariffs: TariffTimeline;
  /** First instant of the fare day. */
  readonly startMs: number;
  /** What an earlier system counted. */
  readonly elsewhere: Elsewhere;
  /** Its part in a journey, where leaving is tapped; absent = only boarding is. */
  readonly journey?: Extract<JourneyRole, { kind: 'entry' | 'lone-exit' }> | undefined;
}

/** The leg of a tap, or why it has no price. */
export function legOfTap(state: PricingState, presented: Presented): NotedLeg | UnpricedReason {
  const nominal = legAt(state, presented, presented.tap.fareAtMs, 0);
  if (typeof nominal === 'string') return nominal;
  return cheaperStop(state, presented, cheaperClock(state, presented, nominal));
}

/** A leg that is not the nominal one says why. */
export interface NotedLeg {
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
    const leg = legAt(state, other, tap.fareAtMs, 0);
    if (typeof leg === 'string') continue;
    const noted = cheaperClock(state, other, leg);
    if (chargedMinor(tap, noted.leg) < chargedMinor(tap, best.leg)) best = noted;
  }
  if (best === nominal) return nominal;
  return { leg: best.leg, notes: { ...best.notes, stop: { nominalMinor: nominal.leg.riderMinor } } };
}

/** The leg at an instant: a transfer by the tariff of the run's first tap, else a ride by the tariff in force. */
function priceAt(
  state: PricingState,
  { day, tap, tariffs, startMs, elsewhere }: Presented,
  atMs: number,
  slackMs: number,
  way?: Way,
): PricedLeg | UnpricedReason {
  const { uses: usesElsewhere } = elsewhere;
  const [dayStartMs, counted] = [startMs, state];
  const boarding = { tap, day, atMs, slackMs, way, dayStartMs, counted, usesElsewhere, tariffs };
  const run = runWithin(state, Math.min(tap.fareAtMs, way?.arrivalMs ?? tap.fareAtMs), tariffs, slackMs);
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

/**
 * The run of legs, where a rule may still make a leg that begins and ends at an instant or later a transfer in it: no rule's duration
 * is shorter than from the run's last instant to that one.
 */
function runWithin(
  { transferRun: run }: PricingState,
  atMs: number,
  tariffs: TariffTimeline,
  slackMs: number,
): PricingState['transferRun'] {
  const tariff = run?.packageHash === undefined ? undefined : tariffs.byHash(run.packageHash);
  if (run === null || tariff === undefined) return null;
  const { startedAtMs, lastLegAtMs, startedArrivalMs = startedAtMs, lastArrivalMs = lastLegAtMs } = run;
  const lastMs = Math.max(startedAtMs, lastLegAtMs, startedArrivalMs, lastArrivalMs);
  return atMs - lastMs - slackMs > tariff.transferReachMs ? null : run;
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
  const { tap, tariffs } = presented;
  const own = uncertaintyOf(tap);
  const slackMs = own + (state.transferRun?.uncertaintyMs ?? 0) + exitUncertaintyOf(presented);
  let leg = nominal;
  if (slackMs <= 0 || chargedMinor(tap, leg) <= 0n) return { leg, uncertaintyMs: slackMs };
  const arrivals = possibleArrivals(presented);
  const instants = possibleInstants(presented);
  // Slack alone reaches further for a transfer only.
  const run = presented.journey ? state.transferRun : runWithin(state, tap.fareAtMs, tariffs, slackMs);
  if (instants.length === 1 && arrivals.length === 1 && run === null) return { leg, uncertaintyMs: slackMs };
  for (const atMs of instants) {
    for (const arrivalMs of arrivals) {
      if (chargedMinor(tap, leg) <= 0n) break;
      const other = legAt(state, presented, atMs, slackMs, arrivalMs);
      if (typeof other !== 'string' && chargedMinor(tap, other) < chargedMinor(tap, leg)) leg = other;
    }
  }
  return { leg, uncertaintyMs: Math.max(slackMs, tap.uncertaintyMs) };
}

/** One instant for each stretch of equal prices that the tap may have been in; its own first. */
function possibleInstants({ day, tap, tariffs }: Presented): readonly number[] {
  const reachMs = Math.min(tap.uncertaintyMs, BOUNDARY_REACH_MS_MAX);
  if (reachMs <= 0) return [tap.fareAtMs];
  const firstMs = tap.fareAtMs - reachMs;
  const { packages } = tariffs;
  const later = boundariesWithin(packages, day, tap.stopId, firstMs, tap.fareAtMs + reachMs);
  return later.length === 0 ? [tap.fareAtMs] : [tap.fareAtMs, firstMs, ...later];
}

function exitUncertaintyOf({ journey }: Presented): number {
  return journey?.kind === 'entry' ? (journey.end?.uncertaintyMs ?? 0) : 0;
}

const AS_IT_IS: readonly undefined[] = [undefined];

/** As `possibleInstants`, of the exit; `undefined` = as it is. */
function possibleArrivals({ day, tariffs, journey }: Presented): readonly (number | undefined)[] {
  const end = journey?.kind === 'entry' ? journey.end : null;
  const reachMs = Math.min(end?.uncertaintyMs ?? 0, BOUNDARY_REACH_MS_MAX);
  if (!end || reachMs <= 0) return AS_IT_IS;
  const firstMs = end.atMs - reachMs;
  return [
    undefined,
    firstMs,
    ...boundariesWithin(tariffs.packages, day, end.stopId, firstMs, end.atMs + reachMs),
  ];
}

/** The leg at an instant, to where it went: by its exit, or as the tariff says where there is none. */
function legAt(
  state: PricingState,
  presented: Presented,
  atMs: number,
  slackMs: number,
  arrivalMs?: number,
): PricedLeg | UnpricedReason {
  const { journey, tap, tariffs } = presented;
  if (journey === undefined) return priceAt(state, presented, atMs, slackMs);
  const tariff = tariffs.at(atMs);
  if (tariff === undefined) return 'no-tariff';
  const networkId = networkOf(tariff, tap);
  if (networkId === null) return 'unknown-route';
  const priceWay = (from: PricingState) => (way: Way) => priceAt(from, presented, atMs, slackMs, way);
  if (journey.kind === 'entry' && journey.end !== null) {
    const { end } = journey;
    const ways = waysTo(tariff, networkId, tap, end, Math.max(arrivalMs ?? end.atMs, atMs));
    const found = best(ways.map(priceWay(state)), (a, b) => chargedMinor(tap, a) < chargedMinor(tap, b));
    return typeof found === 'string'
      ? found
      : { ...found, journey: finishedNote(tariff.policyOf(networkId), end, ways, arrivalMs) };
  }
  // No transfer leads to a journey that is not whole.
  const ways = possibleWays(presented, tariff, networkId, atMs);
  const legs = ways.map(priceWay({ ...state, transferRun: null }));
  return legOfMissing(tap, legs, missingNote(tariff.policyOf(networkId), journey.kind, atMs));
}

/**
 * What a missing tap costs the rider: the dearest of all ways after his rights, or the tariff's one price. Who would have paid nothing,
 * wherever the journey went, owes nothing for the tap; whoever rides along in full pays as any rider without rights does.
 */
function legOfMissing(
  tap: TapFact,
  ways: readonly (PricedLeg | UnpricedReason)[],
  journey: JourneyNote,
): PricedLeg | UnpricedReason {
  const dearest = best(ways, isDearer);
  if (typeof dearest === 'string') return dearest;
  const { policy } = journey;
  const flat = policy.missing_tap === 'flat' && !dearest.breakdown;
  if (flat && dearest.riderMinor > 0n) return priceFlat(dearest, policy, journey);
  const notOwedMinor = owedMinor(dearest) - owedAtMost(ways, journey);
  const leg = { ...dearest, journey, ...(notOwedMinor > 0n ? { notOwedMinor } : {}) };
  if (companionsOf(tap, leg).paying === 0) return leg;
  const along = flat
    ? priceFlat(dearest, policy, journey)
    : best(ways, (a, b) => a.grossMinor > b.grossMinor);
  return typeof along === 'string' ? leg : { ...leg, along };
}

/** By its budget, for the holder. */
function owedMinor({ concession, referenceMinor, riderMinor }: PricedLeg): bigint {
  return concession ? referenceMinor - riderMinor : 0n;
}

/** No budget owes for a missing exit more than for the least of all ways; an exit without its entry is no ride to claim for. */
function owedAtMost(ways: readonly (PricedLeg | UnpricedReason)[], { state }: JourneyNote): bigint {
  if (state === 'no-entry') return 0n;
  const owed = ways.flatMap((leg) => (typeof leg === 'string' ? [] : [owedMinor(leg)]));
  return owed.reduce((least, minor) => (minor < least ? minor : least));
}

/** The leg that stands before all others, or why none has a price. */
function best(
  legs: readonly (PricedLeg | UnpricedReason)[],
  isBetter: (leg: PricedLeg, than: PricedLeg) => boolean,
): PricedLeg | UnpricedReason {
  return legs.reduce((found, leg) => {
    if (typeof leg === 'string') return found;
    return typeof found === 'string' || isBetter(leg, found) ? leg : found;
  });
}

/** For the holder; of equal charges the one that others owe less for. */
function isDearer(leg: PricedLeg, than: PricedLeg): boolean {
  if (leg.riderMinor !== than.riderMinor) return leg.riderMinor > than.riderMinor;
  return leg.grossMinor < than.grossMinor;
}

function waysTo(
  { pricer }: TariffPackage,
  networkId: string,
  { stopId: fromStopId }: TapFact,
  { stopId, stopUnsure }: JourneyEnd,
  arrivalMs: number,
): Way[] {
  const unsure = stopUnsure || stopId === null;
  const stops = unsure ? [stopId, ...candidateStops(pricer.feed, networkId, 'to')] : [stopId];
  return stops.map((toStopId) => ({ fromStopId, toStopId, arrivalMs }));
}

/** Everywhere that a journey with one tap missing may have led to, or come from. */
function possibleWays(
  { tap, day, journey, tariffs }: Presented,
  tariff: TariffPackage,
  networkId: string,
  atMs: number,
): Way[] {
  const { feed } = tariff.pricer;
  if (journey?.kind === 'lone-exit') {
    const stops = [null, ...candidateStops(feed, networkId, 'from')];
    return stops.map((fromStopId) => ({ fromStopId, toStopId: tap.stopId, arrivalMs: atMs }));
  }
  const { max_journey_s = 0 } = tariff.policyOf(networkId);
  const timed = feed.legRules.some((rule) => rule.toTimeframeGroupId !== '');
  const later = timed ? boundariesWithin(tariffs.packages, day, null, atMs, atMs + max_journey_s * 1000) : [];
  const stops = [null, ...candidateStops(feed, networkId, 'to')];
  return [atMs, ...later].flatMap((arrivalMs) =>
    stops.map((toStopId) => ({ fromStopId: tap.stopId, toStopId, arrivalMs })),
  );
}

function finishedNote(
  policy: NetworkTapPolicy,
  end: JourneyEnd,
  ways: readonly Way[],
  arrivalMs?: number,
): JourneyNote {
  return {
    state: end.by === 'tap' ? 'finished' : end.by,
    ref: end.ref,
    policy,
    toStopId: end.stopId,
    stopUnsure: ways.length > 1,
    arrivalMs: arrivalMs ?? end.atMs,
    penalty: false,
  };
}

function missingNote(policy: NetworkTapPolicy, kind: JourneyRole['kind'], arrivalMs: number): JourneyNote {
  const state = kind === 'lone-exit' ? 'no-entry' : 'no-exit';
  return { state, ref: null, policy, toStopId: null, stopUnsure: false, arrivalMs, penalty: true };
}

/** The network of a tap's route; `null` = nobody knows it. */
export function networkOf(tariff: TariffPackage, tap: TapFact): string | null {
  return tap.routeId === null ? null : (tariff.pricer.feed.networkOfRoute?.get(tap.routeId) ?? null);
}

/** No more than counts as evidence. */
export function uncertaintyOf(tap: TapFact): number {
  return Math.min(tap.uncertaintyMs, UNCERTAINTY_MS_MAX);
}
