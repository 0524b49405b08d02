/**
 * Which cells of a day are published. A day is decided by itself, so that no other day, period or file says more of it.
 *
 * 1. A cell of fewer than `cellMin` riders, or of fewer than `cellMin` people, is hidden.
 * 2. So that the day's total does not tell it, one cell more is hidden: the next one by id, in a circle, that need not be.
 *    It is not chosen by size: its size would say something of the others.
 * 3. Together they must come to 2 · `cellMin` riders, else every cell of the day is hidden; and where all are hidden, the total
 *    stands only from 2 · `cellMin` on, and where a cell that is not small is in it.
 * 4. Where a cell is hidden, the day's amount is too: with prices known it would tell the riders.
 *
 * 5. Whoever knows the price of a ride sees in an amount how many paid less (a concession, a transfer, a pass). So an amount stands only
 *    where nobody did, or `cellMin` people did and as many paid in full; without it the day's amount is hidden, too.
 *
 * So each small cell may be anything from 0 to `cellMin` - 1 for whoever knows the numbers published, the rule itself and which
 * routes did not run; tests try all days of a few routes. Who knows another hidden cell knows more: a carrier knows its own.
 */

/** A route's riders on a day, and how many people they were. */
export interface DayCell {
  readonly routeId: string;
  readonly riders: number;
  readonly people: number;
  /** Of these, who paid less than the full price at least once, and who paid it at least once. */
  readonly reducedPeople: number;
  readonly fullPeople: number;
  readonly amountMinor: bigint;
}

/** A cell as it is published; `null` = hidden. Without riders there is no amount. */
export interface PublishedCell {
  readonly routeId: string;
  readonly riders: number | null;
  readonly amountMinor: bigint | null;
}

export interface PublishedDay {
  /** Fare day, `YYYY-MM-DD`. */
  readonly day: string;
  /** By route id. */
  readonly cells: readonly PublishedCell[];
  readonly riders: number | null;
  readonly amountMinor: bigint | null;
}

/** Decides one day. Cells may come in any order; each route once. */
export function suppressDay(day: string, cells: readonly DayCell[], cellMin: number): PublishedDay {
  const sorted = [...cells].sort((a, b) => (a.routeId < b.routeId ? -1 : 1));
  const small = sorted.filter((cell) => isSmall(cell, cellMin));
  const hidden = new Set(small.length === 0 ? [] : hide(sorted, small, cellMin));
  const riders = sorted.reduce((sum, cell) => sum + cell.riders, 0);
  const totalShown = hidden.size < sorted.length || (small.length < sorted.length && riders >= 2 * cellMin);
  return {
    day,
    cells: sorted.map(({ routeId, riders: count, amountMinor }, at) =>
      hidden.has(sorted[at] as DayCell)
        ? { routeId, riders: null, amountMinor: null }
        : {
            routeId,
            riders: count,
            amountMinor: amountTells(sorted[at] as DayCell, cellMin) ? null : amountMinor,
          },
    ),
    riders: totalShown && sorted.length > 0 ? riders : null,
    amountMinor:
      hidden.size === 0 && !sorted.some((cell) => amountTells(cell, cellMin))
        ? sorted.reduce((sum, cell) => sum + cell.amountMinor, 0n)
        : null,
  };
}

/** Whether an amount says how few people paid less, or how few did not. */
function amountTells({ reducedPeople, fullPeople }: DayCell, cellMin: number): boolean {
  return reducedPeople > 0 && (reducedPeople < cellMin || fullPeople < cellMin);
}

function isSmall(cell: DayCell, cellMin: number): boolean {
  return cell.riders < cellMin || cell.people < cellMin;
}

function hide(sorted: readonly DayCell[], small: readonly DayCell[], cellMin: number): readonly DayCell[] {
  const first = sorted.indexOf(small[0] as DayCell);
  const circle = [...sorted.slice(first), ...sorted.slice(0, first)];
  const cover = circle.find((cell) => !isSmall(cell, cellMin));
  if (cover === undefined) return sorted;
  const pool = [...small, cover];
  return pool.reduce((sum, cell) => sum + cell.riders, 0) < 2 * cellMin ? sorted : pool;
}

/**
 * A day that was published before, in the light of what is known now. What is hidden stays hidden, and a number gives way only
 * to one that lies at least `cellMin` riders from it: the difference of two versions is never that of a few people.
 */
export function correctDay(before: PublishedDay, now: readonly DayCell[], cellMin: number): PublishedDay {
  if (before.riders === null) return suppressDay(before.day, now, cellMin);
  const known = new Map(before.cells.map((cell) => [cell.routeId, cell]));
  // A route that was not there before is said once it is large enough, and not at all until then.
  const fresh = now.filter((cell) => !known.has(cell.routeId) && !isSmall(cell, cellMin));
  const cells = [
    ...before.cells.map((cell) =>
      correctCell(
        cell,
        now.find(({ routeId }) => routeId === cell.routeId),
        cellMin,
      ),
    ),
    ...fresh.map((cell) => {
      const { routeId, riders, amountMinor } = cell;
      return { routeId, riders, amountMinor: amountTells(cell, cellMin) ? null : amountMinor };
    }),
  ].sort((a, b) => (a.routeId < b.routeId ? -1 : 1));
  const rest = correctRest(before, now, cells, cellMin);
  const none = cells.every((cell) => cell.amountMinor !== null);
  return {
    day: before.day,
    cells,
    riders: cells.reduce((sum, cell) => sum + (cell.riders ?? 0), 0) + rest,
    amountMinor: none ? cells.reduce((sum, cell) => sum + (cell.amountMinor ?? 0n), 0n) : null,
  };
}

function correctCell(cell: PublishedCell, now: DayCell | undefined, cellMin: number): PublishedCell {
  if (cell.riders === null || now === undefined || isSmall(now, cellMin)) return cell;
  if (Math.abs(now.riders - cell.riders) < cellMin) return cell;
  const withheld = cell.amountMinor === null || amountTells(now, cellMin);
  return { routeId: cell.routeId, riders: now.riders, amountMinor: withheld ? null : now.amountMinor };
}

/** Riders of the hidden cells together: as before, unless they moved by enough and are still enough. */
function correctRest(
  before: PublishedDay,
  now: readonly DayCell[],
  cells: readonly PublishedCell[],
  cellMin: number,
): number {
  const shown = before.cells.reduce((sum, cell) => sum + (cell.riders ?? 0), 0);
  const rest = (before.riders as number) - shown;
  const hidden = new Set(cells.filter((cell) => cell.riders === null).map((cell) => cell.routeId));
  const restNow = now.reduce((sum, cell) => sum + (hidden.has(cell.routeId) ? cell.riders : 0), 0);
  return Math.abs(restNow - rest) >= cellMin && restNow >= 2 * cellMin ? restNow : rest;
}
