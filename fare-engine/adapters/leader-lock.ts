/**
 * One of several engines on a database does a work that must not be done twice at once: whoever holds an advisory lock
 * in a session of its own. The lock falls with the session, so a leader that dies is followed within a turn.
 */
import type pg from 'pg';

export interface LeaderLock {
  /** Whether this process leads; tries to when nobody does. */
  held(): Promise<boolean>;
  /** Lets another lead; resolves when one may. */
  release(): Promise<void>;
}

/** Seconds of silence, between questions, and questions without an answer after which the server ends the session. */
const KEEPALIVES =
  'SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3';

/** Makes a lock of a number; nothing is asked before the first `held`. It borrows one connection while it is held. */
export function createLeaderLock(pool: pg.Pool, key: number): LeaderLock {
  let session: pg.PoolClient | undefined;
  const drop = (): void => {
    // Destroyed, not handed back: the session must end for the lock to fall.
    session?.release(true);
    session = undefined;
  };
  return {
    async held() {
      if (session !== undefined) {
        try {
          await session.query('SELECT 1');
          return true;
        } catch {
          drop();
        }
      }
      const client = await pool.connect();
      try {
        const { rows } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1) AS got', [
          key,
        ]);
        if (rows[0]?.got === true) {
          session = client;
          // A leader whose network has vanished without a word is given up by the server within seconds, not hours.
          await client.query(KEEPALIVES);
        } else client.release();
      } catch (error) {
        // Destroyed: a session that failed may hold the lock, and one that is not handed back is lost to the pool.
        if (session === client) session = undefined;
        client.release(true);
        throw error;
      }
      return session !== undefined;
    },
    async release() {
      await session?.query('SELECT pg_advisory_unlock($1)', [key]).catch(() => {});
      drop();
    },
  };
}
