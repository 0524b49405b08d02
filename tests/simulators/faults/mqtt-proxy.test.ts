import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { Aedes } from 'aedes';
import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MessageRule, type MqttProxy, startMqttProxy } from '../../../simulators/faults/mqtt-proxy.ts';
import { until } from '../../support/until.ts';

let aedes: Aedes;
let server: Server;
let proxy: MqttProxy;
let sender: MqttClient;
let listener: MqttClient;
let heard: string[];

beforeEach(async () => {
  aedes = await Aedes.createBroker();
  server = createServer(aedes.handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  proxy = await startMqttProxy({ target: { host: '127.0.0.1', port }, chance: () => 0.5 });
  const options = { protocolVersion: 4, reconnectPeriod: 0 } as const;
  sender = await mqtt.connectAsync(`mqtt://127.0.0.1:${proxy.port}`, options);
  listener = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options);
  heard = [];
  listener.on('message', (_topic, payload) => heard.push(payload.toString()));
  await listener.subscribeAsync('#', { qos: 1 });
});
afterEach(async () => {
  sender.end(true);
  listener.end(true);
  await proxy.stop();
  server.close();
  await new Promise<void>((resolve) => aedes.close(resolve));
});

const rule = (acts: Omit<MessageRule, 'direction' | 'filter'>): void =>
  proxy.rule([{ direction: 'up', filter: 'taps/+', ...acts }]);
const send = async (...payloads: string[]): Promise<void> => {
  for (const payload of payloads) await sender.publishAsync('taps/1', payload, { qos: 1 });
};

describe('a broker on a bad day', () => {
  it('without rules passes every message once', async () => {
    await send('a', 'b');
    await until(() => heard.length === 2);
    expect(heard).toEqual(['a', 'b']);
  });

  it('sends messages twice', async () => {
    rule({ duplicate: 1 });
    await send('a', 'b');
    await until(() => heard.length === 4);
    expect(heard).toEqual(['a', 'a', 'b', 'b']);
    expect(proxy.counts()).toMatchObject({ duplicate: 2 });
  });

  it('acknowledges messages and loses them', async () => {
    rule({ lose: 1 });
    await send('a', 'b');
    rule({});
    await send('c');
    await until(() => heard.length === 1);
    expect(heard).toEqual(['c']);
  });

  it('swaps two messages', async () => {
    rule({ swap: 1 });
    const first = sender.publishAsync('taps/1', 'a', { qos: 1 });
    const second = sender.publishAsync('taps/1', 'b', { qos: 1 });
    await Promise.all([first, second]);
    await until(() => heard.length === 2);
    expect(heard).toEqual(['b', 'a']);
  });

  it('brings old messages again, and leaves other topics alone', async () => {
    rule({ replay: 1 });
    await send('a', 'b', 'c');
    await sender.publishAsync('health/1', 'h', { qos: 1 });
    await until(() => heard.includes('h'));
    // The first has no older one; which older one comes is chance, here the middle of those there are. Copies go
    // without acknowledgement and may overtake.
    expect(heard.toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'h']);
  });
});
