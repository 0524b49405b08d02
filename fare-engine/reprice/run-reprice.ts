/**
 * Re-prices fare days one after the other: reads taps, decisions and postings of each, hands every row to the share that prices
 * the tap's account, and adds up what the shares find. One day is priced while the next is being read, and no more is held.
 */
import type { BundleTotals } from '#pricing/reprice-bundle.ts';
import type { HomeOf } from './home.ts';
import { DIFFERENCES_MAX, type Difference, type Outcome, type RepriceShard, type RowSort } from './model.ts';
import { PostOffice } from './post-office.ts';

export interface RepriceRun {
  /** Fare days, ascending. */
  readonly days: readonly string[];
  /** The day after the last one. */
  readonly untilDay: string;
  /** Reads rows of a day, each a whole line of COPY's text format; see rows.ts. */
  read(
    sort: RowSort,
    fareDay: string,
    takeRow: (block: Buffer, from: number, until: number) => void,
  ): Promise<void>;
  /** Of decisions' lines those that no later decision of the same tap replaces, on whatever day that is. */
  standing(lines: readonly Buffer[]): Promise<readonly Buffer[]>;
  readonly shards: readonly RepriceShard[];
  readonly homeOf: HomeOf;
  /** Told how far it is: days that are done, and a part of the one being read. */
  progress(daysDone: number): void;
  /**
   * Aborted = it reads no more, and answers for the days that were done as if no more had been asked for: the one that is being priced is
   * among them, and the next one where a share has begun with it.
   */
  readonly signal: AbortSignal;
}

export interface RepriceResult extends Outcome {
  /** First day that was not done; `null` = all were. */
  readonly stoppedAt: string | null;
  readonly totals: readonly BundleTotals[];
}

const SORTS = ['tap', 'decision', 'posting'] as const;

/** @throws what the reading throws, or a share. */
export async function runReprice(run: RepriceRun): Promise<RepriceResult> {
  const { days, shards, signal } = run;
  const sum = newSum();
  const post = new PostOffice(shards, run.homeOf);
  const turns = turnsOf(shards, signal);
  let pricing: Promise<void> = Promise.resolve();
  let done = 0;
  let taps = 0;
  const tapsOfDay = (read: number): number => Math.min(0.9, read / Math.max(1, taps / Math.max(1, done)));
  for (const [index, fareDay] of days.entries()) {
    await readDay(run, fareDay, post, (read) => run.progress(index + (index === 0 ? 0 : tapsOfDay(read))));
    if (signal.aborted) break;
    const before = pricing;
    // Shares are given this day before `before` is heard of here, so before any row of the next one comes.
    pricing = Promise.all([turns(fareDay, before), before]).then(([found]) => {
      if (found === null) return;
      for (const outcome of found) add(sum, outcome);
      taps = sum.taps;
      done = index + 1;
      run.progress(done);
    });
    // Whoever waits for it hears of it; until then it is nobody's unhandled trouble.
    pricing.catch(() => {});
    await before;
  }
  await pricing;
  const stoppedAt = days[done] ?? null;
  const ends = await Promise.all(shards.map((shard) => shard.end(stoppedAt ?? run.untilDay)));
  for (const outcome of ends) add(sum, outcome);
  sum.differences.sort((a, b) => (`${a.fareDay} ${a.tapId}` < `${b.fareDay} ${b.tapId}` ? -1 : 1));
  return {
    ...sum,
    differences: sum.differences.slice(0, DIFFERENCES_MAX),
    stoppedAt,
    totals: totalsOf(ends.flatMap(({ totals }) => totals)),
  };
}

/**
 * Gives days to the shares, each of which goes on with the next one when it is done with the last: who is done first waits for nobody.
 * A single share has nobody to wait for, and begins when the day before was told.
 * @returns what came of a day; `null` when it was stopped before any share had begun with it. What one has begun all do: a share
 *   cannot give a day back.
 */
function turnsOf(
  shards: readonly RepriceShard[],
  signal: AbortSignal,
): (fareDay: string, before: Promise<void>) => Promise<Outcome[] | null> {
  const last = shards.map((): Promise<unknown> => Promise.resolve());
  return async (fareDay, before) => {
    let begun = false;
    const outcomes = shards.map(async (shard, i) => {
      await (shards.length === 1 ? before : last[i]);
      if (signal.aborted && !begun) return null;
      begun = true;
      return await shard.endDay(fareDay);
    });
    for (const [i, outcome] of outcomes.entries()) last[i] = outcome;
    const found = await Promise.all(outcomes);
    return found.every((one) => one !== null) ? found : null;
  };
}

async function readDay(
  { read, standing, signal }: RepriceRun,
  fareDay: string,
  post: PostOffice,
  progress: (taps: number) => void,
): Promise<void> {
  for (const sort of SORTS) {
    if (signal.aborted) return;
    await read(sort, fareDay, (block, from, until) => {
      if (signal.aborted) return;
      post.take(sort, block, from, until);
      if (sort === 'tap' && post.tapsOfDay % PROGRESS_ROWS === 0) progress(post.tapsOfDay);
    });
  }
  if (signal.aborted) return;
  const strays = post.strayDecisions();
  if (strays.length > 0) for (const line of await standing(strays)) post.takeStray(line);
  post.endDay();
}

const PROGRESS_ROWS = 20_000;

type Sum = { -readonly [K in keyof Outcome]: Outcome[K] } & { differences: Difference[] };

function newSum(): Sum {
  return { taps: 0, accountDays: 0, decisions: 0, postings: 0, differing: 0, differences: [] };
}

function add(sum: Sum, outcome: Outcome): void {
  for (const key of ['taps', 'accountDays', 'decisions', 'postings', 'differing'] as const)
    sum[key] += outcome[key];
  sum.differences.push(...outcome.differences);
}

/** Sums of all shares, currency by currency. */
function totalsOf(parts: readonly BundleTotals[]): BundleTotals[] {
  const totals = new Map<string, BundleTotals>();
  for (const part of parts) {
    const sum = totals.get(part.currency);
    if (sum === undefined) totals.set(part.currency, { ...part });
    else
      for (const [name, value] of Object.entries(part) as [keyof BundleTotals, number | bigint | string][])
        if (typeof value !== 'string')
          Object.assign(sum, { [name]: (sum[name] as never) + (value as never) });
  }
  return [...totals.values()].sort((a, b) => (a.currency < b.currency ? -1 : 1));
}
