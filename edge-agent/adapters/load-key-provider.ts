/** Who holds a reader's card keys, by `key-store.json` of the device folder: software, or a SAM in a PC/SC slot. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyStoreFile, parseKeyStore } from '#contracts/key-store.ts';
import { decodeJson } from '#contracts/parse.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import { createSamKeys } from '../keys/sam-keys.ts';
import { createSoftwareKeys } from '../keys/software-keys.ts';
import type { CardTransport } from '../ports.ts';
import { readPart } from './folder-parts.ts';
import { loadSoftwareKeys } from './load-card-keys.ts';

export const KEY_STORE_FILE = 'key-store.json';
const FILE_BYTES_MAX = 64 * 1024;

/** A slot, by a part of its PC/SC name, and the ATR that its SAM must have, if any. */
export interface SamPlace {
  readonly slot: string;
  readonly atr: Uint8Array | undefined;
}

/** The way to the SAM in a slot. Nothing is asked of it here: it is connected when a card needs its keys. */
export type OpenSam = (place: SamPlace) => CardTransport;

/** Keys of a device folder; `openSam` is absent where there are no slots. What is wrong is added to `problems`. */
export function loadKeyProvider(dir: string, openSam: OpenSam | undefined, problems: string[]): KeyProvider {
  const store = readKeyStore(dir, problems);
  const set = loadSoftwareKeys(dir, problems);
  if (store?.kind !== 'sam') return createSoftwareKeys(set);
  // Whoever steals the validator would have them all the same.
  if (set.cards && set.cards.keys.size > 0)
    problems.push(
      `${KEY_STORE_FILE} says that a SAM holds the card keys, and card-keys.json holds some (cards)`,
    );
  if (!openSam) problems.push(`${KEY_STORE_FILE} names a SAM, and this reader has no slots`);
  const place = {
    slot: store.slot,
    atr: store.atr === undefined ? undefined : Buffer.from(store.atr, 'hex'),
  };
  return createSamKeys({
    sam: openSam?.(place) ?? ABSENT,
    entries: new Map(Object.entries(store.entries)),
    tokens: createSoftwareKeys({ tokens: set.tokens }),
  });
}

const ABSENT: CardTransport = { transmit: async () => new Uint8Array(0) };

/** Where the card keys are; `undefined`, with a problem, where the file is not readable. */
export function readKeyStore(dir: string, problems: string[]): KeyStoreFile | undefined {
  if (!existsSync(join(dir, KEY_STORE_FILE))) return { v: 1, kind: 'software' };
  const bytes = readPart(dir, KEY_STORE_FILE, problems, FILE_BYTES_MAX);
  if (!bytes) return undefined;
  const json = decodeJson(bytes, FILE_BYTES_MAX);
  const store = json.ok ? parseKeyStore(json.value) : json;
  if (store.ok) return store.value;
  for (const { path, message } of store.problems) problems.push(`${KEY_STORE_FILE}${path}: ${message}`);
  return undefined;
}
