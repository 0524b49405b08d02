/** When devices were at work: on which vehicle, and on which route a driver had opened a shift. By what is known now. */
import type { DeviceAssignment, ShiftEvent } from '../facts/facts.ts';
import { createShiftBook, inSequence } from '../facts/shifts.ts';
import type { Neighbours } from './hunt-facts.ts';

export type Service = Neighbours['service'][number];

/** Bounds of fare days. */
export interface DayBounds {
  startOfMs(fareDay: string): number;
  endOfMs(fareDay: string): number;
}

export interface ServiceBook {
  /** Devices assigned to a vehicle on a day, each for as long as it was. */
  onVehicle(vehicleId: string, fareDay: string): Service[];
  /** Devices of vehicles whose driver had a shift open on a route. */
  onRoute(routeId: string, fareDay: string): Service[];
  /** Vehicles with more than one device at some time. */
  readonly severalDevices: ReadonlySet<string>;
}

/**
 * Indexes the facts of a period. `heardMs`: the last instant of which each device has told something; after it nobody knows whether it
 * is silent or its records are on their way, so it is not taken to be at work. A device that is not in it never told anything.
 */
export function createServiceBook(
  assignments: readonly DeviceAssignment[],
  shifts: readonly ShiftEvent[],
  days: DayBounds,
  heardMs: ReadonlyMap<string, number>,
): ServiceBook {
  const book = createShiftBook({ assignments, shifts });
  const ofVehicle = Map.groupBy(assignments, (fact) => fact.vehicleId);
  const ofDevice = Map.groupBy(assignments, (fact) => fact.deviceId);
  const devicesOf = (vehicleId: string) => [
    ...new Set((ofVehicle.get(vehicleId) ?? []).map((fact) => fact.deviceId)),
  ];
  const onVehicle = (vehicleId: string, fareDay: string): Service[] => {
    const [start, end] = [days.startOfMs(fareDay), days.endOfMs(fareDay)];
    return devicesOf(vehicleId).flatMap((deviceId) => {
      const facts = ofDevice.get(deviceId) ?? [];
      const inside = facts
        .flatMap(({ validFromMs, validUntilMs }) => [validFromMs, validUntilMs ?? end])
        .filter((ms) => ms > start && ms < end);
      const edges = [start, ...new Set(inside.sort((a, b) => a - b)), end];
      return edges.slice(1).flatMap((untilMs, at) => {
        const fromMs = edges[at] as number;
        const toldMs = Math.min(untilMs, heardMs.get(deviceId) ?? fromMs);
        return toldMs > fromMs && book.deviceAt(deviceId, fromMs, null)?.vehicleId === vehicleId
          ? [{ deviceId, fromMs, untilMs: toldMs }]
          : [];
      });
    });
  };
  const routes = routeSpans(shifts, days, (shift) => book.deviceAt(shift.deviceId, shift.atMs, null));
  return {
    onVehicle,
    onRoute: (routeId, fareDay) =>
      (routes.get(`${fareDay} ${routeId}`) ?? []).flatMap(({ vehicleId, fromMs, untilMs }) =>
        onVehicle(vehicleId, fareDay).flatMap((service) => {
          const span = {
            fromMs: Math.max(fromMs, service.fromMs),
            untilMs: Math.min(untilMs, service.untilMs),
          };
          return span.fromMs < span.untilMs ? [{ deviceId: service.deviceId, ...span }] : [];
        }),
      ),
    severalDevices: new Set([...ofVehicle.keys()].filter((vehicleId) => devicesOf(vehicleId).length > 1)),
  };
}

interface RouteSpan {
  readonly vehicleId: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A driver's shift lasts until the next record of its vehicle, at the latest until its fare day ends. */
function routeSpans(
  shifts: readonly ShiftEvent[],
  days: DayBounds,
  deviceAt: (shift: ShiftEvent) => DeviceAssignment | null,
): Map<string, RouteSpan[]> {
  const spans = new Map<string, RouteSpan[]>();
  const sequences = Map.groupBy(
    [...shifts].sort(inSequence),
    (shift) => `${shift.fareDay} ${deviceAt(shift)?.vehicleId ?? ''}`,
  );
  for (const sequence of sequences.values()) {
    for (const [at, shift] of sequence.entries()) {
      const vehicleId = deviceAt(shift)?.vehicleId;
      if (vehicleId === undefined || shift.action !== 'open' || shift.source !== 'driver') continue;
      if (shift.routeId === null) continue;
      const untilMs = sequence[at + 1]?.atMs ?? days.endOfMs(shift.fareDay);
      const key = `${shift.fareDay} ${shift.routeId}`;
      spans.set(key, [...(spans.get(key) ?? []), { vehicleId, fromMs: shift.atMs, untilMs }]);
    }
  }
  return spans;
}
