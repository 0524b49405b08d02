import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addTo, type Charge, compareCharges, noTotals } from '../../../fare-engine/import/compare-charges.ts';

const charge = (atS: number, amount = 10, ref = `r${atS}`): Charge => ({
  atMs: atS * 1000,
  amountMinor: BigInt(amount),
  ref,
});
const compare = (there: Charge[], here: Charge[], toleranceS = 60) =>
  compareCharges(there, here, toleranceS * 1000).map(({ difference, there: a, here: b }) => [
    difference,
    a === null ? null : a.atMs / 1000,
    b === null ? null : b.atMs / 1000,
  ]);

it('pairs rides up to the tolerance, both sides of it', () => {
  expect(compare([charge(0)], [charge(60)])).toEqual([['same', 0, 60]]);
  expect(compare([charge(0)], [charge(61)])).toEqual([
    ['missing-here', 0, null],
    ['missing-there', null, 61],
  ]);
});

it('names another price', () => {
  expect(compare([charge(0, 10)], [charge(5, 12)])).toEqual([['other-price', 0, 5]]);
});

it('takes the nearer of two, on either side', () => {
  expect(compare([charge(0), charge(50)], [charge(49)])).toEqual([
    ['missing-here', 0, null],
    ['same', 50, 49],
  ]);
  expect(compare([charge(50)], [charge(0), charge(49)])).toEqual([
    ['missing-there', null, 0],
    ['same', 50, 49],
  ]);
});

it('accounts for every charge once, whatever the order, and the same both ways round', () => {
  const charges = fc.array(
    fc.record({ atMs: fc.integer({ min: 0, max: 600_000 }), amountMinor: fc.constantFrom(10n, 12n) }),
    { maxLength: 12 },
  );
  const named = (list: { atMs: number; amountMinor: bigint }[]) =>
    list.map((one, i) => ({ ...one, ref: `c${i}` }));
  fc.assert(
    fc.property(charges, charges, (a, b) => {
      const [there, here] = [named(a), named(b)];
      const rides = compareCharges(there, here, 60_000);
      expect(rides.flatMap((ride) => ride.there?.ref ?? []).sort()).toEqual(
        there.map(({ ref }) => ref).sort(),
      );
      expect(rides.flatMap((ride) => ride.here?.ref ?? []).sort()).toEqual(here.map(({ ref }) => ref).sort());
      expect(compareCharges(there.toReversed(), here.toReversed(), 60_000)).toEqual(rides);
      const totals = noTotals();
      for (const ride of rides) {
        addTo(totals, ride);
        if (ride.there && ride.here)
          expect(Math.abs(ride.there.atMs - ride.here.atMs)).toBeLessThanOrEqual(60_000);
      }
      const sum = (list: readonly Charge[]) => list.reduce((all, { amountMinor }) => all + amountMinor, 0n);
      const all = Object.values(totals);
      expect(all.reduce((total, { thereMinor }) => total + thereMinor, 0n)).toBe(sum(there));
      expect(all.reduce((total, { hereMinor }) => total + hereMinor, 0n)).toBe(sum(here));
    }),
    { numRuns: 1000 },
  );
});
