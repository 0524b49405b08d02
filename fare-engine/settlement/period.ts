/**
 * Settlement periods: calendar months of fare days, named `YYYY-MM`. A period says which fare days belong together; when
 * its books are due for closing, the city's closing calendar says (`settlement` in city.yaml). Pure.
 */
import { createFareCalendar } from '#pricing/fare-day.ts';
import { getZone } from '#pricing/local-time.ts';

const DAY_MS = 86_400_000;
const PERIOD = /^([0-9]{4})-(0[1-9]|1[0-2])$/;

/** A month of fare days. */
export interface SettlementPeriod {
  /** `YYYY-MM` */
  readonly id: string;
  /** First fare day, `YYYY-MM-DD`. */
  readonly fromDay: string;
  /** First fare day after the period: the range is half-open. */
  readonly untilDay: string;
}

/** When the books of a period are due: so many days after its last fare day has ended, at this wall time of the city. */
export interface ClosingCalendar {
  readonly closeAfterDays: number;
  /** `HH:MM` */
  readonly closeAt: string;
}

/** What of a city periods need. */
export interface PeriodZone {
  readonly zone: string;
  /** `HH:MM`, wall time at which a fare day begins. */
  readonly dayStart: string;
}

/** Reads `YYYY-MM`; `undefined` for anything else. */
export function parsePeriod(text: string): SettlementPeriod | undefined {
  const match = PERIOD.exec(text);
  return match === null ? undefined : periodOf(Number(match[1]), Number(match[2]));
}

/** The period in which a fare day lies. @throws RangeError for a text that begins with no month */
export function periodOfDay(fareDay: string): SettlementPeriod {
  const period = parsePeriod(fareDay.slice(0, 7));
  if (period === undefined) throw new RangeError(`not a fare day: ${JSON.stringify(fareDay)}`);
  return period;
}

/** The period after this one. */
export function nextPeriod(period: SettlementPeriod): SettlementPeriod {
  return periodOfDay(period.untilDay);
}

/** Last fare day of a period. */
export function lastDayOf(period: SettlementPeriod): string {
  return new Date(Date.parse(period.untilDay) - DAY_MS).toISOString().slice(0, 10);
}

/** First instant of a period, and first instant after it: borders of fare days in the city's zone. */
export function instantsOf(period: SettlementPeriod, city: PeriodZone): { fromMs: number; untilMs: number } {
  const calendar = createFareCalendar(city.zone, city.dayStart);
  return { fromMs: calendar.startOfMs(period.fromDay), untilMs: calendar.startOfMs(period.untilDay) };
}

/**
 * From when on the books of a period may be closed. With `closeAfterDays` 5 and `closeAt` 12:00 the period `2025-10` is due
 * on 2025-11-05 at 12:00.
 */
export function closingInstantMs(
  period: SettlementPeriod,
  { closeAfterDays, closeAt }: ClosingCalendar,
  { zone }: PeriodZone,
): number {
  const day = Date.parse(period.untilDay) + (closeAfterDays - 1) * DAY_MS;
  return getZone(zone).instantMs(day + Date.parse(`1970-01-01T${closeAt}Z`));
}

function periodOf(year: number, month: number): SettlementPeriod {
  const first = (atMonth: number): string => {
    const date = new Date(0);
    date.setUTCFullYear(year, atMonth, 1);
    return date.toISOString().slice(0, 10);
  };
  const fromDay = first(month - 1);
  return { id: fromDay.slice(0, 7), fromDay, untilDay: first(month) };
}
