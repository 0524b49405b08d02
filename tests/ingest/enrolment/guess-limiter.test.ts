import { describe, expect, it } from 'vitest';
import { createGuessLimiter, networkOf } from '../../../ingest/enrolment/guess-limiter.ts';
import { remember } from '../../../ingest/enrolment/remember.ts';

const at = 120_000;
const [a, b, c] = ['a', 'b', 'c'].map((address) => ({ address })) as [
  { address: string },
  { address: string },
  { address: string },
];

describe('guesses', () => {
  it('after the last allowed refusal of a minute nothing is looked at any more, and the next minute begins anew', () => {
    const limiter = createGuessLimiter({ refusalsPerAddressMax: 2, refusalsMax: 3 });
    limiter.refused(a, true, at);
    expect(limiter.mayTry(a, at)).toBe(true);
    limiter.refused(a, true, at);
    expect(limiter.mayTry(a, at)).toBe(false);
    expect(limiter.mayTry(b, at)).toBe(true);
    limiter.refused(b, true, at);
    expect(limiter.mayTry(c, at)).toBe(false);
    expect(limiter.mayTry(a, 179_999)).toBe(false);
    expect(limiter.mayTry(a, 180_000)).toBe(true);
  });

  it('what is no code counts for its own address alone', () => {
    const limiter = createGuessLimiter({ refusalsPerAddressMax: 4, refusalsMax: 3 });
    for (let n = 0; n < 4; n++) limiter.refused(a, false, at);
    expect(limiter.mayTry(a, at)).toBe(false);
    expect(limiter.mayTry(b, at)).toBe(true);
  });

  it('hold up no proven client, which is counted by its certificate', () => {
    const limiter = createGuessLimiter({ refusalsPerAddressMax: 2, refusalsMax: 3 });
    for (let n = 0; n < 3; n++) limiter.refused(a, true, at);
    expect(limiter.mayTry(b, at)).toBe(false);
    const serial = { serial: 'aa' };
    expect(limiter.mayTry(serial, at)).toBe(true);
    for (let n = 0; n < 2; n++) limiter.refused(serial, false, at);
    expect(limiter.mayTry(serial, at)).toBe(false);
    expect(limiter.mayTry({ serial: 'bb' }, at)).toBe(true);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::6', '2001:db8:1:3::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['gone', 'gone'],
  ])('%s is counted as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

describe('what is remembered', () => {
  it('is made once for all who ask, until it is old; a failure is made again', async () => {
    let nowMs = 0;
    let made = 0;
    const make = async () => {
      made += 1;
      if (made === 2) throw new Error('away');
      return made;
    };
    const get = remember(make, { forMs: 10, monotonicMs: () => nowMs });
    expect(await Promise.all([get(), get()])).toEqual([1, 1]);
    nowMs = 9;
    expect(await get()).toBe(1);
    nowMs = 10;
    await expect(get()).rejects.toThrow('away');
    expect(await get()).toBe(3);
  });
});
