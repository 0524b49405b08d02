/** Which window of a cap an instant lies in, and what was counted there. */
import { type Cap, WEEKDAYS } from './cap-schema.ts';
import { holdsAt, type SpentElsewhere } from './elsewhere.ts';
import type { FareCalendar } from './fare-day.ts';
import type { CapCount } from './model.ts';
import { dayNumber, daysFrom, type Period, periodAt } from './period.ts';

/** A cap with the calendar of its days. */
export interface DatedCap extends Cap {
  readonly calendar: FareCalendar;
}

/** What is counted in one window. */
export type Counted = Pick<CapCount, 'from' | 'spentMinor' | 'rides'>;

/** A cap's window at an instant. */
export interface CapWindow {
  /** Under which a ride at this instant is counted. */
  readonly own: Period;
  /** What was counted under it so far; absent = nothing. */
  readonly before: CapCount | undefined;
  /** All that counts against the cap now. */
  readonly counted: readonly Counted[];
}

/** Finds the window; counts may be those of other caps too. A `first_tap` window that does not run yet would begin with this ride. */
export function windowAt(
  cap: DatedCap,
  counts: readonly CapCount[],
  elsewhere: readonly SpentElsewhere[],
  atMs: number,
): CapWindow {
  if (cap.window !== 'days') {
    const weekStart = cap.week_start === undefined ? 0 : WEEKDAYS.indexOf(cap.week_start);
    const own = periodAt(cap.calendar, cap.window, atMs, weekStart);
    const before = counts.find(({ capId, from }) => from === own.from && capId === cap.cap_id);
    const mine = before === undefined ? NOTHING : [before];
    // A word that does not begin in this window is of another one, although it may hold for longer.
    const others = elsewhereOf(cap, elsewhere, atMs).filter(({ from }) => from >= own.from);
    return { own, before, counted: others.length === 0 ? mine : [...mine, ...others] };
  }
  return windowOfDays(cap, counts, elsewhereOf(cap, elsewhere, atMs), atMs);
}

function windowOfDays(
  cap: DatedCap,
  counts: readonly CapCount[],
  elsewhere: readonly Counted[],
  atMs: number,
): CapWindow {
  const length = cap.window_days as number;
  const today = dayNumber(cap.calendar.fareDayOf(atMs));
  const isRunning = ({ from }: Counted): boolean => {
    const day = dayNumber(from);
    return day <= today && today < day + length;
  };
  const mine = counts.filter((count) => count.capId === cap.cap_id && isRunning(count));
  const running: Counted[] = [...mine, ...elsewhere.filter(isRunning)];
  // Of windows that overlap (an unsure clock may have begun one earlier) the one that ends first still runs.
  const [first] = cap.anchor === 'sliding' ? [] : running.sort((a, b) => (a.from < b.from ? -1 : 1));
  const fresh = daysFrom(cap.calendar, first === undefined ? today : dayNumber(first.from), length);
  const before = mine.find(({ from }) => from === fresh.from);
  const own = first === undefined ? fresh : (before ?? fresh);
  const counted = first === undefined ? running : running.filter(({ from }) => from === first.from);
  return { own, before, counted };
}

function elsewhereOf(
  { cap_id: id, calendar }: DatedCap,
  elsewhere: readonly SpentElsewhere[],
  atMs: number,
): readonly Counted[] {
  if (elsewhere.length === 0) return NOTHING;
  const mine = elsewhere.filter((one) => one.capId === id && holdsAt(one, atMs));
  return mine.map(({ fromMs, spentMinor, rides }) => ({
    from: calendar.fareDayOf(fromMs),
    spentMinor: spentMinor.toString(),
    rides,
  }));
}

const NOTHING: readonly never[] = [];
