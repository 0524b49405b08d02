/** Charges are a function of facts: whatever way they arrive in, the same lines and the same ledger come out. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { INITIAL_STATE } from '#pricing/model.ts';
import { planDay } from '../../fare-engine/close-day.ts';
import { accountDay } from '../../fare-engine/facts/account-day.ts';
import { createPlaceBook } from '../../fare-engine/facts/assign.ts';
import { createBreakdownBook } from '../../fare-engine/facts/breakdowns.ts';
import { createMediaBook } from '../../fare-engine/facts/media-book.ts';
import { timeOf } from '../../fare-engine/facts/tap-time.ts';
import type { Pricer } from '../../fare-engine/ports.ts';
import type { RowWish } from './support/a-record.ts';
import { drain, inOneGo, outcome } from './support/any-order-run.ts';
import { MINUTE_MS, START, scenario } from './support/any-order-scenario.ts';
import { RULES } from './support/engine-database.ts';
import { breakdownsOf, type MemoryStore, memoryStore, tapToTime } from './support/memory-store.ts';
import { standInPricer } from './support/stand-in-pricer.ts';
import { correctedTernopil, ternopilPricer } from './support/ternopil-pricer.ts';

/** Every property holds for the small tariff that is easy to reckon, and for the city's own. */
const PRICERS: [string, Pricer][] = [
  ['the stand-in tariff', standInPricer()],
  ['the tariffs of Ternopil', await ternopilPricer()],
];
test.each(PRICERS)(
  'by %s any order, duplication and split of the inbox gives the same lines, states and balances',
  async (_, pricer) => {
    await fc.assert(
      fc.asyncProperty(scenario, fc.infiniteStream(fc.nat()), async (given, chance) => {
        const draw = (below: number): number => (chance.next().value as number) % below;
        const expected = await inOneGo(given, pricer);
        const store = memoryStore();
        const events: (RowWish | ((store: MemoryStore) => void))[] = [...given.rows, ...given.facts];
        for (const row of given.rows) if (draw(3) === 0) events.push(row);
        for (let i = events.length - 1; i > 0; i--) {
          const j = draw(i + 1);
          [events[i], events[j]] = [events[j] as RowWish, events[i] as RowWish];
        }
        for (const event of events) {
          if (typeof event === 'function') {
            event(store);
            store.clockDue = true;
            store.touchAll();
          } else store.deliver([event]);
          if (draw(2) === 0) await drain(store, 1 + draw(4), pricer);
        }
        await drain(store, 3, pricer);
        // A close changes no facts but forbids later ones: the scenario's facts are all known before it.
        expect(outcome(store)).toEqual(outcome(expected));
      }),
      { numRuns: 300 },
    );
  },
);

test.each(PRICERS)(
  'by %s the incremental result equals the full computation from nothing but the facts',
  async (_, pricer) => {
    await fc.assert(
      fc.asyncProperty(scenario, fc.integer({ min: 1, max: 5 }), async (given, rowsMax) => {
        const store = memoryStore();
        for (const add of given.facts) add(store);
        for (const row of given.rows) {
          store.deliver([row]);
          await drain(store, rowsMax, pricer);
        }
        const full = priceEverything(store, pricer);
        const lines = new Map(
          store.decisions.map((d) => [d.tapId, [d.accountId, d.riderMinor, d.lossMinor, d.steps.length > 2]]),
        );
        expect(new Map([...lines].sort())).toEqual(new Map([...full].sort()));
      }),
      { numRuns: 200 },
    );
  },
);

/** Written apart from the worker: accounts, their days in order, state from day to day. */
function priceEverything(store: MemoryStore, pricer: Pricer) {
  const taps = [...store.taps.values()].map((tap) => {
    const time = timeOf(tapToTime(store, tap), store.closes, RULES);
    if (time === null) return tap;
    const { fareAtMs, fareDay, uncertaintyMs, knownFromMs } = time;
    return { ...tap, fareAtMs, fareDay, uncertaintyMs, receivedAtMs: knownFromMs };
  });
  const closeKnown = (day: string) =>
    store.closes.some((c) => c.fareDay >= day) ? (store.closes[0]?.knownFromMs ?? null) : null;
  const media = createMediaBook(store.links, store.successions);
  const owners = new Map(
    taps.map((t) => [t.tapId, media.accountOf(t.tokenId, t.fareAtMs, closeKnown(t.fareDay))]),
  );
  const lines = new Map<string, unknown>();
  for (const accountId of new Set(owners.values())) {
    const days = [
      ...new Set(taps.filter((t) => owners.get(t.tapId) === accountId).map((t) => t.fareDay)),
    ].sort();
    let carried: Parameters<typeof planDay>[0] = { state: INITIAL_STATE, base: null };
    for (const fareDay of days) {
      const facts = {
        ...store,
        taps,
        passes: [],
        shifts: [...store.shifts.values()],
        breakdowns: breakdownsOf(store),
      };
      const places = createPlaceBook(facts);
      const breakdowns = createBreakdownBook(facts, places, RULES);
      const ready = accountDay(accountId, fareDay, facts, places, breakdowns);
      const planned = planDay(carried, ready, pricer, RULES);
      carried = planned.out;
      for (const line of planned.lines)
        lines.set(line.tapId, [accountId, line.riderMinor, line.lossMinor, true]);
    }
  }
  return lines;
}

test.each(PRICERS)(
  'by %s every tap ends with exactly one live price, and reversals undo what they name',
  async (_, pricer) => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const store = memoryStore();
        for (const [index, row] of given.rows.entries()) {
          store.deliver([row]);
          given.facts[index]?.(store);
          store.clockDue = true;
          store.touchAll();
          await drain(store, 2, pricer);
        }
        const net = new Map<string, bigint>();
        for (const posting of store.postings.values()) {
          const undone = posting.reverses === null ? null : store.postings.get(posting.reverses);
          if (undone)
            expect([undone.debitAccount, undone.amountMinor]).toEqual([
              posting.creditAccount,
              posting.amountMinor,
            ]);
          const sign = posting.reverses === null ? 1n : -1n;
          net.set(posting.tapId ?? '', (net.get(posting.tapId ?? '') ?? 0n) + sign * posting.amountMinor);
        }
        const latest = new Map(store.decisions.map((decision) => [decision.tapId, decision]));
        expect(latest.size).toBe(given.rows.filter((row) => row.kind === 'tap').length);
        expect([...latest.values()].filter(({ kind }) => kind === 'withdrawn')).toEqual([]);
        for (const [tapId, decision] of latest)
          expect(net.get(tapId) ?? 0n).toBe(decision.riderMinor + decision.concessionMinor);
      }),
      { numRuns: 200 },
    );
  },
);

test('a package activated in the middle gives the same lines as one known before, open and closed days alike', async () => {
  const both = await correctedTernopil();
  await fc.assert(
    fc.asyncProperty(scenario, fc.nat(12), fc.boolean(), async (given, when, afterClose) => {
      const closeMs = START + 5 * 24 * 60 * MINUTE_MS;
      const { before, after } = both(afterClose ? closeMs + 1 : closeMs);
      const store = memoryStore();
      for (const add of given.facts) add(store);
      // An activation queues what is open at its time: everything before the close, and after it open days only.
      const activate = () => (afterClose ? store.touchOpen() : store.touchAll());
      for (const [index, row] of given.rows.entries()) {
        if (index === when) activate();
        store.deliver([row]);
        await drain(store, 2, index < when ? before : after);
      }
      if (when >= given.rows.length) activate();
      await drain(store, 2, after);
      expect(outcome(store)).toEqual(outcome(await inOneGo(given, after)));
    }),
    { numRuns: 200 },
  );
});
