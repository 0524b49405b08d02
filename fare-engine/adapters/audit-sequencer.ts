/**
 * The sequencer of the audit log: numbers committed leaves without gaps, grows the tree and signs a checkpoint, in one
 * transaction. One engine does it (an advisory lock), and the row of the tree is locked besides, so a leaf is numbered
 * once whatever dies. Nothing is lost: leaves are taken in the order of their transactions, and only of transactions
 * below the lowest that still runs.
 */
import type pg from 'pg';
import { type Checkpoint, formatCheckpoint, TILE_WIDTH } from '#contracts/audit-log.ts';
import { formatVerifier, noteVerifier, signNote } from '#contracts/signed-note.ts';
import type { Clock } from '#platform/clock.ts';
import { OperatorError } from '#platform/errors.ts';
import { inTransaction } from '#platform/postgres.ts';
import { type FullTile, growEdge, isEdge, rootOfEdge, type TreeEdge } from '../audit/tree-edge.ts';
import type { AuditConfig } from '../config.ts';
import { createLeaderLock } from './leader-lock.ts';
import { judgeTransactionOrder } from './transaction-order.ts';

/** Advisory lock of the one that numbers leaves. */
const SEQUENCER_LOCK = 0x6b76_6175;

export interface AuditSequencer {
  /** Numbers up to `leavesMax` leaves; returns how many. 0 where another leads. */
  turn(leavesMax: number): Promise<number>;
  stop(): Promise<void>;
}

/** Where in the order of leaves something stands. */
interface LeafPosition {
  readonly xact: string;
  readonly leafId: string;
}

interface StoredTree extends TreeEdge {
  readonly last: LeafPosition;
}

interface FreshLeaf extends LeafPosition {
  readonly hash: Buffer;
}

/** Makes a sequencer; nothing is asked of the database before the first turn. */
export function createAuditSequencer(
  pool: pg.Pool,
  config: AuditConfig,
  clock: Pick<Clock, 'nowMs'>,
): AuditSequencer {
  const lock = createLeaderLock(pool, SEQUENCER_LOCK);
  return {
    async turn(leavesMax) {
      if (!(await lock.held())) return 0;
      return inTransaction(pool, async (client) => {
        const tree = await lockTree(client);
        const leaves = await freshLeaves(client, tree.last, leavesMax);
        const last = leaves.at(-1);
        if (last === undefined) return 0;
        const { edge, full } = growEdge(
          tree,
          leaves.map(({ hash }) => hash),
        );
        await insertTiles(client, full, (leaf) => leaves[leaf - tree.size] as FreshLeaf);
        await client.query(
          'UPDATE fare.audit_tree SET size = $1, levels = $2, last_xact = $3, last_leaf_id = $4',
          [edge.size, edge.levels, last.xact, last.leafId],
        );
        await insertCheckpoint(client, { edge, last, config, nowMs: clock.nowMs() });
        return leaves.length;
      });
    },
    stop: () => lock.release(),
  };
}

const TREE = `
  SELECT size::float8 AS size, levels, last_xact::text AS xact, last_leaf_id::text AS "leafId"
  FROM fare.audit_tree FOR UPDATE`;

// A statement of its own: one that waited for the row sees the new row, but every other table as before the wait, and the
// server's next number too.
const SIGNED_ROOT = `
  SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next,
         (SELECT root FROM fare.audit_checkpoint WHERE size = $1 LIMIT 1) AS root`;

/**
 * The tree as it was left, checked against what was signed of it: a log that goes on from anything else would sign a fork.
 * @throws OperatorError AUDIT_TREE_DAMAGED, TRANSACTIONS_BEHIND
 */
async function lockTree(client: pg.PoolClient): Promise<StoredTree> {
  const { rows } = await client.query<{
    size: number;
    levels: Buffer[];
    xact: string;
    leafId: string;
  }>(TREE);
  const row = rows[0];
  if (row === undefined) throw damaged('the row of the tree is gone');
  const { size, levels, xact, leafId } = row;
  const edge = { size, levels };
  if (!isEdge(edge)) throw damaged(`its edge is not one of ${size} leaves`);
  const signed = await client.query<{ next: string; root: Buffer | null }>(SIGNED_ROOT, [size]);
  const { next, root } = signed.rows[0] as { next: string; root: Buffer | null };
  judgeTransactionOrder(xact, next);
  if (size > 0 && (root === null || !rootOfEdge(edge).equals(root)))
    throw damaged(`its edge does not give the root that was signed for ${size} leaves`);
  return { ...edge, last: { xact, leafId } };
}

// Another's unfinished transaction could still write a leaf before one of a later transaction: those wait. The order is that
// of the column l.xact; a bare xact would be the text that is selected, in which 999 comes after 1000.
const FRESH_LEAVES = `
  SELECT l.xact::text AS xact, l.leaf_id::text AS "leafId",
         sha256('\\x00'::bytea || convert_to(l.bytes, 'UTF8')) AS hash
  FROM fare.audit_leaf AS l
  WHERE (l.xact, l.leaf_id) > ($1::xid8, $2::bigint) AND l.xact < pg_snapshot_xmin(pg_current_snapshot())
  ORDER BY l.xact, l.leaf_id LIMIT $3`;

async function freshLeaves(
  client: pg.PoolClient,
  last: LeafPosition,
  leavesMax: number,
): Promise<FreshLeaf[]> {
  const { rows } = await client.query<FreshLeaf>(FRESH_LEAVES, [last.xact, last.leafId, leavesMax]);
  return rows;
}

async function insertTiles(
  client: pg.PoolClient,
  full: readonly FullTile[],
  leafAt: (index: number) => LeafPosition,
): Promise<void> {
  if (full.length === 0) return;
  const lasts = full.map(({ level, n }) => (level === 0 ? leafAt((n + 1) * TILE_WIDTH - 1) : null));
  await client.query(
    `INSERT INTO fare.audit_tile (level, n, hashes, last_xact, last_leaf_id)
     SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[], $4::xid8[], $5::bigint[])`,
    [
      full.map(({ level }) => level),
      full.map(({ n }) => n),
      full.map(({ hashes }) => hashes),
      lasts.map((last) => last?.xact ?? null),
      lasts.map((last) => last?.leafId ?? null),
    ],
  );
}

async function insertCheckpoint(
  client: pg.PoolClient,
  sealed: { edge: TreeEdge; last: LeafPosition; config: AuditConfig; nowMs: number },
): Promise<void> {
  const { edge, last, config, nowMs } = sealed;
  const { rows } = await client.query<{ ordinal: number }>(
    'SELECT max(ordinal) AS ordinal FROM fare.audit_life',
  );
  const origin = originOfLife(config.origin, rows[0]?.ordinal ?? 1);
  const keys = config.privateKeys.map((key) => formatVerifier(noteVerifier(origin, 'log', key)));
  await client.query(
    `INSERT INTO fare.audit_key (vkey, first_used_ms) SELECT vkey, $2 FROM unnest($1::text[]) AS k (vkey)
     ON CONFLICT DO NOTHING`,
    [keys, nowMs],
  );
  const checkpoint: Checkpoint = { origin, size: edge.size, root: rootOfEdge(edge) };
  await client.query(
    `INSERT INTO fare.audit_checkpoint (size, origin, root, note, last_xact, last_leaf_id, signed_at_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [edge.size, origin, checkpoint.root, signCheckpoint(checkpoint, config), last.xact, last.leafId, nowMs],
  );
}

/** The signed note: by every key, so that whoever knows one of two keys can read it while keys change. */
function signCheckpoint(checkpoint: Checkpoint, { privateKeys }: AuditConfig): string {
  const text = formatCheckpoint(checkpoint);
  const lines = privateKeys.map((privateKey) => signNote(text, { name: checkpoint.origin, privateKey }));
  return `${text}\n${lines.join('')}`;
}

/** A restored log may lack what was signed before: under another origin it contradicts nobody. */
export function originOfLife(origin: string, ordinal: number): string {
  return ordinal === 1 ? origin : `${origin}/life-${ordinal}`;
}

function damaged(problem: string): OperatorError {
  return new OperatorError({
    code: 'AUDIT_TREE_DAMAGED',
    happened: `The audit log cannot go on: ${problem}.`,
    kept: 'Leaves are still written and wait; nothing was numbered or signed.',
    todo: 'Export the log and verify it (kvytok audit export, kvytok audit verify), keep both, and find out who changed the database.',
  });
}
