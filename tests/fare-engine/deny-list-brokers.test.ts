/** A list of many entries through each broker into a validator's own list: packets within bounds, nothing sent twice. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENVELOPE_BYTES_MAX } from '#contracts/signed-envelope.ts';
import { LISTS } from '#contracts/topics.ts';
import { createLogger } from '#platform/logger.ts';
import { connectMqtt, type MqttConnection } from '#platform/mqtt-connection.ts';
import { createMqttUplink } from '../../edge-agent/adapters/mqtt-uplink.ts';
import { realTimers } from '../../edge-agent/adapters/timers.ts';
import { createDenyFetcher } from '../../edge-agent/deny-fetch.ts';
import { createDenyListPublisher } from '../../fare-engine/adapters/deny-list-publisher.ts';
import { secretOf, type TestClient } from '../broker/clients.ts';
import { startTestBroker } from '../broker/harness.ts';
import { startMosquitto } from '../broker/port/mosquitto.ts';
import { CITY, openList, rest } from '../edge-agent/support/open-deny-list.ts';
import { until } from '../support/until.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';

const ENTRIES = 12_345;
const CLIENTS: TestClient[] = [
  { clientId: 'lists', role: 'lists' },
  { clientId: 'val-1', role: 'device' },
];
const log = createLogger({ component: 'test', level: 'silent' });
const tokenOf = (n: number) => `k1.${n.toString(16).padStart(32, '0')}`;

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
  await engine.admin.query(
    `WITH made AS (
       INSERT INTO fare.deny_published (token_id, entry)
       SELECT token, json_build_object('tokenId', token, 'reason', 'replaced', 'scope', 'all', 'validFromMs', 0, 'validUntilMs', null)
       FROM (SELECT 'k1.' || lpad(to_hex(n), 32, '0') AS token FROM generate_series(0, $1::int - 1) AS n) AS t RETURNING 1)
     UPDATE fare.deny_list SET entries = (SELECT count(*) FROM made)`,
    [ENTRIES],
  );
});
afterAll(() => engine.close());

async function startEmbedded(): Promise<{ url: string; stop(): Promise<unknown> }> {
  const { broker, stop } = await startTestBroker(CLIENTS);
  return { url: broker.url, stop };
}

describe.each([
  ['the embedded broker', startEmbedded],
  ['mosquitto', () => startMosquitto(CLIENTS)],
])('through %s', (_name, start) => {
  const sizes = new Map<string, number>();
  let broker: { url: string; stop(): Promise<unknown> };
  let link: MqttConnection;
  beforeAll(async () => {
    broker = await start();
    link = connectMqtt({ url: broker.url, clientId: 'lists', secret: secretOf('lists'), log });
    const publish = link.publish.bind(link);
    link.publish = (topic, payload, options) => {
      sizes.set(topic, payload.length);
      return publish(topic, payload, options);
    };
    await link.whenConnected();
  });
  afterAll(async () => {
    await link?.stop();
    await broker?.stop();
  });

  const publisher = () =>
    createDenyListPublisher({ pool: engine.pool, mqtt: link, signer: CITY.lists, clock: engine.clock, log });

  test('a validator ends with the whole list, and gives way at every chunk', {
    timeout: 120_000,
  }, async () => {
    const one = publisher();
    await one.turn();
    await one.stop();
    expect(sizes.size).toBe(14);
    expect(Math.max(...sizes.values())).toBeLessThanOrEqual(ENVELOPE_BYTES_MAX);
    let rests = 0;
    const giveWay = () => {
      rests++;
      return rest();
    };
    const list = openList(undefined, new Map(), giveWay);
    const secret = secretOf('val-1');
    const uplink = createMqttUplink({ url: broker.url, deviceId: 'val-1', secret, software: 'test', log });
    const fetcher = createDenyFetcher({
      denyList: list,
      uplink,
      timers: { ...realTimers, rest: giveWay },
      log,
    });
    const ignore = () => {};
    await uplink.start({
      onConnected: ignore,
      onLost: ignore,
      onReceipt: ignore,
      onCommand: ignore,
      onDenyManifest: (payload) => fetcher.manifest(payload),
      onTariffManifest: () => {},
    });
    try {
      await until(() => list.state().entries === ENTRIES, { withinMs: 60_000 });
      expect(rests).toBeGreaterThanOrEqual(2 * 13);
      expect([0, ENTRIES - 1, ENTRIES].map((n) => list.find(tokenOf(n)) !== null)).toEqual([
        true,
        true,
        false,
      ]);
    } finally {
      await fetcher.stop();
      await uplink.stop();
    }
  });

  test('whoever publishes next finds it there, also when the broker stands still before it says so', async () => {
    sizes.clear();
    link.publish = async (topic) => void sizes.set(topic, 0);
    const [said, awake] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const subscribe = link.subscribe.bind(link);
    link.subscribe = (filter, handler) =>
      subscribe(filter, async (...message) => {
        said.resolve();
        await awake.promise;
        await handler(...message);
      });
    link.answered = () => said.promise.then(awake.resolve);
    const next = publisher();
    await next.turn();
    await next.stop();
    expect([...sizes.keys()]).toEqual([LISTS.denyManifest]);
  });
});
