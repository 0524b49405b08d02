/**
 * Where a vehicle is at an instant: driving between two stops, standing at one, waiting for its next trip, or out of
 * service. Pure.
 */
import { dayAt, firstCall, lastCall, type Run, runsOfBlock, type Timetable } from './timetable.ts';

export interface Position {
  readonly lat: number;
  readonly lon: number;
  /** Degrees from north, clockwise. */
  readonly bearing: number;
}

export type VehiclePlace =
  /** Between first departure and last arrival of a trip. */
  | {
      readonly kind: 'driving';
      readonly run: Run;
      readonly position: Position;
      /** Stop at which it stands now; null between stops. */
      readonly atStopId: string | null;
      /** Stop at which it stands or which it left last. */
      readonly lastStopId: string;
      /** Null at the last stop. */
      readonly nextStopId: string | null;
    }
  /** At a terminus between two trips of one day. */
  | { readonly kind: 'waiting'; readonly next: Run; readonly position: Position; readonly stopId: string }
  /** Before the first trip or after the last: no trip is near. */
  | { readonly kind: 'idle'; readonly nextStartMs: number | null };

/** Days looked ahead for the next trip. */
const DAYS_AHEAD = 7;

/** The place of the vehicle that works a block. A trip of yesterday that passes midnight is still driven. */
export function whereIs(timetable: Timetable, blockId: string, atMs: number): VehiclePlace {
  const today = dayAt(timetable, atMs);
  for (const day of [today - 1, today]) {
    const runs = runsOfBlock(timetable, blockId, day);
    const index = runs.findIndex((run) => atMs < endMs(run));
    const run = runs[index];
    if (!run) continue;
    if (atMs >= startMs(run)) return driving(run, atMs);
    if (index > 0) return waiting(timetable, run);
  }
  return { kind: 'idle', nextStartMs: nextStart(timetable, blockId, atMs, today) };
}

/** Instant of the first departure. */
export function startMs(run: Run): number {
  return run.dayStartMs + firstCall(run.trip).departureS * 1000;
}

/** Instant of the last arrival; the trip is over from then on. */
export function endMs(run: Run): number {
  return run.dayStartMs + lastCall(run.trip).arrivalS * 1000;
}

function nextStart(timetable: Timetable, blockId: string, atMs: number, today: number): number | null {
  for (let day = today; day <= today + DAYS_AHEAD; day++) {
    const run = runsOfBlock(timetable, blockId, day).find((candidate) => startMs(candidate) > atMs);
    if (run) return startMs(run);
  }
  return null;
}

function waiting(timetable: Timetable, next: Run): VehiclePlace {
  const stopId = firstCall(next.trip).stopId;
  const stop = timetable.stops.get(stopId);
  const { bearing } = alongShape(next.trip.shape, 0);
  return {
    kind: 'waiting',
    next,
    stopId,
    position: { lat: stop?.lat ?? 0, lon: stop?.lon ?? 0, bearing },
  };
}

function driving(run: Run, atMs: number): VehiclePlace {
  const atS = (atMs - run.dayStartMs) / 1000;
  const { calls, shape } = run.trip;
  // The last call that has begun; the first one always has, as the trip has started.
  let index = 0;
  while (index + 1 < calls.length && (calls[index + 1]?.arrivalS ?? Infinity) <= atS) index++;
  const call = calls[index] as (typeof calls)[number];
  const next = calls[index + 1];
  const standing = atS < call.departureS || next === undefined;
  let distM = call.distM;
  if (!standing && next) {
    const part = (atS - call.departureS) / (next.arrivalS - call.departureS);
    distM += (next.distM - call.distM) * part;
  }
  return {
    kind: 'driving',
    run,
    position: alongShape(shape, distM),
    atStopId: standing ? call.stopId : null,
    lastStopId: call.stopId,
    nextStopId: next?.stopId ?? null,
  };
}

/** Point of a shape at a distance from its start; the ends where the distance lies outside. */
function alongShape(shape: Run['trip']['shape'], distM: number): Position {
  let index = 0;
  while (index + 2 < shape.length && (shape[index + 1]?.distM ?? Infinity) <= distM) index++;
  const from = shape[index] as (typeof shape)[number];
  const to = shape[index + 1] ?? from;
  const lengthM = to.distM - from.distM;
  const part = lengthM > 0 ? Math.min(1, Math.max(0, (distM - from.distM) / lengthM)) : 0;
  return {
    lat: from.lat + (to.lat - from.lat) * part,
    lon: from.lon + (to.lon - from.lon) * part,
    bearing: bearingOf(from, to),
  };
}

/** Degrees from north of a short line; a flat earth is exact enough within a city. */
function bearingOf(from: { lat: number; lon: number }, to: { lat: number; lon: number }): number {
  const rad = Math.PI / 180;
  const east = (to.lon - from.lon) * Math.cos(from.lat * rad);
  const degrees = Math.atan2(east, to.lat - from.lat) / rad;
  return degrees < 0 ? degrees + 360 : degrees;
}
