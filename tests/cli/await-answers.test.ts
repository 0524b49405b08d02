/** How long commands of the office wait for the engine's answer: a minute, as long as it takes, or until Ctrl-C. */
import { randomUUID } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import * as entitlement from '../../cli/commands/entitlement.ts';
import * as settle from '../../cli/commands/settle.ts';
import { handInAll } from '../../cli/hand-in.ts';
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

const ENV = () => ({
  KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'),
  KVYTOK_OFFICE_POSTGRES_URL: engine.database.url('office_runtime'),
});
const call = (command: typeof settle | typeof entitlement, ...args: string[]) =>
  runCommand(command, args, '', '/', ENV());
const office = () => {
  const stream = new PassThrough();
  return { stdin: stream, stdout: stream, stderr: stream, env: ENV(), cwd: '/' };
};
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

test('more than go out at once are handed in in their order, all of them or none', async () => {
  const io = office();
  const reviews = (reasonOf: (n: number) => string) =>
    handInAll(
      'review-anomaly',
      Array.from({ length: 1001 }, (_, n) => ({
        findingId: `an-${'0'.repeat(32)}`,
        verdict: 'dismissed',
        reason: reasonOf(n),
        by: 'O. Bondar',
      })),
      'O. Bondar',
      { 'no-wait': true },
      io,
    );
  const rows = async () =>
    (
      await engine.admin.query(
        `SELECT payload ->> 'reason' AS reason FROM fare.command_inbox ORDER BY arrival`,
      )
    ).rows;
  // Half a letter: the database takes none such, and the third statement fails.
  await expect(reviews((n) => (n === 1000 ? 'a\ud800' : 'a'))).rejects.toThrow(/json/);
  await expect(reviews((n) => (n === 1000 ? '' : 'a'))).rejects.toThrow(/reason/);
  expect(await rows()).toEqual([]);
  const { answers, code } = await reviews(String);
  expect([code, answers.length, pauses.mock.calls.length]).toEqual([0, 1001, 0]);
  expect(await rows()).toEqual(Array.from({ length: 1001 }, (_, n) => ({ reason: String(n) })));
});

test('a signature with all of its evidence, as long as a command may have one, comes to the engine', async () => {
  pauses.mockImplementation(async () => {
    await workCommands(engine.pool, calendar, engine.clock, 10);
  });
  const act = { period: '2025-09', carrierId: 'tet', side: 'carrier', signerId: randomUUID() };
  const signing = {
    ...act,
    actSha256: '0'.repeat(64),
    objections: false,
    note: 'я'.repeat(200),
    who: 'я'.repeat(200),
  };
  const sign = (length: number) =>
    handInAll('sign-act', [{ ...signing, signature: 'A'.repeat(length) }], 'O. Bondar', {}, office());
  const { answers } = await sign(40_000);
  expect(answers).toMatchObject([{ obeyed: false, reason: expect.not.stringMatching('MALFORMED') }]);
  await expect(sign(40_001)).rejects.toThrow(/signature/);
});
