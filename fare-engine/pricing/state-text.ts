/** The carried state as canonical text: equal states have equal text, so a recomputation knows when to stop. */
import { openBroken } from './breakdown-rides.ts';
import { compareText } from './file-problem.ts';
import { isReachable } from './journeys.ts';
import {
  type BrokenRide,
  type CapCount,
  type EscortRight,
  INITIAL_STATE,
  type JourneyExit,
  type JourneyState,
  type PricingState,
  type QuotaCount,
  type Touch,
} from './model.ts';
import { BOUNDARY_REACH_MS_MAX } from './price-boundaries.ts';
import { PASS_BACK_MS_MAX, UNCERTAINTY_MS_MAX } from './reach.ts';
import type { TariffTimeline } from './tariff-timeline.ts';

/** Canonical text: fixed order of keys, touches by place and medium, counts by what they count. */
export function stateText(state: PricingState): string {
  return isEmpty(state) ? NOTHING : textOf(state);
}

/** Most days hand nothing on. */
function isEmpty(state: PricingState): boolean {
  const { transferRun, lastTouches, broken = [], journeys = [], closed = [], caps, quotas, passes } = state;
  if (transferRun !== null || lastTouches.length > 0 || caps.length > 0) return false;
  return [broken, journeys, closed, quotas, passes].every(({ length }) => length === 0);
}

function textOf(state: PricingState): string {
  const run = state.transferRun;
  return JSON.stringify({
    v: 2,
    transferRun: run && {
      startedAtMs: run.startedAtMs,
      lastLegAtMs: run.lastLegAtMs,
      lastLegGroupId: run.lastLegGroupId,
      lastStopId: run.lastStopId,
      lastVehicleId: run.lastVehicleId,
      transferCount: run.transferCount,
      firstTapId: run.firstTapId,
      packageHash: run.packageHash,
      uncertaintyMs: run.uncertaintyMs,
      startedArrivalMs: run.startedArrivalMs,
      lastArrivalMs: run.lastArrivalMs,
    },
    lastTouches: touchesInOrder(state).map(touchRow),
    broken: brokenRows(state.broken),
    journeys: journeyRows(state.journeys),
    closed: exitRows(state.closed),
    caps: [...state.caps].sort(byCapAndWindow).map(({ capId, from, untilMs, spentMinor, rides }) => ({
      capId,
      from,
      untilMs,
      spentMinor,
      rides,
    })),
    quotas: [...state.quotas].sort(byQuotaAndWindow).map((one) => ({
      quotaId: one.quotaId,
      from: one.from,
      untilMs: one.untilMs,
      rides: one.rides,
      takenMinor: one.takenMinor,
    })),
    passes: [...state.passes]
      .sort((a, b) => compareText(a.passId, b.passId))
      .map(({ passId, startMs, rides, untilMs }) => ({ passId, startMs, rides, untilMs })),
  });
}

/** Text of the state that hands nothing on. */
export const NOTHING = textOf(INITIAL_STATE);

/** Touches by place and medium, as each text has them. */
export function touchesInOrder({ lastTouches }: PricingState): readonly Touch[] {
  if (lastTouches.length < 2) return lastTouches;
  return [...lastTouches].sort(
    (a, b) => compareText(a.placeId, b.placeId) || compareText(a.mediumId ?? '', b.mediumId ?? ''),
  );
}

/** Absent where there is none: such a state has the text that it always had. */
function brokenRows(broken: readonly BrokenRide[] | undefined) {
  if (broken === undefined || broken.length === 0) return undefined;
  const sorted = [...broken].sort((a, b) => compareText(a.mediumId ?? '', b.mediumId ?? ''));
  return sorted.map((one) => ({
    mediumId: one.mediumId,
    placeId: one.placeId,
    tapId: one.tapId,
    routeId: one.routeId,
    networkId: one.networkId,
    packageHash: one.packageHash,
    breakdownId: one.breakdownId,
    fromMs: one.fromMs,
    untilMs: one.untilMs,
    uncertaintyMs: one.uncertaintyMs,
    unsureMs: one.unsureMs,
    rides: one.rides,
    companions: one.companions,
    bags: one.bags,
    used: one.used && {
      placeId: one.used.placeId,
      companions: one.used.companions,
      bags: one.used.bags,
    },
  }));
}

/** Absent where there is none, as with rides that broke off. */
function journeyRows(journeys: readonly JourneyState[] | undefined) {
  if (journeys === undefined || journeys.length === 0) return undefined;
  const sorted = [...journeys].sort(
    (a, b) => compareText(a.networkId, b.networkId) || compareText(a.mediumId ?? '', b.mediumId ?? ''),
  );
  return sorted.map((one) => ({
    mediumId: one.mediumId,
    networkId: one.networkId,
    packageHash: one.packageHash,
    way: one.way,
    tapId: one.tapId,
    atMs: one.atMs,
    uncertaintyMs: one.uncertaintyMs,
    placeId: one.placeId,
    vehicleId: one.vehicleId,
    stopId: one.stopId,
    stopUnsure: one.stopUnsure,
    repairedAtMs: one.repairedAtMs,
    exit: one.exit && exitRow(one.exit),
  }));
}

function exitRows(exits: readonly JourneyExit[] | undefined) {
  if (exits === undefined || exits.length === 0) return undefined;
  return [...exits].sort((a, b) => compareText(a.entryTapId, b.entryTapId)).map(exitRow);
}

/** An exit with its keys in their order. */
export function exitRow(exit: JourneyExit) {
  return {
    entryTapId: exit.entryTapId,
    tapId: exit.tapId,
    atMs: exit.atMs,
    uncertaintyMs: exit.uncertaintyMs,
    stopId: exit.stopId,
    stopUnsure: exit.stopUnsure,
    cancelled: exit.cancelled,
    receivedAtMs: exit.receivedAtMs,
    late: exit.late,
  };
}

function touchRow({ placeId, mediumId, atMs, tapId, uncertaintyMs, companions, bags, escort }: Touch) {
  return {
    placeId,
    mediumId,
    atMs,
    tapId,
    uncertaintyMs,
    companions,
    bags,
    escort: escort && {
      left: escort.left,
      concessionId: escort.concessionId,
      pass: escort.pass && ruleRow(escort.pass),
      packageHash: escort.packageHash,
      transfer: escort.transfer && ruleRow(escort.transfer),
      referenceMinor: escort.referenceMinor,
      riderMinor: escort.riderMinor,
    },
  };
}

function ruleRow({ ruleId, act, article }: NonNullable<EscortRight['transfer']>) {
  return { ruleId, act, article };
}

function byQuotaAndWindow(a: QuotaCount, b: QuotaCount): number {
  return compareText(a.quotaId, b.quotaId) || compareText(a.from, b.from);
}

function byCapAndWindow(a: CapCount, b: CapCount): number {
  return compareText(a.capId, b.capId) || compareText(a.from, b.from);
}

/**
 * Reads what `stateText` wrote. A state of version 1 knew neither caps nor quotas nor passes: read as one in which nothing
 * was counted, it prices the same. Throws a SyntaxError for any other text: states are ours alone.
 */
export function parseStateText(text: string): PricingState {
  const state = JSON.parse(text) as Record<string, unknown>;
  const v = state?.['v'];
  const lists = v === 1 ? ['lastTouches'] : ['lastTouches', 'caps', 'quotas', 'passes'];
  if ((v !== 1 && v !== 2) || lists.some((key) => !Array.isArray(state[key])))
    throw new SyntaxError('not a pricing state of version 1 or 2');
  return (v === 2 ? state : { ...INITIAL_STATE, ...state, v: 2 }) as unknown as PricingState;
}

/** Drops what no tap from `nextDayStartMs` on can meet any more. */
export function trimState(
  state: PricingState,
  tariffs: TariffTimeline,
  nextDayStartMs: number,
): PricingState {
  const run = state.transferRun;
  const window = run?.packageHash === undefined ? 0 : tariffs.byHash(run.packageHash)?.transferWindowMsMax;
  // A rule without a limit would hold a run open for ever: it ends with the fare day (price-leg.ts), which an unsure
  // clock may have misplaced by its uncertainty. The others go on for their window.
  const reach = (window ?? 0) + (run?.uncertaintyMs ?? 0) + UNCERTAINTY_MS_MAX;
  const trimmed: PricingState = {
    v: 2,
    transferRun: run && nextDayStartMs - (run.lastArrivalMs ?? run.lastLegAtMs) <= reach ? run : null,
    lastTouches: recentTouches(state, nextDayStartMs),
    // Caps look at every window within a tap's uncertainty.
    caps: state.caps.filter((count) => count.untilMs + BOUNDARY_REACH_MS_MAX > nextDayStartMs),
    quotas: state.quotas.filter((count) => count.untilMs + UNCERTAINTY_MS_MAX > nextDayStartMs),
    passes: state.passes.filter((use) => use.untilMs + UNCERTAINTY_MS_MAX > nextDayStartMs),
  };
  if (state.broken === undefined && state.journeys === undefined) return trimmed;
  return {
    ...trimmed,
    ...openBroken(state.broken, nextDayStartMs),
    ...openJourneys(state.journeys, tariffs, nextDayStartMs),
  };
}

/** Touches that pass-back can still reach at an instant. */
export function recentTouches(state: PricingState, atMs: number): PricingState['lastTouches'] {
  const reachMs = PASS_BACK_MS_MAX + UNCERTAINTY_MS_MAX;
  return state.lastTouches.filter((touch) => atMs - touch.atMs <= reachMs + (touch.uncertaintyMs ?? 0));
}

/** Journeys that a tap at or after an instant may still belong to, as the property of a state. */
function openJourneys(
  journeys: readonly JourneyState[] | undefined,
  tariffs: TariffTimeline,
  atMs: number,
): Pick<PricingState, 'journeys'> {
  const open = (journeys ?? []).filter((one) => isReachable(one, tariffs, atMs));
  return open.length === 0 ? {} : { journeys: open };
}
