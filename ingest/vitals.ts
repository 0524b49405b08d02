/** Ingest's figures and readiness. */
import type { Metrics } from '#platform/metrics.ts';
import type { Vitals } from '#platform/role.ts';
import type { IngestCounts } from './adapters/group-handler.ts';

/** What the figures are read from. */
export interface IngestSources {
  readonly counts: () => IngestCounts;
  /** Batches that wait for a group. */
  readonly waiting: () => number;
  readonly brokerConnected: () => boolean;
  /** Problems of the database in words, none when it answers. */
  readonly databaseProblems: () => Promise<readonly string[]>;
  /** Records that the linker has not seen. */
  readonly unlinkedQueue: () => Promise<number>;
  /** Signs of copied or lost journals, by kind. */
  readonly journalAlarms: () => Promise<readonly { readonly kind: string; readonly signs: number }[]>;
}

/** Registers the figures in `metrics`, where the database's connections stand already. */
export function ingestVitals(metrics: Metrics, sources: IngestSources): Vitals {
  const { counts } = sources;
  metrics.counter(
    'kvytok_ingest_records_total',
    'Records by what became of them: new, known already, put aside, or withheld because a quarantine is full.',
    () => [
      { labels: { fate: 'inserted' }, value: counts().inserted },
      { labels: { fate: 'repeated' }, value: counts().repeated },
      { labels: { fate: 'quarantined' }, value: counts().quarantined },
      { labels: { fate: 'withheld' }, value: counts().withheld },
    ],
    ['fate'],
  );
  metrics.counter('kvytok_ingest_commits_total', 'Groups committed.', () => counts().commits);
  metrics.counter('kvytok_ingest_receipts_total', 'Receipts sent.', () => counts().receipts);
  metrics.counter(
    'kvytok_ingest_batches_lost_total',
    'Batches without a receipt, which devices offer again: dropped (queue full) or unreceipted (database).',
    () => [
      { labels: { why: 'dropped' }, value: counts().dropped },
      { labels: { why: 'unreceipted' }, value: counts().unreceipted },
    ],
    ['why'],
  );
  metrics.counter(
    'kvytok_ingest_batches_of_others_total',
    'Batches heard and left to the ingest whose device it is.',
    () => counts().others,
  );
  metrics.gauge('kvytok_ingest_batches_waiting', 'Batches that wait for a commit.', sources.waiting);
  metrics.gauge(
    'kvytok_ingest_link_queue',
    'Stretches of records that the linker has not seen.',
    sources.unlinkedQueue,
  );
  metrics.gauge(
    'kvytok_ingest_journal_alarms',
    'Signs that a device was copied or its journal lost, by kind.',
    async () =>
      (await sources.journalAlarms()).map(({ kind, signs }) => ({ labels: { kind }, value: signs })),
    ['kind'],
  );
  return {
    metrics,
    async problems() {
      const broker = sources.brokerConnected() ? [] : ['not connected to the MQTT broker'];
      return [...broker, ...(await sources.databaseProblems())];
    },
  };
}
