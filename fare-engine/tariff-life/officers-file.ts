/** `officers.yaml` of a city: who may sign tariffs, in which role, from when until when. City data; only public keys. */
import { createPublicKey } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { keyed } from '#contracts/keyed.ts';
import { describeProblems, parserOf } from '#contracts/parse.ts';
import { OFFICER_ID, OfficerRole } from '#contracts/tariff-approval.ts';
import { parseZonedInstant } from '#pricing/gtfs/cells.ts';
import type { Officer, Officers } from './verify-approval.ts';

const Instant = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$' });

export const OfficersFile = Type.Object(
  {
    v: Type.Literal(1),
    /** Hours between activation and date. */
    lead_hours: Type.Integer({ minimum: 0, maximum: 24 * 366 }),
    officers: keyed(
      OFFICER_ID,
      Type.Object(
        {
          person: Type.String({ minLength: 1, maxLength: 200 }),
          roles: Type.Array(OfficerRole, { minItems: 1, maxItems: 2 }),
          public_key: Type.String({ minLength: 1, maxLength: 1000 }),
          valid_from: Instant,
          valid_until: Instant,
          revoked_from: Type.Optional(Instant),
        },
        { additionalProperties: false },
      ),
      { maxProperties: 500 },
    ),
  },
  { additionalProperties: false },
);
export type OfficersFile = Static<typeof OfficersFile>;

const parse = parserOf(OfficersFile);

/** Reads the file's content. @throws Error with the first things that are wrong */
export function parseOfficers(value: unknown): Officers {
  const parsed = parse(value);
  if (!parsed.ok) throw new Error(describeProblems(parsed.problems));
  const { lead_hours: leadHours, officers } = parsed.value;
  const byId = new Map(Object.entries(officers).map(([id, row]) => [id, officerOf(id, row)]));
  return { leadMs: leadHours * 3_600_000, byId };
}

function officerOf(officerId: string, row: OfficersFile['officers'][string]): Officer {
  const instant = (name: string, text: string): number => {
    const ms = parseZonedInstant(text);
    if (ms === undefined) throw new Error(`${officerId}: ${name} is no instant: ${text}`);
    return ms;
  };
  const publicKey = publicKeyOf(officerId, row.public_key);
  return {
    officerId,
    person: samePerson(row.person),
    roles: row.roles,
    publicKey,
    validFromMs: instant('valid_from', row.valid_from),
    validUntilMs: instant('valid_until', row.valid_until),
    revokedFromMs: row.revoked_from === undefined ? null : instant('revoked_from', row.revoked_from),
  };
}

/** One spelling of a name: spaces, case and composed letters make no second person. */
function samePerson(name: string): string {
  return name.normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase();
}

/** A private key in this file would be everybody's: it is refused, never used. */
function publicKeyOf(officerId: string, pem: string) {
  if (pem.includes('PRIVATE')) throw new Error(`${officerId}: public_key holds a private key`);
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below.
  }
  throw new Error(`${officerId}: public_key is no Ed25519 public key in PEM`);
}
