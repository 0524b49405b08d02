/**
 * What is ordered by numbers of transactions (leaves of the audit log, kept sums) goes on up to the lowest that still runs on the
 * server, and other test files share the server: what they have open holds it up.
 */
import type pg from 'pg';
import { until } from './until.ts';

/** Longer than anything of another file is open, and shorter than a test may take. */
const OTHERS_MS_MAX = 90_000;

/** Waits until every transaction that has a number by now, in whatever database of the server, has ended. */
export async function pastTransactions(admin: pg.Pool | pg.Client): Promise<void> {
  const { rows } = await admin.query<{ next: string }>(
    'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next',
  );
  await until(
    async () => {
      const past = await admin.query<{ past: boolean }>(
        'SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 AS past',
        [rows[0]?.next],
      );
      return past.rows[0]?.past === true;
    },
    { withinMs: OTHERS_MS_MAX, what: 'transactions of other databases to end' },
  );
}
