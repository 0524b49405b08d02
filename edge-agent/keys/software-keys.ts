/**
 * Keys in memory: for development, demonstrations and tests, and for a city that accepts what docs/SECURITY.md says of it.
 * The bytes are in the reader process, its memory dumps and a file of the device folder; a stolen validator gives them away.
 */
import { createHmac } from 'node:crypto';
import { type KeyProvider, LIVE_VERSIONS_MAX, UnknownKey } from './key-provider.ts';

/** Versions of one key with their bytes. */
export type KeyVersions = ReadonlyMap<number, Uint8Array>;

/** All keys of a reader, by name. */
export interface SoftwareKeySet {
  readonly tokens: ReadonlyMap<string, KeyVersions>;
}

/**
 * A provider over keys in memory.
 * @throws RangeError for more than two versions of a key: the loader has refused such a file.
 */
export function createSoftwareKeys(set: SoftwareKeySet): KeyProvider {
  const versions = new Map<string, readonly number[]>();
  for (const [name, key] of set.tokens) versions.set(name, liveVersions(name, key));
  return {
    versions: (name) => versions.get(name) ?? [],
    tokenMac: async (name, version, message) =>
      createHmac('sha256', keyOf(set.tokens, name, version))
        .update(message)
        .digest(),
  };
}

function liveVersions(name: string, key: KeyVersions): readonly number[] {
  if (key.size === 0 || key.size > LIVE_VERSIONS_MAX)
    throw new RangeError(`${name} has ${key.size} versions, 1 to ${LIVE_VERSIONS_MAX} may live`);
  return [...key.keys()].sort((a, b) => b - a);
}

function keyOf(keys: ReadonlyMap<string, KeyVersions>, name: string, version: number): Uint8Array {
  const key = keys.get(name)?.get(version);
  if (!key) throw new UnknownKey(`no version ${version} of the key ${name}`);
  return key;
}
