/**
 * The chain from a scheme's key to the card's own: issuer certificate, card certificate (EMV Book 2, 6.3 and 6.4). What
 * RSA recovers holds the card number; it lives in the arena of the conversation.
 */
import { constants, createHash, type KeyObject, publicEncrypt, timingSafeEqual } from 'node:crypto';
import { type CaKey, rsaKey } from './ca-keys.ts';
import { digitsIn, endOf, isPan, startsWithDigits } from './digits.ts';
import type { SecretArena } from './secret-bytes.ts';

/** A key that a certificate vouches for. */
export interface CertifiedKey {
  readonly key: KeyObject;
  readonly bytes: number;
  /** End of the certificate's last month, exclusive. */
  readonly validUntilMs: number;
}

/** The card's key and the number that its certificate names: ten bytes, filled with `F`, in the arena. */
export interface CardKeyAndPan extends CertifiedKey {
  readonly pan: Buffer;
}

export interface Certificate {
  readonly certificate: Buffer | undefined;
  readonly remainder: Buffer | undefined;
  readonly exponent: Buffer | undefined;
}

/** Bytes around the key's part in each certificate, header to trailer. */
const ISSUER_FRAME = 36;
const CARD_FRAME = 42;
const HASH_BYTES = 20;

/** Raw RSA with a public key, for exactly as many bytes as its modulus has; the result is in the arena. */
export function recover(
  signed: Buffer | undefined,
  signer: { readonly key: KeyObject; readonly bytes: number },
  arena: SecretArena,
): Buffer | undefined {
  if (signed === undefined || signed.length !== signer.bytes) return undefined;
  try {
    const plain = publicEncrypt({ key: signer.key, padding: constants.RSA_NO_PADDING }, signed);
    return arena.keep(plain);
  } catch {
    return undefined; // not smaller than the modulus
  }
}

/** Whether the frame is whole: header, format, hash algorithm SHA-1, trailer, and the hash over it and what follows it. */
export function frameHolds(plain: Buffer, format: number, follows: readonly Uint8Array[]): boolean {
  if (plain[0] !== 0x6a || plain[1] !== format || plain.at(-1) !== 0xbc) return false;
  const hash = createHash('sha1').update(plain.subarray(1, -HASH_BYTES - 1));
  for (const part of follows) hash.update(part);
  return timingSafeEqual(hash.digest(), plain.subarray(-HASH_BYTES - 1, -1));
}

/** The issuer's key. `pan`: the card number that the card states, whose first digits the certificate names. */
export function issuerKey(
  cert: Certificate,
  ca: Pick<CaKey, 'key' | 'bytes'>,
  pan: Uint8Array,
  arena: SecretArena,
): CertifiedKey | undefined {
  const plain = recover(cert.certificate, ca, arena);
  if (!plain || plain.length < ISSUER_FRAME || !cert.exponent) return undefined;
  const follows = [...(cert.remainder ? [cert.remainder] : []), cert.exponent];
  if (!frameHolds(plain, 0x02, follows)) return undefined;
  // 11: hash algorithm SHA-1, 12: key algorithm RSA.
  if (plain[11] !== 0x01 || plain[12] !== 0x01) return undefined;
  const issuerDigits = digitsIn(plain.subarray(2, 6));
  if (
    issuerDigits === undefined ||
    issuerDigits < 3 ||
    !startsWithDigits(plain.subarray(2, 6), pan, issuerDigits)
  )
    return undefined;
  const frame = { at: 13, overhead: ISSUER_FRAME, expiry: plain.subarray(6, 8) };
  return keyIn(plain, frame, cert, arena);
}

/** The card's key and number. `signedData`: static data to be authenticated, part by part. */
export function cardKey(
  cert: Certificate,
  issuer: CertifiedKey,
  signedData: readonly Uint8Array[],
  arena: SecretArena,
): CardKeyAndPan | undefined {
  const plain = recover(cert.certificate, issuer, arena);
  if (!plain || plain.length < CARD_FRAME || !cert.exponent) return undefined;
  const follows = [...(cert.remainder ? [cert.remainder] : []), cert.exponent, ...signedData];
  if (!frameHolds(plain, 0x04, follows)) return undefined;
  // 17: hash algorithm SHA-1, 18: key algorithm RSA.
  if (plain[17] !== 0x01 || plain[18] !== 0x01) return undefined;
  const pan = plain.subarray(2, 12);
  if (!isPan(pan)) return undefined;
  const frame = { at: 19, overhead: CARD_FRAME, expiry: plain.subarray(12, 14) };
  const found = keyIn(plain, frame, cert, arena);
  return found && { ...found, pan };
}

/** The key whose length, exponent length and leftmost bytes stand from `at` on; the rest of it in the remainder. */
function keyIn(
  plain: Buffer,
  frame: { readonly at: number; readonly overhead: number; readonly expiry: Buffer },
  cert: Certificate,
  arena: SecretArena,
): CertifiedKey | undefined {
  const bytes = plain[frame.at] as number;
  const exponent = cert.exponent as Buffer;
  const validUntilMs = endOf(frame.expiry);
  if (validUntilMs === undefined || plain[frame.at + 1] !== exponent.length) return undefined;
  const isExponent = exponent.equals(Buffer.of(0x03)) || exponent.equals(Buffer.of(0x01, 0x00, 0x01));
  // A key is never longer than the one that vouches for it (Book 2, tables 6 and 14).
  if (!isExponent || bytes > plain.length) return undefined;
  const begin = frame.at + 2;
  const room = plain.length - frame.overhead;
  const inside = plain.subarray(begin, begin + Math.min(bytes, room));
  const padding = plain.subarray(begin + inside.length, begin + room);
  if (padding.some((byte) => byte !== 0xbb)) return undefined;
  const missing = bytes - inside.length;
  if ((cert.remainder?.length ?? 0) !== missing) return undefined;
  const modulus = cert.remainder ? arena.join([inside, cert.remainder]) : inside;
  const key = rsaKey(modulus, exponent);
  return key && { key, bytes, validUntilMs };
}
