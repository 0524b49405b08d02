/** Breakdowns are facts like others: late, twice, in any order, with clocks off and days closed, the same lines come out. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cases, PATIENCE, PROPERTY_RUNS, shuffled } from '../support/properties.ts';
import type { RowWish } from './support/a-record.ts';
import { drain, inOneGo, outcome } from './support/any-order-run.ts';
import { closeOf, FIRST_MORNING, factsOf, history, rowsOf } from './support/breakdown-scenario.ts';
import { type MemoryStore, memoryStore } from './support/memory-store.ts';
import { ternopilPricer } from './support/ternopil-pricer.ts';

const pricer = await ternopilPricer();

test(
  'any order, duplication and split gives the same lines, states and balances [group 2]',
  async () => {
    let rodeOn = 0;
    await fc.assert(
      fc.asyncProperty(history, fc.infiniteStream(fc.nat()), async (given, chance) => {
        const draw = (below: number): number => (chance.next().value as number) % below;
        const scenario = { rows: rowsOf(given), facts: factsOf(given) };
        const expected = outcome(await inOneGo(scenario, pricer));
        const twice = scenario.rows.filter(() => draw(3) === 0);
        const events: (RowWish | ((store: MemoryStore) => void))[] = shuffled(
          [...scenario.rows, ...scenario.facts, ...twice],
          chance,
        );
        const store = memoryStore();
        for (const event of events) {
          if (typeof event === 'function') {
            event(store);
            store.touchAll();
          } else store.deliver([event]);
          if (draw(2) === 0) await drain(store, 1 + draw(4), pricer);
        }
        await drain(store, 3, pricer);
        const found = outcome(store);
        if (!isDeepStrictEqual(found, expected)) expect(found).toEqual(expected);
        for (const line of expected.lines.values()) if (line.steps.includes('"kind":"breakdown"')) rodeOn++;
      }),
      cases(),
    );
    // About a third; the histories are drawn anew each time, so the bound is one that chance does not reach.
    expect(rodeOn).toBeGreaterThan(PROPERTY_RUNS / 20);
  },
  PATIENCE.timeout,
);

test(
  'what became known after the close raises nobody above what the close knew',
  async () => {
    await fc.assert(
      fc.asyncProperty(history, async (given) => {
        const closed = { ...given, closed: true };
        const [rows, facts] = [rowsOf(closed), factsOf(closed)];
        const known = rows.filter((row) => row.receivedAtMs <= closeOf(FIRST_MORNING));
        const then = outcome(await inOneGo({ rows: known, facts }, pricer));
        const now = outcome(await inOneGo({ rows, facts }, pricer));
        for (const [tapId, line] of then.lines) {
          const later = now.lines.get(tapId) as typeof line;
          expect(later.riderMinor - later.lossMinor).toBeLessThanOrEqual(line.riderMinor - line.lossMinor);
        }
      }),
      cases(),
    );
  },
  PATIENCE.timeout,
);
