import { describe, expect, it } from 'vitest';
import * as pricing from '../../../cli/bench/pricing.ts';
import { findingsOf } from './findings.ts';

describe('kvytok bench pricing', () => {
  it('prices random journeys on the city’s feed, the same with nothing remembered', async () => {
    const { result, rate } = await findingsOf((context) => pricing.run(['--legs', '2000'], context));
    expect(result.exact).toBe(true);
    expect(result.setting).toMatchObject({ legs: 2000, seed: 1, media: 3 });
    expect(rate('priced for one medium, journeys not seen before')).toBeGreaterThan(0);
  });

  it('refuses sizes out of bounds, and a feed that cannot be read', async () => {
    await expect(findingsOf((context) => pricing.run(['--legs', '1'], context))).rejects.toThrow(
      '--legs takes a whole number from 100',
    );
    await expect(findingsOf((context) => pricing.run(['--feed', '/nowhere'], context))).rejects.toThrow(
      'cannot be read',
    );
  });
});
