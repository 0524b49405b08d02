/**
 * Who may connect. Each client has a name, a role and a secret of its own; the broker holds only the secret's hash.
 *
 * Secrets are 256 random bits, so a plain SHA-256 is enough: there is no dictionary to try.
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

const IdentitiesFile = Type.Object({
  v: Type.Literal(1),
  clients: Type.Array(
    Type.Object(
      {
        clientId: DeviceId,
        role: BrokerRole,
        secretSha256: Sha256Hex,
        secretPbkdf2: Type.Optional(
          Type.String({ pattern: '^\\$7\\$[1-9][0-9]{0,5}(\\$[A-Za-z0-9+/]{16,128}={0,2}){2}$' }),
        ),
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
  /** SHA-256 of the client's secret text. */
  readonly secretSha256: Buffer;
  /** The same secret as mosquitto stores it, if enrolment wrote it ({@link mosquittoHash}). */
  readonly secretPbkdf2: string | undefined;
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
    const secretSha256 = Buffer.from(client.secretSha256, 'hex');
    const { clientId, role, secretPbkdf2 } = client;
    identities.set(clientId, { clientId, role, secretSha256, secretPbkdf2 });
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

/** What a client says of itself when it connects. */
export interface Login {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
}

// An unknown client is compared with this, so that the answer takes as long as for a known one.
const NOBODY = createHash('sha256').update('nobody').digest();

/** The identity that a login proves, or none. Takes the same time whether the name is known or not. */
export function checkLogin(identities: Identities, login: Login): Identity | undefined {
  const identity = identities.get(login.clientId);
  const given = createHash('sha256')
    .update(login.password ?? Buffer.alloc(0))
    .digest();
  const secretHolds = timingSafeEqual(given, identity?.secretSha256 ?? NOBODY);
  return identity !== undefined && secretHolds && login.username === login.clientId ? identity : undefined;
}

/** Whether an identity that was proven earlier still stands: same role, same secret. */
export function stillStands(identities: Identities, proven: Identity): boolean {
  const now = identities.get(proven.clientId);
  return now !== undefined && now.role === proven.role && now.secretSha256.equals(proven.secretSha256);
}
