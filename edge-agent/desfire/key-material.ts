/**
 * Bytes of software keys, for the software channels alone: changing a key needs the bytes of the new one. A key that a
 * SAM holds has none here, and its own channel changes keys inside the SAM.
 */
import type { CardKey } from './card-key.ts';

const MATERIAL = new WeakMap<CardKey, Uint8Array>();

/** Notes the 16 bytes of a software key. */
export function noteKeyBytes(key: CardKey, bytes: Uint8Array): void {
  MATERIAL.set(key, bytes);
}

/** The bytes of a software key. @throws TypeError for a key of another kind: two providers were mixed, a bug. */
export function keyBytesOf(key: CardKey): Uint8Array {
  const bytes = MATERIAL.get(key);
  if (!bytes) throw new TypeError('this key is not held in software');
  return bytes;
}

/** The new key, masked by the old one where there is one, as ChangeKey carries it. */
export function maskedKey(newKey: CardKey, oldKey: CardKey | undefined): Buffer {
  const bytes = Buffer.from(keyBytesOf(newKey));
  if (!oldKey) return bytes;
  const old = keyBytesOf(oldKey);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ (old[i] as number);
  return bytes;
}
