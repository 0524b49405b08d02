import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createSoftwareKeys } from '../../../edge-agent/keys/software-keys.ts';
import { cardKeySuite, TEST_CARD_KEYS, TEST_TOKEN_KEYS, tokenKeySuite } from './key-suite.ts';

const make = () =>
  createSoftwareKeys({
    tokens: new Map(Object.entries(TEST_TOKEN_KEYS)),
    cards: { keys: new Map(Object.entries(TEST_CARD_KEYS)), random: randomBytes },
  });

tokenKeySuite(make);
cardKeySuite(make);

test.each([0, 3])('a key with %i versions is refused', (count) => {
  const versions = new Map(Array.from({ length: count }, (_, index) => [index + 1, Buffer.alloc(32)]));
  const sets = [
    { tokens: new Map([['token', versions]]) },
    { tokens: new Map(), cards: { keys: new Map([['desfire-read', versions]]), random: randomBytes } },
  ];
  for (const set of sets) expect(() => createSoftwareKeys(set)).toThrow(RangeError);
});
