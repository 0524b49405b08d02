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
  /** Numbers whose record names another predecessor than the one held under the number before. */
  readonly breaks: readonly number[];
  /** Last number that the beginning reaches by links, 0 for none; null when it reaches them all. */
  readonly linkedToSeq: number | null;
}

/**
 * Sums up the segments of an epoch, given in order. `branches` are hashes of records that a copy of the journal has
 * under numbers of this epoch: a record that follows one of them has its predecessor, and is no less a sign of the copy.
 */
export function summarizeEpoch(
  segments: readonly Segment[],
  branches: ReadonlySet<string> = new Set(),
): EpochSummary {
  let [gaps, unlinked] = [0, 0];
  const breaks: number[] = [];
  let linkedToSeq: number | null = null;
  for (const [i, segment] of segments.entries()) {
    const before = segments[i - 1] ?? { toSeq: 0, head: BEGINNING };
    const adjacent = segment.fromSeq === before.toSeq + 1;
    const follows = adjacent && segment.firstPrev === before.head;
    if (!adjacent) gaps += 1;
    else if (!follows) breaks.push(segment.fromSeq);
    if (!follows && !(adjacent && branches.has(segment.firstPrev))) linkedToSeq ??= before.toSeq;
    if (linkedToSeq !== null) unlinked += segment.toSeq - segment.fromSeq + 1;
  }
  return { lastSeq: segments.at(-1)?.toSeq ?? 0, gaps, unlinked, breaks, linkedToSeq };
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
  /** Keys whose signatures brought its records. */
  readonly keyIds?: readonly string[];
  /**
   * By the evidence of its own records, UTC ms: at `fromMs` the epoch had certainly begun, at `toMs` it was certainly
   * still written. Absent while no record of it knows the city's time.
   */
  readonly alive?: { readonly fromMs: number; readonly toMs: number };
}

/**
 * A sign that a journal exists twice:
 * `same-number`: two records under one number (found at the insert);
 * `broken-link`: a record names another predecessor than the one held;
 * `same-predecessor`: two epochs follow the same one; `two-beginnings`: two epochs signed by one key follow none;
 * `outlived`: an epoch has records beyond the one at which its successor says it ended;
 * `other-head`: the successor names another hash than the one held;
 * `live-together`: each of two epochs has a record from after the other had begun, whatever they say they follow;
 * `two-boots`: two runs of the device report by turns (seen at the reports, not in the chain).
 */
export interface Fork {
  readonly kind:
    | 'same-number'
    | 'broken-link'
    | 'same-predecessor'
    | 'two-beginnings'
    | 'outlived'
    | 'other-head'
    | 'live-together'
    | 'two-boots';
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
  for (const { epoch } of liveTogether(epochs)) forks.push({ kind: 'live-together', epoch, seq: 1 });
  const sum = (pick: (summary: EpochFacts['summary']) => number): number =>
    epochs.reduce((total, { summary }) => total + pick(summary), 0);
  return { gaps: sum((s) => s.gaps) + missingEnds, unlinked: sum((s) => s.unlinked), forks };
}

/** An epoch that was written while another one was. */
export interface LiveTogether {
  readonly epoch: string;
  /**
   * From when on its records are of a second journal, UTC ms; null: from its first one on, for it began beside another,
   * also before it heard the city's time.
   */
  readonly fromMs: number | null;
}

/**
 * Epochs of which neither can have come after the other: each has a record from after the other had begun. Sorted by
 * beginning, an epoch is compared with the longest before it and the next after it, so a long history costs little.
 */
export function liveTogether(epochs: readonly EpochFacts[]): LiveTogether[] {
  const dated = epochs
    .flatMap(({ epoch, alive }) => (alive === undefined ? [] : [{ epoch, ...alive }]))
    .sort((a, b) => a.fromMs - b.fromMs || (a.epoch < b.epoch ? -1 : 1));
  // What of them all up to each place was written longest.
  const longestMs = [Number.NEGATIVE_INFINITY];
  for (const { toMs } of dated) longestMs.push(Math.max(longestMs.at(-1) as number, toMs));
  return dated.flatMap(({ epoch, fromMs, toMs }): LiveTogether[] => {
    const sooner = countBefore(dated, Math.min(fromMs, toMs));
    if ((longestMs[sooner] as number) > fromMs) return [{ epoch, fromMs: null }];
    for (let i = countBefore(dated, fromMs); i < dated.length; i++) {
      const other = dated[i] as (typeof dated)[number];
      if (other.fromMs >= toMs) break;
      if (other.epoch === epoch || other.toMs <= fromMs) continue;
      return [{ epoch, fromMs: other.fromMs === fromMs ? null : other.fromMs }];
    }
    return [];
  });
}

/** How many of them, sorted by beginning, began before an instant. */
function countBefore(dated: readonly { readonly fromMs: number }[], atMs: number): number {
  let [low, high] = [0, dated.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((dated[middle] as (typeof dated)[number]).fromMs < atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Epochs that claim the same place; every claimant is named, since which one is the copy cannot be known. */
function rivals(epochs: readonly EpochFacts[]): Fork[] {
  const claims = epochs.map((facts) => ({ facts, places: placesOf(facts) }));
  const claimants = new Map<string, number>();
  for (const { places } of claims)
    for (const place of places) claimants.set(place, (claimants.get(place) ?? 0) + 1);
  const beginnings = epochs.filter(({ follows }) => follows.kind === 'none').length;
  const withoutKey = claimants.get(ANY_KEY) ?? 0;
  const forks = claims.flatMap(({ facts: { epoch, follows }, places }): Fork[] => {
    const begins = follows.kind === 'none';
    const shared = places.some((place) => (claimants.get(place) ?? 0) > 1);
    const anyKey = begins && beginnings > 1 && withoutKey > 0;
    const kind = begins ? 'two-beginnings' : 'same-predecessor';
    return shared || anyKey ? [{ kind, epoch, seq: 1 }] : [];
  });
  return forks.sort((a, b) => (a.epoch < b.epoch ? -1 : 1));
}

const ANY_KEY = 'begins under a key that is not known';

/**
 * A device may begin with nothing once for each key: other hardware under its name was enrolled with another one. Where
 * its key is not known, it may be any.
 */
function placesOf({ follows, keyIds = [] }: EpochFacts): string[] {
  if (follows.kind === 'epoch') return [`follows ${follows.epoch}`];
  if (follows.kind !== 'none') return [];
  return keyIds.length === 0 ? [ANY_KEY] : keyIds.map((keyId) => `begins ${keyId}`);
}
