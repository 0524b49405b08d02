/**
 * Deny list: media that a validator refuses without asking. A signed manifest (retained) names the current version;
 * a device reaches it by deltas, or by the snapshot's chunks when it is too far behind. Versions never go back.
 */
import { type Static, Type } from 'typebox';
import { InstantMs, Sha256Hex, TokenId } from './ids.ts';
import { envelopeOpener } from './signed-envelope.ts';

const positive = Type.Integer({ minimum: 1 });
const natural = Type.Integer({ minimum: 0 });

/** Why a medium is denied. An empty wallet is `debt` with scope `paid`: it never refuses a concession or a pass. */
export const DenyReason = Type.Union([
  Type.Literal('lost'),
  Type.Literal('replaced'),
  Type.Literal('debt'),
  Type.Literal('fraud'),
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

export const DenyManifest = Type.Object({
  v: Type.Literal(1),
  generation: positive,
  n: natural,
  /** The snapshot from which deltas `snapshotN+1 … n` lead to `n`. */
  snapshotN: natural,
  snapshotChunks: natural,
  /** SHA-256 over the concatenated payload strings of the chunks, in order. */
  snapshotSha256: Sha256Hex,
  entries: natural,
  issuedAtMs: InstantMs,
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

export const DenyChunk = Type.Object({
  v: Type.Literal(1),
  generation: positive,
  n: natural,
  chunk: natural,
  entries: Type.Array(DenyEntry, { maxItems: DENY_ENTRIES_MAX }),
});
export type DenyChunk = Static<typeof DenyChunk>;

/** Opens a signed manifest. */
export const openDenyManifest = envelopeOpener('deny-manifest', DenyManifest);
/** Opens a signed delta. */
export const openDenyDelta = envelopeOpener('deny-delta', DenyDelta);
/** Opens a signed chunk of a snapshot. */
export const openDenyChunk = envelopeOpener('deny-chunk', DenyChunk);

/** Orders versions: generation first, then number. Negative when `a` is older. */
export function compareVersions(
  a: { generation: number; n: number },
  b: { generation: number; n: number },
): number {
  return a.generation - b.generation || a.n - b.n;
}
