/**
 * Rides that go on after a breakdown of the vehicle (CMU 812): who was let on shortly before rides free in the next
 * vehicle. Windows, routes, number of rides and companions are the tariff's (`breakdown.yaml`), that of the ride that
 * broke off. Pure; which breakdowns concern a tap is found before pricing (facts/breakdowns.ts).
 *
 * A ride after a breakdown stands for the one that broke off: it is no ride of a claim, uses up no transfer, and the time
 * of transfers goes on from where it was.
 */
import type { Beside } from './bags.ts';
import { compareText } from './file-problem.ts';
import type { BrokenRide, PricingState, TapBreakdown, TapFact } from './model.ts';
import type { PricedLeg, UnpricedReason } from './price-leg.ts';
import { chargedMinor } from './priced-line.ts';
import type { TariffPackage } from './tariff-package.ts';
import type { BreakdownRow } from './tariff-schema.ts';
import type { TariffTimeline } from './tariff-timeline.ts';

/** An hour off is no evidence of anything; less may be the rider's luck. */
const UNCERTAINTY_MS_MAX = 3_600_000;

/** Why a leg is free. */
export interface BreakdownRide {
  readonly rule: BreakdownRow;
  readonly broken: BrokenRide;
  /** Companions, and bags, that may ride on free. */
  readonly companions: number;
  readonly bags: number;
  /** Set where only the uncertainty of clocks makes it so: what the leg would cost the holder without it. */
  readonly doubt: { readonly uncertaintyMs: number; readonly nominalMinor: bigint } | null;
}

/** What of a tap's place pricing knows it by. */
interface Placed {
  readonly tap: TapFact;
  readonly placeId: string | null;
}

/**
 * The leg as the continuation of a ride that broke off, or as it is. `ride` prices it as a ride of its own by a package.
 * Where only a doubt of clocks would make it a continuation, it is one if that costs the rider less.
 */
export function rideOn(
  state: PricingState,
  { tap, placeId }: Placed,
  tariffs: TariffTimeline,
  usual: PricedLeg | UnpricedReason,
  ride: (tariff: TariffPackage) => PricedLeg | UnpricedReason,
): PricedLeg | UnpricedReason {
  const broken = brokenOf(state, tap);
  if (broken === undefined || typeof usual === 'string') return usual;
  const another = placeId !== null && placeId !== broken.placeId && placeId !== broken.used?.placeId;
  if (broken.rides === 0 || !another) return usual;
  const slackMs = slackOf(tap, broken.uncertaintyMs);
  if (!isWithin(tap, broken, slackMs)) return usual;
  const tariff = tariffs.byHash(broken.packageHash);
  const rule = tariff?.breakdownRuleOf(broken.networkId);
  const leg = tariff && rule ? ride(tariff) : undefined;
  if (!rule || leg === undefined || typeof leg === 'string' || !isOnWay(rule, broken, tap, leg)) return usual;
  const sure = broken.unsureMs === undefined && isWithin(tap, broken, 0);
  const uncertaintyMs = Math.max(slackMs, broken.unsureMs ?? 0);
  const doubt = sure ? null : { uncertaintyMs, nominalMinor: usual.riderMinor };
  const free = freeLeg(leg, {
    rule,
    broken,
    companions: broken.companions ?? 0,
    bags: broken.bags ?? 0,
    doubt,
  });
  return sure || chargedMinor(tap, free) < chargedMinor(tap, usual) ? free : usual;
}

function freeLeg(leg: PricedLeg, breakdown: BreakdownRide): PricedLeg {
  // The right is only presented, as on a free transfer: nobody owes anything for it.
  const concession = leg.concession && { ...leg.concession, riderMinor: 0n };
  return { ...leg, referenceMinor: 0n, riderMinor: 0n, concession, missed: null, pass: null, breakdown };
}

function brokenOf(state: PricingState, { mediumId }: TapFact): BrokenRide | undefined {
  return state.broken?.find((one) => one.mediumId === mediumId);
}

function isWithin({ fareAtMs }: TapFact, { fromMs, untilMs }: BrokenRide, slackMs: number): boolean {
  return fareAtMs >= fromMs - slackMs && fareAtMs <= untilMs + slackMs;
}

function isOnWay(rule: BreakdownRow, broken: BrokenRide, tap: TapFact, leg: PricedLeg): boolean {
  if (rule.next_routes === 'same_route') return tap.routeId === broken.routeId;
  return rule.next_routes === 'any' || leg.networkId === broken.networkId;
}

function slackOf({ uncertaintyMs }: TapFact, otherMs = 0): number {
  return Math.min(uncertaintyMs, UNCERTAINTY_MS_MAX) + Math.min(otherMs, UNCERTAINTY_MS_MAX);
}

/** The state after a leg: what it used up of a ride that broke off, and whether it broke off itself. */
export function brokenAfter(
  state: PricingState,
  { tap, placeId }: Placed,
  leg: PricedLeg,
  paying: Beside,
): BrokenRide[] {
  const others = (state.broken ?? []).filter(
    (one) => one.mediumId !== tap.mediumId && isOpenAt(one, tap.fareAtMs),
  );
  const own = placeId === null ? undefined : brokenBy(tap, placeId, leg, paying);
  if (own !== undefined) return [...others, own];
  const before = brokenOf(state, tap);
  if (before === undefined) return others;
  const left =
    leg.breakdown && placeId !== null ? usedUp(before, placeId, paying) : stillOpen(before, tap, placeId);
  return left === undefined ? others : [...others, left];
}

/** The right that this leg's own breakdown gives, if there is one within the tariff's window. */
function brokenBy(tap: TapFact, placeId: string, leg: PricedLeg, paying: Beside): BrokenRide | undefined {
  const rule = leg.tariff.breakdownRuleOf(leg.networkId);
  if (rule === undefined || tap.breakdowns === undefined) return undefined;
  const windowMs = rule.ride_window_s * 1000;
  const said = [...tap.breakdowns].sort(
    (a, b) => a.atMs - b.atMs || compareText(a.breakdownId, b.breakdownId),
  );
  const within = (slack: (one: TapBreakdown) => number) =>
    said.filter((one) => {
      const apartMs = one.atMs - tap.fareAtMs;
      // Who had tapped out before was not in the vehicle any more.
      const left = leg.journey?.state === 'finished' && one.atMs > leg.journey.arrivalMs + slack(one);
      return !left && apartMs >= -slack(one) && apartMs <= windowMs + slack(one);
    });
  const sure = within(() => 0);
  const meant = sure.length > 0 ? sure : within((one) => slackOf(tap, one.uncertaintyMs));
  // Declared again at another door it is one breakdown all the same: from the first word until after the last.
  const [first, last] = [meant[0], meant.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const uncertaintyMs = Math.min(UNCERTAINTY_MS_MAX, Math.max(...meant.map((one) => one.uncertaintyMs)));
  return {
    ...(tap.mediumId === undefined ? {} : { mediumId: tap.mediumId }),
    placeId,
    tapId: tap.tapId,
    routeId: tap.routeId,
    networkId: leg.networkId,
    packageHash: leg.tariff.hash,
    breakdownId: first.breakdownId,
    fromMs: first.atMs,
    untilMs: last.atMs + rule.next_window_s * 1000,
    ...(uncertaintyMs > 0 ? { uncertaintyMs } : {}),
    ...(sure.length > 0 ? {} : { unsureMs: slackOf(tap, uncertaintyMs) }),
    rides: rule.rides,
    ...(rule.companions === 'free' ? someOf(paying) : {}),
  };
}

/** Only what there is: a state says nothing of what there is none of. */
function someOf({ companions, bags }: Beside): Partial<Beside> {
  return { ...(companions > 0 ? { companions } : {}), ...(bags > 0 ? { bags } : {}) };
}

/** What of those who may ride on free has not touched yet. */
function stillToCome(
  { companions = 0, bags = 0 }: Partial<Beside>,
  paying: Beside,
): { companions: number; bags?: number } {
  const bagsLeft = bags - paying.bags;
  return {
    companions: Math.max(0, companions - paying.companions),
    ...(bagsLeft > 0 ? { bags: bagsLeft } : {}),
  };
}

function usedUp(broken: BrokenRide, placeId: string, paying: Beside): BrokenRide | undefined {
  const left = stillToCome(broken, paying);
  const rides = broken.rides - 1;
  return rides > 0 || left.companions > 0 || left.bags !== undefined
    ? { ...broken, rides, used: { placeId, ...left } }
    : undefined;
}

/** Another vehicle, before the breakdown: then the rider had left. Any other leg leaves the right as it is. */
function stillOpen(broken: BrokenRide, tap: TapFact, placeId: string | null): BrokenRide | undefined {
  if (!isOpenAt(broken, tap.fareAtMs)) return undefined;
  const left =
    placeId !== broken.placeId &&
    broken.used === undefined &&
    tap.fareAtMs < broken.fromMs - slackOf(tap, broken.uncertaintyMs);
  return left ? undefined : broken;
}

/** How many of a repeated touch's companions and bags ride on free in the vehicle that its medium has changed to. */
export function laterCompanions(
  state: PricingState,
  { tap, placeId }: Placed,
  tariffs: TariffTimeline,
): BreakdownRide | undefined {
  const broken = brokenOf(state, tap);
  if (broken?.used === undefined || broken.used.placeId !== placeId) return undefined;
  const rule = tariffs.byHash(broken.packageHash)?.breakdownRuleOf(broken.networkId);
  const { companions, bags = 0 } = broken.used;
  return rule && { rule, broken, companions, bags, doubt: null };
}

/** The state after a repeated touch with companions: those of a ride that broke off ride on, those of the next one rode on. */
export function brokenAfterTouch(
  state: PricingState,
  { tap, placeId }: Placed,
  tariffs: TariffTimeline,
  paying: Beside,
): readonly BrokenRide[] | undefined {
  return state.broken?.map((one) => {
    if (one.mediumId !== tap.mediumId) return one;
    if (one.used !== undefined && one.used.placeId === placeId) {
      return { ...one, used: { placeId, ...stillToCome(one.used, paying) } };
    }
    const rule = tariffs.byHash(one.packageHash)?.breakdownRuleOf(one.networkId);
    if (one.placeId !== placeId || rule?.companions !== 'free') return one;
    const { companions = 0, bags = 0 } = one;
    return {
      ...one,
      companions: companions + paying.companions,
      ...someOf({ companions: 0, bags: bags + paying.bags }),
    };
  });
}

/** Whether a tap at or after an instant may still go on with it. */
function isOpenAt({ untilMs, uncertaintyMs }: BrokenRide, atMs: number): boolean {
  return atMs <= untilMs + (uncertaintyMs ?? 0) + UNCERTAINTY_MS_MAX;
}

/** What of a state's broken rides an instant leaves; as the property of a state, which has none where there is none. */
export function openBroken(
  broken: readonly BrokenRide[] | undefined,
  atMs: number,
): Pick<PricingState, 'broken'> {
  const open = (broken ?? []).filter((one) => isOpenAt(one, atMs));
  return open.length === 0 ? {} : { broken: open };
}

/** The tap with those of its breakdowns only that were known at its day's close; itself where that is all of them. */
export function withBreakdownsKnownAt(tap: TapFact, knownAsOfMs: number | null): TapFact {
  if (knownAsOfMs === null) return tap;
  const { breakdowns, ...rest } = tap;
  const left = breakdowns?.filter((one) => one.receivedAtMs <= knownAsOfMs);
  if (left === undefined || left.length === breakdowns?.length) return tap;
  return left.length === 0 ? rest : { ...rest, breakdowns: left };
}
