/** The measurement of `broker-check.ts` on a real connection. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { probeTopic } from '#contracts/topics.ts';
import type { Logger } from '#platform/logger.ts';
import { connectMqtt, type MqttConnection, type MqttOptions } from '#platform/mqtt-connection.ts';
import { type BrokerCheck, type BrokerNeeds, checkBroker, type ProbeLine } from '../broker-check.ts';

/** Nothing has arrived for so long: a mark is sent. */
const QUIET_MS = 750;
const LOOK_MS = 10;
/** The whole measurement; a broker that is slower than this is told from the taps themselves. */
const CHECK_MS_MAX = 15_000;
const TRIES = 2;

function probeLine(mqtt: MqttConnection, clientId: string): ProbeLine {
  const topic = probeTopic(clientId);
  let lastMs = 0;
  return {
    get connected() {
      return mqtt.connected;
    },
    async listen(onMessage) {
      await mqtt.subscribe(topic, (_topic, payload) => {
        lastMs = performance.now();
        onMessage(payload);
      });
      return () => mqtt.unsubscribe(topic);
    },
    publish: (payload, onAcknowledged) =>
      mqtt.publish(topic, payload, { qos: 1, ...(onAcknowledged ? { onAcknowledged } : {}) }),
    async quiet(done) {
      lastMs = performance.now();
      while (!done() && mqtt.connected && performance.now() - lastMs < QUIET_MS) await delay(LOOK_MS);
    },
  };
}

/**
 * Measures the broker on a connection that takes no taps yet; twice at most, since a connection may be lost. Null: it was
 * lost each time, or it took too long. Never throws.
 */
export async function probeBroker(
  mqtt: MqttConnection,
  clientId: string,
  needs: BrokerNeeds,
  checkMsMax = CHECK_MS_MAX,
): Promise<BrokerCheck> {
  const line = probeLine(mqtt, clientId);
  const late = delay(checkMsMax, null, { ref: false });
  for (let tries = 0; tries < TRIES; tries++) {
    await mqtt.whenConnected();
    const found = await Promise.race([checkBroker(line, needs, randomBytes(6).toString('hex')), late]);
    if (found !== null) return found;
  }
  return null;
}

/** Says in the log what the broker lacks: each finding is one warning, and a fit broker one line. */
export function logBrokerCheck(log: Logger, check: BrokerCheck): void {
  if (check === null) log.warn('ingest.broker-check.interrupted: whether its limits suffice is not known');
  else if (check.length === 0) log.info('ingest.broker-check.fits');
  else for (const finding of check) log.warn({ ...finding }, 'ingest.broker-check.too-small');
}

/** The same from outside, e.g. for the doctor: connects under an identity of role ingest that nobody else uses now. */
export async function probeBrokerAt(
  options: Pick<MqttOptions, 'url' | 'clientId' | 'secret' | 'log'>,
  needs: BrokerNeeds,
  connectMsMax: number,
  checkMsMax = CHECK_MS_MAX,
): Promise<BrokerCheck | 'unreachable'> {
  const mqtt = connectMqtt(options);
  try {
    const late = delay(connectMsMax, 'unreachable' as const, { ref: false });
    const met = await Promise.race([mqtt.whenConnected(), late]);
    return met === 'unreachable' ? met : await probeBroker(mqtt, options.clientId, needs, checkMsMax);
  } finally {
    await mqtt.stop();
  }
}
