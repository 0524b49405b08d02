/**
 * What a decision says of a concession ride, as a leaf of the audit log that may be shown: beside the decision's own leaf, in the
 * same transaction. It names no tap, no card, no account, no device and no minute. The decision stands in it by the hash of its
 * leaf, which is salted: who does not have the log itself cannot guess whose ride it was.
 */
import { hash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { parserOf } from '#contracts/parse.ts';
import type { Decision } from '../ledger/decision.ts';
import type { AuditLeaf } from '../ports.ts';

const Maybe = Type.Union([Type.String(), Type.Null()]);

export const ConcessionEntry = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Literal('concession'),
    /** SHA-256 of the bytes of the decision's leaf, base64url. */
    decision: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    revision: Type.Integer({ minimum: 1 }),
    fareDay: Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' }),
    /** Beginning of the hour in which the ride began. */
    hourMs: Type.Integer(),
    carrierId: Maybe,
    fundingId: Maybe,
    concessionId: Maybe,
    riderCategoryId: Maybe,
    routeId: Maybe,
    fareProductId: Maybe,
    fareMediaId: Maybe,
    package: Maybe,
    /** A concession ride that is no transfer. */
    ride: Type.Boolean(),
    /** What the right took off the fare. */
    concession: Type.String({ pattern: '^(0|-?[1-9][0-9]{0,20})$' }),
    currency: Type.String(),
  },
  { additionalProperties: false },
);
export type ConcessionEntry = Static<typeof ConcessionEntry>;

/** Reads the bytes of such a leaf. */
export const parseConcessionEntry = parserOf(ConcessionEntry);

const HOUR_MS = 3_600_000;

/** Whether a claim may ask for the ride. */
export const isConcession = ({ line, concessionMinor }: Decision): boolean =>
  line !== null && (concessionMinor !== 0n || line.claimRide);

/** Salt of a decision's leaf, out of what was drawn by lot for its transaction. Hex. */
export function leafSalt(drawn: string, { tapId, revision }: Decision): string {
  return hash('sha256', `${drawn} ${tapId}#${revision}`, 'hex').slice(0, 32);
}

/** @param decided the decision's own leaf, with its salt */
export function concessionLeaf(decision: Decision, fareAtMs: number, decided: AuditLeaf): AuditLeaf {
  const { line, revision, fareDay, carrierId, fundingId, currency } = decision;
  const entry: ConcessionEntry = {
    v: 1,
    kind: 'concession',
    decision: hash('sha256', decided.bytes, 'base64url'),
    revision,
    fareDay,
    hourMs: Math.floor(fareAtMs / HOUR_MS) * HOUR_MS,
    carrierId,
    fundingId,
    concessionId: line?.concessionId ?? null,
    riderCategoryId: line?.riderCategoryId ?? null,
    routeId: line?.routeId ?? null,
    fareProductId: line?.fareProductId ?? null,
    fareMediaId: line?.fareMediaId ?? null,
    package: line?.packageHash ?? null,
    ride: line?.claimRide ?? false,
    concession: decision.concessionMinor.toString(),
    currency,
  };
  return { kind: 'concession', ref: decided.ref, bytes: JSON.stringify(entry) };
}
