/**
 * Holdings that an earlier system sold (import/): their price here is what was still owed when they came over, for the days and rides
 * that were left then. Pure.
 */
import type { FareDayRange, HoldingCalendar } from './fare-days.ts';

/** What came over of one. */
export interface HandedOver {
  /** When its money did; `null` = none. */
  readonly atMs: number | null;
  /** Rides that it had paid for there, and when the first of them was. */
  readonly rides: number;
  readonly firstUseMs: number | null;
}

/** The earlier of its first rides. */
export function firstUseOf(ownMs: number | null, over: HandedOver | null | undefined): number | null {
  const there = over?.firstUseMs ?? null;
  return ownMs === null || (there !== null && there < ownMs) ? there : ownMs;
}

/** The rides that its price is for; at least one. A price that was paid here is for all of them. */
export function ridesPaid(rides: number, over: HandedOver | null | undefined): number {
  return typeof over?.atMs === 'number' ? Math.max(1, rides - over.rides) : rides;
}

/** The fare days that its price is for: of its time those from when it came over on. */
export function daysPaid(
  days: FareDayRange,
  over: HandedOver | null | undefined,
  { fareDayOf }: HoldingCalendar,
): FareDayRange {
  const atMs = over?.atMs ?? null;
  const day = atMs === null ? days.firstDay : fareDayOf(atMs);
  return day > days.firstDay && day < days.untilDay ? { ...days, firstDay: day } : days;
}
