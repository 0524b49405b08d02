import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { discountedMinor } from '#pricing/discount.ts';
import { cases } from '../../support/properties.ts';
import { packageOf } from '../../support/tariff.ts';

const [row] = packageOf().concessions;
if (!row) throw new Error('no concession');
const percent = (bp: number, unit: number, mode: 'down' | 'half_up' | 'up') => ({
  ...row,
  discount_kind: 'percent' as const,
  discount_bp: bp,
  round_minor: unit,
  round_mode: mode,
});

describe('the price after a concession', () => {
  it.each([
    [1500n, 5000, 1, 'down', 750n],
    [1501n, 5000, 1, 'down', 750n],
    [1501n, 5000, 1, 'half_up', 751n],
    [1501n, 5000, 1, 'up', 751n],
    [1300n, 5000, 100, 'down', 600n],
    [1300n, 5000, 100, 'half_up', 700n],
    [1298n, 5000, 100, 'half_up', 600n],
    [1201n, 5000, 100, 'up', 700n],
    [1n, 1, 100, 'up', 1n],
    [1500n, 10000, 1, 'up', 0n],
  ] as const)('%s less %i basis points, to %i %s, is %s', (price, bp, unit, mode, expected) => {
    expect(discountedMinor(percent(bp, unit, mode), price)).toBe(expected);
  });

  it('takes a fixed amount off, never below zero', () => {
    const fixed = { ...row, discount_kind: 'fixed' as const, discount_minor: 300 };
    expect(discountedMinor(fixed, 1000n)).toBe(700n);
    expect(discountedMinor(fixed, 300n)).toBe(0n);
    expect(discountedMinor(fixed, 299n)).toBe(0n);
  });

  it('stands in the products for the kind "product"', () => {
    expect(discountedMinor({ ...row, discount_kind: 'product' as const }, 1000n)).toBeUndefined();
  });

  it('is never negative and never dearer, whatever the rounding', () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 100_000n),
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 1, max: 500 }),
        fc.constantFrom('down' as const, 'half_up' as const, 'up' as const),
        (price, bp, unit, mode) => {
          const after = discountedMinor(percent(bp, unit, mode), price) as bigint;
          expect(after >= 0n && after <= price).toBe(true);
          // Off by less than one unit from the exact price.
          const exact = price * BigInt(10_000 - bp);
          const off = after * 10_000n - exact;
          expect(off < BigInt(unit) * 10_000n && -off < BigInt(unit) * 10_000n).toBe(true);
        },
      ),
      cases(),
    );
  });
});
