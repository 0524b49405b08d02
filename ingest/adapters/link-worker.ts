/**
 * Takes what commits have queued, links it, and writes the projections. A device's row is locked meanwhile, so
 * several workers share the queue without stepping on each other.
 */
import type { Pool, PoolClient } from 'pg';
import { decodeJson } from '#contracts/parse.ts';
import type { EpochBody } from '#contracts/record.ts';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { inTransaction } from '#platform/postgres.ts';
import {
  addToSegments,
  type EpochFacts,
  type Follows,
  type Fork,
  judgeDevice,
  type LinkRecord,
  type Segment,
  summarizeEpoch,
} from '../link-chain.ts';

export interface LinkWorker {
  /** Something was queued. */
  wake(): void;
  /** Works until the queue is empty or the database is away. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

interface QueuedRange {
  readonly device_id: string;
  readonly epoch: string;
  readonly from_seq: bigint;
  readonly to_seq: bigint;
  readonly records: bigint;
  readonly taps: bigint;
  readonly received_at_ms: bigint;
}

const RANGES_AT_ONCE = 200;

/** Starts the linker; it looks by itself every `everyMs` and when woken. */
export function startLinkWorker(pool: Pool, everyMs: number, clock: Clock, log: Logger): LinkWorker {
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;

  async function work(): Promise<void> {
    try {
      do {
        again = false;
        while ((await linkSome(pool, clock.nowMs(), log)) === RANGES_AT_ONCE);
      } while (again);
    } catch (error) {
      log.debug({ problem: (error as Error).message }, 'ingest.link.away');
    }
  }
  const drain = (): Promise<void> => {
    again = true;
    running ??= work().finally(() => {
      running = undefined;
    });
    return running;
  };
  const timer = setInterval(() => void drain(), everyMs);
  return {
    wake: () => {
      if (!stopped) void drain();
    },
    drain,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await drain();
    },
  };
}

/** One transaction's worth; answers how many ranges were taken. */
async function linkSome(pool: Pool, nowMs: number, log: Logger): Promise<number> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<QueuedRange>(
      `DELETE FROM ingest.link_queue WHERE queue_id IN
         (SELECT queue_id FROM ingest.link_queue ORDER BY queue_id LIMIT ${RANGES_AT_ONCE} FOR UPDATE SKIP LOCKED)
       RETURNING device_id, epoch, from_seq, to_seq, records, taps, received_at_ms`,
    );
    if (rows.length === 0) return 0;
    const byDevice = Map.groupBy(rows, (row) => row.device_id);
    const deviceIds = [...byDevice.keys()].sort();
    await countRecords(client, deviceIds, byDevice);
    for (const deviceId of deviceIds) {
      const forks = await linkDevice(client, deviceId, byDevice.get(deviceId) as QueuedRange[], nowMs);
      for (const fork of forks) log.warn({ deviceId, ...fork }, 'ingest.link.fork');
    }
    return rows.length;
  });
}

/** Adds the counts and locks the devices' rows, in one order. */
async function countRecords(
  client: PoolClient,
  deviceIds: readonly string[],
  byDevice: ReadonlyMap<string, readonly QueuedRange[]>,
): Promise<void> {
  const sums = deviceIds.map((deviceId) => {
    const ranges = byDevice.get(deviceId) as readonly QueuedRange[];
    return {
      records: ranges.reduce((sum, r) => sum + r.records, 0n),
      taps: ranges.reduce((sum, r) => sum + r.taps, 0n),
      lastAtMs: ranges.reduce((last, r) => (r.received_at_ms > last ? r.received_at_ms : last), 0n),
    };
  });
  await client.query(
    `INSERT INTO ingest.link_device AS d (device_id, records, taps, last_record_at_ms)
     SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) AS o(device_id, records, taps, at_ms)
     ORDER BY device_id
     ON CONFLICT (device_id) DO UPDATE SET records = d.records + excluded.records, taps = d.taps + excluded.taps,
       last_record_at_ms = greatest(d.last_record_at_ms, excluded.last_record_at_ms)`,
    [deviceIds, sums.map((s) => s.records), sums.map((s) => s.taps), sums.map((s) => s.lastAtMs)],
  );
}

async function linkDevice(
  client: PoolClient,
  deviceId: string,
  ranges: readonly QueuedRange[],
  nowMs: number,
): Promise<Fork[]> {
  const forks: Fork[] = [];
  for (const [epoch, parts] of Map.groupBy(ranges, (range) => range.epoch)) {
    forks.push(...(await linkEpoch(client, deviceId, epoch, parts)));
  }
  const summary = judgeDevice(await readEpochs(client, deviceId));
  forks.push(...summary.forks);
  await client.query('UPDATE ingest.link_device SET gaps = $2, unlinked = $3 WHERE device_id = $1', [
    deviceId,
    summary.gaps,
    summary.unlinked,
  ]);
  return noteForks(client, deviceId, forks, nowMs);
}

/** Merges the new records of one epoch; answers its breaks. */
async function linkEpoch(
  client: PoolClient,
  deviceId: string,
  epoch: string,
  parts: readonly QueuedRange[],
): Promise<Fork[]> {
  const { rows: held } = await client.query<{
    from_seq: bigint;
    to_seq: bigint;
    first_prev: string;
    head: string;
  }>(
    `SELECT from_seq, to_seq, encode(first_prev, 'hex') AS first_prev, encode(head, 'hex') AS head
     FROM ingest.link_segment WHERE device_id = $1 AND epoch = $2 ORDER BY from_seq`,
    [deviceId, epoch],
  );
  const former = held.map((row): Segment => {
    return {
      fromSeq: Number(row.from_seq),
      toSeq: Number(row.to_seq),
      firstPrev: row.first_prev,
      head: row.head,
    };
  });
  const { rows } = await client.query<{ seq: bigint; prev: string; hash: string; first: string | null }>(
    `SELECT DISTINCT seq, encode(prev, 'hex') AS prev, encode(hash, 'hex') AS hash,
            CASE WHEN seq = 1 AND kind = 'epoch' THEN record END AS first
     FROM ingest.record AS r JOIN unnest($3::bigint[], $4::bigint[]) AS o(a, b) ON r.seq BETWEEN o.a AND o.b
     WHERE device_id = $1 AND epoch = $2`,
    [deviceId, epoch, parts.map((p) => p.from_seq), parts.map((p) => p.to_seq)],
  );
  const fresh = rows.map((row): LinkRecord => ({ seq: Number(row.seq), prev: row.prev, hash: row.hash }));
  const segments = addToSegments(former, fresh);
  await writeSegments(client, deviceId, epoch, former, segments);
  const { breaks, ...summary } = summarizeEpoch(segments);
  const follows = followsOf(rows.find((row) => row.first !== null)?.first ?? undefined);
  await writeEpoch(client, deviceId, { epoch, follows, summary });
  return breaks.map((seq) => ({ kind: 'broken-link', epoch, seq }));
}

/** Writes only the segments that changed. */
async function writeSegments(
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

async function writeEpoch(client: PoolClient, deviceId: string, facts: EpochFacts): Promise<void> {
  const { epoch, follows, summary } = facts;
  const named = follows.kind === 'epoch' ? follows : undefined;
  await client.query(
    `INSERT INTO ingest.link_epoch AS e
       (device_id, epoch, follows, follows_epoch, follows_seq, follows_head, last_seq, gaps, unlinked)
     VALUES ($1, $2, $3, $4, $5, decode($6, 'hex'), $7, $8, $9)
     ON CONFLICT (device_id, epoch) DO UPDATE SET
       follows = coalesce(e.follows, excluded.follows), follows_epoch = coalesce(e.follows_epoch, excluded.follows_epoch),
       follows_seq = coalesce(e.follows_seq, excluded.follows_seq),
       follows_head = coalesce(e.follows_head, excluded.follows_head),
       last_seq = excluded.last_seq, gaps = excluded.gaps, unlinked = excluded.unlinked`,
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
    ],
  );
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
}

async function readEpochs(client: PoolClient, deviceId: string): Promise<EpochFacts[]> {
  const { rows } = await client.query<EpochRow>(
    `SELECT e.epoch, e.follows, e.follows_epoch, e.follows_seq, encode(e.follows_head, 'hex') AS follows_head,
            encode(r.hash, 'hex') AS held_head, e.last_seq, e.gaps, e.unlinked
     FROM ingest.link_epoch AS e
     LEFT JOIN ingest.record AS r ON (r.device_id, r.epoch, r.seq) = (e.device_id, e.follows_epoch, e.follows_seq)
     WHERE e.device_id = $1 ORDER BY e.epoch`,
    [deviceId],
  );
  return rows.map((row) => ({
    epoch: row.epoch,
    follows: followsFromRow(row),
    summary: { lastSeq: Number(row.last_seq), gaps: Number(row.gaps), unlinked: Number(row.unlinked) },
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

/** Inserts the signs of forks; answers the ones that are new. */
async function noteForks(
  client: PoolClient,
  deviceId: string,
  forks: readonly Fork[],
  nowMs: number,
): Promise<Fork[]> {
  if (forks.length === 0) return [];
  const { rows } = await client.query<{ kind: Fork['kind']; epoch: string; seq: bigint }>(
    `INSERT INTO ingest.link_fork (device_id, kind, epoch, seq, noticed_at_ms)
     SELECT DISTINCT $1, k, e, s, $5::bigint FROM unnest($2::text[], $3::text[], $4::bigint[]) AS o(k, e, s)
     ON CONFLICT DO NOTHING RETURNING kind, epoch, seq`,
    [deviceId, forks.map((f) => f.kind), forks.map((f) => f.epoch), forks.map((f) => f.seq), nowMs],
  );
  return rows.map((row) => ({ kind: row.kind, epoch: row.epoch, seq: Number(row.seq) }));
}
