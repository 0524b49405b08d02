/**
 * A simulation as tables: for the department with every group, adding up exactly; to be handed out with no small group alone.
 */
import { compareText } from '#pricing/file-problem.ts';
import { CELL_RIDERS_MIN, type Cell, DIMENSIONS, type Dimension, type Simulation } from './simulate.ts';

/** How the change is spread over the riders of a group. */
export interface Spread {
  readonly more: number;
  readonly less: number;
  readonly same: number;
  /** What those pay more who pay more, and those less who pay less (a negative sum). */
  readonly moreMinor: bigint;
  readonly lessMinor: bigint;
  /** Of all its riders, by nearest rank. */
  readonly medianMinor: bigint;
  /** Largest rise, and largest fall (negative); 0 where nobody's rises or falls. */
  readonly riseMinor: bigint;
  readonly fallMinor: bigint;
}

/** One line of a table. */
export interface Row {
  /** `null` = the small groups taken together. */
  readonly id: string | null;
  /** How many groups it holds. */
  readonly groups: number;
  readonly rides: number;
  /** `null` where groups are taken together: riders may be in several. */
  readonly riders: number | null;
  readonly beforeMinor: bigint;
  readonly afterMinor: bigint;
  /** `null` where groups are taken together, and in all tables that are handed out. */
  readonly spread: Spread | null;
}

/** How many riders pay more, less, the same; `null` = fewer than ten, or derivable from such. */
export interface Riders {
  readonly more: number | null;
  readonly less: number | null;
  readonly same: number | null;
}

export const QUANTILES = [10, 25, 50, 75, 90] as const;

export interface SimulationTables {
  readonly currency: string;
  readonly total: {
    readonly riders: number;
    readonly rides: number;
    readonly beforeMinor: bigint;
    readonly afterMinor: bigint;
    readonly spread: Spread | null;
  };
  readonly owed: Simulation['owed'];
  readonly tables: Readonly<Record<Dimension, readonly Row[]>>;
  readonly riders: Riders;
  /** What a rider pays more, by share of riders in percent. */
  readonly quantilesMinor: Readonly<Record<string, bigint>>;
  readonly unpricedTaps: number;
  readonly lostConcessions: readonly string[];
  /** To be handed out: groups of fewer than ten riders stand together. */
  readonly suppressed: boolean;
}

/** Everything, for who may see each tap anyway. */
export function wholeTables(simulation: Simulation): SimulationTables {
  const { differencesMinor } = simulation.total;
  const { more, less, same } = spreadOf(differencesMinor);
  return tables(simulation, wholeRows, { more, less, same }, false);
}

/** To be handed out; `null` where all riders together are fewer than ten: then nothing may be told. */
export function publicTables(simulation: Simulation): SimulationTables | null {
  if (simulation.total.riders < CELL_RIDERS_MIN) return null;
  return tables(simulation, rowsOf, ridersOf(simulation.total.differencesMinor), true);
}

function tables(
  { total, owed, cells, currency, unpricedTaps, lostConcessions }: Simulation,
  rows: (cells: readonly Cell[]) => Row[],
  riders: Riders,
  suppressed: boolean,
): SimulationTables {
  const { rides, beforeMinor, afterMinor, differencesMinor } = total;
  const sorted = inOrder(differencesMinor);
  const spread = suppressed ? null : spreadOf(differencesMinor);
  return {
    currency,
    total: { riders: total.riders, rides, beforeMinor, afterMinor, spread },
    owed,
    tables: Object.fromEntries(
      DIMENSIONS.map((dimension) => [dimension, rows([...cells[dimension].values()])]),
    ) as Record<Dimension, Row[]>,
    riders,
    quantilesMinor: Object.fromEntries(QUANTILES.map((q) => [`p${q}`, quantile(sorted, q)])),
    unpricedTaps,
    lostConcessions,
    suppressed,
  };
}

function wholeRows(cells: readonly Cell[]): Row[] {
  return [...cells]
    .sort((a, b) => compareText(a.id, b.id))
    .map((cell) => ({ ...rowOf(cell), spread: spreadOf(cell.differencesMinor) }));
}

function rowOf({ id, rides, riders, beforeMinor, afterMinor }: Cell): Row {
  return { id, groups: 1, rides, riders, beforeMinor, afterMinor, spread: null };
}

/** Exact sums: `moreMinor + lessMinor` is what the group pays more. */
export function spreadOf(differences: readonly bigint[]): Spread {
  const sorted = inOrder(differences);
  const [up, down] = [sorted.filter((d) => d > 0n), sorted.filter((d) => d < 0n)];
  const sum = (list: readonly bigint[]) => list.reduce((all, d) => all + d, 0n);
  return {
    more: up.length,
    less: down.length,
    same: sorted.length - up.length - down.length,
    moreMinor: sum(up),
    lessMinor: sum(down),
    medianMinor: quantile(sorted, 50),
    riseMinor: up.at(-1) ?? 0n,
    fallMinor: down[0] ?? 0n,
  };
}

function inOrder(differences: readonly bigint[]): bigint[] {
  return [...differences].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/**
 * Groups of fewer than ten riders stand together in one row. One that would be alone there, or with fewer than ten riders
 * in all, takes the smallest other group with it: from the total nobody can reckon it back.
 */
export function rowsOf(cells: readonly Cell[]): Row[] {
  const bySize = [...cells].sort((a, b) => a.riders - b.riders || compareText(a.id, b.id));
  const small = bySize.filter((cell) => cell.riders < CELL_RIDERS_MIN);
  const shown = bySize.slice(small.length);
  const few = new Set(small.flatMap((cell) => [...cell.few]));
  if (small.length > 0 && (small.length < 2 || few.size < CELL_RIDERS_MIN)) {
    const next = shown.shift();
    // No other group: the row would be the small groups and nothing else.
    if (!next) return [];
    small.push(next);
  }
  const rows = shown.sort((a, b) => compareText(a.id, b.id)).map(rowOf);
  if (small.length === 0) return rows;
  const sum = (of: (cell: Cell) => bigint) => small.reduce((all, cell) => all + of(cell), 0n);
  return [
    ...rows,
    {
      id: null,
      groups: small.length,
      rides: small.reduce((all, cell) => all + cell.rides, 0),
      riders: null,
      beforeMinor: sum((cell) => cell.beforeMinor),
      afterMinor: sum((cell) => cell.afterMinor),
      spread: null,
    },
  ];
}

function ridersOf(differences: readonly bigint[]): Riders {
  const { more, less, same } = spreadOf(differences);
  const counts = { more, less, same };
  const entries = Object.entries(counts) as [keyof Riders, number][];
  const hidden = new Set(entries.filter(([, n]) => n > 0 && n < CELL_RIDERS_MIN).map(([key]) => key));
  if (hidden.size === 1) {
    // The one hidden number would follow from the total: the smallest other one goes with it.
    const others = entries.filter(([key, n]) => !hidden.has(key) && n > 0).sort((a, b) => a[1] - b[1]);
    if (others[0]) hidden.add(others[0][0]);
  }
  const shown = (key: keyof Riders) => (hidden.has(key) ? null : counts[key]);
  return { more: shown('more'), less: shown('less'), same: shown('same') };
}

/** Nearest rank of a list in order; 0 of an empty one. */
function quantile(sorted: readonly bigint[], percent: number): bigint {
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? 0n;
}
