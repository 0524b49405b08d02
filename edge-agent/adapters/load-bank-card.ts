/** Bank cards from a device folder: `bank-card.json`, `ca-keys.json`, and the key of their tokens in the provider. */
import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type BankCardFile, parseBankCardFile } from '#contracts/bank-card.ts';
import { decodeJson } from '#contracts/parse.ts';
import { OperatorError } from '#platform/errors.ts';
import { type CaKeys, loadCaKeys } from '../emv/ca-keys.ts';
import { createReferenceKernel } from '../emv/reference-kernel.ts';
import { isSealingKey } from '../emv/seal.ts';
import { terminalValues } from '../emv/terminal.ts';
import { KEY_NAMES, type KeyProvider } from '../keys/key-provider.ts';
import { createBankCard, createBankCardsRefused } from '../media/bank-card.ts';
import type { Medium } from '../media/medium.ts';
import { readPart } from './folder-parts.ts';

const FILE = 'bank-card.json';
const CA_KEYS_FILE = 'ca-keys.json';
const FILE_BYTES_MAX = 512 * 1024;

export interface BankCardLoading {
  readonly dir: string;
  /** Whether the city takes bank cards (`policy.mediumKinds`). */
  readonly taken: boolean;
  readonly keys: KeyProvider;
  /** Time by which cards and certificates are judged. */
  readonly nowMs: () => number;
}

/**
 * The medium for bank cards: where the city takes none, or the folder has no `bank-card.json`, one that tells so and asks
 * a card nothing. What is wrong with the files is added to `problems`; no secret is quoted.
 */
export function loadBankCard(loading: BankCardLoading, problems: string[]): Medium {
  const { dir, taken, keys, nowMs } = loading;
  if (!taken || !existsSync(join(dir, FILE))) return createBankCardsRefused();
  const file = readFile(dir, problems);
  const caKeys = file && readCaKeys(dir, file.allowLiveKeys === true, problems);
  const publicKey = file && acquirerKey(file, problems);
  if (keys.versions(KEY_NAMES.panToken).length === 0)
    problems.push(`${FILE} needs a key ${KEY_NAMES.panToken} in card-keys.json (tokens)`);
  if (!file || !caKeys || !publicKey) return createBankCardsRefused();
  const kernel = createReferenceKernel({
    supported: file.applications.map(({ aid, scheme }) => ({ aid: Buffer.from(aid, 'hex'), scheme })),
    caKeys,
    terminal: terminalValues(file),
    keys,
    acquirer: { keyId: file.acquirer.keyId, publicKey },
    draw: randomBytes,
    ...(file.ask && { asked: file.ask }),
  });
  return createBankCard({ kernel, nowMs, timeZone: file.timeZone, language: 'uk' });
}

function readFile(dir: string, problems: string[]): BankCardFile | undefined {
  const bytes = readPart(dir, FILE, problems, FILE_BYTES_MAX);
  if (!bytes) return undefined;
  const json = decodeJson(bytes, FILE_BYTES_MAX);
  const parsed = json.ok ? parseBankCardFile(json.value) : json;
  if (!parsed.ok) {
    for (const { path, message } of parsed.problems) problems.push(`${FILE}${path}: ${message}`);
    return undefined;
  }
  if (isTimeZone(parsed.value.timeZone)) return parsed.value;
  problems.push(`${FILE}/timeZone: ${parsed.value.timeZone} is not known`);
  return undefined;
}

function readCaKeys(dir: string, allowLive: boolean, problems: string[]): CaKeys | undefined {
  const bytes = readPart(dir, CA_KEYS_FILE, problems, FILE_BYTES_MAX);
  if (!bytes) return undefined;
  const json = decodeJson(bytes, FILE_BYTES_MAX);
  if (!json.ok) {
    problems.push(`${CA_KEYS_FILE}: ${json.problems[0]?.message ?? 'not JSON'}`);
    return undefined;
  }
  try {
    return loadCaKeys(json.value, { allowLive });
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    problems.push(`${CA_KEYS_FILE}: ${error.code} ${error.happened}`);
    return undefined;
  }
}

function acquirerKey({ acquirer }: BankCardFile, problems: string[]): KeyObject | undefined {
  let key: KeyObject | undefined;
  try {
    key = createPublicKey(acquirer.publicKey);
  } catch {
    // Said below, without quoting what stood there.
  }
  if (key && isSealingKey(key) && !acquirer.publicKey.includes('PRIVATE')) return key;
  problems.push(
    `${FILE}/acquirer/publicKey is no public key for sealing (X25519, or RSA of 2048 to 4096 bits)`,
  );
  return undefined;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}
