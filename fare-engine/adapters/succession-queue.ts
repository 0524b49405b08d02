/**
 * Media of which another token became known: taps under the new token were perhaps priced as a stranger's. Their
 * account-days are priced again, and their denials looked at, while no pricing transaction runs: whoever priced without
 * the succession has committed, whoever begins afterwards sees it. Days stay as they are that were closed before it was known;
 * a close knows of records that still waited in the inbox, so its days are looked at too.
 */
import type pg from 'pg';
import { inTransaction } from '#platform/postgres.ts';
import { FACTS_GATE } from './fare-statements.ts';
import { accountsOfKin, kinTable } from './kin-statements.ts';
import { FOREVER } from './place-statements.ts';

export const ENQUEUE_SUCCESSIONS = `
WITH RECURSIVE taken AS (
  DELETE FROM fare.succession_queue WHERE queue_id = ANY (ARRAY(
    SELECT queue_id FROM fare.succession_queue ORDER BY queue_id LIMIT $1))
  RETURNING token_id),
${kinTable('kin', 'SELECT DISTINCT token_id FROM taken')},
-- Of each medium the last day that was closed before anything was said of it.
open AS MATERIALIZED (
  SELECT t.token_id AS seed, (
      SELECT coalesce(max(c.fare_day), '-infinity') FROM fare.close c WHERE c.known_from_ms < coalesce((
        SELECT min(s.known_from_ms) FROM (
          SELECT known_from_ms FROM fare.medium_succession s WHERE s.token_id = t.token_id
          UNION ALL SELECT known_from_ms FROM fare.card_replacement r WHERE r.token_id = t.token_id
          UNION ALL SELECT known_from_ms FROM fare.medium_par p WHERE p.token_id = t.token_id) AS s), ${FOREVER})) AS after
    FROM (SELECT DISTINCT token_id FROM taken) AS t),
whose AS MATERIALIZED (${accountsOfKin('kin')}),
own AS (
  INSERT INTO fare.account AS a (account_id, derived_token_id, version)
  SELECT DISTINCT fare.derived_account_id(token_id), token_id, 0::bigint FROM kin ORDER BY 1
  ON CONFLICT (account_id) DO UPDATE SET derived_token_id = excluded.derived_token_id
    WHERE a.derived_token_id IS NULL),
queued AS (
  INSERT INTO fare.account_day_queue (account_id, fare_day, reason)
  SELECT DISTINCT w.account_id, t.fare_day, 'medium'
    FROM kin k JOIN open ON open.seed = k.seed
   CROSS JOIN LATERAL (SELECT t.fare_day FROM fare.timed_tap t
      WHERE t.token_id = k.token_id AND t.fare_day > open.after OFFSET 0) AS t
    JOIN whose w ON w.seed = k.seed),
denied AS (
  INSERT INTO fare.deny_queue (token_id) SELECT DISTINCT token_id FROM kin)
SELECT count(*) AS taken FROM taken`;

/** Looks at up to `rowsMax` media; returns how many there were. */
export async function workSuccessions(pool: pg.Pool, rowsMax: number): Promise<number> {
  const waiting = await pool.query('SELECT FROM fare.succession_queue LIMIT 1');
  if (waiting.rowCount === 0) return 0;
  return inTransaction(pool, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [FACTS_GATE]);
    const { rows } = await client.query<{ taken: bigint }>(ENQUEUE_SUCCESSIONS, [rowsMax]);
    return Number(rows[0]?.taken ?? 0n);
  });
}
