/**
 * Fare days: the local date of an instant minus the city's day start. With a day start of 03:00 a ride at 02:59
 * belongs to yesterday. On nights of clock changes a fare day has 23 or 25 hours; its borders are wall times.
 */
import { formatIsoDate, parseIsoDate } from './gtfs/cells.ts';
import { dayOfWall, getZone } from './local-time.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** First and last instant at which a fare may be due: with a date of four-digit year in every zone. */
export const FARE_AT_MS_MIN = Date.UTC(1970, 0, 2);
export const FARE_AT_MS_MAX = Date.UTC(9999, 11, 30);

/**
 * From when something may hold whose days are reckoned from its beginning: a window counted elsewhere, a pass; they end with such a date, too.
 * The first is 1970-01-01 in every zone: for many an earlier system it is the day that nobody knows.
 */
export const COUNTED_FROM_MS_MIN = Date.UTC(1970, 0, 1) - 14 * 3_600_000;
export const COUNTED_FROM_MS_MAX = FARE_AT_MS_MAX - 366 * 86_400_000;

/** A city's calendar of fare days. */
export interface FareCalendar {
  readonly zone: string;
  /** `HH:MM`, wall time at which a fare day begins. */
  readonly dayStart: string;
  /** Fare day of an instant, `YYYY-MM-DD`. */
  fareDayOf(instantMs: number): string;
  /** First instant of a fare day. */
  startOfMs(fareDay: string): number;
  /** First instant after a fare day. */
  endOfMs(fareDay: string): number;
}

interface DaySpan {
  readonly fareDay: string;
  readonly startMs: number;
  /** Half-open. */
  readonly endMs: number;
}

const DAY_START = /^([01]\d|2[0-3]):([0-5]\d)$/;

/** Makes a calendar. Throws a RangeError for an unknown zone or a day start that is not `HH:MM`. */
export function createFareCalendar(zoneName: string, dayStart: string): FareCalendar {
  const match = DAY_START.exec(dayStart);
  if (!match) throw new RangeError(`day start must be HH:MM, not ${JSON.stringify(dayStart)}`);
  const startMs = (Number(match[1]) * 60 + Number(match[2])) * MINUTE_MS;
  const zone = getZone(zoneName);
  const startOfDayMs = (day: number) => zone.instantMs(day * DAY_MS + startMs);
  // The day whose borders were asked for last: most taps that come lie in it.
  let last: DaySpan = { fareDay: '', startMs: 0, endMs: 0 };
  const numberOf = (fareDay: string) => {
    const day = parseIsoDate(fareDay);
    if (day === undefined) throw new RangeError(`not a fare day: ${JSON.stringify(fareDay)}`);
    return day;
  };
  const spanOf = (fareDay: string): DaySpan => {
    if (fareDay === last.fareDay) return last;
    const day = numberOf(fareDay);
    last = { fareDay, startMs: startOfDayMs(day), endMs: startOfDayMs(day + 1) };
    return last;
  };
  return {
    zone: zoneName,
    dayStart,
    fareDayOf(instantMs) {
      if (instantMs >= last.startMs && instantMs < last.endMs) return last.fareDay;
      // Decided by the borders themselves, so that the repeated hour of autumn never jumps back into yesterday.
      const guess = dayOfWall(zone.wallMs(instantMs) - startMs);
      const day =
        instantMs < startOfDayMs(guess)
          ? guess - 1
          : instantMs >= startOfDayMs(guess + 1)
            ? guess + 1
            : guess;
      return formatIsoDate(day);
    },
    startOfMs: (fareDay) => spanOf(fareDay).startMs,
    endOfMs: (fareDay) => spanOf(fareDay).endMs,
  };
}

/** First instant of a local date: 00:00 wall time. `undefined` when the text is no date. */
export function startOfLocalDateMs(date: string, zoneName: string): number | undefined {
  const day = parseIsoDate(date);
  return day === undefined ? undefined : getZone(zoneName).instantMs(day * DAY_MS);
}
