/** The tariff extract from the engine's database over a real broker into a validator, and back as proof. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { openTariffExtract } from '#contracts/tariff-extract.ts';
import { openTariffManifest, TARIFF_PART_BYTES, tariffParts } from '#contracts/tariff-list.ts';
import { LISTS } from '#contracts/topics.ts';
import { createLogger } from '#platform/logger.ts';
import { connectMqtt, type MqttConnection } from '#platform/mqtt-connection.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { createLeaderLock, type LeaderLock } from '../../fare-engine/adapters/leader-lock.ts';
import {
  createTariffListPublisher,
  type TariffListPublisher,
} from '../../fare-engine/adapters/tariff-list-publisher.ts';
import { showTariffDevices } from '../../fare-engine/show-tariff-devices.ts';
import { secretOf, startTestBroker, type TestBroker, type TestClient } from '../broker/harness.ts';
import { PACKAGE, packageOf } from '../support/tariff.ts';
import { until } from '../support/until.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';

const INGEST = join(import.meta.dirname, '../../ingest/migrations');
const CLIENTS: TestClient[] = [
  { clientId: 'lists', role: 'lists' },
  { clientId: 'val-1', role: 'device' },
];
const { privateKey } = generateKeyPairSync('ed25519');
const signer = { keyId: 'lists-1', privateKey };
const keys = new Map([['lists-1', createPublicKey(privateKey)]]);
const log = createLogger({ component: 'test', level: 'silent' });
const first = packageOf();
const next = packageOf({
  'tariff.yaml': (PACKAGE['tariff.yaml'] as string)
    .replace(/version_id: \S+/, 'version_id: next')
    .replace(/valid_from: \S+/, 'valid_from: 2025-12-01'),
});

let engine: EngineDatabase;
let city: TestBroker;
let mqtt: MqttConnection;
let lock: LeaderLock;
let packages: readonly TariffPackage[] = [first];
let publisher: TariffListPublisher;
beforeAll(async () => {
  engine = await openEngineDatabase();
  await engine.database.migrate([{ schema: 'ingest', owner: 'ingest_owner', dir: INGEST }]);
  city = await startTestBroker(CLIENTS);
  mqtt = connectMqtt({ url: city.broker.url, clientId: 'lists', secret: secretOf('lists'), log });
  await mqtt.whenConnected();
  lock = createLeaderLock(engine.pool, 0x77);
  publisher = publisherAt(mqtt, lock);
});
afterAll(async () => {
  await lock?.release();
  await mqtt?.stop();
  await city?.stop();
  await engine?.close();
});

function publisherAt(link: MqttConnection, under: LeaderLock): TariffListPublisher {
  return createTariffListPublisher({
    pool: engine.pool,
    mqtt: link,
    signer,
    lock: under,
    clock: engine.clock,
    log,
    city: { zone: 'Europe/Kyiv', dayStart: '04:00' },
    packages: async () => packages,
  });
}

/** What a validator that comes now finds: the file that the retained manifest leads to. */
async function heldByNewcomer() {
  const device = connectMqtt({
    url: city.broker.url,
    clientId: 'val-1',
    secret: secretOf('val-1'),
    log,
  });
  const retained = new Map<string, Uint8Array>();
  await device.subscribe(LISTS.tariffAll, (topic, payload) => void retained.set(topic, payload));
  const manifest = await until(() => {
    const bytes = retained.get(LISTS.tariff);
    const opened = bytes && openTariffManifest(bytes, keys);
    return opened?.ok ? opened.value : null;
  });
  const topics = Array.from({ length: tariffParts(manifest.bytes) }, (_, part) =>
    LISTS.tariffPart(manifest.sha256, part),
  );
  await until(() => topics.every((topic) => retained.has(topic)));
  await device.stop();
  const file = Buffer.concat(topics.map((topic) => retained.get(topic) as Uint8Array));
  expect(sha256Hex(file)).toBe(manifest.sha256);
  expect(Math.max(...[...retained.values()].map(({ length }) => length))).toBeLessThanOrEqual(
    TARIFF_PART_BYTES,
  );
  const opened = openTariffExtract(file, keys);
  if (!opened.ok) throw new Error('not believed');
  return { manifest, extract: opened.value, parts: retained.size - 1 };
}

const versions = async () =>
  (await engine.admin.query('SELECT version::float8 AS v FROM fare.tariff_extract ORDER BY 1')).rows.map(
    ({ v }) => v as number,
  );

test('goes out once, again when it changes, and what it replaces is cleared', async () => {
  await publisher.turn();
  const one = await heldByNewcomer();
  expect(one.extract.version).toBe(one.manifest.version);
  await publisher.turn();
  expect(await versions()).toEqual([one.manifest.version]);
  packages = [first, next];
  await publisher.turn();
  const two = await heldByNewcomer();
  expect(two.manifest.version).toBeGreaterThan(one.manifest.version);
  // In force from December: it is there in October.
  expect(two.extract.packages.map(({ packageHash }) => packageHash)).toEqual([first.hash, next.hash]);
  expect(two.parts).toBe(tariffParts(two.manifest.bytes));
});

test('whoever leads publishes, and the next one goes on under the same version', async () => {
  const other = createLeaderLock(engine.pool, 0x77);
  const follower = publisherAt(mqtt, other);
  const before = await versions();
  packages = [first];
  await follower.turn();
  expect(await versions()).toEqual(before);
  packages = [first, next];
  await lock.release();
  await follower.turn();
  expect(await versions()).toEqual(before);
  expect((await heldByNewcomer()).manifest.version).toBe(before.at(-1));
  await other.release();
});

test('a broker that has forgotten gets it back at the next connection', async () => {
  const fresh = await startTestBroker(CLIENTS);
  const link = connectMqtt({ url: fresh.broker.url, clientId: 'lists', secret: secretOf('lists'), log });
  await link.whenConnected();
  const old = city;
  city = fresh;
  await publisherAt(link, lock).turn();
  expect((await heldByNewcomer()).manifest.version).toBe((await versions()).at(-1));
  city = old;
  await link.stop();
  await fresh.stop();
});

test('a database that was set back leads on above what the broker has', async () => {
  const [before] = (await versions()).slice(-1) as [number];
  await engine.admin.query('DELETE FROM fare.tariff_extract');
  engine.clock.setWall(before - 86_400_000);
  await publisherAt(mqtt, lock).turn();
  expect(await versions()).toEqual([before + 1]);
  expect((await heldByNewcomer()).manifest.version).toBe(before + 1);
});

test('the proof says who has it since when, and who has not', async () => {
  const { manifest } = await heldByNewcomer();
  await engine.admin.query(
    `INSERT INTO ingest.device_key (device_id, key_id, public_key_pem, valid_from_ms)
     SELECT 'val-' || n, 'k' || n, 'pem', 0 FROM generate_series(1, 3) AS n`,
  );
  await engine.admin.query('INSERT INTO ingest.device_tariff VALUES ($1, $2, $3, 7, 9), ($4, 1, $5, 1, 9)', [
    'val-1',
    manifest.version,
    manifest.sha256,
    'val-2',
    'a'.repeat(64),
  ]);
  const proof = await showTariffDevices(engine.admin);
  expect(proof).toMatchObject({ have: 1, lack: 2, extract: { version: manifest.version } });
  expect(proof.devices.map(({ deviceId, current, sinceMs }) => [deviceId, current, sinceMs])).toEqual([
    ['val-1', true, 7],
    ['val-2', false, 1],
    ['val-3', false, null],
  ]);
});
