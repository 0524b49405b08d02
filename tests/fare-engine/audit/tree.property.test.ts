/** The tree against its definition: every size up to 100, every pair of sizes, every bit of a proof. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeBundle,
  encodeBundle,
  formatProof,
  parseProof,
  parseTilePath,
  tilePath,
  tilesOf,
} from '#contracts/audit-log.ts';
import {
  EMPTY_ROOT,
  leafHash,
  provesConsistency,
  provesInclusion,
} from '../../../fare-engine/audit/merkle.ts';
import {
  proveConsistency,
  proveInclusion,
  type ReadTile,
  rootFromTiles,
  TileMissing,
} from '../../../fare-engine/audit/prove.ts';
import { EMPTY_EDGE, growEdge, isEdge, rootOfEdge } from '../../../fare-engine/audit/tree-edge.ts';

const SIZES = 100;
const leaves = Array.from({ length: 70_001 }, (_, i) => leafHash(Buffer.from(`entry ${i}`)));

/** MTH of RFC 9162 §2.1.1, word for word. */
function mth(of: readonly Buffer[]): Buffer {
  const sha = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
  if (of.length === 0) return sha();
  if (of.length === 1) return of[0] as Buffer;
  let k = 1;
  while (k * 2 < of.length) k *= 2;
  return sha(Buffer.of(1), mth(of.slice(0, k)), mth(of.slice(k)));
}

const roots = Array.from({ length: SIZES + 1 }, (_, size) => mth(leaves.slice(0, size)));

/** Reads tiles as a folder of this size would have them. */
function tilesUpTo(size: number): ReadTile {
  const tiles = new Map<string, Buffer>();
  const { edge, full } = growEdge(EMPTY_EDGE, leaves.slice(0, size));
  for (const { level, n, hashes } of full) tiles.set(`${level}/${n}/256`, hashes);
  edge.levels.forEach((level, i) => {
    const n = Math.floor(size / 256 ** (i + 1));
    if (level.byteLength > 0) tiles.set(`${i}/${n}/${level.byteLength / 32}`, level);
  });
  return async (level, n, width) => tiles.get(`${level}/${n}/${width}`) ?? null;
}

test('roots and proofs of every size, every leaf, every pair', async () => {
  for (let size = 0; size <= SIZES; size++) {
    const read = tilesUpTo(size);
    const root = roots[size] as Buffer;
    expect(await rootFromTiles(read, size)).toEqual(root);
    for (let index = 0; index < size; index++) {
      const path = await proveInclusion(read, index, size);
      if (!provesInclusion(leaves[index] as Buffer, { index, size, root }, path))
        throw new Error(`leaf ${index} of ${size}`);
    }
    for (let older = 0; older <= size; older++) {
      const path = await proveConsistency(read, older, size);
      if (!provesConsistency({ size: older, root: roots[older] as Buffer }, { size, root }, path))
        throw new Error(`${older} in ${size}`);
    }
  }
});

test('a proof with any single bit changed, or for any other leaf or size, is refused', async () => {
  const size = 77;
  const read = tilesUpTo(size);
  const [at, then] = [
    { index: 41, size, root: roots[size] as Buffer },
    { size: 41, root: roots[41] as Buffer },
  ];
  const now = { size, root: at.root };
  const inclusion = await proveInclusion(read, at.index, size);
  const consistency = await proveConsistency(read, then.size, size);
  const leaf = leaves[41] as Buffer;
  expect(provesInclusion(leaf, at, inclusion) && provesConsistency(then, now, consistency)).toBe(true);
  for (const bit of Array(256).keys()) {
    expect(provesInclusion(flip(leaf, bit), at, inclusion)).toBe(false);
    expect(provesInclusion(leaf, { ...at, root: flip(at.root, bit) }, inclusion)).toBe(false);
    expect(provesConsistency({ ...then, root: flip(then.root, bit) }, now, consistency)).toBe(false);
    expect(provesConsistency(then, { ...now, root: flip(now.root, bit) }, consistency)).toBe(false);
    for (const i of inclusion.keys())
      expect(provesInclusion(leaf, at, inclusion.with(i, flip(inclusion[i] as Buffer, bit)))).toBe(false);
    for (const i of consistency.keys())
      expect(provesConsistency(then, now, consistency.with(i, flip(consistency[i] as Buffer, bit)))).toBe(
        false,
      );
  }
  for (const index of Array(size).keys())
    expect(provesInclusion(leaf, { ...at, index }, inclusion)).toBe(index === 41);
  for (const older of Array(size).keys())
    expect(provesConsistency({ ...then, size: older }, now, older === 0 ? [EMPTY_ROOT] : consistency)).toBe(
      older === 41,
    );
});

function flip(hash: Buffer, bit: number): Buffer {
  const copy = Buffer.from(hash);
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}

describe('a tree that grows', () => {
  test('has the same edge, root and tiles however its leaves arrive', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 600 }), { maxLength: 4 }), (portions) => {
        let edge = EMPTY_EDGE;
        const full: unknown[] = [];
        for (const portion of portions) {
          const grown = growEdge(edge, leaves.slice(edge.size, edge.size + portion));
          edge = grown.edge;
          full.push(...grown.full);
        }
        const whole = growEdge(EMPTY_EDGE, leaves.slice(0, edge.size));
        expect(edge).toEqual(whole.edge);
        expect(isEdge(edge)).toBe(true);
        expect(full).toHaveLength(whole.full.length);
        expect(full).toEqual(expect.arrayContaining(whole.full));
        expect(rootOfEdge(edge)).toEqual(mth(leaves.slice(0, edge.size)));
      }),
      { numRuns: 25 },
    );
  });

  test('of 70,000 leaves has the tiles that the specification counts', async () => {
    const tiles = [...tilesOf(70_000)];
    expect(tiles.filter(({ level }) => level === 0)).toHaveLength(274);
    expect(tiles.filter(({ level, width }) => level > 0 || width < 256)).toEqual([
      { level: 0, n: 273, width: 112 },
      { level: 1, n: 0, width: 256 },
      { level: 1, n: 1, width: 17 },
      { level: 2, n: 0, width: 1 },
    ]);
    const read = tilesUpTo(70_000);
    for (const { level, n, width } of tiles)
      expect((await read(level, n, width))?.byteLength).toBe(width * 32);
    const root = await rootFromTiles(read, 70_000);
    expect(root).toEqual(mth(leaves.slice(0, 70_000)));
    for (const index of [0, 255, 256, 65_535, 65_536, 69_999]) {
      const path = await proveInclusion(read, index, 70_000);
      expect(provesInclusion(leaves[index] as Buffer, { index, size: 70_000, root }, path)).toBe(true);
    }
    await expect(proveInclusion(async () => null, 1, 70_000)).rejects.toThrow(TileMissing);
  });
});

test('an edge with a hash too many or too few is none', () => {
  const { edge } = growEdge(EMPTY_EDGE, leaves.slice(0, 300));
  expect(isEdge({ ...edge, size: 299 })).toBe(false);
  expect(isEdge({ ...edge, levels: [edge.levels[0]?.subarray(32) as Buffer, ...edge.levels.slice(1)] })).toBe(
    false,
  );
});

test('paths, bundles and proofs are read as they were written', () => {
  fc.assert(
    fc.property(
      fc.record({
        level: fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant('entries' as const)),
        n: fc.integer({ min: 0, max: 999_999_999_999 }),
        width: fc.integer({ min: 1, max: 256 }),
      }),
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
      (name, entries) => {
        expect(parseTilePath(tilePath(name))).toEqual(name);
        const bundle = encodeBundle(entries);
        expect(decodeBundle(bundle)).toEqual({ entries: entries.map((e) => Buffer.from(e)), whole: true });
        for (const cut of [1, 2].filter((n) => n < bundle.byteLength && (entries.at(-1)?.length ?? 0) > n))
          expect(decodeBundle(bundle.subarray(0, -cut)).whole).toBe(false);
      },
    ),
  );
  expect(() => encodeBundle([Buffer.alloc(65_536)])).toThrow(RangeError);
  expect(decodeBundle(encodeBundle([Buffer.alloc(65_535)])).whole).toBe(true);
  const proof = {
    extra: Buffer.from('entry'),
    index: 7,
    path: leaves.slice(0, 3),
    note: 'o\n8\nx\n\n— o x\n',
  };
  expect(parseProof(formatProof(proof))).toEqual({ ok: true, value: proof });
  for (const bad of ['index 07', 'index -1', 'index 1e3', 'index 9007199254740993'])
    expect(parseProof(formatProof(proof).replace('index 7', bad)).ok).toBe(false);
});
