/**
 * What a close does to a price, as a pure rule: the engine and the auditor's re-computation apply the same one.
 *
 * A day is priced twice where that makes a difference: with all its taps (what the ride costs, what the carrier earns),
 * and with those only that came in time and the breakdowns and repairs that were known at the close (the base). Of each tap's price the rider bears at most what the base says; the
 * rest is a loss. Prices may fall after a close, never rise through a late tap.
 */
import { withBreakdownsKnownAt } from './breakdown-rides.ts';
import type { AccountDay, JourneyExit, PricedDay, PricedLine, PricingState, TapFact } from './model.ts';
import type { TariffTimeline } from './tariff-timeline.ts';

/** A carried state and its base; the base is null where both are the same. */
export interface CarriedState {
  readonly state: PricingState;
  readonly base: PricingState | null;
}

/** The leaf with a city's tariffs and calendar in it. */
export interface DayPricer {
  price(stateIn: PricingState, day: AccountDay): PricedDay;
  stateText(state: PricingState): string;
}

/** A line and what of the rider's part came too late to be charged. */
export interface ChargedLine {
  readonly line: PricedLine;
  readonly lossMinor: bigint;
}

export interface ChargedDay {
  readonly lines: readonly ChargedLine[];
  readonly out: CarriedState;
  /** From where a later tap of the day may be priced alone (PricedDay.running); `null` where the whole day has to be. */
  readonly running: PricingState | null;
}

/** What the next day found for journeys that a day leaves open: with all its taps, and with those only that came in time. */
export interface ExitsAhead {
  readonly exits: readonly JourneyExit[];
  readonly base: readonly JourneyExit[];
}

export const NOTHING_AHEAD: ExitsAhead = { exits: [], base: [] };

/** What a day's outcome says of journeys that the day before left open. */
export function exitsIn({ state, base }: CarriedState): ExitsAhead {
  const exits = state.closed ?? [];
  return { exits, base: base === null ? exits : (base.closed ?? []) };
}

/** Prices an account-day and splits off what came too late. */
export function chargeDay(
  carried: CarriedState,
  day: AccountDay,
  pricer: DayPricer,
  inTime: (tap: TapFact) => boolean,
  ahead: ExitsAhead = NOTHING_AHEAD,
): ChargedDay {
  const isAllInTime = day.taps.every(inTime);
  // The usual day: all that is known counts, as on every day that is open.
  if (isAllInTime && isAllKnown(day) && carried.base === null && ahead === NOTHING_AHEAD) {
    const { lines, stateOut, running = null } = pricer.price(carried.state, day);
    return {
      lines: lines.map((line) => ({ line, lossMinor: 0n })),
      out: { state: stateOut, base: null },
      running,
    };
  }
  const marked = isAllInTime
    ? day
    : { ...day, taps: day.taps.map((tap) => (inTime(tap) ? tap : { ...tap, late: true })) };
  const priced = pricer.price(carried.state, withExits(marked, ahead.exits));
  const taps = day.taps.filter(inTime).map((tap) => knownAt(tap, day.knownAsOfMs));
  const exits = ahead.base.map((exit) => inBooks(exit, day, inTime));
  const all =
    taps.length === day.taps.length &&
    taps.every((tap, i) => tap === day.taps[i]) &&
    exits.length === ahead.exits.length &&
    exits.every((exit, i) => exit === ahead.exits[i]);
  if (all && carried.base === null) {
    const lines = priced.lines.map((line) => ({ line, lossMinor: 0n }));
    return { lines, out: { state: priced.stateOut, base: null }, running: priced.running ?? null };
  }
  const base = pricer.price(carried.base ?? carried.state, withExits({ ...day, taps }, exits));
  // Open days are held to their base as well: what came too late on a closed day before must not raise them, and so
  // nothing has to be priced again at the moment of a close.
  const bounds = new Map(base.lines.map((line) => [line.tapId, line.riderMinor]));
  const lines = priced.lines.map((line) => ({ line, lossMinor: above(line, bounds.get(line.tapId) ?? 0n) }));
  const same = pricer.stateText(base.stateOut) === pricer.stateText(priced.stateOut);
  return { lines, out: { state: priced.stateOut, base: same ? null : base.stateOut }, running: null };
}

function withExits(day: AccountDay, exitsAhead: readonly JourneyExit[]): AccountDay {
  return exitsAhead.length === 0 ? day : { ...day, exitsAhead };
}

/** An exit counts in the books of its entry's day if it came in time for that day. */
function inBooks(exit: JourneyExit, { taps }: AccountDay, inTime: (tap: TapFact) => boolean): JourneyExit {
  const entry = taps.find(({ tapId }) => tapId === exit.entryTapId);
  const { tapId, receivedAtMs } = exit;
  return entry === undefined || inTime({ ...entry, tapId, receivedAtMs }) ? exit : { ...exit, late: true };
}

/** Whether nothing may have been learnt of the day's taps after its close. */
function isAllKnown({ knownAsOfMs, taps }: AccountDay): boolean {
  if (knownAsOfMs === null) return true;
  return taps.every(({ breakdowns, repairs }) => breakdowns === undefined && repairs === undefined);
}

/** The tap with what was known of it at its day's close; itself where that is all. */
function knownAt(tap: TapFact, knownAsOfMs: number | null): TapFact {
  if (tap.breakdowns === undefined && tap.repairs === undefined) return tap;
  const known = withBreakdownsKnownAt(tap, knownAsOfMs);
  const { repairs, ...rest } = known;
  if (repairs === undefined || knownAsOfMs === null) return known;
  const left = repairs.filter((one) => one.knownFromMs <= knownAsOfMs);
  if (left.length === repairs.length) return known;
  return left.length === 0 ? rest : { ...rest, repairs: left };
}

function above(line: PricedLine, riderMinorMax: bigint): bigint {
  return line.riderMinor > riderMinorMax ? line.riderMinor - riderMinorMax : 0n;
}

/** When a tap was received, and what is to be known of its day. */
export interface Receipt {
  readonly receivedAtMs: number;
  /** First instant after the fare day. */
  readonly dayEndMs: number;
  /** When the day's close was known; `null` while it is open. */
  readonly closedAtMs: number | null;
  readonly lateTapAcceptMs: number;
}

/** In time: known when the day was closed, or received before the tariff's bound. On an open day every tap is. */
export function cameInTime({ receivedAtMs, dayEndMs, closedAtMs, lateTapAcceptMs }: Receipt): boolean {
  if (closedAtMs === null || receivedAtMs <= closedAtMs) return true;
  return receivedAtMs < dayEndMs + lateTapAcceptMs;
}

/** How long after its fare day's end a tap is taken: by the package in force at the tap, for its network. */
export function lateTapAcceptMs(
  tap: Pick<TapFact, 'fareAtMs' | 'routeId'>,
  tariffs: TariffTimeline,
  knownAsOfMs: number | null,
): number {
  const tariff = tariffs.asKnownAt(knownAsOfMs).at(tap.fareAtMs);
  // Without a tariff nothing is charged, in time or not.
  if (tariff === undefined) return 0;
  const networkId = tap.routeId === null ? null : tariff.pricer.feed.networkOfRoute?.get(tap.routeId);
  return tariff.policyOf(networkId ?? null).late_tap_accept_s * 1000;
}
