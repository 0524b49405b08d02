/** What of a staged import the city knows already, and what does not fit: found by the database, row by row. */
import type pg from 'pg';
import { RIGHT_FILES } from '../import/import-files.ts';
import { IMPORT_PROBLEMS_MAX, type ImportProblem, type ImportProblemCode } from '../import/problems.ts';

/** Of a row of a medium or a right, and a fact of the same columns. */
const SAME_SPAN = (fact: string): string =>
  `${fact}.valid_from_ms = r.from_ms AND ${fact}.valid_until_ms IS NOT DISTINCT FROM r.until_ms`;

/** Rows that say what the city knows word by word. $1 = the opening account. */
const KNOWN = [
  `UPDATE fare.import_row r SET known = true WHERE file = 'accounts.csv'
     AND (EXISTS (SELECT FROM fare.account a WHERE a.account_id = r.account_id)
       OR EXISTS (SELECT FROM fare.media_link l WHERE l.account_id = r.account_id))`,
  `UPDATE fare.import_row r SET known = true WHERE file = 'media.csv'
     AND EXISTS (SELECT FROM fare.media_link l WHERE l.token_id = r.ref AND l.account_id = r.account_id
       AND ${SAME_SPAN('l')})`,
  `UPDATE fare.import_row r SET known = true WHERE file = 'balances.csv'
     AND EXISTS (SELECT FROM fare.posting p WHERE p.posting_id = $1 || ':' || r.account_id || ':' || r.currency
       AND p.amount_minor = abs(r.amount_minor) AND (p.debit_account = $1) = (r.amount_minor > 0))`,
  // Nothing is posted for nothing: who has no opening balance here has it already.
  `UPDATE fare.import_row r SET known = true WHERE file = 'balances.csv' AND amount_minor = 0
     AND EXISTS (SELECT FROM fare.account a WHERE a.account_id = r.account_id)
     AND NOT EXISTS (SELECT FROM fare.posting p WHERE p.posting_id = $1 || ':' || r.account_id || ':' || r.currency)`,
  `UPDATE fare.import_row r SET known = true WHERE file = 'passes.csv'
     AND EXISTS (SELECT FROM fare.pass_holding h WHERE h.pass_id = r.id AND h.account_id = r.account_id
       AND h.fare_product_id = r.ref AND h.valid_from_ms = r.from_ms AND h.valid_until_ms IS NULL)
     AND coalesce(amount_minor, 0) = coalesce((SELECT p.amount_minor FROM fare.posting p
       WHERE p.posting_id = 'pass:' || r.id AND p.debit_account = $1), 0)`,
  `UPDATE fare.import_row r SET known = true WHERE file IN (${RIGHT_FILES.map((file) => `'${file}'`).join(', ')})
     AND EXISTS (SELECT FROM fare.entitlement e WHERE e.entitlement_id = r.id AND e.account_id = r.account_id
       AND e.concession_id = r.ref AND ${SAME_SPAN('e')}
       AND e.evidence_sha256 IS NOT DISTINCT FROM r.evidence_sha256)`,
  // Of denials the latest word counts.
  `UPDATE fare.import_row r SET known = true WHERE file = 'denials.csv'
     AND EXISTS (SELECT FROM fare.deny_entry d WHERE d.token_id = r.ref AND d.action = 'deny' AND d.reason = r.reason
       AND d.scope = r.scope AND ${SAME_SPAN('d')}
       AND NOT EXISTS (SELECT FROM fare.deny_entry n WHERE n.token_id = d.token_id AND n.known_from_ms > d.known_from_ms))`,
];

/** Each statement by itself: a row's number of transaction is held as long as it takes, and for none where nothing is known. */
export async function markKnown(client: pg.PoolClient, opening: string): Promise<void> {
  await client.query('UPDATE fare.import_row SET known = false WHERE known');
  for (const statement of KNOWN) await client.query(statement, valuesFor(statement, opening));
}

/** PostgreSQL refuses a parameter that a statement does not use. */
function valuesFor(statement: string, opening: string): string[] {
  return statement.includes('$1') ? [opening] : [];
}

interface Check {
  readonly code: ImportProblemCode;
  readonly column: string;
  readonly message: string;
  readonly howToMend: string;
  /** Gives file and line of the rows that fail. $1 = the opening account. */
  readonly rows: string;
}

const COUNTED_COLUMN = { 'uses.csv': 'rides', 'caps.csv': 'amount', 'rides.csv': 'route_id' } as const;

const CHECKS: readonly Check[] = [
  {
    code: 'IMPORT_REFERENCE',
    column: 'account_id',
    message: 'the account is neither in accounts.csv nor known here',
    howToMend: 'Add it to accounts.csv, or correct it.',
    rows: `SELECT file, line FROM fare.import_row r WHERE r.file <> 'accounts.csv' AND r.account_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM fare.import_row a WHERE a.file = 'accounts.csv'
                        AND a.account_id = r.account_id)
       AND NOT EXISTS (SELECT FROM fare.account a WHERE a.account_id = r.account_id)
       AND NOT EXISTS (SELECT FROM fare.media_link l WHERE l.account_id = r.account_id)`,
  },
  twice('accounts.csv', 'account_id', 'account_id'),
  twice('balances.csv', 'account_id', 'account_id, currency'),
  twice('passes.csv', 'pass_id', 'id'),
  twice('entitlements.csv', 'entitlement_id', 'id'),
  twice('quotas.csv', 'concession_id', 'id'),
  twice('uses.csv', 'pass_id', 'id'),
  twice('caps.csv', 'cap_id', 'id'),
  twice('rides.csv', 'at', 'id'),
  twice('denials.csv', 'token_id', 'ref'),
  {
    code: 'IMPORT_TWICE',
    column: 'token_id',
    message: 'another row links the same medium at the same time',
    howToMend: 'Let one end before the other begins: valid_until is exclusive.',
    rows: `SELECT file, line FROM (
       SELECT file, line, from_ms, max(coalesce(until_ms, 9007199254740991)) OVER (
         PARTITION BY ref ORDER BY from_ms, line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ms
       FROM fare.import_row WHERE file = 'media.csv') AS r
     WHERE before_ms > from_ms`,
  },
  contradicted(
    'media.csv',
    'account_id',
    'the city links this medium to another account, or for another time, at the same time',
    'Leave the row out, or make it what the city has.',
    `SELECT FROM fare.media_link l WHERE l.token_id = r.ref
       AND l.valid_from_ms < coalesce(r.until_ms, 9007199254740991)
       AND coalesce(l.valid_until_ms, 9007199254740991) > r.from_ms`,
  ),
  contradicted(
    'balances.csv',
    'amount',
    'another opening balance of this account was taken over from this system',
    'Leave the row out: a correction is a credit or a command of its own.',
    `SELECT FROM fare.posting p WHERE p.posting_id = $1 || ':' || r.account_id || ':' || r.currency`,
  ),
  contradicted(
    'passes.csv',
    'pass_id',
    'the city knows a pass of this id that is not this one, or came with other money',
    'Give it an id of its own, or the prepaid that it came with.',
    'SELECT FROM fare.pass_holding h WHERE h.pass_id = r.id',
  ),
  contradicted(
    'entitlements.csv',
    'entitlement_id',
    'the city knows an entitlement of this id that is not this one',
    'Give it an id of its own; one that has changed is revoked and granted anew.',
    'SELECT FROM fare.entitlement e WHERE e.entitlement_id = r.id',
  ),
  contradicted(
    'quotas.csv',
    'rides',
    'another count of this quota and period was taken over before',
    'Leave the row out: the count that was taken over stands.',
    'SELECT FROM fare.entitlement e WHERE e.entitlement_id = r.id',
  ),
  ...(['uses.csv', 'caps.csv', 'rides.csv'] as const).map((file) =>
    contradicted(
      file,
      COUNTED_COLUMN[file],
      'something else of it was taken over before',
      'Leave the row out: what was taken over stands.',
      'SELECT FROM fare.entitlement e WHERE e.entitlement_id = r.id',
    ),
  ),
  {
    code: 'IMPORT_REFERENCE',
    column: 'pass_id',
    message: 'the account has no such pass, neither in passes.csv as used nor here',
    howToMend: 'Add it to passes.csv with no in unused, or correct it.',
    rows: `SELECT file, line FROM fare.import_row r WHERE file = 'uses.csv' AND NOT known
       AND NOT EXISTS (SELECT FROM fare.import_row p WHERE p.file = 'passes.csv' AND p.id = split_part(r.ref, ':', 2)
                        AND p.account_id = r.account_id AND p.scope = 'used')
       AND NOT EXISTS (SELECT FROM fare.pass_holding h WHERE h.pass_id = split_part(r.ref, ':', 2)
                        AND h.account_id = r.account_id)`,
  },
  {
    code: 'IMPORT_USED',
    column: 'unused',
    message: 'it was used, and no row of uses.csv says how often',
    howToMend: 'Add its rides so far to uses.csv, or write yes.',
    rows: `SELECT file, line FROM fare.import_row r WHERE file = 'passes.csv' AND scope = 'used' AND NOT known
       AND NOT EXISTS (SELECT FROM fare.import_row u WHERE u.file = 'uses.csv' AND split_part(u.ref, ':', 2) = r.id)`,
  },
  contradicted(
    'denials.csv',
    'token_id',
    'the city has said something else of this medium',
    'Leave the row out, or make it what the city has (kvytok deny show).',
    'SELECT FROM fare.deny_entry d WHERE d.token_id = r.ref',
  ),
];

function contradicted(file: string, column: string, what: string, howToMend: string, fact: string): Check {
  return {
    code: 'IMPORT_CONTRADICTS',
    column,
    message: what,
    howToMend,
    rows: `SELECT file, line FROM fare.import_row r WHERE file = '${file}' AND NOT known AND EXISTS (${fact})`,
  };
}

function twice(file: string, column: string, key: string): Check {
  return {
    code: 'IMPORT_TWICE',
    column,
    message: 'an earlier row is of the same one',
    howToMend: 'Keep one of them.',
    rows: `SELECT file, line FROM (
       SELECT file, line, row_number() OVER (PARTITION BY ${key} ORDER BY line) AS n
       FROM fare.import_row WHERE file = '${file}') AS r WHERE n > 1`,
  };
}

/** Bounded: more than are listed are not looked for. */
export async function findImportProblems(client: pg.PoolClient, opening: string): Promise<ImportProblem[]> {
  const problems: ImportProblem[] = [];
  for (const { rows: text, ...check } of CHECKS) {
    const { rows } = await client.query<{ file: string; line: number }>(
      `${text} ORDER BY file, line LIMIT ${IMPORT_PROBLEMS_MAX}`,
      valuesFor(text, opening),
    );
    problems.push(...rows.map(({ file, line }) => ({ ...check, file, line })));
  }
  return problems;
}
