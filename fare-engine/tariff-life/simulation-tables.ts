/** A simulation as tables in which no small group stands alone, and the numbers of riders who pay more or less. */
import { compareText } from '#pricing/file-problem.ts';
import { CELL_RIDERS_MIN, type Cell, DIMENSIONS, type Dimension, type Simulation } from './simulate.ts';

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
  };
  readonly tables: Readonly<Record<Dimension, readonly Row[]>>;
  readonly riders: Riders;
  /** What a rider pays more, by share of riders in percent; `null` where too few. */
  readonly quantilesMinor: Readonly<Record<string, bigint>>;
  readonly unpricedTaps: number;
  readonly lostConcessions: readonly string[];
}

/** `null` where all riders together are fewer than ten: then nothing may be told. */
export function tablesOf(simulation: Simulation): SimulationTables | null {
  const { total, differencesMinor, currency, unpricedTaps, lostConcessions } = simulation;
  if (total.riders < CELL_RIDERS_MIN) return null;
  const { riders, rides, beforeMinor, afterMinor } = total;
  return {
    currency,
    total: { riders, rides, beforeMinor, afterMinor },
    tables: Object.fromEntries(
      DIMENSIONS.map((dimension) => [dimension, rowsOf([...simulation.cells[dimension].values()])]),
    ) as Record<Dimension, Row[]>,
    riders: ridersOf(differencesMinor),
    quantilesMinor: Object.fromEntries(QUANTILES.map((q) => [`p${q}`, quantile(differencesMinor, q)])),
    unpricedTaps,
    lostConcessions,
  };
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
  const rows = shown
    .sort((a, b) => compareText(a.id, b.id))
    .map(
      ({ id, rides, riders, beforeMinor, afterMinor }): Row => ({
        id,
        groups: 1,
        rides,
        riders,
        beforeMinor,
        afterMinor,
      }),
    );
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
    },
  ];
}

function ridersOf(differences: readonly bigint[]): Riders {
  const counts = {
    more: differences.filter((d) => d > 0n).length,
    less: differences.filter((d) => d < 0n).length,
    same: differences.filter((d) => d === 0n).length,
  };
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

/** Nearest rank of a list that is not empty and in order. */
function quantile(sorted: readonly bigint[], percent: number): bigint {
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? 0n;
}
