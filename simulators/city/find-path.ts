/**
 * Ways through the network: from one stop to another without or with one change of vehicle. Pure. No journey planner:
 * riders of the simulation only need ways that exist.
 */
import type { Timetable } from './timetable.ts';

/** A route in one direction with its stops in order. */
export interface Pattern {
  readonly patternId: string;
  readonly routeId: string;
  readonly stopIds: readonly string[];
  /** Place of each stop in `stopIds`. */
  readonly places: ReadonlyMap<string, number>;
}

/** One vehicle of a way. */
export interface PathLeg {
  readonly patternId: string;
  readonly fromStopId: string;
  readonly toStopId: string;
  /** Stops passed, for comparing ways. */
  readonly stopCount: number;
}

export type Path = readonly PathLeg[];

/** A change costs as much as this many stops. */
const CHANGE_STOPS = 6;
/** Ways kept for a pair of stops: riders take whichever comes first. */
const PATHS_MAX = 4;

/** Looks for ways; remembers what it found. */
export interface PathFinder {
  readonly patterns: ReadonlyMap<string, Pattern>;
  /** Best ways first; empty when there is none with at most one change. */
  find(fromStopId: string, toStopId: string): readonly Path[];
}

/** Name of the pattern that a trip follows. */
export function patternIdOf(trip: { routeId: string; directionId: number }): string {
  return `${trip.routeId}/${trip.directionId}`;
}

/** Makes a finder over the patterns of a timetable (one for each route and direction). */
export function createPathFinder(timetable: Timetable): PathFinder {
  const patterns = new Map<string, Pattern>();
  for (const trip of timetable.trips.values()) {
    const patternId = patternIdOf(trip);
    if (patterns.has(patternId)) continue;
    const stopIds = trip.calls.map((call) => call.stopId);
    const places = new Map(stopIds.map((stopId, place) => [stopId, place]));
    patterns.set(patternId, { patternId, routeId: trip.routeId, stopIds, places });
  }
  const known = new Map<string, readonly Path[]>();
  return {
    patterns,
    find(fromStopId, toStopId) {
      const key = `${fromStopId}>${toStopId}`;
      let paths = known.get(key);
      if (!paths) {
        paths = search([...patterns.values()], fromStopId, toStopId);
        known.set(key, paths);
      }
      return paths;
    },
  };
}

function search(patterns: readonly Pattern[], fromStopId: string, toStopId: string): Path[] {
  if (fromStopId === toStopId) return [];
  const paths: Path[] = [];
  for (const first of patterns) {
    const direct = leg(first, fromStopId, toStopId);
    if (direct) paths.push([direct]);
    else paths.push(...withOneChange(patterns, first, fromStopId, toStopId));
  }
  return paths.sort((a, b) => costOf(a) - costOf(b)).slice(0, PATHS_MAX);
}

/** The best change from `first` to each other pattern that reaches the goal. */
function withOneChange(
  patterns: readonly Pattern[],
  first: Pattern,
  fromStopId: string,
  toStopId: string,
): Path[] {
  const start = first.places.get(fromStopId);
  if (start === undefined) return [];
  const paths: Path[] = [];
  for (const second of patterns) {
    if (second.routeId === first.routeId || !second.places.has(toStopId)) continue;
    let best: Path | undefined;
    for (const stopId of first.stopIds.slice(start + 1)) {
      const [one, two] = [leg(first, fromStopId, stopId), leg(second, stopId, toStopId)];
      if (one && two && (!best || costOf([one, two]) < costOf(best))) best = [one, two];
    }
    if (best) paths.push(best);
  }
  return paths;
}

function leg(pattern: Pattern, fromStopId: string, toStopId: string): PathLeg | undefined {
  const from = pattern.places.get(fromStopId);
  const to = pattern.places.get(toStopId);
  if (from === undefined || to === undefined || to <= from) return undefined;
  return { patternId: pattern.patternId, fromStopId, toStopId, stopCount: to - from };
}

function costOf(path: Path): number {
  return path.reduce((sum, part) => sum + part.stopCount, 0) + (path.length - 1) * CHANGE_STOPS;
}
