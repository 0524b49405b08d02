/** For servers with a log archive of their own: moves the watermark to what PostgreSQL says it has archived. */
import type pg from 'pg';
import { parseSegmentName, positionText, SEGMENT_BYTES } from '#platform/backup/log-position.ts';
import { OperatorError } from '#platform/errors.ts';
import { announceMark, MARK_LIMITS, moveWatermark } from '../../ingest/adapters/backup-marks.ts';

/**
 * One turn: announces, and moves the watermark as far as the archive reaches. To be called again and again, e.g. each
 * minute; what is announced now is promised by a later call.
 * @param heldUpTo place up to which the backup is durable; by default the end of the last archived segment.
 * @returns that place, null when the last archived file tells none, and whether the watermark moved.
 */
export async function markArchive(
  pool: pg.Pool,
  nowMs: number,
  heldUpTo: string | undefined,
): Promise<{ readonly heldUpTo: string | null; readonly moved: boolean }> {
  await announceMark(pool, nowMs, MARK_LIMITS);
  const held = heldUpTo ?? (await archivedUpTo(pool));
  if (held === null) return { heldUpTo: null, moved: false };
  const moved = await moveWatermark(pool, held, nowMs, MARK_LIMITS, async () => {});
  return { heldUpTo: held, moved };
}

/**
 * The end of what is archived by the name of the last archived file: a segment is whole; a base's `.backup` file names the
 * segment in which the base began, of which only the ones before are known to be whole. Null for others, e.g. `.history`.
 */
export function archivedBy(name: string): { readonly timeline: number; readonly endsAt: bigint } | null {
  const whole = parseSegmentName(name);
  if (whole !== null) return { timeline: whole.timeline, endsAt: (whole.segment + 1n) * SEGMENT_BYTES };
  const base = /^([0-9A-F]{24})\.[0-9A-F]{8}\.backup$/.exec(name)?.[1];
  const begun = base === undefined ? null : parseSegmentName(base);
  return begun && { timeline: begun.timeline, endsAt: begun.segment * SEGMENT_BYTES };
}

async function archivedUpTo(pool: pg.Pool): Promise<string | null> {
  const { rows } = await pool.query<{ name: string | null; timeline: number; segment_bytes: string }>(
    `SELECT last_archived_wal AS name, ingest.present_timeline() AS timeline,
            (SELECT setting FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes
     FROM pg_stat_archiver`,
  );
  const row = rows[0];
  if (row?.name == null || BigInt(row.segment_bytes) !== SEGMENT_BYTES) throw noArchive();
  const last = archivedBy(row.name);
  if (last === null) return null;
  // A segment of an earlier timeline says nothing of this life.
  if (last.timeline !== row.timeline) throw noArchive();
  return positionText(last.endsAt);
}

function noArchive(): OperatorError {
  return new OperatorError({
    code: 'BACKUP_NO_ARCHIVE',
    happened: 'This server has archived no segment of its present timeline, or its segments are not 16 MiB.',
    kept: 'The watermark stays where it is: devices keep their records.',
    todo: 'Set archive_mode and archive_command (docs/OPERATIONS.md), or name the place yourself with --held.',
  });
}
