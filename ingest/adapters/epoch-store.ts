/** What the linker reads and writes of a device's epochs. The caller holds the device's row and its transaction. */
import type { PoolClient } from 'pg';
import { decodeJson } from '#contracts/parse.ts';
import type { EpochBody } from '#contracts/record.ts';
import type { EpochFacts, Follows, Fork, LinkRecord, Segment } from '../link-chain.ts';
import type { JournalMark } from '../mark-journals.ts';

/** What one commit brought of an epoch. */
interface Part {
  readonly from_seq: bigint;
  readonly to_seq: bigint;
  readonly received_at_ms: bigint;
  readonly alive_from_ms: bigint | null;
  readonly alive_to_ms: bigint | null;
}

/** Runs of linked records of an epoch, in order. */
export async function readSegments(client: PoolClient, deviceId: string, epoch: string): Promise<Segment[]> {
  const { rows } = await client.query<{ from_seq: bigint; to_seq: bigint; first_prev: string; head: string }>(
    `SELECT from_seq, to_seq, encode(first_prev, 'hex') AS first_prev, encode(head, 'hex') AS head
     FROM ingest.link_segment WHERE device_id = $1 AND epoch = $2 ORDER BY from_seq`,
    [deviceId, epoch],
  );
  return rows.map((row) => ({
    fromSeq: Number(row.from_seq),
    toSeq: Number(row.to_seq),
    firstPrev: row.first_prev,
    head: row.head,
  }));
}

/** The records of these parts, and what the epoch follows if its first record is among them. */
export async function readEpochRecords(
  client: PoolClient,
  deviceId: string,
  epoch: string,
  parts: readonly Part[],
): Promise<{ records: LinkRecord[]; follows: Follows }> {
  const { rows } = await client.query<{ seq: bigint; prev: string; hash: string; first: string | null }>(
    `SELECT DISTINCT seq, encode(prev, 'hex') AS prev, encode(hash, 'hex') AS hash,
            CASE WHEN seq = 1 AND kind = 'epoch' THEN record END AS first
     FROM ingest.record AS r JOIN unnest($3::bigint[], $4::bigint[]) AS o(a, b) ON r.seq BETWEEN o.a AND o.b
     WHERE device_id = $1 AND epoch = $2`,
    [deviceId, epoch, parts.map((p) => p.from_seq), parts.map((p) => p.to_seq)],
  );
  return {
    records: rows.map((row) => ({ seq: Number(row.seq), prev: row.prev, hash: row.hash })),
    follows: followsOf(rows.find((row) => row.first !== null)?.first ?? undefined),
  };
}

/** Hashes of what a copy of the journal has under numbers of this epoch. */
export async function readBranches(
  client: PoolClient,
  deviceId: string,
  epoch: string,
): Promise<Set<string>> {
  const { rows } = await client.query<{ hash: string }>(
    "SELECT encode(hash, 'hex') AS hash FROM ingest.branch_record WHERE device_id = $1 AND epoch = $2",
    [deviceId, epoch],
  );
  return new Set(rows.map((row) => row.hash));
}

/** Writes only the segments that changed. */
export async function writeSegments(
  client: PoolClient,
  deviceId: string,
  epoch: string,
  former: readonly Segment[],
  segments: readonly Segment[],
): Promise<void> {
  const nameOf = (s: Segment): string => `${s.fromSeq} ${s.toSeq} ${s.head}`;
  const stays = new Set(segments.map(nameOf));
  const was = new Set(former.map(nameOf));
  const gone = former.filter((s) => !stays.has(nameOf(s)));
  const made = segments.filter((s) => !was.has(nameOf(s)));
  await client.query(
    'DELETE FROM ingest.link_segment WHERE device_id = $1 AND epoch = $2 AND from_seq = ANY($3::bigint[])',
    [deviceId, epoch, gone.map((s) => s.fromSeq)],
  );
  await client.query(
    `INSERT INTO ingest.link_segment (device_id, epoch, from_seq, to_seq, first_prev, head)
     SELECT $1, $2, a, b, decode(p, 'hex'), decode(h, 'hex')
     FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[]) AS o(a, b, p, h)`,
    [
      deviceId,
      epoch,
      made.map((s) => s.fromSeq),
      made.map((s) => s.toSeq),
      made.map((s) => s.firstPrev),
      made.map((s) => s.head),
    ],
  );
}

function followsOf(text: string | undefined): Follows {
  if (text === undefined) return { kind: 'unknown' };
  const json = decodeJson(Buffer.from(text, 'utf8'), text.length * 4);
  // The record was checked against its schema when it was accepted.
  const follows = json.ok ? (json.value as { body: EpochBody }).body.follows : 'lost';
  return typeof follows === 'string' ? { kind: follows } : { kind: 'epoch', ...follows };
}

/** Writes an epoch's state; true when what it follows was not known before. */
export async function writeEpoch(
  client: PoolClient,
  deviceId: string,
  { epoch, follows, summary }: EpochFacts,
  parts: readonly Part[],
): Promise<boolean> {
  const named = follows.kind === 'epoch' ? follows : undefined;
  const { rows } = await client.query<{ known: boolean }>(
    `WITH part AS (
       SELECT min(received) AS first_ms, max(received) AS last_ms, min(a) AS alive_from_ms, max(b) AS alive_to_ms
       FROM unnest($11::bigint[], $12::bigint[], $13::bigint[]) AS o(received, a, b)
     ), before AS (
       SELECT follows FROM ingest.link_epoch WHERE device_id = $1 AND epoch = $2
     )
     INSERT INTO ingest.link_epoch AS e
       (device_id, epoch, follows, follows_epoch, follows_seq, follows_head, last_seq, gaps, unlinked, linked_to_seq,
        first_received_at_ms, last_received_at_ms, alive_from_ms, alive_to_ms)
     SELECT $1, $2, $3, $4, $5::bigint, decode($6, 'hex'), $7, $8, $9, $10::bigint, first_ms, last_ms, alive_from_ms, alive_to_ms
     FROM part
     ON CONFLICT (device_id, epoch) DO UPDATE SET
       follows = coalesce(e.follows, excluded.follows), follows_epoch = coalesce(e.follows_epoch, excluded.follows_epoch),
       follows_seq = coalesce(e.follows_seq, excluded.follows_seq),
       follows_head = coalesce(e.follows_head, excluded.follows_head),
       last_seq = excluded.last_seq, gaps = excluded.gaps, unlinked = excluded.unlinked,
       linked_to_seq = excluded.linked_to_seq,
       first_received_at_ms = least(e.first_received_at_ms, excluded.first_received_at_ms),
       last_received_at_ms = greatest(e.last_received_at_ms, excluded.last_received_at_ms),
       alive_from_ms = least(e.alive_from_ms, excluded.alive_from_ms),
       alive_to_ms = greatest(e.alive_to_ms, excluded.alive_to_ms)
     RETURNING (SELECT follows IS NOT NULL FROM before) AS known`,
    [
      deviceId,
      epoch,
      follows.kind === 'unknown' ? null : follows.kind,
      named?.epoch ?? null,
      named?.seq ?? null,
      named?.head ?? null,
      summary.lastSeq,
      summary.gaps,
      summary.unlinked,
      summary.linkedToSeq,
      parts.map((p) => p.received_at_ms),
      parts.map((p) => p.alive_from_ms),
      parts.map((p) => p.alive_to_ms),
    ],
  );
  return follows.kind !== 'unknown' && rows[0]?.known !== true;
}

interface EpochRow {
  readonly epoch: string;
  readonly follows: 'none' | 'lost' | 'epoch' | null;
  readonly follows_epoch: string;
  readonly follows_seq: bigint;
  readonly follows_head: string;
  readonly held_head: string | null;
  readonly last_seq: bigint;
  readonly gaps: bigint;
  readonly unlinked: bigint;
  readonly linked_to_seq: bigint | null;
  readonly alive_from_ms: bigint | null;
  readonly alive_to_ms: bigint | null;
  readonly key_ids: string[];
}

/** All epochs of a device. */
export async function readEpochs(client: PoolClient, deviceId: string): Promise<EpochFacts[]> {
  const { rows } = await client.query<EpochRow>(
    `SELECT e.epoch, e.follows, e.follows_epoch, e.follows_seq, encode(e.follows_head, 'hex') AS follows_head,
            encode(r.hash, 'hex') AS held_head, e.last_seq, e.gaps, e.unlinked, e.linked_to_seq, e.alive_from_ms,
            e.alive_to_ms,
            ARRAY(SELECT key_id FROM ingest.epoch_key AS k WHERE (k.device_id, k.epoch) = (e.device_id, e.epoch)
                  ORDER BY key_id) AS key_ids
     FROM ingest.link_epoch AS e
     LEFT JOIN ingest.record AS r ON (r.device_id, r.epoch, r.seq) = (e.device_id, e.follows_epoch, e.follows_seq)
     WHERE e.device_id = $1 ORDER BY e.epoch`,
    [deviceId],
  );
  return rows.map((row) => ({
    epoch: row.epoch,
    follows: followsFromRow(row),
    summary: {
      lastSeq: Number(row.last_seq),
      gaps: Number(row.gaps),
      unlinked: Number(row.unlinked),
      linkedToSeq: row.linked_to_seq === null ? null : Number(row.linked_to_seq),
    },
    keyIds: row.key_ids,
    ...(row.alive_from_ms !== null && {
      alive: { fromMs: Number(row.alive_from_ms), toMs: Number(row.alive_to_ms) },
    }),
  }));
}

function followsFromRow(row: EpochRow): Follows {
  if (row.follows !== 'epoch') return { kind: row.follows ?? 'unknown' };
  const named = {
    kind: 'epoch',
    epoch: row.follows_epoch,
    seq: Number(row.follows_seq),
    head: row.follows_head,
  } as const;
  return row.held_head === null ? named : { ...named, heldHead: row.held_head };
}

/** Every sign that this device's journal exists twice; of each kind and epoch the first number is enough. */
export async function readForks(client: PoolClient, deviceId: string): Promise<Fork[]> {
  const { rows } = await client.query<{ kind: Fork['kind']; epoch: string; seq: bigint }>(
    `SELECT DISTINCT ON (kind, epoch) kind, epoch, seq FROM ingest.link_fork WHERE device_id = $1
     ORDER BY kind, epoch, seq`,
    [deviceId],
  );
  return rows.map((row) => ({ kind: row.kind, epoch: row.epoch, seq: Number(row.seq) }));
}

/** Tells the fare engine the marks that have changed since it was told last. */
export async function tellMarks(
  client: PoolClient,
  deviceId: string,
  marks: readonly JournalMark[],
  nowMs: number,
): Promise<void> {
  await client.query(
    `WITH changed AS (
       UPDATE ingest.link_epoch AS e SET told_mark = o.name
       FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])
         AS o(epoch, linked_to_seq, forked_from_seq, forked_from_ms, name)
       WHERE e.device_id = $1 AND e.epoch = o.epoch AND e.told_mark <> o.name
       RETURNING o.*
     )
     INSERT INTO fare.journal_mark (device_id, epoch, linked_to_seq, forked_from_seq, forked_from_ms, known_from_ms)
     SELECT $1, epoch, linked_to_seq, forked_from_seq, forked_from_ms, $7 FROM changed`,
    [
      deviceId,
      marks.map((m) => m.epoch),
      marks.map((m) => m.linkedToSeq),
      marks.map((m) => m.forkedFromSeq),
      marks.map((m) => m.forkedFromMs),
      marks.map((m) => `${m.linkedToSeq ?? ''}/${m.forkedFromSeq ?? ''}/${m.forkedFromMs ?? ''}`),
      nowMs,
    ],
  );
}
