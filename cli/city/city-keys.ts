/**
 * The keys of a city in one folder: made once, kept at 0600, read again at every start. In production each service
 * holds only its own; the embedded city holds them all because it is all of them.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstInspectionKeys, type NetworkKeys, networkKeysText } from '#contracts/vehicle-key.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { readInspectionKeys } from '../../ingest/enrolment/config.ts';

/** Name under which devices pin the offline key that begins generations of lists. */
export const GENERATION_KEY_ID = 'generation-1';

/** A private key with the name by which devices pin its public half. */
export interface NamedKey {
  readonly keyId: string;
  readonly privateKey: KeyObject;
}

export interface CityKeys {
  /** Signs receipts and commands. */
  readonly ingest: NamedKey;
  /** Signs the deny list and the tariff extract. */
  readonly lists: NamedKey;
  /** Begins a generation of lists after a restore. In production it lies offline, in a folder of its own here. */
  readonly listGeneration: NamedKey;
  /** Signs checkpoints of the audit log. */
  readonly audit: KeyObject;
  /** Signs the identity file of cards. */
  readonly issuer: NamedKey;
  /** Turns a medium's number into its token; version 1. */
  readonly tokenKey: Buffer;
  /** From them those of each vehicle's own network are made; inspectors' devices have them. */
  readonly inspectionKeys: NetworkKeys;
  /** Turns a bank card's number into its token; version 1. */
  readonly panTokenKey: Buffer;
  /** X25519: opens what validators seal for the acquirer. The embedded city plays its own acquirer. */
  readonly acquirer: NamedKey;
  /** Master keys of cards of layout 2. */
  readonly cardKeys: CardMasterKeys;
}

/** Keys from which those of each card are made (docs/CARD-LAYOUT.md), 16 bytes each, of one generation. */
export interface CardMasterKeys {
  /** The keys' version on the card, 1 to 255. */
  readonly generation: number;
  readonly picc: Buffer;
  readonly master: Buffer;
  readonly read: Buffer;
  readonly log: Buffer;
  readonly uid: Buffer;
  readonly hint: Buffer;
}

const CARD_KEY_USES = ['picc', 'master', 'read', 'log', 'uid', 'hint'] as const;
const CARD_GENERATION = 1;

const INGEST_KEY = 'ingest-key.pem';
const GENERATION_KEY = join('offline', 'list-generation-key.pem');

/** Whether the keys of `folder` that devices pin and a restore uses are there; {@link openCityKeys} makes new ones. */
export function hasCityKeys(folder: string): boolean {
  return [INGEST_KEY, GENERATION_KEY].every((name) => existsSync(join(folder, name)));
}

/** Reads the keys of `folder`, making those that are not there yet. */
export function openCityKeys(folder: string): CityKeys {
  mkdirSync(join(folder, 'offline'), { recursive: true, mode: 0o700 });
  return {
    ingest: { keyId: 'ingest-1', privateKey: openKey(join(folder, INGEST_KEY)) },
    lists: { keyId: 'lists-1', privateKey: openKey(join(folder, 'lists-key.pem')) },
    listGeneration: {
      keyId: GENERATION_KEY_ID,
      privateKey: openKey(join(folder, GENERATION_KEY)),
    },
    audit: openKey(join(folder, 'audit-key.pem')),
    // Four ASCII characters: the card's identity file has room for no more (docs/CARD-LAYOUT.md).
    issuer: { keyId: 'i001', privateKey: openKey(join(folder, 'issuer-key.pem')) },
    inspectionKeys: openInspectionKeys(join(folder, 'inspection-keys.json')),
    tokenKey: Buffer.from(
      openSecret(join(folder, 'token-key'), () => randomBytes(32).toString('hex')),
      'hex',
    ),
    panTokenKey: Buffer.from(
      openSecret(join(folder, 'pan-token-key'), () => randomBytes(32).toString('hex')),
      'hex',
    ),
    acquirer: { keyId: 'acq-test', privateKey: openKey(join(folder, 'acquirer-key.pem'), sealingKey) },
    cardKeys: openCardKeys(join(folder, `card-keys-${CARD_GENERATION}`)),
  };
}

function openInspectionKeys(file: string): NetworkKeys {
  openSecret(file, () => networkKeysText(firstInspectionKeys(randomBytes(32))));
  return readInspectionKeys(file);
}

/** One line for each use, in their order. */
function openCardKeys(file: string): CardMasterKeys {
  const fresh = () => CARD_KEY_USES.map(() => randomBytes(16).toString('hex')).join('\n');
  const lines = openSecret(file, fresh).split('\n');
  const [picc, master, read, log, uid, hint] = lines.map((line) => Buffer.from(line, 'hex'));
  if (!picc || !master || !read || !log || !uid || !hint) throw new Error(`${file} is cut short`);
  return { generation: CARD_GENERATION, picc, master, read, log, uid, hint };
}

/** The public half in PEM, as devices pin it. */
export function publicPem(key: KeyObject): string {
  return (key.type === 'public' ? key : createPublicKey(key))
    .export({ type: 'spki', format: 'pem' })
    .toString();
}

/** A private key of a file; a new one when there is none: Ed25519 unless another kind is made. */
export function openKey(file: string, make: () => KeyObject = signingKey): KeyObject {
  const fresh = () => make().export({ type: 'pkcs8', format: 'pem' }).toString();
  return createPrivateKey(openSecret(file, fresh));
}

function signingKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

function sealingKey(): KeyObject {
  return generateKeyPairSync('x25519').privateKey;
}

/** A secret's text of a file; made and written whole or not at all when there is none. */
export function openSecret(file: string, make: () => string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const secret = make();
  writeFileAtomic(file, `${secret.trim()}\n`);
  return secret.trim();
}
