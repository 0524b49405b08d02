/** A price beside a row of the books: whatever is not the same is named, whatever is the same in other signs is not. */
import { expect, test } from 'vitest';
import type { Place } from '../../../fare-engine/facts/assign.ts';
import { dueOf } from '../../../fare-engine/ledger/post-line.ts';
import type { PricedLine } from '../../../fare-engine/pricing/model.ts';
import { type ComputedTap, compareTap, type Found, moneyOf } from '../../../fare-engine/reprice/compare.ts';
import type { RowBytes } from '../../../fare-engine/reprice/rows.ts';

const LINE = {
  ...{ tapId: 't1', fareDay: '2025-10-01', kind: 'ride', packageHash: null, fareMediaId: null },
  ...{ fareProductId: null, riderCategoryId: null, networkId: null, carrierId: 'Тролейбус', routeId: 'T2' },
  ...{ currency: 'UAH', grossMinor: 30_000n, riderMinor: 900n, transferMinor: 0n, concessionMinor: 29_000n },
  ...{ passMinor: 0n, capMinor: 100n, concessionId: null, fundingId: 'city', claimRide: true, steps: [] },
} satisfies PricedLine;
const PLACE = { vehicleId: 'bus\t7' } as Place;
const COMPUTED: ComputedTap = {
  ...{ accountId: 'person-1', fareDay: LINE.fareDay, place: PLACE },
  charged: { line: LINE, lossMinor: 200n },
};

/** By its name, of each column that is compared the cell that says what was computed; in the order of DECISION_COLUMNS. */
const CELLS: Readonly<Record<string, string>> = {
  ...{ account: 'person-1', kind: 'ride', carrier: 'Тролейбус', funding: 'city', currency: 'UAH' },
  ...{ gross_minor: '30000', rider_minor: '900', transfer_minor: '0', concession_minor: '29000' },
  ...{ pass_minor: '0', cap_minor: '100', loss_minor: '200', penalty: 'f', concession: '\\N' },
  ...{ claim_ride: 't', vehicle: 'bus\\t7', route: 'T2' },
};

const rowOf = (cells: readonly string[]): RowBytes => ({
  bytes: Buffer.from(`row before\n${cells.join('\t')}\nrow after\n`),
  at: 11,
});
const decisionOf = (cells: Readonly<Record<string, string>>): RowBytes =>
  rowOf(['t1', '1', ...Object.values(cells)]);

function postingsOf(moreMinor = 0n): string[][] {
  return dueOf('t1', moneyOf(COMPUTED)).map(({ debitAccount, creditAccount, amountMinor }, i) => [
    ...['t1', debitAccount, creditAccount, String(amountMinor + (i === 1 ? moreMinor : 0n)), 'UAH'],
  ]);
}

function found(
  cells: Readonly<Record<string, string>> | null,
  postings: readonly string[][] = postingsOf(),
): Found | undefined {
  const decision = cells === null ? null : decisionOf(cells);
  return compareTap(COMPUTED, { decision, postings: postings.map(rowOf) }, false);
}

test('the books that say what was computed are not different, whatever signs they say it with', () => {
  expect(found(CELLS)).toBeUndefined();
});

test.each(Object.keys(CELLS))('another %s is named', (what) => {
  const cell = CELLS[what] as string;
  for (const other of [`${cell}0`, cell.slice(1), '\\N'].filter((one) => one !== cell && one !== 'N'))
    expect(found({ ...CELLS, [what]: other })).toMatchObject({ what });
});

test('a name with a backslash in it is not taken for the sign, or the null, that COPY writes so', () => {
  const found = (routeId: string | null, route: string) =>
    compareTap(
      { ...COMPUTED, charged: { line: { ...LINE, routeId }, lossMinor: 200n } },
      { decision: decisionOf({ ...CELLS, route }), postings: postingsOf().map(rowOf) },
      false,
    );
  expect(found('T\\t2', 'T\\\\t2')).toBeUndefined();
  expect(found('T\\t2', 'T\\t2')).toMatchObject({ what: 'route', computed: 'T\\t2', stored: 'T\t2' });
  expect(found('\\N', '\\N')).toMatchObject({ what: 'route', computed: '\\N', stored: null });
  expect(found(null, '\\N')).toBeUndefined();
});

test('a decision that is not there, or undoes only, is named', () => {
  expect(found(null)).toMatchObject({ what: 'decision', stored: null });
  expect(found({ ...CELLS, kind: 'withdrawn' })).toMatchObject({ what: 'decision', stored: 'withdrawn' });
});

test('postings are netted: a posting off by one, one that is missing and one too many are named; one undone is none', () => {
  expect(found(CELLS, postingsOf(1n))).toMatchObject({ what: 'posting revenue:Тролейбус UAH' });
  const [first = [], ...others] = postingsOf();
  expect(found(CELLS, others)).toMatchObject({ computed: '700', stored: '0' });
  expect(found(CELLS, [])).toMatchObject({ computed: '700', stored: null });
  expect(found(CELLS, [first, ...others, first])).toMatchObject({ computed: '700', stored: '1400' });
  const [tapId = '', debit = '', credit = '', ...rest] = first;
  expect(found(CELLS, [first, [tapId, credit, debit, ...rest], first, ...others])).toBeUndefined();
  expect(found(CELLS, [...others].reverse().concat([first]))).toBeUndefined();
});
