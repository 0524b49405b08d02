import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cmac, cmacSubkeys, decryptCbc, encryptCbc, wipeKey } from '../../../edge-agent/desfire/aes.ts';
import { jamCrc, padded80, paddedZero, unpadded80 } from '../../../edge-agent/desfire/bytes.ts';
import { diversifyKey } from '../../../edge-agent/desfire/diversify.ts';
import { hex } from './vectors.ts';

const KEY = hex('2b7e151628aed2a6abf7158809cf4f3c');
const MESSAGE = hex(
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
    '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
);

describe('CMAC (RFC 4493 §4)', () => {
  test('subkeys', () => {
    const { k1, k2 } = cmacSubkeys(KEY);
    expect(Buffer.from(k1)).toEqual(hex('fbeed618357133667c85e08f7236a8de'));
    expect(Buffer.from(k2)).toEqual(hex('f7ddac306ae266ccf90bc11ee46d513b'));
  });
  test.each([
    [0, 'bb1d6929e95937287fa37d129b756746'],
    [16, '070a16b46b4d4144f79bdd9dd04a287c'],
    [40, 'dfa66747de9ae63030ca32611497c827'],
    [64, '51f0bebf7e3b9d92fc49741779363cfe'],
  ])('of %i bytes', (bytes, mac) => {
    expect(cmac(KEY, MESSAGE.subarray(0, bytes))).toEqual(hex(mac));
  });
  test('any message, against the definition block by block', () => {
    const block = (key: Uint8Array, data: Uint8Array): Buffer =>
      createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(data);
    const double = (value: bigint): bigint =>
      ((value << 1n) & ((1n << 128n) - 1n)) ^ (value >> 127n ? 0x87n : 0n);
    const number = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`);
    const bytes = (value: bigint): Buffer => hex(value.toString(16).padStart(32, '0'));
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.uint8Array({ maxLength: 70 }),
        (key, message) => {
          const k1 = double(number(block(key, Buffer.alloc(16))));
          const whole = message.length > 0 && message.length % 16 === 0;
          const filled = whole ? Buffer.from(message) : padded80(message);
          let state = 0n;
          for (let at = 0; at < filled.length; at += 16) {
            const last = at + 16 === filled.length;
            state ^= number(filled.subarray(at, at + 16)) ^ (last ? (whole ? k1 : double(k1)) : 0n);
            state = number(block(key, bytes(state)));
          }
          expect(cmac(key, message)).toEqual(bytes(state));
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('CBC with a running cipher', () => {
  const block = fc.uint8Array({ minLength: 16, maxLength: 16 });
  test('is that of a fresh one, in any order of messages and IVs', () => {
    fc.assert(
      fc.property(
        block,
        fc.array(fc.tuple(block, fc.array(block, { maxLength: 4 })), { maxLength: 6 }),
        (key, messages) => {
          for (const [iv, blocks] of messages) {
            const data = Buffer.concat(blocks);
            const expected = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false).update(data);
            expect(encryptCbc(key, iv, data)).toEqual(expected);
            expect(decryptCbc(key, iv, expected)).toEqual(data);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
  test('takes whole blocks alone, and forgets a wiped key', () => {
    const key = Buffer.alloc(16, 9);
    const iv = Buffer.alloc(16);
    expect(() => encryptCbc(key, iv, Buffer.alloc(17))).toThrow(RangeError);
    const before = encryptCbc(key, iv, iv);
    wipeKey(key);
    expect(key).toEqual(Buffer.alloc(16));
    expect(encryptCbc(key, iv, iv)).not.toEqual(before);
  });
});

describe('diversification (AN10922)', () => {
  const MASTER = hex('00112233445566778899AABBCCDDEEFF');
  test('subkeys of the note', () => {
    const { k1, k2 } = cmacSubkeys(MASTER);
    expect(Buffer.from(k1)).toEqual(hex('FBC9F75C9413C041DFEE452D3F0706D1'));
    expect(Buffer.from(k2)).toEqual(hex('F793EEB928278083BFDC8A5A7E0E0D25'));
  });
  test('the key of the note', () => {
    expect(diversifyKey(MASTER, hex('04782E21801D80 3042F5 4E585020416275'))).toEqual(
      hex('A8DD63A3B89D54B37CA802473FDA9175'),
    );
  });
  test('an input that fits one block is padded to two all the same', () => {
    const input = Buffer.alloc(10, 7);
    const oneBlock = cmac(MASTER, Buffer.concat([Uint8Array.of(1), input]));
    expect(diversifyKey(MASTER, input)).not.toEqual(oneBlock);
  });
  test('31 bytes are taken, 32 and none are not', () => {
    expect(diversifyKey(MASTER, Buffer.alloc(31))).toHaveLength(16);
    expect(() => diversifyKey(MASTER, Buffer.alloc(32))).toThrow(RangeError);
    expect(() => diversifyKey(MASTER, Buffer.alloc(0))).toThrow(RangeError);
  });
});

describe('padding and CRC', () => {
  test('CRC32 without the last inversion, as in AN12196 table 25', () => {
    expect(jamCrc(hex('F3847D627727ED3BC9C4CC050489B966'))).toEqual(hex('789DFADC'));
    expect(jamCrc(hex('F3847D627727ED3B'), hex('C9C4CC050489B966'))).toEqual(hex('789DFADC'));
  });
  test.each([
    ['', `80${'00'.repeat(15)}`],
    ['11'.repeat(15), `${'11'.repeat(15)}80`],
    ['11'.repeat(16), `${'11'.repeat(16)}80${'00'.repeat(15)}`],
  ])('method 2 of %s', (data, filled) => {
    expect(padded80(hex(data))).toEqual(hex(filled));
    expect(unpadded80(hex(filled))).toEqual(hex(data));
  });
  test('padding that is none', () => {
    for (const filled of ['', '00'.repeat(16), '11'.repeat(16), `80${'00'.repeat(16)}`])
      expect(unpadded80(hex(filled)), filled).toBeUndefined();
  });
  test('zeros only up to whole blocks', () => {
    expect(paddedZero(Buffer.alloc(16, 1))).toHaveLength(16);
    expect(paddedZero(Buffer.alloc(17, 1))).toHaveLength(32);
  });
});

test('a buffer that holds another key works with that one, not with the one before', () => {
  const message = MESSAGE.subarray(0, 32);
  const iv = Buffer.alloc(16, 9);
  const fresh = (key: Uint8Array): Buffer =>
    createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false).update(message);
  const reused = Buffer.from(KEY);
  const sent = encryptCbc(reused, iv, message);
  expect(decryptCbc(reused, iv, sent)).toEqual(message);
  for (const fill of [0x00, 0x5a]) {
    reused.fill(fill);
    const other = encryptCbc(reused, iv, message);
    expect(other).toEqual(fresh(Buffer.alloc(16, fill)));
    expect(decryptCbc(reused, iv, other)).toEqual(message);
  }
});
