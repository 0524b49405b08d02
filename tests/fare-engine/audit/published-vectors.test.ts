/**
 * Vectors that others published: the trees and proofs of certificate-transparency (transparency-dev/merkle), with every
 * corruption its tests try; notes of Go's sumdb.
 */
import { createPrivateKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseTilePath, tilePath } from '#contracts/audit-log.ts';
import {
  formatVerifier,
  noteVerifier,
  parseNote,
  parseVerifier,
  signNote,
  verifyNote,
} from '#contracts/signed-note.ts';
import {
  EMPTY_ROOT,
  leafHash,
  provesConsistency,
  provesInclusion,
  rootOver,
} from '../../../fare-engine/audit/merkle.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map(hex);
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
].map(hex);
const H = {
  leaf0: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  leaf1: '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
  leaf4: 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
  leaf6: 'b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f',
  to2: 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  to4: 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  from2to4: '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
  from4to6: '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
  from4to8: '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
  from6to8: 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
};
const INCLUSIONS: [index: number, size: number, path: string[]][] = [
  [0, 1, []],
  [0, 8, [H.leaf1, H.from2to4, H.from4to8]],
  [5, 8, [H.leaf4, H.from6to8, H.to4]],
  [2, 3, [H.to2]],
  [1, 5, [H.leaf0, H.from2to4, H.leaf4]],
];
const CONSISTENCIES: [older: number, newer: number, path: string[]][] = [
  [1, 1, []],
  [1, 8, [H.leaf1, H.from2to4, H.from4to8]],
  [6, 8, [H.from4to6, H.from6to8, H.to4]],
  [2, 5, [H.from2to4, H.leaf4]],
  [6, 7, [H.from4to6, H.leaf6, H.to4]],
];
const SOME = hex('abacaba000000000000000000000000000000000000000000060061e00123456');
const WRONG = Buffer.from('WrongRoot');
const NOTHING = Buffer.alloc(0);
const root = (size: number): Buffer => ROOTS[size - 1] as Buffer;

function flipped(path: readonly Buffer[], mask: number): Buffer[][] {
  return path.map((_, i) =>
    path.map((hash, j) => {
      const copy = Buffer.from(hash);
      if (i === j) copy[0] = (copy[0] as number) ^ mask;
      return copy;
    }),
  );
}

test('roots of the eight trees, and of the empty one', () => {
  expect(EMPTY_ROOT.toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  for (const [i, expected] of ROOTS.entries())
    expect(rootOver(LEAVES.slice(0, i + 1).map(leafHash))).toEqual(expected);
});

test.each(INCLUSIONS)(
  'leaf %i is in the tree of %i, and no corruption of that is believed',
  (index, size, hexes) => {
    const path = hexes.map(hex);
    const leaf = leafHash(LEAVES[index] as Buffer);
    const tree = { index, size, root: root(size) };
    expect(provesInclusion(leaf, tree, path)).toBe(true);
    const corrupt: [Buffer, typeof tree, Buffer[]][] = [
      ...[index - 1, index + 1, index ^ 2].map(
        (i) => [leaf, { ...tree, index: i }, path] as [Buffer, typeof tree, Buffer[]],
      ),
      [leaf, { ...tree, size: size * 2 }, path],
      [leaf, { ...tree, size: Math.floor(size / 2) }, path],
      [Buffer.from('WrongLeaf'), tree, path],
      [leaf, { ...tree, root: EMPTY_ROOT }, path],
      [leaf, { ...tree, root: SOME }, path],
      [leaf, tree, [...path, NOTHING]],
      [leaf, tree, [...path, root(size)]],
      [leaf, tree, [NOTHING, ...path]],
      [leaf, tree, [root(size), ...path]],
      ...flipped(path, 8).map((wrong) => [leaf, tree, wrong] as [Buffer, typeof tree, Buffer[]]),
      ...(path.length > 0 ? [[leaf, tree, path.slice(0, -1)] as [Buffer, typeof tree, Buffer[]]] : []),
      ...(path.length > 1
        ? [[leaf, tree, [path[0], SOME, ...path.slice(1)]] as [Buffer, typeof tree, Buffer[]]]
        : []),
    ];
    for (const probe of corrupt) expect(provesInclusion(...probe)).toBe(false);
  },
);

test.each([
  [0, 0],
  [0, 1],
  [1, 0],
  [2, 1],
])('leaf %i of a tree of %i without a path proves nothing wrong', (index, size) => {
  expect(provesInclusion(SOME, { index, size, root: NOTHING }, [])).toBe(false);
  expect(provesInclusion(NOTHING, { index, size, root: EMPTY_ROOT }, [])).toBe(false);
  expect(provesInclusion(SOME, { index, size, root: EMPTY_ROOT }, [])).toBe(false);
});

test.each(CONSISTENCIES)(
  'the tree of %i begins that of %i, and no corruption of that is believed',
  (older, newer, hexes) => {
    const path = hexes.map(hex);
    const [a, b] = [
      { size: older, root: root(older) },
      { size: newer, root: root(newer) },
    ];
    expect(provesConsistency(a, b, path)).toBe(true);
    if (path.length === 0) return;
    const corrupt: [typeof a, typeof b, Buffer[]][] = [
      ...[older - 1, older + 1, older ^ 2].map(
        (size) => [{ ...a, size }, b, path] as [typeof a, typeof b, Buffer[]],
      ),
      [a, { ...b, size: newer * 2 }, path],
      [a, { ...b, size: Math.floor(newer / 2) }, path],
      [{ ...a, root: WRONG }, b, path],
      [a, { ...b, root: WRONG }, path],
      [{ ...a, root: b.root }, { ...b, root: a.root }, path],
      [a, b, []],
      ...[NOTHING, a.root, b.root].flatMap((more) => [
        [a, b, [...path, more]] as [typeof a, typeof b, Buffer[]],
        [a, b, [more, ...path]] as [typeof a, typeof b, Buffer[]],
      ]),
      [a, b, [path[0] as Buffer, ...path]],
      [a, b, path.slice(0, -1)],
      ...flipped(path, 16).map((wrong) => [a, b, wrong] as [typeof a, typeof b, Buffer[]]),
    ];
    for (const probe of corrupt) expect(provesConsistency(...probe)).toBe(false);
  },
);

test.each<[older: number, newer: number, sameRoot: boolean, path: Buffer[], believed: boolean]>([
  [0, 0, false, [], false],
  [1, 1, false, [], false],
  [0, 0, true, [], true],
  [0, 1, false, [], true],
  [1, 1, true, [], true],
  [1, 0, false, [], false],
  [2, 1, false, [], false],
  [1, 2, false, [], false],
  [0, 0, true, [EMPTY_ROOT], false],
  [0, 1, true, [EMPTY_ROOT], false],
  [1, 1, true, [EMPTY_ROOT], false],
])('sizes %i and %i, same root %s', (older, newer, sameRoot, path, believed) => {
  const other = sameRoot ? EMPTY_ROOT : SOME;
  expect(provesConsistency({ size: older, root: EMPTY_ROOT }, { size: newer, root: other }, path)).toBe(
    believed,
  );
});

describe("notes of Go's sumdb", () => {
  const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
  const seed = Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1);
  const privateKey = createPrivateKey({
    key: Buffer.concat([hex('302e020100300506032b657004220420'), seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const text =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const line =
    '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
  const enoch =
    '— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n';
  const peter = parseVerifier(vkey);
  const enochKey = parseVerifier('EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop');
  if (!peter.ok || !enochKey.ok) throw new Error('keys');
  const open = (note: string, keys = [peter.value]) => {
    const parsed = parseNote(note);
    if (!parsed.ok) return 'malformed';
    const held = verifyNote(parsed.value, keys);
    return held.ok ? held.value.map(({ verifier }) => verifier.name) : 'spoiled';
  };

  test('the key, its id and its signature are the same', () => {
    expect(formatVerifier(peter.value)).toBe(vkey);
    expect(formatVerifier(noteVerifier('PeterNeumann', 'log', privateKey))).toBe(vkey);
    expect(signNote(text, { name: 'PeterNeumann', privateKey })).toBe(line);
  });

  test('known keys count, unknown ones are passed over, a broken one spoils', () => {
    expect(open(`${text}\n${line}${enoch}`)).toEqual(['PeterNeumann']);
    expect(open(`${text}\n${line}${enoch}`, [peter.value, enochKey.value])).toEqual([
      'PeterNeumann',
      'EnochRoot',
    ]);
    expect(open(`${text}\n${enoch}`)).toEqual([]);
    expect(open(`${text}\n${line}${line}`)).toEqual(['PeterNeumann']);
    expect(open(`${text}\n${line.slice(0, 60)}ABCD${line.slice(60)}`)).toBe('spoiled');
    expect(open(`${text}\n${line.repeat(101)}`)).toBe('malformed');
  });

  test.each([
    text,
    `${text}\n`,
    `${text}\n${line.slice(0, -1)}`,
    `\u0001${text}\n${line}`,
    `${Buffer.from([0xff]).toString()}${text}\n${line}`,
    `${text}\n${line.replace('PeterNeumann', 'Bad Name')}`,
    `${text}\n${line}Unexpected line.\n`,
  ])('a malformed note (%#)', (note) => expect(open(note)).toBe('malformed'));

  test('every mangling of a key is refused', () => {
    for (let from = 0; from <= vkey.length; from++)
      for (let to = from + 1; to <= vkey.length; to++)
        if (from !== 0 || to !== vkey.length) expect(parseVerifier(vkey.slice(from, to)).ok).toBe(false);
    for (let i = 0; i < vkey.length; i++) {
      const next = String.fromCharCode(vkey.charCodeAt(i) + 1);
      expect(parseVerifier(vkey.slice(0, i) + next + vkey.slice(i + 1)).ok).toBe(false);
    }
    for (const bad of [
      'PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==',
      'PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    ])
      expect(parseVerifier(bad).ok).toBe(false);
  });
});

test("a witness's key and cosignature, as transparency-dev has them", () => {
  const key = parseVerifier('remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2');
  expect(key).toMatchObject({ ok: true, value: { name: 'remora.n621.de', use: 'witness' } });
  const line =
    '— x ZGhGuQAAAABm/qTPeyKXD+R2rzyQsxPiP8mXum7qq/iF0u4vanlqJyocWODBt97w9uL+8qT7S5gxEHWWOworDcFiEBYJXORmnFBOBA==\n';
  const note = parseNote(`test\n123\nf+7CoKgXKE/tNys9TTXcr/ad6U/K3xvznmzew9y6SP0=\n\n${line}`);
  if (!note.ok) throw new Error('note');
  const [signature] = note.value.signatures;
  expect([signature?.bytes.byteLength, signature?.bytes.readBigUInt64BE()]).toEqual([72, 1_727_964_367n]);
  for (const bad of ['bananas.sigstore.dev+12344556', 'rekor.sigstore.dev+12345678+AwEB'])
    expect(parseVerifier(bad).ok).toBe(false);
});

test('paths of tiles, as the specification has them', () => {
  expect(tilePath({ level: 4, n: 1234067, width: 1 })).toBe('tile/4/x001/x234/067.p/1');
  expect(tilePath({ level: 'entries', n: 1234067, width: 256 })).toBe('tile/entries/x001/x234/067');
  expect(parseTilePath('tile/0/x001/x234/067.p/255')).toEqual({ level: 0, n: 1234067, width: 255 });
  for (const bad of [
    ...['tile/0/067.p/256', 'tile/0/067.p/0', 'tile/64/067', 'tile/00/067', 'tile/0/67', 'tile/0/x000/067'],
    ...['tile/0/x001/x234', 'tile/0/001/067', 'tile/-1/067', 'tile/0/067/', '/tile/0/067', 'tile/0/../067'],
  ])
    expect([bad, parseTilePath(bad)]).toEqual([bad, null]);
});
