/**
 * The facts that prices are a function of, as the engine reads them: append-only, each with the interval in which it
 * holds and the time from which the city knew it. Instants are UTC milliseconds, intervals half-open.
 */
import type { MediumKind } from '#contracts/record.ts';

/** GTFS `direction_id`. */
export type DirectionId = 0 | 1;

/** An accepted tap as it was recorded, before links and assignments say whose and where it was. */
export interface StoredTap {
  /** `<device>.<epoch>.<seq>` */
  readonly tapId: string;
  readonly deviceId: string;
  readonly epoch: string;
  readonly seq: number;
  /** SHA-256 of the record's bytes, hex. */
  readonly recordSha256: string;
  readonly tokenId: string;
  /** The same medium's token under the key before, where the record names it. */
  readonly formerTokenId: string | null;
  readonly mediumKind: MediumKind;
  readonly direction: 'in' | 'out' | null;
  readonly companions: number;
  /** Pieces of baggage paid for beside them. */
  readonly bags: number;
  /** Local date of the fare day, `YYYY-MM-DD`. */
  readonly fareDay: string;
  readonly fareAtMs: number;
  readonly uncertaintyMs: number;
  /** What the device believed. */
  readonly belief: {
    readonly vehicleId: string | null;
    readonly routeId: string | null;
    readonly tripId: string | null;
    readonly directionId: DirectionId | null;
  };
  readonly stopId: string | null;
  /** How sure the device was of the stop, and who said it; `null` = it was told, and is not doubted. */
  readonly stopConfidencePct: number | null;
  readonly stopSource: string | null;
  /** Less sure than the city asks: such a stop makes no price higher. */
  readonly stopUnsure: boolean;
  /** Tap of which the device took this one for a repetition. */
  readonly passBackOf: string | null;
  readonly flags: readonly string[];
  readonly receivedAtMs: number;
}

/** What pricing reads of a tap; who wrote it and how it was received is evidence, not price. */
export type PricedTap = Omit<
  StoredTap,
  'epoch' | 'seq' | 'recordSha256' | 'formerTokenId' | 'flags' | 'stopConfidencePct' | 'stopSource'
>;

/** A medium stands for an account. */
export interface MediaLink {
  readonly linkId: string;
  readonly tokenId: string;
  readonly accountId: string;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
}

/** A device rides on a vehicle. Carrier and route stand here only where no fact of the vehicle says them. */
export interface DeviceAssignment {
  readonly assignmentId: string;
  readonly deviceId: string;
  readonly vehicleId: string;
  readonly carrierId: string | null;
  readonly routeId: string | null;
  readonly tripId: string | null;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
}

/** A vehicle drives for a carrier. */
export interface VehicleAssignment {
  readonly assignmentId: string;
  readonly vehicleId: string;
  readonly carrierId: string;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
}

/** A vehicle, or one device, drives a route: as planned, or as it turned out afterwards. One of both ids is set. */
export interface RouteAssignment {
  readonly assignmentId: string;
  readonly kind: 'plan' | 'correction';
  readonly vehicleId: string | null;
  readonly deviceId: string | null;
  readonly routeId: string;
  readonly tripId: string | null;
  readonly directionId: DirectionId | null;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
}

/** A shift began or ended, as a device of the vehicle recorded it. Known from its receipt on. */
export interface ShiftEvent {
  readonly recordId: string;
  readonly deviceId: string;
  readonly action: 'open' | 'close';
  /** From a driver's card, or from the plan that the vehicle carries. */
  readonly source: 'driver' | 'plan';
  readonly routeId: string | null;
  readonly tripId: string | null;
  readonly directionId: DirectionId | null;
  /** Fare day in which it was recorded; it holds in no other. */
  readonly fareDay: string;
  readonly atMs: number;
  readonly receivedAtMs: number;
}

/** A right to a concession was granted. */
export interface Entitlement {
  readonly entitlementId: string;
  readonly accountId: string;
  readonly concessionId: string;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
}

/** A granted right ends earlier than it said. */
export interface EntitlementRevocation {
  readonly revocationId: string;
  readonly entitlementId: string;
  readonly validUntilMs: number;
  readonly knownFromMs: number;
}

/** A pass that an account holds. */
export interface PassHolding {
  readonly passId: string;
  readonly accountId: string;
  readonly fareProductId: string;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
}

/** A journey's end as the passenger told it and it was granted. Known from then on. */
export interface JourneyRepair {
  readonly repairId: string;
  readonly tapId: string;
  readonly stopId: string;
  readonly atMs: number;
  readonly knownFromMs: number;
}

/** Closes its fare day and every earlier one still open. */
export interface Close {
  readonly fareDay: string;
  readonly knownFromMs: number;
}

/** Dates of the city, handed in so that the core knows no zone. */
export interface FareDays {
  /** Local date of the fare day in which an instant lies. */
  fareDayOf(instantMs: number): string;
  /** First instant after a fare day. */
  endOfMs(fareDay: string): number;
}

/** Whether an interval covers an instant; `until` is exclusive, `null` = open. */
export function covers(
  fact: { validFromMs: number; validUntilMs: number | null },
  instantMs: number,
): boolean {
  return fact.validFromMs <= instantMs && (fact.validUntilMs === null || instantMs < fact.validUntilMs);
}

/** Whether a fact counts: it was known at the close, or the day is open (`null`). */
export function knownBy(fact: { knownFromMs: number }, knownAsOfMs: number | null): boolean {
  return knownAsOfMs === null || fact.knownFromMs <= knownAsOfMs;
}
