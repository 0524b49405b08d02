/** The next life of a restored database: devices see another incarnation and offer again what they still have. */
import { randomBytes } from 'node:crypto';
import type { ClientBase } from 'pg';

/** What a new life began with. */
export interface NewLife {
  readonly ordinal: number;
  readonly incarnation: string;
}

/** Whether the database stands on another timeline, or is another copy, than the life it knows. */
export async function needsNewLife(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ same: boolean }>(
    `SELECT i.system_identifier = c.system_identifier AND i.timeline = ingest.present_timeline() AS same
     FROM ingest.incarnation AS i, pg_control_system() AS c ORDER BY i.ordinal DESC LIMIT 1`,
  );
  return rows[0]?.same === false;
}

/**
 * Begins it, within the caller's transaction and under the owner of the schema. What an earlier life promised of its
 * backups is taken back: the backup of this life has yet to be made.
 */
export async function beginLife(client: ClientBase, nowMs: number): Promise<NewLife> {
  const incarnation = randomBytes(16).toString('hex');
  const { rows } = await client.query<{ ordinal: number }>(
    `INSERT INTO ingest.incarnation (ordinal, incarnation, begun_at_ms, system_identifier, timeline)
     SELECT coalesce((SELECT max(ordinal) FROM ingest.incarnation), 0) + 1, $1, $2, system_identifier,
            ingest.present_timeline()
     FROM pg_control_system() RETURNING ordinal`,
    [incarnation, nowMs],
  );
  await client.query('UPDATE ingest.backup_watermark SET announced_ms = NULL, watermark_ms = NULL');
  await client.query('DELETE FROM ingest.backup_mark');
  await client.query(
    "UPDATE ingest.backup_state SET state = 'none', detail = '', at_ms = NULL, base_at_ms = NULL",
  );
  // Who was there when the backup was made says nothing of now.
  await client.query('UPDATE ingest.device_status SET online = false WHERE online');
  return { ordinal: rows[0]?.ordinal as number, incarnation };
}
