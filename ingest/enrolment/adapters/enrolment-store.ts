/** Enrolment's facts in PostgreSQL, under the role `enrolment_runtime`. */
import type { Pool, PoolClient } from 'pg';
import { OperatorError } from '#platform/errors.ts';
import { inTransaction } from '#platform/postgres.ts';
import type { EnrolmentStore, NewCertificate, NewSigningKey, StoredCertificate } from '../ports.ts';

interface CertificateRow {
  serial: string;
  client_id: string;
  role: string;
  tls_key: string;
  not_after_ms: bigint;
  certificate_pem: string;
  revoked: boolean;
}

const CERTIFICATE = `SELECT x.serial, x.client_id, c.role, encode(x.tls_key_sha256, 'hex') AS tls_key, x.not_after_ms,
  x.certificate_pem,
  EXISTS (SELECT FROM ingest.client_certificate_revocation AS r WHERE r.serial = x.serial) AS revoked
  FROM ingest.client_certificate AS x JOIN ingest.broker_client AS c USING (client_id)`;

/** Serialises what happens to one device; released at the end of the transaction. */
export async function lockDevice(client: PoolClient, deviceId: string): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('kvytok enrolment ' || $1, 0))`, [
    deviceId,
  ]);
}

// Taken out of service since this certificate was issued, and not brought back by a later code. The codes are looked at
// too because they are dated by the office's clock, as the revocation is, and the certificate by another one.
const GONE = `SELECT FROM ingest.device_revocation AS d JOIN ingest.client_certificate AS x ON x.client_id = d.device_id
  WHERE x.serial = $1 AND d.revoked_at_ms >= x.issued_at_ms AND NOT EXISTS (
    SELECT FROM ingest.enrolment_use AS u JOIN ingest.enrolment_code AS c USING (code_sha256)
    WHERE u.device_id = d.device_id AND c.issued_at_ms > d.revoked_at_ms) LIMIT 1`;

/** Opens the store over a pool. */
export function openEnrolmentStore(pool: Pool): EnrolmentStore {
  return {
    async findCode(codeSha256) {
      const { rows } = await pool.query<{
        device_id: string;
        vehicle_id: string | null;
        inspector: boolean;
        issued_at_ms: bigint;
        expires_at_ms: bigint;
        revoked_at_ms: bigint | null;
        key_id: string | null;
        tls_key: string | null;
      }>(
        `SELECT c.device_id, c.vehicle_id, c.inspector, c.issued_at_ms, c.expires_at_ms, u.key_id,
                encode(u.tls_key_sha256, 'hex') AS tls_key,
                (SELECT max(d.revoked_at_ms) FROM ingest.device_revocation AS d WHERE d.device_id = c.device_id) AS revoked_at_ms
         FROM ingest.enrolment_code AS c LEFT JOIN ingest.enrolment_use AS u USING (code_sha256)
         WHERE c.code_sha256 = $1`,
        [codeSha256],
      );
      const row = rows[0];
      return (
        row && {
          deviceId: row.device_id,
          vehicleId: row.vehicle_id ?? undefined,
          inspector: row.inspector,
          issuedAtMs: Number(row.issued_at_ms),
          expiresAtMs: Number(row.expires_at_ms),
          revokedAtMs: row.revoked_at_ms === null ? undefined : Number(row.revoked_at_ms),
          use:
            row.key_id === null || row.tls_key === null
              ? undefined
              : { keyId: row.key_id, tlsKeySha256: row.tls_key },
        }
      );
    },
    enrol: ({ codeSha256, use, key, certificate, nowMs }) =>
      inTransaction(pool, async (client) => {
        await lockDevice(client, key.deviceId);
        const { rowCount } = await client.query(
          `INSERT INTO ingest.enrolment_use (code_sha256, device_id, key_id, tls_key_sha256, used_at_ms)
           SELECT c.code_sha256, c.device_id, $2, decode($3, 'hex'), $4 FROM ingest.enrolment_code AS c
           WHERE c.code_sha256 = $1 AND NOT EXISTS (SELECT FROM ingest.device_revocation AS d
                                                    WHERE d.device_id = c.device_id AND d.revoked_at_ms >= c.issued_at_ms)
             AND NOT EXISTS (SELECT FROM ingest.broker_client AS b
                             WHERE b.client_id = c.device_id AND b.role <> 'device')
           ON CONFLICT DO NOTHING`,
          [codeSha256, use.keyId, use.tlsKeySha256, nowMs],
        );
        if (rowCount === 0) return 'taken';
        await claimClient(client, { clientId: key.deviceId, role: 'device', sinceMs: nowMs });
        // Whoever enrols anew takes the place of what was enrolled before under this name.
        await client.query(
          `INSERT INTO ingest.client_certificate_revocation (serial, revoked_at_ms, reason)
           SELECT serial, $2, 'enrolled anew' FROM ingest.client_certificate WHERE client_id = $1
           ON CONFLICT DO NOTHING`,
          [key.deviceId, nowMs],
        );
        await insertKey(client, key);
        await insertCertificate(client, certificate);
        return 'done';
      }),
    async roleOf(deviceId) {
      const { rows } = await pool.query<{ vehicle_id: string | null; inspector: boolean }>(
        `SELECT c.vehicle_id, c.inspector FROM ingest.enrolment_use AS u JOIN ingest.enrolment_code AS c USING (code_sha256)
         WHERE u.device_id = $1 ORDER BY u.used_at_ms DESC LIMIT 1`,
        [deviceId],
      );
      const row = rows[0];
      return row && { vehicleId: row.vehicle_id ?? undefined, inspector: row.inspector };
    },
    findCertificate: (serial) => oneCertificate(pool, `${CERTIFICATE} WHERE x.serial = $1`, serial),
    newestCertificate: (clientId) => oneCertificate(pool, NEWEST, clientId),
    async signingKeys(deviceId, cityMs) {
      const { rows } = await pool.query<{ public_key_pem: string }>(
        `SELECT k.public_key_pem FROM ingest.device_key AS k
         WHERE k.device_id = $1 AND NOT EXISTS (
           SELECT FROM ingest.device_key_revocation AS r
           WHERE r.device_id = k.device_id AND r.key_id = k.key_id AND r.revoked_from_ms <= $2)
         ORDER BY k.valid_from_ms DESC LIMIT 8`,
        [deviceId, cityMs],
      );
      return rows.map((row) => row.public_key_pem);
    },
    renew: ({ after, certificate, key, oldKeysUntilMs }) =>
      inTransaction(pool, async (client) => {
        await lockDevice(client, certificate.clientId);
        const newest = await oneCertificate(client, NEWEST, certificate.clientId);
        if (newest?.serial !== after || newest.revoked) return 'taken';
        if ((await client.query(GONE, [after])).rowCount !== 0) return 'taken';
        await insertCertificate(client, certificate);
        if (key) {
          await client.query(
            `INSERT INTO ingest.device_key_revocation (device_id, key_id, revoked_from_ms, reason)
             SELECT device_id, key_id, $2, 'replaced' FROM ingest.device_key WHERE device_id = $1 AND key_id <> $3
             ON CONFLICT DO NOTHING`,
            [key.deviceId, oldKeysUntilMs, key.keyId],
          );
          await insertKey(client, key);
        }
        return 'done';
      }),
    async alarm({ deviceId, kind, subject, atMs }) {
      await pool.query(
        `INSERT INTO ingest.enrolment_alarm (device_id, kind, subject, noticed_at_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING`,
        [deviceId, kind, subject, atMs],
      );
    },
  };
}

// Two issued within one millisecond: the one that is good longer, then the number, so that it is one for everybody.
const NEWEST = `${CERTIFICATE} WHERE x.client_id = $1 ORDER BY x.issued_at_ms DESC, x.not_after_ms DESC, x.serial LIMIT 1`;

async function oneCertificate(
  database: Pool | PoolClient,
  sql: string,
  value: string,
): Promise<StoredCertificate | undefined> {
  const { rows } = await database.query<CertificateRow>(sql, [value]);
  const row = rows[0];
  return (
    row && {
      serial: row.serial,
      clientId: row.client_id,
      role: row.role,
      tlsKeySha256: row.tls_key,
      notAfterMs: Number(row.not_after_ms),
      certificatePem: row.certificate_pem,
      revoked: row.revoked,
    }
  );
}

/** A client's name and what it is at the broker. */
export interface ClaimedClient {
  readonly clientId: string;
  readonly role: ClientRole;
  readonly sinceMs: number;
}

export type ClientRole = 'device' | 'ingest' | 'lists' | 'monitor';

/** Records the client unless it stands already. @throws OperatorError CLIENT_ROLE_TAKEN when it stands in another role. */
export async function claimClient(client: PoolClient, claim: ClaimedClient): Promise<void> {
  const { clientId, role, sinceMs } = claim;
  await client.query(
    `INSERT INTO ingest.broker_client (client_id, role, since_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    [clientId, role, Math.floor(sinceMs)],
  );
  await refuseOtherRole(client, clientId, role);
}

/** A name never changes its role. @throws OperatorError CLIENT_ROLE_TAKEN when this one stands in another. */
export async function refuseOtherRole(
  database: Pool | PoolClient,
  clientId: string,
  role: ClientRole,
): Promise<void> {
  const { rows } = await database.query<{ role: string }>(
    'SELECT role FROM ingest.broker_client WHERE client_id = $1',
    [clientId],
  );
  const known = rows[0]?.role;
  if (known === undefined || known === role) return;
  throw new OperatorError({
    code: 'CLIENT_ROLE_TAKEN',
    happened: `The name ${clientId} belongs to a client of role ${known}; it cannot become one of role ${role}.`,
    kept: 'That client, its certificates and its rights are as before; nothing was recorded.',
    todo: 'Choose another name.',
  });
}

async function insertKey(client: PoolClient, key: NewSigningKey): Promise<void> {
  await client.query(
    `INSERT INTO ingest.device_key (device_id, key_id, public_key_pem, valid_from_ms) VALUES ($1, $2, $3, $4)
     ON CONFLICT DO NOTHING`,
    [key.deviceId, key.keyId, key.publicKeyPem, key.validFromMs],
  );
}

/** Records a certificate; its client must stand already. */
export async function insertCertificate(
  client: Pool | PoolClient,
  certificate: NewCertificate,
): Promise<void> {
  await client.query(
    `INSERT INTO ingest.client_certificate
       (serial, client_id, tls_key_sha256, not_before_ms, not_after_ms, issued_at_ms, certificate_pem)
     VALUES ($1, $2, decode($3, 'hex'), $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    [
      certificate.serial,
      certificate.clientId,
      certificate.tlsKeySha256,
      Math.floor(certificate.notBeforeMs),
      Math.floor(certificate.notAfterMs),
      Math.floor(certificate.issuedAtMs),
      certificate.certificatePem,
    ],
  );
}
