import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFareCalendar, startOfLocalDateMs } from '#pricing/fare-day.ts';
import { getZone } from '#pricing/local-time.ts';

const at = (iso: string) => Date.parse(iso);
const iso = (ms: number) => new Date(ms).toISOString();

describe('wall time', () => {
  const kyiv = getZone('Europe/Kyiv');

  it('shows what a clock in the zone shows, in winter and in summer', () => {
    expect(iso(kyiv.wallMs(at('2026-01-15T10:00:00Z')))).toBe('2026-01-15T12:00:00.000Z');
    expect(iso(kyiv.wallMs(at('2026-07-15T10:00:00Z')))).toBe('2026-07-15T13:00:00.000Z');
  });

  it('moves a time that spring skips forward, and takes the first of a time that autumn repeats', () => {
    // 29 March 2026: 03:00 becomes 04:00. 25 October 2026: 04:00 becomes 03:00.
    expect(iso(kyiv.instantMs(at('2026-03-29T03:30:00Z')))).toBe('2026-03-29T01:30:00.000Z');
    expect(iso(kyiv.instantMs(at('2026-10-25T03:30:00Z')))).toBe('2026-10-25T00:30:00.000Z');
    expect(iso(kyiv.instantMs(at('2026-10-25T04:00:00Z')))).toBe('2026-10-25T02:00:00.000Z');
  });

  it('goes from instant to wall and back for every time that exists once', () => {
    const zones = ['Europe/Kyiv', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'UTC'];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: at('2000-01-01T00:00Z'), max: at('2040-01-01T00:00Z') }),
        (name, ms) => {
          const zone = getZone(name);
          const wall = zone.wallMs(ms);
          const back = zone.instantMs(wall);
          // A repeated hour comes back as its first occurrence: the same wall, not later than asked.
          expect(zone.wallMs(back)).toBe(wall);
          expect(back).toBeLessThanOrEqual(ms);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('a fare day', () => {
  const calendar = createFareCalendar('Europe/Kyiv', '03:00');

  it('begins at the city’s day start, not at midnight', () => {
    expect(calendar.fareDayOf(at('2026-03-02T00:59:59.999Z'))).toBe('2026-03-01');
    expect(calendar.fareDayOf(at('2026-03-02T01:00:00Z'))).toBe('2026-03-02');
    expect(calendar.fareDayOf(at('2026-03-01T22:00:00Z'))).toBe('2026-03-01');
  });

  it('has 23 hours when spring comes and 25 in autumn', () => {
    const hours = (day: string, dayStart: string) => {
      const c = createFareCalendar('Europe/Kyiv', dayStart);
      return (c.endOfMs(day) - c.startOfMs(day)) / 3_600_000;
    };
    expect(hours('2026-03-28', '04:00')).toBe(23);
    expect(hours('2026-03-29', '04:00')).toBe(24);
    expect(hours('2026-03-29', '00:00')).toBe(23);
    expect(hours('2026-10-25', '00:00')).toBe(25);
    expect(hours('2026-10-26', '00:00')).toBe(24);
    // 03:00 of 29 March does not exist: the day begins at 04:00, which is the same instant.
    expect(hours('2026-03-29', '03:00')).toBe(23);
  });

  it('holds each instant in exactly one day, in nights of clock changes too', () => {
    const nights = ['2026-03-28T18:00Z', '2026-10-24T18:00Z', '2026-06-01T00:00Z'].map(at);
    fc.assert(
      fc.property(
        fc.constantFrom(...nights),
        fc.integer({ min: 0, max: 36 * 3_600_000 }),
        fc.constantFrom('00:00', '02:00', '03:00', '03:30', '04:00', '04:30'),
        (night, offset, dayStart) => {
          const c = createFareCalendar('Europe/Kyiv', dayStart);
          const ms = night + offset;
          const day = c.fareDayOf(ms);
          expect(c.startOfMs(day)).toBeLessThanOrEqual(ms);
          expect(ms).toBeLessThan(c.endOfMs(day));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('refuses an unknown zone, a day start that is none, a date that is none', () => {
    expect(() => createFareCalendar('Europe/Atlantis', '03:00')).toThrow(RangeError);
    expect(() => createFareCalendar('Europe/Kyiv', '3:00')).toThrow(RangeError);
    expect(() => calendar.startOfMs('2026-02-30')).toThrow(RangeError);
    expect(startOfLocalDateMs('2024-08-01', 'Europe/Kyiv')).toBe(at('2024-07-31T21:00:00Z'));
  });
});
