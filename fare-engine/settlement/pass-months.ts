/** Passes and carnets of a settlement: what is read of each, what the month earns of it, and the money by product. */
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { type Queryable, rowsOf } from '../database-reader.ts';
import type { HoldingCalendar } from '../holdings/fare-days.ts';
import { handedOver } from '../holdings/handed-over-query.ts';
import { runningTermOf } from '../holdings/term-of.ts';
import { PASS_LIABILITY } from '../ledger/chart-of-accounts.ts';
import { earn, type HoldingFacts, type PassMonth } from './earn.ts';
import type { PassMoney, PassPool } from './facts.ts';
import type { SettlementWindow } from './window.ts';

/** By what the time and the rides of a holding are reckoned. */
export interface PassTerms {
  readonly tariffs: Pick<TariffTimeline, 'at'>;
  readonly calendar: HoldingCalendar;
}

/** Conditions of a window, as SQL. */
export interface WindowSql {
  /** Parameters are named, so that PostgreSQL knows their types. */
  readonly typed: string;
  /** Decisions that a condition fits, with their sign. */
  moved(where: string): string;
  /** Postings `p` of the window that are no charges. */
  readonly posted: string;
}

/**
 * Those that the settlement before left with money, and those whose money moved: of one that it left with nothing, what came of it
 * before; what was sold before months were kept was divided whole at its sale. The first use is that of the first fare day. Rides that a
 * settlement took in before the sale itself came are counted with it (`early`).
 */
const HOLDINGS = ({ typed, moved, posted }: WindowSql, knownBeforeMs: number | null): string => `
  WITH ${typed}, moved AS (${moved('d.pass_minor <> 0')}),
  net AS (
    SELECT tap_id, s.item->'params'->>'pass' AS pass_id, min(fare_day) AS day, sum(sign) AS n
    FROM moved CROSS JOIN LATERAL (
      SELECT item FROM json_array_elements(steps) AS e (item) WHERE item->>'kind' = 'pass' LIMIT 1) AS s
    GROUP BY 1, 2 HAVING sum(sign) <> 0),
  used AS (SELECT pass_id, sum(n) AS rides, min(day) FILTER (WHERE n > 0) AS first_day FROM net GROUP BY 1),
  first AS (
    SELECT pass_id, min(t.fare_at_ms) AS first_ms
    FROM net JOIN used USING (pass_id) CROSS JOIN LATERAL (
      SELECT t.fare_at_ms FROM fare.timed_tap t WHERE t.tap_id = net.tap_id OFFSET 0) AS t
    WHERE net.day = used.first_day AND net.n > 0 GROUP BY 1),
  open AS (
    SELECT b.* FROM fare.pass_month b JOIN fare.settlement s USING (period)
    WHERE s.until_day = $4::date AND b.left_minor <> 0),
  money AS (
    SELECT substring(p.source FROM 6) AS pass_id, p.currency,
      sum(CASE WHEN p.credit_account = '${PASS_LIABILITY}' THEN p.amount_minor ELSE -p.amount_minor END) AS minor
    FROM fare.posting p
    WHERE p.tap_id IS NULL AND (p.credit_account = '${PASS_LIABILITY}' OR p.debit_account = '${PASS_LIABILITY}')
      AND p.source LIKE 'pass:%' AND ${posted}
    GROUP BY 1, 2)
  SELECT h.pass_id AS "passId", h.fare_product_id AS "fareProductId", coalesce(open.currency, money.currency) AS currency, h.valid_from_ms::float8 AS "validFromMs",
    sale.amount_minor::text AS "paidMinor", coalesce(money.minor, 0)::text AS "movedMinor",
    coalesce(open.left_minor, 0)::text AS "leftMinor",
    coalesce(open.earned_so_far_minor, past.earned_so_far_minor, CASE
      WHEN $5::bigint IS NOT NULL AND sale.posted_at_ms < $5::bigint AND sale.xact < $6::xid8 THEN sale.amount_minor END,
      0)::text AS "earnedMinor",
    coalesce(open.rides, past.rides, early.rides, 0)::float8 AS rides,
    coalesce(open.first_day, past.first_day)::text AS "firstDay", coalesce(open.until_day, past.until_day)::text AS "untilDay",
    coalesce(used.rides, 0)::float8 AS "ridesNow", least(early.first_ms, first.first_ms)::float8 AS "firstUseMs", r.used_minor::text AS "usedMinor",
    ${handedOver('h', 'sale', knownBeforeMs)} AS "handedOver"
  FROM open FULL JOIN money USING (pass_id, currency) JOIN fare.pass_holding h USING (pass_id)
  JOIN fare.posting sale ON sale.posting_id = 'pass:' || h.pass_id
  LEFT JOIN LATERAL (
    SELECT b.* FROM fare.pass_month b JOIN fare.settlement s USING (period)
    WHERE open.pass_id IS NULL AND b.pass_id = h.pass_id AND b.currency = money.currency AND s.until_day <= $4::date
    ORDER BY s.until_day DESC LIMIT 1) AS past ON true
  LEFT JOIN LATERAL (
    SELECT count(*) AS rides, min(t.fare_at_ms) AS first_ms
    FROM fare.decision d CROSS JOIN LATERAL (
      SELECT t.fare_at_ms FROM fare.timed_tap t WHERE t.tap_id = d.tap_id OFFSET 0) AS t
    WHERE open.pass_id IS NULL AND past.pass_id IS NULL AND h.valid_from_ms < $5::bigint
      AND (sale.posted_at_ms >= $5::bigint OR sale.xact >= $6::xid8)
      AND d.account_id = h.account_id AND d.pass_minor <> 0 AND d.fare_day < $4::date AND d.xact < $6::xid8
      AND NOT EXISTS (SELECT FROM fare.decision n WHERE n.tap_id = d.tap_id AND n.supersedes = d.revision AND n.xact < $6::xid8)
      AND EXISTS (SELECT FROM json_array_elements(d.steps) AS s (item)
                   WHERE item->>'kind' = 'pass' AND item->'params'->>'pass' = h.pass_id)) AS early ON true
  LEFT JOIN used ON used.pass_id = h.pass_id LEFT JOIN first ON first.pass_id = h.pass_id
  LEFT JOIN fare.pass_return r ON r.pass_id = h.pass_id AND EXISTS (
    SELECT FROM fare.posting back WHERE back.posting_id = 'pass:' || h.pass_id || ':back' AND back.posted_at_ms < $2::bigint
      AND ($3::xid8 IS NULL OR back.xact < $3::xid8))
  ORDER BY 1`;

/** Money that belongs to no holding, and what the settlement before could give nobody. */
const POOLS = ({ typed, posted }: WindowSql): string => `
  WITH ${typed}, money AS (
    SELECT '' AS product, p.currency,
           CASE WHEN p.credit_account = '${PASS_LIABILITY}' THEN p.amount_minor ELSE -p.amount_minor END AS fresh,
           0 AS waited
    FROM fare.posting p
    WHERE p.tap_id IS NULL AND (p.credit_account = '${PASS_LIABILITY}' OR p.debit_account = '${PASS_LIABILITY}')
      AND p.source NOT LIKE 'settle:%' AND p.source NOT LIKE 'pass:%' AND ${posted}
    UNION ALL
    SELECT item->>'fareProductId', item->>'currency', 0, (item->>'minor')::bigint
    FROM fare.settlement s CROSS JOIN LATERAL json_array_elements(s.rest->'carried') AS c (item)
    WHERE s.until_day = $4::date)
  SELECT product AS "fareProductId", currency, sum(fresh)::text AS "freshMinor", sum(waited)::text AS "waitedMinor"
  FROM money GROUP BY 1, 2`;

type Digits<T, K extends keyof T> = Omit<T, K> & Record<K, string>;
type HoldingRow = Digits<HoldingFacts, 'paidMinor' | 'movedMinor' | 'leftMinor' | 'earnedMinor'> & {
  usedMinor: string | null;
};

/** What the window earns of each holding, and the sums by product that are to be shared out. */
export async function readPassMonths(
  client: Queryable,
  { period, untilMs, knownBeforeMs = null }: SettlementWindow,
  sql: WindowSql,
  values: readonly unknown[],
  terms: PassTerms,
): Promise<{ passMonths: PassMonth[]; pools: PassPool[]; withoutTerms: PassMoney[] }> {
  const by = { untilDay: period.untilDay, untilMs, calendar: terms.calendar };
  const rows = await rowsOf<HoldingRow>(client, HOLDINGS(sql, knownBeforeMs), [...values]);
  const unknown: PassMonth[] = [];
  const passMonths = rows.map((row) => {
    const held = {
      ...row,
      paidMinor: BigInt(row.paidMinor),
      movedMinor: BigInt(row.movedMinor),
      leftMinor: BigInt(row.leftMinor),
      earnedMinor: BigInt(row.earnedMinor),
      usedMinor: row.usedMinor === null ? null : BigInt(row.usedMinor),
    };
    const term = runningTermOf(terms.tariffs, held, untilMs - 1);
    const month = earn(held, term, by);
    if (term === undefined && month.leftMinor !== 0n) unknown.push(month);
    return month;
  });
  const rest = await rowsOf<Digits<Omit<PassPool, 'open'>, 'freshMinor' | 'waitedMinor'>>(
    client,
    POOLS(sql),
    [...values],
  );
  return { passMonths, pools: poolsOf(passMonths, rest), withoutTerms: leftByProduct(unknown) };
}

/** What is left of holdings, by product and currency. */
function leftByProduct(months: readonly PassMonth[]): PassMoney[] {
  const byProduct = Map.groupBy(months, ({ fareProductId, currency }) =>
    JSON.stringify([fareProductId, currency]),
  );
  return [...byProduct.keys()].sort().map((key) => {
    const [fareProductId, currency] = JSON.parse(key) as [string, string];
    const left = byProduct.get(key) ?? [];
    return { fareProductId, currency, minor: left.reduce((sum, { leftMinor }) => sum + leftMinor, 0n) };
  });
}

/** By product and currency. */
export function poolsOf(
  months: readonly PassMonth[],
  rest: readonly Digits<Omit<PassPool, 'open'>, 'freshMinor' | 'waitedMinor'>[],
): PassPool[] {
  const pools = new Map<string, { -readonly [K in keyof PassPool]: PassPool[K] }>();
  const poolOf = ({ fareProductId, currency }: { fareProductId: string; currency: string }) => {
    const key = JSON.stringify([fareProductId, currency]);
    const pool = pools.get(key) ?? { fareProductId, currency, freshMinor: 0n, waitedMinor: 0n, open: false };
    pools.set(key, pool);
    return pool;
  };
  for (const row of rest) {
    const pool = poolOf(row);
    pool.freshMinor += BigInt(row.freshMinor);
    pool.waitedMinor += BigInt(row.waitedMinor);
  }
  for (const month of months) {
    const pool = poolOf(month);
    pool.freshMinor += month.earnedMinor;
    pool.open ||= month.leftMinor !== 0n;
  }
  return [...pools.values()];
}
