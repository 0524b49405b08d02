/**
 * Which life of the database this is, and what receipts may say of its backups. A database that came back from a
 * backup lacks what was committed since; until a new life is begun on purpose (`kvytok restore`), nothing is receipted
 * on it. A recovery writes to a new timeline and a copy has another system identifier: both are seen here.
 */
import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { OperatorError } from '#platform/errors.ts';

/** What a receipt may say, as the database stood after the commit that it speaks of. */
export interface ReceiptTerms {
  /** False when the database is no longer the one whose incarnation this process knows. */
  readonly sameLife: boolean;
  /** Receipts are issued later than this, or not at all: a backup is about to promise everything up to it. */
  readonly announcedMs: number | null;
  /** Commits receipted before this are in a backup. */
  readonly watermarkMs: number | null;
}

export interface DatabaseLife {
  readonly incarnation: string;
  /** Reads the terms. Call it after COMMIT: what was announced before the commit must be seen. */
  terms(): Promise<ReceiptTerms>;
}

interface LifeRow {
  readonly incarnation: string;
  readonly same: boolean;
}

/**
 * Begins the first life of a new database, or finds the present one.
 * @throws OperatorError DATABASE_RESTORED
 */
export async function openDatabaseLife(pool: Pool, nowMs: number): Promise<DatabaseLife> {
  await pool.query(
    `INSERT INTO ingest.incarnation (ordinal, incarnation, begun_at_ms, system_identifier, timeline)
     SELECT 1, $1, $2, system_identifier, ingest.present_timeline() FROM pg_control_system()
     WHERE NOT EXISTS (SELECT FROM ingest.incarnation) ON CONFLICT DO NOTHING`,
    [randomBytes(16).toString('hex'), nowMs],
  );
  const { rows } = await pool.query<LifeRow>(
    `SELECT incarnation, i.system_identifier = c.system_identifier AND timeline = ingest.present_timeline() AS same
     FROM ingest.incarnation AS i, pg_control_system() AS c ORDER BY ordinal DESC LIMIT 1`,
  );
  const { incarnation, same } = rows[0] as LifeRow;
  if (!same) throw restored();
  return { incarnation, terms: () => readTerms(pool, incarnation) };
}

/** One row of three values; the commit before it costs far more. */
async function readTerms(pool: Pool, incarnation: string): Promise<ReceiptTerms> {
  const { rows } = await pool.query<{
    announced_ms: bigint | null;
    watermark_ms: bigint | null;
    incarnation: string;
    same_timeline: boolean;
  }>({
    name: 'receipt-terms',
    text: `SELECT w.announced_ms, w.watermark_ms, i.incarnation, i.timeline = ingest.present_timeline() AS same_timeline
           FROM ingest.backup_watermark AS w,
                (SELECT incarnation, timeline FROM ingest.incarnation ORDER BY ordinal DESC LIMIT 1) AS i`,
  });
  const [row] = rows;
  if (row === undefined) throw new Error('ingest.backup_watermark has lost its row');
  return {
    sameLife: row.same_timeline && row.incarnation === incarnation,
    announcedMs: numberOf(row.announced_ms),
    watermarkMs: numberOf(row.watermark_ms),
  };
}

function numberOf(value: bigint | null): number | null {
  return value === null ? null : Number(value);
}

function restored(): OperatorError {
  return new OperatorError({
    code: 'DATABASE_RESTORED',
    happened:
      'This database was restored or copied (its timeline or its system identifier has changed), and no new life of it was begun.',
    kept: 'Nothing was accepted and nothing was receipted: devices keep their records.',
    todo: 'Run: kvytok restore finish   (a server; it begins a new incarnation, raises the deny list, and devices offer again), or repeat kvytok restore --move-aside (an embedded city whose restore was interrupted). Then start ingest.',
  });
}
