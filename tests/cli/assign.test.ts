/** `kvytok assign`: the office says where vehicles were, and asks which fact holds. */
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UsageError } from '../../cli/command.ts';
import { run } from '../../cli/commands/assign.ts';
import * as device from '../../cli/commands/device.ts';
import { run as explain } from '../../cli/commands/explain.ts';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { shiftRow, tapIdOf, tapRow } from '../fare-engine/support/a-record.ts';
import { answered } from '../fare-engine/support/answered.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from '../fare-engine/support/engine-database.ts';
import { CITY_DIR } from '../fare-engine/support/running-engine.ts';
import { runCommand } from '../support/command-io.ts';

const TRIP = 'T2-1-wd-0530';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
  const ingest = join(import.meta.dirname, '../../ingest/migrations');
  await engine.database.migrate([{ schema: 'ingest', owner: 'ingest_owner', dir: ingest }]);
  for (const deviceId of ['val-7', 'val-9', 'desk-1']) {
    const { code } = await runCommand(device, ['new', deviceId], '', '/', {
      KVYTOK_POSTGRES_URL: engine.database.url('office_runtime'),
    });
    expect(code).toBe(0);
  }
});
afterAll(() => engine.close());

async function kvytok(
  command: typeof run,
  args: string[],
  role: 'office_runtime' | 'auditor_runtime',
): Promise<{ code: number; said: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const env = { KVYTOK_POSTGRES_URL: engine.database.url(role), KVYTOK_CITY_DIR: CITY_DIR };
  const code = await command(args, { stdin: new PassThrough(), stdout, stderr, env, cwd: '/' });
  stdout.end();
  return { code, said: await text(stdout) };
}

const assign = async (...args: string[]) => {
  const { said } = await kvytok(run, args, 'office_runtime');
  await workCommands(engine.pool, calendar, engine.clock, 10);
  return JSON.parse(said) as { commandId: string };
};
const show = (at: string, ...more: string[]) =>
  kvytok(run, ['show', 'bus-7', '--at', at, ...more], 'auditor_runtime');

test('the office assigns, corrects and asks; a tap says by which fact its route stands', async () => {
  await assign('device', 'val-7', '--vehicle', 'bus-7', '--from', '2025-10-01T00:00');
  await assign('vehicle', 'bus-7', '--carrier', 'tet', '--from', '2025-10-01T00:00');
  await assign('plan', 'bus-7', '--route', 'T2', '--trip', TRIP, '--from', '2025-10-14T08:00');
  // 08:30 in Kyiv.
  const atMs = Date.UTC(2025, 9, 14, 5, 30);
  await engine.deliver([
    shiftRow({ device: 'val-7', seq: 1, atMs: atMs - 60_000, routeId: 'T5' }),
    tapRow({ device: 'val-7', seq: 2, atMs }),
  ]);
  await engine.drain();
  expect((await show('2025-10-14T07:59:59', '--lang', 'en')).said).toContain('nobody named one');
  expect((await show('2025-10-14T08:00', '--lang', 'en')).said).toContain(`route T2, trip ${TRIP}`);
  expect((await show('2025-10-14T05:30Z', '--lang', 'en')).said).toContain('shift opened by the driver');
  const words = ['--reason', 'wrong board', '--who', 'O. Dispatcher'];
  const interval = ['--from', '2025-10-14T08:30', '--until', '2025-10-14T08:31'];
  const { commandId } = await assign('route', 'bus-7', '--route', 'T7', ...interval, ...words);
  await engine.drain();
  const { said } = await show('2025-10-14T08:30', '--json');
  expect(JSON.parse(said)).toMatchObject({
    devices: [
      { deviceId: 'val-7', carrierId: 'tet', routeId: 'T7', routeBy: 'correction', routeFactId: commandId },
    ],
    facts: { shifts: [{ routeId: 'T5' }] },
  });
  const sentences = {
    uk: 'маршрут: виправив диспетчер',
    en: 'route: corrected by the dispatcher',
    de: 'Linie: von der Leitstelle berichtigt',
    pl: 'linia: poprawił dyspozytor',
  };
  for (const [lang, sentence] of Object.entries(sentences)) {
    const found = await kvytok(explain, [tapIdOf('val-7', 2), '--lang', lang], 'auditor_runtime');
    expect(found.said).toContain(`${sentence} (${commandId})`);
  }
  expect((await show('2025-10-14T08:31', '--lang', 'en')).said).toContain('shift opened by the driver');
});

test('a vehicle without devices is said to be so', async () => {
  const found = await kvytok(run, ['show', 'bus-8', '--at', '2025-10-14T08:31'], 'auditor_runtime');
  expect(found).toMatchObject({ code: 1, said: expect.stringContaining('No device') });
});

test('a mistyped route, a time that is none and what is missing are refused before anything is sent', async () => {
  const interval = ['--from', '2025-10-14T08:30', '--until', '2025-10-14T08:31'];
  const words = ['--reason', 'r', '--who', 'w'];
  const refused = (...args: string[]) => kvytok(run, args, 'office_runtime');
  const bad: [string[], RegExp][] = [
    [['route', 'bus-7', '--route', 'T77', ...interval, ...words], /no tariff .*T77/],
    [['route', 'bus-7', '--route', 'T7', ...interval], /reason/],
    [['route', 'bus-7', '--route', 'T7', '--from', 'today', ...words], /local time/],
    [['plan', 'bus-7', '--route', 'T7', '--direction', '3', '--from', '2025-10-14T08:30'], /directionId/],
    [
      ['plan', 'bus-7', '--route', 'T2', '--trip', 'T2-1', '--from', '2025-10-14T08:30'],
      /has no trip "T2-1"/,
    ],
    [['plan', 'bus-7', '--route', 'T7', '--trip', TRIP, '--from', '2025-10-14T08:30'], /of the route T2/],
    [
      ['vehicle', 'bus-7', '--carrier', 'tte', '--from', '2025-10-14T08:30'],
      /no carrier "tte".*mat, seret, tet/,
    ],
    [['device', 'val-77', '--vehicle', 'bus-7', '--from', '2025-10-14T08:30'], /no device "val-77"/],
    [['station', 'desk-11', '--from', '2025-10-14T08:30'], /no device "desk-11"/],
    [['nothing'], /is needed/],
  ];
  for (const [args, message] of bad) {
    const failure = await refused(...args).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(UsageError);
    expect((failure as Error).message).toMatch(message);
  }
  const { rows } = await engine.admin.query('SELECT count(*) AS n FROM fare.command_inbox');
  expect(rows[0].n).toBe(0n);
});

test('the office corrects a clock: the tap takes place when it says, and the explanation is marked', async () => {
  const atMs = Date.UTC(2025, 9, 14, 5, 30);
  await engine.deliver([tapRow({ device: 'val-9', seq: 1, atMs })]);
  await engine.drain();
  const interval = ['--from', '2025-10-14T08:30', '--until', '2025-10-14T08:31'];
  const words = ['--reason', 'set by hand', '--who', 'O. Dispatcher', '--act', 'ticket 17'];
  await assign('clock', 'val-9', ...interval, ...words, '--offset=-150', '--unsure', '1.5');
  await engine.drain();
  const { rows } = await engine.admin.query(
    `SELECT fare_at_ms::float8 AS at, uncertainty_ms::int AS unsure, flags FROM fare.timed_tap WHERE device_id = 'val-9'`,
  );
  expect(rows).toEqual([{ at: atMs - 150_000, unsure: 1500, flags: ['CLOCK_CORRECTED'] }]);
  const explained = await kvytok(explain, [tapIdOf('val-9', 1), '--lang', 'en'], 'auditor_runtime');
  expect(explained.said).toContain("The time was corrected: the validator's clock had been wrong.");
  for (const wrong of [
    [...interval, ...words],
    [...interval, '--reason', 'x', '--offset', '1'],
    [...interval, ...words, '--offset', 'much'],
  ])
    await expect(assign('clock', 'val-9', ...wrong)).rejects.toThrow(UsageError);
});

test('the office names issuing stations, and takes the word back', async () => {
  await assign('station', 'desk-1', '--from', '2025-10-01T00:00');
  await assign('station', 'desk-1', '--from', '2025-11-01T00:00', '--withdraw');
  const { rows } = await engine.admin.query(
    'SELECT device_id, allowed FROM fare.issuing_station ORDER BY valid_from_ms',
  );
  expect(rows).toEqual([
    { device_id: 'desk-1', allowed: true },
    { device_id: 'desk-1', allowed: false },
  ]);
});

test('the engine is heard where both roles are at hand; a vehicle of which nobody spoke is said to be new', async () => {
  const env = {
    KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'),
    KVYTOK_OFFICE_POSTGRES_URL: engine.database.url('office_runtime'),
    KVYTOK_CITY_DIR: CITY_DIR,
  };
  const call = (...args: string[]) => answered(engine, () => runCommand({ run }, args, '', '/', env));
  const empty = ['--from', '2025-10-14T08:30', '--until', '2025-10-14T08:30'];
  const refused = await call('device', 'val-7', '--vehicle', 'bus-7', ...empty);
  expect([refused.code, JSON.parse(refused.stdout).answer.reason]).toEqual([1, 'COMMAND_INTERVAL_EMPTY']);
  expect(refused.stderr).toBe('');
  const obeyed = await call('vehicle', 'bus-77', '--carrier', 'tet', '--from', '2025-10-01T00:00');
  expect([obeyed.code, JSON.parse(obeyed.stdout).answer]).toEqual([0, { obeyed: true }]);
  expect(obeyed.stderr).toContain('The vehicle "bus-77" is new here');
});
