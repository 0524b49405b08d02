/** Charges are a function of facts: whatever way they arrive in, the same lines and the same ledger come out. */
import { isDeepStrictEqual } from 'node:util';
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
import { cases, PATIENCE, shuffled } from '../support/properties.ts';
import type { RowWish } from './support/a-record.ts';
import { drain, inOneGo, outcome } from './support/any-order-run.ts';
import { MINUTE_MS, START, scenario } from './support/any-order-scenario.ts';
import { RULES } from './support/engine-database.ts';
import { breakdownsOf, type MemoryStore, memoryStore, tapToTime } from './support/memory-store.ts';
import { standInPricer } from './support/stand-in-pricer.ts';
import { correctedTernopil, ternopilPricer } from './support/ternopil-pricer.ts';

/** Every property holds for the small tariff that is easy to reckon, and for the city's own. */
const pricers = fc.constantFrom<Pricer>(standInPricer(), await ternopilPricer());

type Event = RowWish | ((store: MemoryStore) => void);

function tell(store: MemoryStore, event: Event): void {
  if (typeof event === 'function') {
    event(store);
    store.clockDue = true;
    store.touchAll();
  } else store.deliver([event]);
}

test(
  'any order, duplication and split of the inbox gives the same lines, states and balances, as a computation from nothing but the facts [group 2] [group 3] [group 11]',
  async () => {
    await fc.assert(
      fc.asyncProperty(scenario, pricers, fc.infiniteStream(fc.nat()), async (given, pricer, chance) => {
        const draw = (below: number): number => (chance.next().value as number) % below;
        const twice = given.rows.filter(() => draw(3) === 0);
        const store = memoryStore();
        for (const event of shuffled<Event>([...given.rows, ...given.facts, ...twice], chance)) {
          tell(store, event);
          if (draw(2) === 0) await drain(store, 1 + draw(4), pricer);
        }
        await drain(store, 3, pricer);
        // A close changes no facts but forbids later ones: the scenario's facts are all known before it.
        expectSame(outcome(store), outcome(await inOneGo(given, pricer)));
        expectFull(store, pricer);
        expectOnePriceEach(store, given.rows.filter((row) => row.kind === 'tap').length);
      }),
      cases(),
    );
  },
  PATIENCE.timeout,
);

/** Comparing with a message is dear: only where there is something to say. */
function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}

/** Every tap ends with exactly one live price, and reversals undo what they name. */
function expectOnePriceEach(store: MemoryStore, taps: number): void {
  const net = new Map<string, bigint>();
  for (const posting of store.postings.values()) {
    const undone = posting.reverses === null ? null : store.postings.get(posting.reverses);
    const { debitAccount, creditAccount, amountMinor } = posting;
    if (undone)
      expectSame(
        [undone.debitAccount, undone.creditAccount, undone.amountMinor],
        [creditAccount, debitAccount, amountMinor],
      );
    const sign = posting.reverses === null ? 1n : -1n;
    net.set(posting.tapId ?? '', (net.get(posting.tapId ?? '') ?? 0n) + sign * amountMinor);
  }
  const latest = new Map(store.decisions.map((decision) => [decision.tapId, decision]));
  const amounts = [...latest.values()].map(({ tapId, kind, riderMinor, concessionMinor }) => [
    kind === 'withdrawn',
    (net.get(tapId) ?? 0n) - riderMinor - concessionMinor,
  ]);
  expectSame(amounts, Array(taps).fill([false, 0n]));
}

/** The incremental result equals the full computation. */
function expectFull(store: MemoryStore, pricer: Pricer): void {
  const lines = new Map(
    store.decisions.map((d) => [d.tapId, [d.accountId, d.riderMinor, d.lossMinor, d.steps.length > 2]]),
  );
  expectSame(new Map([...lines].sort()), new Map([...priceEverything(store, pricer)].sort()));
}

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

test(
  'a package activated in the middle gives the same lines as one known before, open and closed days alike [group 2]',
  async () => {
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
        expectSame(outcome(store), outcome(await inOneGo(given, after)));
      }),
      cases(),
    );
  },
  PATIENCE.timeout,
);
