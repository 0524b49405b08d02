/**
 * How often one address may open a connection. A city's validators often share the address of a mobile gateway, so the
 * burst is a fleet that comes back; beyond it whoever is refused comes again later, by its own waits. Pure.
 */
import { createTokenBucket, type TokenBucket } from './token-bucket.ts';

export interface ConnectionRateLimits {
  /** Connections each second for long, and at once. */
  readonly connectionsPerSecondPerAddress: number;
  readonly connectionsBurstPerAddress: number;
  /** Addresses remembered at once. */
  readonly addressesMax: number;
}

export interface ConnectionRate {
  /** Whether a connection from there may be taken now. */
  accept(address: string, nowMs: number): boolean;
  /** Addresses remembered. */
  readonly addresses: number;
}

export function createConnectionRate(limits: ConnectionRateLimits): ConnectionRate {
  const buckets = new Map<string, TokenBucket>();

  /** Forgets those that are full again, which loses nothing; else the one that came first. */
  const makeRoom = (nowMs: number): void => {
    for (const [address, bucket] of buckets) if (bucket.full(nowMs)) buckets.delete(address);
    if (buckets.size < limits.addressesMax) return;
    const [oldest] = buckets.keys();
    if (oldest !== undefined) buckets.delete(oldest);
  };

  return {
    accept(address, nowMs) {
      let bucket = buckets.get(address);
      if (bucket === undefined) {
        if (buckets.size >= limits.addressesMax) makeRoom(nowMs);
        bucket = createTokenBucket(limits.connectionsPerSecondPerAddress, limits.connectionsBurstPerAddress);
        buckets.set(address, bucket);
      }
      return bucket.tryTake(1, nowMs);
    },
    get addresses() {
      return buckets.size;
    },
  };
}
