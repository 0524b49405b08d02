/** Signs that a device's journal exists twice: each is noted once, and is an alarm when it is new. */
import type { Pool, PoolClient } from 'pg';
import type { Logger } from '#platform/logger.ts';
import type { Fork } from '../link-chain.ts';

export type DeviceFork = Fork & { readonly deviceId: string };

/** Inserts signs; answers the ones that are new. */
export async function noteForks(
  client: Pool | PoolClient,
  forks: readonly DeviceFork[],
  nowMs: number,
): Promise<DeviceFork[]> {
  if (forks.length === 0) return [];
  const { rows } = await client.query<{ device_id: string; kind: Fork['kind']; epoch: string; seq: bigint }>(
    `INSERT INTO ingest.link_fork (device_id, kind, epoch, seq, noticed_at_ms)
     SELECT DISTINCT d, k, e, s, $5::bigint
     FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS o(d, k, e, s)
     ORDER BY d, k, e, s ON CONFLICT DO NOTHING RETURNING device_id, kind, epoch, seq`,
    [
      forks.map((f) => f.deviceId),
      forks.map((f) => f.kind),
      forks.map((f) => f.epoch),
      forks.map((f) => f.seq),
      nowMs,
    ],
  );
  return rows.map(({ device_id, kind, epoch, seq }) => ({
    deviceId: device_id,
    kind,
    epoch,
    seq: Number(seq),
  }));
}

/** One line for each epoch and kind, with the first number; operators watch for `ingest.journal.forked`. */
export function alarmForks(log: Logger, forks: readonly DeviceFork[]): void {
  const groups = Map.groupBy(forks, ({ deviceId, epoch, kind }) => `${deviceId} ${epoch} ${kind}`);
  for (const group of groups.values()) {
    const { deviceId, epoch, kind } = group[0] as DeviceFork;
    const seq = group.reduce((least, fork) => Math.min(least, fork.seq), Number.MAX_SAFE_INTEGER);
    log.error({ deviceId, epoch, kind, seq, signs: group.length }, 'ingest.journal.forked');
  }
}
