/** Windows of local days, weeks and months in which rides and money are counted. Days begin where their calendar says. */
import { createFareCalendar, type FareCalendar } from './fare-day.ts';
import { formatIsoDate, parseIsoDate } from './gtfs/cells.ts';

/** A window: its first day, and the first instant after it. */
export interface Period {
  /** `YYYY-MM-DD` */
  readonly from: string;
  readonly untilMs: number;
}

const calendars = new Map<string, Map<string, FareCalendar>>();

/** A calendar whose days begin at a wall time (`HH:MM`); each is made once. */
export function calendarOf(zone: string, dayStart: string): FareCalendar {
  const known = calendars.get(zone)?.get(dayStart);
  if (known !== undefined) return known;
  const made = createFareCalendar(zone, dayStart);
  const ofZone = calendars.get(zone) ?? new Map<string, FareCalendar>();
  calendars.set(zone, ofZone.set(dayStart, made));
  return made;
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

type Window = 'day' | 'week' | 'month';

interface Span extends Period {
  readonly fromMs: number;
}

// The window that was asked for last, of each sort: what is asked for next nearly always lies in it.
const lastSpans = new WeakMap<FareCalendar, Map<number, Span>>();

/** The day, week or month in which an instant lies. @param weekStart 0 = Monday */
export function periodAt(calendar: FareCalendar, window: Window, atMs: number, weekStart = 0): Period {
  const spans = lastSpans.get(calendar) ?? new Map<number, Span>();
  const sort = window === 'week' ? weekStart : window === 'day' ? 7 : 8;
  const last = spans.get(sort);
  if (last !== undefined && atMs >= last.fromMs && atMs < last.untilMs) return last;
  const period = findPeriod(calendar, window, atMs, weekStart);
  const span = { ...period, fromMs: calendar.startOfMs(period.from) };
  if (!lastSpans.has(calendar)) lastSpans.set(calendar, spans);
  spans.set(sort, span);
  return span;
}

function findPeriod(calendar: FareCalendar, window: Window, atMs: number, weekStart: number): Period {
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
