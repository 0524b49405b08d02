import type pg from 'pg';
import { expect, test } from 'vitest';
import { drainCommands, drainFareEngine } from '../../../cli/city/drain.ts';

/** Gives these counts, one at each look; the last stays. */
function poolOf(...looks: { inbox: number; queue: number; commands: number }[]): pg.Pool {
  let at = 0;
  const query = async () => {
    const { inbox, queue, commands } = looks[Math.min(at++, looks.length - 1)] as (typeof looks)[number];
    return { rows: [{ inbox, queue, commands_waiting: commands }] };
  };
  return { query } as unknown as pg.Pool;
}

test('commands are waited for until none is left, whatever rides wait beside them', async () => {
  const pool = poolOf(
    { inbox: 5, queue: 1, commands: 2 },
    { inbox: 7, queue: 1, commands: 1 },
    { inbox: 9, queue: 2, commands: 0 },
  );
  expect(await drainCommands(pool, 60_000)).toBe(0);
});

test('commands that nobody obeys are given up, and counted', async () => {
  const pool = poolOf({ inbox: 0, queue: 0, commands: 3 });
  expect(await drainCommands(pool, 1)).toBe(3);
});

test('everything that was handed in is waited for', async () => {
  const none = { inbox: 0, queue: 0, commands: 0 };
  const pool = poolOf({ ...none, inbox: 3 }, { ...none, queue: 2 }, { ...none, commands: 1 }, none);
  expect(await drainFareEngine(pool, 60_000)).toEqual(none);
});
