/** AES-128 as DESFire uses it: blocks and CBC without automatic padding, and CMAC (RFC 4493). All synchronous. */
import { createCipheriv, createDecipheriv } from 'node:crypto';

export const BLOCK_BYTES = 16;
/** The zero block. Never written to. */
export const ZERO_BLOCK: Uint8Array = Buffer.alloc(BLOCK_BYTES);

/** CBC without padding; `data` is whole blocks. */
export function encryptCbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-128-cbc', key, iv);
  cipher.setAutoPadding(false);
  return cipher.update(data);
}

/** CBC without padding; `data` is whole blocks. */
export function decryptCbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-128-cbc', key, iv);
  decipher.setAutoPadding(false);
  return decipher.update(data);
}

/** One block. */
export function encryptBlock(key: Uint8Array, block: Uint8Array): Buffer {
  return encryptCbc(key, ZERO_BLOCK, block);
}

/** Subkeys K1 and K2 of RFC 4493 §2.3. */
export interface CmacSubkeys {
  readonly k1: Uint8Array;
  readonly k2: Uint8Array;
}

/** Derives the subkeys of a key: one block encrypted. A session keeps them. */
export function cmacSubkeys(key: Uint8Array): CmacSubkeys {
  const k1 = doubled(encryptBlock(key, ZERO_BLOCK));
  return { k1, k2: doubled(k1) };
}

/** Doubling in GF(2^128) with the polynomial 0x87, whatever the highest bit is, in the same time. */
function doubled(block: Uint8Array): Uint8Array {
  const result = Buffer.allocUnsafe(BLOCK_BYTES);
  for (let i = 0; i < BLOCK_BYTES; i++) result[i] = ((block[i] as number) << 1) | ((block[i + 1] ?? 0) >> 7);
  result[15] = (result[15] as number) ^ (0x87 & -((block[0] as number) >> 7));
  return result;
}

/**
 * CMAC of a message, 16 bytes.
 * @param iv begins the chain: zero by the RFC, the last MAC in an EV1 session.
 * @param bytesMin pads a shorter message up to so many bytes (whole blocks) with 80 00…: AN10922 asks for 32.
 */
export function cmac(
  key: Uint8Array,
  message: Uint8Array,
  subkeys: CmacSubkeys = cmacSubkeys(key),
  iv: Uint8Array = ZERO_BLOCK,
  bytesMin = BLOCK_BYTES,
): Buffer {
  const bytes = Math.max(bytesMin, Math.ceil(message.length / BLOCK_BYTES) * BLOCK_BYTES);
  const padded = Buffer.alloc(bytes);
  padded.set(message);
  const whole = message.length === bytes;
  if (!whole) padded[message.length] = 0x80;
  const last = whole ? subkeys.k1 : subkeys.k2;
  for (let i = 0; i < BLOCK_BYTES; i++) {
    const at = bytes - BLOCK_BYTES + i;
    padded[at] = (padded[at] as number) ^ (last[i] as number);
  }
  return encryptCbc(key, iv, padded).subarray(bytes - BLOCK_BYTES);
}
