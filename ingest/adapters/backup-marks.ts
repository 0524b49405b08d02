/**
 * The promise of a backup, made so that no clock is trusted: first the instant is announced, then the place in the
 * write-ahead log is read, and only when a backup holds everything up to that place the instant becomes the watermark.
 * Ingest looks at the announcement after each commit and issues no receipt before it. So a receipt older than the
 * watermark speaks of a commit before that place, however far the clocks of several ingests are apart.
 * Runs under the role `backup_runtime`. Why so: docs/decisions/0056.
 */
import type { Pool } from 'pg';
import { inTransaction } from '#platform/postgres.ts';

export interface MarkLimits {
  /** How far an announcement stays behind the newest receipt: ingests whose clocks differ by less never notice it. */
  readonly slackMs: number;
  /** How much of what the backup holds devices keep nevertheless, in case the newest part of the backup is lost. */
  readonly reserveMs: number;
}

export const MARK_LIMITS: MarkLimits = { slackMs: 60_000, reserveMs: 86_400_000 };

/** So many marks lie in a reserve; more would only be rows. */
const MARKS_PER_RESERVE = 500;

interface Row {
  readonly announced_ms: bigint | null;
  readonly watermark_ms: bigint | null;
  readonly newest_ms: bigint | null;
}

async function look(pool: Pool): Promise<{ announced: number; watermark: number; newest: number }> {
  const { rows } = await pool.query<Row>(
    `SELECT announced_ms, watermark_ms, (SELECT at_ms FROM ingest.newest_received) AS newest_ms
     FROM ingest.backup_watermark`,
  );
  const orNever = (value: bigint | null | undefined): number =>
    value === null || value === undefined ? Number.NEGATIVE_INFINITY : Number(value);
  const row = rows[0];
  return {
    announced: orNever(row?.announced_ms),
    watermark: orNever(row?.watermark_ms),
    newest: orNever(row?.newest_ms),
  };
}

/**
 * Announces the next instant and notes the place that holds everything receipted before it. Does nothing while nothing
 * new was received. An announcement that lies in the future (a clock was set back) is taken back with all it promised.
 * @param nowMs city time; it can only make the instant earlier.
 */
export async function announceMark(pool: Pool, nowMs: number, limits: MarkLimits): Promise<void> {
  const { announced, newest } = await look(pool);
  if (announced > nowMs) await withdraw(pool);
  const horizonMs = Math.min(newest, nowMs) - limits.slackMs;
  const since = horizonMs - (announced > nowMs ? Number.NEGATIVE_INFINITY : announced);
  if (!Number.isFinite(horizonMs) || since <= 0 || since < limits.reserveMs / MARKS_PER_RESERVE) return;
  await pool.query('UPDATE ingest.backup_watermark SET announced_ms = greatest(announced_ms, $1::bigint)', [
    horizonMs,
  ]);
  // Only now: a commit after this place looks at the announcement after it, and sees it.
  await pool.query(
    'INSERT INTO ingest.backup_mark (horizon_ms, position) VALUES ($1, pg_current_wal_insert_lsn())',
    [horizonMs],
  );
}

async function withdraw(pool: Pool): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query('UPDATE ingest.backup_watermark SET announced_ms = NULL, watermark_ms = NULL');
    await client.query('DELETE FROM ingest.backup_mark');
  });
}

/** What a watermark promises, and what it relies on. */
export interface Promised {
  readonly watermarkMs: number;
  /** Place in the write-ahead log up to which a backup must be restored to hold everything that was promised. */
  readonly position: string;
}

/**
 * Moves the watermark to the newest announced instant that a backup holds and that lies behind the reserve; says
 * whether it moved. `keep` is told before any receipt can carry it.
 * @param heldUpTo place in the write-ahead log up to which the backup is durable, e.g. `0/3000148`.
 */
export async function moveWatermark(
  pool: Pool,
  heldUpTo: string,
  nowMs: number,
  limits: Pick<MarkLimits, 'reserveMs'>,
  keep: (promised: Promised) => Promise<void>,
): Promise<boolean> {
  const { newest, watermark } = await look(pool);
  const untilMs = Math.min(newest, nowMs) - limits.reserveMs;
  if (!Number.isFinite(untilMs)) return false;
  const { rows } = await pool.query<{ ms: bigint; position: string }>(
    `SELECT horizon_ms AS ms, position::text FROM ingest.backup_mark
     WHERE position <= $1::pg_lsn AND horizon_ms <= $2 ORDER BY horizon_ms DESC, mark_id DESC LIMIT 1`,
    [heldUpTo, Math.floor(untilMs)],
  );
  const [mark] = rows;
  if (mark === undefined || Number(mark.ms) <= watermark) return false;
  await keep({ watermarkMs: Number(mark.ms), position: mark.position });
  await inTransaction(pool, async (client) => {
    await client.query(
      'UPDATE ingest.backup_watermark SET watermark_ms = $1 WHERE watermark_ms IS NULL OR watermark_ms < $1',
      [mark.ms],
    );
    await client.query('DELETE FROM ingest.backup_mark WHERE horizon_ms < $1', [mark.ms]);
  });
  return true;
}

/** Says for people how the backup fares. */
export async function sayBackupState(
  pool: Pool,
  state: {
    readonly state: 'running' | 'failing';
    readonly detail: string;
    readonly atMs: number;
    readonly baseAtMs: number | null;
  },
): Promise<void> {
  await pool.query('UPDATE ingest.backup_state SET state = $1, detail = $2, at_ms = $3, base_at_ms = $4', [
    state.state,
    state.detail.slice(0, 500),
    state.atMs,
    state.baseAtMs,
  ]);
}
