/**
 * Wall time of a zone, from the runtime's own time zone data. Pure: instants come in, nothing asks for "now".
 */

const HOUR_QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;
const CACHE_MAX = 100_000;

/** Wall time of one zone. */
export interface Zone {
  readonly name: string;
  /** Wall time at an instant, as milliseconds of a clock that shows this zone (`new Date(x)` read with getUTC…). */
  wallMs(instantMs: number): number;
  /**
   * Instant of a wall time. A time that occurs twice (autumn) means the first, a time that never occurs (spring)
   * moves forward by the gap, as calendars do.
   */
  instantMs(wallMs: number): number;
}

const zones = new Map<string, Zone>();

/** The zone of that name; `undefined` when the runtime does not know it. */
export function findZone(name: string): Zone | undefined {
  const known = zones.get(name);
  if (known) return known;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
      era: 'short',
    });
  } catch {
    return undefined;
  }
  const zone = makeZone(name, format);
  zones.set(name, zone);
  return zone;
}

/** The zone of that name; throws a RangeError for an unknown one: names are checked where they are read. */
export function getZone(name: string): Zone {
  const zone = findZone(name);
  if (!zone) throw new RangeError(`unknown time zone ${JSON.stringify(name)}`);
  return zone;
}

function makeZone(name: string, format: Intl.DateTimeFormat): Zone {
  // Offsets change on quarter hours of UTC in every zone since 1972, so one look-up serves a quarter of an hour.
  const offsets = new Map<number, number>();
  const offsetMs = (instantMs: number): number => {
    const quarter = Math.floor(instantMs / HOUR_QUARTER_MS);
    let offset = offsets.get(quarter);
    if (offset === undefined) {
      if (offsets.size >= CACHE_MAX) offsets.clear();
      const start = quarter * HOUR_QUARTER_MS;
      offset = wallFromParts(format, start) - start;
      offsets.set(quarter, offset);
    }
    return offset;
  };
  return {
    name,
    wallMs: (instantMs) => instantMs + offsetMs(instantMs),
    instantMs(wallMs) {
      const before = offsetMs(wallMs - DAY_MS);
      const after = offsetMs(wallMs + DAY_MS);
      const early = wallMs - Math.max(before, after);
      const late = wallMs - Math.min(before, after);
      if (early + offsetMs(early) === wallMs) return early;
      if (late + offsetMs(late) === wallMs) return late;
      return wallMs - before;
    },
  };
}

function wallFromParts(format: Intl.DateTimeFormat, instantMs: number): number {
  const values: Record<string, string> = {};
  for (const part of format.formatToParts(instantMs)) values[part.type] = part.value;
  const year = values['era'] === 'BC' ? 1 - Number(values['year']) : Number(values['year']);
  const date = new Date(0);
  date.setUTCFullYear(year, Number(values['month']) - 1, Number(values['day']));
  date.setUTCHours(Number(values['hour']), Number(values['minute']), Number(values['second']), 0);
  return date.getTime();
}

/** Days since 1970-01-01 of a wall time. */
export function dayOfWall(wallMs: number): number {
  return Math.floor(wallMs / DAY_MS);
}

/** Whole seconds of the day of a wall time: what a clock on the wall shows. */
export function secondOfWall(wallMs: number): number {
  return Math.floor((wallMs - dayOfWall(wallMs) * DAY_MS) / 1000);
}
