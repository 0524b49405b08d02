import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createConnectionRate } from '../../broker/connection-rate.ts';
import { createTokenBucket } from '../../broker/token-bucket.ts';

describe('a token bucket', () => {
  it('gives its burst at once, then its rate, and no more than the burst after any pause', () => {
    const bucket = createTokenBucket(10, 5);
    const taken = (nowMs: number): number => {
      let n = 0;
      while (bucket.tryTake(1, nowMs)) n++;
      return n;
    };
    expect(taken(0)).toBe(5);
    expect(taken(99)).toBe(0);
    expect(taken(100)).toBe(1);
    expect(taken(1_000_000)).toBe(5);
  });

  it('says how far ahead of its rate somebody is', () => {
    const bucket = createTokenBucket(10, 5);
    expect(bucket.take(5, 0)).toBe(0);
    expect(bucket.take(1, 0)).toBe(100);
    expect(bucket.take(0, 100)).toBe(0);
  });

  it('never gives more than burst and rate allow, however it is asked, also when time goes back', () => {
    const steps = fc.array(
      fc.record({ byMs: fc.integer({ min: -50, max: 500 }), amount: fc.integer({ min: 1, max: 9 }) }),
    );
    fc.assert(
      fc.property(steps, (asked) => {
        const bucket = createTokenBucket(20, 10);
        bucket.take(0, 1_000); // its time begins with the first call
        let [nowMs, latestMs, given] = [1_000, 1_000, 0];
        for (const { byMs, amount } of asked) {
          nowMs += byMs;
          latestMs = Math.max(latestMs, nowMs);
          if (bucket.tryTake(amount, nowMs)) given += amount;
          expect(given).toBeLessThanOrEqual(10 + ((latestMs - 1_000) * 20) / 1000 + 1e-6);
        }
      }),
    );
  });
});

describe('how often an address may connect', () => {
  const limits = { connectionsPerSecondPerAddress: 2, connectionsBurstPerAddress: 3, addressesMax: 4 };

  it('each address for itself', () => {
    const rate = createConnectionRate(limits);
    const answers = (address: string, nowMs: number): boolean[] =>
      [1, 2, 3, 4].map(() => rate.accept(address, nowMs));
    expect(answers('a', 0)).toEqual([true, true, true, false]);
    expect(answers('b', 0)).toEqual([true, true, true, false]);
    expect(answers('a', 1_000)).toEqual([true, true, false, false]);
  });

  it('remembers a bounded number of addresses, and forgets first those that kept quiet', () => {
    const rate = createConnectionRate(limits);
    for (let n = 0; n < 3; n++) rate.accept('busy', 9_000 + n);
    for (let n = 0; n < 1_000; n++) {
      rate.accept(`flood ${n}`, 9_100 + n);
      expect(rate.addresses).toBeLessThanOrEqual(4);
    }
    const quiet = createConnectionRate(limits);
    for (const address of ['a', 'b', 'c']) quiet.accept(address, 0);
    for (let n = 0; n < 3; n++) quiet.accept('busy', 5_000);
    quiet.accept('new', 5_000);
    expect(quiet.accept('busy', 5_000)).toBe(false);
  });
});
