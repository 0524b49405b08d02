/**
 * Takes in what a copied journal has under numbers that are taken. The signature holds and the passenger was let on, so
 * the record goes to the fare engine like any other, under a branch that its own hash names: once, whatever is repeated.
 */
import type { PoolClient } from 'pg';
import { branchOf } from '#contracts/hash-chain.ts';
import type { FlagCode } from '#contracts/reason-codes.ts';
import type { AcceptedRecord } from '../model.ts';
import { batchLeaves } from './batch-leaf.ts';

const MARK: FlagCode = 'FORKED_EPOCH';

// The linker counts branch records with the epoch they claim; its segments know only what stands under the numbers.
const TAKE_BRANCHES = `
WITH offered AS MATERIALIZED (
  SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[])
    AS o(device_id, epoch, seq, hash, kind, branch, record, flags, received_at_ms)
), taken AS (
  INSERT INTO ingest.branch_record (device_id, epoch, seq, hash, kind, branch, received_at_ms)
  SELECT device_id, epoch, seq, decode(hash, 'hex'), kind, branch, received_at_ms FROM offered
  ORDER BY device_id, epoch, seq, hash
  ON CONFLICT DO NOTHING
  RETURNING device_id, epoch, seq, hash, kind, branch, received_at_ms
), handed_on AS (
  INSERT INTO fare.record_inbox (device_id, epoch, seq, kind, hash, record, flags, received_at_ms)
  SELECT t.device_id, t.branch, t.seq, t.kind, t.hash, o.record, o.flags::text[], t.received_at_ms
  FROM taken AS t JOIN offered AS o USING (device_id, branch)
), witnessed AS (${batchLeaves('(SELECT device_id, branch AS epoch, seq, hash, received_at_ms FROM taken)')}
), queued AS (
  INSERT INTO ingest.link_queue (device_id, epoch, from_seq, to_seq, records, taps, received_at_ms)
  SELECT device_id, epoch, min(seq), max(seq), count(*), count(*) FILTER (WHERE kind = 'tap'), max(received_at_ms)
  FROM taken GROUP BY device_id, epoch
)
SELECT count(*)::int AS taken FROM taken`;

/** Takes these records in; answers how many had not been taken in before. */
export async function takeBranches(
  client: PoolClient,
  conflicts: readonly AcceptedRecord[],
): Promise<number> {
  // The same record twice in one group is one record.
  const byBranch = new Map(conflicts.map((record) => [branchOf(record), record]));
  if (byBranch.size === 0) return 0;
  const records = [...byBranch.values()];
  const { rows } = await client.query<{ taken: number }>(TAKE_BRANCHES, [
    records.map((r) => r.deviceId),
    records.map((r) => r.epoch),
    records.map((r) => r.seq),
    records.map((r) => r.hash),
    records.map((r) => r.kind),
    [...byBranch.keys()],
    records.map((r) => r.text),
    records.map((r) => `{${[...r.flags, MARK].join(',')}}`),
    records.map((r) => r.receivedAtMs),
  ]);
  return (rows[0] as { taken: number }).taken;
}
