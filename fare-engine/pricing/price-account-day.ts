/**
 * The charge: all facts of one account on one fare day, and what the day before handed on, become priced lines and
 * what is handed to the next day. Pure; the order of the facts and of the rules does not matter.
 */
import { type Beside, bagsOf, NOTHING_BESIDE, type PricedBags, withBags } from './bags.ts';
import { brokenAfterTouch, laterCompanions, openBroken } from './breakdown-rides.ts';
import { capLines, type OpenLine } from './cap-lines.ts';
import { countedElsewhere } from './elsewhere.ts';
import { escortsOf } from './escorts.ts';
import type { FareCalendar } from './fare-day.ts';
import { compareText } from './file-problem.ts';
import { lineOfJourneyTap } from './journey-lines.ts';
import { endOfAgain, type JourneyRole, pairJourneys } from './journeys.ts';
import { legOfTap, networkOf, type Presented, uncertaintyOf } from './leg-of-tap.ts';
import type { AccountDay, PricedDay, PricedLine, PricingState, TapFact, Touch } from './model.ts';
import { placeOf } from './places.ts';
import type { PricedLeg, UnpricedReason } from './price-leg.ts';
import {
  companionsOf,
  lineOfLaterCompanions,
  lineOfLeg,
  lineOfSameRide,
  lineOfUnpriced,
  type Repeated,
  withEscorts,
} from './priced-line.ts';
import { withRideElsewhere } from './run-elsewhere.ts';
import { nextState } from './state-after.ts';
import { trimState } from './state-text.ts';
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
  const taps = inOrder(day.taps);
  const { journeys = NOTHING } = stateIn;
  const { roles, left, closed } = pairJourneys(journeys, taps, known, day.exitsAhead ?? NOTHING);
  const elsewhere = countedElsewhere(day.entitlements, day.knownAsOfMs);
  let state = withoutJourneys(stateIn);
  for (const tap of taps) {
    if (tap.fareAtMs < startMs || tap.fareAtMs >= endMs) {
      throw new RangeError(`tap ${tap.tapId} is not of fare day ${day.fareDay}`);
    }
    const {
      state: after,
      line,
      leg,
      bags,
      holderMinor,
    } = priceTap(state, { day, tap, tariffs: known, startMs, elsewhere }, roles);
    open.push({ line, leg, bags, holderMinor, tap });
    state = after;
  }
  const { lines: capped, counts } = capLines(state.caps, open, elsewhere.spent);
  const lines = open.map(({ tap, leg, bags }, i) => withBags(capped[i] as PricedLine, tap, leg, bags));
  const out = { ...state, caps: counts, ...(left.length > 0 ? { journeys: left } : {}) };
  const stateOut = trimState(out, tariffs, endMs);
  if (journeys.length === 0 && mayGoOn(day, known)) return { lines, stateOut, running: out };
  return { lines, stateOut: closed.length > 0 ? { ...stateOut, closed } : stateOut };
}

const NOTHING: readonly never[] = [];

function withoutJourneys(state: PricingState): PricingState {
  if (state.journeys === undefined && state.closed === undefined) return state;
  const { journeys: _, closed: __, ...rest } = state;
  return rest;
}

const FOLDED = new WeakMap<TariffTimeline, boolean>();

/**
 * Whether taps are priced one after the other, none by a later one: not where journeys are paired, where a cap looks for the
 * cheapest way to reckon a day, or where a device names a tap that may come later.
 */
function mayGoOn(day: AccountDay, known: TariffTimeline): boolean {
  if (day.knownAsOfMs !== null || day.exitsAhead !== undefined) return false;
  let folded = FOLDED.get(known);
  if (folded === undefined) {
    folded = known.packages.every(
      ({ tapsOut, caps }) => !tapsOut && caps.every(({ strategy }) => strategy !== 'optimal'),
    );
    FOLDED.set(known, folded);
  }
  return folded && day.taps.every(({ passBackOf = null }) => passBackOf === null);
}

/** By time, then id; the same tap given twice counts once. */
function inOrder(taps: readonly TapFact[]): readonly TapFact[] {
  if (isInOrder(taps)) return taps;
  const sorted = [...taps].sort((a, b) => a.fareAtMs - b.fareAtMs || compareText(a.tapId, b.tapId));
  const seen = new Set<string>();
  return sorted.filter((tap) => !seen.has(tap.tapId) && seen.add(tap.tapId));
}

/** Nearly always they come so, none of them twice. */
function isInOrder(taps: readonly TapFact[]): boolean {
  for (let i = 1; i < taps.length; i++) {
    const [before, tap] = [taps[i - 1] as TapFact, taps[i] as TapFact];
    if (before.fareAtMs > tap.fareAtMs) return false;
    if (before.fareAtMs === tap.fareAtMs && compareText(before.tapId, tap.tapId) >= 0) return false;
  }
  return true;
}

/** A line before caps. */
interface PricedTap extends Omit<OpenLine, 'tap'> {
  readonly state: PricingState;
}

type Roles = ReadonlyMap<string, JourneyRole>;

function priceTap(before: PricingState, presented: Presented, roles: Roles): PricedTap {
  const { day, tap, tariffs } = presented;
  const state = withRideElsewhere(before, presented);
  const tariff = tariffs.at(tap.fareAtMs) ?? null;
  const unpriced = (reason: UnpricedReason): PricedTap =>
    notCharged(lineOfUnpriced(tap, day.fareDay, tariff, currencyOf(tariffs), reason), state);
  if (!tariff) return unpriced('no-tariff');
  const networkId = networkOf(tariff, tap);
  const role = roles.get(tap.tapId);
  if (role?.kind === 'exit' || role?.kind === 'cancelled')
    return notCharged(lineOfJourneyTap(tap, day.fareDay, tariff, networkId, role), state);
  if (role?.kind === 'again') {
    const journey = endOfAgain(role.of, roles);
    if (journey === undefined)
      return notCharged(lineOfSameRide(tap, day.fareDay, tariff, networkId, role.of), state);
    return repeatedTap(state, { ...presented, journey }, tariff, networkId, role.of);
  }
  if (role === undefined) {
    if (tap.direction === 'out') return unpriced('tap-out');
    const touch = recordedTouch(state, day, tap) ?? findTouch(state, tap, tariff, networkId);
    if (touch) return repeatedTap(state, presented, tariff, networkId, touch);
  }
  const found = legOfTap(state, role === undefined ? presented : { ...presented, journey: role });
  if (typeof found === 'string') return unpriced(found);
  const { leg, notes } = found;
  const line = lineOfLeg(tap, day.fareDay, leg, notes);
  const { bags, beside } = besideOf(tap, leg);
  return { line, leg, bags, holderMinor: leg.riderMinor, state: nextState(state, tap, leg, beside) };
}

const ALONE = { bags: undefined, beside: NOTHING_BESIDE };

/** What pays beside the holder by one touch; `before` did already. */
function besideOf(
  tap: TapFact,
  leg: PricedLeg,
  before: Beside = NOTHING_BESIDE,
): { bags: PricedBags | undefined; beside: Beside } {
  if (tap.companions === 0 && !tap.bags) return ALONE;
  const companions = companionsOf(tap, leg, before).paying;
  const bags = bagsOf(tap, leg, { ...before, companions: before.companions + companions });
  return { bags, beside: { companions, bags: bags?.paying ?? 0 } };
}

function notCharged(line: PricedLine, state: PricingState): PricedTap {
  return { line, leg: null, holderMinor: 0n, state };
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
  if (!asked) return notCharged(line, state);
  // Full price: without the holder's rights and without a transfer.
  const alone = { ...presented, tap, day: { ...day, entitlements: [], passes: [] } };
  const { broken: _, ...fresh } = { ...state, transferRun: null };
  const found = legOfTap(fresh, alone);
  if (typeof found === 'string') {
    const named = lineOfSameRide(presented.tap, day.fareDay, tariff, networkId, touch, found);
    return notCharged(named, state);
  }
  const before = { companions: begun?.companions ?? 0, bags: begun?.bags ?? 0 };
  const { leg: full } = found;
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
