/** Riders and revenue of closed days, counted in the database on one snapshot. */
import { type Queryable, rowsOf } from '../database-reader.ts';
import type { CountedDays } from './publication.ts';
import type { DayCell } from './suppress.ts';

/** Days asked for, both included. */
export interface DaySpan {
  readonly fromDay: string;
  readonly toDay: string;
}

export interface CountedSpan {
  readonly days: CountedDays;
  /** Last day that may be published; `null` = none yet. */
  readonly settledTo: string | null;
  /** Other currencies that were met: amounts in them would be mixed up. */
  readonly otherCurrencies: readonly string[];
}

/**
 * Boardings with their companions; who paid is counted as a person, whoever rides along is not known. A driver's word names routes,
 * too: what is no route of the feed ($4) and looks like a formula to a spreadsheet is of no known route.
 */
const COUNT = `
  SELECT d.fare_day::text AS day,
         CASE WHEN d.route_id ~ '^[=+@\t\r-]' AND d.route_id <> ALL ($4::text[]) THEN '' ELSE coalesce(d.route_id, '') END
           AS "routeId", sum(1 + t.companions)::float8 AS riders,
         count(DISTINCT d.account_id)::float8 AS people,
         (count(DISTINCT d.account_id) FILTER (WHERE d.rider_minor < d.gross_minor))::float8 AS "reducedPeople",
         (count(DISTINCT d.account_id) FILTER (WHERE d.rider_minor >= d.gross_minor))::float8 AS "fullPeople",
         sum(d.rider_minor - d.loss_minor)::text AS amount,
         array_agg(DISTINCT d.currency) FILTER (WHERE d.currency <> $3) AS others
  FROM fare.latest_decision d JOIN fare.tap t USING (tap_id)
  WHERE d.fare_day >= $1 AND d.fare_day <= $2 AND d.kind IN ('ride', 'transfer')
  GROUP BY 1, 2`;

/**
 * Counts the settled days of a span. A route of `routes` without riders is a cell of none: its absence would tell it.
 * A day without any ride is left out.
 */
export async function countDays(
  client: Queryable,
  { fromDay, toDay }: DaySpan,
  wishes: { readonly routes: readonly string[]; readonly currency: string; readonly settleDays: number },
): Promise<CountedSpan> {
  const [close] = await rowsOf<{ day: string | null }>(
    client,
    `SELECT (max(fare_day) - $1::int)::text AS day FROM fare.close`,
    [wishes.settleDays],
  );
  const settledTo = close?.day ?? null;
  if (settledTo === null || settledTo < fromDay) return { days: new Map(), settledTo, otherCurrencies: [] };
  const last = settledTo < toDay ? settledTo : toDay;
  const rows = await rowsOf<{
    day: string;
    routeId: string;
    riders: number;
    people: number;
    reducedPeople: number;
    fullPeople: number;
    amount: string;
    others: string[] | null;
  }>(client, COUNT, [fromDay, last, wishes.currency, wishes.routes]);
  const days = new Map<string, DayCell[]>();
  for (const [day, cells] of Map.groupBy(rows, (row) => row.day)) {
    const ridden = new Map(cells.map((cell) => [cell.routeId, cell]));
    const routes = new Set([...wishes.routes, ...ridden.keys()]);
    days.set(
      day,
      [...routes].map((routeId) => {
        const cell = ridden.get(routeId);
        const { riders = 0, people = 0, reducedPeople = 0, fullPeople = 0, amount = '0' } = cell ?? {};
        return { routeId, riders, people, reducedPeople, fullPeople, amountMinor: BigInt(amount) };
      }),
    );
  }
  return { days, settledTo, otherCurrencies: [...new Set(rows.flatMap((row) => row.others ?? []))].sort() };
}
