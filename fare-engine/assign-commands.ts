/** Commands that say where devices and vehicles were: each becomes one dated fact, and names the taps it may touch. */
import type { Payload } from './command-kinds.ts';
import type { Desk, Naming, Refusal } from './commands.ts';
import type { RouteAssignment } from './facts/facts.ts';

/** A correction as it is kept: with its reason and who gave it. */
export interface SaidRoute extends RouteAssignment {
  readonly reason: string | null;
  readonly saidBy: string | null;
}

/** Device → vehicle. */
export function assignDevice(payload: Payload<'assign-device'>, naming: Naming, desk: Desk): Refusal {
  const { deviceId, vehicleId, carrierId } = payload;
  const { validFromMs, validUntilMs } = span(payload);
  desk.writes.assignments.push({
    assignmentId: naming.commandId,
    deviceId,
    vehicleId,
    carrierId: carrierId ?? null,
    routeId: payload.routeId ?? null,
    tripId: payload.tripId ?? null,
    validFromMs,
    validUntilMs,
    knownFromMs: naming.knownFromMs,
  });
  desk.writes.touched.push({ kind: 'assignment', ref: deviceId, fromMs: validFromMs, untilMs: validUntilMs });
  return null;
}

/** Vehicle → carrier. */
export function assignVehicle(payload: Payload<'assign-vehicle'>, naming: Naming, desk: Desk): Refusal {
  const { vehicleId, carrierId } = payload;
  const { commandId: assignmentId, knownFromMs } = naming;
  desk.writes.carriers.push({ assignmentId, vehicleId, carrierId, ...span(payload), knownFromMs });
  const { validFromMs: fromMs, validUntilMs: untilMs } = span(payload);
  desk.writes.touched.push({ kind: 'vehicle', ref: vehicleId, fromMs, untilMs });
  return null;
}

/** Vehicle → route, as planned. */
export function assignRoute(payload: Payload<'assign-route'>, naming: Naming, desk: Desk): Refusal {
  const { vehicleId } = payload;
  sayRoute({ ...payload, kind: 'plan', vehicleId, deviceId: null, reason: null, saidBy: null }, naming, desk);
  return null;
}

/** Vehicle or device → route, as it turned out. */
export function correctRoute(payload: Payload<'correct-route'>, naming: Naming, desk: Desk): Refusal {
  const { vehicleId = null, deviceId = null, reason, who } = payload;
  if ((vehicleId === null) === (deviceId === null)) {
    return { reason: 'COMMAND_MALFORMED', detail: 'one of vehicleId and deviceId is needed' };
  }
  sayRoute({ ...payload, kind: 'correction', vehicleId, deviceId, reason, saidBy: who }, naming, desk);
  return null;
}

function sayRoute(
  said: Pick<SaidRoute, 'kind' | 'vehicleId' | 'deviceId' | 'reason' | 'saidBy'> &
    Omit<Payload<'assign-route'>, 'vehicleId'>,
  { commandId, knownFromMs }: Naming,
  desk: Desk,
): void {
  const { kind, vehicleId, deviceId, routeId, tripId, directionId, reason, saidBy } = said;
  const { validFromMs, validUntilMs } = span(said);
  desk.writes.routes.push({
    assignmentId: commandId,
    kind,
    vehicleId,
    deviceId,
    routeId,
    tripId: tripId ?? null,
    directionId: directionId ?? null,
    validFromMs,
    validUntilMs,
    knownFromMs,
    reason,
    saidBy,
  });
  const whose =
    vehicleId === null
      ? ({ kind: 'device', ref: deviceId as string } as const)
      : ({ kind: 'vehicle', ref: vehicleId } as const);
  desk.writes.touched.push({ ...whose, fromMs: validFromMs, untilMs: validUntilMs });
}

/** A payload's interval; without an end it is open. */
export function span(of: { validFromMs: number; validUntilMs?: number | null | undefined }) {
  return { validFromMs: of.validFromMs, validUntilMs: of.validUntilMs ?? null };
}
