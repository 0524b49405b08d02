import { writeFileSync } from 'node:fs';
import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import { startBroker } from '../../broker/main.ts';
import { until } from '../support/until.ts';
import {
  connectPacket,
  event,
  startTestBroker,
  type TestBroker,
  type TestClient,
  writeIdentities,
} from './harness.ts';

const CLIENTS: readonly TestClient[] = [
  { clientId: 'val-1', role: 'device' },
  { clientId: 'val-2', role: 'device' },
  { clientId: 'ingest', role: 'ingest' },
  { clientId: 'office', role: 'lists' },
  { clientId: 'eye', role: 'monitor' },
];
const log = createLogger({ component: 'test', level: 'silent' });

let city: TestBroker;
beforeAll(async () => {
  city = await startTestBroker(CLIENTS, {
    connectMsMax: 400,
    identitiesEveryMs: 20,
    keepAliveSecondsMax: 60,
  });
});
afterAll(() => city?.stop());

const refusedSoFar = (reason: keyof ReturnType<TestBroker['broker']['counts']>['refused']): number =>
  city.broker.counts().refused[reason] ?? 0;

/** Resolves with the next message. */
async function next(client: MqttClient): Promise<{ topic: string; text: string; retain: boolean }> {
  const [topic, payload, packet] = await event<[string, Buffer, { retain: boolean }]>(client, 'message');
  return { topic, text: payload.toString(), retain: packet.retain };
}

describe('the way of a message', () => {
  it('goes from a device to ingest and the answer back to that device only', async () => {
    const [device, other, ingest] = await Promise.all(
      ['val-1', 'val-2', 'ingest'].map((id) => city.connect(id)),
    );
    if (!device || !other || !ingest) throw new Error('not connected');
    await ingest.subscribeAsync('kvytok/v1/+/taps', { qos: 1 });
    await device.subscribeAsync('kvytok/v1/val-1/receipts', { qos: 1 });
    await other.subscribeAsync('kvytok/v1/val-2/receipts', { qos: 1 });
    const foreign: unknown[] = [];
    other.on('message', (topic) => foreign.push(topic));
    const arrives = next(ingest);
    await device.publishAsync('kvytok/v1/val-1/taps', 'a batch', { qos: 1 });
    expect(await arrives).toMatchObject({ topic: 'kvytok/v1/val-1/taps', text: 'a batch' });
    const answered = next(device);
    await ingest.publishAsync('kvytok/v1/val-1/receipts', 'a receipt', { qos: 1 });
    expect((await answered).text).toBe('a receipt');
    expect(foreign).toEqual([]);
    await Promise.all([device, other, ingest].map((client) => client.endAsync()));
  });

  it('keeps lists for devices that come later', async () => {
    const office = await city.connect('office');
    await office.publishAsync('kvytok/v1/lists/deny', 'version 7', { qos: 1, retain: true });
    const device = await city.connect('val-1');
    const arrives = next(device);
    await device.subscribeAsync('kvytok/v1/lists/deny/#', { qos: 1 });
    expect(await arrives).toEqual({ topic: 'kvytok/v1/lists/deny', text: 'version 7', retain: true });
    await Promise.all([office.endAsync(), device.endAsync()]);
  });

  it('publishes the last will of a device that vanishes', async () => {
    const eye = await city.connect('eye');
    await eye.subscribeAsync('kvytok/v1/+/status', { qos: 1 });
    const will = {
      topic: 'kvytok/v1/val-2/status',
      payload: Buffer.from('gone'),
      qos: 1 as const,
      retain: true,
    };
    const device = await city.connect('val-2', { will });
    const arrives = next(eye);
    device.stream.destroy();
    expect(await arrives).toMatchObject({ topic: will.topic, text: 'gone' });
    await eye.endAsync();
  });

  it('answers a QoS 1 publish without waiting for company', async () => {
    const device = await city.connect('val-1');
    const times: number[] = [];
    for (let i = 0; i < 20; i++) {
      const from = performance.now();
      await device.publishAsync('kvytok/v1/val-1/health', '{}', { qos: 1 });
      times.push(performance.now() - from);
    }
    times.sort((a, b) => a - b);
    // With Nagle's algorithm and delayed acknowledgement it is 40 ms each.
    expect(times[10]).toBeLessThan(20);
    await device.endAsync();
  });
});

describe('who may not', () => {
  it.each([
    ['with a wrong secret', { password: 'wrong' }],
    ['under another user name', { username: 'val-2' }],
    ['without a secret', { password: undefined as unknown as string }],
    ['with a stored session', { clean: false }],
    ['with a keep-alive that never ends', { keepalive: 0 }],
    ['with a keep-alive of an hour', { keepalive: 3600 }],
    [
      'with a will on a foreign topic',
      { will: { topic: 'kvytok/v1/val-2/status', payload: Buffer.from('x'), qos: 1 as const, retain: true } },
    ],
    [
      'with a retained will on its taps',
      { will: { topic: 'kvytok/v1/val-1/taps', payload: Buffer.from('x'), qos: 1 as const, retain: true } },
    ],
    [
      'with a will in $SYS',
      { will: { topic: '$SYS/x', payload: Buffer.from('x'), qos: 0 as const, retain: false } },
    ],
  ])('a device does not come in %s', async (_name, options) => {
    await expect(city.connect('val-1', options)).rejects.toThrow();
  });

  it('a client of MQTT 5 is told so', async () => {
    await expect(city.connect('val-1', { protocolVersion: 5 })).rejects.toThrow();
  });

  it.each([
    ['a foreign topic', 'kvytok/v1/val-2/taps', {}],
    ['receipts', 'kvytok/v1/val-1/receipts', {}],
    ['a list', 'kvytok/v1/lists/deny', { retain: true }],
    ['retained taps', 'kvytok/v1/val-1/taps', { retain: true }],
    ['a topic of the broker', '$SYS/x/new/clients', {}],
    ['a topic with 120 levels', `${'a/'.repeat(120)}a`, {}],
  ])('a device that publishes to %s is disconnected and nobody hears it', async (_name, topic, options) => {
    const device = await city.connect('val-1');
    const ingest = await city.connect('ingest');
    await ingest.subscribeAsync(['kvytok/v1/+/taps', 'kvytok/v1/+/status'], { qos: 1 });
    const heard: string[] = [];
    ingest.on('message', (heardTopic, _payload, packet) => packet.retain || heard.push(heardTopic));
    const closed = event(device, 'close');
    device.publish(topic, 'x', { qos: 1, ...options });
    await closed;
    const again = await city.connect('val-1');
    const marker = event(ingest, 'message');
    await again.publishAsync('kvytok/v1/val-1/taps', 'marker', { qos: 1 });
    await marker;
    expect(heard).toEqual(['kvytok/v1/val-1/taps']);
    await Promise.all([again.endAsync(), ingest.endAsync()]);
  });

  it.each([
    '#',
    '+/#',
    '$SYS/#',
    'kvytok/v1/+/taps',
    'kvytok/v1/val-2/receipts',
    '$share/g/kvytok/v1/val-1/receipts',
  ])('a device that subscribes to %s is refused and stays connected', async (filter) => {
    const device = await city.connect('val-1');
    const before = refusedSoFar('SUBSCRIBE_REFUSED');
    const grants = await device.subscribeAsync(filter, { qos: 1 }).catch(() => 'refused' as const);
    expect(grants).toBe('refused');
    expect(refusedSoFar('SUBSCRIBE_REFUSED')).toBe(before + 1);
    await device.publishAsync('kvytok/v1/val-1/health', '{}', { qos: 1 });
    await device.endAsync();
  });
});

describe('bytes that are no MQTT', () => {
  it.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'NOT_MQTT'],
    ['a CONNECT of 268 MB', Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]), 'CONNECT_TOO_LARGE'],
    ['a CONNECT of 100 kB', Buffer.from([0x10, 0xa0, 0x8d, 0x06]), 'CONNECT_TOO_LARGE'],
    ['a publish as the first packet', Buffer.from([0x30, 0x03, 0, 1, 0x61]), 'NOT_MQTT'],
    ['zeros', Buffer.alloc(64), 'NOT_MQTT'],
  ] as const)('drops %s at once', async (_name, bytes, reason) => {
    const before = refusedSoFar(reason);
    const { socket, closed } = await city.open();
    socket.write(bytes);
    await closed;
    expect(refusedSoFar(reason)).toBe(before + 1);
  });

  it.each([
    ['half a fixed header', Buffer.from([0x10])],
    ['half a CONNECT', connectPacket('val-1').subarray(0, 20)],
    ['nothing at all', Buffer.alloc(0)],
  ])('drops a client that sends %s and then waits', async (_name, bytes) => {
    const before = refusedSoFar('CONNECT_LATE');
    const { socket, closed } = await city.open();
    socket.write(bytes);
    await closed;
    expect(refusedSoFar('CONNECT_LATE')).toBe(before + 1);
  });

  it('drops a client whose CONNECT comes byte by byte without end', async () => {
    const { socket, closed } = await city.open();
    const packet = connectPacket('val-1');
    let at = 0;
    const timer = setInterval(() => at < packet.length - 1 && socket.write(packet.subarray(at, ++at)), 30);
    await closed;
    clearInterval(timer);
    expect(at).toBeLessThan(packet.length - 1);
  });

  it('drops a CONNECT with rubbish inside and a good one twice', async () => {
    const rubbish = connectPacket('val-1');
    rubbish.fill(0xff, 2, 12);
    for (const bytes of [rubbish, Buffer.concat([connectPacket('val-1'), connectPacket('val-1')])]) {
      const { socket, closed } = await city.open();
      socket.write(bytes);
      await closed;
    }
  });

  it('drops a device that announces 268 MB, and no other', async () => {
    const other = await city.connect('val-2');
    const { socket, closed } = await city.open();
    const letIn = new Promise((resolve) => socket.once('data', resolve));
    socket.write(connectPacket('val-1'));
    await letIn;
    const before = refusedSoFar('PACKET_TOO_LARGE');
    const rss = process.memoryUsage().rss;
    socket.write(Buffer.concat([Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(1024)]));
    await closed;
    expect(refusedSoFar('PACKET_TOO_LARGE')).toBe(before + 1);
    expect(process.memoryUsage().rss - rss).toBeLessThan(64 * 1024 * 1024);
    await other.publishAsync('kvytok/v1/val-2/health', '{}', { qos: 1 });
    await other.endAsync();
  });

  it('survives a thousand random first packets', async () => {
    for (let i = 0; i < 50; i++) {
      const sockets = await Promise.all(Array.from({ length: 20 }, () => city.open()));
      sockets.forEach(({ socket }, n) => {
        const bytes = Buffer.from(
          Array.from({ length: 40 }, (_, k) => (i * 7919 + n * 104_729 + k * 31) % 256),
        );
        bytes[0] = 0x10;
        bytes[1] = 38;
        socket.end(bytes);
      });
      await Promise.all(sockets.map(({ closed }) => closed));
    }
    const device = await city.connect('val-1');
    await device.publishAsync('kvytok/v1/val-1/health', '{}', { qos: 1 });
    await device.endAsync();
  });
});

describe('identities that change', () => {
  it('a revoked device is disconnected and stays out; the others stay; it may come back when it is enrolled anew', async () => {
    const device = await city.connect('val-1');
    const other = await city.connect('val-2');
    const closed = event(device, 'close');
    writeIdentities(
      city.identitiesPath,
      CLIENTS.filter(({ clientId }) => clientId !== 'val-1'),
    );
    await closed;
    await expect(city.connect('val-1')).rejects.toThrow();
    expect(other.connected).toBe(true);
    expect(city.broker.counts().revoked).toBeGreaterThan(0);
    writeIdentities(city.identitiesPath, CLIENTS);
    const back = await until(() => city.connect('val-1').catch(() => undefined), {
      what: 'val-1 to be let in again',
    });
    await Promise.all([back.endAsync(), other.endAsync()]);
  });

  it('a damaged file changes nothing', async () => {
    const device = await city.connect('val-1');
    writeFileSync(city.identitiesPath, '{"v":1,"clients":[');
    const other = await city.connect('val-2');
    writeIdentities(city.identitiesPath, CLIENTS);
    expect(device.connected).toBe(true);
    await Promise.all([device.endAsync(), other.endAsync()]);
  });
});

describe('bounds', () => {
  it('the connection beyond the most from one address is dropped, and a place that is freed is given again', async () => {
    const small = await startTestBroker(CLIENTS, { connectionsPerAddressMax: 2 });
    const first = await small.connect('val-1');
    await small.connect('val-2');
    await expect(small.connect('ingest')).rejects.toThrow();
    expect(small.broker.counts().refused.TOO_MANY_CONNECTIONS).toBe(1);
    await first.endAsync();
    await until(() => small.connect('ingest').catch(() => undefined), { what: 'the freed place' });
    await small.stop();
  });

  it('a device that floods is read more slowly and loses nothing', async () => {
    const small = await startTestBroker(CLIENTS, { deviceBytesPerSecond: 400_000, deviceBurstBytes: 50_000 });
    const [device, ingest] = await Promise.all([small.connect('val-1'), small.connect('ingest')]);
    await ingest.subscribeAsync('kvytok/v1/+/taps', { qos: 1 });
    let heard = 0;
    ingest.on('message', () => {
      heard += 1;
    });
    const from = performance.now();
    const payload = Buffer.alloc(10_000);
    await Promise.all(
      Array.from({ length: 30 }, () => device.publishAsync('kvytok/v1/val-1/taps', payload, { qos: 1 })),
    );
    await until(() => heard === 30, { what: 'all thirty' });
    expect(performance.now() - from).toBeGreaterThan(300);
    expect(small.broker.counts().throttled).toBeGreaterThan(0);
    await small.stop();
  });

  it('lists beyond the most retained are refused', async () => {
    const small = await startTestBroker(CLIENTS, { retainedListsMax: 2 });
    const office = await small.connect('office');
    await office.publishAsync('kvytok/v1/lists/deny/deltas/1/1', 'x', { qos: 1, retain: true });
    await office.publishAsync('kvytok/v1/lists/deny/deltas/1/2', 'x', { qos: 1, retain: true });
    await office.publishAsync('kvytok/v1/lists/deny/deltas/1/1', '', { qos: 1, retain: true });
    await office.publishAsync('kvytok/v1/lists/deny/deltas/1/3', 'x', { qos: 1, retain: true });
    const closed = event(office, 'close');
    office.publish('kvytok/v1/lists/deny/deltas/1/4', 'x', { qos: 1, retain: true });
    await closed;
    expect(small.broker.counts().refused.PUBLISH_REFUSED).toBe(1);
    await small.stop();
  });
});

describe('starting', () => {
  it('says that the port is in use', async () => {
    const config = {
      KVYTOK_BROKER_LISTEN: `127.0.0.1:${city.port}`,
      KVYTOK_BROKER_IDENTITIES: city.identitiesPath,
    };
    await expect(startBroker(config, { clock: systemClock, log })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
    });
  });

  it('says that there is no identities file', async () => {
    const config = {
      KVYTOK_BROKER_LISTEN: '127.0.0.1:0',
      KVYTOK_BROKER_IDENTITIES: '/nowhere/identities.json',
    };
    await expect(startBroker(config, { clock: systemClock, log })).rejects.toMatchObject({
      code: 'BROKER_IDENTITIES_INVALID',
    });
  });

  it('says that a port cannot be', async () => {
    const config = { KVYTOK_BROKER_LISTEN: '127.0.0.1:99999', KVYTOK_BROKER_IDENTITIES: city.identitiesPath };
    await expect(startBroker(config, { clock: systemClock, log })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('may be stopped twice', async () => {
    const small = await startTestBroker(CLIENTS);
    await small.stop();
    await small.broker.stop();
    expect(small.broker.counts().connections).toBe(0);
  });
});
