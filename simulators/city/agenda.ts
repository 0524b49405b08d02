/**
 * The boardings of one service day after the other, as a stream: what is due now, and who comes soon. Pure; a plan of
 * a day is made when its turn comes.
 */
import type { Boarding } from './day-plan.ts';
import { dayAt, serviceHours, type Timetable } from './timetable.ts';

export interface Agenda {
  /** Boardings whose instant has come since the last call, in order. */
  due(nowMs: number): Boarding[];
  /** Boardings up to a later instant that this call sees for the first time, in order. */
  soon(untilMs: number): Boarding[];
}

/** Begins at `startMs`: what lies before it has happened, or never will. */
export function createAgenda(
  timetable: Timetable,
  planDay: (day: number) => readonly Boarding[],
  startMs: number,
): Agenda {
  const due = createCursor(timetable, planDay, startMs);
  const soon = createCursor(timetable, planDay, startMs);
  return { due, soon };
}

/** Days without service that are passed over before a cursor gives up until the next call. */
const EMPTY_DAYS_MAX = 14;

function createCursor(
  timetable: Timetable,
  planDay: (day: number) => readonly Boarding[],
  startMs: number,
): (untilMs: number) => Boarding[] {
  let day = firstDay(timetable, startMs);
  let plan = planDay(day);
  let index = plan.findIndex((boarding) => boarding.atMs >= startMs);
  if (index === -1) index = plan.length;
  return (untilMs) => {
    const found: Boarding[] = [];
    for (let empty = 0; empty < EMPTY_DAYS_MAX; ) {
      const next = plan[index];
      if (next && next.atMs > untilMs) break;
      if (next) {
        found.push(next);
        index++;
      } else {
        // The day's plan is used up; the next one is made only when its day has begun.
        if (dayAt(timetable, untilMs) <= day) break;
        day++;
        plan = planDay(day);
        index = 0;
        if (plan.length === 0) empty++;
      }
    }
    return found;
  };
}

/** Yesterday while its vehicles still run, else today. */
function firstDay(timetable: Timetable, startMs: number): number {
  const today = dayAt(timetable, startMs);
  const yesterday = serviceHours(timetable, today - 1);
  return yesterday && startMs < yesterday.endMs ? today - 1 : today;
}

/** The night: from ten minutes after the last arrival until five before the next departure; null while anything runs. */
export function endOfNight(timetable: Timetable, nowMs: number): number | null {
  const AFTER_MS = 10 * 60_000;
  const BEFORE_MS = 5 * 60_000;
  const today = dayAt(timetable, nowMs);
  for (let day = today - 1; day < today + 8; day++) {
    const hours = serviceHours(timetable, day);
    if (!hours || nowMs >= hours.endMs + AFTER_MS) continue;
    const wakeMs = hours.startMs - BEFORE_MS;
    return nowMs < wakeMs ? wakeMs : null;
  }
  return null;
}
