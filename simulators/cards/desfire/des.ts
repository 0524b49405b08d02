/**
 * What a card knows of DES: its factory key (MF3ICD81), AuthenticateISO with it, and the one command that replaces it. The
 * virtual card has no other DES keys, and in such a session it takes ChangeKey alone.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { crc32 } from './aes.ts';

export const DES_BYTES = 8;
const ZERO_IV = Buffer.alloc(DES_BYTES);

/** A DES key is a triple DES key of three equal parts. */
const whole = (key: Uint8Array): Buffer => Buffer.concat([key, key, key].map((part) => part.subarray(0, 8)));

export function encryptDesCbc(key: Uint8Array, data: Uint8Array, iv: Uint8Array = ZERO_IV): Buffer {
  const cipher = createCipheriv('des-ede3-cbc', whole(key), iv).setAutoPadding(false);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

export function decryptDesCbc(key: Uint8Array, data: Uint8Array, iv: Uint8Array = ZERO_IV): Buffer {
  const decipher = createDecipheriv('des-ede3-cbc', whole(key), iv).setAutoPadding(false);
  return Buffer.concat([decipher.update(data), decipher.final()]);
}

/** Session key of single DES: the first halves of both challenges. */
export function desSessionKey(rndA: Uint8Array, rndB: Uint8Array): Buffer {
  return Buffer.concat([rndA.subarray(0, 4), rndB.subarray(0, 4)]);
}

/** The clear bytes of an enciphered command with CRC; `undefined` when CRC or padding is wrong. */
export function openDesCommand(
  key: Uint8Array,
  head: Uint8Array,
  sent: Uint8Array,
  dataBytes: number,
): Buffer | undefined {
  const clear = decryptDesCbc(key, sent);
  const data = clear.subarray(0, dataBytes);
  if (!crc32(head, data).equals(clear.subarray(dataBytes, dataBytes + 4))) return undefined;
  return clear.subarray(dataBytes + 4).every((byte) => byte === 0) ? data : undefined;
}
