/** The deny list over a real broker: what a validator would have after each step. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  DENY_ENTRIES_MAX,
  type DenyEntry,
  type DenyManifest,
  snapshotSha256 as hashOf,
  openDenyChunk,
  openDenyDelta,
  openDenyManifest,
} from '#contracts/deny-list.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { LISTS } from '#contracts/topics.ts';
import { systemClock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import { connectMqtt, type MqttConnection } from '#platform/mqtt-connection.ts';
import {
  createDenyListPublisher,
  type DenyListPublisher,
} from '../../fare-engine/adapters/deny-list-publisher.ts';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { secretOf, startTestBroker, type TestBroker } from '../broker/harness.ts';
import { until } from '../support/until.ts';
import { token } from './support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { command, submit } from './support/submit.ts';

const { privateKey } = generateKeyPairSync('ed25519');
const signer = { keyId: 'lists-1', privateKey };
const keys = new Map([['lists-1', createPublicKey(privateKey)]]);
const log = createLogger({ component: 'test', level: 'silent' });

let engine: EngineDatabase;
let city: TestBroker;
let mqtt: MqttConnection;
let publisher: DenyListPublisher;
const open: { stop(): Promise<void> }[] = [];
beforeAll(async () => {
  engine = await openEngineDatabase();
  city = await startTestBroker([
    { clientId: 'lists', role: 'lists' },
    { clientId: 'val-1', role: 'device' },
  ]);
  mqtt = connectMqtt({ url: city.broker.url, clientId: 'lists', secret: secretOf('lists'), log });
  publisher = createDenyListPublisher({ pool: engine.pool, mqtt, signer, clock: engine.clock, log });
  await mqtt.whenConnected();
});
afterEach(async () => {
  for (const it of open.splice(0)) await it.stop();
});
afterAll(async () => {
  await mqtt?.stop();
  await city?.stop();
  await engine.close();
});

/** A device that comes now: follows the manifest over retained messages as docs say; gives the list it ends with. */
async function listOfNewDevice(): Promise<{ manifest: DenyManifest; tokens: Map<string, DenyEntry> }> {
  const device = connectMqtt({ url: city.broker.url, clientId: 'val-1', secret: secretOf('val-1'), log });
  open.push(device);
  const retained = new Map<string, Uint8Array>();
  await device.subscribe(LISTS.denyAll, (topic, payload) => {
    retained.set(topic, payload);
  });
  return until(() => {
    const first = retained.get(LISTS.denyManifest);
    if (first === undefined) return null;
    const manifest = openDenyManifest(first, keys);
    if (!manifest.ok) throw new Error(JSON.stringify(manifest.problems));
    const { generation, n, snapshotN, snapshotChunks, snapshotSha256, entries } = manifest.value;
    const tokens = new Map<string, DenyEntry>();
    const hashes: string[] = [];
    for (let chunk = 0; chunk < snapshotChunks; chunk++) {
      const bytes = retained.get(LISTS.denyChunk(generation, snapshotN, chunk));
      if (bytes === undefined) return null;
      const opened = openDenyChunk(bytes, keys);
      if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
      hashes.push(sha256Hex(opened.payload));
      for (const entry of opened.value.entries) tokens.set(entry.tokenId, entry);
    }
    expect(hashOf(hashes)).toBe(snapshotSha256);
    for (let at = snapshotN + 1; at <= n; at++) {
      const bytes = retained.get(LISTS.denyDelta(generation, at));
      if (bytes === undefined) return null;
      const opened = openDenyDelta(bytes, keys);
      if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
      for (const entry of opened.value.add) tokens.set(entry.tokenId, entry);
      for (const tokenId of opened.value.remove) tokens.delete(tokenId);
    }
    expect(tokens.size).toBe(entries);
    return { manifest: manifest.value, tokens };
  });
}

const deny = (card: number, more: object = {}) => ({
  tokenId: token(card),
  reason: 'lost' as const,
  scope: 'all' as const,
  validFromMs: 0,
  ...more,
});

test('an empty list is published too: a validator can know that nobody is denied', async () => {
  await publisher.turn();
  const { manifest, tokens } = await listOfNewDevice();
  expect(manifest).toMatchObject({ generation: 1, n: 0, entries: 0, snapshotChunks: 0 });
  expect(tokens.size).toBe(0);
});

test('a denied card is in the next delta, allowing it takes it out again, versions only go up', async () => {
  await command(engine, 'deny-medium', deny(1));
  expect(await publisher.turn()).toBe(1);
  const first = await listOfNewDevice();
  expect(first.manifest).toMatchObject({ n: 1, snapshotN: 0 });
  expect([...first.tokens.values()]).toEqual([{ ...deny(1), validUntilMs: null }]);
  await open.pop()?.stop();
  await command(engine, 'allow-medium', { tokenId: token(1) });
  await publisher.turn();
  expect((await listOfNewDevice()).tokens.size).toBe(0);
  expect(await publisher.turn()).toBe(0);
});

test('a denial that commits late, and was known early, is not passed by', async () => {
  const late = await engine.pool.connect();
  const insert = (
    client: { query(text: string, values: unknown[]): Promise<unknown> },
    card: number,
    knownMs: number,
  ) =>
    client.query(
      `INSERT INTO fare.deny_entry (entry_id, token_id, action, reason, scope, valid_from_ms, known_from_ms)
       VALUES (gen_random_uuid(), $1, 'deny', 'fraud', 'all', 0, $2)`,
      [token(card), knownMs],
    );
  try {
    await late.query('BEGIN');
    await insert(late, 70, engine.clock.nowMs() - 5000);
    await insert(engine.pool, 71, engine.clock.nowMs() - 10);
    expect(await publisher.turn()).toBe(1);
    await late.query('COMMIT');
  } finally {
    late.release();
  }
  expect(await publisher.turn()).toBe(1);
  const { tokens } = await listOfNewDevice();
  expect([tokens.has(token(70)), tokens.has(token(71))]).toEqual([true, true]);
  for (const card of [70, 71]) await command(engine, 'allow-medium', { tokenId: token(card) });
  await publisher.turn();
});

test('a denial with an end leaves the list when it is over, not a millisecond before', async () => {
  const endMs = engine.clock.nowMs() + 1000;
  await command(engine, 'deny-medium', deny(2, { reason: 'debt', scope: 'paid', validUntilMs: endMs }));
  await publisher.turn();
  engine.clock.setWall(endMs - 1);
  expect(await publisher.turn()).toBe(0);
  engine.clock.setWall(endMs);
  expect(await publisher.turn()).toBe(1);
  expect((await listOfNewDevice()).tokens.has(token(2))).toBe(false);
});

test('2,500 cards denied at once go out in messages of at most 1,000 entries', {
  timeout: 60_000,
}, async () => {
  const rows = Array.from({ length: 2500 }, (_, index) => deny(1000 + index));
  const office = engine.admin;
  await office.query(
    `INSERT INTO fare.command_inbox (command_id, kind, payload, submitted_by, submitted_at_ms)
     SELECT gen_random_uuid(), 'deny-medium', payload, 'office', 0 FROM json_array_elements($1) AS payload`,
    [JSON.stringify(rows)],
  );
  while ((await workCommands(engine.pool, calendar, engine.clock.nowMs(), 500)).claimed > 0);
  expect(await publisher.turn()).toBe(3);
  expect(DENY_ENTRIES_MAX).toBe(1000);
  expect((await listOfNewDevice()).tokens.size).toBe(2500);
});

test('after a restart of the publisher a snapshot stands at the same version, old messages are cleared', async () => {
  const before = await listOfNewDevice();
  await open.pop()?.stop();
  const again = createDenyListPublisher({ pool: engine.pool, mqtt, signer, clock: systemClock, log });
  await again.turn();
  const after = await listOfNewDevice();
  expect(after.manifest).toMatchObject({
    generation: 1,
    n: before.manifest.n,
    snapshotN: before.manifest.n,
    snapshotChunks: 3,
  });
  expect(after.tokens).toEqual(before.tokens);
  await submit(engine, 'allow-medium', { tokenId: token(1000) });
  await workCommands(engine.pool, calendar, engine.clock.nowMs(), 500);
  await open.pop()?.stop();
  await again.turn();
  expect((await listOfNewDevice()).manifest).toMatchObject({ n: before.manifest.n + 1, entries: 2499 });
});
