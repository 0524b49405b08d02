/**
 * Makes devices known to ingest: enrolment calls it under a role that may insert keys (`office_runtime`).
 */
import { createPublicKey } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';

export interface DeviceRegistration {
  readonly deviceId: string;
  /** Name of the key among the device's keys, e.g. `k1`. */
  readonly keyId: string;
  /** Ed25519, SPKI in PEM. */
  readonly publicKeyPem: string;
  /** From when it holds, UTC ms; kept as a fact, acceptance does not ask for it. */
  readonly validFromMs: number;
}

/** What became of a registration: `conflict` = another key stands under that name, and stays. */
export interface RegistrationOutcome {
  readonly deviceId: string;
  readonly keyId: string;
  readonly outcome: 'registered' | 'known' | 'conflict';
}

/**
 * Inserts keys, one statement for all. May be repeated. Nothing is ever replaced.
 * @throws TypeError when a key is not an Ed25519 public key.
 */
export async function registerDevices(
  database: Pool | PoolClient,
  registrations: readonly DeviceRegistration[],
): Promise<RegistrationOutcome[]> {
  for (const { deviceId, publicKeyPem } of registrations) {
    if (createPublicKey(publicKeyPem).asymmetricKeyType !== 'ed25519') {
      throw new TypeError(`the key of ${deviceId} is not an Ed25519 public key`);
    }
  }
  const columns = [
    registrations.map((r) => r.deviceId),
    registrations.map((r) => r.keyId),
    registrations.map((r) => r.publicKeyPem),
    registrations.map((r) => r.validFromMs),
  ];
  const inserted = await database.query<{ device_id: string; key_id: string }>(
    `INSERT INTO ingest.device_key (device_id, key_id, public_key_pem, valid_from_ms)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
     ON CONFLICT DO NOTHING RETURNING device_id, key_id`,
    columns,
  );
  const held = await database.query<{ device_id: string; key_id: string; public_key_pem: string }>(
    'SELECT device_id, key_id, public_key_pem FROM ingest.device_key WHERE device_id = ANY($1)',
    [columns[0]],
  );
  const fresh = new Set(inserted.rows.map((row) => `${row.device_id} ${row.key_id}`));
  const pems = new Map(held.rows.map((row) => [`${row.device_id} ${row.key_id}`, row.public_key_pem]));
  return registrations.map(({ deviceId, keyId, publicKeyPem }) => {
    const name = `${deviceId} ${keyId}`;
    const same = pems.get(name)?.trim() === publicKeyPem.trim();
    return { deviceId, keyId, outcome: !same ? 'conflict' : fresh.has(name) ? 'registered' : 'known' };
  });
}

/** Revokes a key from an instant on. May be repeated; the earliest instant counts. */
export async function revokeDeviceKey(
  database: Pool | PoolClient,
  revocation: { deviceId: string; keyId: string; revokedFromMs: number; reason: string },
): Promise<void> {
  const { deviceId, keyId, revokedFromMs, reason } = revocation;
  await database.query(
    `INSERT INTO ingest.device_key_revocation (device_id, key_id, revoked_from_ms, reason)
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [deviceId, keyId, revokedFromMs, reason],
  );
}
