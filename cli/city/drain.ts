/** Waits until everything that was handed in has been worked off, within bounds. */
import type pg from 'pg';
import { isPassing } from '#platform/await-database.ts';
import { whileItShrinks } from '#platform/while-it-shrinks.ts';

/** What still waits in the fare engine. */
export interface Waiting {
  readonly inbox: number;
  readonly queue: number;
  readonly commands: number;
}

const LOOK_EVERY_MS = 50;

/**
 * Looks until nothing waits or nothing has got less for so long; gives what waits then. The queues send no event when
 * they are empty, so they are looked at.
 */
export async function drainFareEngine(pool: pg.Pool, idleMsMax: number): Promise<Waiting> {
  let waiting: Waiting = { inbox: 0, queue: 0, commands: 0 };
  const sum = async (): Promise<number> => {
    waiting = await look(pool);
    return waiting.inbox + waiting.queue + waiting.commands;
  };
  await untilNone(sum, idleMsMax);
  return waiting;
}

/** As {@link drainFareEngine}, for commands alone; gives how many wait then. */
export async function drainCommands(pool: pg.Pool, idleMsMax: number): Promise<number> {
  return untilNone(async () => (await look(pool)).commands, idleMsMax);
}

/** A database that is away may be starting again: only one that stays away for as long as nobody would wait is an error. */
async function untilNone(count: () => Promise<number>, idleMsMax: number): Promise<number> {
  let trouble: unknown;
  const patient = async (): Promise<number> => {
    try {
      trouble = undefined;
      return await count();
    } catch (error) {
      if (!isPassing(error)) throw error;
      trouble = error;
      return Number.POSITIVE_INFINITY;
    }
  };
  const left = await whileItShrinks(patient, { idleMsMax, everyMs: LOOK_EVERY_MS });
  if (trouble !== undefined) throw trouble;
  return left;
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
