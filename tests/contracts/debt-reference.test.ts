import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  debtReference,
  formatDebtReference,
  REFERENCE_SIGNS,
  readDebtReference,
} from '#contracts/debt-reference.ts';

const tokens = fc
  .tuple(fc.integer({ min: 1, max: 99 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(([version, bytes]) => `k${version}.${Buffer.from(bytes).toString('hex')}`);
const CYRILLIC = { A: 'А', C: 'С', E: 'Е', H: 'Н', K: 'К', M: 'М', P: 'Р', T: 'Т', X: 'Х' } as const;

test('it is read back however it was typed: parted, in small letters, with Cyrillic ones', () => {
  fc.assert(
    fc.property(tokens, (token) => {
      const reference = debtReference(token);
      const cyrillic = reference.replace(/[A-Z]/g, (letter) => CYRILLIC[letter as keyof typeof CYRILLIC]);
      for (const typed of [reference, formatDebtReference(reference), reference.toLowerCase(), cyrillic])
        expect(readDebtReference(` ${typed} `)).toBe(reference);
    }),
    { numRuns: 200 },
  );
});

test('each wrong sign is found, and nothing else is a reference', () => {
  fc.assert(
    fc.property(tokens, fc.nat(15), fc.integer({ min: 1, max: 15 }), (token, at, by) => {
      const signs = [...debtReference(token)];
      const value = REFERENCE_SIGNS.indexOf(signs[at] as string);
      signs[at] = REFERENCE_SIGNS[(value + by) % 16] as string;
      expect(readDebtReference(signs.join(''))).toBeNull();
    }),
    { numRuns: 300 },
  );
  for (const typed of [
    '',
    '4761739001010010',
    `${'2'.repeat(17)}`,
    'B'.repeat(16),
    '2'.repeat(15),
    '<script>',
  ])
    expect(readDebtReference(typed)).toBeNull();
});

test('it has one form, for SQL has the same', () => {
  expect(formatDebtReference(debtReference(`k1.${'0'.repeat(32)}`))).toMatchInlineSnapshot(
    `"K232 34PX 43CA H732"`,
  );
});
