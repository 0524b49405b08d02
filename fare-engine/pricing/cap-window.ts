/** Which window of a cap an instant lies in, and what was counted there. */
import { type Cap, WEEKDAYS } from './cap-schema.ts';
import type { FareCalendar } from './fare-day.ts';
import type { CapCount } from './model.ts';
import { dayNumber, daysFrom, type Period, periodAt } from './period.ts';

/** A cap with the calendar of its days. */
export interface DatedCap extends Cap {
  readonly calendar: FareCalendar;
}

/** A cap's window at an instant. */
export interface CapWindow {
  /** Under which a ride at this instant is counted. */
  readonly own: Period;
  /** All that counts against the cap now; its own first, where there is one. */
  readonly counted: readonly CapCount[];
}

/** Finds the window. A `first_tap` window that does not run yet would begin with this ride. */
export function windowAt(cap: DatedCap, counts: readonly CapCount[], atMs: number): CapWindow {
  if (cap.window !== 'days') {
    const weekStart = WEEKDAYS.indexOf(cap.week_start ?? 'monday');
    const own = periodAt(cap.calendar, cap.window, atMs, weekStart);
    return { own, counted: counts.filter((count) => count.from === own.from) };
  }
  const length = cap.window_days as number;
  const today = dayNumber(cap.calendar.fareDayOf(atMs));
  const running = counts.filter(({ from }) => {
    const day = dayNumber(from);
    return day <= today && today < day + length;
  });
  if (cap.anchor === 'sliding') return { own: daysFrom(cap.calendar, today, length), counted: running };
  // Of windows that overlap (an unsure clock may have begun one earlier) the one that ends first still runs.
  const [first] = running.sort((a, b) => (a.from < b.from ? -1 : 1));
  return first === undefined
    ? { own: daysFrom(cap.calendar, today, length), counted: [] }
    : { own: first, counted: [first] };
}
