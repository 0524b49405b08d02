/** Random lives of taps: prices that change, taps that move between days, accounts and carriers, days that are closed. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PricedLine } from '#pricing/model.ts';
import type { Decided, PlannedLine } from '../../../fare-engine/ledger/decision.ts';
import { type Difference, difference, withdrawal } from '../../../fare-engine/ledger/difference.ts';
import type { Posting } from '../../../fare-engine/ledger/post-line.ts';
import { cases, LONG_RUN } from '../../support/properties.ts';

const DAYS = ['2025-10-14', '2025-10-15', '2025-10-16'];
// Often the same: a price that stays when its day or account does not.
const amount = fc.oneof(fc.bigInt({ min: 0n, max: 3000n }), fc.constantFrom(0n, 1500n));
const change = fc.record({
  tap: fc.integer({ min: 0, max: 2 }),
  withdraw: fc.boolean(),
  day: fc.constantFrom(...DAYS),
  account: fc.constantFrom('a', 'b'),
  carrier: fc.constantFrom('tet', 'mat', null),
  funding: fc.constantFrom('city', null),
  rider: amount,
  late: fc.integer({ min: 0, max: 2 }),
  concession: amount,
  cap: amount,
  penalty: fc.boolean(),
  /** How many days are closed before it. */
  closes: fc.integer({ min: 0, max: 3 }),
});

function planned(wish: typeof change extends fc.Arbitrary<infer T> ? T : never): PlannedLine {
  const line = {
    kind: 'ride',
    steps: [],
    grossMinor: wish.rider + wish.concession + wish.cap,
    riderMinor: wish.rider,
    concessionMinor: wish.concession,
    capMinor: wish.cap,
  } as unknown as PricedLine;
  return {
    tapId: `val-1.e.${wish.tap}`,
    fareDay: wish.day,
    accountId: wish.account,
    carrierId: wish.carrier,
    fundingId: wish.funding,
    currency: 'UAH',
    riderMinor: wish.rider,
    concessionMinor: wish.concession,
    lossMinor: wish.late === 0 ? wish.rider : wish.late === 1 ? wish.rider / 2n : 0n,
    capMinor: wish.cap,
    penalty: wish.penalty,
    line,
    vehicleId: null,
    route: { tripId: null, directionId: null, routeBy: 'none', routeFactId: null } as PlannedLine['route'],
    adjustsClose: null,
  };
}

/** By fare day and account: what is posted is final when its day is closed. */
const add = (balances: Map<string, bigint>, posting: Posting) => {
  const { fareDay, debitAccount, creditAccount, amountMinor } = posting;
  const [debit, credit] = [`${fareDay} ${debitAccount}`, `${fareDay} ${creditAccount}`];
  balances.set(debit, (balances.get(debit) ?? 0n) + amountMinor);
  balances.set(credit, (balances.get(credit) ?? 0n) - amountMinor);
};
const nonZero = (balances: Map<string, bigint>) => [...balances].filter(([, minor]) => minor !== 0n).sort();

test('debits equal credits; the ledger is what the latest decisions say; a posting becomes final once; undone is as if never [group 11]', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: LONG_RUN ? 12 : 7 }), (changes) => {
      const latest = new Map<string, Decided>();
      const postings: Posting[] = [];
      const states = new Map<string, string[]>();
      let closed = 0;
      const look = () => {
        for (const posting of postings) {
          const day = posting.fareDay as string;
          const state = DAYS.indexOf(day) < closed ? 'posted' : 'pending';
          const seen = states.get(posting.postingId) ?? [];
          if (seen.at(-1) !== state) states.set(posting.postingId, [...seen, state]);
        }
      };
      const write = (found: Difference | null) => {
        if (found === null) return;
        latest.set(found.decision.tapId, found.decision);
        postings.push(...found.postings);
      };
      for (const wish of changes) {
        closed = Math.max(closed, wish.closes);
        const line = planned(wish);
        const old = latest.get(line.tapId) ?? null;
        const occasion = { decidedAtMs: 0, accountVersion: 1n };
        write(wish.withdraw && old !== null ? withdrawal(old, occasion) : difference(old, line, occasion));
        look();
      }
      closed = DAYS.length;
      look();

      // Ids are their own idempotency keys, and whatever is undone is undone once, exactly.
      const byId = new Map(postings.map((posting) => [posting.postingId, posting]));
      expect(byId.size).toBe(postings.length);
      const undone = postings.flatMap(({ reverses }) => reverses ?? []);
      expect(new Set(undone).size).toBe(undone.length);
      for (const { reverses, debitAccount, creditAccount, amountMinor, currency } of postings) {
        if (reverses === null) continue;
        const swapped = { debitAccount: creditAccount, creditAccount: debitAccount, amountMinor, currency };
        expect(byId.get(reverses)).toMatchObject(swapped);
      }

      // Replay, in any order, gives what the latest decisions say and nothing else.
      const balances = new Map<string, bigint>();
      for (const posting of [...postings].reverse()) add(balances, posting);
      expect([...balances.values()].reduce((a, b) => a + b, 0n)).toBe(0n);
      const expected = new Map<string, bigint>();
      for (const d of latest.values()) {
        const move = (account: string, minor: bigint) => {
          const name = `${d.fareDay} ${account}`;
          expected.set(name, (expected.get(name) ?? 0n) + minor);
        };
        move(`rider:${d.accountId}`, d.riderMinor - d.lossMinor);
        move('loss:late-tap', d.lossMinor);
        move(d.fundingId === null ? 'suspense:no-funding' : `budget:${d.fundingId}`, d.concessionMinor);
        move('rebate:caps', d.capMinor);
        const revenue = d.carrierId === null ? 'suspense:no-carrier' : `revenue:${d.carrierId}`;
        move(d.penalty ? 'penalty:missing-tap' : revenue, -d.riderMinor);
        move(revenue, -(d.concessionMinor + d.capMinor));
      }
      expect(nonZero(balances)).toEqual(nonZero(expected));

      // Pending resolves once: every posting ends final, and none that was final is pending again.
      for (const seen of states.values()) expect(['posted', 'pending,posted']).toContain(seen.join());

      // Taking everything back leaves nothing.
      for (const old of [...latest.values()]) write(withdrawal(old, { decidedAtMs: 0, accountVersion: 1n }));
      const after = new Map<string, bigint>();
      for (const posting of postings) add(after, posting);
      expect(nonZero(after)).toEqual([]);
    }),
    cases(),
  );
});

test('a tap that moves to another day is posted there anew, though its price stays', () => {
  fc.assert(
    fc.property(change, fc.constantFrom(...DAYS), (wish, day) => {
      const occasion = { decidedAtMs: 0, accountVersion: 1n };
      const first = difference(null, planned({ ...wish, penalty: false }), occasion) as Difference;
      const moved = difference(first.decision, planned({ ...wish, penalty: false, day }), occasion);
      if (day === wish.day) {
        expect(moved).toBeNull();
        return;
      }
      const due = new Map<string, bigint>();
      for (const posting of [...first.postings, ...(moved?.postings ?? [])]) add(due, posting);
      const onItsDay = new Map<string, bigint>();
      for (const posting of first.postings) add(onItsDay, { ...posting, fareDay: day });
      expect(nonZero(due)).toEqual(nonZero(onItsDay));
    }),
    cases(),
  );
});
