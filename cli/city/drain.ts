/** Waits until everything that was handed in has been worked off, within bounds. */
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';

/** What still waits in the fare engine. */
export interface Waiting {
  readonly inbox: number;
  readonly queue: number;
  readonly commands: number;
}

const LOOK_EVERY_MS = 50;

/**
 * Looks until nothing waits or the time is over; gives what waits then. The queues send no event when they are empty,
 * so they are looked at.
 */
export async function drainFareEngine(pool: pg.Pool, withinMs: number): Promise<Waiting> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const waiting = await look(pool);
    if (waiting.inbox + waiting.queue + waiting.commands === 0) return waiting;
    if (performance.now() >= untilMs) return waiting;
    await delay(LOOK_EVERY_MS);
  }
}

async function look(pool: pg.Pool): Promise<Waiting> {
  const { rows } = await pool.query<Record<'inbox' | 'queue' | 'commands_waiting', bigint>>(
    'SELECT inbox, queue, commands_waiting FROM fare.published_counts',
  );
  const row = rows[0];
  return {
    inbox: Number(row?.inbox ?? 0),
    queue: Number(row?.queue ?? 0),
    commands: Number(row?.commands_waiting ?? 0),
  };
}
