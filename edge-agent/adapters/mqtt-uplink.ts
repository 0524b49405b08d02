/**
 * The way to the city over MQTT 3.1.1: batches up with QoS 1, receipts, commands and lists down, status with a last
 * will so that a device that vanishes is seen as offline.
 */
import type { DeviceStatus } from '#contracts/device-report.ts';
import { deviceTopic, LISTS } from '#contracts/topics.ts';
import type { Backoff } from '#platform/backoff.ts';
import type { Logger } from '#platform/logger.ts';
import { connectMqtt, type MqttConnection } from '#platform/mqtt-connection.ts';
import type { TlsIdentity } from '#platform/pinned-tls.ts';
import type { Uplink, UplinkHandlers } from '../ports.ts';

export interface MqttUplinkOptions {
  readonly url: string;
  readonly deviceId: string;
  /** For a broker without TLS. */
  readonly secret: string | undefined;
  /** The certificate that is good now; asked at each connection. */
  readonly tls?: () => TlsIdentity;
  readonly software: string;
  readonly log: Logger;
}

/**
 * Two thousand validators that lost the city together come back at a thousand a second at most, and at seventy while it
 * stays away. They need no hurry: cards are answered without the city.
 */
export const FLEET_BACKOFF: Backoff = { firstMs: 2_000, maxMs: 30_000 };

/** How long leaving waits for the last status to reach the broker, milliseconds. */
const GOODBYE_MS_MAX = 1000;

/** Makes the uplink; nothing connects before `start`, and `start` waits for no connection. */
export function createMqttUplink(options: MqttUplinkOptions): Uplink {
  const { deviceId, log } = options;
  const topics = {
    taps: deviceTopic(deviceId, 'taps'),
    health: deviceTopic(deviceId, 'health'),
    status: deviceTopic(deviceId, 'status'),
    receipts: deviceTopic(deviceId, 'receipts'),
    commands: deviceTopic(deviceId, 'commands'),
  };
  let connection: MqttConnection | undefined;

  const statusOf = (online: boolean, more: Pick<DeviceStatus, 'stopped'> = {}): Buffer => {
    const status: DeviceStatus = { v: 1, deviceId, online, software: options.software, ...more };
    return Buffer.from(JSON.stringify(status), 'utf8');
  };

  function open(heard: UplinkHandlers): MqttConnection {
    const made = connectMqtt({
      url: options.url,
      clientId: deviceId,
      secret: options.secret,
      tls: options.tls,
      will: { topic: topics.status, payload: statusOf(false), qos: 1, retain: true },
      backoff: FLEET_BACKOFF,
      log,
    });
    // A refused subscription is in the connection's log; the device goes on answering cards without it.
    const listen = (filter: string, take: (topic: string, payload: Uint8Array) => void): void => {
      made.subscribe(filter, take).catch(() => {});
    };
    listen(topics.receipts, (_topic, payload) => heard.onReceipt(payload));
    listen(topics.commands, (_topic, payload) => heard.onCommand(payload));
    listen(LISTS.denyManifest, (_topic, payload) => heard.onDenyManifest(payload));
    listen(LISTS.tariff, (_topic, payload) => heard.onTariffManifest(payload));
    made.onConnected(() => {
      made.publish(topics.status, statusOf(true), { qos: 1, retain: true }).catch(() => {});
      heard.onConnected();
    });
    made.onLost(() => heard.onLost());
    return made;
  }

  return {
    start: async (heard) => {
      connection = open(heard);
    },
    get connected() {
      return connection?.connected === true;
    },
    publishBatch: (payload) => sendOn(connection, topics.taps, payload, 1),
    publishHealth: (health) => sendOn(connection, topics.health, JSON.stringify(health), 0),
    fetchList: (topic, waitMs) => fetchRetained(connection, topic, waitMs),
    hurry: () => connection?.hurry(),
    stop: async () => {
      const leaving = connection;
      connection = undefined;
      if (!leaving) return;
      if (leaving.connected) await sayGoodbye(leaving, topics.status, statusOf(false, { stopped: true }));
      await leaving.stop();
    },
  };
}

/** A polite end publishes no will, so the device says itself that it goes. */
async function sayGoodbye(connection: MqttConnection, topic: string, payload: Buffer): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, GOODBYE_MS_MAX);
  const said = connection.publish(topic, payload, { qos: 1, retain: true }).catch(() => {});
  await Promise.race([said, late]);
  clearTimeout(timer);
}

/** A broker sends what it retains to a new subscription: so one message is asked for by a subscription of its own. */
async function fetchRetained(
  connection: MqttConnection | undefined,
  topic: string,
  waitMs: number,
): Promise<Uint8Array | null> {
  if (!connection?.connected) return null;
  const { promise: answer, resolve } = Promise.withResolvers<Uint8Array | null>();
  const nothing = (): void => resolve(null);
  const timer = setTimeout(nothing, waitMs);
  const forgetLost = connection.onLost(nothing);
  connection.subscribe(topic, (_topic, payload) => resolve(payload)).catch(nothing);
  try {
    return await answer;
  } finally {
    clearTimeout(timer);
    forgetLost();
    await connection.unsubscribe(topic).catch(() => {});
  }
}

async function sendOn(
  connection: MqttConnection | undefined,
  topic: string,
  payload: Uint8Array | string,
  qos: 0 | 1,
): Promise<void> {
  if (!connection) throw new Error('the uplink is not started');
  await connection.publish(topic, payload, { qos });
}
