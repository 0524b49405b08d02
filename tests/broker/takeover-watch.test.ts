import { describe, expect, it } from 'vitest';
import { createTakeoverWatch } from '../../broker/takeover-watch.ts';

const watchOf = () => createTakeoverWatch({ takeoversPerMinuteMax: 4 });

describe('takeovers of one name', () => {
  it('four within a minute are a bad network, the fifth is a contention', () => {
    const watch = watchOf();
    const verdicts = [0, 1, 2, 3, 4].map((n) => watch.tookOver('val-1', n * 1000));
    expect(verdicts).toEqual([false, false, false, false, true]);
    expect(watch.contended(5000)).toBe(1);
  });

  it('five are none when the first is a minute old', () => {
    const watch = watchOf();
    expect([0, 1, 2, 3, 60_000].map((at) => watch.tookOver('val-1', at)).at(-1)).toBe(false);
    const other = watchOf();
    expect([0, 1, 2, 3, 59_999].map((at) => other.tookOver('val-1', at)).at(-1)).toBe(true);
  });

  it('is told once a minute while it lasts, and is over a minute after the last report', () => {
    const watch = watchOf();
    const told: number[] = [];
    for (let at = 0; at < 130_000; at += 1000) if (watch.tookOver('val-1', at)) told.push(at);
    expect(told).toEqual([4000, 64_000, 124_000]);
    expect(watch.contended(183_999)).toBe(1);
    expect(watch.contended(184_000)).toBe(0);
  });

  it('names do not add up', () => {
    const watch = watchOf();
    const verdicts = Array.from({ length: 40 }, (_, n) => watch.tookOver(`val-${n % 10}`, n * 100));
    expect(verdicts).not.toContain(true);
  });
});
