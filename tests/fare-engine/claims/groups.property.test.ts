/** Two property groups of tariffs: claims are the concession steps but for what is unfunded, and parts make the whole. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClaimEntry, ClaimTap } from '../../../fare-engine/claims/model.ts';
import { divide } from '../../../fare-engine/settlement/divide.ts';
import { claimsOf, RULE, ride } from '../support/claim-bundle.ts';

const { vat_bp: _, ...plain } = RULE;
/** What the law usually says: the whole difference. */
const WHOLE = { ...plain, coef_bp: 10_000, vat: 'none' as const };
const leg = fc.record({
  carrierId: fc.constantFrom('tet', 'mat', null),
  fundingId: fc.constantFrom('city', 'nobody'),
  routeId: fc.constantFrom('r1', 'r2'),
  claimRide: fc.boolean(),
  concessionMinor: fc.bigInt({ min: 0n, max: 1500n }),
  /** Decided anew in the second month, with another amount; or taken away. */
  again: fc.constantFrom('no', 'other', 'gone'),
});

test('claim lines are the concession steps less what is unfunded, over months and corrections; each leg is in one claim at most', () =>
  fc.assert(
    fc.property(
      fc.array(leg, { maxLength: 15 }),
      fc.option(fc.integer({ min: 0, max: 6000 }), { nil: undefined }),
      (legs, limit) => {
        const rows = [limit === undefined ? WHOLE : { ...WHOLE, monthly_limit_minor: limit }];
        const first = legs.map(({ again: _again, ...change }, i) => ride(i, change));
        const before = claimsOf(first, rows);
        const had = new Map(before.taps.map((tap) => [tap.entry.tapId, tap]));
        const later = legs.flatMap(({ again }, i) =>
          again === 'no' ? [] : revised(first[i] as ClaimEntry, again, had),
        );
        const after = claimsOf(later, rows);
        for (const { claims, taps, entries } of [
          { ...before, entries: first },
          { ...after, entries: later },
        ]) {
          const lines = claims.flatMap((claim) => claim.lines);
          const sum = (of: (line: (typeof lines)[number]) => bigint) =>
            lines.reduce((total, line) => total + of(line), 0n);
          const claimed = new Set(taps.map(({ entry }) => entry));
          const steps = entries
            .filter((entry) => claimed.has(entry))
            .reduce((total, { sign, concessionMinor }) => total + BigInt(sign) * concessionMinor, 0n);
          expect(sum((line) => line.claimedMinor)).toBe(steps - sum((line) => line.unfundedMinor));
        }
        const places = [...before.taps, ...after.taps].map(
          ({ entry }) => `${entry.tapId}#${entry.revision} ${entry.sign}`,
        );
        expect(new Set(places).size).toBe(places.length);
      },
    ),
    { numRuns: 1000, endOnFailure: true },
  ));

/** The old decision goes out with what the first claim had of it, and the new one comes in. */
function revised(
  entry: ClaimEntry,
  again: 'other' | 'gone',
  had: ReadonlyMap<string, ClaimTap>,
): ClaimEntry[] {
  const tap = had.get(entry.tapId);
  const back: ClaimEntry = { ...entry, sign: -1, earlier: tap === undefined ? null : { ...tap } };
  const out = tap === undefined ? [] : [back];
  return again === 'gone'
    ? out
    : [...out, { ...entry, revision: 2, concessionMinor: entry.concessionMinor / 2n }];
}

test('parts make the whole: each is its share cut off, and single units go by the largest remainder, ties by id', () =>
  fc.assert(
    fc.property(
      fc.bigInt({ min: -100_000n, max: 100_000n }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.bigInt({ min: 0n, max: 12n })),
      (whole, by) => {
        const ids = Object.keys(by);
        const sum = ids.reduce((total, id) => total + (by[id] as bigint), 0n);
        fc.pre(sum > 0n);
        const size = whole < 0n ? -whole : whole;
        // As people do it with a pencil: cut off, list by remainder and id, one more for the first of the list.
        const cut = ids.map((id) => ({
          id,
          part: (size * (by[id] as bigint)) / sum,
          rest: (size * (by[id] as bigint)) % sum,
        }));
        const left = Number(size - cut.reduce((total, { part }) => total + part, 0n));
        const order = [...cut].sort((a, b) => Number(b.rest - a.rest) || a.id.localeCompare(b.id));
        const lucky = new Set(order.slice(0, left).map(({ id }) => id));
        const expected = cut.map(({ id, part }): [string, bigint] => {
          const all = part + (lucky.has(id) ? 1n : 0n);
          return [id, whole < 0n ? -all : all];
        });
        const found = divide(whole, new Map(Object.entries(by)));
        expect(new Map(found)).toEqual(new Map(expected));
        expect([...(found?.values() ?? [])].reduce((total, part) => total + part, 0n)).toBe(whole);
      },
    ),
    { numRuns: 2000, endOnFailure: true },
  ));
