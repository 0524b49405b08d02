/** In which networks leaving is tapped, as `tap-policy.yaml` says. */
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { TapPolicyFile } from './tariff-schema.ts';

/** Whether leaving is tapped in a network; of '' = every network, in all of them or in some. */
export function tapsOutIn(
  feed: FareFeed,
  { networks }: TapPolicyFile,
  networkId: string,
  inWhich: 'all' | 'some',
): boolean {
  const asked = (id: string) => {
    const row =
      networks.find((one) => one.network_id === id) ?? networks.find((one) => one.network_id === '');
    return row?.mode === 'in_out';
  };
  if (networkId !== '') return asked(networkId);
  const ids = [...new Set(feed.networkOfRoute?.values() ?? [''])];
  return inWhich === 'all' ? ids.every(asked) : ids.some(asked);
}
