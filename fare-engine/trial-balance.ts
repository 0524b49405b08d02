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
    const inKinds = request.byKind === true;
    // Riders are summed up anyway where kinds are asked for; the log is compared account by account.
    const parts =
      request.againstLog === true ? PARTS.ledger : PARTS.kept(inKinds ? KEPT.kinds : KEPT.accounts);
    const perAccount = await sumsOf(client, parts, known, closedUntil);
    const accounts = inKinds ? byKind(perAccount) : perAccount;
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
  const state = await findKnown(client, atMs);
  if (state !== null) return state;
  throw new OperatorError({
    code: 'LEDGER_NOT_SEALED',
    happened: `The audit log had signed nothing by ${new Date(atMs).toISOString()}, so nobody can say what was known then.`,
    kept: 'Nothing was changed.',
    todo: 'Ask for a later instant, or without one for the state of now.',
  });
}

/** The same; `null` = the log had signed nothing by then. */
export async function findKnown(client: Queryable, atMs: number): Promise<KnownState | null> {
  const [row] = await rowsOf<KnownState>(
    client,
    // OFFSET 0: the least of those that are later, not the first that is later among all in the order of their size.
    `WITH later AS (SELECT min(size) AS size FROM (
       SELECT size FROM fare.audit_checkpoint WHERE signed_at_ms > $1 OFFSET 0) AS c)
     SELECT c.size::float8 AS size, c.origin, c.signed_at_ms::float8 AS "signedAtMs", later.size IS NOT NULL AS final,
       c.last_xact::text AS "lastXact",
       NOT EXISTS (SELECT FROM fare.audit_leaf l WHERE l.xact = c.last_xact AND l.leaf_id > c.last_leaf_id) AS "lastWhole"
     FROM fare.audit_checkpoint c CROSS JOIN later
     WHERE later.size IS NULL OR c.size < later.size
     ORDER BY c.size DESC, c.signed_at_ms DESC LIMIT 1`,
    [atMs],
  );
  return row ?? null;
}

/**
 * Condition on a column `xact` for what a state covers; everything where there is none. Uses the parameters $1 and $2,
 * see {@link knownValues}.
 */
export const KNOWN = (xact: string): string =>
  `($1::xid8 IS NULL OR ${xact} < $1::xid8 OR (${xact} = $1::xid8 AND $2::boolean))`;
/** What a state does not cover; nothing where there is none. */
export const KNOWN_LATER = (xact: string): string =>
  `(${xact}::text)::bigint >= ($1::xid8::text)::bigint AND NOT ${KNOWN(xact)}`;

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

const SIDES = `(VALUES (p.debit_account, p.amount_minor, 0), (p.credit_account, 0, p.amount_minor)) AS s (account, debit, credit)`;
/** Where sums are kept of, and how a posting's account is called there: all riders as one, or each apart. */
const KEPT = {
  kinds: {
    view: 'fare.published_trial_balance',
    account: `regexp_replace(s.account, '^rider:.*$', 'rider:*')`,
  },
  accounts: { view: 'fare.account_sums', account: 's.account' },
} as const;
/** Of a part: sums of all, and what of them is pending. */
const PARTS = {
  /** From what is kept of now, less what became known later: so it reads what was written since the instant, and no more. */
  kept: ({ view, account }: (typeof KEPT)[keyof typeof KEPT]): string => `
    SELECT account_id AS account, currency, debit_minor AS debit, credit_minor AS credit, 0 AS pending_debit, 0 AS pending_credit
    FROM ${view}
    UNION ALL
    SELECT ${account}, currency, -debit, -credit, 0, 0 FROM fare.posting p CROSS JOIN LATERAL ${SIDES} WHERE ${KNOWN_LATER('p.xact')}
    UNION ALL
    SELECT ${account}, currency, 0, 0, debit, credit FROM fare.posting p CROSS JOIN LATERAL ${SIDES}
    WHERE p.fare_day > coalesce($3::date, '-infinity') AND ${KNOWN('p.xact')}`,
  /** From every posting: what is held against the audit log has to be the ledger itself. */
  ledger: `
    SELECT s.account, p.currency, debit, credit, CASE WHEN pending THEN debit ELSE 0 END, CASE WHEN pending THEN credit ELSE 0 END
    FROM fare.posting p CROSS JOIN LATERAL ${SIDES}
    CROSS JOIN LATERAL (SELECT coalesce(p.fare_day > coalesce($3::date, '-infinity'), false) AS pending) AS o
    WHERE ($1::xid8 IS NULL OR (p.xact::text)::bigint <= ($1::xid8::text)::bigint) AND ${KNOWN('p.xact')}`,
};

async function sumsOf(
  client: Queryable,
  parts: string,
  known: KnownState | null,
  closedUntil: string | null,
): Promise<AccountSums[]> {
  const rows = await rowsOf<Record<keyof AccountSums, string>>(
    client,
    `WITH part (account, currency, debit, credit, pending_debit, pending_credit) AS (${parts})
     SELECT account, currency, sum(pending_debit)::text AS "pendingDebitMinor", sum(pending_credit)::text AS "pendingCreditMinor",
       sum(debit - pending_debit)::text AS "postedDebitMinor", sum(credit - pending_credit)::text AS "postedCreditMinor"
     FROM part GROUP BY account, currency HAVING sum(debit) <> 0 OR sum(credit) <> 0
     ORDER BY account COLLATE "C", currency`,
    [...knownValues(known), closedUntil],
  );
  return rows.map(accountSums);
}

function accountSums({ account, currency, ...sums }: Record<keyof AccountSums, string>): AccountSums {
  return {
    account,
    currency,
    pendingDebitMinor: BigInt(sums.pendingDebitMinor),
    pendingCreditMinor: BigInt(sums.pendingCreditMinor),
    postedDebitMinor: BigInt(sums.postedDebitMinor),
    postedCreditMinor: BigInt(sums.postedCreditMinor),
  };
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
       WHERE l.kind IN ('decision', 'command', 'bank-payment', 'debt-payment') AND ${KNOWN('l.xact')})
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
