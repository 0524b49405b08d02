/**
 * What to publish of the deny list: from facts and the set published so far to deltas, and from the set to a snapshot's
 * chunks. Pure: keys, clock and broker are elsewhere.
 */
import {
  DENY_ENTRIES_MAX,
  type DenyChunk,
  type DenyDelta,
  type DenyEntry,
  type DenyManifest,
} from '#contracts/deny-list.ts';

/** The latest fact known of a medium. */
export interface DenyState {
  readonly tokenId: string;
  readonly action: 'deny' | 'allow';
  readonly reason: DenyEntry['reason'] | null;
  readonly scope: DenyEntry['scope'] | null;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
}

export interface ListVersion {
  readonly generation: number;
  readonly n: number;
}

/** The entry that a medium's latest fact asks for; `null` when it is allowed or the denial is over. */
export function entryOf(state: DenyState, nowMs: number): DenyEntry | null {
  const { tokenId, reason, scope, validFromMs, validUntilMs } = state;
  if (state.action !== 'deny' || reason === null || scope === null) return null;
  if (validUntilMs !== null && validUntilMs <= nowMs) return null;
  return { tokenId, reason, scope, validFromMs, validUntilMs };
}

/**
 * Deltas from the published entries to the wanted ones, for the media that may have changed; none when nothing did.
 * Each carries at most {@link DENY_ENTRIES_MAX} changes and raises n by one.
 */
export function planDeltas(
  version: ListVersion,
  published: ReadonlyMap<string, DenyEntry>,
  wanted: ReadonlyMap<string, DenyEntry | null>,
): DenyDelta[] {
  const changes: { add?: DenyEntry; remove?: string }[] = [];
  for (const [tokenId, entry] of wanted) {
    const old = published.get(tokenId);
    if (entry === null) {
      if (old !== undefined) changes.push({ remove: tokenId });
    } else if (old === undefined || !sameEntry(old, entry)) changes.push({ add: entry });
  }
  const deltas: DenyDelta[] = [];
  for (let from = 0; from < changes.length; from += DENY_ENTRIES_MAX) {
    const part = changes.slice(from, from + DENY_ENTRIES_MAX);
    deltas.push({
      v: 1,
      generation: version.generation,
      n: version.n + deltas.length + 1,
      add: part.flatMap((change) => change.add ?? []),
      remove: part.flatMap((change) => change.remove ?? []),
    });
  }
  return deltas;
}

/** Chunks of a snapshot at a version; none for an empty list. */
export function planChunks(version: ListVersion, entries: readonly DenyEntry[]): DenyChunk[] {
  const chunks: DenyChunk[] = [];
  for (let from = 0; from < entries.length; from += DENY_ENTRIES_MAX) {
    const part = entries.slice(from, from + DENY_ENTRIES_MAX);
    chunks.push({ v: 1, generation: version.generation, n: version.n, chunk: chunks.length, entries: part });
  }
  return chunks;
}

/** The manifest that leads to version `n` from a snapshot. */
export function planManifest(
  version: ListVersion,
  snapshot: { n: number; chunks: number; sha256: string },
  entries: number,
  issuedAtMs: number,
): DenyManifest {
  return {
    v: 1,
    ...version,
    snapshotN: snapshot.n,
    snapshotChunks: snapshot.chunks,
    snapshotSha256: snapshot.sha256,
    entries,
    issuedAtMs,
  };
}

function sameEntry(a: DenyEntry, b: DenyEntry): boolean {
  return (
    a.reason === b.reason &&
    a.scope === b.scope &&
    a.validFromMs === b.validFromMs &&
    a.validUntilMs === b.validUntilMs
  );
}
