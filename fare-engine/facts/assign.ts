/**
 * Where a tap took place: device → vehicle → carrier → route by the city's dated assignments; the device's own belief
 * where the city has not said. A wrong route is corrected by a new assignment, never by a change to the tap.
 */
import { covers, type DeviceAssignment, knownBy, type StoredTap } from './facts.ts';

export interface Place {
  readonly vehicleId: string | null;
  readonly carrierId: string | null;
  readonly routeId: string | null;
  readonly tripId: string | null;
}

/**
 * The place of a tap. Of several assignments that cover it the latest known wins; in doubt the greater id, so that the
 * answer never depends on the order in which facts are read.
 */
export function assign(
  tap: Pick<StoredTap, 'deviceId' | 'fareAtMs' | 'belief'>,
  assignments: readonly DeviceAssignment[],
  knownAsOfMs: number | null,
): Place {
  let best: DeviceAssignment | undefined;
  for (const candidate of assignments) {
    if (candidate.deviceId !== tap.deviceId) continue;
    if (!covers(candidate, tap.fareAtMs) || !knownBy(candidate, knownAsOfMs)) continue;
    if (best === undefined || isLater(candidate, best)) best = candidate;
  }
  if (best === undefined) return { ...tap.belief, carrierId: null };
  return {
    vehicleId: best.vehicleId,
    carrierId: best.carrierId,
    // A vehicle whose line the city does not plan: the driver's choice stands in the record.
    routeId: best.routeId ?? tap.belief.routeId,
    tripId: best.tripId ?? tap.belief.tripId,
  };
}

function isLater(a: DeviceAssignment, b: DeviceAssignment): boolean {
  if (a.knownFromMs !== b.knownFromMs) return a.knownFromMs > b.knownFromMs;
  return a.assignmentId > b.assignmentId;
}
