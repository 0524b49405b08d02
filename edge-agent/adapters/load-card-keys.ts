/** Secrets of the reader from a device folder: `token-key`, and `card-keys.json` where there is one. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type CardKeysFile, parseCardKeys } from '#contracts/card-keys.ts';
import { decodeJson } from '#contracts/parse.ts';
import { KEY_NAMES } from '../keys/key-provider.ts';
import type { KeyVersions, SoftwareKeySet } from '../keys/software-keys.ts';
import { parseText, readPart } from './folder-parts.ts';

const FILE = 'card-keys.json';
const FILE_BYTES_MAX = 64 * 1024;
/** `token-key` is this version of the token key. */
const TOKEN_KEY_VERSION = 1;

/**
 * Token keys by name and version. `token` has the file `token-key` as version 1 unless `card-keys.json` names two versions of
 * it. Problems name a field and quote no key.
 */
export function loadTokenKeys(dir: string, problems: string[]): SoftwareKeySet['tokens'] {
  const tokenKey = parseText(
    readPart(dir, 'token-key', problems),
    /^([0-9a-f]{2}){16,64}$/,
    'token-key',
    problems,
  );
  const tokens = new Map<string, KeyVersions>();
  for (const [name, versions] of Object.entries(readKeys(dir, problems)?.tokens ?? {})) {
    const keys = Object.entries(versions).map(
      ([version, key]) => [Number(version), Buffer.from(key, 'hex')] as const,
    );
    tokens.set(name, new Map(keys));
  }
  const own = tokens.get(KEY_NAMES.token) ?? new Map<number, Uint8Array>();
  if (tokenKey !== undefined && own.size < 2 && !own.has(TOKEN_KEY_VERSION))
    tokens.set(KEY_NAMES.token, new Map([...own, [TOKEN_KEY_VERSION, Buffer.from(tokenKey, 'hex')]]));
  return tokens;
}

function readKeys(dir: string, problems: string[]): CardKeysFile | undefined {
  if (!existsSync(join(dir, FILE))) return undefined;
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
