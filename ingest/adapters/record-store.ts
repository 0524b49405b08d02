/**
 * Makes a group of verdicts durable in one transaction. One statement inserts the records, hands the new ones to the
 * fare engine's inbox and queues them for the linker; a further one runs only when something was there already.
 */
import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '#platform/postgres.ts';
import type { Probe } from '#platform/probe.ts';
import { joinAlive } from '../alive.ts';
import type { Fork } from '../link-chain.ts';
import type { AcceptedRecord, QuarantinedItem } from '../model.ts';
import { createQuarantineQuota, type QuarantineQuota, type QuotaLimits } from '../quarantine-quota.ts';
import { batchLeaves } from './batch-leaf.ts';
import { takeBranches } from './branch-store.ts';
import { openDatabaseLife, type ReceiptTerms } from './database-life.ts';
import { noteForks } from './fork-notes.ts';

/** What a commit found out. */
export interface CommitOutcome {
  /** Records that were not there before. */
  readonly inserted: number;
  /** Records that came under a number at which other bytes stand; they are in quarantine. */
  readonly conflicts: ReadonlySet<AcceptedRecord>;
  /** Those of them that were taken in now, each under a branch of its own; a repetition is not counted. */
  readonly branched: number;
  /** Signs that a journal exists twice, seen for the first time. */
  readonly forks: readonly (Fork & { readonly deviceId: string })[];
  /** Of proven devices whose quarantine is full: not held, so nothing may be receipted for them. */
  readonly withheld: ReadonlySet<AcceptedRecord | QuarantinedItem>;
  /** What receipts of this commit may say of backups; read after it. */
  readonly terms: ReceiptTerms;
}

export interface RecordStore {
  /** Life of this database; made at the first start. */
  readonly incarnation: string;
  /**
   * Commits a group. When it throws, the outcome may be unknown: nothing may be receipted, and the same group may
   * be committed again.
   */
  commit(
    records: readonly AcceptedRecord[],
    quarantined: readonly QuarantinedItem[],
    nowMs: number,
  ): Promise<CommitOutcome>;
}

/**
 * Opens the store: reads or makes the incarnation, and counts what is in quarantine.
 * @throws OperatorError DATABASE_RESTORED when the database was restored and no new life was begun.
 */
export async function openRecordStore(
  pool: Pool,
  options: { readonly quota: QuotaLimits & ProvenLimit; readonly probe: Probe; readonly nowMs: number },
): Promise<RecordStore> {
  const life = await openDatabaseLife(pool, options.nowMs);
  const quota = createQuarantineQuota(options.quota, await readKept(pool, false));
  const proven = createQuarantineQuota(
    { itemsPerDeviceMax: options.quota.provenItemsPerDeviceMax, itemsMax: Infinity, bytesMax: Infinity },
    await readKept(pool, true),
  );
  return {
    incarnation: life.incarnation,
    async commit(records, quarantined, nowMs) {
      const kept: QuarantinedItem[] = [];
      const outcome = await inTransaction(pool, async (client) => {
        await options.probe('ingest.before-insert');
        const inserted = records.length > 0 ? await insertRecords(client, records) : 0;
        const conflicts = inserted < records.length ? await findConflicts(client, records) : [];
        const sources = new Map<QuarantinedItem, AcceptedRecord | QuarantinedItem>(
          quarantined.map((item) => [item, item]),
        );
        for (const conflict of conflicts) sources.set(conflictItem(conflict), conflict);
        const items = [...sources.keys()];
        const beyond = items.length > 0 ? await beyondProven(client, items, proven) : new Set();
        const room = items.filter((item) => !beyond.has(item));
        if (items.length > 0) kept.push(...(await keepAside(client, room, quota, nowMs)));
        if (beyond.size > 0)
          await countUncollected(client, 'batch', 'INGEST_QUARANTINE_FULL', beyond.size, nowMs);
        const withheld = new Set(
          items.filter((item) => beyond.has(item)).map((item) => sources.get(item) ?? item),
        );
        const branched = await takeBranches(
          client,
          conflicts.filter((record) => !withheld.has(record)),
        );
        const signs = conflicts.map((record) => ({ ...record, kind: 'same-number' as const }));
        const forks = await noteForks(client, signs, nowMs);
        await options.probe('ingest.before-commit');
        return { inserted, conflicts: new Set(conflicts), branched, forks, withheld };
      });
      for (const item of kept) (item.authentic ? proven : quota).add(item.deviceId, item.payload.byteLength);
      return { ...outcome, terms: await life.terms() };
    },
  };
}

/** Bound of what one proven device may have in quarantine. */
export interface ProvenLimit {
  readonly provenItemsPerDeviceMax: number;
}

/** Items of proven devices for which there is no room, and that are not held already from an earlier offer. */
async function beyondProven(
  client: PoolClient,
  items: readonly QuarantinedItem[],
  proven: QuarantineQuota,
): Promise<Set<unknown>> {
  const full = items.filter((item) => item.authentic && !proven.hasRoom(item.deviceId, 0));
  if (full.length === 0) return new Set();
  const { rows } = await client.query<{ n: number }>(
    `SELECT o.n::int AS n
     FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])
          WITH ORDINALITY AS o(device_id, epoch, seq, reason, hash, n)
     JOIN ingest.quarantine AS q ON q.reason = o.reason AND q.hash = decode(o.hash, 'hex')
      AND q.device_id = o.device_id AND q.epoch = o.epoch AND q.seq = o.seq`,
    [
      full.map((i) => i.deviceId),
      full.map((i) => i.epoch),
      full.map((i) => i.seq),
      full.map((i) => i.reason),
      full.map((i) => i.hash),
    ],
  );
  const held = new Set(rows.map((row) => full[row.n - 1]));
  return new Set(full.filter((item) => !held.has(item)));
}

async function readKept(
  pool: Pool,
  authentic: boolean,
): Promise<{ deviceId: string | null; items: number; bytes: number }[]> {
  const { rows } = await pool.query<{ device_id: string | null; items: bigint; bytes: bigint }>(
    `SELECT device_id, count(*) AS items, coalesce(sum(octet_length(payload)), 0)::bigint AS bytes
     FROM ingest.quarantine WHERE authentic = $1 GROUP BY device_id`,
    [authentic],
  );
  return rows.map((row) => ({ deviceId: row.device_id, items: Number(row.items), bytes: Number(row.bytes) }));
}

// The order of insertion is the same in every transaction, so two of them that overlap wait instead of deadlocking.
const INSERT_RECORDS = `
WITH inserted AS (
  INSERT INTO ingest.record (device_id, epoch, seq, kind, prev, hash, record, flags, received_at_ms)
  SELECT device_id, epoch, seq, kind, decode(prev, 'hex'), decode(hash, 'hex'), record, flags::text[], received_at_ms
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[])
       AS o(device_id, epoch, seq, kind, prev, hash, record, flags, received_at_ms)
  ORDER BY device_id, epoch, seq
  ON CONFLICT (device_id, epoch, seq) DO NOTHING
  RETURNING device_id, epoch, seq, kind, hash, record, flags, received_at_ms
), handed_on AS (
  INSERT INTO fare.record_inbox (device_id, epoch, seq, kind, hash, record, flags, received_at_ms)
  SELECT device_id, epoch, seq, kind, hash, record, flags, received_at_ms FROM inserted
), evidence AS (
  SELECT * FROM unnest($10::text[], $11::text[], $12::text[], $13::bigint[], $14::bigint[])
       AS e(device_id, epoch, key_id, alive_from_ms, alive_to_ms)
), signed AS (
  INSERT INTO ingest.epoch_key (device_id, epoch, key_id)
  SELECT DISTINCT device_id, epoch, key_id FROM inserted JOIN evidence USING (device_id, epoch)
  WHERE key_id IS NOT NULL ORDER BY device_id, epoch, key_id
  ON CONFLICT DO NOTHING
), witnessed AS (${batchLeaves('(SELECT device_id, epoch, seq, hash, received_at_ms FROM inserted)')}
), queued AS (
  INSERT INTO ingest.link_queue
    (device_id, epoch, from_seq, to_seq, records, taps, received_at_ms, alive_from_ms, alive_to_ms)
  SELECT i.device_id, i.epoch, min(seq), max(seq), count(*), count(*) FILTER (WHERE kind = 'tap'), max(received_at_ms),
         min(e.alive_from_ms), max(e.alive_to_ms)
  FROM inserted AS i
  JOIN (SELECT device_id, epoch, min(alive_from_ms) AS alive_from_ms, max(alive_to_ms) AS alive_to_ms
        FROM evidence GROUP BY device_id, epoch) AS e USING (device_id, epoch)
  GROUP BY i.device_id, i.epoch
)
SELECT count(*)::int AS inserted FROM inserted`;

/** Per epoch and signing key: when the journal was in use. Said again of records that were there, it changes nothing. */
function evidenceOf(records: readonly AcceptedRecord[]): readonly AcceptedRecord[] {
  const evidence = new Map<string, AcceptedRecord>();
  for (const record of records) {
    const key = `${record.deviceId} ${record.epoch} ${record.keyId}`;
    const alive = joinAlive(evidence.get(key)?.alive ?? null, record.alive);
    evidence.set(key, { ...record, alive });
  }
  return [...evidence.values()];
}

async function insertRecords(client: PoolClient, records: readonly AcceptedRecord[]): Promise<number> {
  const evidence = evidenceOf(records);
  const { rows } = await client.query<{ inserted: number }>({
    name: 'insert-records',
    text: INSERT_RECORDS,
    values: [
      records.map((r) => r.deviceId),
      records.map((r) => r.epoch),
      records.map((r) => r.seq),
      records.map((r) => r.kind),
      records.map((r) => r.prev),
      records.map((r) => r.hash),
      records.map((r) => r.text),
      // Flags are words in capitals: nothing in them needs quoting.
      records.map((r) => `{${r.flags.join(',')}}`),
      records.map((r) => r.receivedAtMs),
      evidence.map((e) => e.deviceId),
      evidence.map((e) => e.epoch),
      evidence.map((e) => e.keyId),
      evidence.map((e) => e.alive?.fromMs ?? null),
      evidence.map((e) => e.alive?.toMs ?? null),
    ],
  });
  return (rows[0] as { inserted: number }).inserted;
}

const FIND_CONFLICTS = `
SELECT o.n::int AS n
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) WITH ORDINALITY AS o(device_id, epoch, seq, hash, n)
JOIN ingest.record AS r USING (device_id, epoch, seq)
WHERE r.hash <> decode(o.hash, 'hex')
ORDER BY o.n`;

/** Which of these stand under a number that holds other bytes. Runs after the insert and sees what others committed. */
async function findConflicts(
  client: PoolClient,
  records: readonly AcceptedRecord[],
): Promise<AcceptedRecord[]> {
  const { rows } = await client.query<{ n: number }>(FIND_CONFLICTS, [
    records.map((r) => r.deviceId),
    records.map((r) => r.epoch),
    records.map((r) => r.seq),
    records.map((r) => r.hash),
  ]);
  return rows.map((row) => records[row.n - 1] as AcceptedRecord);
}

function conflictItem(record: AcceptedRecord): QuarantinedItem {
  return {
    deviceId: record.deviceId,
    epoch: record.epoch,
    seq: record.seq,
    reason: 'INGEST_CONFLICT',
    detail: `another record stands under number ${record.seq}`,
    hash: record.hash,
    payload: Buffer.from(record.text, 'utf8'),
    authentic: true,
    receivedAtMs: record.receivedAtMs,
  };
}

/** Inserts what is kept and counts what is beyond the quota; answers the items that were not there before. */
async function keepAside(
  client: PoolClient,
  items: readonly QuarantinedItem[],
  quota: QuarantineQuota,
  nowMs: number,
): Promise<QuarantinedItem[]> {
  const [kept, beyond]: [QuarantinedItem[], QuarantinedItem[]] = [[], []];
  for (const item of items) {
    const room = item.authentic || quota.hasRoom(item.deviceId, item.payload.byteLength);
    (room ? kept : beyond).push(item);
  }
  // In one order everywhere, so two transactions never wait for each other crosswise.
  beyond.sort((a, b) => a.reason.localeCompare(b.reason));
  for (const [reason, group] of Map.groupBy(beyond, (item) => item.reason)) {
    await countUncollected(client, 'batch', reason, group.length, nowMs);
  }
  if (kept.length === 0) return [];
  const { rows } = await client.query<{ n: number }>(KEEP_ASIDE, [
    kept.map((i) => i.deviceId),
    kept.map((i) => i.epoch),
    kept.map((i) => i.seq),
    kept.map((i) => i.reason),
    kept.map((i) => i.detail.replaceAll('\0', '')),
    kept.map((i) => i.hash),
    kept.map((i) => Buffer.from(i.payload).toString('hex')),
    kept.map((i) => i.authentic),
    kept.map((i) => i.receivedAtMs),
  ]);
  const fresh = new Set(rows.map((row) => JSON.stringify(row)));
  return kept.filter(({ reason, hash, deviceId, epoch, seq }) =>
    fresh.delete(
      JSON.stringify({ reason, hash, device_id: deviceId, epoch, seq: seq === null ? null : String(seq) }),
    ),
  );
}

const KEEP_ASIDE = `
INSERT INTO ingest.quarantine (device_id, epoch, seq, reason, detail, hash, payload, authentic, received_at_ms)
SELECT device_id, epoch, seq, reason, detail, decode(hash, 'hex'), decode(payload, 'hex'), authentic, received_at_ms
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::bigint[])
     AS o(device_id, epoch, seq, reason, detail, hash, payload, authentic, received_at_ms)
ORDER BY reason, hash, device_id, epoch, seq
ON CONFLICT DO NOTHING
RETURNING reason, encode(hash, 'hex') AS hash, device_id, epoch, seq::text AS seq`;

/** Adds to the counters of what is not kept. */
export async function countUncollected(
  client: Pool | PoolClient,
  source: 'batch' | 'report',
  reason: string,
  items: number,
  nowMs: number,
): Promise<void> {
  await client.query(
    `INSERT INTO ingest.uncollected AS u (source, reason, items, last_at_ms) VALUES ($1, $2, $3, $4)
     ON CONFLICT (source, reason) DO UPDATE
     SET items = u.items + excluded.items, last_at_ms = greatest(u.last_at_ms, excluded.last_at_ms)`,
    [source, reason, items, nowMs],
  );
}
