/** Nobody computes a hidden cell: every day of a few routes is tried, with an attacker who knows the rule. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  correctDay,
  type DayCell,
  type PublishedDay,
  suppressDay,
} from '../../../fare-engine/open-data/suppress.ts';

const MIN = 10;
const day = (...riders: number[]): DayCell[] =>
  riders.map((count, at) => ({
    routeId: `R${at}`,
    riders: count,
    people: count,
    reducedPeople: 0,
    fullPeople: count,
    amountMinor: BigInt(count) * 1200n,
  }));
const shown = (published: PublishedDay) => published.cells.map((cell) => cell.riders);
const text = (published: PublishedDay) => `${shown(published).join()} ${published.riders}`;

/** All days of so many routes whose riders come to `most` at the most. */
function* allDays(routes: number, most: number): Generator<number[]> {
  if (routes === 0) {
    yield [];
    return;
  }
  for (let riders = 0; riders <= most; riders++)
    for (const rest of allDays(routes - 1, most - riders)) yield [riders, ...rest];
}

describe.each([
  [1, 60],
  [2, 60],
  [3, 45],
  [4, 31],
])('all days of %i routes with up to %i riders', (routes, most) => {
  /** For each thing that can be published: which values each cell may have had. */
  const possible = new Map<string, { published: PublishedDay; values: Set<number>[]; small: boolean[] }>();
  for (const riders of allDays(routes, most)) {
    const published = suppressDay('d', day(...riders), MIN);
    const key = text(published);
    const known = possible.get(key) ?? {
      published,
      values: riders.map(() => new Set<number>()),
      small: riders.map(() => false),
    };
    possible.set(key, known);
    for (const [at, count] of riders.entries()) {
      known.values[at]?.add(count);
      if (count < MIN) known.small[at] = true;
    }
  }

  test('what was small may have been anything from 0 to 9, for whoever knows the rule', () => {
    for (const { published, values, small } of possible.values()) {
      for (const [at, cell] of published.cells.entries()) {
        if (cell.riders !== null || !small[at]) continue;
        const tried = [...(values[at] as Set<number>)].filter((value) => value < MIN);
        if (tried.length < MIN) expect.fail(`${text(published)}: R${at} is one of ${tried.join()}`);
      }
    }
  });
  test('no cell under 10 and no total under 10 is shown', () => {
    for (const { published } of possible.values()) {
      if ([...shown(published), published.riders].some((riders) => riders !== null && riders < MIN))
        expect.fail(text(published));
    }
  });
});

const cells = fc.array(
  fc.record({
    riders: fc.oneof(fc.integer({ min: 0, max: 25 }), fc.integer({ min: 0, max: 3000 })),
    alone: fc.boolean(),
    priceMinor: fc.integer({ min: 0, max: 1500 }),
  }),
  { minLength: 1, maxLength: 30 },
);
const asCells = (list: { riders: number; alone: boolean; priceMinor: number }[]): DayCell[] =>
  list.map(({ riders, alone, priceMinor }, at) => ({
    routeId: `R${String(at).padStart(2, '0')}`,
    riders,
    people: alone ? Math.min(riders, 3) : riders,
    reducedPeople: 0,
    fullPeople: riders,
    amountMinor: BigInt(riders * priceMinor),
  }));

/** Least and most that a hidden cell may be, by the sums published and what the rule says of its cover. */
function bounds(published: PublishedDay): { least: number; most: number } {
  const rest =
    (published.riders ?? Number.POSITIVE_INFINITY) -
    shown(published).reduce<number>((a, b) => a + (b ?? 0), 0);
  return { least: 0, most: rest - MIN };
}

test('any day: riders and amounts are hidden together, and sums leave ten values to each hidden cell', () => {
  fc.assert(
    fc.property(cells, (list) => {
      const given = asCells(list);
      const published = suppressDay('2025-10-14', given, MIN);
      const hidden = published.cells.filter((cell) => cell.riders === null);
      expect(published.cells.map((cell) => cell.amountMinor === null)).toEqual(
        published.cells.map((cell) => cell.riders === null),
      );
      for (const [at, cell] of given.entries())
        if (cell.riders < MIN || cell.people < MIN) expect(published.cells[at]?.riders).toBeNull();
      if (hidden.length === 0) {
        expect(published.riders).toBe(given.reduce((sum, cell) => sum + cell.riders, 0));
        return;
      }
      expect(published.amountMinor).toBeNull();
      if (hidden.length === 1) expect(published.riders).toBeNull();
      const { least, most } = bounds(published);
      expect(most - least).toBeGreaterThanOrEqual(MIN - 1);
    }),
    { numRuns: 1000 },
  );
});

test('the order in which routes come changes nothing', () => {
  fc.assert(
    fc.property(cells, fc.infiniteStream(fc.nat()), (list, chance) => {
      const given = asCells(list);
      const mixed = given
        .map((cell) => ({ cell, at: chance.next().value as number }))
        .sort((a, b) => a.at - b.at);
      expect(
        suppressDay(
          'd',
          mixed.map(({ cell }) => cell),
          MIN,
        ),
      ).toEqual(suppressDay('d', given, MIN));
    }),
    { numRuns: 300 },
  );
});

describe('a day that was published before', () => {
  test('no number moves by less than ten riders, what is hidden stays hidden, and totals stay sums', () => {
    fc.assert(
      fc.property(cells, cells, (old, later) => {
        const before = suppressDay('d', asCells(old), MIN);
        const after = correctDay(before, asCells(later), MIN);
        if (before.riders === null) return;
        for (const [at, cell] of before.cells.entries()) {
          const now = after.cells[at];
          if (cell.riders === null) expect(now?.riders).toBeNull();
          else
            expect([0, MIN], `${cell.riders} → ${now?.riders}`).toContain(
              Math.min(MIN, Math.abs((now?.riders ?? -1) - cell.riders)),
            );
          if (cell.riders === now?.riders) expect(now?.amountMinor).toBe(cell.amountMinor);
        }
        const rest = (published: PublishedDay) =>
          (published.riders as number) - published.cells.reduce((sum, cell) => sum + (cell.riders ?? 0), 0);
        expect([0, MIN]).toContain(Math.min(MIN, Math.abs(rest(after) - rest(before))));
      }),
      { numRuns: 1000 },
    );
  });
  test('a late bus is a new number, a late passenger is none', () => {
    const before = suppressDay('d', day(100, 200, 300), MIN);
    expect(correctDay(before, day(109, 200, 300), MIN)).toEqual(before);
    expect(shown(correctDay(before, day(110, 200, 300), MIN))).toEqual([110, 200, 300]);
    expect(shown(correctDay(before, day(5, 200, 300), MIN))).toEqual([100, 200, 300]);
    const hidden = suppressDay('d', day(3, 200, 300), MIN);
    expect(shown(hidden)).toEqual([null, null, 300]);
    expect(shown(correctDay(hidden, day(150, 200, 300), MIN))).toEqual([null, null, 300]);
    expect(correctDay(hidden, day(150, 200, 300), MIN).riders).toBe(650);
  });
  test('a route that the city has begun since then changes no day of before, until many have ridden it', () => {
    const before = suppressDay('d', day(100, 200), MIN);
    expect(correctDay(before, day(100, 200, 0), MIN)).toEqual(before);
    expect(correctDay(before, day(100, 200, 9), MIN)).toEqual(before);
    expect(correctDay(before, day(100, 200, 10), MIN)).toMatchObject({
      riders: 310,
      amountMinor: 310n * 1200n,
    });
  });
  test('a day of which nothing was said is decided anew', () => {
    const nothing = suppressDay('d', day(3), MIN);
    expect([nothing.riders, shown(nothing)]).toEqual([null, [null]]);
    expect(correctDay(nothing, day(40), MIN).riders).toBe(40);
  });
});

describe('an amount tells nothing of a few people', () => {
  const cell = (reducedPeople: number, fullPeople: number, riders = 60): DayCell => ({
    ...{ routeId: 'R1', riders, people: riders, reducedPeople, fullPeople, amountMinor: 500n },
  });
  const other = (): DayCell => ({ ...cell(0, 40, 40), routeId: 'R2' });
  const amounts = (published: PublishedDay) => [
    ...published.cells.map(({ amountMinor }) => amountMinor),
    published.amountMinor,
  ];
  test.each([
    ['nobody paid less', 0, 60, [500n, 500n, 1000n]],
    ['one paid less', 1, 59, [null, 500n, null]],
    ['nine paid less', 9, 51, [null, 500n, null]],
    ['ten paid less', 10, 50, [500n, 500n, 1000n]],
    ['ten paid in full', 50, 10, [500n, 500n, 1000n]],
    ['nine paid in full', 51, 9, [null, 500n, null]],
    ['all paid less', 60, 0, [null, 500n, null]],
  ] as const)('%s', (_name, reduced, full, expected) => {
    const published = suppressDay('d', [cell(reduced, full), other()], MIN);
    expect(amounts(published)).toEqual(expected);
    expect(published.riders).toBe(100);
  });
  test('what was withheld stays so in later versions, and what would tell is withheld from then on', () => {
    const first = suppressDay('d', [cell(3, 57), other()], MIN);
    const more = correctDay(first, [cell(30, 50, 80), other()], MIN);
    expect([more.cells[0]?.riders, ...amounts(more)]).toEqual([80, null, 500n, null]);
    const whole = suppressDay('d', [cell(0, 60), other()], MIN);
    const tells = correctDay(whole, [cell(3, 77, 80), other()], MIN);
    expect([tells.cells[0]?.riders, ...amounts(tells)]).toEqual([80, null, 500n, null]);
    // A route that comes late is looked at in the same way.
    const late = correctDay(whole, [cell(0, 60), other(), { ...cell(3, 57), routeId: 'R3' }], MIN);
    expect(amounts(late)).toEqual([500n, 500n, null, null]);
  });
});
