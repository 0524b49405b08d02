/**
 * The engine against the second pricer (tests/support/fares-reference.ts) and against itself, on random feeds and journeys. A
 * share in every run; `KVYTOK_PROPERTY_RUNS=100000` for a long one.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFarePricer, type FarePricer } from '#pricing/fares-v2/fare-pricer.ts';
import { hasErrors } from '#pricing/file-problem.ts';
import { readFeed } from '#pricing/gtfs/read-feed.ts';
import { type QuoteAnswer, quoteJourney } from '#pricing/quote.ts';
import {
  type FeedRows,
  type ReferenceLeg,
  type Row,
  referenceTotals,
} from '../../support/fares-reference.ts';
import { cases, PATIENCE, PROPERTY_RUNS, shuffled } from '../../support/properties.ts';
import { filesOfRows, type Hand, randomFeed, randomHand, randomJourney } from '../../support/random-feed.ts';

/** Cases of each property: a journey on a feed. Feeds are dear to read, so several journeys are tried on each. */
const PER_FEED = 8;
const RUNS = cases(PER_FEED);
const fourJourneys = fc.array(randomJourney, { minLength: 4, maxLength: 4 });
const journeys = fc.array(randomJourney, { minLength: PER_FEED, maxLength: PER_FEED });

function pricerOf(feed: FeedRows, hand?: Hand): FarePricer {
  const { feed: read, problems } = readFeed(filesOfRows(feed, hand));
  if (hasErrors(problems)) throw new Error(JSON.stringify(problems));
  return createFarePricer(read);
}

const CATEGORIES = [null, 'senior'];

/** What the engine says: medium → digits or null, for a category or the default. */
function engineTotals(
  pricer: FarePricer,
  journey: readonly ReferenceLeg[],
  category: string | null,
): QuoteAnswer {
  const iso = (ms: number) => new Date(ms).toISOString();
  const answer = quoteJourney(pricer, {
    legs: journey.map((leg) => ({
      routeId: leg.route,
      fromStopId: leg.from,
      toStopId: leg.to,
      departure: iso(leg.departureMs),
      arrival: iso(leg.arrivalMs),
    })),
    riderCategoryId: category,
  });
  if ('error' in answer) throw new Error(JSON.stringify(answer));
  return answer;
}

describe('a second pricer that tries every combination', () => {
  it(
    'agrees on each medium, two categories, and journeys in several currencies; lines and steps lead to totals',
    PATIENCE,
    () => {
      let priced = 0;
      let mixed = 0;
      fc.assert(
        fc.property(randomFeed, fourJourneys, randomHand, (feed, list, hand) => {
          const pricer = pricerOf(feed, hand);
          for (const journey of list) {
            for (const category of CATEGORIES) {
              const answer = engineTotals(pricer, journey, category);
              const named = feed['rider_categories.txt'] !== undefined;
              const categories = category === null ? (named ? ['adult'] : []) : [category];
              const expected = expectedTotals(feed, journey, Object.keys(answer.totals), categories);
              mixed += Object.values(expected.lowest).filter((lowest) => lowest.size > 1).length;
              priced += Object.values(answer.totals).filter((total) => total !== null).length;
              expect({ ...answer.totals }).toEqual(expected.totals);
              if (expected.currency !== undefined) expect(answer.currency).toBe(expected.currency);
              for (const medium of Object.keys(answer.totals)) addsUp(answer, medium, journey.length);
            }
          }
        }),
        cases(4),
      );
      // Otherwise the two would agree about nothing.
      expect(priced).toBeGreaterThan(PROPERTY_RUNS / 4);
      expect(mixed).toBeGreaterThan(0);
    },
  );
});

function addsUp(answer: QuoteAnswer, medium: string, legs: number): void {
  const total = answer.totals[medium];
  const lines = answer.lines.filter((line) => line.fareMediaId === medium);
  const steps = answer.explanation.filter((step) => step.fareMediaId === medium);
  if (total === null) {
    expect([lines.length, steps.length]).toEqual([0, 1]);
    return;
  }
  expect(lines.reduce((sum, line) => sum + BigInt(line.amountMinor), 0n).toString()).toBe(total);
  expect(lines.flatMap((line) => line.legs)).toEqual(Array.from({ length: legs }, (_, i) => i));
  let reached: string | null = '0';
  for (const step of steps) {
    expect(step.beforeMinor).toBe(reached);
    reached = step.afterMinor;
  }
  expect(reached).toBe(total);
}

/** By the second pricer, in the form of an answer: one currency for all media, the first one's that has a price. */
function expectedTotals(
  feed: FeedRows,
  journey: readonly ReferenceLeg[],
  media: readonly string[],
  categories: readonly string[],
) {
  const totals: Record<string, string | null> = {};
  const lowestOf: Record<string, Map<string, bigint>> = {};
  let currency: string | undefined;
  for (const medium of media) {
    const lowest = referenceTotals(feed, journey, medium, categories);
    lowestOf[medium] = lowest;
    const [only] = lowest.size === 1 ? [...lowest] : [];
    currency ??= only?.[0];
    totals[medium] = only !== undefined && only[0] === currency ? only[1].toString() : null;
  }
  return { totals, currency, lowest: lowestOf };
}

describe('whatever the feed', () => {
  it('the order of rows and the names of ids do not matter [group 7]', PATIENCE, () => {
    fc.assert(
      fc.property(randomFeed, journeys, fc.infiniteStream(fc.nat()), (feed, list, random) => {
        const renamed = Object.fromEntries(
          Object.entries(inOneCurrency(feed)).map(([file, rows]) => [
            file,
            shuffled(rows.map(renameRow), random),
          ]),
        );
        const [here, there] = [pricerOf(inOneCurrency(feed)), pricerOf(renamed)];
        for (const journey of list) {
          const { totals } = engineTotals(here, journey, null);
          const other = engineTotals(there, journey.map(renameLeg), null).totals;
          const expected = Object.entries(totals).map(([key, value]) => [rename(key), value]);
          expect({ ...other }).toEqual(Object.fromEntries(expected));
        }
      }),
      RUNS,
    );
  });

  it(
    'one without priorities costs the same as one with every empty value written out [group 8]',
    PATIENCE,
    () => {
      let compared = 0;
      fc.assert(
        fc.property(everywhere, journeys, (feed, list) => {
          const plain = { ...feed, 'fare_leg_rules.txt': rulesOf(feed).map(withoutPriority) };
          const expanded = { ...feed, 'fare_leg_rules.txt': expand(plain) };
          const [short, long] = [pricerOf(plain), pricerOf(expanded)];
          for (const journey of list.flatMap((legs) => [legs, ...legs.map((leg) => [leg])])) {
            const { totals } = engineTotals(short, journey, null);
            expect({ ...engineTotals(long, journey, null).totals }).toEqual({ ...totals });
            if (Object.values(totals).some((total) => total !== null)) compared++;
          }
        }),
        RUNS,
      );
      expect(compared).toBeGreaterThan(PROPERTY_RUNS / 4);
    },
  );

  it(
    'one more leg never costs less, where nothing is negative, replaced or joined [group 5]',
    PATIENCE,
    () => {
      fc.assert(
        fc.property(randomFeed, journeys, (feed, list) => {
          const pricer = pricerOf(onlyAdding(inOneCurrency(feed)));
          for (const journey of list.filter((legs) => legs.length > 1)) {
            const all = engineTotals(pricer, journey, null).totals;
            const fewer = engineTotals(pricer, journey.slice(0, -1), null).totals;
            for (const [medium, total] of Object.entries(all)) {
              if (total === null) continue;
              expect(fewer[medium]).not.toBeNull();
              expect(BigInt(total)).toBeGreaterThanOrEqual(BigInt(fewer[medium] as string));
            }
          }
        }),
        RUNS,
      );
    },
  );
});

/** Feeds in which every stop has an area and every route a network: else nothing can be written out for them. */
const everywhere = fc
  .tuple(randomFeed, fc.infiniteStream(fc.nat()))
  .map(([{ 'fare_leg_join_rules.txt': _, 'route_networks.txt': __, ...feed }, random]): FeedRows => {
    const any = (...values: string[]) => values[(random.next().value as number) % values.length] as string;
    const stops = (feed['stops.txt'] ?? []).filter((row) => row['parent_station'] === '');
    const areas = stops.map((row) => ({ area_id: any('x', 'y', 'z'), stop_id: row['stop_id'] as string }));
    const routes = (feed['routes.txt'] ?? []).map((row) => ({ ...row, network_id: any('n1', 'n2', 'n3') }));
    const stopAreas = [...(feed['stop_areas.txt'] ?? []), ...areas];
    return { ...feed, 'stop_areas.txt': stopAreas, 'routes.txt': routes };
  });

/** Of media in two currencies the answer is in the first one's: then the order of media does matter. */
function inOneCurrency(feed: FeedRows): FeedRows {
  const products = (feed['fare_products.txt'] ?? []).map((row) => {
    const digits = (row['amount'] as string).replace(/[-0.]/g, '') || '0';
    const sign = row['amount']?.startsWith('-') === true ? '-' : '';
    return { ...row, amount: `${sign}0.0${digits}`, currency: 'UAH' };
  });
  return { ...feed, 'fare_products.txt': products };
}

function onlyAdding({ 'fare_leg_join_rules.txt': _, ...feed }: FeedRows): FeedRows {
  const products = (feed['fare_products.txt'] ?? []).map((row) => ({
    ...row,
    amount: (row['amount'] as string).replace('-', ''),
  }));
  const transfers = (feed['fare_transfer_rules.txt'] ?? []).map((row) => ({
    ...row,
    fare_transfer_type: row['fare_transfer_type'] === '2' ? '0' : (row['fare_transfer_type'] as string),
  }));
  return { ...feed, 'fare_products.txt': products, 'fare_transfer_rules.txt': transfers };
}

function renameLeg(leg: ReferenceLeg): ReferenceLeg {
  return { ...leg, route: rename(leg.route), from: rename(leg.from), to: rename(leg.to) };
}

const NOT_IDS = new Set(['service_id']);

/** Another name for an id, which turns their order around. */
function rename(id: string): string {
  return id === '' ? '' : `${String.fromCharCode(0x7e - (id.charCodeAt(0) % 64))}ї ${id}`;
}

function renameRow(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      const isId = (/_id$/.test(column) || column === 'parent_station') && !NOT_IDS.has(column);
      return [column, isId ? rename(value) : value];
    }),
  );
}

function rulesOf(feed: FeedRows): readonly Row[] {
  return feed['fare_leg_rules.txt'] ?? [];
}

function withoutPriority({ rule_priority: _, ...row }: Row): Row {
  return row;
}

/** Each empty network and area written out as the values that its column does not list, in a feed with priorities. */
function expand(feed: FeedRows): Row[] {
  const rules = rulesOf(feed);
  const spread = (list: readonly Row[], column: string, all: readonly string[]) =>
    list.flatMap((row) => {
      if (row[column] !== '') return [row];
      return all
        .filter((value) => !rules.some((rule) => rule[column] === value))
        .map((value) => ({ ...row, [column]: value }));
    });
  const networks = spread(rules, 'network_id', ['n1', 'n2', 'n3']);
  const from = spread(networks, 'from_area_id', ['x', 'y', 'z']);
  const to = spread(from, 'to_area_id', ['x', 'y', 'z']);
  // A rule for nothing at all keeps the column where every other is gone.
  const none = { ...(rules[0] as Row), network_id: 'none', rule_priority: '0' };
  return [none, ...to.map((row) => ({ ...row, rule_priority: '0' }))];
}
