/**
 * The next life of the audit log, after a restore: checkpoints that were signed after the backup are gone, and to go on
 * under the same origin would contradict them. The tree itself goes on; its next leaf says what was known of the life before.
 */
import type { ClientBase } from 'pg';
import { lifeLeaf } from '../audit-leaf.ts';
import { INSERT_LEAVES } from './fare-statements.ts';

/** Begins it within the caller's transaction, as owner of the schema. */
export async function beginAuditLife(client: ClientBase, nowMs: number): Promise<void> {
  const { rows: lives } = await client.query<{ ordinal: number }>(
    `INSERT INTO fare.audit_life (ordinal, begun_at_ms) SELECT max(ordinal) + 1, $1 FROM fare.audit_life
     RETURNING ordinal`,
    [nowMs],
  );
  const { rows: signed } = await client.query<{ origin: string; size: number; root: string }>(
    `SELECT origin, size::float8 AS size, encode(root, 'base64') AS root
     FROM fare.audit_checkpoint ORDER BY size DESC, signed_at_ms DESC LIMIT 1`,
  );
  const ordinal = lives[0]?.ordinal as number;
  const before = signed[0] ?? null;
  await client.query(INSERT_LEAVES, [JSON.stringify([lifeLeaf({ ordinal, begunAtMs: nowMs, before })])]);
}
