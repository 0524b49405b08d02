/**
 * Whether this server's transaction numbers go on above those that its rows bear. Leaves of the audit log, windows of months and
 * what was known at an instant are ordered by them (0104, 0123, 0124). A physical copy keeps the counter; rows that came by a
 * dump into another server lie above it, and whatever was posted then would be sealed and settled never. So nothing begins there.
 */
import type pg from 'pg';
import { OperatorError } from '#platform/errors.ts';

/** A transaction number is an epoch and 32 bits. */
const EPOCH_BITS = 32n;

const HIGHEST = `
  SELECT greatest(t.last_xact, (SELECT l.xact FROM fare.audit_leaf l ORDER BY l.xact DESC LIMIT 1))::text AS highest,
         pg_snapshot_xmax(pg_current_snapshot())::text AS next
  FROM fare.audit_tree t`;

/**
 * Looks at the highest number of the log and at the server's next one; any role that may read the log may ask.
 * @throws OperatorError TRANSACTIONS_BEHIND
 */
export async function requireTransactionOrder(client: Pick<pg.ClientBase, 'query'>): Promise<void> {
  const { rows } = await client.query<{ highest: string; next: string }>(HIGHEST);
  if (rows[0] !== undefined) judgeTransactionOrder(rows[0].highest, rows[0].next);
}

/** @throws OperatorError TRANSACTIONS_BEHIND when a number that rows bear was not given out here. */
export function judgeTransactionOrder(highest: string, next: string): void {
  if (BigInt(highest) < BigInt(next)) return;
  throw new OperatorError({
    code: 'TRANSACTIONS_BEHIND',
    happened: `The server gives out transaction number ${next} next, but rows of this database bear numbers up to ${highest}: they were loaded from a dump, or the server was set up anew.`,
    kept: 'Nothing was posted, numbered or signed: what is ordered by these numbers would be passed by for ever.',
    todo: `Stop PostgreSQL cleanly, as its user run: pg_resetwal -e ${(BigInt(highest) >> EPOCH_BITS) + 1n} -D ITS_DATA_FOLDER   (it raises the epoch of the counter), start it again, then call kvytok restore finish and start the roles. A physical backup needs none of this.`,
  });
}
