/** Which charges a settlement takes in, as conditions of SQL, and the sums over them. Read by who closes and by who previews. */
import { type Queryable, rowsOf } from '../database-reader.ts';
import type { Boardings, LedgerSum, Movement, OtherSum, SettlementFacts } from './facts.ts';
import { type PassTerms, readPassMonths } from './pass-months.ts';
import type { SettlementPeriod } from './period.ts';

/** A settlement that was closed. */
export interface ClosedSettlement {
  readonly period: string;
  readonly untilDay: string;
  readonly untilMs: number;
  readonly floorXact: string;
  /** The transaction that wrote it. */
  readonly xact: string;
}

export interface SettlementWindow {
  readonly period: SettlementPeriod;
  /** First instant after the period. */
  readonly untilMs: number;
  /** The settlement before it, which has taken in what was there and of its days. */
  readonly before: ClosedSettlement | null;
  /** Transactions from this one on came after; `null` = it is settled now, or only tried. */
  readonly cutXact: string | null;
  /** When it was settled: words that were said since are not read; absent or `null` = it is not. */
  readonly knownBeforeMs?: number | null;
}

/** $1 last fare day (exclusive), $2 its end, $3 cut, $4 to $6 of the settlement before: last day, its end, cut; $7 floor. */
function valuesOf({ period, untilMs, before, cutXact }: SettlementWindow): unknown[] {
  return [
    period.untilDay,
    untilMs,
    cutXact,
    before?.untilDay ?? null,
    before?.untilMs ?? null,
    before?.xact ?? null,
    before?.floorXact ?? '0',
  ];
}

/** In the words of the indexes: a window is read between its transactions, whatever came before and after. */
const WRITTEN = (xact: string): string =>
  `(${xact}::text)::bigint < coalesce(($3::xid8::text)::bigint, 9223372036854775807) AND (${xact}::text)::bigint >= $7::bigint`;
/** Of charges, by the fare day with whose close they become final. */
const CHARGED = (xact: string, day: string): string =>
  `${day} < $1::date AND ${WRITTEN(xact)} AND NOT ($4::date IS NOT NULL AND ${day} < $4::date AND ${xact} < $6::xid8)`;
/** Of other postings, by when they were posted. */
const POSTED = `posted_at_ms < $2::bigint AND ${WRITTEN('p.xact')}
  AND NOT ($5::bigint IS NOT NULL AND posted_at_ms < $5::bigint AND p.xact < $6::xid8)`;
/** PostgreSQL has to know the type of every parameter, used or not. */
const TYPED = `typed AS (SELECT $1::date, $2::bigint, $3::xid8, $4::date, $5::bigint, $6::xid8, $7::bigint)`;

const COLUMNS = (alias: string): string =>
  [
    ...[
      'tap_id',
      'account_id',
      'fare_day',
      'kind',
      'carrier_id',
      'currency',
      'funding_id',
      'claim_ride',
      'penalty',
    ],
    ...['gross_minor', 'rider_minor', 'transfer_minor', 'concession_minor', 'pass_minor', 'cap_minor'],
    ...['loss_minor', 'steps'],
  ]
    .map((column) => `${alias}.${column}`)
    .join(', ');

/** A decision comes in, and what it supersedes goes out, of the fare day that each had. */
const MOVED = (where: string): string => `
  SELECT ${COLUMNS('d')}, 1 AS sign FROM fare.decision d WHERE ${CHARGED('d.xact', 'd.fare_day')} AND ${where}
  UNION ALL
  SELECT ${COLUMNS('d')}, -1 FROM fare.decision n
    JOIN fare.decision d ON d.tap_id = n.tap_id AND d.revision = n.supersedes
   WHERE ${CHARGED('n.xact', 'd.fare_day')} AND ${where}`;

const MOVEMENTS = `
  WITH ${TYPED}, moved AS (${MOVED("d.kind <> 'withdrawn'")})
  SELECT carrier_id AS "carrierId", currency, left(fare_day::text, 7) AS origin, funding_id AS "fundingId", penalty,
    coalesce(sum(sign) FILTER (WHERE kind = 'ride'), 0)::float8 AS rides,
    coalesce(sum(sign) FILTER (WHERE kind = 'transfer'), 0)::float8 AS transfers,
    coalesce(sum(sign) FILTER (WHERE claim_ride), 0)::float8 AS "claimRides",
    sum(sign * gross_minor)::text AS "grossMinor", sum(sign * transfer_minor)::text AS "transferMinor",
    sum(sign * pass_minor)::text AS "passMinor", sum(sign * rider_minor)::text AS "riderMinor",
    sum(sign * loss_minor)::text AS "lossMinor", sum(sign * concession_minor)::text AS "concessionMinor",
    sum(sign * cap_minor)::text AS "capMinor"
  FROM moved GROUP BY 1, 2, 3, 4, 5`;

/** A pass counts for the carrier of its first ride in the window, by the time of its record. */
const PASS_BOARDINGS = `
  WITH ${TYPED}, moved AS (${MOVED('d.pass_minor <> 0')}),
  net AS (
    SELECT tap_id, carrier_id, currency, s.item->>'ruleId' AS product, s.item->'params'->>'pass' AS pass_id,
           min(fare_day) AS day, sum(sign) AS n
    FROM moved CROSS JOIN LATERAL (
      SELECT item FROM json_array_elements(steps) AS e (item) WHERE item->>'kind' = 'pass' LIMIT 1) AS s
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(sign) <> 0),
  first AS (
    SELECT DISTINCT ON (pass_id, currency) net.* FROM net JOIN fare.tap t USING (tap_id) WHERE n > 0
    ORDER BY pass_id, currency, day, t.fare_at_ms, tap_id)
  SELECT 'pass' AS kind, net.product AS id, net.currency, net.carrier_id AS "carrierId",
    sum(net.n)::float8 AS boardings, count(first.tap_id)::float8 AS firsts, '0' AS "ownMinor"
  FROM net LEFT JOIN first ON first.tap_id = net.tap_id AND first.pass_id = net.pass_id AND first.carrier_id = net.carrier_id
  WHERE net.carrier_id IS NOT NULL AND net.product IS NOT NULL GROUP BY 2, 3, 4`;

/** Rides of those who reached the cap, and what it took off. */
const CAP_BOARDINGS = `
  WITH ${TYPED}, cut AS (
    SELECT m.account_id, m.carrier_id, m.currency, m.sign, item->>'ruleId' AS cap,
           (item->>'beforeMinor')::bigint - (item->>'afterMinor')::bigint AS off
    FROM (${MOVED('d.cap_minor <> 0')}) AS m CROSS JOIN LATERAL json_array_elements(m.steps) AS e (item)
    WHERE item->>'kind' = 'cap'),
  own AS (SELECT cap, currency, carrier_id, sum(sign * off) AS off FROM cut GROUP BY 1, 2, 3),
  reached AS (SELECT cap, currency, account_id FROM cut GROUP BY 1, 2, 3 HAVING sum(sign * off) > 0),
  ride AS (
    SELECT r.cap, m.currency, m.carrier_id, sum(m.sign) AS n
    FROM reached r JOIN (${MOVED("d.kind IN ('ride', 'transfer') AND d.rider_minor + d.cap_minor <> 0")}) AS m
      ON m.account_id = r.account_id AND m.currency = r.currency
    GROUP BY 1, 2, 3)
  SELECT 'cap' AS kind, cap AS id, currency, carrier_id AS "carrierId", coalesce(ride.n, 0)::float8 AS boardings,
    0::float8 AS firsts, coalesce(own.off, 0)::text AS "ownMinor"
  FROM own FULL JOIN ride USING (cap, currency, carrier_id) WHERE carrier_id IS NOT NULL`;

const LEDGER = `
  WITH ${TYPED}
  SELECT regexp_replace(account, '^rider:.*$', 'rider:*') AS account, currency, sum(minor)::text AS minor
  FROM fare.posting_day p CROSS JOIN LATERAL (
    VALUES (p.debit_account, -p.amount_minor), (p.credit_account, p.amount_minor)) AS s (account, minor)
  WHERE p.tap_id IS NOT NULL AND ${CHARGED('p.xact', 'p.fare_day')}
  GROUP BY 1, 2`;

const OTHERS = `
  WITH ${TYPED}
  SELECT substring(account FROM 9) AS "carrierId", currency, split_part(source, ':', 1) AS sort, sum(minor)::text AS minor
  FROM fare.posting p CROSS JOIN LATERAL (
    VALUES (p.debit_account, -p.amount_minor), (p.credit_account, p.amount_minor)) AS s (account, minor)
  WHERE p.tap_id IS NULL AND account LIKE 'revenue:%' AND p.source NOT LIKE 'settle:%' AND ${POSTED}
  GROUP BY 1, 2, 3`;

/** Lowest transaction of what belongs to later days. */
const FLOOR = `
  WITH ${TYPED}
  SELECT least(
    (SELECT d.xact FROM fare.decision d WHERE d.fare_day >= $1::date AND ${WRITTEN('d.xact')} ORDER BY d.xact LIMIT 1),
    (SELECT p.xact FROM fare.posting_day p WHERE ${WRITTEN('p.xact')}
        AND (p.fare_day >= $1::date OR p.fare_day IS NULL AND p.posted_at_ms >= $2::bigint) ORDER BY p.xact LIMIT 1),
    pg_current_xact_id())::text AS floor`;

type Texts<T, K extends keyof T> = Omit<T, K> & Record<K, string>;
const MOVED_MINOR = [
  'grossMinor',
  'transferMinor',
  'passMinor',
  'riderMinor',
  'lossMinor',
  'concessionMinor',
  'capMinor',
] as const;

/** Sums over a window; `terms` say what it earns of passes. The caller sees to it that all of them are read at one moment: a snapshot, or the gate of facts. */
export async function readSettlementFacts(
  client: Queryable,
  window: SettlementWindow,
  terms: PassTerms,
): Promise<SettlementFacts> {
  const values = valuesOf(window);
  const read = <R>(text: string): Promise<R[]> => rowsOf<R>(client, text, values);
  const movements = await read<Texts<Movement, (typeof MOVED_MINOR)[number]>>(MOVEMENTS);
  const boardings = [
    ...(await read<Texts<Boardings, 'ownMinor'>>(PASS_BOARDINGS)),
    ...(await read<Texts<Boardings, 'ownMinor'>>(CAP_BOARDINGS)),
  ];
  const sql = { typed: TYPED, moved: MOVED, posted: POSTED };
  const passes = await readPassMonths(client, window, sql, values, terms);
  const ledger = await read<Texts<LedgerSum, 'minor'>>(LEDGER);
  const others = await read<Texts<OtherSum, 'minor'>>(OTHERS);
  return {
    period: window.period,
    movements: movements.map((row) => ({
      ...row,
      ...(Object.fromEntries(MOVED_MINOR.map((name) => [name, BigInt(row[name])])) as Record<
        (typeof MOVED_MINOR)[number],
        bigint
      >),
    })),
    boardings: boardings.map((row) => ({ ...row, ownMinor: BigInt(row.ownMinor) })),
    ...passes,
    ledger: ledger.map((row) => ({ ...row, minor: BigInt(row.minor) })),
    others: others.map((row) => ({ ...row, minor: BigInt(row.minor) })),
  };
}

/** How far back the settlement after this one has to look; asked while the gate of facts is held. */
export async function floorAfter(client: Queryable, window: SettlementWindow): Promise<string> {
  const [row] = await rowsOf<{ floor: string }>(client, FLOOR, valuesOf(window));
  return (row as { floor: string }).floor;
}

/** The last settlement before a day; `null` = there is none. */
export async function settlementBefore(
  client: Queryable,
  untilDay: string | null,
): Promise<ClosedSettlement | null> {
  const [row] = await rowsOf<ClosedSettlement>(
    client,
    `SELECT period, until_day::text AS "untilDay", until_ms::float8 AS "untilMs", floor_xact::text AS "floorXact",
       xact::text AS xact
     FROM fare.settlement WHERE $1::date IS NULL OR until_day < $1::date ORDER BY until_day DESC LIMIT 1`,
    [untilDay],
  );
  return row ?? null;
}

/** What a claim has to know of a decision. */
const ENTRY_COLUMNS = [
  ...[
    'tap_id',
    'revision',
    'carrier_id',
    'funding_id',
    'currency',
    'concession_id',
    'rider_category_id',
    'route_id',
  ],
  ...['fare_product_id', 'fare_media_id', 'package_hash', 'fare_day', 'claim_ride', 'concession_minor'],
]
  .map((column) => `d.${column}`)
  .join(', ');
const CLAIMED = "d.kind <> 'withdrawn' AND (d.concession_minor <> 0 OR d.claim_ride)";

/**
 * Concession rides of a window in the order of claims, as a query without parameters, for cursors take none: what came in, and what
 * superseded goes out, with what an earlier claim had of it. A decision that came and went within the window is not there.
 */
export function windowEntries(window: SettlementWindow): string {
  return inlined(
    `WITH net AS (
       SELECT ${ENTRY_COLUMNS}, 1 AS sign FROM fare.decision d
        WHERE ${CHARGED('d.xact', 'd.fare_day')} AND ${CLAIMED}
          AND NOT EXISTS (SELECT FROM fare.decision n WHERE n.tap_id = d.tap_id AND n.revision > 1 AND n.supersedes = d.revision
            AND ${CHARGED('n.xact', 'd.fare_day')})
       UNION ALL
       SELECT ${ENTRY_COLUMNS}, -1 FROM fare.decision n
         JOIN fare.decision d ON d.tap_id = n.tap_id AND d.revision = n.supersedes
        WHERE n.revision > 1 AND ${CHARGED('n.xact', 'd.fare_day')} AND ${CLAIMED} AND NOT (${CHARGED('d.xact', 'd.fare_day')}))
     SELECT d.tap_id AS "tapId", d.revision, d.sign, d.carrier_id AS "carrierId", d.funding_id AS "fundingId", d.currency,
       d.concession_id AS "concessionId", d.rider_category_id AS "riderCategoryId", d.route_id AS "routeId",
       d.fare_product_id AS "fareProductId", d.fare_media_id AS "fareMediaId", d.package_hash AS "packageHash",
       d.fare_day::text AS "fareDay", t.fare_at_ms::float8 AS "fareAtMs", d.claim_ride AS "claimRide",
       d.concession_minor::text AS "concessionMinor",
       CASE WHEN c.claim_id IS NOT NULL THEN json_build_object('claimId', c.claim_id, 'compensationId', c.compensation_id,
         'packageHash', c.package_hash, 'unitsPerMinor', c.units_per_minor::text, 'units', c.units::text,
         'fundedUnits', c.funded_units::text, 'reason', c.reason) END AS earlier
     FROM net AS d JOIN fare.tap t USING (tap_id)
     LEFT JOIN fare.claim_tap c ON d.sign < 0 AND c.tap_id = d.tap_id AND c.revision = d.revision AND c.direction = 1
     ORDER BY d.sign, t.fare_at_ms, d.tap_id, d.revision`,
    window,
  );
}

/** What the ledger says budgets owe carriers for a window, by carrier, payer and currency; without parameters. */
export function windowOwed(window: SettlementWindow): string {
  return inlined(
    `SELECT substring(revenue FROM 9) AS "carrierId", substring(budget FROM 8) AS "fundingId", p.currency,
       sum(minor)::text AS minor
     FROM fare.posting_day p CROSS JOIN LATERAL (
       VALUES (p.debit_account, p.credit_account, p.amount_minor), (p.credit_account, p.debit_account, -p.amount_minor))
       AS s (budget, revenue, minor)
     WHERE p.tap_id IS NOT NULL AND budget LIKE 'budget:%' AND revenue LIKE 'revenue:%'
       AND ${CHARGED('p.xact', 'p.fare_day')}
     GROUP BY 1, 2, 3 HAVING sum(minor) <> 0`,
    window,
  );
}

/** Numbers and dates of our own in the place of parameters. @throws Error for anything else */
function inlined(text: string, window: SettlementWindow): string {
  const values = valuesOf(window).map((value) => {
    const digits = value === null ? null : String(value);
    if (digits !== null && !/^[0-9][0-9-]*$/.test(digits)) throw new Error('neither a number nor a date');
    return digits === null ? 'NULL' : `'${digits}'`;
  });
  return text.replace(/\$([1-7])/g, (_, n: string) => values[Number(n) - 1] as string);
}
