/**
 * The timetable of a GTFS feed: blocks of trips, and where a vehicle is at an instant. Pure: texts in, places out.
 *
 * GTFS times count from noon minus twelve hours of the service day and may pass 24:00; a trip belongs to the day on
 * which it began (GTFS reference, "Time" and "Service day").
 */
import { parse } from 'csv-parse/sync';
import { dayOfWall, getZone, type Zone } from '#pricing/local-time.ts';

const DAY_MS = 86_400_000;

export interface Stop {
  readonly stopId: string;
  readonly name: string;
  readonly lat: number;
  readonly lon: number;
}

/** A call of a trip at a stop. Times in seconds of the service day, distance along the shape in metres. */
export interface Call {
  readonly stopId: string;
  readonly arrivalS: number;
  readonly departureS: number;
  readonly distM: number;
}

interface ShapePoint {
  readonly lat: number;
  readonly lon: number;
  readonly distM: number;
}

export interface Trip {
  readonly tripId: string;
  readonly routeId: string;
  /** `agency_id` of the route. */
  readonly carrierId: string;
  readonly serviceId: string;
  readonly directionId: 0 | 1;
  readonly blockId: string;
  readonly calls: readonly Call[];
  readonly shape: readonly ShapePoint[];
}

export interface Timetable {
  readonly zone: Zone;
  readonly stops: ReadonlyMap<string, Stop>;
  readonly trips: ReadonlyMap<string, Trip>;
  /** Trips of each block in order of departure, all services together. */
  readonly blocks: ReadonlyMap<string, readonly Trip[]>;
  /** Whether a service runs on a day (days since 1970-01-01 of the local date). */
  runsOn(serviceId: string, day: number): boolean;
}

/** The feed's files by name, as texts. */
export type FeedTexts = Readonly<Record<string, string>>;

/**
 * Reads a feed. Throws an Error that names file and id when the feed contradicts itself: it is our own data, checked
 * by tests, not a stranger's.
 */
export function parseTimetable(files: FeedTexts): Timetable {
  const agencies = rows(files, 'agency.txt');
  const zone = getZone(agencies[0]?.['agency_timezone'] ?? '');
  const stops = new Map(rows(files, 'stops.txt').map((r) => [need(r, 'stop_id'), readStop(r)]));
  const routes = new Map(rows(files, 'routes.txt').map((r) => [need(r, 'route_id'), need(r, 'agency_id')]));
  const shapes = group(rows(files, 'shapes.txt'), 'shape_id', readShapePoint);
  const calls = group(rows(files, 'stop_times.txt'), 'trip_id', (r) => readCall(r, stops));
  const trips = new Map<string, Trip>();
  for (const row of rows(files, 'trips.txt')) {
    const trip = readTrip(row, routes, shapes, calls);
    trips.set(trip.tripId, trip);
  }
  const services = new Map(rows(files, 'calendar.txt').map((r) => [need(r, 'service_id'), readService(r)]));
  return {
    zone,
    stops,
    trips,
    blocks: blocksOf(trips),
    runsOn: (id, day) => services.get(id)?.(day) ?? false,
  };
}

/** Instant at which the GTFS time 00:00:00 of a service day lies. */
export function serviceDayStartMs(timetable: Timetable, day: number): number {
  return timetable.zone.instantMs(day * DAY_MS + DAY_MS / 2) - DAY_MS / 2;
}

/** A trip on one of its days. */
export interface Run {
  readonly trip: Trip;
  /** Days since 1970-01-01 of the service date. */
  readonly day: number;
  /** Instant of GTFS time 00:00:00 of that day. */
  readonly dayStartMs: number;
}

/** Trips of a block on one service day, in order. */
export function runsOfBlock(timetable: Timetable, blockId: string, day: number): Run[] {
  const dayStartMs = serviceDayStartMs(timetable, day);
  const trips = timetable.blocks.get(blockId) ?? [];
  return trips
    .filter((trip) => timetable.runsOn(trip.serviceId, day))
    .map((trip) => ({ trip, day, dayStartMs }));
}

/** First and last instant at which anything runs on a service day; null when nothing does. */
export function serviceHours(timetable: Timetable, day: number): { startMs: number; endMs: number } | null {
  const startOfDay = serviceDayStartMs(timetable, day);
  let startS = Infinity;
  let endS = -Infinity;
  for (const trip of timetable.trips.values()) {
    if (!timetable.runsOn(trip.serviceId, day)) continue;
    startS = Math.min(startS, firstCall(trip).departureS);
    endS = Math.max(endS, lastCall(trip).arrivalS);
  }
  if (endS < startS) return null;
  return { startMs: startOfDay + startS * 1000, endMs: startOfDay + endS * 1000 };
}

/** The service day (local date) of an instant. */
export function dayAt(timetable: Timetable, atMs: number): number {
  return dayOfWall(timetable.zone.wallMs(atMs));
}

export const firstCall = (trip: Trip): Call => trip.calls[0] as Call;
export const lastCall = (trip: Trip): Call => trip.calls[trip.calls.length - 1] as Call;

type Row = Record<string, string>;

function rows(files: FeedTexts, name: string): Row[] {
  const text = files[name];
  if (text === undefined) throw new Error(`the feed has no ${name}`);
  return parse(text, { columns: true, bom: true, skip_empty_lines: true }) as Row[];
}

function need(row: Row, column: string): string {
  const value = row[column];
  if (value === undefined || value === '') throw new Error(`${column} is missing in ${JSON.stringify(row)}`);
  return value;
}

function group<T>(list: Row[], key: string, read: (row: Row) => T): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of list) {
    const id = need(row, key);
    const found = groups.get(id);
    if (found) found.push(read(row));
    else groups.set(id, [read(row)]);
  }
  return groups;
}

function readStop(row: Row): Stop {
  const [lat, lon] = [Number(need(row, 'stop_lat')), Number(need(row, 'stop_lon'))];
  return { stopId: need(row, 'stop_id'), name: need(row, 'stop_name'), lat, lon };
}

function readShapePoint(row: Row): ShapePoint {
  return {
    lat: Number(need(row, 'shape_pt_lat')),
    lon: Number(need(row, 'shape_pt_lon')),
    distM: Number(need(row, 'shape_dist_traveled')),
  };
}

function readCall(row: Row, stops: ReadonlyMap<string, Stop>): Call {
  const stopId = need(row, 'stop_id');
  if (!stops.has(stopId)) throw new Error(`stop_times.txt: stop ${stopId} is not in stops.txt`);
  return {
    stopId,
    arrivalS: secondsOf(need(row, 'arrival_time')),
    departureS: secondsOf(need(row, 'departure_time')),
    distM: Number(need(row, 'shape_dist_traveled')),
  };
}

/** Seconds of a GTFS time; hours may pass 24. */
export function secondsOf(time: string): number {
  const match = /^(\d{1,2}):([0-5]\d):([0-5]\d)$/.exec(time);
  if (!match) throw new Error(`${JSON.stringify(time)} is no GTFS time`);
  return Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
}

function readTrip(
  row: Row,
  routes: ReadonlyMap<string, string>,
  shapes: ReadonlyMap<string, ShapePoint[]>,
  calls: ReadonlyMap<string, Call[]>,
): Trip {
  const tripId = need(row, 'trip_id');
  const routeId = need(row, 'route_id');
  const carrierId = routes.get(routeId);
  const shape = shapes.get(need(row, 'shape_id'));
  const own = calls.get(tripId);
  if (!carrierId || !shape || !own || own.length < 2) {
    throw new Error(`trips.txt: trip ${tripId} lacks a route, a shape or two calls`);
  }
  return {
    tripId,
    routeId,
    carrierId,
    serviceId: need(row, 'service_id'),
    directionId: need(row, 'direction_id') === '1' ? 1 : 0,
    blockId: need(row, 'block_id'),
    calls: own,
    shape,
  };
}

function readService(row: Row): (day: number) => boolean {
  const names = ['thursday', 'friday', 'saturday', 'sunday', 'monday', 'tuesday', 'wednesday'];
  const from = dayOf(need(row, 'start_date'));
  const until = dayOf(need(row, 'end_date')); // GTFS: the last day is included
  // 1970-01-01 was a Thursday.
  return (day) => day >= from && day <= until && row[names[((day % 7) + 7) % 7] as string] === '1';
}

function dayOf(date: string): number {
  return Date.UTC(Number(date.slice(0, 4)), Number(date.slice(4, 6)) - 1, Number(date.slice(6, 8))) / DAY_MS;
}

function blocksOf(trips: ReadonlyMap<string, Trip>): Map<string, Trip[]> {
  const blocks = new Map<string, Trip[]>();
  for (const trip of trips.values()) {
    const found = blocks.get(trip.blockId);
    if (found) found.push(trip);
    else blocks.set(trip.blockId, [trip]);
  }
  for (const list of blocks.values()) list.sort((a, b) => firstCall(a).departureS - firstCall(b).departureS);
  return blocks;
}
