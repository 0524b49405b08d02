/** What every key provider must do, whatever holds the keys. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type KeyProvider, tokenOf, UnknownKey } from '../../../edge-agent/keys/key-provider.ts';

/** Keys that the provider under test must hold: `token` in two versions, `pan-token` in one. */
export const TEST_TOKEN_KEYS = {
  token: new Map([
    [1, Buffer.alloc(32, 0x11)],
    [2, Buffer.alloc(32, 0x22)],
  ]),
  'pan-token': new Map([[7, Buffer.alloc(32, 0x77)]]),
} as const;

/** The part of the suite that asks for tokens. */
export function tokenKeySuite(make: () => KeyProvider): void {
  const MESSAGE = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

  describe('token keys', () => {
    test('versions come newest first; an unknown name has none', () => {
      const keys = make();
      expect(keys.versions('token')).toEqual([2, 1]);
      expect(keys.versions('pan-token')).toEqual([7]);
      expect(keys.versions('nobody')).toEqual([]);
    });
    test.each([1, 2] as const)('a MAC under version %i is HMAC-SHA256 under its key', async (version) => {
      const expected = createHmac('sha256', TEST_TOKEN_KEYS.token.get(version) as Buffer)
        .update(MESSAGE)
        .digest();
      expect(Buffer.from(await make().tokenMac('token', version, MESSAGE))).toEqual(expected);
      expect(await tokenOf(make(), { name: 'token', version }, MESSAGE)).toBe(
        `k${version}.${expected.toString('hex').slice(0, 32)}`,
      );
    });
    test.each([
      ['token', 3],
      ['nobody', 1],
    ] as const)('%s version %i is not there', async (name, version) => {
      await expect(make().tokenMac(name, version, MESSAGE)).rejects.toThrow(UnknownKey);
    });
  });
}
