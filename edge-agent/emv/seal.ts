/**
 * Sealing for the acquirer: card data leave the reader only under a public key whose private half is neither in the
 * vehicle nor in the city.
 *
 * Form 1 (X25519): `01`, ephemeral public key 32, IV 12, ciphertext, tag 16. Form 2 (RSA-OAEP with SHA-256): `02`, length
 * of the wrapped key 2, wrapped key, IV 12, ciphertext, tag 16. Both AES-256-GCM with the additional data
 * `kvytok bank v1` + line feed + key id. The key of form 1 is HKDF-SHA256 of the shared secret, salt = ephemeral key ‖
 * recipient's key, info = the additional data.
 */
import {
  constants,
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  publicEncrypt,
} from 'node:crypto';

/** The acquirer's public key. */
export interface AcquirerKey {
  readonly keyId: string;
  /** X25519, or RSA of 2048 to 4096 bits. */
  readonly publicKey: KeyObject;
}

/** Bytes that nobody can guess, from the operating system's generator. */
export type RandomBytes = (bytes: number) => Buffer;

/** Frame of an X25519 private key in PKCS #8 (RFC 8410), before its 32 bytes. */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const RSA_BITS = { min: 2048, max: 4096 } as const;

/** Whether data can be sealed for a key. */
export function isSealingKey(key: KeyObject): boolean {
  if (key.type !== 'public') return false;
  if (key.asymmetricKeyType === 'x25519') return true;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return key.asymmetricKeyType === 'rsa' && bits >= RSA_BITS.min && bits <= RSA_BITS.max;
}

/** Seals `plain` for the acquirer. The caller wipes `plain`. */
export function seal(plain: Buffer, { keyId, publicKey }: AcquirerKey, draw: RandomBytes): Buffer {
  const info = Buffer.from(`kvytok bank v1\n${keyId}`, 'latin1');
  const { head, key } =
    publicKey.asymmetricKeyType === 'x25519' ? agreedKey(publicKey, info, draw) : wrappedKey(publicKey, draw);
  try {
    const iv = draw(12);
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(info);
    return Buffer.concat([head, iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  } finally {
    key.fill(0);
  }
}

function agreedKey(recipient: KeyObject, info: Buffer, draw: RandomBytes): { head: Buffer; key: Buffer } {
  const pkcs8 = Buffer.concat([PKCS8_X25519, draw(32)]);
  const ephemeral = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  pkcs8.fill(0);
  const shared = diffieHellman({ privateKey: ephemeral, publicKey: recipient });
  const ours = rawPublic(createPublicKey(ephemeral));
  const key = Buffer.from(hkdfSync('sha256', shared, Buffer.concat([ours, rawPublic(recipient)]), info, 32));
  shared.fill(0);
  return { head: Buffer.concat([Buffer.of(0x01), ours]), key };
}

function wrappedKey(recipient: KeyObject, draw: RandomBytes): { head: Buffer; key: Buffer } {
  const key = draw(32);
  const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  const wrapped = publicEncrypt({ key: recipient, ...padding }, key);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(wrapped.length);
  return { head: Buffer.concat([Buffer.of(0x02), length, wrapped]), key };
}

function rawPublic(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x as string, 'base64url');
}
