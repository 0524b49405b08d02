/** Charges are a function of facts: whatever way they arrive in, the same lines and the same ledger come out. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noProbe } from '#platform/probe.ts';
import { INITIAL_STATE } from '#pricing/model.ts';
import { planDay } from '../../fare-engine/close-day.ts';
import { accountDay } from '../../fare-engine/facts/account-day.ts';
import { accountOf } from '../../fare-engine/facts/account-of.ts';
import type { Pricer } from '../../fare-engine/ports.ts';
import { type WorkDeps, workInbox, workQueue } from '../../fare-engine/work-chunk.ts';
import { manualClock } from '../support/manual-clock.ts';
import { type RowWish, shiftRow, tapRow, token } from './support/a-record.ts';
import { RULES } from './support/engine-database.ts';
import { type MemoryStore, memoryStore } from './support/memory-store.ts';
import { standInPricer } from './support/stand-in-pricer.ts';
import { correctedTernopil, ternopilPricer } from './support/ternopil-pricer.ts';

const START = Date.UTC(2025, 9, 14, 0, 0);
const MINUTE_MS = 60_000;

/** Every property holds for the small tariff that is easy to reckon, and for the city's own. */
const PRICERS: [string, Pricer][] = [
  ['the stand-in tariff', standInPricer()],
  ['the tariffs of Ternopil', await ternopilPricer()],
];
/** Routes of Ternopil's feed, municipal and private, and one that no tariff knows. */
const ROUTES = ['T2', 'T5', 'P18', 'nowhere'];

interface Scenario {
  readonly rows: readonly RowWish[];
  readonly facts: readonly ((store: MemoryStore) => void)[];
}

const scenario: fc.Arbitrary<Scenario> = fc
  .record({
    taps: fc.array(
      fc.record({
        minute: fc.integer({ min: 0, max: 3 * 24 * 60 }),
        card: fc.integer({ min: 1, max: 3 }),
        bus: fc.integer({ min: 1, max: 2 }),
        route: fc.integer({ min: 0, max: 3 }),
        // The device took it for a repetition of its last record, rightly or not.
        again: fc.boolean(),
      }),
      { minLength: 1, maxLength: 12 },
    ),
    links: fc.array(
      fc.record({
        card: fc.integer({ min: 1, max: 3 }),
        account: fc.integer({ min: 1, max: 2 }),
        fromMinute: fc.integer({ min: 0, max: 3 * 24 * 60 }),
      }),
      { maxLength: 3 },
    ),
    rights: fc.array(fc.integer({ min: 0, max: 3 * 24 * 60 }), { maxLength: 2 }),
    carriers: fc.array(fc.integer({ min: 0, max: 3 * 24 * 60 }), { maxLength: 2 }),
    shifts: fc.array(
      fc.record({
        minute: fc.integer({ min: 0, max: 3 * 24 * 60 }),
        bus: fc.integer({ min: 1, max: 2 }),
        route: fc.integer({ min: 0, max: 3 }),
        action: fc.constantFrom('open' as const, 'close' as const),
        source: fc.constantFrom('driver' as const, 'plan' as const),
      }),
      { maxLength: 4 },
    ),
    corrected: fc.array(fc.integer({ min: 0, max: 3 * 24 * 60 }), { maxLength: 2 }),
    closed: fc.boolean(),
  })
  .map(({ taps, links, rights, carriers, shifts, corrected, closed }) => {
    const shiftRows = shifts.map(({ minute, bus, route, action, source }, index) =>
      shiftRow({
        device: `val-${bus}`,
        seq: 1000 + index,
        atMs: START + minute * MINUTE_MS,
        routeId: ROUTES[route] as string,
        action,
        source,
        // Every other one so late that a closed day does not know it.
        receivedAtMs: START + minute * MINUTE_MS + (index % 2 === 1 ? 8 * 24 * 60 * MINUTE_MS : 1000),
      }),
    );
    const tapRows = taps.map(({ minute, card, bus, route, again }, index) =>
      tapRow({
        ...(again && index > 0 ? { passBackOfSeq: index } : {}),
        routeId: ROUTES[route] as string,
        device: `val-${bus}`,
        seq: index + 1,
        atMs: START + minute * MINUTE_MS,
        token: token(card),
        vehicleId: `bus-${bus}`,
        // Some arrive a week later: after the close, and too late to be charged.
        receivedAtMs: START + minute * MINUTE_MS + (index % 4 === 3 ? 8 * 24 * 60 * MINUTE_MS : 1000),
      }),
    );
    const knownFromMs = START - 1000;
    const from = (minute: number) => ({
      validFromMs: START + minute * MINUTE_MS,
      validUntilMs: null,
      knownFromMs,
    });
    const facts: ((store: MemoryStore) => void)[] = [
      ...links.map(({ card, account, fromMinute }, index) => (store: MemoryStore) => {
        store.links.push({
          linkId: `l${index}`,
          tokenId: token(card),
          accountId: `p${account}`,
          ...from(fromMinute),
        });
      }),
      ...rights.map((minute, index) => (store: MemoryStore) => {
        store.entitlements.push({
          entitlementId: `e${index}`,
          accountId: 'p1',
          concessionId: 'pensioner',
          ...from(minute),
        });
      }),
      ...carriers.map((minute, index) => (store: MemoryStore) => {
        const place = {
          vehicleId: 'bus-1',
          carrierId: index === 0 ? 'private' : 'city',
          routeId: index === 0 ? 'T7' : null,
          tripId: null,
        };
        store.assignments.push({ assignmentId: `a${index}`, deviceId: 'val-1', ...place, ...from(minute) });
      }),
    ];
    // Both validators on one vehicle: a shift of the one holds for the other.
    for (const bus of corrected.length > 0 ? [1, 2] : []) {
      const place = { vehicleId: 'bus-1', carrierId: null, routeId: null, tripId: null };
      facts.push((store) => {
        store.assignments.push({ assignmentId: `v${bus}`, deviceId: `val-${bus}`, ...place, ...from(0) });
      });
    }
    corrected.forEach((minute, index) => {
      const said = {
        kind: 'correction' as const,
        vehicleId: 'bus-1',
        deviceId: null,
        tripId: null,
        directionId: null,
      };
      facts.push((store) => {
        store.routes.push({
          assignmentId: `r${index}`,
          ...said,
          routeId: ROUTES[index] as string,
          ...from(minute),
          validUntilMs: START + (minute + 600) * MINUTE_MS,
        });
        store.carriers.push({
          assignmentId: `c${index}`,
          vehicleId: 'bus-1',
          carrierId: 'private',
          ...from(minute),
        });
      });
    });
    if (closed) {
      const close = { fareDay: '2025-10-14', knownFromMs: START + 5 * 24 * 60 * MINUTE_MS };
      facts.push((store) => void store.closes.push(close));
    }
    return { rows: [...tapRows, ...shiftRows], facts };
  });

function depsOn(store: MemoryStore, pricer: Pricer): WorkDeps {
  return { store, pricer, rules: RULES, clock: manualClock(START), probe: noProbe };
}

async function drain(store: MemoryStore, rowsMax: number, pricer: Pricer): Promise<void> {
  const deps = depsOn(store, pricer);
  while ((await workInbox(deps, rowsMax)).claimed + (await workQueue(deps, rowsMax)).claimed > 0);
}

/** The latest line of each tap, and the balance of each ledger account. */
function outcome(store: MemoryStore) {
  const lines = new Map(
    store.decisions.map(
      ({ tapId, kind, accountId, riderMinor, concessionMinor, lossMinor, steps, vehicleId, route }) => [
        tapId,
        { kind, accountId, riderMinor, concessionMinor, lossMinor, steps, vehicleId, route },
      ],
    ),
  );
  const balances = new Map<string, bigint>();
  const move = (account: string, amount: bigint) =>
    balances.set(account, (balances.get(account) ?? 0n) + amount);
  for (const { debitAccount, creditAccount, amountMinor } of store.postings.values()) {
    move(debitAccount, amountMinor);
    move(creditAccount, -amountMinor);
  }
  const days = [...store.days.entries()].map(([key, day]) => [key, day.stateIn, day.stateOut, day.baseOut]);
  return {
    lines: new Map([...lines].sort(([a], [b]) => (a < b ? -1 : 1))),
    balances: new Map(
      [...balances].filter(([, amount]) => amount !== 0n).sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
    days: new Map(
      days
        .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1))
        .map(([key, ...states]) => [key, states]),
    ),
  };
}

/** Everything at once, all facts known before the first tap is priced. */
async function inOneGo({ rows, facts }: Scenario, pricer: Pricer) {
  const store = memoryStore();
  for (const add of facts) add(store);
  store.deliver(rows);
  await drain(store, 10_000, pricer);
  return store;
}

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
  const taps = [...store.taps.values()];
  const closeKnown = (day: string) =>
    store.closes.some((c) => c.fareDay >= day) ? (store.closes[0]?.knownFromMs ?? null) : null;
  const owners = new Map(
    taps.map((t) => [t.tapId, accountOf(t.tokenId, t.fareAtMs, store.links, closeKnown(t.fareDay))]),
  );
  const lines = new Map<string, unknown>();
  for (const accountId of new Set(owners.values())) {
    const days = [
      ...new Set(taps.filter((t) => owners.get(t.tapId) === accountId).map((t) => t.fareDay)),
    ].sort();
    let carried: Parameters<typeof planDay>[0] = { state: INITIAL_STATE, base: null };
    for (const fareDay of days) {
      const ready = accountDay(accountId, fareDay, {
        ...store,
        taps,
        passes: [],
        shifts: [...store.shifts.values()],
      });
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
