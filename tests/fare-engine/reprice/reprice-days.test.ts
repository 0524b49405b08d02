/** A share of a re-pricing by itself: accounts whose states are asked for, and rows that come meanwhile. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readTariffs } from '../../../cli/audit/export-facts-file.ts';
import { linesOf } from '../../../cli/bench/load-rows.ts';
import { askedRow, factsOfMonth, type MonthPlan, tapsOfDay, ZONE } from '../../../cli/bench/reprice-month.ts';
import type { ComputedTap } from '../../../fare-engine/reprice/compare.ts';
import type { StateSource, StoredState } from '../../../fare-engine/reprice/model.ts';
import { PostOffice } from '../../../fare-engine/reprice/post-office.ts';
import { createRepriceShard } from '../../../fare-engine/reprice/reprice-days.ts';

const PLAN: MonthPlan = { seed: 7, accounts: 60, days: 2, dayStart: '04:00' };
const DAYS = ['2025-10-01', '2025-10-02'] as const;
const TARIFF = join(import.meta.dirname, '../../../cities/lviv-like/tariff');

async function aShare(before: StateSource['before']) {
  const none = { carriers: [], routes: [], breakdowns: [], successions: [], revocations: [], repairs: [] };
  const settings = { zone: ZONE, dayStart: PLAN.dayStart, activations: new Map() };
  const facts = { ...settings, packages: await readTariffs(TARIFF), ...none, ...factsOfMonth(PLAN) };
  const priced: ComputedTap[] = [];
  const shard = createRepriceShard(facts, { before, after: async () => [] }, (computed) => {
    priced.push(computed);
    return undefined;
  });
  const post = new PostOffice([shard], () => 0);
  const give = (index: number): void => {
    const day = { fareDay: DAYS[index] as string, index };
    post.takeAll('tap', Buffer.from(linesOf([...tapsOfDay(PLAN, day, { index: 0, of: 1 })], askedRow)));
    post.endDay();
  };
  return { shard, priced, give };
}

const said = (priced: readonly ComputedTap[]): string[] =>
  priced.map(({ fareDay, accountId, charged: { line } }) =>
    [fareDay, line.tapId, accountId, line.kind, line.riderMinor, line.transferMinor].join(' '),
  );

test("each account is asked for once, and rows of the next day that come meanwhile are that day's", async () => {
  const answered = Promise.withResolvers<readonly StoredState[]>();
  const asked: string[][] = [];
  const late = await aShare((accountIds) => {
    asked.push([...accountIds]);
    return asked.length === 1 ? answered.promise : Promise.resolve([]);
  });
  late.give(0);
  const first = late.shard.endDay(DAYS[0]);
  late.give(1);
  answered.resolve([]);
  const outcomes = [await first, await late.shard.endDay(DAYS[1])];

  const prompt = await aShare(async () => []);
  for (const [index, fareDay] of DAYS.entries()) {
    prompt.give(index);
    expect(await prompt.shard.endDay(fareDay)).toEqual(outcomes[index]);
  }
  expect(said(late.priced)).toEqual(said(prompt.priced));
  expect(late.priced.map(({ fareDay }) => fareDay)).toEqual(
    late.priced.map(({ fareDay }) => fareDay).toSorted(),
  );
  const accounts = new Set(late.priced.map(({ accountId }) => accountId));
  expect(asked.flat().toSorted()).toEqual([...accounts].toSorted());
  expect(asked.length).toBe(2);
});
