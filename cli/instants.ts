/** Instants and days as people write them in options. */
import { parseIsoDate, parseZonedInstant } from '#pricing/gtfs/cells.ts';
import { getZone } from '#pricing/local-time.ts';
import { UsageError } from './command.ts';

const LOCAL = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/;

/** Local time of a zone, 2025-10-14T07:30, or with a zone of its own: 2025-10-14T04:30Z. @throws UsageError */
export function instantOf(text: string, option: string, zone: string): number {
  const wallMs = LOCAL.test(text) ? parseZonedInstant(`${text}Z`) : undefined;
  const ms = wallMs === undefined ? parseZonedInstant(text) : getZone(zone).instantMs(wallMs);
  if (ms === undefined)
    throw new UsageError(`${option} takes a local time like 2025-10-14T07:30, or one with a zone`);
  return ms;
}

/** An instant that must name its zone. @throws UsageError */
export function zonedInstantOf(text: string, option: string): number {
  const ms = parseZonedInstant(text);
  if (ms === undefined)
    throw new UsageError(`${option} takes an instant with its zone, e.g. 2026-03-02T06:30:00Z`);
  return ms;
}

/** A day of the calendar, given back as it came. @throws UsageError */
export function calendarDay(text: string, option: string): string {
  if (parseIsoDate(text) === undefined)
    throw new UsageError(`${option} takes a date, YYYY-MM-DD, not ${JSON.stringify(text.slice(0, 40))}`);
  return text;
}
