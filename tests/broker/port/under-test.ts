/** What the shared suite needs of a broker, whichever it is. */
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import type { BrokerCapabilities } from '../../../broker/capabilities.ts';
import { secretOf, type TestClient } from '../clients.ts';

export interface BrokerUnderTest {
  readonly capabilities: BrokerCapabilities;
  /** Connects under a client's own identity; rejects when the broker refuses. */
  connect(clientId: string, options?: IClientOptions): Promise<MqttClient>;
  /** What proves a client to be itself. */
  credentials(clientId: string): IClientOptions;
  /** Ways to connect as `val-1` without being it. */
  readonly imposters: readonly (readonly [name: string, options: IClientOptions])[];
  /** Ends every client that was connected so far. */
  endClients(): Promise<void>;
  /** Puts other identities in force, as enrolment would. */
  setClients(clients: readonly TestClient[]): void;
  stop(): Promise<void>;
}

/** Clients of the suite. Actors try what they may and may not; observers hear whether it went through. */
export const SUITE_CLIENTS: readonly TestClient[] = [
  { clientId: 'val-1', role: 'device' },
  { clientId: 'val-2', role: 'device' },
  { clientId: 'val-3', role: 'device' },
  { clientId: 'ingest', role: 'ingest' },
  { clientId: 'ingest-2', role: 'ingest' },
  { clientId: 'office', role: 'lists' },
  { clientId: 'eye', role: 'monitor' },
];

export const PASSWORD_IMPOSTERS: BrokerUnderTest['imposters'] = [
  ['with a wrong secret', { password: 'wrong' }],
  ['under another user name', { username: 'val-2' }],
  ['without a secret', { password: undefined as unknown as string }],
  ['without a name', { username: undefined as unknown as string, password: undefined as unknown as string }],
];

/** Clients that belong to one broker and end with it. */
export interface ClientKit {
  connect(clientId: string, options?: IClientOptions): Promise<MqttClient>;
  endAll(): Promise<void>;
}

/** A client's own secret. */
export function bySecret(clientId: string): IClientOptions {
  return { username: clientId, password: secretOf(clientId) };
}

export function clientKit(
  url: string,
  credentials: (clientId: string) => IClientOptions = bySecret,
): ClientKit {
  const opened: MqttClient[] = [];
  return {
    async connect(clientId, options = {}) {
      const client = mqtt.connect(url, {
        clientId,
        ...credentials(clientId),
        reconnectPeriod: 0,
        protocolVersion: 4,
        ...options,
      });
      client.setMaxListeners(100);
      client.on('error', () => {});
      opened.push(client);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      client.once('connect', () => resolve());
      client.once('error', reject);
      client.once('close', () => reject(new Error('closed')));
      await promise;
      return client;
    },
    endAll: async () => void (await Promise.all(opened.splice(0).map((client) => client.endAsync(true)))),
  };
}

/** Resolves when the client has lost its connection, by an error or without. */
export function closed(client: MqttClient): Promise<void> {
  return new Promise((resolve) => void client.once('close', () => resolve()));
}

export interface Heard {
  readonly topic: string;
  readonly text: string;
  readonly retain: boolean;
}

/** Subscribes and keeps everything that comes. */
export async function hear(client: MqttClient, filters: string | string[]): Promise<Heard[]> {
  const heard: Heard[] = [];
  client.on('message', (topic, payload, { retain }) => {
    heard.push({ topic, text: payload.toString().slice(0, 80), retain });
  });
  await client.subscribeAsync(filters, { qos: 1 });
  return heard;
}
