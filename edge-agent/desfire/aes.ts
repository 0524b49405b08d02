/**
 * AES-128 as DESFire uses it: blocks and CBC without automatic padding, and CMAC (RFC 4493). All synchronous.
 *
 * Making a cipher costs twenty times what it costs to use it, so each key keeps a running CBC cipher; another IV is had by
 * adding the difference to the first block. A buffer whose bytes have changed since is another key, and gets another cipher;
 * {@link wipeKey} wipes a key with what was made of it.
 */
import {
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  type Decipheriv,
  timingSafeEqual,
} from 'node:crypto';

export const BLOCK_BYTES = 16;
/** The zero block. Never written to. */
export const ZERO_BLOCK: Uint8Array = Buffer.alloc(BLOCK_BYTES);

interface Running<C> {
  readonly cipher: C;
  /** The key's bytes as the cipher has them. */
  readonly key: Uint8Array;
  /** The block with which the cipher goes on: the last encrypted one. */
  last: Uint8Array;
}

const ENCRYPTING = new WeakMap<Uint8Array, Running<Cipheriv>>();
const DECRYPTING = new WeakMap<Uint8Array, Running<Decipheriv>>();

function running<C extends Cipheriv | Decipheriv>(
  known: WeakMap<Uint8Array, Running<C>>,
  key: Uint8Array,
  make: (key: Uint8Array) => C,
): Running<C> {
  const found = known.get(key);
  if (found && timingSafeEqual(found.key, key)) return found;
  found?.key.fill(0);
  const fresh = { cipher: make(key), key: Uint8Array.from(key), last: ZERO_BLOCK };
  fresh.cipher.setAutoPadding(false);
  known.set(key, fresh);
  return fresh;
}

/** CBC without padding; `data` is whole blocks. */
export function encryptCbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  if (!inBlocks(data)) return Buffer.alloc(0);
  const state = running(ENCRYPTING, key, (bytes) => createCipheriv('aes-128-cbc', bytes, ZERO_BLOCK));
  const input = Buffer.from(data);
  addBlocks(input, iv, state.last);
  const encrypted = state.cipher.update(input);
  state.last = Buffer.from(encrypted.subarray(-BLOCK_BYTES));
  return encrypted;
}

/** CBC without padding; `data` is whole blocks. */
export function decryptCbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  if (!inBlocks(data)) return Buffer.alloc(0);
  const state = running(DECRYPTING, key, (bytes) => createDecipheriv('aes-128-cbc', bytes, ZERO_BLOCK));
  const plain = state.cipher.update(data);
  addBlocks(plain, iv, state.last);
  state.last = Buffer.from(data.subarray(-BLOCK_BYTES));
  return plain;
}

/** Whether there is anything. A part of a block would stay in the running cipher and spoil what follows. */
function inBlocks(data: Uint8Array): boolean {
  if (data.length % BLOCK_BYTES !== 0) throw new RangeError(`${data.length} bytes are no whole blocks`);
  return data.length > 0;
}

/** Adds two blocks to the first of `data`. */
function addBlocks(data: Buffer, a: Uint8Array, b: Uint8Array): void {
  for (let i = 0; i < BLOCK_BYTES; i++) data[i] = (data[i] as number) ^ (a[i] as number) ^ (b[i] as number);
}

/** Zeroes a key and drops what was made of it. */
export function wipeKey(key: Uint8Array): void {
  for (const known of [ENCRYPTING, DECRYPTING]) {
    known.get(key)?.key.fill(0);
    known.delete(key);
  }
  key.fill(0);
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
