/**
 * The kinds of card that this device reads, with their keys, from its device folder. The reader's side calls this: a
 * process of its own with a real reader. The agent never holds what is in here.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type CardMediaFile, DEFAULT_CARD_MEDIA, parseCardMedia } from '#contracts/card-media.ts';
import { decodeJson } from '#contracts/parse.ts';
import { createMedia } from '../media/card-media.ts';
import type { Medium } from '../media/medium.ts';
import { invalid, parseKeys, parseMain, readPart } from './folder-parts.ts';
import { loadBankCard } from './load-bank-card.ts';
import { loadKeyProvider, type OpenSam } from './load-key-provider.ts';

const FILE = 'card-media.json';
const FILE_BYTES_MAX = 64 * 1024;

/**
 * Loads media in the order in which they are tried: that of `card-media.json`, or the default. `openSam`: the slots of
 * this reader, where it has any.
 * @throws OperatorError DEVICE_FOLDER_INVALID with every problem.
 */
export function loadMedia(dir: string, nowMs: () => number = Date.now, openSam?: OpenSam): readonly Medium[] {
  const problems: string[] = [];
  const file = parseMain(readPart(dir, 'device.json', problems), problems);
  const issuerKeys = parseKeys(file?.issuerKeys, 'issuerKeys', problems);
  const listKeys = parseKeys(file?.listKeys, 'listKeys', problems);
  const keys = loadKeyProvider(dir, openSam, problems);
  const taken = file?.policy.mediumKinds.includes('bank') === true;
  const bankCard = loadBankCard({ dir, taken, keys, nowMs }, problems);
  const list = readList(dir, problems);
  if (problems.length > 0 || !list) throw invalid(dir, problems);
  return createMedia(list, { keys, issuerKeys, listKeys, bankCard });
}

function readList(dir: string, problems: string[]): CardMediaFile | undefined {
  if (!existsSync(join(dir, FILE))) return DEFAULT_CARD_MEDIA;
  const bytes = readPart(dir, FILE, problems, FILE_BYTES_MAX);
  if (!bytes) return undefined;
  const json = decodeJson(bytes, FILE_BYTES_MAX);
  const list = json.ok ? parseCardMedia(json.value) : json;
  if (list.ok) return list.value;
  for (const { path, message } of list.problems) problems.push(`${FILE}${path}: ${message}`);
  return undefined;
}
