/** Devices that offer their journals as real ones do: a few batches under way, freed by receipts alone. */
import type { KeyObject } from 'node:crypto';
import { openReceipt } from '#contracts/receipt.ts';
import { deviceTopic } from '#contracts/topics.ts';
import type { MqttConnection } from '#platform/mqtt-connection.ts';
import type { MadeJournal } from './journals.ts';

export interface SendPlan {
  readonly journals: readonly MadeJournal[];
  readonly connections: readonly MqttConnection[];
  /** Records in each batch but the last; how a batch's end is found in a receipt. */
  readonly batchRecords: number;
  /** Batches of one device under way at once. */
  readonly inFlightMax: number;
  readonly ingestKeys: ReadonlyMap<string, KeyObject>;
  readonly monotonicMs: () => number;
  readonly signal: AbortSignal;
}

export interface Sent {
  /** From the first batch to the last receipt. */
  readonly seconds: number;
  /** Round trips of batches, milliseconds, in order of receipt. */
  readonly roundTripsMs: readonly number[];
}

/** Sends everything; resolves when every record has its receipt. */
export async function sendJournals(plan: SendPlan): Promise<Sent> {
  const roundTripsMs: number[] = [];
  const began = plan.monotonicMs();
  await Promise.all(
    plan.journals.map((journal, index) =>
      sendOne(journal, plan.connections[index] as MqttConnection, plan, roundTripsMs),
    ),
  );
  return { seconds: (plan.monotonicMs() - began) / 1000, roundTripsMs };
}

async function sendOne(
  journal: MadeJournal,
  connection: MqttConnection,
  plan: SendPlan,
  roundTripsMs: number[],
): Promise<void> {
  const { batches, deviceId } = journal;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const sentAtMs = new Map<number, number>();
  let next = 0;
  const pump = (): void => {
    while (next < batches.length && sentAtMs.size < plan.inFlightMax) {
      sentAtMs.set(next, plan.monotonicMs());
      const payload = batches[next++] as Buffer;
      connection.publish(deviceTopic(deviceId, 'taps'), payload, { qos: 1 }).catch(reject);
    }
    if (next === batches.length && sentAtMs.size === 0) resolve();
  };
  plan.signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
  await connection.subscribe(deviceTopic(deviceId, 'receipts'), (_topic, payload) => {
    const receipt = openReceipt(payload, plan.ingestKeys);
    if (!receipt.ok) return reject(new Error('a receipt whose signature does not hold'));
    for (const { fromSeq, toSeq, status } of receipt.value.ranges) {
      if (status !== 'accepted') return reject(new Error(`records of ${deviceId} were quarantined`));
      for (const [batch, atMs] of sentAtMs) {
        const first = batch * plan.batchRecords + 1;
        const last = Math.min(first + plan.batchRecords - 1, journal.lastSeq);
        if (fromSeq > first || toSeq < last) continue;
        sentAtMs.delete(batch);
        roundTripsMs.push(plan.monotonicMs() - atMs);
      }
    }
    pump();
  });
  pump();
  await promise;
}
