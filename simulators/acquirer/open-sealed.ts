/**
 * What a reader has sealed for the acquirer, opened with the acquirer's private key, and the few data of the card that the
 * sandbox's issuer asks for. Written from docs/CARD-LAYOUT.md, not from the reader's code.
 */
import {
  constants,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  privateDecrypt,
} from 'node:crypto';

/** A card as its issuer sees it. The number itself stays in here. */
export interface OpenedCard {
  /** SHA-256 of the number, hex: the sandbox's books know no number. */
  readonly account: string;
  /** YYMMDD. */
  readonly expiry: string | null;
  readonly par: string | null;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;
const SPKI_X25519 = Buffer.from('302a300506032b656e032100', 'hex');

/** @throws Error when it was not sealed for this key, was changed, or holds no card number. */
export function openCard(sealed: string, keyId: string, privateKey: KeyObject): OpenedCard {
  const bytes = Buffer.from(sealed, 'base64url');
  const info = Buffer.from(`kvytok bank v1\n${keyId}`, 'latin1');
  const { key, rest } = bytes[0] === 0x01 ? agreed(bytes, info, privateKey) : unwrapped(bytes, privateKey);
  const opener = createDecipheriv('aes-256-gcm', key, rest.subarray(0, IV_BYTES)).setAAD(info);
  opener.setAuthTag(rest.subarray(rest.length - TAG_BYTES));
  const plain = Buffer.concat([
    opener.update(rest.subarray(IV_BYTES, rest.length - TAG_BYTES)),
    opener.final(),
  ]);
  try {
    return cardOf(plain);
  } finally {
    plain.fill(0);
    key.fill(0);
  }
}

function agreed(bytes: Buffer, info: Buffer, privateKey: KeyObject): { key: Buffer; rest: Buffer } {
  const theirs = bytes.subarray(1, 33);
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI_X25519, theirs]),
    format: 'der',
    type: 'spki',
  });
  const ours = Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x as string, 'base64url');
  const shared = diffieHellman({ privateKey, publicKey });
  const key = Buffer.from(hkdfSync('sha256', shared, Buffer.concat([theirs, ours]), info, 32));
  return { key, rest: bytes.subarray(33) };
}

function unwrapped(bytes: Buffer, privateKey: KeyObject): { key: Buffer; rest: Buffer } {
  if (bytes[0] !== 0x02) throw new Error('an unknown form of sealed data');
  const length = bytes.readUInt16BE(1);
  const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  const key = privateDecrypt({ key: privateKey, ...padding }, bytes.subarray(3, 3 + length));
  return { key, rest: bytes.subarray(3 + length) };
}

function cardOf(plain: Buffer): OpenedCard {
  const tags = new Map<string, Buffer>();
  for (let at = 0; at < plain.length; ) {
    const long = ((plain[at] as number) & 0x1f) === 0x1f;
    const tag = plain.subarray(at, at + (long ? 2 : 1)).toString('hex');
    at += long ? 2 : 1;
    const length = plain[at] as number;
    tags.set(tag, plain.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  const number =
    tags.get('5a')?.toString('hex').replace(/f+$/i, '') ?? tags.get('57')?.toString('hex').split('d')[0];
  if (number === undefined || number === '') throw new Error('no card number in the sealed data');
  return {
    account: accountOfCard(number),
    expiry: tags.get('5f24')?.toString('hex') ?? null,
    par: tags.get('9f24')?.toString('latin1') ?? null,
  };
}

/** The sandbox's name of a card's account: its books know no number. */
export function accountOfCard(number: string): string {
  return createHash('sha256').update(`sandbox ${number}`).digest('hex');
}
