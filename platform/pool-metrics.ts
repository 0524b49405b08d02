/** Figures of a role's database connections, and the question whether the database answers. */
import type pg from 'pg';
import type { Metrics } from './metrics.ts';

/** Registers `<prefix>_database_connections{state}`. */
export function registerPool(metrics: Metrics, prefix: string, pool: pg.Pool): void {
  metrics.gauge(
    `${prefix}_database_connections`,
    'Connections to PostgreSQL by state; "waiting" are borrowers without one.',
    () => [
      { labels: { state: 'busy' }, value: pool.totalCount - pool.idleCount },
      { labels: { state: 'idle' }, value: pool.idleCount },
      { labels: { state: 'waiting' }, value: pool.waitingCount },
    ],
    ['state'],
  );
}

/** One problem in words when the database does not answer, none when it does. */
export async function databaseProblems(pool: pg.Pool): Promise<readonly string[]> {
  try {
    await pool.query('SELECT 1');
    return [];
  } catch (error) {
    return [`the database does not answer: ${(error as Error).message}`];
  }
}
