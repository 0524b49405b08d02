/**
 * Who may connect. Each client has a name and a role, and proves itself by a certificate of its own or, on a plain
 * listener of the loopback, by a secret of its own; the broker holds the certificate's number, and the secret's hash.
 *
 * A certificate must have been signed by the city's authority *and* stand here: what was never recorded, or was
 * revoked, is refused although its signature holds. Secrets are 256 random bits, so a plain SHA-256 is enough: there is
 * no dictionary to try.
 */
import { createHash, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { DeviceId, Sha256Hex } from '#contracts/ids.ts';
import { decodeJson, type Parsed, parserOf, refuse } from '#contracts/parse.ts';

export const BrokerRole = Type.Union([
  Type.Literal('device'),
  Type.Literal('ingest'),
  Type.Literal('lists'),
  Type.Literal('monitor'),
]);
export type BrokerRole = Static<typeof BrokerRole>;

/** Most clients in one identities file. */
export const CLIENTS_MAX = 20_000;
/** Largest identities file in bytes. */
export const IDENTITIES_BYTES_MAX = 8 * 1024 * 1024;

/** Certificates of one client that are good at the same time: the present one, its successor, and some in reserve. */
export const CERTIFICATES_MAX = 8;
/** Serial number in lower-case hex, as X.509 has it (RFC 5280, 4.1.2.2: at most 20 bytes). */
const CertificateSerial = Type.String({ pattern: '^[0-9a-f]{2,40}$' });

const IdentitiesFile = Type.Object({
  v: Type.Literal(1),
  clients: Type.Array(
    Type.Object(
      {
        clientId: DeviceId,
        role: BrokerRole,
        secretSha256: Type.Optional(Sha256Hex),
        secretPbkdf2: Type.Optional(
          Type.String({ pattern: '^\\$7\\$[1-9][0-9]{0,5}(\\$[A-Za-z0-9+/]{16,128}={0,2}){2}$' }),
        ),
        certificates: Type.Optional(Type.Array(CertificateSerial, { maxItems: CERTIFICATES_MAX })),
      },
      { additionalProperties: false },
    ),
    { maxItems: CLIENTS_MAX },
  ),
});

/** One client as the broker knows it. */
export interface Identity {
  readonly clientId: string;
  readonly role: BrokerRole;
  /** SHA-256 of the client's secret text; without it no secret lets the client in. */
  readonly secretSha256: Buffer | undefined;
  /** The same secret as mosquitto stores it, if enrolment wrote it ({@link mosquittoHash}). */
  readonly secretPbkdf2: string | undefined;
  /** Serial numbers of its certificates that are good now. */
  readonly certificates: ReadonlySet<string>;
}

/** Clients by id. */
export type Identities = ReadonlyMap<string, Identity>;

const parseFile = parserOf(IdentitiesFile);

/** Reads the identities file. A client named twice, and the reserved name `lists` for a device, are refused. */
export function parseIdentities(bytes: Uint8Array): Parsed<Identities> {
  const json = decodeJson(bytes, IDENTITIES_BYTES_MAX);
  if (!json.ok) return json;
  const file = parseFile(json.value);
  if (!file.ok) return file;
  const identities = new Map<string, Identity>();
  for (const [index, client] of file.value.clients.entries()) {
    if (identities.has(client.clientId))
      return refuse(`${client.clientId} stands twice`, `/clients/${index}`);
    if (client.role === 'device' && client.clientId === 'lists') {
      return refuse(
        'a device cannot be called "lists": its topics would be those of the lists',
        `/clients/${index}`,
      );
    }
    const { clientId, role, secretPbkdf2 } = client;
    const secretSha256 =
      client.secretSha256 === undefined ? undefined : Buffer.from(client.secretSha256, 'hex');
    const certificates = new Set(client.certificates);
    identities.set(clientId, { clientId, role, secretSha256, secretPbkdf2, certificates });
  }
  return { ok: true, value: identities };
}

/** mosquitto's own default; more would only slow the return of a fleet, since there is nothing to guess. */
const PBKDF2_ROUNDS = 101;

/**
 * A secret in the form of mosquitto's password file (mosquitto_passwd(1), `$7$`: PBKDF2-HMAC-SHA512), so that enrolment,
 * which alone knows the secret, can leave it in the identities file. The salt follows from the secret: writing it again
 * changes nothing, and no two of these secrets are alike.
 */
export function mosquittoHash(secret: string): string {
  const salt = createHash('sha256').update('mosquitto\0').update(secret).digest().subarray(0, 12);
  const hash = pbkdf2Sync(secret, salt, PBKDF2_ROUNDS, 64, 'sha512');
  return `$7$${PBKDF2_ROUNDS}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

/** The certificate that a connection has proven: its chain led to the city's authority, its key was used. */
export interface ProvenCertificate {
  /** Common name. */
  readonly name: string;
  /** Lower-case hex. */
  readonly serial: string;
}

/** What a client says of itself when it connects. */
export interface Login {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  /** Absent on a connection without TLS. */
  readonly certificate?: ProvenCertificate | undefined;
}

/** A login that held: who it is, and the number of the certificate that proved it. */
export interface ProvenIdentity {
  readonly identity: Identity;
  readonly serial: string | undefined;
}

// An unknown client is compared with this, so that the answer takes as long as for a known one.
const NOBODY = createHash('sha256').update('nobody').digest();

/**
 * The identity that a login proves, or none. With a certificate its name must be the client's and its number must
 * stand here; without one the secret must hold, which takes the same time whether the name is known or not.
 */
export function checkLogin(identities: Identities, login: Login): ProvenIdentity | undefined {
  const identity = identities.get(login.clientId);
  const { certificate } = login;
  if (certificate !== undefined) {
    const named =
      certificate.name === login.clientId && (login.username ?? login.clientId) === login.clientId;
    const holds = named && identity?.certificates.has(certificate.serial) === true;
    return holds ? { identity, serial: certificate.serial } : undefined;
  }
  const given = createHash('sha256')
    .update(login.password ?? Buffer.alloc(0))
    .digest();
  const secretHolds = timingSafeEqual(given, identity?.secretSha256 ?? NOBODY);
  const holds = identity?.secretSha256 !== undefined && secretHolds && login.username === login.clientId;
  return holds ? { identity, serial: undefined } : undefined;
}

/** Whether an identity that was proven earlier still stands: same role, and what proved it is still good. */
export function stillStands(identities: Identities, { identity, serial }: ProvenIdentity): boolean {
  const now = identities.get(identity.clientId);
  if (now === undefined || now.role !== identity.role) return false;
  if (serial !== undefined) return now.certificates.has(serial);
  const { secretSha256 } = identity;
  return secretSha256 !== undefined && now.secretSha256?.equals(secretSha256) === true;
}
