/** Rows of a day in the order in which blocks may bring them: what is said of a tap comes before the tap at times. */
import { expect, test } from 'vitest';
import { DayRows } from '../../../fare-engine/reprice/day-rows.ts';
import type { RowSort } from '../../../fare-engine/reprice/model.ts';
import { cellsOf, type RowBytes } from '../../../fare-engine/reprice/rows.ts';

const FAMILY = 5;

function add(
  rows: DayRows,
  sort: RowSort,
  ...lines: readonly (readonly [about: number, line: string])[]
): void {
  const text = lines.map(([, line]) => `${line}\n`);
  const starts = text.map((_, i) => text.slice(0, i).join('').length);
  const numbers = lines.flatMap(([about], i) => [starts[i] as number, about]);
  rows.add({ sort, lines: Buffer.from(text.join('')), rows: Int32Array.from(numbers) }, () => FAMILY);
}

const said = (row: RowBytes | null): string => (row === null ? '-' : cellsOf(row).join(' '));

test('of each tap its last decision and its postings, whatever came first; and nothing of the day before', () => {
  const rows = new DayRows();
  for (let day = 1; day <= 2; day++) {
    add(rows, 'decision', [1, 'b\t9\tninth']);
    add(rows, 'decision', [1, 'b\t10\ttenth'], [-1, 'z\t1\tstray']);
    add(rows, 'decision', [1, 'b\t2\tsecond']);
    add(rows, 'posting', [1, 'b\tp'], [1, 'b\tq']);
    add(rows, 'tap', [0, 'a\tk0'], [0, 'b\tk0']);
    expect(rows).toMatchObject({ decisions: 2, postings: 2, familiesUntil: FAMILY + 1 });
    expect(rows.strays.map(({ sort, row }) => `${sort} ${said(row)}`)).toEqual(['decision z 1 stray']);
    expect(rows.firstTap(2)).toBe(-1);
    expect([rows.firstTap(FAMILY), rows.nextTap(0), rows.nextTap(1)]).toEqual([0, 1, -1]);
    const booked = [0, 1].map((tap) => {
      const { decision, postings } = rows.booked(tap, { decision: null, postings: [] });
      return [said(decision), ...postings.map(said)];
    });
    expect(booked).toEqual([['-'], ['b 10 tenth', 'b p', 'b q']]);
    expect(rows.clear().length).toBe(5);
    expect(rows).toMatchObject({ decisions: 0, postings: 0, familiesUntil: 0, strays: [] });
  }
});
