/** Decisions about taps that a day has not: those that stand come back, however many are asked about. */
import { expect, test } from 'vitest';
import { standingDecisions } from '../../../fare-engine/adapters/reprice-database.ts';
import type { Queryable } from '../../../fare-engine/database-reader.ts';

test('lines are asked about in parts, by tap and revision, and come back by their number in the part', async () => {
  const asked: { tapIds: string[]; revisions: number[] }[] = [];
  const client = {
    // Every second one stands.
    query: async (_text: string, [tapIds, revisions]: [string[], number[]]) => {
      asked.push({ tapIds, revisions });
      return { rows: tapIds.flatMap((_, i) => (i % 2 === 1 ? [{ number: i + 1 }] : [])) };
    },
  } as unknown as Queryable;
  const lines = Array.from({ length: 10_001 }, (_, n) => Buffer.from(`t\\\\${n}\t${n + 1}\tprice\n`));
  const found = await standingDecisions(client, lines);
  expect(found).toEqual(lines.slice(0, 10_000).filter((_, n) => n % 2 === 1));
  expect(asked.length).toBeGreaterThan(1);
  expect(asked.flatMap(({ tapIds }) => tapIds)).toEqual(lines.map((_, n) => `t\\${n}`));
  expect(asked.flatMap(({ revisions }) => revisions)).toEqual(lines.map((_, n) => n + 1));
});
