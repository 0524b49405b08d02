/** A small log with every single byte changed, every leaf dropped, doubled or swapped: each is found, and named. */
import { describe, expect, test } from 'vitest';
import { type Checkpoint, encodeBundle, type TileName, tilePath } from '#contracts/audit-log.ts';
import { leafHash } from '../../../fare-engine/audit/merkle.ts';
import { EMPTY_EDGE, growEdge, rootOfEdge } from '../../../fare-engine/audit/tree-edge.ts';
import {
  type LogVerdict,
  type ReadLog,
  VerificationStopped,
  verifyLog,
} from '../../../fare-engine/audit/verify-log.ts';

const entriesOf = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => Buffer.from(JSON.stringify({ kind: i % 2 ? 'odd' : 'even', i })));

/** The files of a log, by path. */
function filesOf(entries: readonly Buffer[]): { files: Map<string, Buffer>; head: Checkpoint } {
  const files = new Map<string, Buffer>();
  const { edge, full } = growEdge(EMPTY_EDGE, entries.map(leafHash));
  for (const { level, n, hashes } of full) files.set(tilePath({ level, n, width: 256 }), hashes);
  for (const [level, hashes] of edge.levels.entries())
    if (hashes.byteLength > 0)
      files.set(
        tilePath({ level, n: Math.floor(edge.size / 256 ** (level + 1)), width: hashes.byteLength / 32 }),
        hashes,
      );
  for (let n = 0; n * 256 < entries.length; n++) {
    const bundle = entries.slice(n * 256, (n + 1) * 256);
    files.set(tilePath({ level: 'entries', n, width: bundle.length }), encodeBundle(bundle));
  }
  return { files, head: { origin: 'o', size: entries.length, root: rootOfEdge(edge) } };
}

const watch = { onProgress: () => true };
const reader =
  (files: ReadonlyMap<string, Buffer>): ReadLog =>
  async (name: TileName) =>
    files.get(tilePath(name)) ?? null;

function verify(
  files: ReadonlyMap<string, Buffer>,
  head: Checkpoint,
  older: Checkpoint[] = [],
): Promise<LogVerdict> {
  return verifyLog(reader(files), head, older, watch);
}

const fault = (verdict: LogVerdict) => (verdict.ok ? null : verdict.fault);

test('a log that fits says how many leaves of each kind there are', async () => {
  for (const size of [0, 1, 2, 255, 256, 257, 600]) {
    const { files, head } = filesOf(entriesOf(size));
    const verdict = await verify(files, head);
    const total = verdict.ok ? [...verdict.kinds.values()].reduce((a, b) => a + b, 0) : -1;
    expect([size, total]).toEqual([size, size]);
  }
});

test('any bit of any file of a small log, and the right leaf is named', async () => {
  const entries = entriesOf(12);
  const { files, head } = filesOf(entries);
  const starts = entries.map((_, i) => encodeBundle(entries.slice(0, i)).byteLength);
  let tried = 0;
  for (const [path, bytes] of files) {
    for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      const found = fault(await verify(new Map(files).set(path, changed), head));
      const leaf = path.includes('entries')
        ? starts.findLastIndex((start) => start <= bit >> 3)
        : Math.floor(bit / 256);
      if (found?.index !== leaf)
        throw new Error(`${path} bit ${bit}: leaf ${leaf}, found ${JSON.stringify(found)}`);
      tried++;
    }
  }
  expect(tried).toBeGreaterThan(5000);
});

describe('of 600 leaves', () => {
  const entries = entriesOf(600);
  const { files, head } = filesOf(entries);
  /** Bundles anew, hashes as they were. */
  const withEntries = (changed: readonly Buffer[]) => {
    const bundles = new Map(files);
    for (let n = 0; n < 3; n++) {
      const width = n < 2 ? 256 : 88;
      const until = n < 2 ? (n + 1) * 256 : changed.length;
      bundles.set(tilePath({ level: 'entries', n, width }), encodeBundle(changed.slice(n * 256, until)));
    }
    return bundles;
  };

  test.each([0, 255, 256, 300, 511, 512, 599])('leaf %i edited, dropped, doubled, swapped', async (at) => {
    const [one, other] = [entries[at] as Buffer, entries[(at + 1) % 600] as Buffer];
    const edited = entries.with(at, Buffer.from(one.toString().replace('"i":', '"i":9')));
    expect(fault(await verify(withEntries(edited), head))).toMatchObject({
      code: 'AUDIT_LEAF_DIFFERS',
      index: at,
      kind: at % 2 ? 'odd' : 'even',
    });
    const dropped = fault(await verify(withEntries(entries.toSpliced(at, 1)), head));
    expect(dropped?.index).toBe(at);
    expect(fault(await verify(withEntries(entries.toSpliced(at, 0, one)), head))?.index).toBe(at + 1);
    const swapped = entries.with(at, other).with((at + 1) % 600, one);
    expect(fault(await verify(withEntries(swapped), head))?.index).toBe(at === 599 ? 0 : at);
  });

  test('leaf and hash changed together: the tile above does not fit; with all tiles the root does not', async () => {
    const forged = filesOf(entries.with(300, Buffer.from('{"kind":"odd"}')));
    const bundle = tilePath({ level: 'entries', n: 1, width: 256 });
    const leaves = tilePath({ level: 0, n: 1, width: 256 });
    const both = new Map(files)
      .set(bundle, forged.files.get(bundle) as Buffer)
      .set(leaves, forged.files.get(leaves) as Buffer);
    expect(fault(await verify(both, head))).toMatchObject({
      code: 'AUDIT_TILE_DIFFERS',
      index: 256,
      until: 512,
    });
    expect(fault(await verify(forged.files, head))).toMatchObject({
      code: 'AUDIT_ROOT_DIFFERS',
      index: 0,
      until: 600,
    });
    // Checkpoints that somebody kept narrow it down.
    const older = [100, 290, 310].map((size) => filesOf(entries.slice(0, size)).head);
    expect(fault(await verify(forged.files, head, older))).toMatchObject({ index: 290, until: 310 });
    expect((await verify(files, head, older)).ok).toBe(true);
  });

  test('every file that is missing, cut or longer is noticed', async () => {
    for (const [path, bytes] of files) {
      const without = new Map(files);
      without.delete(path);
      expect([path, (await verify(without, head)).ok]).toEqual([path, false]);
      for (const changed of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)])])
        expect([path, (await verify(new Map(files).set(path, changed), head)).ok]).toEqual([path, false]);
    }
  });

  test('it can be stopped', async () => {
    const seen: number[] = [];
    const onProgress = (leaves: number): boolean => {
      seen.push(leaves);
      return leaves < 256;
    };
    await expect(verifyLog(reader(files), head, [], { onProgress })).rejects.toThrow(VerificationStopped);
    expect(seen).toEqual([0, 256]);
  });
});
