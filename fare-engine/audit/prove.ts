/** Proofs out of tiles: only the tiles that a proof needs are read, a few for each level. */
import { HASH_BYTES, TILE_WIDTH, tileWidth } from '#contracts/audit-log.ts';
import { consistencyRanges, inclusionRanges, type LeafRange, nodeHash, rootOver } from './merkle.ts';
import { hashesOf } from './tree-edge.ts';

/** Reads a tile of hashes; `null` where it is not there. */
export type ReadTile = (level: number, n: number, width: number) => Promise<Buffer | null>;

/** A tile that a proof needs is missing or too short. */
export class TileMissing extends Error {
  readonly level: number;
  readonly n: number;
  constructor(level: number, n: number) {
    super(`tile ${n} of level ${level}`);
    this.level = level;
    this.n = n;
  }
}

/** Path of a leaf in the tree of `size`. @throws TileMissing */
export function proveInclusion(read: ReadTile, index: number, size: number): Promise<Buffer[]> {
  return hashesOfRanges(read, inclusionRanges(index, size), size);
}

/** Path that shows the tree of `old` leaves as the beginning of that of `size`. @throws TileMissing */
export function proveConsistency(read: ReadTile, old: number, size: number): Promise<Buffer[]> {
  return hashesOfRanges(read, consistencyRanges(old, size), size);
}

/** Root of the tree of `size`, out of its tiles. @throws TileMissing */
export async function rootFromTiles(read: ReadTile, size: number): Promise<Buffer> {
  return size === 0 ? rootOver([]) : rangeHash(read, { from: 0, until: size }, size);
}

async function hashesOfRanges(read: ReadTile, ranges: readonly LeafRange[], size: number): Promise<Buffer[]> {
  const hashes: Buffer[] = [];
  for (const range of ranges) hashes.push(await rangeHash(read, range, size));
  return hashes;
}

async function rangeHash(read: ReadTile, { from, until }: LeafRange, size: number): Promise<Buffer> {
  const length = until - from;
  let [span, height] = [1, 0];
  while (span * 2 <= length) [span, height] = [span * 2, height + 1];
  if (span === length) return wholeSubtree(read, height, from / span, size);
  const middle = from + span;
  const left = await rangeHash(read, { from, until: middle }, size);
  return nodeHash(left, await rangeHash(read, { from: middle, until }, size));
}

/** Hash of a subtree of 2^height leaves: a hash of a tile, or the root over some neighbours in one. @throws TileMissing */
export async function wholeSubtree(
  read: ReadTile,
  height: number,
  index: number,
  size: number,
): Promise<Buffer> {
  const level = Math.floor(height / 8);
  const across = 2 ** (height % 8);
  const first = index * across;
  const n = Math.floor(first / TILE_WIDTH);
  const offset = (first % TILE_WIDTH) * HASH_BYTES;
  const tile = await read(level, n, tileWidth(size, level, n));
  const part = tile?.subarray(offset, offset + across * HASH_BYTES);
  if (part === undefined || part.byteLength !== across * HASH_BYTES) throw new TileMissing(level, n);
  return rootOver(hashesOf(part));
}
