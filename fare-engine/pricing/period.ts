/** Windows of local days, weeks and months in which rides and money are counted. Days begin where their calendar says. */
import { createFareCalendar, type FareCalendar } from './fare-day.ts';
import { formatIsoDate, parseIsoDate } from './gtfs/cells.ts';

/** A window: its first day, and the first instant after it. */
export interface Period {
  /** `YYYY-MM-DD` */
  readonly from: string;
  readonly untilMs: number;
}

const calendars = new Map<string, FareCalendar>();

/** A calendar whose days begin at a wall time (`HH:MM`); each is made once. */
export function calendarOf(zone: string, dayStart: string): FareCalendar {
  const key = `${zone} ${dayStart}`;
  const known = calendars.get(key) ?? createFareCalendar(zone, dayStart);
  calendars.set(key, known);
  return known;
}

/** Days since 1970-01-01 of a date that a calendar gave. */
export function dayNumber(date: string): number {
  return parseIsoDate(date) as number;
}

/** `length` days in a row. */
export function daysFrom(calendar: FareCalendar, firstDay: number, length: number): Period {
  return {
    from: formatIsoDate(firstDay),
    untilMs: calendar.startOfMs(formatIsoDate(firstDay + length)),
  };
}

/** The day, week or month in which an instant lies. @param weekStart 0 = Monday */
export function periodAt(
  calendar: FareCalendar,
  window: 'day' | 'week' | 'month',
  atMs: number,
  weekStart = 0,
): Period {
  const date = calendar.fareDayOf(atMs);
  const day = dayNumber(date);
  if (window === 'day') return daysFrom(calendar, day, 1);
  if (window === 'week') {
    // 1970-01-01 was a Thursday.
    const since = (((day + 3 - weekStart) % 7) + 7) % 7;
    return daysFrom(calendar, day - since, 7);
  }
  const [year, month] = date.split('-').map(Number) as [number, number];
  const first = dayNumber(`${date.slice(0, 8)}01`);
  return daysFrom(calendar, first, new Date(Date.UTC(year, month, 0)).getUTCDate());
}
