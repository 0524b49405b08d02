/**
 * What an issuing station's reader process works with, from the device folder: master keys of the cards (`card-keys.json`),
 * the issuer's private key (`issuer-key.pem`), the memory of begun cards. In production both keys are in an HSM or SAM behind
 * the same two ports, and neither file is there.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { IssuerSigner } from '../issue/identity.ts';
import { createIssuingDesk, type IssuingDesk } from '../issue/issuing-desk.ts';
import { APPLICATION_KEYS, BLANK_KEY, PICC_KEY } from '../issue/layout.ts';
import { createSoftwareKeys, type SoftwareKeySet } from '../keys/software-keys.ts';
import { invalid, parseKeys, parseMain, readPart } from './folder-parts.ts';
import { loadSoftwareKeys } from './load-card-keys.ts';
import { KEY_STORE_FILE, readKeyStore } from './load-key-provider.ts';
import { loadMedia } from './load-media.ts';
import { openPlanFolder } from './plan-folder.ts';
import { realTimers } from './timers.ts';

const ISSUER_KEY = 'issuer-key.pem';

/**
 * Loads a station's desk.
 * @throws OperatorError DEVICE_FOLDER_INVALID with every problem; no key is quoted.
 */
export function loadIssuingDesk(dir: string, nowMs: () => number): IssuingDesk {
  const problems: string[] = [];
  const file = parseMain(readPart(dir, 'device.json', problems), problems);
  const issuerKeys = parseKeys(file?.issuerKeys, 'issuerKeys', problems);
  const set = loadSoftwareKeys(dir, problems);
  if (readKeyStore(dir, problems)?.kind === 'sam')
    problems.push(`${KEY_STORE_FILE} names a SAM: a station changes keys, which needs them in software`);
  for (const { name } of [PICC_KEY, ...APPLICATION_KEYS])
    if (!set.cards?.keys.has(name)) problems.push(`card-keys.json has no key ${name}: a station needs it`);
  const issuer = loadIssuer(dir, issuerKeys, problems);
  if (problems.length > 0 || !issuer) throw invalid(dir, problems);
  return createIssuingDesk({
    keys: createSoftwareKeys(withBlankKey(set)),
    issuer,
    plans: openPlanFolder(dir),
    media: loadMedia(dir, nowMs),
    random: randomBytes,
    timers: realTimers,
    nowMs,
    takesEv1: false,
  });
}

/** Every blank chip has it, so it is no secret. */
function withBlankKey({ tokens, cards }: SoftwareKeySet): SoftwareKeySet {
  const keys = new Map(cards?.keys);
  keys.set(BLANK_KEY.name, new Map([[BLANK_KEY.version, new Uint8Array(16)]]));
  return { tokens, cards: { keys, random: cards?.random ?? randomBytes } };
}

/** The signer; its id is that under which the city's devices know its public half. */
function loadIssuer(
  dir: string,
  known: ReadonlyMap<string, KeyObject>,
  problems: string[],
): IssuerSigner | undefined {
  const bytes = readPart(dir, ISSUER_KEY, problems);
  if (!bytes) return undefined;
  if ((statSync(join(dir, ISSUER_KEY)).mode & 0o077) !== 0)
    problems.push(`${ISSUER_KEY} can be read by others: chmod 600, and change the key`);
  const key = privateKeyOf(bytes);
  const own = key && createPublicKey(key);
  const keyId = own && [...known].find(([, other]) => other.equals(own))?.[0];
  if (!key || keyId === undefined) {
    problems.push(`${ISSUER_KEY} is no Ed25519 private key of an issuer that device.json names`);
    return undefined;
  }
  return { keyId, sign: async (message) => sign(null, message, key) };
}

function privateKeyOf(bytes: Buffer): KeyObject | undefined {
  try {
    const key = createPrivateKey(bytes);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined; // the library's message may quote the file
  }
}
