/**
 * The kinds of card that this device reads, with their keys, from its device folder. The reader's side calls this: a
 * process of its own with a real reader. The agent never holds what is in here.
 */
import { createSoftwareKeys } from '../keys/software-keys.ts';
import { createKvytokPlain } from '../media/kvytok-plain.ts';
import type { Medium } from '../media/medium.ts';
import { invalid, parseKeys, parseMain, readPart } from './folder-parts.ts';
import { loadBankCard } from './load-bank-card.ts';
import { loadTokenKeys } from './load-card-keys.ts';

/**
 * Loads media in the order in which they are tried.
 * @throws OperatorError DEVICE_FOLDER_INVALID with every problem.
 */
export function loadMedia(dir: string, nowMs: () => number = Date.now): readonly Medium[] {
  const problems: string[] = [];
  const file = parseMain(readPart(dir, 'device.json', problems), problems);
  const issuerKeys = parseKeys(file?.issuerKeys, 'issuerKeys', problems);
  const keys = createSoftwareKeys({ tokens: loadTokenKeys(dir, problems) });
  const taken = file?.policy.mediumKinds.includes('bank') === true;
  const bankCard = loadBankCard({ dir, taken, keys, nowMs }, problems);
  if (problems.length > 0) throw invalid(dir, problems);
  return [createKvytokPlain({ issuerKeys, keys }), bankCard];
}
