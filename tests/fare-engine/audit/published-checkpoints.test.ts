/**
 * Signed heads, a proof and a cosignature that others published: the heads of sum.golang.org between 2020 and 2026 with a
 * proof of one module, a log of transparency-dev/serverless-log (testdata), a mirror of sunlight (skylight testdata). Malformed
 * ones are those that transparency-dev/formats and transparency-dev/incubator (cmd/tlog-verify) try.
 */
import { createPrivateKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { formatCheckpoint, formatProof, parseCheckpoint, parseProof } from '#contracts/audit-log.ts';
import { isKeyName, parseNote, parseVerifier, signNote, verifyNote } from '#contracts/signed-note.ts';
import { leafHash, provesInclusion, rootOver } from '../../../fare-engine/audit/merkle.ts';
import { openCheckpoint } from '../../../fare-engine/audit/open-checkpoint.ts';

const SUMDB = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8';
const HEADS: [size: number, root: string, signature: string][] = [
  [
    756_113,
    'k9nFMBuXq8uk+9SQNxs/Vadri2XDkaoo96u4uMa0qE0=',
    'Az3grgIHxiDLRpsKUElIX5vJMlFS79SqfQDSgHQmON922lNdJ5zxF8SSPPcah3jhIkpG8LSKNaWXiy7IldOSDCt4Pwk=',
  ],
  [
    6_476_701,
    'mb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=',
    'Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=',
  ],
  [
    10_680_630,
    'k1UQFwFXWQa7MF1BREWVQxIhScvUdgRepXuyRS3sRuE=',
    'Az3grqgyWctiMcdUtITQpkGSxEoEvbaAq7J3FpbaVlW1Zo47LX/jmeeE7LiBktpmR2d/1RsdocLU9HMXYXxHCVyf/AQ=',
  ],
  [
    28_891_140,
    '++pUIeKTwGvykMUkmM3AT97PwQipMT6H/p7t86E0Sp0=',
    'Az3grqNvOILDz7xwAKugtVFZwd+I9IyB/mHrUYzcVaS9zKsRVdRLNGLFpnAcLhyoBBkdIYEzK/+7Eu4wanYttLrPsQo=',
  ],
  [
    52_544_510,
    '+TGlZfnTizQCJgyZR56QixD8+X4dd8Wefy8U1w6k0Ig=',
    'Az3grn6d1PSjcypDf9bfcFVU5fvJB7VkLc0MAbz8jqeQVnSbAj9pKcsB5dJt5VdswPDUtiFar5LPRBu+uEQAT1CDfAc=',
  ],
  [
    59_045_944,
    'LE6Lx+GNVyuFBv/jKcFIiPkG1WC7DHwG0clpfN/TBlA=',
    'Az3grk9ctaTv+CITXOwxCEHU3APAw5X7Ck14+fvFlh0GCktwX15+XPzy//GgL2G50ZgY05e8eXFTWcvW6pN5tozsLQQ=',
  ],
  [
    63_096_908,
    '8lHrQPRYe4KT4WQ9/Qk8/taKnD6IRHbFgfN7vQE2Y54=',
    'Az3gri/oVBN1jAhNZ/iS+W31psFAWRT20/GyrhpU6taFwulQGetBkH5S7wpGXdS935jiIGiUUAXBVHzT/P6fYhqAmAk=',
  ],
];

/** Who has signed a note, of the owners of these keys. */
function signers(note: string, ...keys: string[]) {
  const parsed = parseNote(note);
  if (!parsed.ok) return 'malformed';
  const verifiers = keys.map((key) => {
    const verifier = parseVerifier(key);
    if (!verifier.ok) throw new Error(key);
    return verifier.value;
  });
  const held = verifyNote(parsed.value, verifiers);
  return held.ok ? held.value.map(({ verifier, atS }) => [verifier.name, atS]) : 'spoiled';
}

describe("heads of Go's checksum database", () => {
  test.each(HEADS)(
    'of %i modules: the signature holds, and no change of it does',
    (size, root, signature) => {
      const text = `go.sum database tree\n${size}\n${root}\n`;
      const line = `— sum.golang.org ${signature}\n`;
      expect(signers(`${text}\n${line}`, SUMDB)).toEqual([['sum.golang.org', null]]);
      expect(signers(`${text.replace(`${size}`, `${size + 1}`)}\n${line}`, SUMDB)).toBe('spoiled');
      const head = parseCheckpoint(text);
      expect(head.ok && formatCheckpoint(head.value)).toBe(text);
    },
  );

  test('a proof carries its entry or does not, and proves it either way', () => {
    const bare = `c2sp.org/tlog-proof@v1\nindex 43930254\n${PATH}\n\n${NOTE}`;
    const parsed = parseProof(bare);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed));
    const { index, path, note, extra } = parsed.value;
    expect([index, path.length, extra.byteLength]).toEqual([43_930_254, 26, 0]);
    expect(signers(note, SUMDB)).toEqual([['sum.golang.org', null]]);
    const head = parseCheckpoint(note.slice(0, note.indexOf('\n\n') + 1));
    if (!head.ok) throw new Error('head');
    const entry = Buffer.from(TESSERA);
    expect(provesInclusion(leafHash(entry), { ...head.value, index }, path)).toBe(true);
    expect(provesInclusion(leafHash(entry), { ...head.value, index: index + 1 }, path)).toBe(false);
    expect(formatProof(parsed.value)).toBe(bare);
    const carrying = formatProof({ ...parsed.value, extra: entry });
    expect(parseProof(carrying)).toEqual({ ok: true, value: { ...parsed.value, extra: entry } });
  });

  test.each([
    ['another first line', (p: string) => p.replace('proof@v1', 'proof@v2')],
    ['no index', (p: string) => p.replace(/^index .*\n/m, '')],
    ['an index below 0', (p: string) => p.replace('index ', 'index -')],
    ['an index that is no number', (p: string) => p.replace(/^index .*/m, 'index NaN')],
    ['extra data that are not base64', (p: string) => p.replace('index', 'extra not-base64!\nindex')],
    ['extra data of nothing', (p: string) => p.replace('index', 'extra \nindex')],
    ['extra data twice', (p: string) => p.replace('index', 'extra AAAA\nextra AAAA\nindex')],
    ['extra data after the index', (p: string) => p.replace(/^(index .*\n)/m, '$1extra AAAA\n')],
    ['a hash that is not base64', (p: string) => p.replace('Q2cuq1e2', 'Q2cuq1e!')],
    ['a hash of 64 bytes', (p: string) => p.replace(/^Q2cuq.*$/m, Buffer.alloc(64).toString('base64'))],
    ['no checkpoint', (p: string) => p.slice(0, p.indexOf('\n\n') + 1)],
  ])('no proof: %s', (_, mangle) => {
    const whole = `c2sp.org/tlog-proof@v1\nindex 43930254\n${PATH}\n\n${NOTE}`;
    expect(parseProof(whole).ok).toBe(true);
    expect(mangle(whole)).not.toBe(whole);
    expect(parseProof(mangle(whole)).ok).toBe(false);
  });
});

describe('a log that grew in six steps', () => {
  const key = 'astra+cad5a3d2+AZJqeuyE/GnknsCNh1eCtDtwdAwKBddOlS8M2eI1Jt4b';
  const seed = Buffer.from('ASgwwenlc0uuYcdy7kI44pQvuz1fw8cS5NqS8RkZBXoy', 'base64').subarray(1);
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const words = 'one two three four five six seven eit nain ten ileven twelf threeten fourten fivten'.split(
    ' ',
  );

  test.each([
    [
      0,
      '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
      'ytWj0vyk8mOOKGTcc4inCsUD4jQTYNX/r820NAqdU6Fsj8PpEU+m74Z6SMW0BGapHgIw2xsYd9P3+E8PdXWcj0zTeAs=',
    ],
    [
      1,
      '0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=',
      'ytWj0qJ+vbcrczZs9oOK0B9o0Z2H0BJB+ekrNMeJclrjpCY60XqAE5CJV9q6jRnUqthwdpkXLMhxCkv/7OUUCtZvNwM=',
    ],
    [
      3,
      'Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=',
      'ytWj0ueOKrf0tsoN1fnZzOcNi+KmijMdhv9niviS99k+jv3beiTCfPK0CVbltoKci4j0gFT5Lmm2zDl5xF9aFg87+gc=',
    ],
    [
      7,
      'IrSXADBqJ7EQoUODSDKROySgNveeL6CFhik2w/+fS7U=',
      'ytWj0mbLo8zw6TpvMVTJMPVVaZTul3QfYjC4BpORAFiglmHyFihMwVJHiHXWQmyyeCdPRKAaj8YpHEKjBfDMmKPL9Q0=',
    ],
    [
      11,
      'Yok1cS5VdokGLBy73BC2I16b3atss6KBN9jnIi6Fz/A=',
      'ytWj0omfGzZ0zxlY8JFZokkI8Z7px2eAY8UdMFbAt1Cweqg+caN6xcOMxxpFz0xHciHBkWsmg45qwfPQxGiQH/SibAY=',
    ],
    [
      15,
      'rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=',
      'ytWj0iUyv3abfvt9ea52PCdTsNBiHBss+L7Z1nMhVcsoh+Re7YASWz78PrjiocC8gvkBUaDrV2Y3Ez2THNxCWnbpkQE=',
    ],
  ])('after %i entries: the same root, the same bytes signed', (size, root, signature) => {
    const leaves = words.slice(0, size).map((word) => leafHash(Buffer.from(word)));
    const text = formatCheckpoint({ origin: 'example.com/testdata', size, root: rootOver(leaves) });
    expect(text).toBe(`example.com/testdata\n${size}\n${root}\n`);
    const line = signNote(text, { name: 'astra', privateKey });
    expect(line).toBe(`— astra ${signature}\n`);
    expect(signers(`${text}\n${line}`, key)).toEqual([['astra', null]]);
    // A key of another name than the log's origin is not the log's to us.
    const verifier = parseVerifier(key);
    expect(openCheckpoint(`${text}\n${line}`, verifier.ok ? [verifier.value] : []).ok).toBe(false);
  });
});

test("a mirror's cosignature holds, at the second that it names", () => {
  const text = 'rome2026h1.example.org\n300\ngw31yQrqZZCcEOPrzX+bpy3nJ6QgngTKn8G1m0i62uU=\n';
  const line =
    '— mirror.example.org P7FI7wAAAABpVGeAjA1S4pJm6MbcXjX7UUImu4azZtrfcVW2uyr/LXIYlwEJzXC0N0EiZkbqfLdXt/4gVEEuGmxJjAfXKMCISpsJAg==\n';
  const mirror = 'mirror.example.org+3fb148ef+BAAjjch9GyYz0sJsJx7ALhbdAtz2ov0unbzSl1vMp94O';
  const other = 'witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN';
  expect(signers(`${text}\n${line}`, mirror, other)).toEqual([
    ['mirror.example.org', Date.UTC(2025, 11, 31) / 1000],
  ]);
  expect(signers(`${text.replace('300', '301')}\n${line}`, mirror)).toBe('spoiled');
});

test.each([
  '',
  'Valid\n',
  'Valid\n9\n',
  'Valid\n9\nYmFuYW5hcw',
  '\n9\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n',
  'Valid\n9\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
  'Valid\n9\nnot-base64!\n',
  'Valid\nbananas\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n',
  'Valid\n-34\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n',
  'Valid\n3438945738945739845734895735\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n',
])('no checkpoint (%#)', (text) => expect(parseCheckpoint(text).ok).toBe(false));

test('a key has no space of Unicode in its name, and may have what only looks like none', () => {
  const spaces = [0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029];
  for (const code of [...spaces, 0x202f, 0x205f, 0x3000])
    expect([code, isKeyName(`a${String.fromCharCode(code)}b`)]).toEqual([code, false]);
  for (const code of [0x200b, 0xfeff]) expect(isKeyName(`a${String.fromCharCode(code)}b`)).toBe(true);
  expect(isKeyName('a+b') || isKeyName('')).toBe(false);
});

const TESSERA = `github.com/transparency-dev/tessera v1.0.0 h1:4OT1V9xJLa5NnYlFWWlCdZkCm18/o12rdd+bCTje7XE=
github.com/transparency-dev/tessera v1.0.0/go.mod h1:TLvfjlkbmsmKVEJUtzO2eb9Q2IBnK3EJ0dI4G0oxEOU=
`;
const NOTE = `go.sum database tree
58253265
lIyLAEe4zJUQAda6pFFg3yPOf7j1SgfMEDrpgoX39JU=

— sum.golang.org Az3grkvBHbFcpEFQ3BhGlktgB7pcswIW+ez91eWY6rNPtWfAey8bJO2rVoG2yO5zXvgiaikWVHqon+e14JhA+WXvpAY=
`;
const PATH = `Q2cuq1e21q4UC1RQ6wtmXmCxk2q3Wqz/yFvD12P2KSM=
VdgHwjNYSv9fZVxvYzn8kySGvrjqeCnzdJqJILieWf4=
ARfBpZjsj3LSP42V4xBVdCKbHVa4WXSbuFAa0rUSCVQ=
0VYgz0Vmgz6jOM8H6edZBWHtO6+R7tPvN4EOwwRRSws=
vq+ifloynXE+ORFC1wymQT0cpNIJA1tqg2mQpA55+kc=
SCRewH6vHE1/Vwkt5yEW8xT7il0WbWltXjFIVqlGtQQ=
p//fIG8jgZie4MMwjHF7quCIJ4hErr7U4at0HV34MZQ=
D3K5YdBlxQcklrgF8vSbDyT05J5/mA9lzuhhp72uSOk=
jeYlYyH9FhYGwu+ZJmfPr8GvSNdgrydwqmJgHsygoR0=
p6RFgfGhu8Uuy0LyyZdI4MrSPOZkMe+ycwWJFfr8zTI=
AMZsxrVKBPSe8nSNVVCTyTxWns0CiNbChG/FoiSJWuM=
e+rtSmK5Pd1K5LgFwj7VSo5XJXOcq7OOcqPVZn1hqeM=
expmv1e6XiGr5NMUjMRkSZijlcBx+fZcpqQmUnawhOY=
+Wuic0YARH84k80/Q+KJIbhRCldxG8npjLFiHMLtEpo=
NOMeJqlyUxFXUKYRI/1YqAF4WJBfXJr8UM/SlWGqxgY=
Lm6+TAlLb2lvUs/3unZ2t6RSmJw8RO+WuEuUbAw3QEc=
Jhh2EDG15gDBoLmLiF88lVTgd+uvx3L0xczb8Y3kSq8=
taenaiKqtYMXS3gDzIF3q8VZzqAXqftHqL9BC39njaw=
kZNKypGwEANnt1+msLINnqrIrwX+0MGZUTTKXTfbloI=
A4NJSymjVJ5dvGPaGC3Gj04x8qVRKYfh0pP24mwd6Yk=
KQq808D9W4NUgr4ip+rF/RCyAUERYKKCwKiiAJfaFOc=
I3EVN3zM2rDjs5Q06Zr5gxhg+ksnX2h77E75uL+h3aI=
7iNSYSDhMeRkeV7r9krKbKelNPiqDCJU1i6xAn/Fbuw=
MYqdo6zSjxaAn+29EEjNRbPYm0myB3bheu+HTZIAbVY=
S7olT9TPLXk+bbawbV3sAzWMmhcpWrtjbw++9ZTiyn8=
xJ20xXM4QItt5vxFOtolZ5l18p7ej1+RimNkgWmoRFM=`;
