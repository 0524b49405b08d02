import { describe, expect, it } from 'vitest';
import { createMetrics, processMetrics } from '#platform/metrics.ts';

describe('figures', () => {
  it('are read anew at each scrape, with their labels', async () => {
    const metrics = createMetrics();
    let refused: Record<string, number> = { LOGIN: 1 };
    metrics.counter(
      'kvytok_test_refused_total',
      'Refused.',
      () => Object.entries(refused).map(([reason, value]) => ({ labels: { reason }, value })),
      ['reason'],
    );
    expect(await metrics.text()).toContain('kvytok_test_refused_total{reason="LOGIN"} 1');
    refused = { LOGIN: 3, WILL: 2 };
    const text = await metrics.text();
    expect(text).toContain('kvytok_test_refused_total{reason="LOGIN"} 3');
    expect(text).toContain('kvytok_test_refused_total{reason="WILL"} 2');
  });

  it('leave one out that cannot be read now, and only that one', async () => {
    const metrics = createMetrics();
    let answers = true;
    metrics.gauge('kvytok_test_waiting', 'Waiting.', async () => {
      if (!answers) throw new Error('the database is away');
      return 5;
    });
    metrics.gauge('kvytok_test_open', 'Open.', () => 1);
    expect(await metrics.text()).toContain('kvytok_test_waiting 5');
    answers = false;
    const text = await metrics.text();
    expect(text).not.toMatch(/^kvytok_test_waiting \d/m);
    expect(text).toContain('kvytok_test_open 1');
  });

  it('sort durations into buckets of seconds, by label where there is one', async () => {
    const metrics = createMetrics();
    const note = metrics.durations('kvytok_test_seconds', 'Duration.', 'task');
    note(0.003, 'inbox');
    note(0.2, 'inbox');
    const text = await metrics.text();
    expect(text).toContain('kvytok_test_seconds_bucket{le="0.005",task="inbox"} 1');
    expect(text).toContain('kvytok_test_seconds_count{task="inbox"} 2');
  });

  it('of the process can be taken by two servers at once', async () => {
    const [first, second] = [processMetrics(), processMetrics()];
    expect(await first.text()).toContain('nodejs_eventloop_lag_seconds');
    expect(await second.text()).toContain('nodejs_eventloop_lag_seconds');
    first.stop();
    second.stop();
  });
});
