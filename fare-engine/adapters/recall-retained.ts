/**
 * What a broker retains comes after a subscription, or does not come where it retains nothing: no packet says which. So its word is
 * waited for, and silence is believed only of a broker that is awake: between two waits it has to answer a ping. Who took the
 * silence of one that stood still for "nothing" would publish numbers a second time, with another content.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type MqttConnection, MqttNotConnected } from '#platform/mqtt-connection.ts';

/** How long each of the two waits is. */
const RECALL_MS = 250;

/**
 * Resolves with `true` when the broker was heard or had its time to be, with `false` when the connection broke meanwhile, even if it has
 * come back since: then nobody knows what it retains.
 */
export async function recallRetained(
  mqtt: Pick<MqttConnection, 'answered' | 'onLost'>,
  heard: Promise<void>,
): Promise<boolean> {
  let wasLost = false;
  const forget = mqtt.onLost(() => {
    wasLost = true;
  });
  const isSilent = (): Promise<boolean> => Promise.race([heard.then(() => false), delay(RECALL_MS, true)]);
  try {
    if (await isSilent()) {
      await mqtt.answered();
      await isSilent();
    }
    return !wasLost;
  } catch (error) {
    if (error instanceof MqttNotConnected) return false;
    throw error;
  } finally {
    forget();
  }
}
