/** What of a staged import the city knows already, and what does not fit: found by the database, row by row. */
import type pg from 'pg';
import { IMPORT_PROBLEMS_MAX, type ImportProblem, type ImportProblemCode } from '../import/problems.ts';

/** Rows that say what the city knows word by word. $1 = the run, $2 = the opening account. */
const KNOWN = [
  `UPDATE fare.import_row r SET known = true WHERE run_id = $1 AND file = 'accounts.csv' AND $2::text <> ''
     AND (EXISTS (SELECT FROM fare.account a WHERE a.account_id = r.account_id)
       OR EXISTS (SELECT FROM fare.media_link l WHERE l.account_id = r.account_id))`,
  `UPDATE fare.import_row r SET known = true WHERE run_id = $1 AND file = 'media.csv' AND $2::text <> ''
     AND EXISTS (SELECT FROM fare.media_link l WHERE l.token_id = r.ref AND l.account_id = r.account_id
       AND l.valid_from_ms = r.from_ms AND l.valid_until_ms IS NOT DISTINCT FROM r.until_ms)`,
  `UPDATE fare.import_row r SET known = true WHERE run_id = $1 AND file = 'balances.csv'
     AND EXISTS (SELECT FROM fare.posting p WHERE p.posting_id = $2 || ':' || r.account_id || ':' || r.currency
       AND p.amount_minor = abs(r.amount_minor) AND (p.debit_account = $2) = (r.amount_minor > 0))`,
  `UPDATE fare.import_row r SET known = true WHERE run_id = $1 AND file = 'passes.csv' AND $2::text <> ''
     AND EXISTS (SELECT FROM fare.pass_holding h WHERE h.pass_id = r.id AND h.account_id = r.account_id
       AND h.fare_product_id = r.ref AND h.valid_from_ms = r.from_ms AND h.valid_until_ms IS NULL)`,
  `UPDATE fare.import_row r SET known = true WHERE run_id = $1 AND file = 'entitlements.csv' AND $2::text <> ''
     AND EXISTS (SELECT FROM fare.entitlement e WHERE e.entitlement_id = r.id AND e.account_id = r.account_id
       AND e.concession_id = r.ref AND e.valid_from_ms = r.from_ms
       AND e.valid_until_ms IS NOT DISTINCT FROM r.until_ms
       AND e.evidence_sha256 IS NOT DISTINCT FROM r.evidence_sha256)`,
];

export async function markKnown(client: pg.PoolClient, runId: string, opening: string): Promise<void> {
  for (const statement of KNOWN) await client.query(statement, [runId, opening]);
}

interface Check {
  readonly code: ImportProblemCode;
  readonly column: string;
  readonly message: string;
  readonly howToMend: string;
  /** Gives file and line of the rows that fail. $1 = the run, $2 = the opening account. */
  readonly rows: string;
}

const CHECKS: readonly Check[] = [
  {
    code: 'IMPORT_REFERENCE',
    column: 'account_id',
    message: 'the account is neither in accounts.csv nor known here',
    howToMend: 'Add it to accounts.csv, or correct it.',
    rows: `SELECT file, line FROM fare.import_row r WHERE run_id = $1 AND file <> 'accounts.csv' AND $2::text <> ''
       AND NOT EXISTS (SELECT FROM fare.import_row a WHERE a.run_id = $1 AND a.file = 'accounts.csv'
                        AND a.account_id = r.account_id)
       AND NOT EXISTS (SELECT FROM fare.account a WHERE a.account_id = r.account_id)
       AND NOT EXISTS (SELECT FROM fare.media_link l WHERE l.account_id = r.account_id)`,
  },
  twice('accounts.csv', 'account_id', 'account_id'),
  twice('balances.csv', 'account_id', 'account_id, currency'),
  twice('passes.csv', 'pass_id', 'id'),
  twice('entitlements.csv', 'entitlement_id', 'id'),
  {
    code: 'IMPORT_TWICE',
    column: 'token_id',
    message: 'another row links the same medium at the same time',
    howToMend: 'Let one end before the other begins: valid_until is exclusive.',
    rows: `SELECT file, line FROM (
       SELECT file, line, from_ms, max(coalesce(until_ms, 9007199254740991)) OVER (
         PARTITION BY ref ORDER BY from_ms, line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ms
       FROM fare.import_row WHERE run_id = $1 AND file = 'media.csv' AND $2::text <> '') AS r
     WHERE before_ms > from_ms`,
  },
  {
    code: 'IMPORT_CONTRADICTS',
    column: 'account_id',
    message: 'the city links this medium to another account, or for another time, at the same time',
    howToMend: 'Leave the row out, or make it what the city has.',
    rows: `SELECT file, line FROM fare.import_row r WHERE run_id = $1 AND file = 'media.csv' AND NOT known AND $2::text <> ''
       AND EXISTS (SELECT FROM fare.media_link l WHERE l.token_id = r.ref
         AND l.valid_from_ms < coalesce(r.until_ms, 9007199254740991)
         AND coalesce(l.valid_until_ms, 9007199254740991) > r.from_ms)`,
  },
  {
    code: 'IMPORT_CONTRADICTS',
    column: 'amount',
    message: 'another opening balance of this account was taken over from this system',
    howToMend: 'Leave the row out: a correction is a credit or a command of its own.',
    rows: `SELECT file, line FROM fare.import_row r WHERE run_id = $1 AND file = 'balances.csv' AND NOT known
       AND EXISTS (SELECT FROM fare.posting p WHERE p.posting_id = $2 || ':' || r.account_id || ':' || r.currency)`,
  },
  {
    code: 'IMPORT_CONTRADICTS',
    column: 'pass_id',
    message: 'the city knows a pass of this id that is not this one',
    howToMend: 'Give it an id of its own.',
    rows: `SELECT file, line FROM fare.import_row r WHERE run_id = $1 AND file = 'passes.csv' AND NOT known AND $2::text <> ''
       AND EXISTS (SELECT FROM fare.pass_holding h WHERE h.pass_id = r.id)`,
  },
  {
    code: 'IMPORT_CONTRADICTS',
    column: 'entitlement_id',
    message: 'the city knows an entitlement of this id that is not this one',
    howToMend: 'Give it an id of its own; one that has changed is revoked and granted anew.',
    rows: `SELECT file, line FROM fare.import_row r WHERE run_id = $1 AND file = 'entitlements.csv' AND NOT known AND $2::text <> ''
       AND EXISTS (SELECT FROM fare.entitlement e WHERE e.entitlement_id = r.id)`,
  },
];

function twice(file: string, column: string, key: string): Check {
  return {
    code: 'IMPORT_TWICE',
    column,
    message: 'an earlier row is of the same one',
    howToMend: 'Keep one of them.',
    rows: `SELECT file, line FROM (
       SELECT file, line, row_number() OVER (PARTITION BY ${key} ORDER BY line) AS n
       FROM fare.import_row WHERE run_id = $1 AND file = '${file}' AND $2::text <> '') AS r WHERE n > 1`,
  };
}

/** Bounded: more than are listed are not looked for. */
export async function findImportProblems(
  client: pg.PoolClient,
  runId: string,
  opening: string,
): Promise<ImportProblem[]> {
  const problems: ImportProblem[] = [];
  for (const { rows: text, ...check } of CHECKS) {
    const { rows } = await client.query<{ file: string; line: number }>(
      `${text} ORDER BY file, line LIMIT ${IMPORT_PROBLEMS_MAX}`,
      [runId, opening],
    );
    problems.push(...rows.map(({ file, line }) => ({ ...check, file, line })));
  }
  return problems;
}
