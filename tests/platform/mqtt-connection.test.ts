import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { afterEach, describe, expect, test } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import {
  connectMqtt,
  type MqttConnection,
  MqttNotConnected,
  topicMatches,
} from '#platform/mqtt-connection.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';

const lines: string[] = [];
const log = createLogger({ component: 'test', level: 'debug', write: (line) => lines.push(line) });
const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
  lines.length = 0;
});

/** A real broker on a given port; `cut` drops every connection, `stall` stops reading from each. */
async function startBroker(
  port: number,
): Promise<{ aedes: Aedes; cut(): void; stall(): void; stop(): Promise<void> }> {
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    aedes.handle(socket);
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const stop = async (): Promise<void> => {
    server.close();
    cut();
    await new Promise<void>((resolve) => aedes.close(resolve));
  };
  const stall = (): void => {
    for (const socket of sockets) socket.removeAllListeners('readable').pause();
  };
  return { aedes, cut, stall, stop };
}

function connection(port: number, clientId: string, backoff = { firstMs: 10, maxMs: 50 }): MqttConnection {
  const made = connectMqtt({
    url: `mqtt://127.0.0.1:${port}`,
    clientId,
    secret: 'secret-of-a-test',
    log,
    backoff,
  });
  cleanups.push(() => made.stop());
  return made;
}

describe('a connection to the broker', () => {
  test('delivers a message at QoS 1 to a matching handler, and says whether it was retained', async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    cleanups.push(broker.stop);
    const [a, b] = [connection(port, 'a'), connection(port, 'b')];
    await a.whenConnected();
    await a.publish('kept/x', 'old', { qos: 1, retain: true });
    const got: unknown[] = [];
    await b.subscribe('kept/+', (topic, payload, { retain }) => {
      got.push([topic, Buffer.from(payload).toString(), retain]);
    });
    await a.publish('kept/x', new Uint8Array([110, 101, 119]), { qos: 1 });
    await a.publish('other/x', 'no', { qos: 1 });
    await until(() => got.length >= 2);
    expect(got).toEqual([
      ['kept/x', 'old', true],
      ['kept/x', 'new', false],
    ]);
  });

  test('comes back after a cut and subscribes anew before it says so', async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    cleanups.push(broker.stop);
    const client = connection(port, 'back');
    const got: string[] = [];
    await client.subscribe('t', (_topic, payload) => void got.push(Buffer.from(payload).toString()));
    await client.whenConnected();
    const lost = new Promise<void>((resolve) => void client.onLost(resolve));
    broker.cut();
    await lost;
    expect(client.connected).toBe(false);
    await client.whenConnected();
    await client.publish('t', 'again', { qos: 1 });
    await until(() => got.length === 1);
    expect(got).toEqual(['again']);
  });

  test('in a hurry tries at once, however long it meant to wait', async () => {
    const port = await freePort();
    const weeks = 2_000_000_000;
    const client = connection(port, 'patient', { firstMs: weeks, maxMs: weeks });
    await until(() => lines.some((line) => line.includes('mqtt.lost')));
    const broker = await startBroker(port);
    cleanups.push(broker.stop);
    client.hurry();
    await client.whenConnected();
    // Connected, or stopped, there is nothing to hurry.
    client.hurry();
    expect(client.connected).toBe(true);
    await client.stop();
    client.hurry();
    expect(client.connected).toBe(false);
  });

  test('hears no more of what it has unsubscribed from, also after a cut', async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    cleanups.push(broker.stop);
    const client = connection(port, 'leaver-of-topics');
    const got: string[] = [];
    await client.subscribe('left', () => void got.push('left'));
    await client.subscribe('kept', () => void got.push('kept'));
    await client.unsubscribe('left');
    for (const round of [1, 2]) {
      await client.publish('left', 'x', { qos: 1 });
      await client.publish('kept', 'x', { qos: 1 });
      await until(() => got.length === round);
      if (round === 2) break;
      const lost = new Promise<void>((resolve) => void client.onLost(resolve));
      broker.cut();
      await lost;
      await client.whenConnected();
    }
    expect(got).toEqual(['kept', 'kept']);
  });

  test('an acknowledgement is told before what came after it is looked at', async () => {
    // A broker by hand, so that both packets come in one piece.
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (packet: Buffer) => {
        const type = (packet[0] ?? 0) >> 4;
        if (type === 1) socket.write(Buffer.from([0x20, 2, 0, 0]));
        if (type === 8) socket.write(Buffer.from([0x90, 3, packet[2] ?? 0, packet[3] ?? 0, 1]));
        if (type !== 3) return;
        const idAt = 4 + packet.readUInt16BE(2);
        const acknowledged = Buffer.from([0x40, 2, packet[idAt] ?? 0, packet[idAt + 1] ?? 0]);
        socket.write(Buffer.concat([acknowledged, Buffer.from([0x30, 4, 0, 1, 0x74, 0x78])]));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => void server.close());
    const client = connection((server.address() as AddressInfo).port, 'orderly');
    const order: string[] = [];
    await client.subscribe('t', () => void order.push('heard'));
    await client.publish('t', 'x', { qos: 1, onAcknowledged: () => void order.push('acknowledged') });
    await until(() => order.length === 2);
    expect(order).toEqual(['acknowledged', 'heard']);
  });

  test('one that is pushed off again and again as soon as it is in waits longer each time', async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    cleanups.push(broker.stop);
    const client = connection(port, 'pushed');
    client.onConnected(() => broker.cut());
    const tries = (): number[] =>
      lines
        .map((line) => JSON.parse(line))
        .filter(({ msg }) => msg === 'mqtt.lost')
        .map((line) => line.tries);
    await until(() => tries().length >= 4);
    expect(tries().slice(0, 4)).toEqual([1, 2, 3, 4]);
  });

  test('starts before its broker does, and logs an outage once, not once for each try', async () => {
    const port = await freePort();
    const client = connection(port, 'early');
    await until(() => lines.filter((line) => line.includes('mqtt.lost')).length >= 4);
    const broker = await startBroker(port);
    cleanups.push(broker.stop);
    await client.whenConnected();
    const warnings = lines.map((line) => JSON.parse(line)).filter((line) => line.level === 40);
    expect(warnings).toHaveLength(1);
    expect(lines.join('')).not.toContain('secret-of-a-test');
  });

  test('a ping is answered by a broker that is awake, and by none that stands still, until the connection is lost', async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    cleanups.push(broker.stop);
    const a = connection(port, 'a');
    await expect(a.answered()).rejects.toThrow(MqttNotConnected);
    await a.whenConnected();
    await a.answered();
    broker.stall();
    const asked = a.answered();
    // The broker has heard a client that came later, and not this one.
    const b = connection(port, 'b');
    await b.whenConnected();
    const first = Promise.race([asked.then(() => 'a'), b.answered().then(() => 'b')]);
    expect(await first).toBe('b');
    broker.cut();
    await expect(asked).rejects.toThrow(MqttNotConnected);
  });

  test('refuses to publish without a connection instead of queueing', async () => {
    const client = connection(await freePort(), 'alone');
    await expect(client.publish('t', 'x', { qos: 1 })).rejects.toBeInstanceOf(MqttNotConnected);
  });

  test('a publish whose acknowledgement never comes is rejected when the connection breaks', async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    cleanups.push(broker.stop);
    broker.aedes.authorizePublish = (_client, _packet, _done) => {}; // never answers
    const client = connection(port, 'pending');
    await client.whenConnected();
    const pending = client.publish('t', 'x', { qos: 1 });
    setImmediate(broker.cut);
    await expect(pending).rejects.toBeInstanceOf(MqttNotConnected);
  });

  test('a subscription that the broker refuses is rejected', async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    cleanups.push(broker.stop);
    broker.aedes.authorizeSubscribe = (_client, subscription, done) =>
      done(null, subscription.topic === 'mine' ? subscription : null);
    const client = connection(port, 'nosy');
    await client.subscribe('mine', () => {});
    await expect(client.subscribe('foreign', () => {})).rejects.toThrow();
  });

  test('a handler that throws is logged and the next message still arrives', async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    cleanups.push(broker.stop);
    const client = connection(port, 'sturdy');
    const got: string[] = [];
    await client.subscribe('t', (_topic, payload) => {
      const text = Buffer.from(payload).toString();
      if (text === 'bad') throw new Error('cannot take this');
      got.push(text);
    });
    await client.publish('t', 'bad', { qos: 1 });
    await client.publish('t', 'good', { qos: 1 });
    await until(() => got.length === 1);
    expect(lines.join('')).toContain('mqtt.handler-failed');
  });

  test('the will is published when the connection is cut, and not after a polite stop', async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    cleanups.push(broker.stop);
    const watcher = connection(port, 'watcher');
    const wills: string[] = [];
    await watcher.subscribe('will/#', (topic) => void wills.push(topic));
    const withWill = (id: string): MqttConnection =>
      connectMqtt({
        url: `mqtt://127.0.0.1:${port}`,
        clientId: id,
        secret: 's',
        log,
        will: { topic: `will/${id}`, payload: new Uint8Array([1]), qos: 1, retain: false },
      });
    const polite = withWill('polite');
    await polite.whenConnected();
    await polite.stop();
    const rude = withWill('rude');
    cleanups.push(() => rude.stop());
    await rude.whenConnected();
    const session = (broker.aedes as unknown as { clients: Record<string, { conn: Socket }> }).clients[
      'rude'
    ];
    session?.conn.destroy();
    await until(() => wills.length > 0);
    expect(wills).toEqual(['will/rude']);
  });

  test('stopping twice, and stopping while the broker is away, is quiet', async () => {
    const client = connection(await freePort(), 'leaver');
    const waiting = client.whenConnected();
    await Promise.all([
      client.stop(),
      client.stop(),
      expect(waiting).rejects.toBeInstanceOf(MqttNotConnected),
    ]);
  });
});

describe('topic filters', () => {
  test.each([
    ['a/b', 'a/b', true],
    ['a/b', 'a/b/c', false],
    ['a/+', 'a/b', true],
    ['a/+', 'a', false],
    ['a/+', 'a/', true],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$share/g/a/+', 'a/b', true],
    ['$share/g/a/+', 'g/a/b', false],
  ])('%s takes %s: %s', (filter, topic, takes) => {
    expect(topicMatches(filter, topic)).toBe(takes);
  });
});
