/**
 * The arithmetic of the virtual card: AES-128 over `node:crypto`, AES-CMAC (RFC 4493) and the CRC of EV1. Its own, so
 * that a mistake of the reader's is not also the card's.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';

/** Bytes of an AES block and of every key of the card. */
export const BLOCK_BYTES = 16;
/** Bytes of a shortened MAC on the air. */
export const MAC_BYTES = 8;

const ZERO_BLOCK = Buffer.alloc(BLOCK_BYTES);

/** AES-128 in CBC over whole blocks; the vector is zero unless given. */
export function encryptCbc(key: Uint8Array, data: Uint8Array, iv: Uint8Array = ZERO_BLOCK): Buffer {
  const cipher = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

/** The reverse of {@link encryptCbc}. */
export function decryptCbc(key: Uint8Array, data: Uint8Array, iv: Uint8Array = ZERO_BLOCK): Buffer {
  const decipher = createDecipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
  return Buffer.concat([decipher.update(data), decipher.final()]);
}

/** The subkeys K1 and K2 of RFC 4493, 2.3. */
export function cmacSubkeys(key: Uint8Array): { readonly k1: Buffer; readonly k2: Buffer } {
  const k1 = double(encryptCbc(key, ZERO_BLOCK));
  return { k1, k2: double(k1) };
}

/**
 * AES-CMAC, all 16 bytes (RFC 4493). `iv` is EV1's running vector, zero elsewhere; `padTo` is AN10922's habit of
 * filling a message up to more than a block before the last one is chosen.
 */
export function cmac(
  key: Uint8Array,
  message: Uint8Array,
  options: { readonly iv?: Uint8Array; readonly padTo?: number } = {},
): Buffer {
  const { k1, k2 } = cmacSubkeys(key);
  const whole = Math.max(options.padTo ?? BLOCK_BYTES, Math.ceil(message.length / BLOCK_BYTES) * BLOCK_BYTES);
  const padded = Buffer.alloc(whole);
  padded.set(message);
  const full = message.length === whole;
  if (!full) padded[message.length] = 0x80;
  const last = padded.subarray(whole - BLOCK_BYTES);
  last.set(xor(last, full ? k1 : k2));
  return encryptCbc(key, padded, options.iv ?? ZERO_BLOCK).subarray(whole - BLOCK_BYTES);
}

/** The second byte of every pair: how EV2 shortens a CMAC. */
export function oddBytes(mac: Uint8Array): Buffer {
  return Buffer.from(mac.filter((_, i) => i % 2 === 1));
}

/** Byte by byte, as long as the first. */
export function xor(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ (b[i] as number)));
}

/** One byte to the left, the first behind the last: how both sides prove that they read a challenge. */
export function rotateLeft(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(1), bytes.subarray(0, 1)]);
}

/** CRC-32 without the final inversion, low byte first, as EV1 writes it. */
export function crc32(...parts: readonly Uint8Array[]): Buffer {
  let crc = 0xffffffff;
  for (const part of parts)
    for (const byte of part) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(crc >>> 0);
  return bytes;
}

/** Multiplies by x in GF(2^128). */
function double(block: Uint8Array): Buffer {
  const doubled = Buffer.alloc(BLOCK_BYTES);
  for (let i = 0; i < BLOCK_BYTES; i++)
    doubled[i] = (((block[i] as number) << 1) & 0xff) | ((block[i + 1] ?? 0) >> 7);
  if (((block[0] as number) & 0x80) !== 0) doubled[15] = (doubled[15] as number) ^ 0x87;
  return doubled;
}
