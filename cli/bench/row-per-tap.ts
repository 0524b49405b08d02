/**
 * The peer: what somebody would build with a flow tool. Every message is one tap as JSON; a subscriber parses it and
 * inserts one row over a pool of ten connections, unsigned, unpriced, unposted, acknowledged before it is stored.
 */
import { once } from 'node:events';
import type pg from 'pg';
import type { MqttConnection } from '#platform/mqtt-connection.ts';

export interface PeerPlan {
  readonly admin: pg.Pool;
  readonly subscriber: MqttConnection;
  readonly publisher: MqttConnection;
  readonly publisherTopic: string;
  readonly subscriberFilter: string;
  readonly taps: number;
  readonly signal: AbortSignal;
}

/** Publishes under way at once. */
const WINDOW = 200;

/** Taps a second from the first publish to the last row. */
export async function measureRowPerTap(plan: PeerPlan): Promise<number> {
  const { admin, taps } = plan;
  await admin.query(`CREATE TABLE bench_tap (
    device_id text, seq bigint, token text, medium text, route text, at_ms bigint, PRIMARY KEY (device_id, seq))`);
  const { promise: stored, resolve, reject } = Promise.withResolvers<void>();
  plan.signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
  let rows = 0;
  await plan.subscriber.subscribe(plan.subscriberFilter, (_topic, payload) => {
    const tap = JSON.parse(Buffer.from(payload).toString('utf8')) as Record<string, unknown>;
    const { deviceId, seq, token, medium, route, atMs } = tap;
    admin
      .query('INSERT INTO bench_tap VALUES ($1, $2, $3, $4, $5, $6)', [
        deviceId,
        seq,
        token,
        medium,
        route,
        atMs,
      ])
      .then(() => {
        rows += 1;
        if (rows === taps) resolve();
      }, reject);
  });
  const began = performance.now();
  let underWay = 0;
  const freed = new EventTarget();
  for (let seq = 1; seq <= taps; seq++) {
    if (underWay >= WINDOW) await once(freed, 'free');
    underWay += 1;
    const text = JSON.stringify({
      deviceId: 'val-1000',
      seq,
      token: `k1.${(seq % 5000).toString(16).padStart(32, '0')}`,
      medium: 'social',
      route: 'T5',
      atMs: Date.UTC(2025, 9, 14, 5) + seq,
    });
    plan.publisher.publish(plan.publisherTopic, text, { qos: 1 }).then(() => {
      underWay -= 1;
      freed.dispatchEvent(new Event('free'));
    }, reject);
  }
  await stored;
  return (taps * 1000) / (performance.now() - began);
}
