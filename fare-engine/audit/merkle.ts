/**
 * The Merkle tree of RFC 9162 (the same as RFC 6962's): hashes, roots, and proofs that an entry is in a tree and that
 * a tree is the beginning of a larger one. Pure; sizes and indices are whole numbers below 2^53.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9162#section-2.1
 */
import { hash } from 'node:crypto';

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

const sha256 = (...parts: Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');

/** Root of a tree without leaves. */
export const EMPTY_ROOT: Buffer = sha256();

/** Hash of a leaf; another prefix than a node's, so that neither can be taken for the other. */
export function leafHash(entry: Uint8Array): Buffer {
  return sha256(LEAF, entry);
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return sha256(NODE, left, right);
}

/** Largest power of two below `n`; `n` is above 1. */
function splitOf(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/**
 * Root over subtrees that stand side by side, all of one size except the last, which may be smaller: the split
 * of a tree falls between them just as between leaves.
 */
export function rootOver(nodes: readonly Buffer[]): Buffer {
  const [first] = nodes;
  if (first === undefined) return EMPTY_ROOT;
  if (nodes.length === 1) return first;
  const k = splitOf(nodes.length);
  return nodeHash(rootOver(nodes.slice(0, k)), rootOver(nodes.slice(k)));
}

/** Leaves `[from, until)` of a tree whose common hash is asked for. */
export interface LeafRange {
  readonly from: number;
  readonly until: number;
}

/** Whose hashes prove that leaf `index` is in the tree of `size` leaves, from the leaf upwards (§2.1.3.1). */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  if (index < 0 || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`);
  let [from, until] = [0, size];
  const ranges: LeafRange[] = [];
  while (until - from > 1) {
    const middle = from + splitOf(until - from);
    if (index < middle) {
      ranges.push({ from: middle, until });
      until = middle;
    } else {
      ranges.push({ from, until: middle });
      from = middle;
    }
  }
  return ranges.reverse();
}

/** Whose hashes prove that the first `old` leaves of the tree of `size` are the tree of `old` leaves (§2.1.4.1). */
export function consistencyRanges(old: number, size: number): LeafRange[] {
  if (old < 0 || old > size) throw new RangeError(`a tree of ${size} does not begin with one of ${old}`);
  if (old === 0 || old === size) return [];
  let [from, until] = [0, size];
  const ranges: LeafRange[] = [];
  while (old !== until) {
    const middle = from + splitOf(until - from);
    if (old <= middle) {
      ranges.push({ from: middle, until });
      until = middle;
    } else {
      ranges.push({ from, until: middle });
      from = middle;
    }
  }
  // The old tree as a whole is known to whoever asks; a part of it is not.
  if (from > 0) ranges.push({ from, until });
  return ranges.reverse();
}

/** Checks that a leaf is in a tree (§2.1.3.2). Anything malformed is simply not a proof. */
export function provesInclusion(
  leaf: Uint8Array,
  { index, size, root }: { index: number; size: number; root: Uint8Array },
  path: readonly Uint8Array[],
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([leaf, root, ...path])) return false;
  let [at, last] = [index, size - 1];
  let found: Uint8Array = leaf;
  for (const hashed of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      found = nodeHash(hashed, found);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)];
    } else {
      found = nodeHash(found, hashed);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && Buffer.compare(found, root) === 0;
}

/** Size and root of a tree. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** Checks that one tree is the beginning of another (§2.1.4.2); an empty one is the beginning of all. */
export function provesConsistency(older: TreeHead, newer: TreeHead, path: readonly Uint8Array[]): boolean {
  if (!isCount(older.size) || !isCount(newer.size) || older.size > newer.size) return false;
  if (older.size === newer.size) return path.length === 0 && Buffer.compare(older.root, newer.root) === 0;
  if (older.size === 0) return path.length === 0;
  if (!areHashes([older.root, newer.root, ...path]) || path.length === 0) return false;
  let [at, last] = [older.size - 1, newer.size - 1];
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  // Where the old tree is a whole subtree of the new one, its own root begins the path.
  const [first, ...rest] = at === 0 ? [older.root, ...path] : path;
  let [foundOld, foundNew] = [first as Uint8Array, first as Uint8Array];
  for (const hashed of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      [foundOld, foundNew] = [nodeHash(hashed, foundOld), nodeHash(hashed, foundNew)];
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)];
    } else {
      foundNew = nodeHash(foundNew, hashed);
    }
    [at, last] = [half(at), half(last)];
  }
  return (
    last === 0 && Buffer.compare(foundOld, older.root) === 0 && Buffer.compare(foundNew, newer.root) === 0
  );
}

const half = (n: number): number => Math.floor(n / 2);
const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
const areHashes = (hashes: readonly Uint8Array[]): boolean => hashes.every((h) => h.byteLength === 32);
