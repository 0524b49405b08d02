/**
 * Keys in memory: for development, demonstrations and tests, and for a city that accepts what docs/SECURITY.md says of it.
 * The bytes are in the reader process, its memory dumps and a file of the device folder; a stolen validator gives them away.
 */
import { createHmac } from 'node:crypto';
import type { HandshakeKind } from '../desfire/card-key.ts';
import { diversifyKey } from '../desfire/diversify.ts';
import { type RandomBytes, softwareCardKey } from '../desfire/software-card-key.ts';
import { type KeyProvider, LIVE_VERSIONS_MAX, UnknownKey } from './key-provider.ts';

/** Versions of one key with their bytes. */
export type KeyVersions = ReadonlyMap<number, Uint8Array>;

/** All keys of a reader, by name. */
export interface SoftwareKeySet {
  readonly tokens: ReadonlyMap<string, KeyVersions>;
  /** Keys of cards, where this reader has any. */
  readonly cards?: CardKeySet;
}

export interface CardKeySet {
  /** AES-128, 16 bytes each; a version is the key version byte on the card. */
  readonly keys: ReadonlyMap<string, KeyVersions>;
  /** Draws the reader's part of handshakes. */
  readonly random: RandomBytes;
}

const NO_CARDS: CardKeySet = {
  keys: new Map(),
  random: () => {
    throw new TypeError('there is no card key, so nothing to draw for');
  },
};

const HANDSHAKES: ReadonlySet<HandshakeKind> = new Set(['ev2-first', 'ev2-non-first', 'ev1']);

/**
 * A provider over keys in memory.
 * @throws RangeError for more than two versions of a key: the loader has refused such a file.
 */
export function createSoftwareKeys({ tokens, cards = NO_CARDS }: SoftwareKeySet): KeyProvider {
  const versions = new Map<string, readonly number[]>();
  for (const [name, key] of [...tokens, ...cards.keys]) versions.set(name, liveVersions(name, key));
  return {
    versions: (name) => versions.get(name) ?? [],
    handshakes: HANDSHAKES,
    cardKey: async (name, version, diversification) => {
      const key = keyOf(cards.keys, name, version);
      return softwareCardKey(diversification ? diversifyKey(key, diversification) : key, cards.random);
    },
    tokenMac: async (name, version, message) =>
      createHmac('sha256', keyOf(tokens, name, version))
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
