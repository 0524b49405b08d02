/**
 * Takes what commits have queued, links it, and writes the projections. A device's row is locked meanwhile, so
 * several workers share the queue without stepping on each other.
 */
import type { Pool, PoolClient } from 'pg';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { inTransaction } from '#platform/postgres.ts';
import type { Probe } from '#platform/probe.ts';
import { addToSegments, type Fork, judgeDevice, summarizeEpoch } from '../link-chain.ts';
import { markJournals } from '../mark-journals.ts';
import {
  readBranches,
  readEpochRecords,
  readEpochs,
  readForks,
  readSegments,
  tellMarks,
  writeEpoch,
  writeSegments,
} from './epoch-store.ts';
import { alarmForks, type DeviceFork, noteForks } from './fork-notes.ts';

export interface LinkWorker {
  /** Something was queued. */
  wake(): void;
  /** Works until the queue is empty or the database is away. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** A row of the queue: consecutive or not, the range encloses what one commit brought of an epoch. */
export interface QueuedRange {
  readonly device_id: string;
  readonly epoch: string;
  readonly from_seq: bigint;
  readonly to_seq: bigint;
  readonly records: bigint;
  readonly taps: bigint;
  readonly received_at_ms: bigint;
  readonly alive_from_ms: bigint | null;
  readonly alive_to_ms: bigint | null;
}

const RANGES_AT_ONCE = 200;

export interface LinkWorkerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Named point: `ingest.link.before-commit`. */
  readonly probe: Probe;
}

/** Starts the linker; it looks by itself every `everyMs` and when woken. */
export function startLinkWorker(pool: Pool, everyMs: number, deps: LinkWorkerDeps): LinkWorker {
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;

  async function work(): Promise<void> {
    try {
      do {
        again = false;
        while ((await linkSome(pool, deps)) === RANGES_AT_ONCE);
      } while (again);
    } catch (error) {
      deps.log.debug({ problem: (error as Error).message }, 'ingest.link.away');
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
async function linkSome(pool: Pool, { clock, log, probe }: LinkWorkerDeps): Promise<number> {
  const nowMs = clock.nowMs();
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<QueuedRange>(
      `DELETE FROM ingest.link_queue WHERE queue_id IN
         (SELECT queue_id FROM ingest.link_queue ORDER BY queue_id LIMIT ${RANGES_AT_ONCE} FOR UPDATE SKIP LOCKED)
       RETURNING device_id, epoch, from_seq, to_seq, records, taps, received_at_ms, alive_from_ms, alive_to_ms`,
    );
    if (rows.length === 0) return 0;
    const byDevice = Map.groupBy(rows, (row) => row.device_id);
    const deviceIds = [...byDevice.keys()].sort();
    await countRecords(client, deviceIds, byDevice);
    for (const deviceId of deviceIds) {
      const found = await linkDevice(client, deviceId, byDevice.get(deviceId) as QueuedRange[], nowMs);
      alarmForks(log, found.forks);
      for (const lost of found.lost) log.warn({ deviceId, ...lost }, 'ingest.journal.lost');
    }
    await probe('ingest.link.before-commit');
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

interface Found {
  /** Signs of a copied journal that are new. */
  readonly forks: readonly DeviceFork[];
  /** Epochs that say that their journal was lost, heard of for the first time. */
  readonly lost: readonly { readonly epoch: string }[];
}

async function linkDevice(
  client: PoolClient,
  deviceId: string,
  ranges: readonly QueuedRange[],
  nowMs: number,
): Promise<Found> {
  const forks: Fork[] = [];
  const lost: { epoch: string }[] = [];
  for (const [epoch, parts] of Map.groupBy(ranges, (range) => range.epoch)) {
    const linked = await linkEpoch(client, deviceId, epoch, parts);
    forks.push(...linked.forks);
    if (linked.saysLost) lost.push({ epoch });
  }
  const epochs = await readEpochs(client, deviceId);
  const summary = judgeDevice(epochs);
  await client.query('UPDATE ingest.link_device SET gaps = $2, unlinked = $3 WHERE device_id = $1', [
    deviceId,
    summary.gaps,
    summary.unlinked,
  ]);
  const signs = [...forks, ...summary.forks].map((fork) => ({ deviceId, ...fork }));
  const fresh = await noteForks(client, signs, nowMs);
  await tellMarks(
    client,
    deviceId,
    markJournals(epochs, [...summary.forks, ...(await readForks(client, deviceId))]),
    nowMs,
  );
  return { forks: fresh, lost };
}

/** Merges the new records of one epoch; answers its breaks. */
async function linkEpoch(
  client: PoolClient,
  deviceId: string,
  epoch: string,
  parts: readonly QueuedRange[],
): Promise<{ forks: Fork[]; saysLost: boolean }> {
  const former = await readSegments(client, deviceId, epoch);
  const { records, follows } = await readEpochRecords(client, deviceId, epoch, parts);
  const segments = addToSegments(former, records);
  await writeSegments(client, deviceId, epoch, former, segments);
  const branches = segments.length > 1 ? await readBranches(client, deviceId, epoch) : new Set<string>();
  const { breaks, ...summary } = summarizeEpoch(segments, branches);
  const first = await writeEpoch(client, deviceId, { epoch, follows, summary }, parts);
  return {
    forks: breaks.map((seq) => ({ kind: 'broken-link', epoch, seq })),
    saysLost: follows.kind === 'lost' && first,
  };
}
