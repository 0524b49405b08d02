/** Where the list of chargebacks goes on: behind what stands in order, whatever one wrong number says. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { placeInList } from '../../../fare-engine/bank/chargeback-order.ts';
import { cases } from '../../support/properties.ts';

const came = (...numbers: number[]) => numbers.map((n, minute) => ({ n, atMs: minute * 60_000 }));

it.each([
  ['nothing is known', [], 0, null],
  ['one, which may be wrong', [7], 0, 7],
  ['all in order', [1, 2, 5], 2, 5],
  ['the last one far ahead', [1, 2, 2 ** 53 - 1], 2, 2 ** 53 - 1],
  ['one far ahead, and lower ones after it', [1, 2, 9e15, 3, 4], 3, 4],
  ['two far ahead, one after the other', [1, 2, 9e15, 3, 8e15, 4, 5], 4, 5],
  ['one far ahead at the very first', [9e15, 1, 2], 1, 2],
])('%s', (_what, numbers, after, highest) => {
  expect(placeInList(came(...numbers))).toEqual({ after, highest });
});

it('of one answer all came at once: the highest is told once more, whatever it is', () => {
  const known = [3, 9e15, 1, 2].map((n) => ({ n, atMs: 5 }));
  expect(placeInList(known)).toEqual({ after: 3, highest: 9e15 });
});

it('one wrong number anywhere hides none: all that come after it are behind the place', () => {
  fc.assert(
    fc.property(
      fc.nat(30),
      fc.nat(30),
      fc.integer({ min: 62, max: Number.MAX_SAFE_INTEGER }),
      (before, later, wrong) => {
        const first = Array.from({ length: before }, (_, i) => i + 1);
        const then = Array.from({ length: later }, (_, i) => before + i + 1);
        const { after } = placeInList(came(...first, wrong, ...then));
        expect(after).toBeLessThan(before + later + 1);
      },
    ),
    cases(),
  );
});
