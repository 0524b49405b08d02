/** What the engine does once when it starts. */
import type pg from 'pg';

/** Rows set aside get another chance: a new start may be a mended version. Returns how many. */
export async function requeueStuck(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ moved: bigint }>(
    `WITH taken AS (DELETE FROM fare.stuck RETURNING *),
     days AS (
       INSERT INTO fare.account_day_queue (account_id, fare_day, reason)
       SELECT body ->> 'accountId', (body ->> 'fareDay')::date, 'stuck' FROM taken WHERE sort = 'account-day'),
     records AS (
       INSERT INTO fare.record_inbox (device_id, epoch, seq, kind, hash, record, flags, received_at_ms)
       SELECT body ->> 'deviceId', body ->> 'epoch', (body ->> 'seq')::bigint, body ->> 'kind',
              decode(body ->> 'hash', 'hex'), body ->> 'record',
              ARRAY(SELECT jsonb_array_elements_text(body -> 'flags')), (body ->> 'receivedAtMs')::bigint
       FROM taken WHERE sort = 'record')
     SELECT count(*) AS moved FROM taken`,
  );
  return Number(rows[0]?.moved ?? 0n);
}
