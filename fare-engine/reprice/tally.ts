/** What a share has counted and found to differ. */
import { ACCOUNT, isWithdrawn, netOf, RIDER_MINOR } from './compare.ts';
import type { Stray } from './day-rows.ts';
import { DIFFERENCES_MAX, type Difference } from './model.ts';
import { type Cells, cellsOf, textOf } from './rows.ts';

export interface Tally {
  taps: number;
  accountDays: number;
  decisions: number;
  postings: number;
  differing: number;
  differences: Difference[];
}

export function newTally(): Tally {
  return { taps: 0, accountDays: 0, decisions: 0, postings: 0, differing: 0, differences: [] };
}

/** Counts a difference, and keeps the first ones. */
export function note(tally: Tally, difference: Difference): void {
  tally.differing++;
  if (tally.differences.length < DIFFERENCES_MAX) tally.differences.push(difference);
}

/** What the books have of a day and the facts have not. Reversed postings and withdrawn decisions come to nothing. */
export function noteStrays(strays: readonly Stray[], fareDay: string, tally: Tally): void {
  const booked = Map.groupBy(
    strays.map(({ sort, row }) => ({ sort, cells: cellsOf(row) })),
    ({ cells }) => textOf(cells[0] as string),
  );
  for (const [tapId, rows] of booked) {
    const decision = rows.find(({ sort }) => sort === 'decision')?.cells ?? null;
    const postings = rows.flatMap(({ sort, cells }) => (sort === 'posting' ? [cells] : []));
    noteStray(tapId, decision, postings, { fareDay, tally });
  }
}

function noteStray(
  tapId: string,
  decision: Cells | null,
  postings: readonly Cells[],
  { fareDay, tally }: { readonly fareDay: string; readonly tally: Tally },
): void {
  const accountId = textOf(decision?.[ACCOUNT] ?? '');
  const said = { fareDay, tapId, accountId, computed: null };
  if (decision !== null && !isWithdrawn(decision)) {
    note(tally, { ...said, what: 'tap', stored: `a price of ${decision[RIDER_MINOR]} on ${fareDay}` });
    return;
  }
  const [left] = netOf(postings);
  if (left !== undefined) note(tally, { ...said, what: `posting ${left[0]}`, stored: left[1].toString() });
}
