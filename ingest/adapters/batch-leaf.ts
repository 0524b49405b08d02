/**
 * Leaves of the audit log for what ingest accepts, written by the statement that accepts it: one for each device and epoch
 * of a commit, whose hash is over the hashes of its records in their order. Who has the records can check it; the log
 * holds none of them.
 */

/** @param accepted a subquery with device_id, epoch, seq, hash and received_at_ms */
export function batchLeaves(accepted: string): string {
  return `
  INSERT INTO fare.audit_leaf (kind, ref, bytes)
  SELECT 'batch', device_id || ' ' || epoch || ' ' || min(seq),
         json_build_object('v', 1, 'kind', 'batch', 'deviceId', device_id, 'epoch', epoch, 'fromSeq', min(seq),
           'toSeq', max(seq), 'records', count(*),
           'sha256', encode(sha256(string_agg(hash, ''::bytea ORDER BY seq)), 'hex'),
           'receivedAtMs', max(received_at_ms))::text
  FROM ${accepted} AS accepted GROUP BY device_id, epoch`;
}
