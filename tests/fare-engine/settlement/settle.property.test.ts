/** Money is divided to the smallest unit, and a settlement says what the ledger says or nothing. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SplitRule } from '#pricing/revenue-split.ts';
import { divide } from '../../../fare-engine/settlement/divide.ts';
import type { SettlementFacts } from '../../../fare-engine/settlement/facts.ts';
import { periodOfDay } from '../../../fare-engine/settlement/period.ts';
import { expectedSums, type Settled, settle } from '../../../fare-engine/settlement/settle.ts';
import { cases, LONG_RUN } from '../../support/properties.ts';

const total = fc.bigInt({ min: -1_000_000_000n, max: 1_000_000_000n });
const weights = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  fc.bigInt({ min: 0n, max: 100_000n }),
);

describe('dividing', () => {
  test('parts add up to the whole, none is a unit off its share, and the order of carriers does not matter [group 13]', () => {
    fc.assert(
      fc.property(total, weights, (whole, by) => {
        const entries = Object.entries(by);
        const sum = entries.reduce((all, [, weight]) => all + weight, 0n);
        const parts = divide(whole, new Map(entries));
        if (sum === 0n) {
          expect(parts).toBeUndefined();
          return;
        }
        expect([...(parts?.values() ?? [])].reduce((all, part) => all + part, 0n)).toBe(whole);
        for (const [id, weight] of entries) {
          const off = (parts?.get(id) as bigint) * sum - whole * weight;
          expect(off > -sum && off < sum).toBe(true);
          if (weight === 0n) expect(parts?.get(id)).toBe(0n);
        }
        const turned = divide(whole, new Map(entries.reverse()));
        expect(new Map([...(turned ?? [])].sort())).toEqual(new Map([...(parts ?? [])].sort()));
      }),
      cases(),
    );
  });

  test('what is left goes to the largest remainders, among equal ones to the lowest id', () => {
    const by = (...parts: [string, bigint][]) => new Map(parts);
    expect(divide(100n, by(['c', 1n], ['b', 1n], ['a', 1n]))).toEqual(by(['c', 33n], ['b', 33n], ['a', 34n]));
    expect(divide(-100n, by(['c', 1n], ['b', 1n], ['a', 1n]))).toEqual(
      by(['c', -33n], ['b', -33n], ['a', -34n]),
    );
    expect(divide(10n, by(['a', 1n], ['b', 2n], ['c', 0n]))).toEqual(by(['a', 3n], ['b', 7n], ['c', 0n]));
    expect(divide(0n, by(['a', 1n]))).toEqual(by(['a', 0n]));
    expect(divide(5n, new Map())).toBeUndefined();
    expect(() => divide(5n, by(['a', -1n]))).toThrow(RangeError);
  });
});

const carrier = fc.constantFrom('tet', 'mat', 'seret');
const minor = fc.bigInt({ min: -5000n, max: 50_000n });
const movement = fc.record({
  carrierId: fc.option(carrier, { freq: 8 }),
  currency: fc.constantFrom('UAH', 'EUR'),
  origin: fc.constantFrom('2025-09', '2025-10'),
  fundingId: fc.option(fc.constantFrom('city', 'state')),
  penalty: fc.boolean(),
  rides: fc.integer({ min: -3, max: 500 }),
  transfers: fc.integer({ min: -3, max: 500 }),
  claimRides: fc.integer({ min: -3, max: 500 }),
  grossMinor: minor,
  transferMinor: minor,
  passMinor: minor,
  riderMinor: minor,
  lossMinor: minor,
  concessionMinor: minor,
  capMinor: minor,
});
const boarding = fc.record({
  kind: fc.constant('pass' as const),
  id: fc.constantFrom('month', 'carnet'),
  currency: fc.constantFrom('UAH', 'EUR'),
  carrierId: carrier,
  boardings: fc.integer({ min: -2, max: 300 }),
  firsts: fc.integer({ min: 0, max: 30 }),
  ownMinor: fc.constant(0n),
});
const rule = (of: object): fc.Arbitrary<SplitRule> =>
  fc
    .record({
      method: fc.constantFrom('boardings', 'weight'),
      weights: fc.constant([
        { agency_id: 'tet', weight_bp: 3333 },
        { agency_id: 'mat', weight_bp: 6667 },
      ]),
      act: fc.constant('a'),
      article: fc.constant('1'),
    })
    .map((row) => ({ ...row, ...of }) as unknown as SplitRule);

const facts = fc
  .record({
    movements: fc.array(movement, { maxLength: LONG_RUN ? 12 : 5 }),
    passes: fc.uniqueArray(boarding, {
      selector: (b) => `${b.id} ${b.currency} ${b.carrierId}`,
      maxLength: LONG_RUN ? 8 : 3,
    }),
    capRides: fc.array(fc.nat({ max: 50 }), { minLength: 6, maxLength: 6 }),
    pools: fc.uniqueArray(
      fc.record({
        fareProductId: fc.constantFrom('month', 'carnet', 'year'),
        currency: fc.constantFrom('UAH', 'EUR'),
        freshMinor: minor,
        waitedMinor: minor,
        open: fc.boolean(),
      }),
      { selector: (p) => `${p.fareProductId} ${p.currency}`, maxLength: 5 },
    ),
    others: fc.uniqueArray(
      fc.record({
        carrierId: carrier,
        currency: fc.constant('UAH'),
        sort: fc.constantFrom('debt', 'claim'),
        minor,
      }),
      { selector: (o) => `${o.carrierId} ${o.sort}`, maxLength: 2 },
    ),
  })
  .map(({ movements, passes, capRides, pools, others }): SettlementFacts => {
    // Cap by cap what the decisions say, as the steps of lines do.
    const caps = ['UAH', 'EUR'].flatMap((currency, c) =>
      ['tet', 'mat', 'seret'].map((carrierId, n) => ({
        kind: 'cap' as const,
        id: 'day',
        currency,
        carrierId,
        boardings: capRides[c * 3 + n] as number,
        firsts: 0,
        ownMinor: movements
          .filter((row) => row.carrierId === carrierId && row.currency === currency)
          .reduce((sum, row) => sum + row.capMinor, 0n),
      })),
    );
    const ledger = [...expectedSums(movements)].map(([key, sum]) => {
      const [account, currency] = JSON.parse(key) as [string, string];
      return { account, currency, minor: sum };
    });
    const period = periodOfDay('2025-10-01');
    return { period, movements, boardings: [...passes, ...caps], pools, passMonths: [], ledger, others };
  });
const rules = fc
  .tuple(
    rule({ fare_product_id: 'month' }),
    fc.option(rule({ fare_product_id: 'carnet' }), { nil: undefined }),
    fc.option(rule({ cap_id: 'day' }), { nil: undefined }),
  )
  .map((rows) => rows.filter((row) => row !== undefined));

const settlementOf = (settled: Settled) => {
  if (!settled.ok)
    throw new Error(JSON.stringify(settled.differences, (_k, v) => (typeof v === 'bigint' ? `${v}` : v)));
  return settled.settlement;
};

describe('settling', () => {
  test('every kopiyka has a place: lines are the ledger, pools and rebates are shared out or carried [group 13]', () => {
    fc.assert(
      fc.property(facts, rules, (given, split) => {
        const { carriers, postings, carried } = settlementOf(settle(given, split));
        const balance = new Map<string, bigint>();
        const move = (account: string, currency: string, by: bigint) => {
          const key = `${account} ${currency}`;
          balance.set(key, (balance.get(key) ?? 0n) + by);
        };
        for (const { account, currency, minor: by } of given.ledger) move(account, currency, by);
        for (const { currency, freshMinor, waitedMinor } of given.pools)
          move('liability:passes', currency, freshMinor + waitedMinor);
        for (const { carrierId, currency, minor: by } of given.others)
          move(`revenue:${carrierId}`, currency, by);
        for (const { debitAccount, creditAccount, currency, amountMinor } of postings) {
          expect(amountMinor).toBeGreaterThan(0n);
          move(debitAccount, currency, -amountMinor);
          move(creditAccount, currency, amountMinor);
        }
        for (const { carrierId, currency, lines, totalMinor } of carriers) {
          expect(lines.reduce((sum, line) => sum + line.minor, 0n)).toBe(totalMinor);
          const account = carrierId === null ? 'suspense:no-carrier' : `revenue:${carrierId}`;
          expect(balance.get(`${account} ${currency}`) ?? 0n).toBe(totalMinor);
        }
        for (const currency of ['UAH', 'EUR']) {
          const waiting = carried.filter((pool) => pool.currency === currency);
          expect(balance.get(`liability:passes ${currency}`) ?? 0n).toBe(
            waiting.reduce((sum, pool) => sum + pool.minor, 0n),
          );
          const nobodys = given.movements
            .filter((row) => row.carrierId === null && row.currency === currency)
            .reduce((sum, row) => sum + row.capMinor, 0n);
          expect(balance.get(`rebate:caps ${currency}`) ?? 0n).toBe(-nobodys);
        }
        expect(new Set(postings.map((posting) => posting.postingId)).size).toBe(postings.length);
      }),
      cases(),
    );
  });

  test('the order of what is handed in does not matter', () => {
    fc.assert(
      fc.property(facts, rules, (given, split) => {
        const turned = {
          ...given,
          movements: [...given.movements].reverse(),
          boardings: [...given.boardings].reverse(),
          pools: [...given.pools].reverse(),
          ledger: [...given.ledger].reverse(),
          others: [...given.others].reverse(),
        };
        const sorted = (settled: Settled) => {
          const { postings, carriers, ...rest } = settlementOf(settled);
          return {
            ...rest,
            carriers,
            postings: [...postings].sort((a, b) => (a.postingId < b.postingId ? -1 : 1)),
          };
        };
        expect(sorted(settle(turned, split))).toEqual(sorted(settle(given, split)));
      }),
      cases(),
    );
  });

  test('a kopiyka that only one side has stops it, with its account', () => {
    fc.assert(
      fc.property(facts, rules, fc.nat(), fc.bigInt({ min: 1n, max: 99n }), (given, split, which, by) => {
        fc.pre(given.ledger.length > 0);
        const n = which % given.ledger.length;
        const ledger = given.ledger.map((row, i) => (i === n ? { ...row, minor: row.minor + by } : row));
        const settled = settle({ ...given, ledger }, split);
        const { account, currency } = ledger[n] as (typeof ledger)[number];
        expect(settled).toMatchObject({ ok: false, differences: [{ account, currency }] });
      }),
      cases(),
    );
  });
});
