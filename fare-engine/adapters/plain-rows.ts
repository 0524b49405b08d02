/** Rows as lists of cells: amounts and instants as numbers, dates as text. For statements whose values fit both. */
import type pg from 'pg';

// biome-ignore lint/suspicious/noExplicitAny: a cell has the type that its statement gives it.
export type Cell = any;

export const PLAIN: pg.CustomTypesConfig = { getTypeParser: plainParser } as pg.CustomTypesConfig;
const BOOL = 16;
const NUMBERS: ReadonlySet<number> = new Set([20, 21, 23]);

function plainParser(oid: number): (text: string) => unknown {
  if (oid === BOOL) return (text) => text === 't';
  return NUMBERS.has(oid) ? Number : (text) => text;
}
