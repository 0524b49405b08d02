/**
 * The kinds of card that this device reads, with their keys, from its device folder. The reader's side calls this: a
 * process of its own with a real reader. The agent never holds what is in here.
 */
import { KEY_NAMES } from '../keys/key-provider.ts';
import { createSoftwareKeys } from '../keys/software-keys.ts';
import { createKvytokPlain } from '../media/kvytok-plain.ts';
import type { Medium } from '../media/medium.ts';
import { invalid, parseKeys, parseMain, parseText, readPart } from './folder-parts.ts';

/** `token-key` is this version of the token key. */
const TOKEN_KEY_VERSION = 1;

/**
 * Loads media in the order in which they are tried.
 * @throws OperatorError DEVICE_FOLDER_INVALID with every problem.
 */
export function loadMedia(dir: string): readonly Medium[] {
  const problems: string[] = [];
  const file = parseMain(readPart(dir, 'device.json', problems), problems);
  const tokenKey = parseText(
    readPart(dir, 'token-key', problems),
    /^([0-9a-f]{2}){16,64}$/,
    'token-key',
    problems,
  );
  const issuerKeys = parseKeys(file?.issuerKeys, 'issuerKeys', problems);
  if (problems.length > 0 || tokenKey === undefined) throw invalid(dir, problems);
  const token = new Map([[TOKEN_KEY_VERSION, Buffer.from(tokenKey, 'hex')]]);
  const keys = createSoftwareKeys({ tokens: new Map([[KEY_NAMES.token, token]]) });
  return [createKvytokPlain({ issuerKeys, keys })];
}
