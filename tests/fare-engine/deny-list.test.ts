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
  openDenyGeneration,
  openDenyManifest,
  sealDenyGeneration,
} from '#contracts/deny-list.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { LISTS } from '#contracts/topics.ts';
import { createLogger } from '#platform/logger.ts';
import { connectMqtt, type MqttConnection } from '#platform/mqtt-connection.ts';
import { inTransaction } from '#platform/postgres.ts';
import {
  createDenyListPublisher,
  type DenyListPublisher,
} from '../../fare-engine/adapters/deny-list-publisher.ts';
import { workCommands } from '../../fare-engine/adapters/postgres-commands.ts';
import { raiseGeneration } from '../../fare-engine/adapters/raise-generation.ts';
import { secretOf, startTestBroker, type TestBroker, type TestClient } from '../broker/harness.ts';
import { until } from '../support/until.ts';
import { token } from './support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { command } from './support/submit.ts';

const { privateKey } = generateKeyPairSync('ed25519');
const signer = { keyId: 'lists-1', privateKey };
const keys = new Map([['lists-1', createPublicKey(privateKey)]]);
const log = createLogger({ component: 'test', level: 'silent' });

const CLIENTS: TestClient[] = [
  { clientId: 'lists', role: 'lists' },
  { clientId: 'val-1', role: 'device' },
  { clientId: 'val-2', role: 'device' },
];

let engine: EngineDatabase;
let city: TestBroker;
let mqtt: MqttConnection;
/** Topics retained at the city's broker. */
const standing = new Set<string>();
let publisher: DenyListPublisher;
const open: { stop(): Promise<void> }[] = [];
beforeAll(async () => {
  engine = await openEngineDatabase();
  city = await startTestBroker(CLIENTS);
  mqtt = noting(connectMqtt({ url: city.broker.url, clientId: 'lists', secret: secretOf('lists'), log }));
  publisher = createDenyListPublisher({ pool: engine.pool, mqtt, signer, clock: engine.clock, log });
  await mqtt.whenConnected();
});
afterEach(async () => {
  for (const it of open.splice(0)) await it.stop();
});
afterAll(async () => {
  await publisher?.stop();
  await mqtt?.stop();
  await city?.stop();
  await engine.close();
});

/** A device that comes now: follows the manifest over retained messages as docs say; gives the list it ends with. */
async function listOfNewDevice(
  at = city,
): Promise<{ manifest: DenyManifest; tokens: Map<string, DenyEntry> }> {
  const device = connectMqtt({ url: at.broker.url, clientId: 'val-1', secret: secretOf('val-1'), log });
  open.unshift(device);
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

/** A publisher that ends with the test. */
function follower(link = mqtt): DenyListPublisher {
  const made = createDenyListPublisher({ pool: engine.pool, mqtt: link, signer, clock: engine.clock, log });
  open.unshift(made);
  return made;
}

/** A connection that notes what stays retained of what is published through it. */
function noting(link: MqttConnection): MqttConnection {
  const publish = link.publish.bind(link);
  link.publish = async (topic, payload, options) => {
    await publish(topic, payload, options);
    if (payload.length > 0) standing.add(topic);
    else standing.delete(topic);
  };
  return link;
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
  await open.shift()?.stop();
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

test('2,500 cards denied at once go out in messages of at most 1,000 entries', async () => {
  const rows = Array.from({ length: 2500 }, (_, index) => deny(1000 + index));
  const office = engine.admin;
  await office.query(
    `INSERT INTO fare.command_inbox (command_id, kind, payload, submitted_by, submitted_at_ms)
     SELECT gen_random_uuid(), 'deny-medium', payload, 'office', 0 FROM json_array_elements($1) AS payload`,
    [JSON.stringify(rows)],
  );
  while ((await workCommands(engine.pool, calendar, engine.clock, 500)).claimed > 0);
  expect(await publisher.turn()).toBe(3);
  expect(DENY_ENTRIES_MAX).toBe(1000);
  expect((await listOfNewDevice()).tokens.size).toBe(2500);
});

test('a publisher that comes after another goes on from what the broker has: nothing is published twice', async () => {
  const before = await listOfNewDevice();
  const watcher = await city.connect('val-2');
  const seen: string[] = [];
  await watcher.subscribeAsync(LISTS.denyAll, { qos: 1 });
  watcher.on('message', (topic, _payload, packet) => void (packet.retain || seen.push(topic)));
  await command(engine, 'allow-medium', { tokenId: token(1000) });
  await publisher.stop();
  const again = follower();
  expect(await again.turn()).toBe(1);
  const n = before.manifest.n + 1;
  await until(() => seen.includes(LISTS.denyManifest));
  expect(seen).toEqual([LISTS.denyDelta(1, n), LISTS.denyManifest]);
  await open.shift()?.stop();
  expect((await listOfNewDevice()).manifest).toMatchObject({ n, snapshotN: 0, entries: 2499 });
});

test('of two publishers one works; when it goes the other follows', async () => {
  const [first, second] = [follower(), follower()];
  await command(engine, 'deny-medium', deny(1));
  const { n } = (await listOfNewDevice()).manifest;
  await open.shift()?.stop();
  expect(await first.turn()).toBe(1);
  await command(engine, 'allow-medium', { tokenId: token(1) });
  expect(await second.turn()).toBe(0);
  await first.stop();
  expect(await second.turn()).toBe(1);
  expect((await listOfNewDevice()).manifest).toMatchObject({ n: n + 2, entries: 2499 });
});

test('after a hundred deltas a snapshot takes their place, and the old messages are cleared', async () => {
  const worker = follower();
  await worker.turn();
  const waiting = follower();
  expect(await waiting.turn()).toBe(0);
  const { n } = (await listOfNewDevice()).manifest;
  for (let turn = 0; turn <= 100; turn++) {
    await engine.pool.query(
      `INSERT INTO fare.deny_entry (entry_id, token_id, action, reason, scope, valid_from_ms, known_from_ms)
       VALUES (gen_random_uuid(), $1, $2, 'lost', 'all', 0, $3)`,
      [token(7), turn % 2 === 0 ? 'deny' : 'allow', engine.clock.nowMs() + turn],
    );
    await worker.turn();
  }
  const { manifest, tokens } = await listOfNewDevice();
  expect(manifest).toMatchObject({ n: n + 101, entries: 2500 });
  expect(manifest.snapshotN).toBeGreaterThan(n);
  expect(tokens.has(token(7))).toBe(true);
  expect([...standing].filter((topic) => topic.includes('/deltas/'))).toHaveLength(
    manifest.n - manifest.snapshotN,
  );
  expect([...standing].filter((topic) => topic.includes('/snapshots/'))).toHaveLength(3);
  // Whoever waited meanwhile goes on from this snapshot, not from what it had heard when it came.
  await worker.stop();
  const watcher = await city.connect('val-2');
  const seen: string[] = [];
  await watcher.subscribeAsync(LISTS.denyAll, { qos: 1 });
  watcher.on('message', (topic, _payload, packet) => void (packet.retain || seen.push(topic)));
  engine.clock.advance(200);
  await command(engine, 'allow-medium', { tokenId: token(7) });
  expect(await waiting.turn()).toBe(1);
  await until(() => seen.includes(LISTS.denyManifest));
  expect(seen).toEqual([LISTS.denyDelta(1, manifest.n + 1), LISTS.denyManifest]);
});

test('an older manifest of whoever led before is set right at the next turn', async () => {
  const worker = follower();
  await worker.turn();
  const { manifest: older } = await listOfNewDevice();
  await command(engine, 'deny-medium', deny(8));
  await worker.turn();
  const heard: number[] = [];
  await mqtt.subscribe(LISTS.denyManifest, (_topic, payload) => {
    const opened = openDenyManifest(payload, keys);
    if (opened.ok) heard.push(opened.value.n);
  });
  await until(() => heard.at(-1) === older.n + 1);
  await mqtt.publish(LISTS.denyManifest, sealEnvelope('deny-manifest', older, signer), {
    qos: 1,
    retain: true,
  });
  await until(() => heard.at(-1) === older.n);
  await worker.turn();
  const { manifest, tokens } = await listOfNewDevice();
  expect(manifest.n).toBe(older.n + 1);
  expect(tokens.has(token(8))).toBe(true);
});

/** Of this database: other tests share the server. */
const LEADERS = `FROM pg_locks WHERE locktype = 'advisory' AND objid = ${0x6b76_646c} AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

test('who loses the lead before its manifest sends none', async () => {
  const successor = follower();
  let lost = false;
  const probe = async (point: string): Promise<void> => {
    if (point !== 'fare.lists.before-manifest' || lost) return;
    lost = true;
    await engine.admin.query(`SELECT pg_terminate_backend(pid) ${LEADERS}`);
    await until(async () => (await successor.turn()) === 0 && (await leaders()) === 1);
  };
  const worker = createDenyListPublisher({
    pool: engine.pool,
    mqtt,
    signer,
    clock: engine.clock,
    log,
    probe,
  });
  open.unshift(worker);
  await command(engine, 'deny-medium', deny(11));
  await expect(worker.turn()).rejects.toThrow('another engine publishes');
  expect(lost).toBe(true);
  const { tokens } = await listOfNewDevice();
  expect(tokens.has(token(11))).toBe(true);
});

async function leaders(): Promise<number> {
  return (await engine.admin.query(`SELECT ${LEADERS}`)).rowCount ?? 0;
}

test('a database that was set back publishes nothing until a generation is begun under the offline key', async () => {
  const worker = follower();
  await worker.turn();
  const before = await listOfNewDevice();
  await open.shift()?.stop();
  await worker.stop();
  await engine.admin.query(
    'WITH back AS (UPDATE fare.deny_list SET n = n - 1 RETURNING n) DELETE FROM fare.deny_delta WHERE n > (SELECT n FROM back)',
  );
  await command(engine, 'deny-medium', deny(9));
  const restored = follower();
  expect(await restored.turn()).toBe(0);
  const unchanged = await listOfNewDevice();
  expect(unchanged).toEqual(before);
  await open.shift()?.stop();
  const offline = generateKeyPairSync('ed25519');
  const offlineKeys = new Map([['generation-1', offline.publicKey]]);
  const statement = (generation: number, key = offline.privateKey) =>
    sealDenyGeneration(generation, 0, { keyId: 'generation-1', privateKey: key });
  const raise = (text: string) =>
    inTransaction(engine.pool, (client) => raiseGeneration(client, text, offlineKeys));
  expect(await raise(statement(2, privateKey))).toMatchObject({
    ok: false,
    reason: 'DENY_STATEMENT_INVALID',
  });
  expect(await raise(statement(2))).toEqual({ ok: true, generation: 2 });
  expect(await raise(statement(2))).toEqual({ ok: true, generation: 2 });
  expect(await raise(`${statement(2)} `)).toMatchObject({
    ok: false,
    reason: 'DENY_GENERATION_NOT_ABOVE',
  });
  await restored.turn();
  const { manifest, tokens } = await listOfNewDevice();
  expect(manifest).toMatchObject({ generation: 2, n: 1, snapshotN: 1, snapshotChunks: 3 });
  expect(openDenyGeneration(manifest.generationProof ?? '', offlineKeys)).toMatchObject({ ok: true });
  expect(tokens.size).toBe(before.tokens.size + 1);
  expect([...standing].some((topic) => /\/(deltas|snapshots)\/1\//.test(topic))).toBe(false);
});

test('a broker that has forgotten everything gets a snapshot, chunk by chunk in the order of tokens', async () => {
  const other = await startTestBroker(CLIENTS);
  const link = connectMqtt({ url: other.broker.url, clientId: 'lists', secret: secretOf('lists'), log });
  open.push(link, other);
  await link.whenConnected();
  await follower(link).turn();
  const { manifest, tokens } = await listOfNewDevice(other);
  expect(manifest).toMatchObject({ snapshotN: manifest.n, snapshotChunks: 3, entries: tokens.size });
  expect([...tokens.keys()]).toEqual([...tokens.keys()].sort());
  const { rows } = await engine.admin.query('SELECT n FROM fare.deny_delta');
  expect(rows).toEqual([]);
});
