/**
 * Which shift a vehicle was on. A shift opened on one device of a vehicle holds for all its devices: what counts is the
 * latest record, open or close, of any of them at or before the instant. So a shift ends when it is closed, at the next
 * one that is opened on that vehicle, and at the latest with its fare day.
 *
 * A device that the city has assigned to no vehicle has shifts of its own only. Records may come late, out of order and
 * twice: the answer depends on the set of them alone.
 */
import { type DeviceAssignment, knownBy, type ShiftEvent, type StoredTap } from './facts.ts';
import { latestOf } from './latest.ts';

export interface ShiftFacts {
  readonly assignments: readonly DeviceAssignment[];
  readonly shifts: readonly ShiftEvent[];
}

export interface ShiftBook {
  /** The assignment of a device that holds at an instant. */
  deviceAt(deviceId: string, atMs: number, knownAsOfMs: number | null): DeviceAssignment | null;
  /** The open shift that covers a tap. */
  shiftAt(
    tap: Pick<StoredTap, 'deviceId' | 'fareAtMs' | 'fareDay'>,
    knownAsOfMs: number | null,
  ): ShiftEvent | null;
}

/** Indexes shifts by vehicle and fare day; each day's sequence is sorted once. */
export function createShiftBook({ assignments, shifts }: ShiftFacts): ShiftBook {
  const assignmentsOf = Map.groupBy(assignments, (fact) => fact.deviceId);
  const shiftsOfDay = Map.groupBy(shifts, (shift) => shift.fareDay);
  const sequences = new Map<string, Map<string, ShiftEvent[]>>();
  let last: { fareDay: string; knownAsOfMs: number | null; grouped: Map<string, ShiftEvent[]> } | undefined;
  const deviceAt = (deviceId: string, atMs: number, knownAsOfMs: number | null): DeviceAssignment | null =>
    latestOf(assignmentsOf.get(deviceId) ?? [], atMs, knownAsOfMs);
  const riderOf = (deviceId: string, atMs: number, knownAsOfMs: number | null): string => {
    const device = deviceAt(deviceId, atMs, knownAsOfMs);
    return device === null ? `device:${deviceId}` : `vehicle:${device.vehicleId}`;
  };
  const sequencesOf = (fareDay: string, knownAsOfMs: number | null): Map<string, ShiftEvent[]> => {
    if (last?.fareDay === fareDay && last.knownAsOfMs === knownAsOfMs) return last.grouped;
    const key = `${fareDay} ${knownAsOfMs}`;
    const made = sequences.get(key);
    if (made !== undefined) {
      last = { fareDay, knownAsOfMs, grouped: made };
      return made;
    }
    const known = (shiftsOfDay.get(fareDay) ?? [])
      .filter((shift) => knownBy({ knownFromMs: shift.receivedAtMs }, knownAsOfMs))
      .sort(inSequence);
    const grouped = Map.groupBy(known, (shift) => riderOf(shift.deviceId, shift.atMs, knownAsOfMs));
    sequences.set(key, grouped);
    return grouped;
  };
  return {
    deviceAt,
    shiftAt({ deviceId, fareAtMs, fareDay }, knownAsOfMs) {
      const rider = riderOf(deviceId, fareAtMs, knownAsOfMs);
      const sequence = sequencesOf(fareDay, knownAsOfMs).get(rider) ?? [];
      const last = sequence.findLast((shift) => shift.atMs <= fareAtMs);
      return last?.action === 'open' ? last : null;
    },
  };
}

/** By time. At one instant a close comes before an open, the vehicle's plan before the driver, then the lesser id. */
export function inSequence(a: ShiftEvent, b: ShiftEvent): number {
  return a.atMs - b.atMs || strength(a) - strength(b) || (a.recordId < b.recordId ? -1 : 1);
}

function strength({ action, source }: ShiftEvent): number {
  if (action === 'close') return 0;
  return source === 'plan' ? 1 : 2;
}
