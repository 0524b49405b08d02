/** How far a transfer may reach; on its own, since validators need it and read no tariff files. */
import type { TransferRule } from './fares-v2/fare-feed.ts';

/** How long after a leg another one may still be a transfer from it. */
export function longestReachMs(rules: readonly Pick<TransferRule, 'durationLimitS'>[]): number {
  return Math.max(
    0,
    ...rules.map(({ durationLimitS }) => (durationLimitS ?? Number.POSITIVE_INFINITY) * 1000),
  );
}
