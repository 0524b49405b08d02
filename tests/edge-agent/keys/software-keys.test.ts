import { expect, test } from 'vitest';
import { createSoftwareKeys } from '../../../edge-agent/keys/software-keys.ts';
import { TEST_TOKEN_KEYS, tokenKeySuite } from './key-suite.ts';

tokenKeySuite(() => createSoftwareKeys({ tokens: new Map(Object.entries(TEST_TOKEN_KEYS)) }));

test.each([0, 3])('a key with %i versions is refused', (count) => {
  const versions = new Map(Array.from({ length: count }, (_, index) => [index + 1, Buffer.alloc(32)]));
  expect(() => createSoftwareKeys({ tokens: new Map([['token', versions]]) })).toThrow(RangeError);
});
