/**
 * Looks at a device's chain after its records are held: are there gaps, does everything link, is there one journal
 * only? Pure, and a function of the set of records alone: in which order they came does not matter.
 *
 * Acceptance never waits for this: a record whose predecessor has not come is a gap, not a break.
 */

/** What the linker needs of a record. Hashes are compared as texts. */
export interface LinkRecord {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
}

/** A run of consecutive records that link to each other: `fromSeq` to `toSeq`, both inside. */
export interface Segment {
  readonly fromSeq: number;
  readonly toSeq: number;
  /** `prev` of its first record. */
  readonly firstPrev: string;
  /** Hash of its last record. */
  readonly head: string;
}

/** `prev` of an epoch's first record. */
const BEGINNING = '0'.repeat(64);

/** Adds records to an epoch's segments. Both may overlap; the result is the longest runs, in order. */
export function addToSegments(segments: readonly Segment[], records: readonly LinkRecord[]): Segment[] {
  const fresh = records.map((r) => ({ fromSeq: r.seq, toSeq: r.seq, firstPrev: r.prev, head: r.hash }));
  const all = [...segments, ...fresh].sort((a, b) => a.fromSeq - b.fromSeq || b.toSeq - a.toSeq);
  const merged: Segment[] = [];
  for (const next of all) {
    const last = merged.at(-1);
    if (last && next.toSeq <= last.toSeq) continue;
    const joins =
      last &&
      (next.fromSeq <= last.toSeq || (next.fromSeq === last.toSeq + 1 && next.firstPrev === last.head));
    if (joins) merged[merged.length - 1] = { ...last, toSeq: next.toSeq, head: next.head };
    else merged.push(next);
  }
  return merged;
}

/** State of one epoch. */
export interface EpochSummary {
  readonly lastSeq: number;
  /** Stretches of missing numbers before the last record. */
  readonly gaps: number;
  /** Records that the epoch's beginning does not reach by links. */
  readonly unlinked: number;
  /** Numbers whose record names another predecessor than the one held. */
  readonly breaks: readonly number[];
}

/** Sums up the segments of an epoch, given in order. */
export function summarizeEpoch(segments: readonly Segment[]): EpochSummary {
  const first = segments[0];
  const begins = first !== undefined && first.fromSeq === 1 && first.firstPrev === BEGINNING;
  let gaps = first !== undefined && first.fromSeq > 1 ? 1 : 0;
  let unlinked = 0;
  const breaks: number[] = first?.fromSeq === 1 && !begins ? [1] : [];
  for (const [i, segment] of segments.entries()) {
    const before = segments[i - 1];
    if (before && segment.fromSeq === before.toSeq + 1) breaks.push(segment.fromSeq);
    else if (before) gaps += 1;
    if (i > 0 || !begins) unlinked += segment.toSeq - segment.fromSeq + 1;
  }
  return { lastSeq: segments.at(-1)?.toSeq ?? 0, gaps, unlinked, breaks };
}

/** What an epoch's first record says it follows; `unknown` while that record is missing. */
export type Follows =
  | { readonly kind: 'none' | 'lost' | 'unknown' }
  | {
      readonly kind: 'epoch';
      readonly epoch: string;
      readonly seq: number;
      readonly head: string;
      /** Hash held for that record; absent while it is missing. */
      readonly heldHead?: string;
    };

export interface EpochFacts {
  readonly epoch: string;
  readonly follows: Follows;
  readonly summary: Omit<EpochSummary, 'breaks'>;
}

/**
 * A sign that a journal exists twice:
 * `same-number`: two records under one number (found at the insert);
 * `broken-link`: a record names another predecessor than the one held;
 * `same-predecessor`: two epochs follow the same one; `two-beginnings`: two epochs follow none;
 * `outlived`: an epoch has records beyond the one at which its successor says it ended;
 * `other-head`: the successor names another hash than the one held.
 */
export interface Fork {
  readonly kind:
    | 'same-number'
    | 'broken-link'
    | 'same-predecessor'
    | 'two-beginnings'
    | 'outlived'
    | 'other-head';
  readonly epoch: string;
  readonly seq: number;
}

export interface DeviceSummary {
  readonly gaps: number;
  readonly unlinked: number;
  readonly forks: readonly Fork[];
}

/** Judges the epochs of one device together. Breaks inside an epoch are handed on as `broken-link` by the caller. */
export function judgeDevice(epochs: readonly EpochFacts[]): DeviceSummary {
  const forks: Fork[] = [];
  const byId = new Map(epochs.map((facts) => [facts.epoch, facts]));
  let missingEnds = 0;
  for (const { follows } of epochs) {
    if (follows.kind !== 'epoch') continue;
    const former = byId.get(follows.epoch);
    const formerLast = former?.summary.lastSeq ?? 0;
    if (formerLast < follows.seq) missingEnds += 1;
    if (formerLast > follows.seq)
      forks.push({ kind: 'outlived', epoch: follows.epoch, seq: follows.seq + 1 });
    if (follows.heldHead !== undefined && follows.heldHead !== follows.head) {
      forks.push({ kind: 'other-head', epoch: follows.epoch, seq: follows.seq });
    }
  }
  forks.push(...rivals(epochs));
  const sum = (pick: (summary: EpochFacts['summary']) => number): number =>
    epochs.reduce((total, { summary }) => total + pick(summary), 0);
  return { gaps: sum((s) => s.gaps) + missingEnds, unlinked: sum((s) => s.unlinked), forks };
}

/** Epochs that claim the same place; every claimant is named, since which one is the copy cannot be known. */
function rivals(epochs: readonly EpochFacts[]): Fork[] {
  const claims = Map.groupBy(epochs, ({ follows }) =>
    follows.kind === 'epoch' ? follows.epoch : follows.kind,
  );
  const forks: Fork[] = [];
  for (const [place, claimants] of claims) {
    if (place === 'lost' || place === 'unknown') continue;
    const names = claimants.map(({ epoch }) => epoch).sort();
    const kind = place === 'none' ? 'two-beginnings' : 'same-predecessor';
    if (names.length > 1) forks.push(...names.map((epoch) => ({ kind, epoch, seq: 1 }) as const));
  }
  return forks;
}
