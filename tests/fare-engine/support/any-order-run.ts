/** The worker's turns over the store in memory, and what they come to. */
import { noProbe } from '#platform/probe.ts';
import type { Pricer } from '../../../fare-engine/ports.ts';
import { type WorkDeps, workInbox, workQueue } from '../../../fare-engine/work-chunk.ts';
import { workClock } from '../../../fare-engine/work-clock.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { type Scenario, START } from './any-order-scenario.ts';
import { RULES } from './engine-database.ts';
import { type MemoryStore, memoryStore } from './memory-store.ts';

function depsOn(store: MemoryStore, pricer: Pricer): WorkDeps {
  return { store, pricer, rules: RULES, clock: manualClock(START), probe: noProbe, draw: () => 'drawn' };
}

/** Works until inbox, clocks and queue are empty. */
export async function drain(store: MemoryStore, rowsMax: number, pricer: Pricer): Promise<void> {
  const deps = depsOn(store, pricer);
  const turn = async (): Promise<number> =>
    (await workInbox(deps, rowsMax)).claimed +
    (await workClock(store, RULES, rowsMax)).claimed +
    (await workQueue(deps, rowsMax)).claimed;
  while ((await turn()) > 0);
}

/** The latest line of each tap, and the balance of each ledger account. */
export function outcome(store: MemoryStore) {
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
export async function inOneGo({ rows, facts }: Scenario, pricer: Pricer) {
  const store = memoryStore();
  for (const add of facts) add(store);
  store.deliver(rows);
  await drain(store, 10_000, pricer);
  return store;
}
