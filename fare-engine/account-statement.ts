/**
 * One ledger account: what was posted to it between two instants, with the running balance. Both ends are what was known
 * then (trial-balance.ts), so statements of neighbouring times neither overlap nor leave out what committed late.
 */
import { onOneSnapshot, type Queryable, type ReaderPool, rowsOf } from './database-reader.ts';
import { findKnown, KNOWN, KNOWN_LATER, type KnownState, knownAt, knownValues } from './trial-balance.ts';

export interface StatementRequest {
  readonly account: string;
  /** Absent = as `beginOf` says, else from the first posting on. */
  readonly fromMs?: number;
  /** Where to begin where nobody says: of the instant at which it ends. */
  readonly beginOf?: (untilMs: number) => number;
  /** Absent = until now. */
  readonly untilMs?: number;
  /** Most rows that are shown; sums are of all. */
  readonly rowsMax: number;
}

export interface StatementRow {
  readonly postingId: string;
  readonly postedAtMs: number;
  readonly otherAccount: string;
  /** Above zero = debit. */
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly state: 'pending' | 'posted';
  readonly fareDay: string | null;
  readonly tapId: string | null;
  readonly reverses: string | null;
  /** Of this currency, after this row. */
  readonly balanceMinor: bigint;
}

export interface AccountStatement {
  readonly account: string;
  readonly from: KnownState | null;
  readonly until: KnownState | null;
  /** The instant that `beginOf` gave; `null` = it was not asked, or nothing was known by then. */
  readonly sinceMs: number | null;
  /** Debits less credits by currency. */
  readonly opening: Readonly<Record<string, bigint>>;
  readonly closing: Readonly<Record<string, bigint>>;
  readonly rows: readonly StatementRow[];
  /** Rows of the time in all. */
  readonly count: number;
}

/**
 * Reads it on one snapshot.
 * @throws OperatorError LEDGER_NOT_SEALED
 */
export function accountStatement(pool: ReaderPool, request: StatementRequest): Promise<AccountStatement> {
  return onOneSnapshot(pool, async (client) => {
    const until = request.untilMs === undefined ? null : await knownAt(client, request.untilMs);
    const sinceMs = request.fromMs === undefined ? await beginning(client, request) : null;
    const since = sinceMs === null ? null : await findKnown(client, sinceMs);
    const from = request.fromMs === undefined ? since : await knownAt(client, request.fromMs);
    const opening = from === null ? {} : await balancesOf(client, request.account, from);
    const closing = await balancesOf(client, request.account, until);
    const { rows, count } = await rowsBetween(client, request, { from, until }, opening);
    return {
      ...{ account: request.account, from, until, opening, closing, rows, count },
      sinceMs: from === null ? null : sinceMs,
    };
  });
}

/** Where nobody says: now is when the log was last signed, by the clock of the city. */
async function beginning(client: Queryable, { beginOf, untilMs }: StatementRequest): Promise<number | null> {
  if (beginOf === undefined) return null;
  const endMs = untilMs ?? (await findKnown(client, Number.MAX_SAFE_INTEGER))?.signedAtMs;
  return endMs === undefined ? null : beginOf(endMs);
}

/** From what is kept of now, less what became known later. */
async function balancesOf(
  client: Queryable,
  account: string,
  known: KnownState | null,
): Promise<Record<string, bigint>> {
  const rows = await rowsOf<{ currency: string; balance: string }>(
    client,
    `WITH part AS (
       SELECT currency, debit_minor AS debit, credit_minor AS credit FROM fare.account_sums WHERE account_id = $3
       UNION ALL
       SELECT currency, CASE WHEN debit_account = $3 THEN -amount_minor ELSE 0 END, CASE WHEN credit_account = $3 THEN -amount_minor ELSE 0 END
       FROM fare.posting p WHERE (debit_account = $3 OR credit_account = $3) AND ${KNOWN_LATER('p.xact')})
     SELECT currency, sum(debit - credit)::text AS balance FROM part
     GROUP BY currency HAVING sum(debit) <> 0 OR sum(credit) <> 0 ORDER BY currency`,
    [...knownValues(known), account],
  );
  return Object.fromEntries(rows.map(({ currency, balance }) => [currency, BigInt(balance)]));
}

type RowText = Omit<StatementRow, 'amountMinor' | 'balanceMinor'> & {
  amountMinor: string;
  balanceMinor: string;
  count: number;
};

/** What lies between two states, read by their transactions; the running balance goes on from what was there before. */
async function rowsBetween(
  client: Queryable,
  { account, rowsMax }: StatementRequest,
  { from, until }: { from: KnownState | null; until: KnownState | null },
  opening: Readonly<Record<string, bigint>>,
) {
  const rows = await rowsOf<RowText>(
    client,
    `WITH moved AS (
       SELECT p.*, CASE WHEN debit_account = $3 THEN amount_minor ELSE -amount_minor END AS amount,
              CASE WHEN debit_account = $3 THEN credit_account ELSE debit_account END AS other
       FROM fare.posting_day p WHERE (debit_account = $3 OR credit_account = $3) AND ${KNOWN('p.xact')}
        AND ($1::xid8 IS NULL OR (p.xact::text)::bigint <= ($1::xid8::text)::bigint)
        AND ($4::xid8 IS NULL OR (p.xact::text)::bigint >= ($4::xid8::text)::bigint
             AND NOT (p.xact < $4::xid8 OR (p.xact = $4::xid8 AND $5::boolean)))),
     running AS (
       SELECT *, coalesce(($7::json->>currency)::bigint, 0)
                 + sum(amount) OVER (PARTITION BY currency ORDER BY xact, posting_id) AS balance FROM moved)
     SELECT posting_id AS "postingId", posted_at_ms::float8 AS "postedAtMs", other AS "otherAccount",
       amount::text AS "amountMinor", currency, fare_day::text AS "fareDay", tap_id AS "tapId", reverses,
       CASE WHEN fare_day > coalesce((SELECT max(c.fare_day) FROM fare.close c WHERE ${KNOWN('c.xact')}), '-infinity')
            THEN 'pending' ELSE 'posted' END AS state,
       balance::text AS "balanceMinor", (count(*) OVER ())::float8 AS count
     FROM running ORDER BY xact, posting_id LIMIT $6`,
    [...knownValues(until), account, ...knownValues(from), rowsMax, openingText(opening)],
  );
  return {
    count: rows[0]?.count ?? 0,
    rows: rows.map(({ count: _, ...row }) => ({
      ...row,
      amountMinor: BigInt(row.amountMinor),
      balanceMinor: BigInt(row.balanceMinor),
    })),
  };
}

function openingText(opening: Readonly<Record<string, bigint>>): string {
  return JSON.stringify(opening, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}
