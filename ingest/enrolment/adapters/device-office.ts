/** What the office does about devices and certificates, under the role `office_runtime`. */
import type { Pool, PoolClient } from 'pg';
import { OperatorError } from '#platform/errors.ts';
import { inTransaction } from '#platform/postgres.ts';
import { codeOf, hashOfCode } from '../codes.ts';
import type { NewCertificate } from '../ports.ts';
import {
  type ClientRole,
  claimClient,
  insertCertificate,
  lockDevice,
  refuseOtherRole,
} from './enrolment-store.ts';

/** A one-time code as it is shown, once. */
export interface NewCode {
  readonly code: string;
  readonly expiresAtMs: number;
}

/**
 * Makes a code for a device; only its hash is stored.
 * @throws OperatorError CLIENT_ROLE_TAKEN when the name belongs to a part of the city.
 */
export async function makeCode(
  pool: Pool,
  order: {
    readonly deviceId: string;
    readonly vehicleId: string | undefined;
    /** For an inspector's device; it gets the inspection key. */
    readonly inspector?: boolean;
    readonly random: Uint8Array;
    readonly nowMs: number;
    readonly validMs: number;
    readonly issuedBy: string;
  },
): Promise<NewCode> {
  await refuseOtherRole(pool, order.deviceId, 'device');
  const code = codeOf(order.random);
  const expiresAtMs = order.nowMs + order.validMs;
  // A device that was taken out of service in this very millisecond must not void its new code.
  const { rows } = await pool.query<{ at: bigint | null }>(
    'SELECT max(revoked_at_ms) AS at FROM ingest.device_revocation WHERE device_id = $1',
    [order.deviceId],
  );
  const issuedAtMs = Math.max(order.nowMs, Number(rows[0]?.at ?? -1) + 1);
  await pool.query(
    `INSERT INTO ingest.enrolment_code (code_sha256, device_id, vehicle_id, issued_at_ms, expires_at_ms, issued_by,
       inspector)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [
      hashOfCode(code),
      order.deviceId,
      order.vehicleId ?? null,
      issuedAtMs,
      expiresAtMs,
      order.issuedBy,
      order.inspector ?? false,
    ],
  );
  return { code, expiresAtMs };
}

/** What taking a device out of service changed. */
export interface Revocation {
  readonly keys: number;
  readonly certificates: number;
}

/**
 * Takes back every certificate of a part of the city. May be repeated; how many were good until now.
 * @throws OperatorError CLIENT_NOT_A_SERVICE when the name is a device's or nobody's.
 */
export function revokeService(
  pool: Pool,
  order: { readonly clientId: string; readonly reason: string; readonly nowMs: number },
): Promise<number> {
  const { clientId, reason, nowMs } = order;
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ role: string }>(
      'SELECT role FROM ingest.broker_client WHERE client_id = $1',
      [clientId],
    );
    const role = rows[0]?.role;
    if (role === undefined || role === 'device')
      throw new OperatorError({
        code: 'CLIENT_NOT_A_SERVICE',
        happened: `${clientId} is ${role === undefined ? 'nobody that is known' : 'a device'}, not a part of the city.`,
        kept: 'Nothing was taken back.',
        todo: `A device is taken out of service by: kvytok device revoke ${clientId} --reason TEXT`,
      });
    const { rowCount } = await client.query(REVOKE_CERTIFICATES, [clientId, nowMs, reason]);
    return rowCount ?? 0;
  });
}

const REVOKE_CERTIFICATES = `
  INSERT INTO ingest.client_certificate_revocation (serial, revoked_at_ms, reason)
  SELECT serial, $2, $3 FROM ingest.client_certificate WHERE client_id = $1 ON CONFLICT DO NOTHING`;

/**
 * Takes a device out of service: its keys and certificates at once, and every code from before. What it has signed and
 * not delivered yet is quarantined from now on, not lost. May be repeated.
 * @throws OperatorError CLIENT_NOT_A_DEVICE when the name belongs to a part of the city.
 */
export function revokeDevice(
  pool: Pool,
  order: {
    readonly deviceId: string;
    readonly reason: string;
    readonly revokedBy: string;
    readonly nowMs: number;
  },
): Promise<Revocation> {
  const { deviceId, reason, revokedBy, nowMs } = order;
  return inTransaction(pool, async (client) => {
    // An enrolment or renewal under way ends first: what it records is taken back too.
    await lockDevice(client, deviceId);
    await refuseService(client, deviceId);
    await client.query(
      `INSERT INTO ingest.device_revocation (device_id, revoked_at_ms, reason, revoked_by)
       VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
      [deviceId, nowMs, reason, revokedBy],
    );
    // From 0 on: whatever clock the city lives by, nothing signed by them is taken any more.
    const keys = await client.query(
      `INSERT INTO ingest.device_key_revocation (device_id, key_id, revoked_from_ms, reason)
       SELECT device_id, key_id, 0, $2 FROM ingest.device_key WHERE device_id = $1 ON CONFLICT DO NOTHING`,
      [deviceId, reason],
    );
    const certificates = await client.query(REVOKE_CERTIFICATES, [deviceId, nowMs, reason]);
    return { keys: keys.rowCount ?? 0, certificates: certificates.rowCount ?? 0 };
  });
}

async function refuseService(client: PoolClient, deviceId: string): Promise<void> {
  const { rows } = await client.query<{ role: string }>(
    `SELECT role FROM ingest.broker_client WHERE client_id = $1 AND role <> 'device'`,
    [deviceId],
  );
  const role = rows[0]?.role;
  if (role === undefined) return;
  throw new OperatorError({
    code: 'CLIENT_NOT_A_DEVICE',
    happened: `${deviceId} is a part of the city, a client of role ${role}, and not a device.`,
    kept: 'Nothing was taken back; it goes on.',
    todo: `Its certificates are taken back by: kvytok ca revoke ${deviceId} --reason TEXT`,
  });
}

/** Devices that were taken out of service and have not been enrolled anew since. */
export async function revokedDevices(pool: Pool): Promise<Set<string>> {
  const { rows } = await pool.query<{ device_id: string }>(
    `SELECT DISTINCT d.device_id FROM ingest.device_revocation AS d WHERE NOT EXISTS (
       SELECT FROM ingest.enrolment_use AS u WHERE u.device_id = d.device_id AND u.used_at_ms > d.revoked_at_ms)`,
  );
  return new Set(rows.map((row) => row.device_id));
}

/** A device as the office lists it. */
export interface ListedDevice {
  readonly deviceId: string;
  /** When its certificate ends, real time; null when it has none that is good. */
  readonly certificateUntilMs: number | null;
  readonly signingKeys: number;
  readonly revokedAtMs: number | null;
  /** A code that was given out and neither used nor voided waits for it. */
  readonly codeWaits: boolean;
  readonly alarms: readonly string[];
}

/** All devices that have a key, a code or a revocation. */
export async function listDevices(pool: Pool, nowMs: number): Promise<ListedDevice[]> {
  const { rows } = await pool.query<{
    device_id: string;
    until: bigint | null;
    keys: bigint;
    revoked: bigint | null;
    waits: boolean;
    alarms: string[] | null;
  }>(
    `SELECT d.device_id,
       (SELECT max(x.not_after_ms) FROM ingest.client_certificate AS x
        WHERE x.client_id = d.device_id AND x.not_after_ms > $1 AND NOT EXISTS (
          SELECT FROM ingest.client_certificate_revocation AS r WHERE r.serial = x.serial)) AS until,
       (SELECT count(*) FROM ingest.device_key AS k WHERE k.device_id = d.device_id AND NOT EXISTS (
          SELECT FROM ingest.device_key_revocation AS r
          WHERE r.device_id = k.device_id AND r.key_id = k.key_id AND r.revoked_from_ms = 0)) AS keys,
       (SELECT max(v.revoked_at_ms) FROM ingest.device_revocation AS v WHERE v.device_id = d.device_id) AS revoked,
       EXISTS (SELECT FROM ingest.enrolment_code AS c WHERE c.device_id = d.device_id AND c.expires_at_ms > $1
         AND NOT EXISTS (SELECT FROM ingest.enrolment_use AS u WHERE u.code_sha256 = c.code_sha256)
         AND NOT EXISTS (SELECT FROM ingest.device_revocation AS v
                         WHERE v.device_id = c.device_id AND v.revoked_at_ms >= c.issued_at_ms)) AS waits,
       (SELECT array_agg(DISTINCT a.kind ORDER BY a.kind) FROM ingest.enrolment_alarm AS a
        WHERE a.device_id = d.device_id) AS alarms
     FROM (SELECT device_id FROM ingest.device_key UNION SELECT device_id FROM ingest.enrolment_code
           UNION SELECT device_id FROM ingest.device_revocation) AS d ORDER BY d.device_id`,
    [nowMs],
  );
  return rows.map((row) => ({
    deviceId: row.device_id,
    certificateUntilMs: row.until === null ? null : Number(row.until),
    signingKeys: Number(row.keys),
    revokedAtMs: row.revoked === null ? null : Number(row.revoked),
    codeWaits: row.waits,
    alarms: row.alarms ?? [],
  }));
}

/** A client with the certificate it shall be known by. */
export interface ClientToRecord {
  readonly role: ClientRole;
  readonly certificate: NewCertificate;
}

/**
 * Records certificates that were issued beside the service: those of the city's own services, or of a whole fleet.
 * @throws OperatorError CLIENT_ROLE_TAKEN when a name belongs to a client of another role; then none is recorded.
 */
export async function recordClients(pool: Pool, clients: readonly ClientToRecord[]): Promise<void> {
  await inTransaction(pool, async (client) => {
    for (const { role, certificate } of clients) {
      const { clientId, issuedAtMs: sinceMs } = certificate;
      await claimClient(client, { clientId, role, sinceMs });
      await insertCertificate(client, certificate);
    }
  });
}
