/**
 * Listens to what devices send, and sends them their receipts. Acknowledging a message to the broker means nothing
 * here: only a receipt frees a record, so nothing is held back.
 */
import { everyDevice } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { connectMqtt } from '#platform/mqtt-connection.ts';
import type { IngestConfig } from '../config.ts';
import type { Arrival } from '../model.ts';
import { logBrokerCheck, probeBroker } from './probe-broker.ts';

export interface SubscriberOptions {
  readonly config: Pick<
    IngestConfig,
    'mqttUrl' | 'mqttClientId' | 'mqttSecret' | 'mqttTls' | 'brokerNeeds' | 'shareGroup'
  >;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onBatch: (arrival: Arrival) => void;
  readonly onReport: (arrival: Arrival) => void;
}

export interface Subscriber {
  /** Resolves when the subscriptions are granted. */
  readonly ready: Promise<void>;
  readonly connected: boolean;
  /** Publishes with QoS 1; rejects when there is no connection. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** Takes no more messages; receipts can still be sent. */
  deafen(): void;
  stop(): Promise<void>;
}

/** Connects and subscribes. */
export function subscribeIngest(options: SubscriberOptions): Subscriber {
  const { config, clock, log } = options;
  const mqtt = connectMqtt({
    url: config.mqttUrl,
    clientId: config.mqttClientId,
    secret: config.mqttSecret,
    tls: config.mqttTls,
    log,
  });
  let deaf = false;
  const listen = (filter: string, take: (arrival: Arrival) => void): Promise<void> =>
    mqtt.subscribe(filter, (topic, payload) => {
      if (!deaf) take({ topic, payload, receivedAtMs: clock.nowMs() });
    });
  // Measured before any taps come: the burst must neither wait behind them nor push them out of a small queue.
  const measured = async (): Promise<void> => {
    const needs = config.brokerNeeds;
    if (needs !== undefined) logBrokerCheck(log, await probeBroker(mqtt, config.mqttClientId, needs));
  };
  const [batches, shared] = [everyDevice('taps'), config.shareGroup];
  const ready = measured().then(async () => {
    await Promise.all([
      listen(shared === undefined ? batches : `$share/${shared}/${batches}`, options.onBatch),
      // Every ingest hears what devices say of themselves: a shared subscription brings no retained words.
      listen(everyDevice('status'), options.onReport),
      listen(everyDevice('health'), options.onReport),
    ]);
  });
  ready.catch(() => {}); // said in the log by the connection; whoever waits sees it too
  return {
    ready,
    get connected() {
      return mqtt.connected;
    },
    publish: (topic, payload) => mqtt.publish(topic, payload, { qos: 1 }),
    deafen() {
      deaf = true;
    },
    stop: () => mqtt.stop(),
  };
}
