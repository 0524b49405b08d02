/** The stream of boardings, the night, outages: all from city time. */
import { describe, expect, test } from 'vitest';
import { createAgenda, endOfNight } from '../../../simulators/city/agenda.ts';
import type { Boarding } from '../../../simulators/city/day-plan.ts';
import { isCutOff } from '../../../simulators/city/outages.ts';
import { serviceHours } from '../../../simulators/city/timetable.ts';
import { timetable, tuesday } from './support.ts';

const DAY_MS = 86_400_000;
const TUESDAY = Date.UTC(2025, 9, 14) / DAY_MS;

/** A plan of three boardings a day: morning, evening, and after midnight. */
const plans: number[] = [];
function planDay(day: number): Boarding[] {
  plans.push(day);
  return ['08:00', '20:00', '24:30'].map((time) => {
    const atMs = tuesday(time) + (day - TUESDAY) * DAY_MS;
    const riderId = `${day - TUESDAY} ${time}`;
    return { riderId, blockId: 'T2-1', tripId: 't', stopId: 's', atMs, untilMs: atMs + 60_000 };
  });
}
const idsOf = (boardings: Boarding[]) => boardings.map((b) => b.riderId);

describe('the agenda', () => {
  test('gives a boarding at its instant, not a millisecond before, and once', () => {
    const agenda = createAgenda(timetable, planDay, tuesday('07:00'));
    expect(idsOf(agenda.due(tuesday('08:00') - 1))).toEqual([]);
    expect(idsOf(agenda.due(tuesday('08:00')))).toEqual(['0 08:00']);
    expect(idsOf(agenda.due(tuesday('08:00')))).toEqual([]);
  });

  test('leaves out what lies before its start, and keeps what falls on it', () => {
    expect(idsOf(createAgenda(timetable, planDay, tuesday('08:00')).due(tuesday('20:00')))).toEqual([
      '0 08:00',
      '0 20:00',
    ]);
    expect(idsOf(createAgenda(timetable, planDay, tuesday('08:00') + 1).due(tuesday('20:00')))).toEqual([
      '0 20:00',
    ]);
  });

  test('goes on with the old service day after midnight, then with the new one', () => {
    const agenda = createAgenda(timetable, planDay, tuesday('19:00'));
    expect(idsOf(agenda.due(tuesday('24:10')))).toEqual(['0 20:00']);
    expect(idsOf(agenda.due(tuesday('32:00')))).toEqual(['0 24:30', '1 08:00']);
  });

  test('begins in the night with the day whose vehicles still run', () => {
    const lastArrivalMs = serviceHours(timetable, TUESDAY)?.endMs ?? Number.NaN;
    const first = (startMs: number) =>
      idsOf(createAgenda(timetable, planDay, startMs).due(tuesday('32:00')))[0];
    expect(first(lastArrivalMs - 1)).toBe('0 24:30');
    expect(first(lastArrivalMs)).toBe('1 08:00');
  });

  test('shows who comes soon without taking it from what is due', () => {
    const agenda = createAgenda(timetable, planDay, tuesday('07:00'));
    expect(idsOf(agenda.soon(tuesday('08:10')))).toEqual(['0 08:00']);
    expect(idsOf(agenda.soon(tuesday('08:10')))).toEqual([]);
    expect(idsOf(agenda.due(tuesday('08:10')))).toEqual(['0 08:00']);
  });

  test('does not plan tomorrow before tomorrow has begun', () => {
    plans.length = 0;
    const agenda = createAgenda(timetable, planDay, tuesday('07:00'));
    agenda.due(tuesday('23:59'));
    expect(Math.max(...plans)).toBe(TUESDAY);
  });
});

describe('the night', () => {
  test('is over five minutes before the first departure', () => {
    expect(endOfNight(timetable, tuesday('27:00'))).toBe(tuesday('29:25'));
    expect(endOfNight(timetable, tuesday('29:25') - 1)).toBe(tuesday('29:25'));
    expect(endOfNight(timetable, tuesday('29:25'))).toBeNull();
  });

  test('has not begun while the last vehicle drives, nor by day', () => {
    expect(endOfNight(timetable, tuesday('12:00'))).toBeNull();
    expect(endOfNight(timetable, tuesday('24:02'))).toBeNull();
  });
});

describe('outages', () => {
  const cutMinutes = (seed: number, chance: number) => {
    let minutes = 0;
    for (let m = 0; m < 24 * 60; m++)
      if (isCutOff(seed, '101', tuesday('00:00') + m * 60_000, chance)) minutes++;
    return minutes;
  };

  test('never happen at a chance of nothing and in every window at certainty', () => {
    expect(cutMinutes(1, 0)).toBe(0);
    // 72 windows of twenty minutes with two to six minutes each.
    expect(cutMinutes(1, 1)).toBeGreaterThan(72);
    expect(cutMinutes(1, 1)).toBeLessThan(72 * 7);
  });

  test('repeat themselves for a seed and differ for another', () => {
    const pattern = (seed: number) =>
      Array.from({ length: 600 }, (_, m) => isCutOff(seed, '101', tuesday('06:00') + m * 60_000, 0.3));
    expect(pattern(1)).toEqual(pattern(1));
    expect(pattern(1)).not.toEqual(pattern(2));
  });
});
