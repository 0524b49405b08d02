/** Times and days in options: what no calendar has is refused, and never taken for another day. */
import { expect, it } from 'vitest';
import { UsageError } from '../../cli/command.ts';
import { calendarDay, instantOf, zonedInstantOf } from '../../cli/instants.ts';

it('takes local times of the zone and times with one of their own', () => {
  for (const text of [
    '2025-10-14T07:30',
    '2025-10-14T07:30:00',
    '2025-10-14T04:30Z',
    '2025-10-14T06:30:00+02:00',
  ])
    expect(instantOf(text, '--at', 'Europe/Kyiv'), text).toBe(Date.UTC(2025, 9, 14, 4, 30));
  expect(zonedInstantOf('2025-10-14T04:30:00.250Z', '--at')).toBe(Date.UTC(2025, 9, 14, 4, 30, 0, 250));
  expect(calendarDay('2024-02-29', '--day')).toBe('2024-02-29');
});

it.each(['2025-02-29', '2025-04-31', '2025-00-10', '2025-13-01', '2025-1-1', '0025-01-01', 'soon', ''])(
  '%j is no day',
  (day) => {
    const calls = [
      () => calendarDay(day, '--x'),
      () => zonedInstantOf(`${day}T10:00Z`, '--x'),
      () => instantOf(`${day}T10:00`, '--x', 'Europe/Kyiv'),
      () => instantOf(`${day}T10:00Z`, '--x', 'Europe/Kyiv'),
    ];
    for (const call of calls) {
      expect(call).toThrow(UsageError);
      expect(call).toThrow('--x takes');
    }
  },
);
