/** A validator's figures and readiness, for a supervisor on the vehicle. The city reads the health message instead. */
import { createMetrics } from '#platform/metrics.ts';
import type { Vitals } from '#platform/role.ts';
import type { Agent } from './agent-types.ts';

/** Reads them from the agent's own report. Without a network a validator is ready all the same: it works offline. */
export function edgeVitals(agent: Pick<Agent, 'health' | 'counters' | 'state'>): Vitals {
  const metrics = createMetrics();
  const { counter, gauge } = metrics;
  counter(
    'kvytok_edge_answers_total',
    'Answers by sign.',
    () => {
      const { accepted, refused } = agent.counters();
      return [
        { labels: { sign: 'accepted' }, value: accepted },
        { labels: { sign: 'refused' }, value: refused },
      ];
    },
    ['sign'],
  );
  gauge(
    'kvytok_edge_journal_records',
    'Records in the journal by whether the city holds them.',
    () => {
      const { unreceipted, kept } = agent.health().journal;
      return [
        { labels: { state: 'unreceipted' }, value: unreceipted },
        { labels: { state: 'kept' }, value: kept },
      ];
    },
    ['state'],
  );
  gauge(
    'kvytok_edge_journal_capacity_records',
    'Room for records without a receipt.',
    () => agent.health().journal.capacity,
  );
  gauge('kvytok_edge_deny_list_entries', 'Entries of the deny list.', () => agent.health().denyList.entries);
  gauge('kvytok_edge_deny_list_age_seconds', 'Age of the deny list; absent while there is none.', () =>
    inSeconds(agent.health().denyList.ageMs),
  );
  gauge('kvytok_edge_clock_sync_age_seconds', 'Age of the last sync; absent while there was none.', () =>
    inSeconds(agent.health().clock.syncAgeMs),
  );
  counter(
    'kvytok_edge_reader_recoveries_total',
    'How often the reader was connected anew.',
    () => agent.health().reader.recoveries,
  );
  gauge(
    'kvytok_edge_answer_slowest_seconds',
    'Slowest answer since the start.',
    () => agent.counters().latencyMsMax / 1000,
  );
  return {
    metrics,
    async problems() {
      const { state } = agent.health().reader;
      const reader = state === 'ready' ? [] : [`the reader is ${state}`];
      return agent.state() === 'out-of-order' ? ['the journal cannot take records', ...reader] : reader;
    },
  };
}

function inSeconds(ms: number | null): { labels: Record<string, string>; value: number }[] {
  return ms === null ? [] : [{ labels: {}, value: ms / 1000 }];
}
