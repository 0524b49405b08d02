/** The fare days on which a holding counts. Pure. */
import type { FareCalendar } from '#pricing/fare-day.ts';

/** What of a city's calendar holdings need. */
export type HoldingCalendar = Pick<FareCalendar, 'fareDayOf'>;

/** Fare days, half-open. */
export interface FareDayRange {
  readonly firstDay: string;
  readonly untilDay: string;
}

/** Every fare day of which the time `[startMs, endMs)` has a part. */
export function fareDaysOf(startMs: number, endMs: number, { fareDayOf }: HoldingCalendar): FareDayRange {
  const lastDay = fareDayOf(Math.max(startMs, endMs - 1));
  return { firstDay: fareDayOf(startMs), untilDay: dayAfter(lastDay) };
}

/** The date after a date, `YYYY-MM-DD`. */
export function dayAfter(day: string): string {
  return new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
}
