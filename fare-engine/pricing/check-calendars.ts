/**
 * Calendars of a package: they say on which days its hours hold. One that never runs turns a timeframe off without a word.
 * Warnings: what the files say has a meaning, and is read.
 */
import type { FareFeed, Service } from './fares-v2/fare-feed.ts';
import { isServiceDay } from './fares-v2/match-timeframe.ts';
import type { FileProblem } from './file-problem.ts';
import { formatIsoDate, parseGtfsDate, parseIsoDate } from './gtfs/cells.ts';
import { type FeedFiles, openTable, quote, type RowReader } from './gtfs/row-reader.ts';
import type { TariffFile } from './tariff-schema.ts';

/** Most days that are looked through for one that runs: 60 years. */
const DAYS_MAX = 22_000;

/** All warnings; none where the package has no calendar. */
export function checkCalendars(files: FeedFiles, feed: FareFeed, tariff: TariffFile): FileProblem[] {
  const told = new Set<string>();
  // Trips have calendars too, and a package may lie in a whole feed: those say nothing of hours.
  const whole = files.has('trips.txt');
  const used = new Set([...feed.timeframes.values()].flat().map((frame) => frame.serviceId));
  const check = (row: RowReader) => {
    const id = row.text('service_id');
    const service = feed.services.get(id);
    if (service === undefined || told.has(id)) return;
    told.add(id);
    if (whole && !used.has(id)) return;
    const silent = silenceOf(service, tariff);
    if (silent) row.warn('TARIFF_CALENDAR_SILENT', silent.column, `${quote(id)} ${silent.what}`, silent.mend);
    else if (!used.has(id))
      row.warn(
        'TARIFF_VALUE_IGNORED',
        'service_id',
        `no timeframe has the calendar ${quote(id)}`,
        'Name it in timeframes.txt, or remove it.',
      );
  };
  const found: FileProblem[] = [];
  openTable(files, 'calendar.txt', [], found)?.each((row) => {
    const [from, to] = [parseGtfsDate(row.text('start_date')), parseGtfsDate(row.text('end_date'))];
    if (from !== undefined && to !== undefined && to < from)
      row.warn(
        'TARIFF_DATES_REVERSED',
        'end_date',
        'end_date is before start_date',
        'end_date is the last day; correct one of the two.',
      );
    check(row);
  });
  const days = new Set<string>();
  openTable(files, 'calendar_dates.txt', [], found)?.each((row) => {
    checkDay(row, feed, days);
    check(row);
  });
  // Problems of the files' form were told when they were first read.
  return found.filter(({ code }) => !code.startsWith('TARIFF_FILE_'));
}

interface Silence {
  readonly column: string;
  readonly what: string;
  readonly mend: string;
}

/** Why a calendar has no day on which the package holds. */
function silenceOf(service: Service, { valid_from, valid_to }: TariffFile): Silence | undefined {
  const days = runningDays(service);
  if (days === undefined) return undefined;
  const [first] = days;
  if (first === undefined)
    return {
      column: 'service_id',
      what: 'runs on no day: what it is meant for never holds',
      mend: 'Set a weekday between its dates to 1, or add days in calendar_dates.txt.',
    };
  const from = parseIsoDate(valid_from) ?? 0;
  const until = valid_to === null ? Number.POSITIVE_INFINITY : (parseIsoDate(valid_to) ?? 0);
  if (days.some((day) => day >= from && day < until)) return undefined;
  const last = formatIsoDate(days.at(-1) ?? first);
  return {
    column: 'end_date',
    what: `runs from ${formatIsoDate(first)} to ${last}, on no day of the package`,
    mend: 'Correct its dates, or those of tariff.yaml.',
  };
}

/** Days on which a service runs, in their order; `undefined` where they are too many to look through. */
function runningDays(service: Service): number[] | undefined {
  const length = Math.max(0, service.endDay - service.startDay + 1);
  if (length > DAYS_MAX) return undefined;
  const days = new Set([...Array.from({ length }, (_, i) => service.startDay + i), ...service.added]);
  return [...days].filter((day) => isServiceDay(service, day)).sort((a, b) => a - b);
}

/** A day that says nothing new: told twice, or as the calendar has it anyway. */
function checkDay(row: RowReader, { services }: FareFeed, days: Set<string>): void {
  const service = services.get(row.text('service_id'));
  const day = parseGtfsDate(row.text('date'));
  if (service === undefined || day === undefined) return;
  const key = `${row.text('service_id')} ${day}`;
  if (days.has(key))
    row.warn(
      'TARIFF_ID_TWICE',
      'date',
      'a second row for the same day and calendar',
      'Remove one of the two.',
    );
  days.add(key);
  const { startDay, endDay, weekdays } = service;
  const usual = isServiceDay({ startDay, endDay, weekdays, added: new Set(), removed: new Set() }, day);
  const adds = row.text('exception_type') === '1';
  if (adds === usual)
    row.warn(
      'TARIFF_VALUE_IGNORED',
      'date',
      `the calendar ${usual ? 'runs' : 'does not run'} on ${formatIsoDate(day)} anyway`,
      'Correct the date or exception_type, or remove the row.',
    );
}
