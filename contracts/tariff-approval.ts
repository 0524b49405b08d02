/**
 * What an officer signs about a tariff package: which one, for which city and date, in which role, when. A package counts
 * only with the statements of an author and an approver who are two people with two keys.
 */
import { type Static, Type } from 'typebox';
import { FeedId, InstantMs, Sha256Hex } from './ids.ts';
import { decodeJson, decodeJsonText, type Parsed, parserOf, refuse } from './parse.ts';
import { envelopeOpener, SignedEnvelope } from './signed-envelope.ts';

/** Names an officer's key, and the officer in what is signed. */
export const OFFICER_ID = '^[a-z0-9][a-z0-9-]{0,62}$';
export const OfficerId = Type.String({ pattern: OFFICER_ID });
export const OfficerRole = Type.Union([Type.Literal('author'), Type.Literal('approver')]);
export type OfficerRole = Static<typeof OfficerRole>;

/** Largest signed statement in bytes. */
export const STATEMENT_BYTES_MAX = 8192;

export const TariffStatement = Type.Object({
  v: Type.Literal(1),
  /** `withdraw` takes an activation back before its date. */
  act: Type.Union([Type.Literal('activate'), Type.Literal('withdraw')]),
  /** `id` of city.yaml: a signature for one city is none for another. */
  city: FeedId,
  packageHash: Sha256Hex,
  validFromMs: InstantMs,
  officer: OfficerId,
  role: OfficerRole,
  /** When it was signed, as the officer's machine says. */
  atMs: InstantMs,
  /** Why the date lies nearer than the city's lead, or why it is withdrawn. */
  reason: Type.Optional(Type.String({ minLength: 3, maxLength: 500 })),
});
export type TariffStatement = Static<typeof TariffStatement>;

/** Opens a statement; the envelope's `keyId` is the officer's id. */
export const openTariffStatement = envelopeOpener('tariff-approval', TariffStatement, STATEMENT_BYTES_MAX);

const parseEnvelope = parserOf(SignedEnvelope);
const parseStatement = parserOf(TariffStatement);

/** Reads a statement without its key: whoever relies on it has to use {@link openTariffStatement}. */
export function readTariffStatement(bytes: Uint8Array): Parsed<TariffStatement> {
  const json = decodeJson(bytes, STATEMENT_BYTES_MAX);
  const envelope = json.ok ? parseEnvelope(json.value) : json;
  if (!envelope.ok) return envelope;
  if (envelope.value.type !== 'tariff-approval') return refuse('not a tariff-approval', '/type');
  const payload = decodeJsonText(envelope.value.payload);
  const parsed = payload.ok ? parseStatement(payload.value) : payload;
  if (parsed.ok && parsed.value.officer !== envelope.value.keyId)
    return refuse('the officer is not the one whose key is named', '/payload/officer');
  return parsed;
}
