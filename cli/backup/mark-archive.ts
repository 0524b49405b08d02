/** For servers with a log archive of their own: moves the watermark to what PostgreSQL says it has archived. */
import type pg from 'pg';
import { parseSegmentName, positionText, SEGMENT_BYTES } from '#platform/backup/log-position.ts';
import { OperatorError } from '#platform/errors.ts';
import { announceMark, MARK_LIMITS, moveWatermark } from '../../ingest/adapters/backup-marks.ts';

/**
 * One turn: announces, and moves the watermark as far as the archive reaches. To be called again and again, e.g. each
 * minute; what is announced now is promised by a later call.
 * @param heldUpTo place up to which the backup is durable; by default the end of the last archived segment.
 * @returns that place, and whether the watermark moved.
 */
export async function markArchive(
  pool: pg.Pool,
  nowMs: number,
  heldUpTo: string | undefined,
): Promise<{ readonly heldUpTo: string; readonly moved: boolean }> {
  await announceMark(pool, nowMs, MARK_LIMITS);
  const held = heldUpTo ?? (await archivedUpTo(pool));
  const moved = await moveWatermark(pool, held, nowMs, MARK_LIMITS, async () => {});
  return { heldUpTo: held, moved };
}

async function archivedUpTo(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ name: string | null; timeline: number; segment_bytes: string }>(
    `SELECT last_archived_wal AS name, ingest.present_timeline() AS timeline,
            (SELECT setting FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes
     FROM pg_stat_archiver`,
  );
  const row = rows[0];
  const last = row?.name == null ? null : parseSegmentName(row.name);
  if (row === undefined || last === null || BigInt(row.segment_bytes) !== SEGMENT_BYTES) throw noArchive();
  // A segment of an earlier timeline says nothing of this life.
  if (last.timeline !== row.timeline) throw noArchive();
  return positionText((last.segment + 1n) * SEGMENT_BYTES);
}

function noArchive(): OperatorError {
  return new OperatorError({
    code: 'BACKUP_NO_ARCHIVE',
    happened: 'This server has archived no segment of its present timeline, or its segments are not 16 MiB.',
    kept: 'The watermark stays where it is: devices keep their records.',
    todo: 'Set archive_mode and archive_command (docs/OPERATIONS.md), or name the place yourself with --held.',
  });
}
