import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { PinKeys } from '#contracts/command.ts';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { createKeyPins } from '../../edge-agent/key-pins.ts';

const newKey = (): KeyObject => generateKeyPairSync('ed25519').privateKey;
const pem = (key: KeyObject): string =>
  createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
const [old, next, lists, foreign] = [newKey(), newKey(), newKey(), newKey()];

function device(saving: () => void = () => {}) {
  const keys = {
    ingest: new Map([['ingest-1', createPublicKey(old)]]),
    lists: new Map([['lists-1', createPublicKey(lists)]]),
  };
  const saved: PinKeys[] = [];
  const save = (announcement: PinKeys): void => {
    saving();
    saved.push(announcement);
  };
  return { keys, saved, pins: createKeyPins({ keys, announcedAtMs: {}, save }) };
}

function said(
  keys: Record<string, KeyObject>,
  more: { by?: KeyObject; byId?: string; use?: 'ingest' | 'lists'; atMs?: number } = {},
): Buffer {
  const { by = old, byId = 'ingest-1', use = 'ingest', atMs = 1000 } = more;
  const named = Object.fromEntries(Object.entries(keys).map(([keyId, key]) => [keyId, pem(key)]));
  const signer = { keyId: byId, privateKey: by };
  return sealEnvelope('pin-keys', { v: 1, use, keys: named, issuedAtMs: atMs } satisfies PinKeys, signer);
}
const BOTH = { 'ingest-1': old, 'ingest-2': next };

describe('keys of the city that follow each other', () => {
  it('both are believed, then the new one alone; each step is kept first', () => {
    const { keys, pins, saved } = device();
    expect(pins.hear(said(BOTH))).toBe('pinned');
    expect([...keys.ingest.keys()]).toEqual(['ingest-1', 'ingest-2']);
    expect(pins.hear(said({ 'ingest-2': next }, { by: next, byId: 'ingest-2', atMs: 2000 }))).toBe('pinned');
    expect([...keys.ingest.keys()]).toEqual(['ingest-2']);
    expect(saved).toHaveLength(2);
    expect([...keys.lists.keys()]).toEqual(['lists-1']);
  });

  it('a word that is not later changes nothing: an old step cannot bring back a key that was dropped', () => {
    const { keys, pins } = device();
    const first = said(BOTH);
    pins.hear(first);
    pins.hear(said({ 'ingest-2': next }, { by: next, byId: 'ingest-2', atMs: 2000 }));
    expect(pins.hear(first)).toBe('refused'); // its signer is not believed any more
    expect(pins.hear(said(BOTH, { by: next, byId: 'ingest-2', atMs: 2000 }))).toBe('known');
    expect(pins.hear(said(BOTH, { by: next, byId: 'ingest-2', atMs: 2001 }))).toBe('pinned');
    expect([...keys.ingest.keys()]).toEqual(['ingest-1', 'ingest-2']);
  });

  it.each<[string, Buffer]>([
    ['signed by a stranger', said(BOTH, { by: foreign })],
    ['signed by a stranger under a new name', said(BOTH, { by: foreign, byId: 'ingest-9' })],
    ['signed by a key of the other use', said(BOTH, { by: lists, byId: 'lists-1' })],
    ['about lists, signed by ingest', said({ 'lists-1': lists, x: next }, { use: 'lists' })],
    ['without a key that is pinned', said({ 'ingest-2': next })],
    ['with another key under the name of a pinned one', said({ 'ingest-1': next })],
    [
      'with what is no key',
      sealEnvelope(
        'pin-keys',
        { v: 1, use: 'ingest', keys: { 'ingest-1': 'x' }, issuedAtMs: 1 },
        { keyId: 'ingest-1', privateKey: old },
      ),
    ],
    [
      'without keys',
      sealEnvelope(
        'pin-keys',
        { v: 1, use: 'ingest', keys: {}, issuedAtMs: 1 },
        { keyId: 'ingest-1', privateKey: old },
      ),
    ],
  ])('one %s is refused', (_what, payload) => {
    const { keys, pins, saved } = device();
    expect(pins.hear(payload)).toBe('refused');
    expect([...keys.ingest.keys(), ...keys.lists.keys()]).toEqual(['ingest-1', 'lists-1']);
    expect(saved).toEqual([]);
  });

  it('another envelope is another matter', () => {
    const { pins } = device();
    expect(pins.hear(sealEnvelope('command', {}, { keyId: 'ingest-1', privateKey: old }))).toBe('other');
  });

  it('a disk that does not keep it leaves the old keys, and the same word is taken later', () => {
    let broken = true;
    const { keys, pins } = device(() => {
      if (broken) throw new Error('disk full');
    });
    expect(pins.hear(said(BOTH))).toBe('not-kept');
    expect([...keys.ingest.keys()]).toEqual(['ingest-1']);
    broken = false;
    expect(pins.hear(said(BOTH))).toBe('pinned');
  });
});
