/**
 * A tree that grows: what must be remembered of it is its right edge, at most 255 hashes for each level of tiles,
 * however many leaves it has. Pure.
 */
import { HASH_BYTES, TILE_WIDTH } from '#contracts/audit-log.ts';
import { rootOver } from './merkle.ts';

/** Right edge of a tree: the unfinished tile of each level, as hashes one after another. */
export interface TreeEdge {
  readonly size: number;
  readonly levels: readonly Buffer[];
}

export const EMPTY_EDGE: TreeEdge = { size: 0, levels: [] };

/** A tile that has become full. */
export interface FullTile {
  readonly level: number;
  readonly n: number;
  readonly hashes: Buffer;
}

/** Adds leaves; gives the new edge and the tiles that are full now, lower levels first. */
export function growEdge(edge: TreeEdge, leaves: readonly Buffer[]): { edge: TreeEdge; full: FullTile[] } {
  const full: FullTile[] = [];
  const levels: Buffer[] = [];
  let arriving = leaves;
  let before = edge.size;
  for (let level = 0; level < edge.levels.length || arriving.length > 0; level++) {
    const pending = Buffer.concat([edge.levels[level] ?? Buffer.alloc(0), ...arriving]);
    const tileBytes = TILE_WIDTH * HASH_BYTES;
    const above: Buffer[] = [];
    let at = 0;
    for (; pending.byteLength - at >= tileBytes; at += tileBytes) {
      const hashes = pending.subarray(at, at + tileBytes);
      full.push({ level, n: Math.floor(before / TILE_WIDTH) + above.length, hashes });
      above.push(rootOver(hashesOf(hashes)));
    }
    // A copy: the edge must not hold on to everything that has passed.
    levels.push(Buffer.from(pending.subarray(at)));
    arriving = above;
    before = Math.floor(before / TILE_WIDTH);
  }
  return { edge: { size: edge.size + leaves.length, levels }, full };
}

/** Root of the tree with this edge. */
export function rootOfEdge({ levels }: TreeEdge): Buffer {
  let right: Buffer[] = [];
  for (const level of levels) {
    const nodes = [...hashesOf(level), ...right];
    if (nodes.length > 0) right = [rootOver(nodes)];
  }
  return rootOver(right);
}

/** Whether an edge that was stored can be one of a tree of its size. */
export function isEdge({ size, levels }: TreeEdge): boolean {
  return levels.every(
    (level, i) => level.byteLength === (Math.floor(size / TILE_WIDTH ** i) % TILE_WIDTH) * HASH_BYTES,
  );
}

/** The hashes of a tile. */
export function hashesOf(tile: Buffer): Buffer[] {
  return Array.from({ length: Math.floor(tile.byteLength / HASH_BYTES) }, (_, i) =>
    tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}
