/** The broker's figures and readiness. */
import { createMetrics } from '#platform/metrics.ts';
import type { Vitals } from '#platform/role.ts';
import type { BrokerCounts } from './main.ts';

/** Reads them from the broker's own counters; `listening` turns false when it stops. */
export function brokerVitals(counts: () => BrokerCounts, listening: () => boolean): Vitals {
  const metrics = createMetrics();
  metrics.gauge('kvytok_broker_connections', 'Open connections.', () => counts().connections);
  metrics.gauge('kvytok_broker_clients', 'Clients that are logged in.', () => counts().clients);
  metrics.counter(
    'kvytok_broker_refused_total',
    'What was refused, by reason.',
    () => Object.entries(counts().refused).map(([reason, value]) => ({ labels: { reason }, value })),
    ['reason'],
  );
  metrics.counter(
    'kvytok_broker_throttled_total',
    'How often a device was read more slowly.',
    () => counts().throttled,
  );
  metrics.counter(
    'kvytok_broker_revoked_total',
    'Clients disconnected because their identity was taken away.',
    () => counts().revoked,
  );
  metrics.counter(
    'kvytok_broker_takeovers_total',
    'Connections that pushed off another one of the same name.',
    () => counts().takeovers,
  );
  metrics.gauge(
    'kvytok_broker_identities_contended',
    'Names under which connections push each other off again and again: a device may have been copied.',
    () => counts().contended,
  );
  return { metrics, problems: async () => (listening() ? [] : ['the broker has stopped']) };
}
