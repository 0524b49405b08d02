/** A re-pricing as a whole, its rows made by hand: who gets which row, and what is said when somebody stops it. */
import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { DayRows } from '../../../fare-engine/reprice/day-rows.ts';
import type {
  BlockMemory,
  Outcome,
  RepriceShard,
  RowBlock,
  RowSort,
} from '../../../fare-engine/reprice/model.ts';
import { Names } from '../../../fare-engine/reprice/names.ts';
import { aloneOf, cellsOf, RowReader, tapOfRow, tokenOfTap } from '../../../fare-engine/reprice/rows.ts';
import { runReprice } from '../../../fare-engine/reprice/run-reprice.ts';

const OUTCOME: Outcome = {
  taps: 0,
  accountDays: 0,
  decisions: 0,
  postings: 0,
  differing: 0,
  differences: [],
};

/** Keeps the rows of its days, by tap. */
function collector() {
  const days: string[] = [];
  const rows = new DayRows();
  const spares: BlockMemory[] = [];
  const lines: string[] = [];
  const shard: RepriceShard = {
    add: (block: RowBlock) => rows.add(block, (token) => token),
    async endDay(fareDay) {
      days.push(fareDay);
      for (let family = 0; family < rows.familiesUntil; family++)
        for (let tap = rows.firstTap(family); tap >= 0; tap = rows.nextTap(tap)) {
          const booked = rows.booked(tap, { decision: null, postings: [] });
          const said = [rows.rowOf(tap), booked.decision, ...booked.postings];
          lines.push(said.map((row) => (row === null ? '-' : cellsOf(row).join(' '))).join(' | '));
        }
      lines.push(...rows.strays.map(({ sort, row }) => `stray ${sort} ${cellsOf(row).join(' ')}`));
      for (const memory of rows.clear()) {
        memory.lines.fill(0);
        memory.rows.fill(-1);
        spares.push(memory);
      }
      return { ...OUTCOME, taps: 1 };
    },
    end: async () => ({ ...OUTCOME, totals: [] }),
    spare: () => spares.pop(),
    stop: async () => {},
  };
  return { shard, days, lines, spares };
}

/** Rows of a day as COPY has them. */
const ROWS: Readonly<Record<RowSort, readonly string[]>> = {
  tap: ['t1\tk1\trest', 't2\tk2\trest', 't3\tk1\tЗамкова'],
  decision: [
    't3\t2\tдруга',
    't2\t1\tprice',
    't3\t1\tціна',
    't9\t1\tprice',
    't7\t1\tprice',
    't1\t9\tninth',
    't1\t10\ttenth',
  ],
  posting: ['t3\tone', 't1\tone', 't3\ttwo', 't8\tone'],
};

function read(sort: RowSort, takeRow: (block: Buffer, from: number, until: number) => void): void {
  // As on a socket: one buffer that is gone after the call.
  for (const row of ROWS[sort]) {
    const bytes = Buffer.from(`..${row}\n`);
    takeRow(bytes, 2, bytes.length);
    bytes.fill(0);
  }
}

const twice = <T>(one: T): T[] => [one, one];

test('a tap, the last of its decisions and its postings come to the share of its token, in their order; what the day has not and what stands, once', async () => {
  const shares = [collector(), collector()];
  const asked: string[][] = [];
  const found = await runReprice({
    days: ['2025-10-01', '2025-10-02'],
    untilDay: '2025-10-03',
    read: async (sort, _day, takeRow) => read(sort, takeRow),
    standing: async (lines) => {
      asked.push(lines.map(String));
      return lines.filter((line) => line.toString().startsWith('t9'));
    },
    shards: shares.map(({ shard }) => shard),
    homeOf: (tokenId) => (tokenId === 'k1' ? 1 : 0),
    progress: () => {},
    signal: new AbortController().signal,
  });
  const day = [
    ['t2 k2 rest | t2 1 price', 'stray decision t9 1 price', 'stray posting t8 one'],
    ['t1 k1 rest | t1 10 tenth | t1 one', 't3 k1 Замкова | t3 2 друга | t3 one | t3 two'],
  ] as const;
  for (const [i, { days, lines, spares }] of shares.entries()) {
    expect(days).toEqual(['2025-10-01', '2025-10-02']);
    expect(lines).toEqual(twice(day[i]).flat());
    // One block of each sort: the second day was written where the first had been.
    expect(spares.length).toBe(3);
  }
  expect(asked).toEqual(twice(['t9\t1\tprice\n', 't7\t1\tprice\n']));
  expect(found).toMatchObject({ stoppedAt: null, taps: 4 });
});

test('stopped while a day is read: it answers for the days before, and asks no share for what is half there', async () => {
  const [stopping, share] = [new AbortController(), collector()];
  const ends: string[] = [];
  const end: RepriceShard['end'] = async (untilDay) => {
    ends.push(untilDay);
    return { ...OUTCOME, totals: [] };
  };
  const shown: number[] = [];
  const found = await runReprice({
    days: ['2025-10-01', '2025-10-02', '2025-10-03'],
    untilDay: '2025-10-04',
    read: async (sort, fareDay, takeRow) => {
      if (fareDay === '2025-10-02' && sort === 'decision') stopping.abort();
      read(sort, takeRow);
    },
    standing: async (lines) => lines,
    shards: [{ ...share.shard, end }],
    homeOf: () => 0,
    progress: (done) => void shown.push(done),
    signal: stopping.signal,
  });
  expect(found).toMatchObject({ stoppedAt: '2025-10-02', taps: 1 });
  expect(share.days).toEqual(['2025-10-01']);
  expect(ends).toEqual(['2025-10-02']);
  expect(shown.at(-1)).toBe(1);
});

test('a single decision about a tap that the day has not is looked up as well', async () => {
  const share = collector();
  await runReprice({
    ...{
      days: ['2025-10-01'],
      untilDay: '2025-10-02',
      shards: [share.shard],
      homeOf: () => 0,
      progress: () => {},
    },
    read: async (sort, _day, takeRow) => {
      if (sort === 'decision') takeRow(Buffer.from('t9\t1\tprice\n'), 0, 11);
    },
    standing: async (lines) => lines,
    signal: new AbortController().signal,
  });
  expect(share.lines).toEqual(['stray decision t9 1 price']);
});

/** Shares whose days end when the test says so. */
function handDriven(count: number) {
  const open = new Map<string, PromiseWithResolvers<Outcome>>();
  const begun = new EventEmitter();
  const ends: string[] = [];
  const shards = Array.from(
    { length: count },
    (_, i): RepriceShard => ({
      ...collector().shard,
      endDay(fareDay) {
        const answer = Promise.withResolvers<Outcome>();
        open.set(`${i} ${fareDay}`, answer);
        begun.emit(`${i} ${fareDay}`);
        return answer.promise;
      },
      async end(untilDay) {
        ends.push(untilDay);
        return { ...OUTCOME, totals: [] };
      },
    }),
  );
  return {
    ...{ shards, ends },
    begun: (what: string) => (open.has(what) ? Promise.resolve() : once(begun, what)),
    hasBegun: () => [...open.keys()].toSorted(),
    finish: (what: string) => open.get(what)?.resolve({ ...OUTCOME, taps: 1 }),
    fail: (what: string) => open.get(what)?.reject(new Error('broken')),
  };
}

const DAYS = ['2025-10-01', '2025-10-02', '2025-10-03'] as const;
const [ONE, TWO, THREE] = DAYS;

function driven(shards: readonly RepriceShard[], signal = new AbortController().signal) {
  return runReprice({
    ...{ days: DAYS, untilDay: '2025-10-04', shards, signal, homeOf: () => 0, progress: () => {} },
    read: async (sort, _day, takeRow) => read(sort, takeRow),
    standing: async (lines) => lines,
  });
}

test('a share that is done with a day goes on with the next one while another is not', async () => {
  const { shards, begun, hasBegun, finish } = handDriven(2);
  const found = driven(shards);
  await begun(`0 ${ONE}`);
  finish(`0 ${ONE}`);
  await begun(`0 ${TWO}`);
  finish(`0 ${TWO}`);
  // No more is read before all are done with the first.
  expect(hasBegun()).toEqual([`0 ${ONE}`, `0 ${TWO}`, `1 ${ONE}`]);
  for (const day of DAYS) {
    await begun(`1 ${day}`);
    finish(`1 ${day}`);
  }
  await begun(`0 ${THREE}`);
  finish(`0 ${THREE}`);
  expect(await found).toMatchObject({ stoppedAt: null, taps: 6 });
});

test.each([true, false])(
  'stopped: the next day is priced by all if a share has begun with it: %s',
  async (early) => {
    const { shards, begun, hasBegun, finish, ends } = handDriven(2);
    const stopping = new AbortController();
    const found = driven(shards, stopping.signal);
    await begun(`1 ${ONE}`);
    if (early) {
      finish(`0 ${ONE}`);
      await begun(`0 ${TWO}`);
    }
    stopping.abort();
    for (const what of [`0 ${ONE}`, `1 ${ONE}`]) finish(what);
    if (early) {
      await begun(`1 ${TWO}`);
      for (const what of [`0 ${TWO}`, `1 ${TWO}`]) finish(what);
    }
    const stoppedAt = early ? THREE : TWO;
    expect(await found).toMatchObject({ stoppedAt, taps: early ? 4 : 2 });
    expect(hasBegun().length).toBe(early ? 4 : 2);
    expect(ends).toEqual([stoppedAt, stoppedAt]);
  },
);

test('what goes wrong in a share ends all, once', async () => {
  const { shards, begun, finish, fail } = handDriven(2);
  const found = expect(driven(shards)).rejects.toThrow('broken');
  await begun(`1 ${ONE}`);
  finish(`0 ${ONE}`);
  await begun(`0 ${TWO}`);
  fail(`1 ${ONE}`);
  await found;
});

test('cells with escapes, signs of several bytes and nulls are read as they were written', () => {
  const cells = [
    'a\\tb',
    'Ж\\\\',
    'Zaj\u0105c\\\\1',
    'wallet',
    '\\N',
    '1',
    '0',
    '-5',
    '7',
    'bus',
    '\\N',
    '\\N',
    '1',
    '\\N',
    't',
    '\\N',
    '9',
  ];
  const row = { bytes: Buffer.from(`before\n${cells.join('\t')}\nafter\n`), at: 7 };
  const names = new Names();
  for (const one of [row, aloneOf(row)])
    expect(tapOfRow(one, '2025-10-01', names)).toMatchObject({
      ...{
        tapId: 'a\tb',
        deviceId: 'Zaj\u0105c\\1',
        direction: null,
        companions: 1,
        fareAtMs: -5,
        uncertaintyMs: 7,
      },
      ...{ belief: { vehicleId: 'bus', routeId: null, tripId: null, directionId: 1 } },
      ...{ stopId: null, stopUnsure: true, passBackOf: null, receivedAtMs: 9 },
    });
  expect(tokenOfTap(row)).toBe('Ж\\');
  expect(aloneOf(row).bytes.toString()).toBe(`${cells.join('\t')}\n`);
});

test('a row that is kept alone stays as it was when its block is written again', () => {
  const bytes = Buffer.from('t1\tone\nt2\ttwo\n');
  const kept = aloneOf({ bytes, at: 7 });
  bytes.fill(0);
  expect(cellsOf(kept)).toEqual(['t2', 'two']);
});

test('a cell is the text that is asked for from its first sign to its last', () => {
  const is = (value: string | null, cell: string): boolean =>
    new RowReader({ bytes: Buffer.from(`${cell}\tx\n`), at: 0 }).is(value);
  expect([is('abc', 'abc'), is(null, '\\N'), is('', '')]).toEqual([true, true, true]);
  expect([is('ab', 'abc'), is('abc', 'ab'), is(null, 'N'), is('N', '\\N'), is('', 'a')]).toEqual(
    Array.from({ length: 5 }, () => false),
  );
  // Said otherwise in the row, or not in one byte: to be looked at again.
  expect([is('a\tx', 'a'), is('Ã', 'Ã'), is('Ж', 'Ж'), is('\u00d0\u0096', 'Ж')]).toEqual(
    Array.from({ length: 4 }, () => false),
  );
});
