/** `audit prove`, `price --log` and `audit witness` on a log that somebody has tampered with: an error of its own for each, never a crash. */
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeBundle, formatCheckpoint, tilePath } from '#contracts/audit-log.ts';
import { formatVerifier, noteVerifier, signNote } from '#contracts/signed-note.ts';
import { formatBundleHeader, formatBundleLine } from '#pricing/fact-bundle.ts';
import { extraFiles } from '../../../cli/audit/extra-files.ts';
import * as audit from '../../../cli/commands/audit.ts';
import * as price from '../../../cli/commands/price.ts';
import { leafHash } from '../../../fare-engine/audit/merkle.ts';
import { EMPTY_EDGE, growEdge, rootOfEdge } from '../../../fare-engine/audit/tree-edge.ts';
import { runCommand } from '../../support/command-io.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { PACKAGE, tap } from '../../support/tariff.ts';

const root = mkdtempSync(join(tmpdir(), 'kvytok-tampered-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Entries as a tree may hold them when whoever wrote them meant harm: each names an id that somebody asks for. */
const ODD = [
  '"tapId":"odd" and no JSON',
  '{"inputs":{"facts":[null]},"x":{"passId":"odd"}}',
  '{"inputs":{"facts":{"passId":"odd"}}}',
  '[{"passId":"odd"}]',
  '{"inputs":7,"passId":"odd"}',
  'null',
];
const ENTRIES = [
  ...Array.from({ length: 6 }, (_, i) => JSON.stringify({ kind: 'decision', tapId: `tap-${i}` })),
  JSON.stringify({ kind: 'command', inputs: { facts: [{ passId: 'pass-1' }] } }),
  ...ODD,
].map((entry) => Buffer.from(entry));
const ORIGIN = 'example.org/log';
const { privateKey } = generateKeyPairSync('ed25519');
const TILE = tilePath({ level: 0, n: 0, width: ENTRIES.length });
const BUNDLE = tilePath({ level: 'entries', n: 0, width: ENTRIES.length });

beforeAll(() => {
  const { edge } = growEdge(EMPTY_EDGE, ENTRIES.map(leafHash));
  const text = formatCheckpoint({ origin: ORIGIN, size: ENTRIES.length, root: rootOfEdge(edge) });
  const files = {
    [TILE]: edge.levels[0] as Buffer,
    [BUNDLE]: encodeBundle(ENTRIES),
    checkpoint: `${text}\n${signNote(text, { name: ORIGIN, privateKey })}`,
    'log-keys.txt': `${formatVerifier(noteVerifier(ORIGIN, 'log', privateKey))}\n`,
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, 'whole', dirname(path)), { recursive: true });
    writeFileSync(join(root, 'whole', path), content);
  }
});

/** A copy with one thing done to it. */
function copy(name: string, change: (path: (file: string) => string) => void): string {
  cpSync(join(root, 'whole'), join(root, name), { recursive: true });
  change((file) => join(root, name, file));
  return name;
}

const prove = (dir: string, ...what: string[]) =>
  runCommand(audit, ['prove', '--export', dir, ...what, '--out', 'out.tlog-proof'], '', root);

it('finds what is asked for between entries of any kind', async () => {
  for (const [option, id, index] of [
    ['--tap', 'tap-3', 3],
    ['--pass', 'pass-1', 6],
  ] as const) {
    expect(JSON.parse((await prove('whole', option, id)).stdout)).toMatchObject({ index });
    const proof = ['verify', '--proof', 'out.tlog-proof', '--key', 'whole/log-keys.txt'];
    expect(await runCommand(audit, proof, '', root)).toMatchObject({ code: 0 });
  }
});

it('takes no entry for what it only mentions', async () => {
  await expect(prove('whole', '--tap', 'odd')).rejects.toMatchObject({ code: 'AUDIT_LEAF_UNKNOWN' });
  await expect(prove('whole', '--entitlement', 'odd')).rejects.toThrow(
    'There is no entitlement odd in the log',
  );
  await expect(prove('whole', '--pass', 'odd')).rejects.toMatchObject({ code: 'AUDIT_LEAF_UNKNOWN' });
});

it('writes no proof that would not hold', async () => {
  const bundle = encodeBundle(
    ENTRIES.map((entry, i) => (i === 2 ? Buffer.from('{"kind":"decision"}') : entry)),
  );
  const spoilt = [
    copy('no-tile', (path) => rmSync(path(TILE))),
    copy('short-tile', (path) => truncateSync(path(TILE), 100)),
    copy('other-tile', (path) => writeFileSync(path(TILE), Buffer.alloc(ENTRIES.length * 32, 7))),
    copy('other-entry', (path) => writeFileSync(path(BUNDLE), bundle)),
  ];
  for (const dir of spoilt)
    await expect(prove(dir, '--leaf', '2'), dir).rejects.toMatchObject({ code: 'AUDIT_PROOF_IMPOSSIBLE' });
});

it('what lies beside the log is named, whatever it is called, and is no fault', async () => {
  const verify = (dir: string) => runCommand(audit, ['verify', '--export', dir], '', root);
  const whole = await verify('whole');
  expect(whole.code).toBe(0);
  expect(whole.stderr).not.toContain('Not looked at');
  expect(JSON.parse(whole.stdout)).not.toHaveProperty('notLookedAt');
  const extra = [
    'facts.ndjson',
    'secret.txt',
    tilePath({ level: 0, n: 0, width: 5 }),
    tilePath({ level: 'entries', n: 0, width: ENTRIES.length + 1 }),
    tilePath({ level: 'entries', n: 0, width: 256 }),
    tilePath({ level: 0, n: 1, width: 256 }),
    tilePath({ level: 1, n: 0, width: 1 }),
    'tile/0/007.old',
  ].sort();
  const dir = copy('more-files', (path) => {
    for (const file of extra) {
      mkdirSync(dirname(path(file)), { recursive: true });
      writeFileSync(path(file), 'x');
    }
  });
  const { code, stdout, stderr } = await verify(dir);
  expect([code, JSON.parse(stdout).notLookedAt]).toEqual([0, { files: extra.length, named: extra }]);
  for (const file of extra) expect(stderr).toContain(`"${file}"`);
  expect(stderr).toContain(
    `kvytok price --facts ${join(root, dir, 'facts.ndjson')} --log ${join(root, dir)}\n`,
  );
});

it('a folder beside the log that may not be opened is named, and ends nothing', async () => {
  const dir = copy('closed', (path) => {
    mkdirSync(path('theirs/deeper'), { recursive: true });
    writeFileSync(path('theirs.txt'), '');
  });
  const closed = async (path: string) => {
    if (path === join(root, dir, 'theirs')) throw Object.assign(new Error('closed'), { code: 'EACCES' });
    return opendir(path);
  };
  const found = await extraFiles(join(root, dir), ENTRIES.length, closed);
  expect(found).toEqual({ named: ['theirs', 'theirs.txt'], count: 2 });
});

it('an amount that is none is no decision, and a changed one is named by its leaf', async () => {
  const facts = [
    formatBundleHeader('Europe/Kyiv', '04:00', [filesOf(PACKAGE)]),
    formatBundleLine({
      kind: 'tap',
      accountId: 'a',
      ...tap(Date.parse('2026-03-02T08:00:00+02:00'), { tapId: 'tap-0' }),
    }),
  ];
  writeFileSync(join(root, 'facts.jsonl'), facts.join('\n'));
  const priceBy = (dir: string) => runCommand(price, ['--facts', 'facts.jsonl', '--log', dir], '', root);
  const { stdout } = await priceBy('whole');
  expect(JSON.parse(stdout.trim().split('\n').at(-1) as string)).toMatchObject({
    kind: 'ledger',
    taps: 1,
    unsealed: 1,
  });
  const entry = '{"kind":"decision","tapId":"tap-0","gross":"12 0"}';
  const bundle = encodeBundle([Buffer.from(entry), ...ENTRIES.slice(1)]);
  const spoilt = copy('other-amount', (path) => writeFileSync(path(BUNDLE), bundle));
  await expect(priceBy(spoilt)).rejects.toMatchObject({ code: 'AUDIT_LEAF_DIFFERS' });
});

it('no witness signs under a name that readers of notes refuse', async () => {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' });
  writeFileSync(join(root, 'witness.pem'), pem, { mode: 0o600 });
  const args =
    'witness --from whole --key whole/log-keys.txt --state seen --witness-key witness.pem --name'.split(' ');
  for (const name of ['two words', 'a+b', ''])
    await expect(runCommand(audit, [...args, name], '', root), name).rejects.toThrow('--name takes');
  expect(await runCommand(audit, [...args, 'example.org/witness'], '', root)).toMatchObject({ code: 0 });
});

it('a folder that is no export is said to be none, and no wrong use of the command', async () => {
  const verified = runCommand(audit, ['verify', '--export', 'nowhere'], '', root);
  await expect(verified).rejects.toMatchObject({ code: 'AUDIT_LOG_UNREADABLE' });
});
