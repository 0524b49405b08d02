/**
 * Which leg rules match a leg (GTFS fare_leg_rules.txt). Rules are indexed by network and areas, so a look-up does
 * not depend on how many rules there are.
 *
 * Empty values: without the column `rule_priority` an empty network or area stands for every value that is NOT listed
 * in that column; with it an empty value is ignored and the highest priority wins. Empty timeframes are always ignored.
 * A stop in several areas is asked about each by itself: one that is not listed is enough for the empty value.
 */
import { compareText } from '../file-problem.ts';
import type { FareFeed, LegRule } from './fare-feed.ts';
import { inTimeframe } from './match-timeframe.ts';

/** A leg, or several joined into an effective fare leg. */
export interface FareLeg {
  /** '' when the route has none, or joined legs differ. */
  readonly networkId: string;
  /** `null` = not known (a tap without a stop). */
  readonly fromStopId: string | null;
  readonly toStopId: string | null;
  readonly departureMs: number;
  readonly arrivalMs: number;
}

export interface LegMatcher {
  /** All rules that match, ordered by rule id; empty = the fare is unknown. */
  match(leg: FareLeg): readonly LegRule[];
}

/** Most places, and most answers of one place, that are remembered. */
const CACHE_MAX = 200_000;
const ANSWERS_MAX = 64;
const SEPARATOR = '\u0000';

/** Builds the index. */
export function createLegMatcher(feed: FareFeed): LegMatcher {
  const byKey = new Map<string, LegRule[]>();
  const listed = { network: new Set<string>(), from: new Set<string>(), to: new Set<string>() };
  for (const rule of [...feed.legRules].sort((a, b) => compareText(a.ruleId, b.ruleId))) {
    const key = keyOf(rule.networkId, rule.fromAreaId, rule.toAreaId);
    const rules = byKey.get(key);
    if (rules) rules.push(rule);
    else byKey.set(key, [rule]);
    if (rule.networkId !== '') listed.network.add(rule.networkId);
    if (rule.fromAreaId !== '') listed.from.add(rule.fromAreaId);
    if (rule.toAreaId !== '') listed.to.add(rule.toAreaId);
  }
  const priority = feed.hasRulePriority;
  const byPlace = (networkId: string, fromStopId: string | null, toStopId: string | null): LegRule[] => {
    const found = new Set<LegRule>();
    for (const network of columnValues([networkId], listed.network, priority)) {
      for (const from of columnValues(areasOf(feed, fromStopId), listed.from, priority)) {
        for (const to of columnValues(areasOf(feed, toStopId), listed.to, priority)) {
          for (const rule of byKey.get(keyOf(network, from, to)) ?? []) found.add(rule);
        }
      }
    }
    return [...found].sort((a, b) => compareText(a.ruleId, b.ruleId));
  };
  // Riders repeat each other's legs: the place part of a match is remembered, within a bound.
  let places = new Map<string, Map<string | null, Map<string | null, PlaceRules>>>();
  let remembered = 0;
  const rulesAt = ({ networkId, fromStopId, toStopId }: FareLeg): PlaceRules => {
    const known = places.get(networkId)?.get(fromStopId)?.get(toStopId);
    if (known) return known;
    if (++remembered > CACHE_MAX) {
      places = new Map();
      remembered = 1;
    }
    const made = placeRules(feed, byPlace(networkId, fromStopId, toStopId));
    const byFrom = places.get(networkId) ?? new Map<string | null, Map<string | null, PlaceRules>>();
    const byTo = byFrom.get(fromStopId) ?? new Map<string | null, PlaceRules>();
    places.set(networkId, byFrom.set(fromStopId, byTo.set(toStopId, made)));
    return made;
  };
  return { match: (leg) => rulesAt(leg)(leg) };
}

/** The rules of a place that hold for a leg there. Equal answers are the same array. */
type PlaceRules = (leg: FareLeg) => readonly LegRule[];

function placeRules(feed: FareFeed, rules: readonly LegRule[]): PlaceRules {
  if (!rules.some(hasTimeframe)) {
    const highest = highestPriority(feed, rules);
    return () => highest;
  }
  const answers = new Map<string, readonly LegRule[]>();
  return (leg) => {
    // One letter for each rule: whether its timeframes hold.
    let key = '';
    for (const rule of rules) key += inTimeframes(feed, rule, leg) ? '1' : '0';
    let answer = answers.get(key);
    if (answer === undefined) {
      if (answers.size >= ANSWERS_MAX) answers.clear();
      answer = highestPriority(
        feed,
        rules.filter((_, i) => key[i] === '1'),
      );
      answers.set(key, answer);
    }
    return answer;
  };
}

function keyOf(networkId: string, from: string, to: string): string {
  return networkId + SEPARATOR + from + SEPARATOR + to;
}

/** Values of one column that a leg's value(s) may meet: its own, and the empty one where that applies. */
function columnValues(own: readonly string[], listed: ReadonlySet<string>, priority: boolean): string[] {
  const values = own.filter((value) => value !== '');
  return priority || standsForEmpty(own, listed) ? [...values, ''] : values;
}

/** Without priorities: whether an empty value of a column stands for one of these, or for the lack of any. */
export function standsForEmpty(own: readonly string[], listed: ReadonlySet<string>): boolean {
  return own.length === 0 || own.some((value) => !listed.has(value));
}

/** A stop's areas; one without areas of its own lies in those of its platform or station. */
export function areasOf(feed: FareFeed, stopId: string | null): readonly string[] {
  let id = stopId ?? '';
  // GTFS nests at most three deep: boarding area, platform, station.
  for (let depth = 0; depth < 3 && id !== ''; depth++) {
    const areas = feed.areasOfStop.get(id);
    if (areas) return areas;
    id = feed.stops?.get(id)?.parentId ?? '';
  }
  return [];
}

function hasTimeframe(rule: LegRule): boolean {
  return rule.fromTimeframeGroupId !== '' || rule.toTimeframeGroupId !== '';
}

function inTimeframes(feed: FareFeed, rule: LegRule, leg: FareLeg): boolean {
  return (
    inTimeframe(feed, rule.fromTimeframeGroupId, leg.fromStopId, leg.departureMs) &&
    inTimeframe(feed, rule.toTimeframeGroupId, leg.toStopId, leg.arrivalMs)
  );
}

function highestPriority(feed: FareFeed, rules: readonly LegRule[]): readonly LegRule[] {
  if (!feed.hasRulePriority || rules.length < 2) return rules;
  const top = (of: readonly LegRule[]) => Math.max(...of.map((r) => r.priority));
  const [all, alone] = [top(rules), top(rules.filter((r) => !r.transferOnly))];
  // A rule for transfers only is not there for a leg without one, so it takes nothing from the others.
  return rules.filter((r) => r.priority === (r.transferOnly ? all : alone));
}
