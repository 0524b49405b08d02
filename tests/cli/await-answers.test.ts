/** How long commands of the office wait for the engine's answer: a minute, as long as it takes, or until Ctrl-C. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import * as entitlement from '../../cli/commands/entitlement.ts';
import * as settle from '../../cli/commands/settle.ts';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from '../fare-engine/support/engine-database.ts';
import { runCommand } from '../support/command-io.ts';
import { interrupted } from '../support/interrupted.ts';

// Pauses between two looks pass at once and are counted: a minute has 300 of them.
vi.mock('node:timers/promises', async (original) => ({
  ...(await original<typeof import('node:timers/promises')>()),
  setTimeout: vi.fn(async () => undefined),
}));
const pauses = vi.mocked(delay);

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());
beforeEach(async () => {
  pauses.mockReset();
  pauses.mockResolvedValue(undefined);
  await engine.admin.query('DELETE FROM fare.command_inbox');
});

const call = (command: typeof settle | typeof entitlement, ...args: string[]) =>
  runCommand(command, args, '', '/', {
    KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'),
    KVYTOK_OFFICE_POSTGRES_URL: engine.database.url('office_runtime'),
  });
const waiting = async () =>
  (await engine.admin.query('SELECT kind FROM fare.command_inbox')).rows.map(({ kind }) => kind);
const CLOSE = ['close', '2025-09', '--who', 'O. Bondar'];
const GRANT = ['grant', 'person-1', '--concession', 'pensioner', '--from', '2025-10-01T00:00:00+03:00'];

test('most give up after a minute, and say that the answer is still to come', async () => {
  const { code, stdout, stderr } = await call(entitlement, ...GRANT);
  expect([code, JSON.parse(stdout).answer, pauses.mock.calls.length]).toEqual([0, 'waits', 300]);
  expect(stderr).toContain("waiting for the engine's answer: 5 s\n");
  expect(await waiting()).toEqual(['grant-entitlement']);
});

test('the close of a month waits as long as it takes, with a line now and then', async () => {
  pauses.mockImplementation(async () => {
    if (pauses.mock.calls.length === 400) await workCommands(engine.pool, calendar, engine.clock, 10);
  });
  const { code, stdout, stderr } = await call(settle, ...CLOSE);
  expect([code, JSON.parse(stdout).answer.obeyed]).toEqual([1, false]);
  expect(stderr).toBe("waiting for the engine's answer: 5 s\nwaiting for the engine's answer: 65 s\n");
});

test('Ctrl-C ends the waiting alone: what was handed in stays so, and that is said', async () => {
  const { code, stdout, stderr } = await interrupted(() => call(settle, ...CLOSE));
  expect([code, JSON.parse(stdout).answer]).toEqual([1, 'waits']);
  expect(stderr).toContain('Stopped waiting. What was handed in stays so');
  expect(await waiting()).toEqual(['close-settlement']);
});

test('--no-wait hands in and leaves', async () => {
  const { code, stdout } = await call(settle, ...CLOSE, '--no-wait');
  expect([code, JSON.parse(stdout).answer, pauses.mock.calls.length]).toEqual([0, 'waits', 0]);
  expect(await waiting()).toEqual(['close-settlement']);
});

test('what repeats a command that was obeyed before is answered, too', async () => {
  pauses.mockImplementation(async () => {
    await workCommands(engine.pool, calendar, engine.clock, 10);
  });
  for (const concession of ['pensioner', 'pensioner', 'student']) {
    const args = GRANT.with(3, concession);
    const { code, stdout } = await call(entitlement, ...args, '--id', 'e-1');
    const { answer } = JSON.parse(stdout);
    if (concession === 'pensioner') expect([code, answer]).toEqual([0, { obeyed: true }]);
    else expect([code, answer.reason]).toEqual([1, 'COMMAND_KEY_REUSED']);
  }
});
