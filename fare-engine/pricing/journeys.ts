/**
 * Tap on, tap off: which taps of networks in which both are asked (`mode: in_out`) belong together. One pass over an
 * account's taps in the order of time; what a day leaves open it hands to the next. Prices play no part in it.
 *
 * A journey begins with a tap that is no exit and ends with the next that is no entry: by what the validator says of its
 * direction, and by turns where it cannot know. A vehicle is left where it was boarded: the tap of another one is no exit
 * of this one. Rules are those of the package in force when the journey began.
 */
import { stationOf } from './fares-v2/fare-feed.ts';
import type { JourneyExit, JourneyState, TapFact, TapRepair } from './model.ts';
import { placeOf } from './places.ts';
import { PASS_BACK_MS_MAX, UNCERTAINTY_MS_MAX } from './reach.ts';
import type { TariffPackage } from './tariff-package.ts';
import type { NetworkTapPolicy } from './tariff-schema.ts';
import type { TariffTimeline } from './tariff-timeline.ts';

/** How a journey ended, as far as anybody knows. */
export interface JourneyEnd {
  readonly by: 'tap' | 'repair' | 'completion' | 'breakdown';
  /** Id of the tap, repair or breakdown; the rule's of a completion. */
  readonly ref: string;
  readonly atMs: number;
  readonly uncertaintyMs: number;
  readonly stopId: string | null;
  /** The cheapest area that may be meant. */
  readonly stopUnsure: boolean;
}

/** What a tap is within its journey; taps of other networks have no role. */
export type JourneyRole =
  | { readonly kind: 'entry'; readonly end: JourneyEnd | null }
  | { readonly kind: 'exit'; readonly entryTapId: string; readonly entryAtMs: number }
  /** Nobody knows where it began. */
  | { readonly kind: 'lone-exit' }
  /** Left again where it began: no journey at all. */
  | { readonly kind: 'cancelled'; readonly other: { readonly tapId: string; readonly atMs: number } }
  /** The same touch once more. */
  | { readonly kind: 'again'; readonly of: JourneyState };

export interface Journeys {
  readonly roles: ReadonlyMap<string, JourneyRole>;
  /** Of each medium and network the last touch, open or not. */
  readonly left: readonly JourneyState[];
  /** Exits of journeys that were open before the first of these taps. */
  readonly closed: readonly JourneyExit[];
}

const NOTHING: Journeys = { roles: new Map(), left: [], closed: [] };

/**
 * Pairs the taps of a day, which are in the order of time. `before` are journeys of the days before; `ahead` exits that the
 * next day found for what this one leaves open.
 */
export function pairJourneys(
  before: readonly JourneyState[],
  taps: readonly TapFact[],
  tariffs: TariffTimeline,
  ahead: readonly JourneyExit[],
): Journeys {
  // The usual city has none.
  if (before.length === 0 && !tariffs.packages.some((tariff) => tariff.tapsOut)) return NOTHING;
  const desk: Desk = {
    last: new Map(before.map((one) => [keyOf(one.mediumId, one.networkId), one])),
    carried: new Set(before.filter(({ way }) => way === 'in').map(({ tapId }) => tapId)),
    roles: new Map(),
    closed: [],
    tariffs,
  };
  for (const tap of taps) present(desk, tap);
  const left = [...desk.last.values()].map((one) => withExitAhead(one, desk, ahead));
  return { roles: desk.roles, left, closed: desk.closed };
}

interface Desk {
  readonly last: Map<string, JourneyState>;
  /** Entries of the days before. */
  readonly carried: ReadonlySet<string>;
  readonly roles: Map<string, JourneyRole>;
  readonly closed: JourneyExit[];
  readonly tariffs: TariffTimeline;
}

function keyOf(mediumId: string | undefined, networkId: string): string {
  return `${networkId}\u0000${mediumId ?? ''}`;
}

function present(desk: Desk, tap: TapFact): void {
  const tariff = desk.tariffs.at(tap.fareAtMs);
  const networkId = tap.routeId === null ? undefined : tariff?.pricer.feed.networkOfRoute?.get(tap.routeId);
  if (tariff === undefined || networkId === undefined) return;
  const key = keyOf(tap.mediumId, networkId);
  const last = desk.last.get(key);
  const open = last?.way === 'in' ? last : undefined;
  const asked = tariff.policyOf(networkId).mode === 'in_out';
  // A network that stopped asking for exits still takes the exit of a journey that began before.
  if (!asked && !(tap.direction === 'out' && open)) return;
  if (last && isAgain(last, tap, tariff.policyOf(networkId))) {
    desk.roles.set(tap.tapId, { kind: 'again', of: last });
    return;
  }
  const policy = open && desk.tariffs.byHash(open.packageHash)?.policyOf(networkId);
  if (open && policy && isExit(open, tap, policy)) {
    leave(desk, open, tap, isCancelled(open, tap, policy, tariff));
    desk.last.set(key, touchOf(tap, networkId, tariff, 'out'));
  } else if (tap.direction === 'out') {
    desk.roles.set(tap.tapId, { kind: 'lone-exit' });
    desk.last.set(key, touchOf(tap, networkId, tariff, 'out'));
  } else {
    const repair = repairOf(tap, tariff.policyOf(networkId));
    desk.roles.set(tap.tapId, { kind: 'entry', end: knownEnd(tap, repair, tariff.policyOf(networkId)) });
    const repaired = repair === undefined ? {} : { repairedAtMs: repair.atMs };
    desk.last.set(key, { ...touchOf(tap, networkId, tariff, 'in'), ...repaired });
  }
}

/** The same way at the same place and stop, a moment later; or what the device itself took for a repetition there. */
function isAgain(last: JourneyState, tap: TapFact, policy: NetworkTapPolicy): boolean {
  if (tap.direction !== null && tap.direction !== last.way) return false;
  const placeId = placeOf(tap);
  if (placeId === null || placeId !== last.placeId) return false;
  // Another stop is another touch, however soon: nobody gets on twice without getting off.
  const moved = tap.stopId !== null && last.stopId !== null && tap.stopId !== last.stopId;
  if (tap.direction === null && moved && tap.stopUnsure !== true && last.stopUnsure !== true) return false;
  if (tap.passBackOf === last.tapId) return true;
  const reachMs = Math.min(policy.passback_s * 1000, PASS_BACK_MS_MAX) + slackOf(tap, last);
  return tap.fareAtMs - last.atMs <= reachMs;
}

function isExit(open: JourneyState, tap: TapFact, policy: NetworkTapPolicy): boolean {
  if (tap.direction === 'in') return false;
  if (open.vehicleId !== null && tap.vehicleId !== null && open.vehicleId !== tap.vehicleId) return false;
  // By turns only: an exit that the passenger has told is an exit; one that says that it is one counts for more.
  if (tap.direction === null && open.repairedAtMs !== undefined && open.repairedAtMs <= tap.fareAtMs)
    return false;
  const { max_journey_s = 0 } = policy;
  return tap.fareAtMs - open.atMs <= max_journey_s * 1000 + slackOf(tap, open);
}

function isCancelled(
  open: JourneyState,
  tap: TapFact,
  policy: NetworkTapPolicy,
  { pricer }: TariffPackage,
): boolean {
  const { same_stop_cancel_s = 0 } = policy;
  if (same_stop_cancel_s === 0) return false;
  if (tap.fareAtMs - open.atMs > same_stop_cancel_s * 1000 + slackOf(tap, open)) return false;
  if (tap.stopUnsure === true || open.stopUnsure === true) return true;
  if (tap.stopId === null || open.stopId === null) return false;
  return stationOf(pricer.feed, tap.stopId) === stationOf(pricer.feed, open.stopId);
}

/** By how much two clocks may be apart: the rider has the benefit. */
function slackOf({ uncertaintyMs }: TapFact, other: JourneyState): number {
  return Math.min(uncertaintyMs, UNCERTAINTY_MS_MAX) + (other.uncertaintyMs ?? 0);
}

function leave({ roles, carried, closed }: Desk, open: JourneyState, tap: TapFact, cancelled: boolean): void {
  const { tapId: entryTapId, atMs: entryAtMs } = open;
  const mine = { kind: 'exit' as const, entryTapId, entryAtMs };
  roles.set(tap.tapId, cancelled ? { kind: 'cancelled', other: open } : mine);
  if (carried.has(entryTapId)) closed.push(exitOf(entryTapId, tap, cancelled));
  else roles.set(entryTapId, entryRole(exitOf(entryTapId, tap, cancelled)));
}

function entryRole({
  tapId,
  atMs,
  uncertaintyMs = 0,
  stopId,
  stopUnsure,
  cancelled,
}: JourneyExit): JourneyRole {
  if (cancelled === true) return { kind: 'cancelled', other: { tapId, atMs } };
  const end = {
    by: 'tap' as const,
    ref: tapId,
    atMs,
    uncertaintyMs,
    stopId,
    stopUnsure: stopUnsure === true,
  };
  return { kind: 'entry', end };
}

function exitOf(entryTapId: string, tap: TapFact, cancelled: boolean): JourneyExit {
  const uncertaintyMs = Math.min(tap.uncertaintyMs, UNCERTAINTY_MS_MAX);
  return {
    entryTapId,
    tapId: tap.tapId,
    atMs: tap.fareAtMs,
    stopId: tap.stopId,
    receivedAtMs: tap.receivedAtMs ?? tap.fareAtMs,
    ...(uncertaintyMs > 0 ? { uncertaintyMs } : {}),
    ...(tap.stopUnsure === true ? { stopUnsure: true } : {}),
    ...(cancelled ? { cancelled: true } : {}),
  };
}

function touchOf(
  tap: TapFact,
  networkId: string,
  tariff: TariffPackage,
  way: JourneyState['way'],
): JourneyState {
  const uncertaintyMs = Math.min(tap.uncertaintyMs, UNCERTAINTY_MS_MAX);
  return {
    ...(tap.mediumId === undefined ? {} : { mediumId: tap.mediumId }),
    networkId,
    packageHash: tariff.hash,
    way,
    tapId: tap.tapId,
    atMs: tap.fareAtMs,
    placeId: placeOf(tap),
    vehicleId: tap.vehicleId,
    stopId: tap.stopId,
    ...(uncertaintyMs > 0 ? { uncertaintyMs } : {}),
    ...(tap.stopUnsure === true ? { stopUnsure: true } : {}),
  };
}

/** What the passenger told last, if it may be. */
function repairOf(tap: TapFact, { max_journey_s = 0 }: NetworkTapPolicy): TapRepair | undefined {
  const within = (tap.repairs ?? []).filter(
    ({ atMs }) => atMs >= tap.fareAtMs && atMs - tap.fareAtMs <= max_journey_s * 1000,
  );
  return within.reduce<TapRepair | undefined>(
    (latest, one) => (isLater(one, latest) ? one : latest),
    undefined,
  );
}

function isLater(one: TapRepair, than: TapRepair | undefined): boolean {
  if (than === undefined || one.knownFromMs !== than.knownFromMs)
    return than === undefined || one.knownFromMs > than.knownFromMs;
  return one.repairId > than.repairId;
}

/** Without a tap on leaving: what the passenger told, what became of the vehicle, what the tariff takes it to be. */
function knownEnd(tap: TapFact, repair: TapRepair | undefined, policy: NetworkTapPolicy): JourneyEnd | null {
  if (repair !== undefined) {
    const { repairId: ref, atMs, stopId } = repair;
    return { by: 'repair', ref, atMs, uncertaintyMs: 0, stopId, stopUnsure: false };
  }
  const { max_journey_s = 0 } = policy;
  const [broken] = [...(tap.breakdowns ?? [])]
    .filter(({ atMs }) => atMs - tap.fareAtMs <= max_journey_s * 1000)
    .sort((a, b) => a.atMs - b.atMs || (a.breakdownId < b.breakdownId ? -1 : 1));
  if (broken !== undefined) {
    const atMs = Math.max(broken.atMs, tap.fareAtMs);
    const uncertaintyMs = Math.min(broken.uncertaintyMs, UNCERTAINTY_MS_MAX);
    return { by: 'breakdown', ref: broken.breakdownId, atMs, uncertaintyMs, stopId: null, stopUnsure: true };
  }
  const row = policy.completion?.find(({ from_stop_id }) => from_stop_id === tap.stopId);
  if (policy.missing_tap !== 'completion' || row === undefined) return null;
  const atMs = tap.fareAtMs + row.after_s * 1000;
  const ref = `${policy.network_id}/${row.from_stop_id}`;
  return { by: 'completion', ref, atMs, uncertaintyMs: 0, stopId: row.to_stop_id, stopUnsure: false };
}

/** An open journey with the exit that the next day found for it. */
function withExitAhead(
  one: JourneyState,
  { roles, carried }: Desk,
  ahead: readonly JourneyExit[],
): JourneyState {
  // What was handed to this day unfinished is the affair of the day on which it began.
  const { exit: _, ...open } = one;
  if (one.way !== 'in' || carried.has(one.tapId)) return open;
  const exit = ahead.find(({ entryTapId }) => entryTapId === one.tapId);
  if (exit === undefined) return open;
  if (exit.late !== true) roles.set(one.tapId, entryRole(exit));
  return { ...open, exit };
}

/** Whether a tap at or after an instant may still belong to it. */
export function isReachable(one: JourneyState, tariffs: TariffTimeline, atMs: number): boolean {
  const policy = tariffs.byHash(one.packageHash)?.policyOf(one.networkId);
  const againMs = Math.min((policy?.passback_s ?? 0) * 1000, PASS_BACK_MS_MAX);
  const reachMs = one.way === 'in' ? Math.max((policy?.max_journey_s ?? 0) * 1000, againMs) : againMs;
  return atMs - one.atMs <= reachMs + (one.uncertaintyMs ?? 0) + UNCERTAINTY_MS_MAX;
}

/** The entry that was touched once more, with how its journey ended: companions go as far. `undefined` = it was no entry, or no journey. */
export function endOfAgain(
  of: JourneyState,
  roles: ReadonlyMap<string, JourneyRole>,
): Extract<JourneyRole, { kind: 'entry' }> | undefined {
  const carried = of.exit === undefined ? ({ kind: 'entry', end: null } as const) : entryRole(of.exit);
  const role = roles.get(of.tapId) ?? (of.way === 'in' ? carried : undefined);
  return role?.kind === 'entry' ? role : undefined;
}
