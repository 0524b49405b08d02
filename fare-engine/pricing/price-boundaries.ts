/**
 * Where prices may change within the uncertainty of a clock: beginnings and ends of tariffs, concessions and
 * entitlements, and of timeframes in wall time, also on the nights of clock changes.
 */
import type { FareFeed } from './fares-v2/fare-feed.ts';
import { zoneOfEvent } from './fares-v2/match-timeframe.ts';
import { dayOfWall, secondOfWall, type Zone } from './local-time.ts';
import type { AccountDay } from './model.ts';
import type { TariffPackage } from './tariff-package.ts';

/** Wider uncertainty is looked through this far on either side; beyond it nothing is known of the time at all. */
export const BOUNDARY_REACH_MS_MAX = 7 * 86_400_000;

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
/** Clock changes of the world's zones are half an hour, an hour or two hours. */
const CHANGES_MS = [HOUR_MS / 2, HOUR_MS, 2 * HOUR_MS];

/**
 * Instants in `(fromMs, untilMs]` at which another rule may begin to hold, ascending: one for each stretch of equal
 * prices after the first.
 */
export function boundariesWithin(
  packages: readonly TariffPackage[],
  { entitlements, passes }: Pick<AccountDay, 'entitlements' | 'passes'>,
  stopId: string | null,
  fromMs: number,
  untilMs: number,
): readonly number[] {
  let found: Set<number> | undefined;
  const add = (ms: number | null): void => {
    if (ms !== null && ms > fromMs && ms <= untilMs) found = (found ?? new Set()).add(ms);
  };
  for (const tariff of packages) {
    const { dates, seconds } = edgesOf(tariff);
    // Ascending: nearly always the first that is not before is behind.
    for (let i = firstAfter(dates, fromMs); i < dates.length && (dates[i] as number) <= untilMs; i++)
      add(dates[i] as number);
    const zone = seconds.length === 0 ? null : zoneOfEvent(tariff.pricer.feed, stopId);
    if (zone !== null) timeframeEdges(zone, seconds, fromMs, untilMs).forEach(add);
  }
  for (const facts of [entitlements, passes])
    for (const fact of facts) {
      add(fact.validFromMs);
      add(fact.validUntilMs);
    }
  return found === undefined ? NOWHERE : [...found].sort((a, b) => a - b);
}

const NOWHERE: readonly never[] = [];

/** Where the first instant after another one stands in an ascending list. */
function firstAfter(instants: readonly number[], atMs: number): number {
  let [low, high] = [0, instants.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((instants[middle] as number) > atMs) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Instants in `(fromMs, untilMs]` at which a timeframe of a group begins or ends, or its services change. */
export function hoursWithin(
  feed: FareFeed,
  groupId: string,
  stopId: string | null,
  fromMs: number,
  untilMs: number,
): number[] {
  const zone = zoneOfEvent(feed, stopId);
  if (zone === null) return [];
  const frames = feed.timeframes.get(groupId) ?? [];
  const seconds = [...new Set([0, ...frames.flatMap(({ startS, endS }) => [startS, endS])])].sort(
    (a, b) => a - b,
  );
  return timeframeEdges(zone, seconds, fromMs, untilMs).filter((ms) => ms > fromMs && ms <= untilMs);
}

interface Edges {
  readonly dates: readonly number[];
  /** Seconds of the local day at which a timeframe begins or ends, ascending; 0 with them: services change by date. */
  readonly seconds: readonly number[];
}

const edges = new WeakMap<TariffPackage, Edges>();

function edgesOf(tariff: TariffPackage): Edges {
  const known = edges.get(tariff);
  if (known) return known;
  const dates = [tariff, ...tariff.concessions, ...tariff.emergency].flatMap(
    ({ validFromMs, validUntilMs }) => (validUntilMs === null ? [validFromMs] : [validFromMs, validUntilMs]),
  );
  const made = { dates: [...new Set(dates)].sort((a, b) => a - b), seconds: secondsOf(tariff) };
  edges.set(tariff, made);
  return made;
}

function secondsOf({ pricer, concessions }: TariffPackage): number[] {
  const { timeframes, legRules } = pricer.feed;
  const groups = new Set([
    ...legRules.flatMap((r) => [r.fromTimeframeGroupId, r.toTimeframeGroupId]),
    ...concessions.flatMap((row) => row.timeframe_group_id ?? []),
  ]);
  const frames = [...groups].flatMap((group) => timeframes.get(group) ?? []);
  // Quotas begin anew at midnight.
  if (frames.length === 0) return concessions.some((row) => row.quota_window !== undefined) ? [0] : [];
  return [...new Set([0, ...frames.flatMap(({ startS, endS }) => [startS, endS])])].sort((a, b) => a - b);
}

function timeframeEdges(zone: Zone, seconds: readonly number[], fromMs: number, untilMs: number): number[] {
  const from = zone.wallMs(fromMs);
  const until = zone.wallMs(untilMs);
  const steady = until - from === untilMs - fromMs;
  const [firstDay, lastDay] = [dayOfWall(Math.min(from, until)), dayOfWall(Math.max(from, until))];
  // Nearly always: a second or less, and no edge in it.
  if (steady && firstDay === lastDay) {
    const [first, last] = [secondOfWall(from), secondOfWall(until)];
    if (!seconds.some((s) => s >= first && s <= last)) return [];
  }
  const instants: number[] = [];
  for (let day = firstDay; day <= lastDay; day++) {
    for (const second of seconds) instants.push(...instantsOf(zone, day * DAY_MS + second * 1000));
  }
  if (!steady) instants.push(...changesOf(zone, fromMs, untilMs));
  return instants;
}

/** A wall time of a night of clock changes may occur twice. */
function instantsOf(zone: Zone, wallMs: number): number[] {
  const first = zone.instantMs(wallMs);
  return [first, ...CHANGES_MS.map((ms) => first + ms).filter((ms) => zone.wallMs(ms) === wallMs)];
}

/** Instants at which the wall clock jumps; they lie on quarters of an hour. */
function changesOf(zone: Zone, fromMs: number, untilMs: number): number[] {
  const changes: number[] = [];
  const first = Math.floor(fromMs / QUARTER_MS) + 1;
  for (let quarter = first; quarter * QUARTER_MS <= untilMs; quarter++) {
    const ms = quarter * QUARTER_MS;
    if (zone.wallMs(ms) - zone.wallMs(ms - 1) !== 1) changes.push(ms);
  }
  return changes;
}
