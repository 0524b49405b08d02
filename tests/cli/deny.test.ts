/** `kvytok deny`: a card, an account, what is known, and the statement that begins a generation. */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDenyGeneration } from '#contracts/deny-list.ts';
import { UsageError } from '../../cli/command.ts';
import { run } from '../../cli/commands/deny.ts';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { advanceDenyList } from '../../fare-engine/adapters/postgres-deny-list.ts';
import { token } from '../fare-engine/support/a-record.ts';
import { answered } from '../fare-engine/support/answered.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from '../fare-engine/support/engine-database.ts';
import { command } from '../fare-engine/support/submit.ts';
import { runCommand } from '../support/command-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

let engine: EngineDatabase;
const folder = tempFolder('deny-command');
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(async () => {
  await engine?.close();
  folder.remove();
});

async function deny(...args: string[]): Promise<{ code: number; said: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const role = args[0] === 'show' ? 'auditor_runtime' : 'office_runtime';
  const env = { KVYTOK_POSTGRES_URL: engine.database.url(role) };
  const code = await run(args, { stdin: new PassThrough(), stdout, stderr, env, cwd: folder.path });
  stdout.end();
  if (args[0] === 'add' || args[0] === 'remove') {
    await workCommands(engine.pool, calendar, engine.clock, 10);
    await advanceDenyList(engine.pool, engine.clock.nowMs());
  }
  return { code, said: await text(stdout) };
}
/** With both roles at hand, and an engine that answers. */
async function asked(...args: string[]): Promise<{ code: number; answer: unknown }> {
  const env = {
    KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'),
    KVYTOK_OFFICE_POSTGRES_URL: engine.database.url('office_runtime'),
  };
  const { code, stdout } = await answered(engine, () => runCommand({ run }, args, '', folder.path, env));
  return { code, answer: JSON.parse(stdout).answer };
}

const shown = async (n: number) => {
  const { code, said } = await deny('show', token(n));
  return { code, ...(JSON.parse(said) as { published: object | null; facts: object[] }) };
};

test('a card is denied by its token, asked about, and allowed again', async () => {
  await deny(
    'add',
    token(1),
    '--reason',
    'lost',
    '--from',
    '2025-01-01T00:00:00Z',
    '--until',
    '2030-01-01T00:00Z',
  );
  expect(await shown(1)).toMatchObject({
    code: 0,
    published: {
      reason: 'lost',
      scope: 'all',
      validFromMs: Date.UTC(2025, 0, 1),
      validUntilMs: Date.UTC(2030, 0, 1),
    },
  });
  engine.clock.advance(1000);
  await deny('remove', token(1));
  const after = await shown(1);
  expect(after).toMatchObject({ code: 1, published: null });
  expect(after.facts).toHaveLength(2);
  expect(JSON.parse((await deny('show')).said)).toMatchObject({ list: { generation: 1, n: 2, entries: 0 } });
});

test('an account is denied with every medium that is linked to it now, under each version of the token key', async () => {
  const link = (tokenId: string, accountId: string, validUntilMs: number | null = null) =>
    command(engine, 'link-medium', { tokenId, accountId, validFromMs: 0, validUntilMs });
  const rotated = token(2).replace('k1.', 'k2.');
  await link(token(2), 'acc-anna');
  await link(rotated, 'acc-anna');
  await link(token(3), 'acc-anna', engine.clock.nowMs());
  await link(token(4), 'acc-anna');
  engine.clock.advance(1000);
  await link(token(4), 'acc-boris');
  engine.clock.advance(1000);
  await deny('add', '--account', 'acc-anna', '--reason', 'debt', '--scope', 'paid');
  const { rows } = await engine.admin.query('SELECT token_id FROM fare.deny_published ORDER BY 1');
  expect(rows.map((row) => row.token_id)).toEqual([token(2), rotated]);
  expect((await shown(2)).published).toMatchObject({ reason: 'debt', scope: 'paid' });
  engine.clock.advance(1000);
  await deny('remove', '--account', 'acc-anna');
  expect((await shown(2)).published).toBeNull();
  await deny('add', '--account', 'acc-nobody', '--reason', 'lost');
  const refused = await engine.admin.query('SELECT reason FROM fare.command_refusal');
  expect(refused.rows).toEqual([{ reason: 'ACCOUNT_WITHOUT_MEDIA' }]);
});

test('the engine is heard where both roles are at hand: what it refuses is exit code 1', async () => {
  await command(engine, 'link-medium', { tokenId: token(11), accountId: 'acc-11', validFromMs: 0 });
  const [lost, nobody] = [
    ['add', token(11), '--reason', 'lost'],
    ['add', '--account', 'acc-nobody', '--reason', 'lost'],
  ];
  expect(await asked(...lost)).toEqual({ code: 0, answer: { obeyed: true } });
  expect(await asked('remove', token(11))).toEqual({ code: 0, answer: { obeyed: true } });
  expect(await asked(...nobody)).toEqual({
    code: 1,
    answer: { obeyed: false, reason: 'ACCOUNT_WITHOUT_MEDIA', detail: 'acc-nobody' },
  });
  expect(await asked(...lost, '--no-wait')).toEqual({ code: 0, answer: 'waits' });
});

test('a card of which nothing is known is neither denied nor allowed without a word, and --unseen is that word', async () => {
  const lost = ['add', token(12), '--reason', 'lost'];
  await expect(asked(...lost)).rejects.toThrow(/nothing is known of the card "k1\..*mistyped/);
  await expect(asked('remove', token(12))).rejects.toThrow(/it was never denied/);
  expect((await asked(...lost, '--unseen')).code).toBe(0);
  expect((await asked('remove', token(12))).code).toBe(0);
});

test('what is incomplete is refused before anything is sent', async () => {
  for (const args of [
    ['add', token(1)],
    ['add', '--reason', 'lost'],
    ['add', 'k1', '--reason', 'lost'],
    ['remove'],
    [],
  ])
    await expect(deny(...args), args.join(' ')).rejects.toThrow(UsageError);
  await expect(deny('add', token(1), '--reason', 'lost', '--from', 'today')).rejects.toThrow(/--from/);
  await expect(deny('generation', '--key', 'x', '--generation', '1')).rejects.toThrow(/from 2/);
});

test('the statement of a generation is made from the offline key alone, and no file is written over', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(join(folder.path, 'offline.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const args = ['generation', '--key', 'offline.pem', '--generation', '7', '--out', 'statement.json'];
  await deny(...args);
  const statement = readFileSync(join(folder.path, 'statement.json'), 'utf8').trim();
  expect(openDenyGeneration(statement, new Map([['generation-1', publicKey]]))).toMatchObject({
    ok: true,
    value: { generation: 7 },
  });
  await expect(deny(...args)).rejects.toMatchObject({ code: 'EEXIST' });
});
