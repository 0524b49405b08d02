import type pg from 'pg';
import { expect, test } from 'vitest';
import { drainCommands, drainFareEngine } from '../../../cli/city/drain.ts';

type Look = { inbox: number; queue: number; commands: number } | Error;

/** Gives these counts, one at each look; the last stays. */
function poolOf(...looks: Look[]): pg.Pool {
  let at = 0;
  const query = async () => {
    const look = looks[Math.min(at++, looks.length - 1)] as Look;
    if (look instanceof Error) throw look;
    const { inbox, queue, commands } = look;
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

test('a database that starts again meanwhile is waited for; one that stays away is an error', async () => {
  const none = { inbox: 0, queue: 0, commands: 0 };
  const away = Object.assign(new Error('nobody listens'), { code: 'ECONNREFUSED' });
  expect(await drainFareEngine(poolOf(away, { ...none, queue: 2 }, away, none), 60_000)).toEqual(none);
  await expect(drainFareEngine(poolOf({ ...none, queue: 2 }, away), 1)).rejects.toBe(away);
});

test('what no wait mends is an error at once', async () => {
  const denied = Object.assign(new Error('permission denied'), { code: '42501' });
  const later = { inbox: 0, queue: 0, commands: 0 };
  await expect(drainFareEngine(poolOf(denied, later), 60_000)).rejects.toBe(denied);
});
