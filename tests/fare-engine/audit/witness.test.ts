/** What a witness countersigns, and what it refuses. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { formatCheckpoint } from '#contracts/audit-log.ts';
import { cosignNote, noteVerifier, signNote } from '#contracts/signed-note.ts';
import { leafHash } from '../../../fare-engine/audit/merkle.ts';
import { openCheckpoint } from '../../../fare-engine/audit/open-checkpoint.ts';
import type { ReadTile } from '../../../fare-engine/audit/prove.ts';
import { EMPTY_EDGE, growEdge, rootOfEdge } from '../../../fare-engine/audit/tree-edge.ts';
import { judgeCheckpoint } from '../../../fare-engine/audit/witness.ts';

const ORIGIN = 'kvytok.example/test';
const log = { name: ORIGIN, privateKey: generateKeyPairSync('ed25519').privateKey };
const witness = { name: 'witness.example/one', privateKey: generateKeyPairSync('ed25519').privateKey };
const logKey = noteVerifier(ORIGIN, 'log', log.privateKey);
const witnessKey = noteVerifier(witness.name, 'witness', witness.privateKey);

function logOf(texts: readonly string[], origin = ORIGIN) {
  const { edge } = growEdge(
    EMPTY_EDGE,
    texts.map((text) => leafHash(Buffer.from(text))),
  );
  const text = formatCheckpoint({ origin, size: texts.length, root: rootOfEdge(edge) });
  const read: ReadTile = async (level) => edge.levels[level] ?? null;
  return { note: `${text}\n${signNote(text, log)}`, text, read };
}

function mustOpen(note: string) {
  const opened = openCheckpoint(note, [logKey], [witnessKey]);
  if (!opened.ok) throw new Error(opened.detail);
  return opened;
}

const texts = (n: number, prefix = 'leaf') => Array.from({ length: n }, (_, i) => `${prefix} ${i}`);

test('the first state is taken, growth with proof and the same again too', async () => {
  const [small, large] = [logOf(texts(7)), logOf(texts(40))];
  expect(await judgeCheckpoint(null, mustOpen(small.note), small.read)).toEqual({ ok: true, first: true });
  const judged = await judgeCheckpoint(mustOpen(small.note), mustOpen(large.note), large.read);
  expect(judged).toEqual({ ok: true, first: false });
  expect((await judgeCheckpoint(mustOpen(large.note), mustOpen(large.note), large.read)).ok).toBe(true);
});

test.each([
  ['another history of the same length', texts(7), texts(7, 'forged'), 'AUDIT_FORKED'],
  ['a longer log with another beginning', texts(7), ['forged', ...texts(39)], 'AUDIT_FORKED'],
  ['a log that was cut off', texts(40), texts(7), 'AUDIT_CHECKPOINT_OLDER'],
])('%s is refused', async (_, before, after, code) => {
  const [seen, fresh] = [logOf(before), logOf(after)];
  expect(await judgeCheckpoint(mustOpen(seen.note), mustOpen(fresh.note), fresh.read)).toMatchObject({
    ok: false,
    code,
  });
});

test('tiles that are missing or damaged prove nothing, and are no fork', async () => {
  const [small, large] = [logOf(texts(7)), logOf(texts(40))];
  const judge = (read: ReadTile) => judgeCheckpoint(mustOpen(small.note), mustOpen(large.note), read);
  expect(await judge(async () => null)).toMatchObject({ code: 'AUDIT_NOT_PROVEN' });
  const damaged: ReadTile = async (...name) => {
    const tile = Buffer.from((await large.read(...name)) as Buffer);
    tile[40] = (tile[40] as number) ^ 1;
    return tile;
  };
  expect(await judge(damaged)).toMatchObject({ code: 'AUDIT_NOT_PROVEN' });
});

test('a cosignature counts with its time, only for the text that was seen', () => {
  const { note, text } = logOf(texts(3));
  const cosigned = `${note}${cosignNote(text, witness, 1_750_000_000)}`;
  expect(mustOpen(cosigned).witnesses).toEqual([{ name: witness.name, atS: 1_750_000_000 }]);
  expect(mustOpen(note).witnesses).toEqual([]);
  const other = logOf(texts(4));
  const moved = `${other.note}${cosignNote(text, witness, 1_750_000_000)}`;
  expect(openCheckpoint(moved, [logKey], [witnessKey])).toMatchObject({
    ok: false,
    code: 'AUDIT_CHECKPOINT_UNSIGNED',
  });
});

test.each([
  ['of another log', [noteVerifier('kvytok.example/other', 'log', log.privateKey)]],
  ['of another key', [noteVerifier(ORIGIN, 'log', witness.privateKey)]],
  ['of a witness only', [witnessKey]],
])('a checkpoint under the key %s is not signed', (_, keys) => {
  const { note, text } = logOf(texts(3));
  const cosigned = `${note}${cosignNote(text, witness, 1)}`;
  expect(openCheckpoint(cosigned, keys, keys)).toMatchObject({
    ok: false,
    code: 'AUDIT_CHECKPOINT_UNSIGNED',
  });
});

test.each(['', 'x', `${ORIGIN}\n1\n`, `${ORIGIN}\n01\n${'A'.repeat(43)}=\n\n— a b\n`])(
  'no checkpoint: %j',
  (note) => {
    expect(openCheckpoint(note, [logKey])).toMatchObject({ ok: false, code: 'AUDIT_CHECKPOINT_MALFORMED' });
  },
);
