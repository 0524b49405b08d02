/**
 * The registered keys of all devices, in memory. Keys and revocations are only ever added, so their counts tell
 * whether anything is new.
 */
import { createPublicKey } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Logger } from '#platform/logger.ts';
import type { DeviceKey, KeysOf } from '../model.ts';

export interface DeviceRegistry {
  readonly keysOf: KeysOf;
  /** Whether the device was known at the last look. */
  knows(deviceId: string): boolean;
  /**
   * Looks anew if one of these is unknown, so that whoever was registered before the call is known after it; never
   * more often than every {@link RELOOK_MS}. Never throws: when the database is away the old keys stay.
   */
  learn(deviceIds: Iterable<string>): Promise<void>;
  stop(): void;
}

const RELOOK_MS = 50;

/** Reads the registry and keeps it fresh. */
export async function openDeviceRegistry(pool: Pool, everyMs: number, log: Logger): Promise<DeviceRegistry> {
  let keys: ReadonlyMap<string, readonly DeviceKey[]> = new Map();
  let stamp = '';
  let looking: Promise<void> | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;

  async function look(): Promise<void> {
    const { rows } = await pool.query<{ stamp: string }>(
      `SELECT (SELECT count(*) FROM ingest.device_key) || ' ' ||
              (SELECT count(*) FROM ingest.device_key_revocation) AS stamp`,
    );
    const now = rows[0]?.stamp ?? '';
    if (now === stamp) return;
    keys = await readKeys(pool, log);
    stamp = now;
    log.debug({ devices: keys.size }, 'ingest.registry.read');
  }
  const refresh = (): Promise<void> => {
    looking ??= look().finally(() => {
      looking = undefined;
      lookedAt = performance.now();
    });
    return looking;
  };
  const quietly = (): Promise<void> =>
    refresh().catch((error: Error) => log.debug({ problem: error.message }, 'ingest.registry.away'));

  await refresh();
  const timer = setInterval(() => void quietly(), everyMs);
  timer.unref();
  return {
    keysOf: (deviceId) => keys.get(deviceId) ?? [],
    knows: (deviceId) => keys.has(deviceId),
    async learn(deviceIds) {
      const wanted = [...deviceIds];
      if (wanted.every((deviceId) => keys.has(deviceId))) return;
      // A look that is under way may have begun before the registration: it does not count.
      await looking?.catch(() => {});
      const waitMs = lookedAt + RELOOK_MS - performance.now();
      if (waitMs > 0) await delay(waitMs);
      await quietly();
    },
    stop: () => clearInterval(timer),
  };
}

async function readKeys(pool: Pool, log: Logger): Promise<Map<string, DeviceKey[]>> {
  const { rows } = await pool.query<{
    device_id: string;
    key_id: string;
    public_key_pem: string;
    revoked_from_ms: bigint | null;
  }>(
    `SELECT k.device_id, k.key_id, k.public_key_pem, min(r.revoked_from_ms) AS revoked_from_ms
     FROM ingest.device_key AS k LEFT JOIN ingest.device_key_revocation AS r USING (device_id, key_id)
     GROUP BY k.device_id, k.key_id ORDER BY k.device_id, k.valid_from_ms DESC, k.key_id DESC`,
  );
  const keys = new Map<string, DeviceKey[]>();
  for (const row of rows) {
    try {
      const key = {
        keyId: row.key_id,
        publicKey: createPublicKey(row.public_key_pem),
        revokedFromMs: row.revoked_from_ms === null ? null : Number(row.revoked_from_ms),
      };
      const known = keys.get(row.device_id);
      if (known) known.push(key);
      else keys.set(row.device_id, [key]);
    } catch {
      log.error({ deviceId: row.device_id, keyId: row.key_id }, 'ingest.registry.key-unreadable');
    }
  }
  return keys;
}
