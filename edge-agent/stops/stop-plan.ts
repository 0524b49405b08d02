/**
 * The stops a vehicle may call at, as the city writes them into the device folder (`stops.json`): sequences of stops with
 * coordinates and times for each route and direction, the trips that follow them, and the city's numbers for deciding.
 */
import { type Static, Type } from 'typebox';
import { FeedId } from '#contracts/ids.ts';
import { keyed, PRINTABLE_NAME } from '#contracts/keyed.ts';
import { decodeJson, type Parsed, parserOf } from '#contracts/parse.ts';
import type { Whereabouts } from '#contracts/record.ts';

/** Largest file. A city of 400 routes with 40 stops each needs about 1 MiB. */
export const STOP_PLAN_BYTES_MAX = 8 * 1024 * 1024;

const Degrees = (limit: number) => Type.Number({ minimum: -limit, maximum: limit });
const percent = Type.Integer({ minimum: 0, maximum: 100 });
const Seconds = Type.Integer({ minimum: 0, maximum: 200_000 });

const Name = Type.String({ minLength: 1, maxLength: 200 });

/** A stop's name as the feed has it, and its translations. */
export const StopNames = Type.Object({
  own: Name,
  uk: Type.Optional(Name),
  en: Type.Optional(Name),
  de: Type.Optional(Name),
  pl: Type.Optional(Name),
});
export type StopNames = Static<typeof StopNames>;

/** How a stop is decided; the city's numbers (`cities/<city>/city.yaml`, stops). */
export const StopRules = Type.Object({
  /** A vehicle this near to a stop is at it. */
  reachM: Type.Number({ exclusiveMinimum: 0, maximum: 1000 }),
  /** By so much another stop must be nearer before it takes over. */
  hysteresisM: Type.Number({ minimum: 0, maximum: 1000 }),
  /** A position keeps its worth for so long. */
  freshS: Type.Number({ minimum: 0, maximum: 3600 }),
  /** After that, confidence halves in each such time without a position. */
  halfLifeS: Type.Number({ exclusiveMinimum: 0, maximum: 86_400 }),
  /** How sure the timetable alone makes, and the driver's word. */
  timetablePct: percent,
  driverPct: percent,
  /** Below this a stop is not named at all. */
  dropPct: percent,
});
export type StopRules = Static<typeof StopRules>;

export const StopPlan = Type.Object({
  v: Type.Literal(1),
  /** IANA zone of the timetable. */
  zone: Type.String({ minLength: 1, maxLength: 64 }),
  rules: StopRules,
  /** Stop → latitude, longitude (WGS 84). */
  stops: keyed(PRINTABLE_NAME, Type.Tuple([Degrees(90), Degrees(180)])),
  /** Names for people; a stop that is not here is called by its id. */
  names: Type.Optional(keyed(PRINTABLE_NAME, StopNames)),
  patterns: Type.Array(
    Type.Object({
      routeId: FeedId,
      directionId: Type.Union([Type.Literal(0), Type.Literal(1)]),
      stopIds: Type.Array(FeedId, { minItems: 1, maxItems: 500 }),
      /** Arrival at each stop, seconds after the first departure. */
      offsetsS: Type.Array(Seconds, { minItems: 1, maxItems: 500 }),
    }),
    { maxItems: 20_000 },
  ),
  /** Trip → its pattern's position in the list, and its first departure (seconds of the service day). */
  trips: keyed(PRINTABLE_NAME, Type.Tuple([Type.Integer({ minimum: 0 }), Seconds])),
});
export type StopPlan = Static<typeof StopPlan>;

const check = parserOf(StopPlan);

/** Reads `stops.json`; every id it names must be in it. */
export function parseStopPlan(bytes: Uint8Array): Parsed<StopPlan> {
  const json = decodeJson(bytes, STOP_PLAN_BYTES_MAX);
  const plan = json.ok ? check(json.value) : json;
  if (!plan.ok) return plan;
  const { stops, patterns, trips } = plan.value;
  for (const [index, { stopIds, offsetsS }] of patterns.entries()) {
    const path = `/patterns/${index}`;
    if (stopIds.length !== offsetsS.length) return problem(path, 'has not one time for each stop');
    const unknown = stopIds.find((stopId) => !Object.hasOwn(stops, stopId));
    if (unknown !== undefined) return problem(path, `names the stop ${unknown}, which has no place`);
  }
  const lost = Object.entries(trips).find(([, [pattern]]) => pattern >= patterns.length);
  return lost === undefined ? plan : problem(`/trips/${lost[0]}`, 'names a pattern that is not there');
}

function problem(path: string, message: string): Parsed<StopPlan> {
  return { ok: false, problems: [{ path, message }] };
}

/** A stop of a line, in its place of the sequence. */
export interface LineStop {
  readonly stopId: string;
  readonly lat: number;
  readonly lon: number;
  /** Position in its pattern. */
  readonly index: number;
  /** Towards the next stop, degrees from north; of the last stop, as from the one before. */
  readonly bearingDeg: number;
}

/** One sequence of stops. */
export type LinePattern = readonly LineStop[];

/** The sequences that a vehicle may be on: of its trip, else of its route and direction, else of the route. */
export function patternsFor(plan: StopPlan, where: Whereabouts): LinePattern[] {
  const trip = tripOf(plan, where);
  const found =
    trip === undefined
      ? plan.patterns.filter(
          ({ routeId, directionId }) =>
            routeId === where.routeId &&
            (where.directionId === undefined || directionId === where.directionId),
        )
      : [plan.patterns[trip[0]] as StopPlan['patterns'][number]];
  // Patterns that differ in their times only are one sequence.
  const sequences = new Map(found.map(({ stopIds }) => [stopIds.join(' '), stopIds]));
  return [...sequences.values()].map((stopIds) => lineOf(plan, stopIds));
}

/** Stop at which the timetable sees the trip; `null` when it has none, or the trip is not under way. */
export function scheduledStop(plan: StopPlan, where: Whereabouts, secondOfDay: number): string | null {
  const trip = tripOf(plan, where);
  if (trip === undefined) return null;
  const { stopIds, offsetsS } = plan.patterns[trip[0]] as StopPlan['patterns'][number];
  // A trip of yesterday's service day may run after midnight.
  for (const second of [secondOfDay, secondOfDay + DAY_S]) {
    const intoTrip = second - trip[1];
    if (intoTrip < -WAITING_S_MAX || intoTrip > (offsetsS.at(-1) as number) + WAITING_S_MAX) continue;
    const last = offsetsS.findLastIndex((offset) => offset <= intoTrip);
    return stopIds[Math.max(0, last)] as string;
  }
  return null;
}

const DAY_S = 86_400;
/** A vehicle stands at its terminus for a while before and after a trip. */
const WAITING_S_MAX = 900;

function tripOf({ trips, patterns }: StopPlan, { tripId, routeId }: Whereabouts) {
  const trip = tripId !== undefined && Object.hasOwn(trips, tripId) ? trips[tripId] : undefined;
  // A trip of another route than the one that is driven says nothing of the stops.
  return trip !== undefined && patterns[trip[0]]?.routeId === routeId ? trip : undefined;
}

function lineOf({ stops }: StopPlan, stopIds: readonly string[]): LinePattern {
  const points = stopIds.map((stopId) => {
    const [lat, lon] = stops[stopId] as [number, number];
    return { stopId, lat, lon };
  });
  return points.map((point, index) => {
    const [from, to] = index + 1 < points.length ? [point, points[index + 1]] : [points[index - 1], point];
    return { ...point, index, bearingDeg: from && to ? bearing(from, to) : 0 };
  });
}

interface Point {
  readonly lat: number;
  readonly lon: number;
}

const RADIANS = Math.PI / 180;
const METRES_PER_DEGREE = 111_195;

/** Metres between two points of one city: a flat earth is exact enough. */
export function distanceM(a: Point, b: Point): number {
  const north = (b.lat - a.lat) * METRES_PER_DEGREE;
  const east = (b.lon - a.lon) * METRES_PER_DEGREE * Math.cos(a.lat * RADIANS);
  return Math.hypot(north, east);
}

function bearing(from: Point, to: Point): number {
  const east = (to.lon - from.lon) * Math.cos(from.lat * RADIANS);
  return (Math.atan2(east, to.lat - from.lat) / RADIANS + 360) % 360;
}
