/** Breakdowns are facts like others: late, twice, in any order, with clocks off and days closed, the same lines come out. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RowWish } from './support/a-record.ts';
import { drain, inOneGo, outcome } from './support/any-order-run.ts';
import { closeOf, FIRST_MORNING, factsOf, history, rowsOf } from './support/breakdown-scenario.ts';
import { type MemoryStore, memoryStore } from './support/memory-store.ts';
import { ternopilPricer } from './support/ternopil-pricer.ts';

const pricer = await ternopilPricer();

test('any order, duplication and split gives the same lines, states and balances', async () => {
  let rodeOn = 0;
  await fc.assert(
    fc.asyncProperty(history, fc.infiniteStream(fc.nat()), async (given, chance) => {
      const draw = (below: number): number => (chance.next().value as number) % below;
      const scenario = { rows: rowsOf(given), facts: factsOf(given) };
      const expected = outcome(await inOneGo(scenario, pricer));
      const events: (RowWish | ((store: MemoryStore) => void))[] = [...scenario.rows, ...scenario.facts];
      for (const row of scenario.rows) if (draw(3) === 0) events.push(row);
      for (let i = events.length - 1; i > 0; i--) {
        const j = draw(i + 1);
        [events[i], events[j]] = [events[j] as RowWish, events[i] as RowWish];
      }
      const store = memoryStore();
      for (const event of events) {
        if (typeof event === 'function') {
          event(store);
          store.touchAll();
        } else store.deliver([event]);
        if (draw(2) === 0) await drain(store, 1 + draw(4), pricer);
      }
      await drain(store, 3, pricer);
      expect(outcome(store)).toEqual(expected);
      for (const line of expected.lines.values()) if (line.steps.includes('"kind":"breakdown"')) rodeOn++;
    }),
    { numRuns: 150 },
  );
  // About 65 of 150; the histories are drawn anew each time, so the bound is one that chance does not reach.
  expect(rodeOn).toBeGreaterThan(20);
});

test('what became known after the close raises nobody above what the close knew', async () => {
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
    { numRuns: 150 },
  );
});
