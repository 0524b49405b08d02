/** Waiting for another process at a lock of the database, aloud. */
import type pg from 'pg';

/** Told whom a process waits for: names of sessions, with their numbers on the server. */
export type OnWait = (who: readonly string[]) => void;

/** Nobody is told of a shorter wait. */
const SAY_AFTER_MS = 3000;

/**
 * Takes a lock until the session ends, however long another holds it. Whoever waits for some seconds says for whom.
 * @param lock below 2^31
 */
export async function lockAloud(
  client: pg.ClientBase,
  lock: number,
  onWait: OnWait | undefined,
  sayAfterMs = SAY_AFTER_MS,
): Promise<void> {
  await client.query(`SET lock_timeout = ${Math.trunc(sayAfterMs)}`);
  try {
    await client.query('SELECT pg_advisory_lock($1)', [lock]);
    return;
  } catch (error) {
    if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE) throw error;
  } finally {
    await client.query('RESET lock_timeout');
  }
  onWait?.(await holders(client, lock));
  await client.query('SELECT pg_advisory_lock($1)', [lock]);
}

const LOCK_NOT_AVAILABLE = '55P03';

async function holders(client: pg.ClientBase, lock: number): Promise<string[]> {
  const { rows } = await client.query<{ who: string }>(
    `SELECT coalesce(nullif(a.application_name, ''), '?') || ' (process ' || l.pid || ' of the server)' AS who
     FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = 0 AND l.objid = $1::int8::oid
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
     ORDER BY who`,
    [lock],
  );
  return rows.map(({ who }) => who);
}
