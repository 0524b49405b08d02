/** Secrets of the reader from a device folder: `token-key`, and `card-keys.json` where there is one. */
import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type CardKeysFile, parseCardKeys } from '#contracts/card-keys.ts';
import { decodeJson } from '#contracts/parse.ts';
import { KEY_NAMES, LIVE_VERSIONS_MAX } from '../keys/key-provider.ts';
import type { KeyVersions, SoftwareKeySet } from '../keys/software-keys.ts';
import { parseText, readPart } from './folder-parts.ts';

const FILE = 'card-keys.json';
const FILE_BYTES_MAX = 64 * 1024;
/** `token-key` is this version of the token key. */
const TOKEN_KEY_VERSION = 1;
/** Keys on cards of our own layout. */
const OWN_CARD_KEYS = Object.values(KEY_NAMES).filter((name) => name.startsWith('desfire-'));

/**
 * Keys by name and version. `token` has the file `token-key` as version 1 unless `card-keys.json` names two versions of it.
 * Problems name a field and quote no key.
 */
export function loadSoftwareKeys(dir: string, problems: string[]): SoftwareKeySet {
  const tokenKey = parseText(
    readPart(dir, 'token-key', problems),
    /^([0-9a-f]{2}){16,64}$/,
    'token-key',
    problems,
  );
  const file = readKeys(dir, problems);
  const tokens = keysOf(file?.tokens);
  const own = tokens.get(KEY_NAMES.token) ?? new Map<number, Uint8Array>();
  if (tokenKey !== undefined && own.size < LIVE_VERSIONS_MAX && !own.has(TOKEN_KEY_VERSION))
    tokens.set(KEY_NAMES.token, new Map([...own, [TOKEN_KEY_VERSION, Buffer.from(tokenKey, 'hex')]]));
  const cards = keysOf(file?.cards);
  // On our own cards such a key was never set: whoever makes a blank card would have it.
  for (const name of OWN_CARD_KEYS)
    if (cards.get(name)?.has(0))
      problems.push(`${FILE}/cards/${name}: version 0 is a key that was never set`);
  return { tokens, cards: { keys: cards, random: randomBytes } };
}

function keysOf(named: CardKeysFile['tokens'] = {}): Map<string, KeyVersions> {
  return new Map(
    Object.entries(named).map(([name, versions]) => [
      name,
      new Map(Object.entries(versions).map(([version, key]) => [Number(version), Buffer.from(key, 'hex')])),
    ]),
  );
}

function readKeys(dir: string, problems: string[]): CardKeysFile | undefined {
  const path = join(dir, FILE);
  if (!existsSync(path)) return undefined;
  // Keys that others of this machine can read are not secret any more, whoever reads them now.
  if ((statSync(path).mode & 0o077) !== 0)
    problems.push(`${FILE} can be read by others: chmod 600, and change its keys`);
  const bytes = readPart(dir, FILE, problems, FILE_BYTES_MAX);
  if (!bytes) return undefined;
  const json = decodeJson(bytes, FILE_BYTES_MAX);
  const parsed = json.ok ? parseCardKeys(json.value) : json;
  if (parsed.ok) return parsed.value;
  // The messages of a JSON parser quote what they could not read: here that is secret.
  if (!json.ok) problems.push(`${FILE} is not JSON within its bounds`);
  else for (const { path } of parsed.problems) problems.push(`${FILE}${path} does not have its form`);
  return undefined;
}
