import fc from 'fast-check';
import { expect, test } from 'vitest';
import { minorOf, minorText } from '../../../fare-engine/pricing/minor-text.ts';

test('an amount becomes its decimal digits and is read from them, small or not', () => {
  const amounts = fc.oneof(fc.bigInt({ min: -200n, max: 200_000n }), fc.bigInt());
  fc.assert(
    fc.property(amounts, (minor) => {
      for (let again = 0; again < 2; again++) {
        expect(minorText(minor)).toBe(minor.toString());
        expect(minorOf(minor.toString())).toBe(minor);
      }
    }),
  );
});
