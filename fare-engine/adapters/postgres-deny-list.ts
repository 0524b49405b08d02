/** The published deny list in PostgreSQL: one row holds the version, so it can only go up, whoever publishes. */
import type pg from 'pg';
import { DENY_ENTRIES_MAX, type DenyDelta, type DenyEntry } from '#contracts/deny-list.ts';
import { inTransaction } from '#platform/postgres.ts';
import {
  type DenyState,
  entriesAfter,
  entryOf,
  type ListVersion,
  planDeltas,
} from '../deny-list/plan-publication.ts';
import { kinTable } from './kin-statements.ts';

/** Where the list stands, and what of it is at the broker. */
export interface ListStatus {
  readonly version: ListVersion;
  readonly entries: number;
  /** The statement that began the generation; null in the first. */
  readonly generationProof: string | null;
  /** The newest snapshot of this generation that is wholly published. */
  readonly snapshot: SnapshotStatus | null;
  /** Snapshots and deltas at the broker that this snapshot has made superfluous. */
  readonly leftOver: number;
}

export interface SnapshotStatus extends ListVersion {
  readonly chunks: number;
  readonly sha256: string;
}

/** Media looked at in one turn. */
const TOKENS_MAX = 20_000;

/** Takes new facts and ended denials into the list; gives how many versions it went on by. Bounded per call. */
export async function advanceDenyList(pool: pg.Pool, nowMs: number): Promise<number> {
  return inTransaction(pool, async (client) => {
    const { rows: heads } = await client.query<ListVersion & { entries: number }>(
      'SELECT generation, n, entries FROM fare.deny_list FOR UPDATE SKIP LOCKED',
    );
    const head = heads[0];
    if (head === undefined) return 0;
    const touched = await loadTouched(client, nowMs);
    if (touched.states.length === 0) return 0;
    const wanted = new Map(touched.states.map((state) => [state.tokenId, entryOf(state, nowMs)]));
    const { generation, n } = head;
    const deltas = planDeltas({ generation, n }, touched.published, wanted);
    const last = deltas.at(-1);
    if (last === undefined) return 0;
    for (const delta of deltas) await storeDelta(client, delta);
    await client.query('UPDATE fare.deny_list SET n = $1, entries = $2', [
      last.n,
      entriesAfter(head.entries, touched.published, deltas),
    ]);
    return deltas.length;
  });
}

/** What waits in the queue and what has ended by now; both are taken from the queue with this transaction. */
async function loadTouched(
  client: pg.PoolClient,
  nowMs: number,
): Promise<{ states: DenyState[]; published: Map<string, DenyEntry> }> {
  const { rows } = await client.query<{ states: DenyState[] | null; published: DenyEntry[] | null }>(
    `WITH RECURSIVE waiting AS (
       DELETE FROM fare.deny_queue WHERE queue_id IN (
         SELECT queue_id FROM fare.deny_queue ORDER BY queue_id LIMIT $2)
       RETURNING token_id),
     touched AS MATERIALIZED (
       SELECT token_id FROM waiting
       UNION
       (SELECT token_id FROM fare.deny_published WHERE valid_until_ms <= $1 LIMIT $2)),
     ${kinTable('kin', 'SELECT token_id FROM touched', 'medium')},
     token AS MATERIALIZED (SELECT DISTINCT token_id FROM kin),
     said AS (
       SELECT k.seed, d.* FROM kin k CROSS JOIN LATERAL (
         SELECT * FROM (
           SELECT entry_id::text, action, reason, scope, valid_from_ms, valid_until_ms, known_from_ms
             FROM fare.deny_entry e WHERE e.token_id = k.token_id
           UNION ALL
           SELECT ref, 'deny', reason, 'all', valid_from_ms, NULL, known_from_ms
             FROM fare.card_denial c WHERE c.token_id = k.token_id) AS e
          ORDER BY known_from_ms DESC, entry_id DESC LIMIT 1) AS d),
     -- The latest word on any token of a medium is the word on all of them.
     last AS (SELECT DISTINCT ON (seed) * FROM said ORDER BY seed, known_from_ms DESC, entry_id DESC),
     -- Without a word it is not denied: what denied it was taken back with its station.
     state AS (SELECT DISTINCT ON (k.token_id) k.token_id, coalesce(last.action, 'allow') AS action, last.reason,
         last.scope, coalesce(last.valid_from_ms, 0) AS valid_from_ms, last.valid_until_ms
         FROM kin k LEFT JOIN last USING (seed) ORDER BY k.token_id)
     SELECT
       (SELECT json_agg(json_build_object('tokenId', e.token_id, 'action', e.action, 'reason', e.reason,
           'scope', e.scope, 'validFromMs', e.valid_from_ms, 'validUntilMs', e.valid_until_ms)) FROM state e) AS states,
       (SELECT json_agg(p.entry) FROM token JOIN fare.deny_published p USING (token_id)) AS published`,
    [nowMs, TOKENS_MAX],
  );
  const row = rows[0];
  return {
    states: row?.states ?? [],
    published: new Map((row?.published ?? []).map((entry) => [entry.tokenId, entry])),
  };
}

async function storeDelta(client: pg.PoolClient, delta: DenyDelta): Promise<void> {
  await client.query(
    `WITH gone AS (DELETE FROM fare.deny_published WHERE token_id = ANY ($2::text[])),
     kept AS (INSERT INTO fare.deny_delta (generation, n, body) VALUES ($3, $4, $5))
     INSERT INTO fare.deny_published (token_id, entry, valid_until_ms)
     SELECT entry ->> 'tokenId', entry, (entry ->> 'validUntilMs')::bigint FROM json_array_elements($1) AS entry
     ON CONFLICT (token_id) DO UPDATE SET entry = excluded.entry, valid_until_ms = excluded.valid_until_ms`,
    [JSON.stringify(delta.add), delta.remove, delta.generation, delta.n, JSON.stringify(delta)],
  );
}

/** Where the list stands now. */
export async function loadListStatus(pool: pg.Pool): Promise<ListStatus> {
  const { rows } = await pool.query<{
    generation: number;
    n: number;
    entries: number;
    generation_proof: string | null;
    snapshot: SnapshotStatus | null;
    left_over: bigint;
  }>(
    `WITH newest AS (
       SELECT s.* FROM fare.deny_snapshot s JOIN fare.deny_list l USING (generation)
        WHERE s.sha256 IS NOT NULL ORDER BY s.n DESC LIMIT 1)
     SELECT l.generation, l.n, l.entries, l.generation_proof,
       (SELECT json_build_object('generation', generation, 'n', n, 'chunks', chunks, 'sha256', sha256) FROM newest)
         AS snapshot,
       (SELECT count(*) FROM fare.deny_snapshot s, newest WHERE (s.generation, s.n) < (newest.generation, newest.n))
       + (SELECT count(*) FROM fare.deny_delta d, newest WHERE (d.generation, d.n) <= (newest.generation, newest.n))
         AS left_over
     FROM fare.deny_list l`,
  );
  const row = rows[0] as (typeof rows)[number];
  const { generation, n, entries, snapshot } = row;
  const leftOver = Number(row.left_over);
  return { version: { generation, n }, entries, generationProof: row.generation_proof, snapshot, leftOver };
}

/** Deltas after a version of a generation, in order, at most so many. */
export async function loadDeltas(pool: pg.Pool, after: ListVersion, max: number): Promise<DenyDelta[]> {
  const { rows } = await pool.query<{ body: DenyDelta }>(
    'SELECT body FROM fare.deny_delta WHERE generation = $1 AND n > $2 ORDER BY n LIMIT $3',
    [after.generation, after.n, max],
  );
  return rows.map((row) => row.body);
}

/**
 * Reads the list at one version, a chunk's entries at a time in the order of their tokens. What is read belongs to
 * the version that is handed to `begin`, whatever is written meanwhile.
 */
export async function readSnapshot(
  pool: pg.Pool,
  begin: (version: ListVersion, entries: number) => Promise<void>,
  take: (entries: readonly DenyEntry[]) => Promise<void>,
): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows: heads } = await client.query<ListVersion & { entries: number }>(
      'SELECT generation, n, entries FROM fare.deny_list',
    );
    const { generation, n, entries } = heads[0] as (typeof heads)[number];
    await begin({ generation, n }, entries);
    for (let after = ''; ; ) {
      const { rows } = await client.query<{ entry: DenyEntry }>(
        'SELECT entry FROM fare.deny_published WHERE token_id > $1 ORDER BY token_id LIMIT $2',
        [after, DENY_ENTRIES_MAX],
      );
      const last = rows.at(-1);
      if (last === undefined) return;
      await take(rows.map((row) => row.entry));
      after = last.entry.tokenId;
    }
  });
}

/** Says that chunks of a snapshot may be at the broker from now on; with `sha256`, that all are. */
export async function noteSnapshot(
  pool: pg.Pool,
  version: ListVersion,
  chunks: number,
  sha256: string | null,
): Promise<void> {
  await pool.query(
    `INSERT INTO fare.deny_snapshot (generation, n, chunks, sha256) VALUES ($1, $2, $3, $4)
     ON CONFLICT (generation, n) DO UPDATE SET
       chunks = CASE WHEN excluded.sha256 IS NULL THEN greatest(deny_snapshot.chunks, excluded.chunks)
                     ELSE excluded.chunks END,
       sha256 = excluded.sha256`,
    [version.generation, version.n, chunks, sha256],
  );
}

/** What a snapshot has made superfluous at the broker. */
export async function loadLeftOver(
  pool: pg.Pool,
  snapshot: ListVersion,
): Promise<{ snapshots: (ListVersion & { chunks: number })[]; deltas: ListVersion[] }> {
  const versions = [snapshot.generation, snapshot.n];
  const snapshots = await pool.query<ListVersion & { chunks: number }>(
    'SELECT generation, n, chunks FROM fare.deny_snapshot WHERE (generation, n) < ($1, $2)',
    versions,
  );
  const deltas = await pool.query<ListVersion>(
    'SELECT generation, n FROM fare.deny_delta WHERE (generation, n) <= ($1, $2)',
    versions,
  );
  return { snapshots: snapshots.rows, deltas: deltas.rows };
}

/** Forgets what was cleared at the broker. */
export async function forgetLeftOver(pool: pg.Pool, snapshot: ListVersion): Promise<void> {
  const versions = [snapshot.generation, snapshot.n];
  await pool.query('DELETE FROM fare.deny_snapshot WHERE (generation, n) < ($1, $2)', versions);
  await pool.query('DELETE FROM fare.deny_delta WHERE (generation, n) <= ($1, $2)', versions);
}
