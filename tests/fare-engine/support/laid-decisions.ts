/** Decisions about concession rides as transactions of any number would have written them, like the first one that a database has. */
import type pg from 'pg';

export interface LaidDecision {
  readonly tapId: string;
  /** From 1 on, without gaps; each supersedes the one before. */
  readonly revision: number;
  readonly day: string;
  /** Whether a budget owes for it. */
  readonly claimed: boolean;
  readonly xact: bigint;
}

/** Writes them with their taps. */
export async function layDecisions(client: pg.PoolClient, written: readonly LaidDecision[]): Promise<void> {
  await client.query(
    `INSERT INTO fare.tap SELECT (jsonb_populate_record(t, jsonb_build_object('tap_id', n.id, 'seq', n.seq, 'epoch', n.id))).*
     FROM fare.tap t CROSS JOIN unnest($1::text[]) WITH ORDINALITY AS n (id, seq)
     WHERE t.tap_id = (SELECT min(tap_id) FROM fare.tap)`,
    [[...new Set(written.map(({ tapId }) => tapId))]],
  );
  await client.query(
    `INSERT INTO fare.decision SELECT (jsonb_populate_record(d, jsonb_build_object('tap_id', w."tapId", 'revision', w.revision,
       'supersedes', nullif(w.revision - 1, 0), 'fare_day', w.day, 'claim_ride', w.claimed, 'concession_minor',
       CASE WHEN w.claimed THEN d.concession_minor ELSE 0 END, 'rider_minor',
       CASE WHEN w.claimed THEN d.rider_minor ELSE d.gross_minor END, 'kind', 'ride', 'xact', w.xact))).*
     FROM fare.decision d CROSS JOIN json_to_recordset($1) AS w ("tapId" text, revision int, day text, claimed boolean, xact text)
     WHERE (d.tap_id, d.revision) = (SELECT tap_id, revision FROM fare.decision WHERE claim_ride ORDER BY 1, 2 LIMIT 1)`,
    [JSON.stringify(written, (_key, value) => (typeof value === 'bigint' ? value.toString() : value))],
  );
}
