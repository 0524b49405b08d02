/**
 * The trial balance: every account's debits and credits, pending and final apart, now or as it was known at an instant.
 *
 * What was known at an instant, the audit log says, and no clock of a row: of its signed states, in their order, the last
 * before the first that was signed after the instant; a transaction belongs to it when all leaves of it do. So an answer
 * about the past never changes, although rows commit late, and whoever holds the exported log can make it again (0123).
 */
import { OperatorError } from '#platform/errors.ts';
import { onOneSnapshot, type Queryable, type ReaderPool, rowsOf } from './database-reader.ts';
import { kindOfAccount } from './ledger/chart-of-accounts.ts';

/** Sums of one account in one currency. `pending` = of fare days whose close was not known. */
export interface AccountSums {
  readonly account: string;
  readonly currency: string;
  readonly pendingDebitMinor: bigint;
  readonly pendingCreditMinor: bigint;
  readonly postedDebitMinor: bigint;
  readonly postedCreditMinor: bigint;
}

/** State of the log up to which something was known. */
export interface KnownState {
  readonly size: number;
  readonly origin: string;
  readonly signedAtMs: number;
  /** Nothing that is signed later can change the answer. */
  readonly final: boolean;
  readonly lastXact: string;
  /** Whether all leaves of that transaction are covered. */
  readonly lastWhole: boolean;
}

export interface TrialBalance {
  /** `null` = all that is committed. */
  readonly known: KnownState | null;
  /** Last fare day that was known to be closed. */
  readonly closedUntil: string | null;
  readonly accounts: readonly AccountSums[];
  /** Empty when debits and credits agree in every currency, pending and posted, and every account has a kind. */
  readonly problems: readonly string[];
}

export interface TrialBalanceRequest {
  /** Absent = now. */
  readonly atMs?: number;
  /** Sums per kind in place of per account. */
  readonly byKind?: boolean;
  /** Adds up the leaves of the audit log too and compares; needs `atMs`. */
  readonly againstLog?: boolean;
}

/**
 * Reads it on one snapshot.
 * @throws OperatorError LEDGER_NOT_SEALED
 */
export function trialBalance(pool: ReaderPool, request: TrialBalanceRequest = {}): Promise<TrialBalance> {
  return onOneSnapshot(pool, async (client) => {
    const known = request.atMs === undefined ? null : await knownAt(client, request.atMs);
    const closedUntil = await closedBy(client, known);
    const perAccount = await sumsOf(client, known, closedUntil);
    const accounts = request.byKind === true ? byKind(perAccount) : perAccount;
    const problems = problemsOf(perAccount);
    if (request.againstLog === true) problems.push(...(await compareWithLog(client, known, perAccount)));
    return { known, closedUntil, accounts, problems };
  });
}

/**
 * The state of the log that an instant knew: the same for ever once a later one is signed.
 * @throws OperatorError LEDGER_NOT_SEALED: the log had signed nothing by then.
 */
export async function knownAt(client: Queryable, atMs: number): Promise<KnownState> {
  const [row] = await rowsOf<KnownState>(
    client,
    `WITH later AS (SELECT min(size) AS size FROM fare.audit_checkpoint WHERE signed_at_ms > $1)
     SELECT c.size::float8 AS size, c.origin, c.signed_at_ms::float8 AS "signedAtMs", later.size IS NOT NULL AS final,
       c.last_xact::text AS "lastXact",
       NOT EXISTS (SELECT FROM fare.audit_leaf l WHERE l.xact = c.last_xact AND l.leaf_id > c.last_leaf_id) AS "lastWhole"
     FROM fare.audit_checkpoint c CROSS JOIN later
     WHERE later.size IS NULL OR c.size < later.size
     ORDER BY c.size DESC, c.signed_at_ms DESC LIMIT 1`,
    [atMs],
  );
  if (row !== undefined) return row;
  throw new OperatorError({
    code: 'LEDGER_NOT_SEALED',
    happened: `The audit log had signed nothing by ${new Date(atMs).toISOString()}, so nobody can say what was known then.`,
    kept: 'Nothing was changed.',
    todo: 'Ask for a later instant, or without one for the state of now.',
  });
}

/**
 * Condition on a column `xact` for what a state covers; everything where there is none. Uses the parameters $1 and $2,
 * see {@link knownValues}.
 */
export const KNOWN = (xact: string): string =>
  `($1::xid8 IS NULL OR ${xact} < $1::xid8 OR (${xact} = $1::xid8 AND $2::boolean))`;

/** Values of the parameters of {@link KNOWN}. */
export const knownValues = (known: KnownState | null): [string | null, boolean] => [
  known?.lastXact ?? null,
  known?.lastWhole ?? true,
];

async function closedBy(client: Queryable, known: KnownState | null): Promise<string | null> {
  const [row] = await rowsOf<{ day: string | null }>(
    client,
    `SELECT max(fare_day)::text AS day FROM fare.close c WHERE ${KNOWN('c.xact')}`,
    knownValues(known),
  );
  return row?.day ?? null;
}

async function sumsOf(
  client: Queryable,
  known: KnownState | null,
  closedUntil: string | null,
): Promise<AccountSums[]> {
  const rows = await rowsOf<Record<keyof AccountSums, string>>(
    client,
    `WITH side AS (
       SELECT s.account, p.currency, s.debit, s.credit,
              coalesce(p.fare_day > coalesce($3::date, '-infinity'), false) AS pending
       FROM fare.posting_day p CROSS JOIN LATERAL (
         VALUES (p.debit_account, p.amount_minor, 0), (p.credit_account, 0, p.amount_minor)) AS s (account, debit, credit)
       WHERE ${KNOWN('p.xact')})
     SELECT account, currency,
       coalesce(sum(debit) FILTER (WHERE pending), 0)::text AS "pendingDebitMinor",
       coalesce(sum(credit) FILTER (WHERE pending), 0)::text AS "pendingCreditMinor",
       coalesce(sum(debit) FILTER (WHERE NOT pending), 0)::text AS "postedDebitMinor",
       coalesce(sum(credit) FILTER (WHERE NOT pending), 0)::text AS "postedCreditMinor"
     FROM side GROUP BY account, currency ORDER BY account COLLATE "C", currency`,
    [...knownValues(known), closedUntil],
  );
  return rows.map(({ account, currency, ...sums }) => ({
    account,
    currency,
    pendingDebitMinor: BigInt(sums.pendingDebitMinor),
    pendingCreditMinor: BigInt(sums.pendingCreditMinor),
    postedDebitMinor: BigInt(sums.postedDebitMinor),
    postedCreditMinor: BigInt(sums.postedCreditMinor),
  }));
}

/** One row for each kind and currency; an account of no kind stays as it is. */
export function byKind(accounts: readonly AccountSums[]): AccountSums[] {
  const sums = new Map<string, AccountSums>();
  for (const row of accounts) {
    const account = kindOfAccount(row.account)?.kind ?? row.account;
    const key = `${account} ${row.currency}`;
    const before = sums.get(key);
    sums.set(key, before === undefined ? { ...row, account } : added(before, row));
  }
  return [...sums.values()];
}

function added(a: AccountSums, b: AccountSums): AccountSums {
  return {
    ...a,
    pendingDebitMinor: a.pendingDebitMinor + b.pendingDebitMinor,
    pendingCreditMinor: a.pendingCreditMinor + b.pendingCreditMinor,
    postedDebitMinor: a.postedDebitMinor + b.postedDebitMinor,
    postedCreditMinor: a.postedCreditMinor + b.postedCreditMinor,
  };
}

/** What does not hold, in sentences. */
export function problemsOf(accounts: readonly AccountSums[]): string[] {
  const problems: string[] = [];
  for (const [currency, rows] of Map.groupBy(accounts, (row) => row.currency)) {
    const all = rows.reduce(added);
    for (const [state, debit, credit] of [
      ['pending', all.pendingDebitMinor, all.pendingCreditMinor],
      ['posted', all.postedDebitMinor, all.postedCreditMinor],
    ] as const) {
      if (debit !== credit)
        problems.push(`${state} debits in ${currency} are ${debit} minor units, credits ${credit}`);
    }
  }
  for (const { account } of accounts) {
    if (kindOfAccount(account) === undefined)
      problems.push(`the chart of accounts has no kind for ${account}`);
  }
  return problems;
}

/** Adds up what the sealed leaves say was posted, account by account. */
async function compareWithLog(
  client: Queryable,
  known: KnownState | null,
  accounts: readonly AccountSums[],
): Promise<string[]> {
  const rows = await rowsOf<{ account: string; currency: string; balance: string }>(
    client,
    `WITH posted AS (
       SELECT p.item->>1 AS debit, p.item->>2 AS credit, (p.item->>3)::bigint AS amount,
              coalesce(p.item->>4, l.bytes::json->>'currency') AS currency
       FROM fare.audit_leaf l CROSS JOIN LATERAL json_array_elements(l.bytes::json->'postings') AS p (item)
       WHERE l.kind IN ('decision', 'command', 'bank-payment') AND ${KNOWN('l.xact')})
     SELECT account, currency, sum(signed)::text AS balance
     FROM posted CROSS JOIN LATERAL (VALUES (debit, amount), (credit, -amount)) AS s (account, signed)
     GROUP BY account, currency`,
    knownValues(known),
  );
  const sealed = new Map(rows.map((row) => [`${row.account} ${row.currency}`, BigInt(row.balance)]));
  const problems: string[] = [];
  for (const row of accounts) {
    const key = `${row.account} ${row.currency}`;
    const said = sealed.get(key) ?? 0n;
    sealed.delete(key);
    const balance = balanceOf(row);
    if (said !== balance)
      problems.push(`${key}: the ledger says ${balance}, the audit log ${said} minor units`);
  }
  for (const [key, said] of sealed) {
    if (said !== 0n) problems.push(`${key}: the ledger says 0, the audit log ${said} minor units`);
  }
  return problems;
}

/** Debits less credits, pending and posted together. */
export function balanceOf(row: AccountSums): bigint {
  return row.pendingDebitMinor + row.postedDebitMinor - row.pendingCreditMinor - row.postedCreditMinor;
}
