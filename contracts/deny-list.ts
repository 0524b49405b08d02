/**
 * Deny list: media that a validator refuses without asking. A signed manifest (retained) names the current version;
 * a device reaches it by deltas, or by the snapshot's chunks when it is too far behind. Versions never go back, and
 * only a key that is kept offline begins a new generation.
 */
import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { InstantMs, Sha256Hex, TokenId } from './ids.ts';
import { decodeJsonText, type Parsed, parserOf, refuse } from './parse.ts';
import {
  type CitySigner,
  envelopeOpener,
  type PinnedKeys,
  SignedEnvelope,
  sealEnvelope,
} from './signed-envelope.ts';

const positive = Type.Integer({ minimum: 1 });
const natural = Type.Integer({ minimum: 0 });

/**
 * Why a medium is denied. An empty wallet is `debt` with scope `paid`: it never refuses a concession or a pass. `unconfirmed`: a
 * bank card has ridden for as much as the city risks before its bank's first yes.
 */
export const DenyReason = Type.Union([
  Type.Literal('lost'),
  Type.Literal('replaced'),
  Type.Literal('debt'),
  Type.Literal('fraud'),
  Type.Literal('unconfirmed'),
]);
export type DenyReason = Static<typeof DenyReason>;

export const DenyEntry = Type.Object({
  tokenId: TokenId,
  reason: DenyReason,
  /** `all` refuses the medium, `paid` only rides that its wallet would have to pay. */
  scope: Type.Union([Type.Literal('all'), Type.Literal('paid')]),
  validFromMs: InstantMs,
  validUntilMs: Type.Union([InstantMs, Type.Null()]),
});
export type DenyEntry = Static<typeof DenyEntry>;

/** Most entries in one delta or chunk: a message stays within {@link import('./signed-envelope.ts').ENVELOPE_BYTES_MAX}. */
export const DENY_ENTRIES_MAX = 1000;
/** Most chunks of a snapshot: ten million entries, 400 MB on a device. */
export const DENY_CHUNKS_MAX = 10_000;

export const DenyManifest = Type.Object({
  v: Type.Literal(1),
  generation: positive,
  n: natural,
  /** The snapshot from which deltas `snapshotN+1 … n` lead to `n`. */
  snapshotN: natural,
  snapshotChunks: Type.Integer({ minimum: 0, maximum: DENY_CHUNKS_MAX }),
  /** {@link snapshotSha256} of the chunks. */
  snapshotSha256: Sha256Hex,
  entries: natural,
  issuedAtMs: InstantMs,
  /** The signed {@link DenyGeneration} that began this generation, as text; absent in generation 1. */
  generationProof: Type.Optional(Type.String({ maxLength: 2048 })),
});
export type DenyManifest = Static<typeof DenyManifest>;

/** From version n−1 to n of one generation. */
export const DenyDelta = Type.Object({
  v: Type.Literal(1),
  generation: positive,
  n: positive,
  add: Type.Array(DenyEntry, { maxItems: DENY_ENTRIES_MAX }),
  remove: Type.Array(TokenId, { maxItems: DENY_ENTRIES_MAX }),
});
export type DenyDelta = Static<typeof DenyDelta>;

/**
 * A part of a snapshot. Entries ascend by the bytes of their token, each token once, from the first chunk to the last;
 * every chunk but the last holds {@link DENY_ENTRIES_MAX}.
 */
export const DenyChunk = Type.Object({
  v: Type.Literal(1),
  generation: positive,
  n: natural,
  chunk: natural,
  entries: Type.Array(DenyEntry, { maxItems: DENY_ENTRIES_MAX }),
});
export type DenyChunk = Static<typeof DenyChunk>;

/** Begins a generation, as a restored database has to. Signed by the offline key alone. */
export const DenyGeneration = Type.Object({
  v: Type.Literal(1),
  generation: Type.Integer({ minimum: 2, maximum: 2_147_483_647 }),
  issuedAtMs: InstantMs,
});
export type DenyGeneration = Static<typeof DenyGeneration>;

/** Opens a signed manifest. */
export const openDenyManifest = envelopeOpener('deny-manifest', DenyManifest);
/** Opens a signed delta. */
export const openDenyDelta = envelopeOpener('deny-delta', DenyDelta);
/** Opens a signed chunk of a snapshot. */
export const openDenyChunk = envelopeOpener('deny-chunk', DenyChunk);

const parseEnvelope = parserOf(SignedEnvelope);
const parseGeneration = parserOf(DenyGeneration);
const openGeneration = envelopeOpener('deny-generation', DenyGeneration);

/** Opens the statement that begins a generation; `keys` are the public halves of offline keys. */
export function openDenyGeneration(text: string, keys: PinnedKeys): Parsed<DenyGeneration> {
  return openGeneration(Buffer.from(text, 'utf8'), keys);
}

/** The statement that begins a generation, as text; signed where the offline key is. */
export function sealDenyGeneration(generation: number, issuedAtMs: number, signer: CitySigner): string {
  const statement: DenyGeneration = { v: 1, generation, issuedAtMs };
  return sealEnvelope('deny-generation', statement, signer).toString('utf8');
}

/** Reads a statement without knowing the key: whoever relies on it has to use {@link openDenyGeneration}. */
export function readDenyGeneration(text: string): Parsed<DenyGeneration> {
  const json = decodeJsonText(text);
  const envelope = json.ok ? parseEnvelope(json.value) : json;
  if (!envelope.ok) return envelope;
  if (envelope.value.type !== 'deny-generation') return refuse('not a deny-generation', '/type');
  const payload = decodeJsonText(envelope.value.payload);
  return payload.ok ? parseGeneration(payload.value) : payload;
}

/** Payload strings of chunks → what a manifest says of them: SHA-256 over their SHA-256s in hex, in order. */
export function snapshotSha256(chunkSha256s: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const sha256 of chunkSha256s) hash.update(sha256);
  return hash.digest('hex');
}

/** Orders versions: generation first, then number. Negative when `a` is older. */
export function compareVersions(
  a: { generation: number; n: number },
  b: { generation: number; n: number },
): number {
  return a.generation - b.generation || a.n - b.n;
}
