/** A real broker on a free port with clients whose secrets are known, and sockets that may say anything. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import type { IClientOptions, MqttClient } from 'mqtt';
import { systemClock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import type { BrokerLimits } from '../../broker/config.ts';
import { type Broker, startBroker } from '../../broker/main.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { secretOf, type TestClient, writeIdentities } from './clients.ts';
import { clientKit } from './port/under-test.ts';

export { secretOf, type TestClient, writeIdentities } from './clients.ts';

export interface TestBroker {
  readonly broker: Broker;
  readonly identitiesPath: string;
  readonly port: number;
  /** Connects a client; rejects with the broker's refusal. */
  connect(clientId: string, options?: IClientOptions): Promise<MqttClient>;
  /** Ends every client that was connected so far. */
  endClients(): Promise<void>;
  /** Opens a bare socket; `closed` resolves when the broker ends it. */
  open(): Promise<{ socket: Socket; closed: Promise<unknown> }>;
  stop(): Promise<void>;
}

export async function startTestBroker(
  clients: readonly TestClient[],
  limits: Partial<BrokerLimits> = {},
): Promise<TestBroker> {
  const folder = tempFolder('broker');
  const identitiesPath = join(folder.path, 'identities.json');
  writeIdentities(identitiesPath, clients);
  const broker = await startBroker(
    { KVYTOK_BROKER_LISTEN: '127.0.0.1:0', KVYTOK_BROKER_IDENTITIES: identitiesPath, limits },
    { clock: systemClock, log: createLogger({ component: 'broker', level: 'silent' }) },
  );
  const kit = clientKit(broker.url);
  const sockets: Socket[] = [];
  const port = Number(new URL(broker.url).port);
  return {
    broker,
    identitiesPath,
    port,
    connect: kit.connect,
    endClients: kit.endAll,
    open: async () => {
      const socket = connectTcp(port, '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => {});
      const closed = new Promise((resolve) => socket.once('close', resolve));
      await once(socket, 'connect');
      socket.resume();
      return { socket, closed };
    },
    stop: async () => {
      await kit.endAll();
      for (const socket of sockets) socket.destroy();
      await broker.stop();
      folder.remove();
    },
  };
}

/** CONNECT bytes of MQTT 3.1.1 written by hand (§3.1). */
export function connectPacket(clientId: string, password = secretOf(clientId), keepAliveS = 60): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
  };
  const head = Buffer.from([0x04, 0xc2, keepAliveS >> 8, keepAliveS & 0xff]);
  const body = Buffer.concat([text('MQTT'), head, text(clientId), text(clientId), text(password)]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}
