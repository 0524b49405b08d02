/**
 * What the riders do on one service day: every boarding of every vehicle, known in advance. Pure: the plan follows
 * from the seed and the timetable alone, so a simulation that stops and starts again goes on with the same people at
 * the same stops.
 */
import { type PathFinder, type PathLeg, patternIdOf } from './find-path.ts';
import { type Random, randomOf } from './random.ts';
import type { Rider } from './riders.ts';
import { type Call, firstCall, lastCall, serviceDayStartMs, type Timetable, type Trip } from './timetable.ts';

/** A rider steps in and holds the card to the validator. */
export interface Boarding {
  readonly riderId: string;
  readonly blockId: string;
  readonly tripId: string;
  readonly stopId: string;
  /** Instant of the touch. */
  readonly atMs: number;
  /** Later than this the vehicle has gone and the rider has stayed behind. */
  readonly untilMs: number;
}

const HOUR_S = 3600;
/** Between two riders at one door. */
const STEP_IN_MS = 1500;
/** First touch after the doors have opened. */
const DOORS_MS = 2000;
/** At a terminus riders step in this long before departure. */
const TERMINUS_S = 60;
/** After departure a rider who is in may still touch. */
const LATE_TOUCH_S = 60;
/** From one vehicle to the next at a stop. */
const CHANGE_S = 20;
/** Nobody waits longer for a vehicle. */
const WAIT_S_MAX = 40 * 60;
/** Most riders who step in at one call. */
const BOARDINGS_PER_CALL_MAX = 30;

interface Departure {
  readonly trip: Trip;
  readonly call: Call;
}

/** All boardings of a service day (days since 1970-01-01), in order of time. */
export function planDay(options: {
  readonly seed: number;
  readonly riders: readonly Rider[];
  readonly timetable: Timetable;
  readonly paths: PathFinder;
  readonly day: number;
}): Boarding[] {
  const board = departureBoard(options.timetable, options.day);
  const weekday = isWeekday(options.day);
  const wishes: { riderId: string; departure: Departure }[] = [];
  for (const rider of options.riders) {
    const random = randomOf(options.seed, 'day', rider.riderId, options.day);
    const rides = journeysOf(rider, random, weekday, options.paths)
      .flatMap((journey) => rideJourney(journey, random, options.paths, board))
      .sort((a, b) => a.call.departureS - b.call.departureS);
    // A card that is refused ends the day's riding: its holder walks to the service point.
    const kept = rider.fault === 'none' ? rides : rides.slice(0, 1);
    for (const departure of kept) wishes.push({ riderId: rider.riderId, departure });
  }
  return queueAtDoors(wishes, serviceDayStartMs(options.timetable, options.day));
}

/** 1970-01-01 was a Thursday. */
function isWeekday(day: number): boolean {
  const weekday = (((day + 3) % 7) + 7) % 7; // 0 = Monday
  return weekday < 5;
}

interface Journey {
  readonly fromStopId: string;
  readonly toStopId: string;
  /** When the rider comes to the stop, seconds of the service day. */
  readonly readyS: number;
}

/** To work or school and back, an errand, an evening out; fewer of them on weekends. */
function journeysOf(rider: Rider, random: Random, weekday: boolean, paths: PathFinder): Journey[] {
  const { homeStopId: home, workStopId: work, retired } = rider;
  const journeys: Journey[] = [];
  if (!retired && random.chance(weekday ? 0.85 : 0.2)) {
    const outS = bell(random, 6.25, 9.25);
    journeys.push({ fromStopId: home, toStopId: work, readyS: outS });
    journeys.push({ fromStopId: work, toStopId: home, readyS: outS + bell(random, 7, 11) });
  }
  if (random.chance(retired ? 0.75 : 0.35)) {
    const outS = retired ? bell(random, 7.5, 14) : bell(random, 9, 17);
    journeys.push(...outAndBack(home, someStop(random, home, work, paths), outS, bell(random, 0.4, 2.5)));
  }
  if (!retired && random.chance(0.2)) {
    const outS = bell(random, 17.5, 20.5);
    journeys.push(...outAndBack(home, someStop(random, home, work, paths), outS, bell(random, 1, 3)));
  }
  return journeys;
}

function outAndBack(home: string, goal: string, outS: number, stayS: number): Journey[] {
  return [
    { fromStopId: home, toStopId: goal, readyS: outS },
    { fromStopId: goal, toStopId: home, readyS: outS + stayS },
  ];
}

/** Any stop that can be reached and left again; the workplace when chance finds none. */
function someStop(random: Random, home: string, work: string, paths: PathFinder): string {
  const patterns = [...paths.patterns.values()];
  for (let i = 0; i < 6; i++) {
    const stopId = random.pick(random.pick(patterns).stopIds);
    if (paths.find(home, stopId).length > 0 && paths.find(stopId, home).length > 0) return stopId;
  }
  return work;
}

/** Seconds between two hours, more often in the middle. */
function bell(random: Random, fromHour: number, untilHour: number): number {
  const part = (random.next() + random.next()) / 2;
  return Math.round((fromHour + (untilHour - fromHour) * part) * HOUR_S);
}

/** Takes the way whose first vehicle comes first; gives up at a stop where nothing comes for long. */
function rideJourney(journey: Journey, random: Random, paths: PathFinder, board: Board): Departure[] {
  const options = paths.find(journey.fromStopId, journey.toStopId);
  let best: { path: readonly PathLeg[]; departure: Departure } | undefined;
  for (const path of options) {
    const departure = nextDeparture(board, path[0] as PathLeg, journey.readyS);
    if (departure && (!best || departure.call.departureS < best.departure.call.departureS)) {
      best = { path, departure };
    }
  }
  if (!best) return [];
  const rides = [best.departure];
  const second = best.path[1];
  if (second) {
    const arrivalS = best.departure.trip.calls.find((call) => call.stopId === second.fromStopId)?.arrivalS;
    const hurryS = random.between(CHANGE_S, 3 * CHANGE_S);
    const next = arrivalS === undefined ? undefined : nextDeparture(board, second, arrivalS + hurryS);
    if (next) rides.push(next);
  }
  return rides;
}

type Board = ReadonlyMap<string, readonly Departure[]>;

/** Departures of a day by pattern and stop, in order of time. */
function departureBoard(timetable: Timetable, day: number): Board {
  const board = new Map<string, Departure[]>();
  for (const trip of timetable.trips.values()) {
    if (!timetable.runsOn(trip.serviceId, day)) continue;
    for (const call of trip.calls) {
      if (call === lastCall(trip)) continue;
      const key = `${patternIdOf(trip)}|${call.stopId}`;
      const list = board.get(key);
      if (list) list.push({ trip, call });
      else board.set(key, [{ trip, call }]);
    }
  }
  for (const list of board.values()) list.sort((a, b) => a.call.departureS - b.call.departureS);
  return board;
}

function nextDeparture(board: Board, leg: PathLeg, fromS: number): Departure | undefined {
  const list = board.get(`${leg.patternId}|${leg.fromStopId}`) ?? [];
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] as Departure).call.departureS >= fromS) high = middle;
    else low = middle + 1;
  }
  const found = list[low];
  return found && found.call.departureS - fromS <= WAIT_S_MAX ? found : undefined;
}

/** Riders of one call step in one after the other; who does not fit in stays. */
function queueAtDoors(
  wishes: readonly { riderId: string; departure: Departure }[],
  dayStartMs: number,
): Boarding[] {
  const doors = new Map<Call, number>();
  const boardings: Boarding[] = [];
  for (const { riderId, departure } of wishes) {
    const { trip, call } = departure;
    const place = doors.get(call) ?? 0;
    if (place >= BOARDINGS_PER_CALL_MAX) continue;
    doors.set(call, place + 1);
    const openS = call === firstCall(trip) ? call.departureS - TERMINUS_S : call.arrivalS;
    boardings.push({
      riderId,
      blockId: trip.blockId,
      tripId: trip.tripId,
      stopId: call.stopId,
      atMs: dayStartMs + openS * 1000 + DOORS_MS + place * STEP_IN_MS,
      untilMs: dayStartMs + (call.departureS + LATE_TOUCH_S) * 1000,
    });
  }
  return boardings.sort((a, b) => a.atMs - b.atMs || (a.riderId < b.riderId ? -1 : 1));
}
