import { describe, expect, test } from 'vitest';
import { backoffMs } from '#platform/backoff.ts';
import { FLEET_BACKOFF } from '../../edge-agent/adapters/mqtt-uplink.ts';

/** A small generator of chance with a seed (mulberry32), so that a failing run is found again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** When each of a fleet tries, second by second, if the broker is away for so long; an attempt takes no time. */
function attemptsPerSecond(
  agents: number,
  awayMs: number,
  chance: () => number,
): { tries: number[]; lastMs: number } {
  const tries: number[] = [];
  let lastMs = 0;
  for (let agent = 0; agent < agents; agent++) {
    for (let [atMs, failures] = [0, 1]; ; failures++) {
      atMs += backoffMs(FLEET_BACKOFF, failures, chance());
      const second = Math.floor(atMs / 1000);
      tries[second] = (tries[second] ?? 0) + 1;
      lastMs = Math.max(lastMs, atMs);
      if (atMs >= awayMs) break;
    }
  }
  return { tries: Array.from(tries, (n) => n ?? 0), lastMs };
}

describe('waits between tries', () => {
  test('the bound doubles from the first to the longest, and each length up to it is as likely', () => {
    const backoff = { firstMs: 100, maxMs: 1_000 };
    const longest = [1, 2, 3, 4, 5, 1_000].map((failures) => backoffMs(backoff, failures, 0.999_999_999));
    expect(longest).toEqual([99, 199, 399, 799, 999, 999]);
    expect(backoffMs(backoff, 3, 0)).toBe(0);
    expect(backoffMs(backoff, 3, 0.25)).toBe(100);
  });

  test.each([1, 2, 3])('2,000 agents that lost the city together come back spread out (seed %i)', (seed) => {
    const { tries, lastMs } = attemptsPerSecond(2_000, 0, seeded(seed));
    // The first bound is two seconds: half of them in each, give or take five standard deviations.
    expect(tries.length).toBe(2);
    for (const n of tries) expect(Math.abs(n - 1_000)).toBeLessThan(112);
    expect(lastMs).toBeLessThan(FLEET_BACKOFF.firstMs);
  });

  test.each([10_000, 60_000, 600_000])(
    'while the broker is away for %i ms the fleet asks less and less often',
    (awayMs) => {
      const { tries, lastMs } = attemptsPerSecond(2_000, awayMs, seeded(7));
      // At the longest bound an agent tries every 15 s on average: 133 a second for all, and never all at once again.
      const late = tries.slice(60, Math.max(60, Math.floor(awayMs / 1000)));
      for (const n of late) expect(n).toBeLessThan(133 + 5 * Math.sqrt(133));
      const afterReturn = tries.slice(Math.floor(awayMs / 1000) + 1);
      expect(Math.max(...afterReturn, 0)).toBeLessThan(500);
      expect(lastMs - awayMs).toBeLessThanOrEqual(FLEET_BACKOFF.maxMs);
    },
  );

  test('what is usual, half the bound and half chance, would be seen by this test', () => {
    const chance = seeded(1);
    const { tries } = attemptsPerSecond(2_000, 0, () => 0.5 + chance() / 2);
    expect(tries).toEqual([0, 2_000]);
  });
});
