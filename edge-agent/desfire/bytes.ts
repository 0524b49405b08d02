/** Small things that every part of the protocol needs. */
import { timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { BLOCK_BYTES } from './aes.ts';

export const NOTHING: Uint8Array = Buffer.alloc(0);

/** Whether two secrets agree, in a time that does not tell where they differ. */
export function sameSecret(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The first byte goes last. */
export function rotatedLeft(bytes: Uint8Array): Buffer {
  const result = Buffer.allocUnsafe(bytes.length);
  result.set(bytes.subarray(1));
  result[bytes.length - 1] = bytes[0] as number;
  return result;
}

/** CRC32 as DESFire has it: IEEE 802.3 without the final inversion (JAMCRC), least significant byte first. */
export function jamCrc(...parts: readonly Uint8Array[]): Buffer {
  const result = Buffer.allocUnsafe(4);
  const value = parts.reduce((crc, part) => crc32(part, crc), 0);
  result.writeUInt32LE(~value >>> 0);
  return result;
}

/** ISO/IEC 9797-1 padding method 2: 80 00 … up to whole blocks, always at least one byte. */
export function padded80(data: Uint8Array): Buffer {
  const result = Buffer.alloc((Math.floor(data.length / BLOCK_BYTES) + 1) * BLOCK_BYTES);
  result.set(data);
  result[data.length] = 0x80;
  return result;
}

/** Zeros up to whole blocks, none when the data are whole blocks. */
export function paddedZero(data: Uint8Array): Buffer {
  const result = Buffer.alloc(Math.ceil(data.length / BLOCK_BYTES) * BLOCK_BYTES);
  result.set(data);
  return result;
}

/** Data without their method 2 padding; `undefined` when there is none. */
export function unpadded80(data: Buffer): Buffer | undefined {
  let end = data.length - 1;
  while (end >= 0 && data[end] === 0) end -= 1;
  return end >= data.length - BLOCK_BYTES && end >= 0 && data[end] === 0x80
    ? data.subarray(0, end)
    : undefined;
}

/** Three bytes, least significant first. */
export function le24(value: number): [number, number, number] {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffff)
    throw new RangeError(`${value} does not fit three bytes`);
  return [value & 0xff, (value >> 8) & 0xff, value >> 16];
}

/** Four bytes of a signed number, least significant first. */
export function leInt32(value: number): Buffer {
  const result = Buffer.allocUnsafe(4);
  result.writeInt32LE(value);
  return result;
}
