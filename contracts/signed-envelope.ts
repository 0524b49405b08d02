/**
 * What the city signs: receipts, deny-list manifests and deltas, tariff extracts, commands. The payload travels as
 * a string and is signed as that string's UTF-8 bytes; it is parsed only after the signature holds.
 */
import type { KeyObject } from 'node:crypto';
import { type Static, type TSchema, Type } from 'typebox';
import { envelopeMessage, signBytes, verifyBytes } from './hash-chain.ts';
import { Signature } from './ids.ts';
import { decodeJson, decodeJsonText, type Parsed, parserOf, refuse } from './parse.ts';

/** Purposes of a city signature; the purpose is part of what is signed. */
export const EnvelopeType = Type.Union([
  Type.Literal('receipt'),
  Type.Literal('deny-manifest'),
  Type.Literal('deny-delta'),
  Type.Literal('deny-chunk'),
  Type.Literal('deny-generation'),
  Type.Literal('tariff-extract'),
  Type.Literal('tariff-manifest'),
  Type.Literal('tariff-approval'),
  Type.Literal('command'),
  Type.Literal('pin-keys'),
]);
export type EnvelopeType = Static<typeof EnvelopeType>;

export const SignedEnvelope = Type.Object({
  v: Type.Literal(1),
  type: EnvelopeType,
  /** Which of the city's keys signed: devices pin them by this name. */
  keyId: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }),
  payload: Type.String(),
  sig: Signature,
});
export type SignedEnvelope = Static<typeof SignedEnvelope>;

/** Largest signed envelope in bytes. */
export const ENVELOPE_BYTES_MAX = 256 * 1024;

/** A key of the city with its name. */
export interface CitySigner {
  readonly keyId: string;
  readonly privateKey: KeyObject;
}

/** Public keys of the city by name, pinned in the device. */
export type PinnedKeys = ReadonlyMap<string, KeyObject>;

const parseEnvelope = parserOf(SignedEnvelope);

/** Signs a payload; the result is the message's bytes. */
export function sealEnvelope(type: EnvelopeType, payload: unknown, signer: CitySigner): Buffer {
  const text = JSON.stringify(payload);
  const sig = signBytes(envelopeMessage(type, text), signer.privateKey);
  const envelope: SignedEnvelope = { v: 1, type, keyId: signer.keyId, payload: text, sig };
  return Buffer.from(JSON.stringify(envelope), 'utf8');
}

/** A payload that was opened, with the exact text that was signed; or why it was not. */
export type Opened<T> =
  | { readonly ok: true; readonly value: T; readonly payload: string }
  | Extract<Parsed<T>, { ok: false }>;

/** Makes an opener for one purpose: form, purpose, key, signature and then the payload's schema, in that order. */
export function envelopeOpener<S extends TSchema>(
  type: EnvelopeType,
  schema: S,
  bytesMax = ENVELOPE_BYTES_MAX,
): (bytes: Uint8Array, keys: PinnedKeys) => Opened<Static<S>> {
  const parsePayload = parserOf(schema);
  return (bytes, keys) => {
    const json = decodeJson(bytes, bytesMax);
    if (!json.ok) return json;
    const envelope = parseEnvelope(json.value);
    if (!envelope.ok) return envelope;
    const { keyId, payload, sig } = envelope.value;
    if (envelope.value.type !== type)
      return refuse(`a ${envelope.value.type} where a ${type} belongs`, '/type');
    const key = keys.get(keyId);
    if (!key) return refuse(`key ${keyId} is not pinned here`, '/keyId');
    if (!verifyBytes(envelopeMessage(type, payload), sig, key))
      return refuse('the signature does not hold', '/sig');
    const inner = decodeJsonText(payload);
    const parsed = inner.ok ? parsePayload(inner.value) : inner;
    return parsed.ok ? { ...parsed, payload } : parsed;
  };
}
