import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  closingInstantMs,
  instantsOf,
  lastDayOf,
  nextPeriod,
  parsePeriod,
  periodOfDay,
} from '../../../fare-engine/settlement/period.ts';
import { cases } from '../../support/properties.ts';

const TERNOPIL = { zone: 'Europe/Kyiv', dayStart: '04:00' };

describe('periods', () => {
  test('are months of fare days, half-open', () => {
    expect(parsePeriod('2025-10')).toEqual({ id: '2025-10', fromDay: '2025-10-01', untilDay: '2025-11-01' });
    expect(parsePeriod('2024-02')?.untilDay).toBe('2024-03-01');
    expect(parsePeriod('2025-12')?.untilDay).toBe('2026-01-01');
    expect(lastDayOf(periodOfDay('2024-02-11'))).toBe('2024-02-29');
  });

  test('anything that is no month is none', () => {
    for (const text of ['2025-13', '2025-00', '2025-1', '2025-10-01', '25-10', ' 2025-10', '']) {
      expect(parsePeriod(text)).toBeUndefined();
    }
    expect(() => periodOfDay('yesterday')).toThrow(RangeError);
  });

  test('begin and end where fare days do, also where clocks change', () => {
    // October 2025 begins in summer time and ends in winter time.
    expect(instantsOf(periodOfDay('2025-10-31'), TERNOPIL)).toEqual({
      fromMs: Date.parse('2025-10-01T04:00+03:00'),
      untilMs: Date.parse('2025-11-01T04:00+02:00'),
    });
  });

  test('are due on the day and at the wall time that the calendar says', () => {
    const calendar = { closeAfterDays: 5, closeAt: '12:00' };
    expect(closingInstantMs(periodOfDay('2025-10-01'), calendar, TERNOPIL)).toBe(
      Date.parse('2025-11-05T12:00+02:00'),
    );
    expect(closingInstantMs(periodOfDay('2025-12-01'), calendar, TERNOPIL)).toBe(
      Date.parse('2026-01-05T12:00+02:00'),
    );
  });

  test('follow each other without gap or overlap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200_000 }), (day) => {
        const fareDay = new Date(day * 86_400_000).toISOString().slice(0, 10);
        const period = periodOfDay(fareDay);
        expect(period.fromDay <= fareDay && fareDay < period.untilDay).toBe(true);
        expect(nextPeriod(period).fromDay).toBe(period.untilDay);
        expect(lastDayOf(period) < period.untilDay).toBe(true);
      }),
      cases(),
    );
  });
});
