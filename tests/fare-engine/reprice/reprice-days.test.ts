/** A share of a re-pricing by itself: accounts whose states are asked for, and rows that come meanwhile. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readTariffs } from '../../../cli/audit/export-facts-file.ts';
import { linesOf } from '../../../cli/bench/load-rows.ts';
import { askedRow, factsOfMonth, type MonthPlan, tapsOfDay, ZONE } from '../../../cli/bench/reprice-month.ts';
import type { MediaLink, PricedTap } from '../../../fare-engine/facts/facts.ts';
import type { ComputedTap } from '../../../fare-engine/reprice/compare.ts';
import type { StateSource, StoredState } from '../../../fare-engine/reprice/model.ts';
import { PostOffice } from '../../../fare-engine/reprice/post-office.ts';
import { createRepriceShard } from '../../../fare-engine/reprice/reprice-days.ts';

const PLAN: MonthPlan = { seed: 7, accounts: 60, days: 2, dayStart: '04:00' };
const DAYS = ['2025-10-01', '2025-10-02'] as const;
const TARIFF = join(import.meta.dirname, '../../../cities/lviv-like/tariff');

async function aShare(before: StateSource['before'], links?: readonly MediaLink[]) {
  const none = { carriers: [], routes: [], breakdowns: [], successions: [], revocations: [], repairs: [] };
  const settings = { zone: ZONE, dayStart: PLAN.dayStart, activations: new Map() };
  const month = factsOfMonth(PLAN);
  const packages = await readTariffs(TARIFF);
  const facts = { ...settings, packages, ...none, ...month, links: links ?? month.links };
  const priced: ComputedTap[] = [];
  const shard = createRepriceShard(facts, { before, after: async () => [] }, (computed) => {
    priced.push(computed);
    return undefined;
  });
  const post = new PostOffice([shard], () => 0);
  const give = (index: number, taps = tapsOf(index)): void => {
    post.takeAll('tap', Buffer.from(linesOf(taps, askedRow)));
    post.endDay();
  };
  return { shard, priced, give };
}

const tapsOf = (index: number): PricedTap[] => [
  ...tapsOfDay(PLAN, { fareDay: DAYS[index] as string, index }, { index: 0, of: 1 }),
];

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

test('two cards of one account are one account-day', async () => {
  const always = { accountId: 'owner', validFromMs: 0, validUntilMs: null, knownFromMs: 0 };
  const links = ['k1.one', 'k1.two'].map((tokenId): MediaLink => ({ linkId: tokenId, tokenId, ...always }));
  const share = await aShare(async () => [], links);
  const [first] = tapsOf(0) as [PricedTap];
  const later = { ...first, tapId: 'later', tokenId: 'k1.two', fareAtMs: first.fareAtMs + 7_200_000 };
  share.give(0, [
    { ...first, tokenId: 'k1.one' },
    { ...later, receivedAtMs: later.fareAtMs },
  ]);
  expect(await share.shard.endDay(DAYS[0])).toMatchObject({ taps: 2, accountDays: 1 });
});

test('a card that passes on within a day: who has ridden before is not asked for again, and nobody is priced twice', async () => {
  const [first] = tapsOf(0) as [PricedTap];
  const [second] = tapsOf(1) as [PricedTap];
  const passesOnAtMs = second.fareAtMs + 1;
  const link = (accountId: string, validFromMs: number, validUntilMs: number | null): MediaLink => ({
    ...{ linkId: accountId, tokenId: 'k1.card', accountId, validFromMs, validUntilMs, knownFromMs: 0 },
  });
  const links = [link('giver', 0, passesOnAtMs), link('taker', passesOnAtMs, null)];
  const asked: string[][] = [];
  const share = await aShare(async (accountIds) => {
    asked.push([...accountIds]);
    return [];
  }, links);
  const tapOf = (from: PricedTap, tapId: string, fareAtMs = from.fareAtMs): PricedTap => ({
    ...{ ...from, tapId, tokenId: 'k1.card', fareAtMs, receivedAtMs: fareAtMs },
  });
  share.give(0, [tapOf(first, 'before')]);
  await share.shard.endDay(DAYS[0]);
  share.give(1, [tapOf(second, 'morning'), tapOf(second, 'evening', passesOnAtMs + 36_000_000)]);
  expect(await share.shard.endDay(DAYS[1])).toMatchObject({ taps: 2, accountDays: 2 });
  expect(asked).toEqual([['giver'], ['taker']]);
  const whose = share.priced.map(({ accountId, charged }) => `${charged.line.tapId} ${accountId}`);
  expect(whose.toSorted()).toEqual(['before giver', 'evening taker', 'morning giver']);
});
