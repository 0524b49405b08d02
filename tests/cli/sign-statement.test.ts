/** A file in, a file out: what a person's own tool signs is written down, and what it made is read, whatever its form. */
import { generateKeyPairSync, randomUUID, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import * as claims from '../../cli/commands/claims.ts';
import * as settle from '../../cli/commands/settle.ts';
import { actStatement, claimStatement } from '../../fare-engine/settlement/signature-schemes.ts';
import { runCommand } from '../support/command-io.ts';

const dir = mkdtempSync(join(tmpdir(), 'kvytok-sign-'));
afterAll(() => rmSync(dir, { recursive: true }));
const path = (name: string) => join(dir, name);
/** Nothing listens there: what reaches the database fails. */
const env = { KVYTOK_POSTGRES_URL: 'postgres://office_runtime@127.0.0.1:9/kvytok' };
const SHA = 'a'.repeat(64);
const SIGNER = randomUUID();
const act = [
  'sign',
  'tet',
  '2025-10',
  '--as',
  'carrier',
  '--signer',
  SIGNER,
  '--who',
  'І. Коваль',
  '--sha256',
  SHA,
];
const claim = [
  '2025-10:tet:city:UAH',
  '--version',
  '1',
  '--side',
  'carrier',
  '--by',
  'І. Коваль',
  '--sha256',
  SHA,
  '--signer',
  SIGNER,
];

test('what has to be signed is written once, to the byte, and nothing is handed in', async () => {
  const objecting = [...act, '--objections', '12 поїздок', '--statement', 'act.txt'];
  const { code, stdout } = await runCommand(settle, objecting, '', dir, env);
  expect([code, JSON.parse(stdout)]).toEqual([0, { statement: path('act.txt') }]);
  const of = { period: '2025-10', carrierId: 'tet', actSha256: SHA, side: 'carrier' as const };
  expect(readFileSync(path('act.txt'), 'utf8')).toBe(
    actStatement({ ...of, objections: true, note: '12 поїздок' }),
  );
  await expect(runCommand(settle, objecting, '', dir, env)).rejects.toThrow('cannot be written (EEXIST)');
  const object = ['object', ...claim, '--line', 'f'.repeat(16), '--reason', 'vat', '--words', 'ПДВ двічі'];
  await runCommand(claims, [...object, '--statement', 'claim.txt'], '', dir, env);
  const version = { claimId: '2025-10:tet:city:UAH', version: 1, sha256: SHA, side: 'carrier' as const };
  const said = { act: 'object' as const, lineId: 'f'.repeat(16), reason: 'vat', words: 'ПДВ двічі' };
  expect(readFileSync(path('claim.txt'), 'utf8')).toBe(claimStatement(version, said));
});

test('statements of different acts, sides, versions and words are different texts', () => {
  const of = { claimId: 'c', version: 1, sha256: SHA, side: 'carrier' as const };
  const answer = {
    act: 'answer' as const,
    objectionId: 'o',
    accepted: true,
    words: 'w',
    remedy: 'new-version',
    correctionMinor: '-1',
  };
  const texts = [
    claimStatement(of, { act: 'submit' }),
    claimStatement(of, { act: 'agree' }),
    claimStatement({ ...of, side: 'department' }, { act: 'agree' }),
    claimStatement({ ...of, version: 2 }, { act: 'agree' }),
    claimStatement({ ...of, sha256: 'b'.repeat(64) }, { act: 'agree' }),
    claimStatement(of, answer),
    claimStatement(of, { ...answer, accepted: false }),
    claimStatement(of, { ...answer, correctionMinor: '-2' }),
    claimStatement(of, { ...answer, remedy: 'next-month' }),
    claimStatement(of, { act: 'object', lineId: 'l', reason: 'vat', words: 'w' }),
    claimStatement(of, { act: 'object', tapRef: 'l', reason: 'vat', words: 'w' }),
  ];
  expect(new Set(texts).size).toBe(texts.length);
});

test('a signature is read as DER, PEM or base64, and made with a key for development', async () => {
  const { signatureOf } = await import('../../cli/settle/sign-statement.ts');
  const told: string[] = [];
  const io = {
    cwd: dir,
    stdout: { write: () => true },
    stderr: { write: (text: string) => told.push(text) },
  } as never;
  const der = Buffer.from('3003020101', 'hex');
  writeFileSync(path('a.p7s'), der);
  writeFileSync(path('a.pem'), `-----BEGIN CMS-----\n${der.toString('base64')}\n-----END CMS-----\n`);
  writeFileSync(path('a.b64'), `${der.toString('base64')}\n`);
  for (const name of ['a.p7s', 'a.pem', 'a.b64'])
    expect(signatureOf('x', { signature: name }, io)).toBe(der.toString('base64'));
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(path('key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const made = Buffer.from(signatureOf('x', { key: 'key.pem' }, io) ?? '', 'base64');
  expect(verify(null, Buffer.from('x'), publicKey, made)).toBe(true);
  expect(told.join('')).toContain('development');
  expect(() => signatureOf('x', {}, io)).toThrow('what is signed:\nx');
  expect(() => signatureOf('x', { signature: 'none' }, io)).toThrow('cannot be read (ENOENT)');
});

test('a private key in place of the public one goes no further than the command', async () => {
  const signer = ['signer', '--as', 'department', '--name', 'A', '--who', 'B', '--key', 'key.pem'];
  const run = runCommand(settle, signer, '', dir, env);
  await expect(run).rejects.toThrow('key.pem holds a private key, which stays with its owner');
});

test('what is missing is named before anything is signed', async () => {
  const run = (...args: string[]) => runCommand(claims, args, '', dir, env);
  await expect(run('agree', 'c', '--version', '1', '--side', 'carrier', '--by', 'x')).rejects.toThrow(
    '--sha256',
  );
  await expect(run('answer', ...claim, '--objection', SIGNER)).rejects.toThrow('--accept or --reject');
  await expect(run('submit', ...claim)).rejects.toThrow('--key PRIVATE.pem');
  await expect(run('agree', ...claim, '--signature', 'a.p7s', '--version', 'x')).rejects.toThrow('version');
  await expect(run('nothing', 'c')).rejects.toThrow('draft, list');
  await expect(run('list', 'a', 'b')).rejects.toThrow('too much');
});
