/** `kvytok entitlement` from the command line to the price: a right is entered late, and revoked, on an open day. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UsageError } from '../../cli/command.ts';
import * as entitlement from '../../cli/commands/entitlement.ts';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { createPricer } from '../../fare-engine/main.ts';
import type { Pricer } from '../../fare-engine/ports.ts';
import { runCommand } from '../support/command-io.ts';
import { ternopil } from '../support/tariff.ts';
import { tapRow, token } from './support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { command } from './support/submit.ts';

let engine: EngineDatabase;
let pricer: Pricer;
beforeAll(async () => {
  pricer = createPricer(await ternopil(), calendar);
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const MORNING = Date.UTC(2025, 9, 14, 5);
const AT = { from: '2025-10-01T00:00:00+03:00', end: '2025-10-14T00:00:00+03:00' };
const call = (...args: string[]) =>
  runCommand(entitlement, args, '', '.', { KVYTOK_POSTGRES_URL: engine.database.url('office_runtime') });

async function riderMinor(): Promise<number> {
  await workCommands(engine.pool, calendar, engine.clock, 10);
  await engine.drain({ deps: engine.deps(pricer) });
  const { rows } = await engine.admin.query<{ rider: number }>(
    "SELECT rider_minor::int AS rider FROM fare.latest_decision WHERE tap_id LIKE 'val-901.%'",
  );
  return rows[0]?.rider ?? -1;
}

test('a right that is entered after the ride makes it free, and its end makes it dear again', async () => {
  const card = token(901);
  await command(engine, 'link-medium', { tokenId: card, accountId: 'person-901', validFromMs: 0 });
  await engine.deliver([tapRow({ device: 'val-901', seq: 1, atMs: MORNING, token: card, routeId: 'T5' })]);
  expect(await riderMinor()).toBe(1200);
  const granted = await call(
    'grant',
    'person-901',
    '--concession',
    'pensioner',
    '--from',
    AT.from,
    '--id',
    'e-901',
  );
  expect([granted.code, granted.stderr]).toEqual([0, 'entitlement e-901\n']);
  expect(await riderMinor()).toBe(0);
  expect((await call('revoke', 'e-901', '--from', AT.end, '--reason', 'error')).code).toBe(0);
  expect(await riderMinor()).toBe(1200);
});

test.each([
  [[]],
  [['grant', 'a', '--from', AT.from]],
  [['grant', 'a', '--concession', 'x']],
  [['grant', 'a', '--concession', 'x', '--from', '2025-10-01']],
  [['grant', 'a', '--concession', 'x', '--from', AT.end, '--until', AT.from]],
  [['grant', 'a', '--concession', 'x', '--from', AT.from, '--reason', 'error']],
  [['revoke', 'e', '--from', AT.from, '--concession', 'x']],
  [['revoke', 'e', '--from', AT.from, '--reason', 'spite']],
])('refuses %j', async (args) => {
  await expect(call(...args)).rejects.toThrow(UsageError);
});

test('a right that no tariff of the city grants is refused where the tariffs are at hand, and nothing is handed in', async () => {
  const env = {
    KVYTOK_POSTGRES_URL: engine.database.url('office_runtime'),
    KVYTOK_CITY_DIR: join(import.meta.dirname, '../../cities/ternopil'),
  };
  const grant = (concession: string) =>
    runCommand(
      entitlement,
      ['grant', 'person-902', '--concession', concession, '--from', AT.from],
      '',
      '.',
      env,
    );
  const waiting = async () =>
    (await engine.admin.query('SELECT count(*)::int AS n FROM fare.command_inbox')).rows[0]?.n;
  const before = await waiting();
  await expect(grant('pensionr')).rejects.toThrow('knows the concession "pensionr"; write an id of');
  expect(await waiting()).toBe(before);
  for (const known of ['pensioner', 'residence:ternopil']) expect((await grant(known)).code).toBe(0);
  expect(await waiting()).toBe(before + 2);
});
