/** The published deny list in PostgreSQL: one row holds the version, so it can only go up, whoever publishes. */
import type pg from 'pg';
import type { DenyDelta, DenyEntry } from '#contracts/deny-list.ts';
import { inTransaction } from '#platform/postgres.ts';
import { type DenyState, entryOf, type ListVersion, planDeltas } from '../deny-list/plan-publication.ts';

export interface PublishedList {
  readonly version: ListVersion;
  readonly entries: readonly DenyEntry[];
  /** What an earlier start left at the broker. */
  readonly retained: { readonly snapshotN: number; readonly snapshotChunks: number };
}

/** Media looked at in one turn. */
const TOKENS_MAX = 20_000;

/** Takes new facts and ended denials into the list; returns the deltas, already durable. Bounded per call. */
export async function advanceDenyList(pool: pg.Pool, nowMs: number): Promise<DenyDelta[]> {
  return inTransaction(pool, async (client) => {
    const { rows: heads } = await client.query<ListVersion>(
      'SELECT generation, n FROM fare.deny_list FOR UPDATE SKIP LOCKED',
    );
    const head = heads[0];
    if (head === undefined) return [];
    const touched = await loadTouched(client, nowMs);
    if (touched.states.length === 0) return [];
    const wanted = new Map(touched.states.map((state) => [state.tokenId, entryOf(state, nowMs)]));
    const deltas = planDeltas(head, touched.published, wanted);
    for (const delta of deltas) await storeDelta(client, delta);
    const last = deltas.at(-1);
    if (last !== undefined) await client.query('UPDATE fare.deny_list SET n = $1', [last.n]);
    return deltas;
  });
}

/** What waits in the queue and what has ended by now; both are taken from the queue with this transaction. */
async function loadTouched(
  client: pg.PoolClient,
  nowMs: number,
): Promise<{ states: DenyState[]; published: Map<string, DenyEntry> }> {
  const { rows } = await client.query<{ states: DenyState[] | null; published: DenyEntry[] | null }>(
    `WITH waiting AS (
       DELETE FROM fare.deny_queue WHERE queue_id IN (
         SELECT queue_id FROM fare.deny_queue ORDER BY queue_id LIMIT $2)
       RETURNING token_id),
     token AS MATERIALIZED (
       SELECT token_id FROM waiting
       UNION
       (SELECT token_id FROM fare.deny_published WHERE valid_until_ms <= $1 LIMIT $2))
     SELECT
       (SELECT json_agg(json_build_object('tokenId', e.token_id, 'action', e.action, 'reason', e.reason,
           'scope', e.scope, 'validFromMs', e.valid_from_ms, 'validUntilMs', e.valid_until_ms))
          FROM token CROSS JOIN LATERAL (
            SELECT * FROM fare.deny_entry d WHERE d.token_id = token.token_id
             ORDER BY known_from_ms DESC, entry_id DESC LIMIT 1) AS e) AS states,
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
    `WITH gone AS (DELETE FROM fare.deny_published WHERE token_id = ANY ($2::text[]))
     INSERT INTO fare.deny_published (token_id, entry, valid_until_ms)
     SELECT entry ->> 'tokenId', entry, (entry ->> 'validUntilMs')::bigint FROM json_array_elements($1) AS entry
     ON CONFLICT (token_id) DO UPDATE SET entry = excluded.entry, valid_until_ms = excluded.valid_until_ms`,
    [JSON.stringify(delta.add), delta.remove],
  );
}

/** The whole list at its version. */
export async function loadDenyList(pool: pg.Pool): Promise<PublishedList> {
  const { rows } = await pool.query<{
    generation: number;
    n: number;
    snapshot_n: number;
    snapshot_chunks: number;
    entries: DenyEntry[] | null;
  }>(
    `SELECT generation, n, snapshot_n, snapshot_chunks,
            (SELECT json_agg(entry ORDER BY token_id) FROM fare.deny_published) AS entries
     FROM fare.deny_list`,
  );
  const row = rows[0] as (typeof rows)[number];
  return {
    version: { generation: row.generation, n: row.n },
    entries: row.entries ?? [],
    retained: { snapshotN: row.snapshot_n, snapshotChunks: row.snapshot_chunks },
  };
}

/** Remembers which snapshot is retained at the broker, so that a later one can clear it. */
export async function rememberSnapshot(pool: pg.Pool, n: number, chunks: number): Promise<void> {
  await pool.query('UPDATE fare.deny_list SET snapshot_n = $1, snapshot_chunks = $2', [n, chunks]);
}
