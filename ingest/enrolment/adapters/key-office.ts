/** The office's word on the city's own signing keys, under the role `office_runtime`. */

import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import type { Pool } from 'pg';
import type { KeyUse, PinKeys } from '#contracts/command.ts';
import { type CitySigner, sealEnvelope } from '#contracts/signed-envelope.ts';

export interface Announced {
  readonly issuedAtMs: number;
  readonly keyIds: readonly string[];
}

/**
 * Announces the keys of a use from now on, sealed by one that devices believe. Later than every former word, whatever
 * the clock says.
 */
export async function announceKeys(
  pool: Pool,
  order: {
    readonly use: KeyUse;
    /** Public or private keys; only the public halves go out. */
    readonly keys: ReadonlyMap<string, KeyObject>;
    readonly by: CitySigner;
    readonly nowMs: number;
    readonly announcedBy: string;
  },
): Promise<Announced> {
  const { use, by } = order;
  const { rows } = await pool.query<{ last: bigint | null }>(
    'SELECT max(issued_at_ms) AS last FROM ingest.key_announcement WHERE use = $1',
    [use],
  );
  const issuedAtMs = Math.max(order.nowMs, Number(rows[0]?.last ?? -1) + 1);
  const keys = Object.fromEntries([...order.keys].map(([keyId, key]) => [keyId, publicPem(key)]));
  const announcement: PinKeys = { v: 1, use, keys, issuedAtMs };
  const envelope = sealEnvelope('pin-keys', announcement, by).toString('utf8');
  await pool.query(
    `INSERT INTO ingest.key_announcement (use, issued_at_ms, key_ids, envelope, announced_by) VALUES ($1, $2, $3, $4, $5)`,
    [use, issuedAtMs, Object.keys(keys), envelope, order.announcedBy],
  );
  return { issuedAtMs, keyIds: Object.keys(keys) };
}

function publicPem(key: KeyObject): string {
  const half = key.type === 'private' ? createPublicKey(key) : key;
  return half.export({ type: 'spki', format: 'pem' }).toString();
}

/** How far a change of keys has come. */
export interface KeyProgress {
  readonly use: KeyUse;
  readonly keyIds: readonly string[];
  readonly announcedAtMs: number;
  readonly followed: number;
  /** Devices that believe other keys still, or have not said what they believe. */
  readonly behind: readonly string[];
}

/** Looks which devices believe the keys of the last announcement of each use. */
export async function keyProgress(pool: Pool): Promise<KeyProgress[]> {
  const { rows: last } = await pool.query<{ use: KeyUse; key_ids: string[]; issued_at_ms: bigint }>(
    `SELECT DISTINCT ON (use) use, key_ids, issued_at_ms FROM ingest.key_announcement ORDER BY use, issued_at_ms DESC`,
  );
  const { rows: devices } = await pool.query<{ device_id: string; pinned: Record<KeyUse, string[]> | null }>(
    `SELECT device_id, health -> 'pinned' AS pinned FROM ingest.published_device ORDER BY device_id`,
  );
  return last.map(({ use, key_ids: keyIds, issued_at_ms }) => {
    const wanted = [...keyIds].sort().join(' ');
    const behind = devices.filter(({ pinned }) => [...(pinned?.[use] ?? [])].sort().join(' ') !== wanted);
    return {
      use,
      keyIds,
      announcedAtMs: Number(issued_at_ms),
      followed: devices.length - behind.length,
      behind: behind.map(({ device_id }) => device_id),
    };
  });
}
