/** Which version of a network's key is used now. Pure. */
import type { NetworkKeys } from '#contracts/vehicle-key.ts';

/** A version of a key as datagrams are sealed with it. */
export interface SealingKey {
  readonly version: number;
  readonly key: Uint8Array;
}

/** The keys that hold at an instant. */
export interface LiveKeys {
  /** What is sealed with one of these is opened. */
  readonly accepted: readonly SealingKey[];
  /** What is sealed here: the oldest that is still accepted, which devices have that were not given the new one yet. */
  readonly sealing: SealingKey;
}

/** @param cityMs City time; null = this device does not know it, and takes no version for over. */
export function liveKeys(keys: NetworkKeys, cityMs: number | null): LiveKeys {
  const live = keys
    .filter(
      ({ acceptedUntilMs }) => acceptedUntilMs === undefined || cityMs === null || cityMs < acceptedUntilMs,
    )
    .sort((a, b) => a.version - b.version)
    .map(({ version, key }) => ({ version, key: Buffer.from(key, 'hex') }));
  const [sealing] = live;
  if (!sealing) throw new RangeError('the newest version of a key has no end');
  return { accepted: live, sealing };
}
