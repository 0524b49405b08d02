/**
 * What to publish of the deny list: from facts and the set published so far to deltas, and when to begin a snapshot.
 * Pure: keys, clock and broker are elsewhere.
 */
import {
  compareVersions,
  DENY_ENTRIES_MAX,
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

/** How many entries the list has after deltas, if it had `before` and the media they speak of stood as published. */
export function entriesAfter(
  before: number,
  published: ReadonlyMap<string, DenyEntry>,
  deltas: readonly DenyDelta[],
): number {
  let entries = before;
  for (const { add, remove } of deltas) {
    entries += add.filter(({ tokenId }) => !published.has(tokenId)).length;
    entries -= remove.filter((tokenId) => published.has(tokenId)).length;
  }
  return entries;
}

/** Chunks that so many entries fill. */
export function chunksFor(entries: number): number {
  return Math.ceil(entries / DENY_ENTRIES_MAX);
}

/** Deltas are fetched one by one as chunks are: a snapshot pays when they are as many messages, within bounds. */
const DELTAS_MIN = 100;
const DELTAS_MAX = 1000;

/** Whether so many deltas have gathered that a new snapshot is the shorter way for who comes late. */
export function needsSnapshot(
  version: ListVersion,
  snapshot: (ListVersion & { chunks: number }) | null,
): boolean {
  if (snapshot === null) return true;
  return version.n - snapshot.n > Math.min(DELTAS_MAX, Math.max(DELTAS_MIN, snapshot.chunks));
}

/**
 * What the manifest that a broker retains says of it. `ours`: the snapshot is there, and every delta up to its n, for
 * they were published before it. `lost`: something else or nothing is there. `ahead`: it names a version that this
 * database has not reached, so the database is older than what was published.
 */
export function standing(
  version: ListVersion,
  snapshot: (ListVersion & { sha256: string }) | null,
  atBroker: DenyManifest | null,
): 'ours' | 'lost' | 'ahead' {
  if (atBroker === null) return 'lost';
  if (compareVersions(atBroker, version) > 0) return 'ahead';
  const same =
    snapshot !== null &&
    atBroker.generation === snapshot.generation &&
    atBroker.snapshotN === snapshot.n &&
    atBroker.snapshotSha256 === snapshot.sha256;
  return same ? 'ours' : 'lost';
}

/** The manifest that leads to a version from a snapshot. */
export function planManifest(list: {
  readonly version: ListVersion;
  readonly snapshot: { readonly n: number; readonly chunks: number; readonly sha256: string };
  readonly entries: number;
  readonly generationProof: string | null;
  readonly issuedAtMs: number;
}): DenyManifest {
  const { version, snapshot, entries, generationProof, issuedAtMs } = list;
  return {
    v: 1,
    ...version,
    snapshotN: snapshot.n,
    snapshotChunks: snapshot.chunks,
    snapshotSha256: snapshot.sha256,
    entries,
    issuedAtMs,
    ...(generationProof !== null && { generationProof }),
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
