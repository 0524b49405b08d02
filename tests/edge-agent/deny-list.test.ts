import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { DenyChunk, DenyDelta, DenyEntry, DenyManifest } from '#contracts/deny-list.ts';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { LISTS } from '#contracts/topics.ts';
import { openSqliteDenyList } from '../../edge-agent/adapters/sqlite-deny-list.ts';
import { createDenyList, type DenyList } from '../../edge-agent/deny-list.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { CARD, startRig } from './support/agent-rig.ts';
import { createTestCity, pinned } from './support/edge-city.ts';

const CITY = createTestCity();
const NOW = Date.UTC(2026, 2, 2, 6);

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function token(n: number): string {
  return `k1.${n.toString(16).padStart(32, '0')}`;
}
function entry(n: number, more: Partial<DenyEntry> = {}): DenyEntry {
  const always = { validFromMs: 0, validUntilMs: null };
  return { tokenId: token(n), reason: 'lost', scope: 'all', ...always, ...more };
}
const sealed = (type: 'deny-manifest' | 'deny-delta' | 'deny-chunk', body: unknown, city = CITY) =>
  sealEnvelope(type, body, city.lists);

function manifest(more: Partial<DenyManifest> = {}): DenyManifest {
  const snapshotSha256 = createHash('sha256').digest('hex');
  const empty = { snapshotN: 0, snapshotChunks: 0, snapshotSha256, entries: 0 };
  return { v: 1, generation: 1, n: 0, ...empty, issuedAtMs: NOW, ...more };
}
function delta(n: number, add: DenyEntry[], remove: string[] = [], generation = 1): DenyDelta {
  return { v: 1, generation, n, add, remove };
}
function give(list: DenyList, body: DenyManifest | DenyDelta | DenyChunk, city = CITY) {
  if ('snapshotN' in body) return list.receive(LISTS.denyManifest, sealed('deny-manifest', body, city));
  if ('chunk' in body)
    return list.receive(
      LISTS.denyChunk(body.generation, body.n, body.chunk),
      sealed('deny-chunk', body, city),
    );
  return list.receive(LISTS.denyDelta(body.generation, body.n), sealed('deny-delta', body, city));
}

function openList(path = ':memory:'): DenyList & { close(): void } {
  const { store } = openSqliteDenyList(path);
  closers.push(() => store.close());
  const list = createDenyList(store, pinned(CITY.lists));
  return Object.assign(list, { close: () => store.close() });
}

function snapshot(generation: number, n: number, parts: DenyEntry[][]): DenyChunk[] {
  return parts.map((entries, chunk) => ({ v: 1, generation, n, chunk, entries }));
}
function hashOf(chunks: DenyChunk[]): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(JSON.stringify(chunk));
  return hash.digest('hex');
}

describe('going forward', () => {
  it('the first manifest of an empty list, then deltas one after the other', () => {
    const list = openList();
    expect(give(list, manifest())).toBe('applied');
    expect(list.state().version).toEqual({ generation: 1, n: 0 });
    expect(give(list, delta(1, [entry(1), entry(2)]))).toBe('applied');
    expect(give(list, delta(2, [], [token(1)]))).toBe('applied');
    expect(list.find(token(1))).toBeNull();
    expect(list.find(token(2))).toEqual(entry(2));
    expect(list.state()).toMatchObject({ version: { generation: 1, n: 2 }, entries: 1 });
  });

  it('deltas in any order end in the same list', () => {
    const list = openList();
    expect(give(list, delta(3, [entry(3)]))).toBe('kept-aside');
    expect(give(list, delta(1, [entry(1)]))).toBe('kept-aside');
    expect(give(list, manifest({ n: 3 }))).toBe('applied');
    expect(list.behind()).toBe(true);
    expect(give(list, delta(2, [entry(2)], [token(1)]))).toBe('applied');
    expect(list.behind()).toBe(false);
    expect(list.state()).toMatchObject({ version: { generation: 1, n: 3 }, entries: 2 });
  });

  it('an entry added again replaces the old one and is counted once', () => {
    const list = openList();
    give(list, manifest());
    give(list, delta(1, [entry(1)]));
    give(list, delta(2, [entry(1, { scope: 'paid', reason: 'debt' }), entry(1, { reason: 'fraud' })]));
    expect(list.find(token(1))).toMatchObject({ reason: 'fraud', scope: 'all' });
    expect(list.state().entries).toBe(1);
  });

  it('a device far behind takes the snapshot when all its chunks are there, then the deltas after it', () => {
    const list = openList();
    const chunks = snapshot(1, 50, [[entry(1), entry(2)], [entry(3)]]);
    give(list, manifest());
    give(list, delta(1, [entry(9)]));
    give(list, manifest({ n: 51, snapshotN: 50, snapshotChunks: 2, snapshotSha256: hashOf(chunks) }));
    give(list, delta(51, [entry(4)]));
    expect(give(list, chunks[1] as DenyChunk)).toBe('kept-aside');
    expect(list.find(token(9))).not.toBeNull();
    expect(give(list, chunks[0] as DenyChunk)).toBe('applied');
    expect(list.state()).toMatchObject({ version: { generation: 1, n: 51 }, entries: 4 });
    expect(list.find(token(9))).toBeNull();
    expect([1, 2, 3, 4].every((n) => list.find(token(n)) !== null)).toBe(true);
  });

  it('a new generation outranks every number of the old one', () => {
    const list = openList();
    give(list, manifest());
    give(list, delta(1, [entry(1)]));
    const chunks = snapshot(2, 0, [[entry(7)]]);
    give(list, manifest({ generation: 2, snapshotChunks: 1, snapshotSha256: hashOf(chunks) }));
    give(list, chunks[0] as DenyChunk);
    expect(list.state()).toMatchObject({ version: { generation: 2, n: 0 }, entries: 1 });
    expect(list.find(token(1))).toBeNull();
  });
});

describe('never back, never by strangers', () => {
  it('an older manifest, an older generation and old deltas change nothing', () => {
    const list = openList();
    give(list, manifest({ generation: 2 }));
    give(list, delta(1, [entry(1)], [], 2));
    expect(give(list, manifest({ generation: 2, n: 0 }))).toBe('refused');
    expect(give(list, manifest({ generation: 1, n: 99, issuedAtMs: NOW + 9 }))).toBe('refused');
    expect(give(list, delta(1, [], [token(1)], 2))).toBe('not-needed');
    expect(give(list, delta(99, [], [token(1)], 1))).toBe('not-needed');
    expect(list.find(token(1))).not.toBeNull();
    expect(list.refusedCount()).toBe(2);
  });

  it('a foreign signature, another purpose or rubbish is refused', () => {
    const list = openList();
    give(list, manifest());
    const foreign = createTestCity();
    expect(give(list, manifest({ n: 1 }), foreign)).toBe('refused');
    expect(give(list, delta(1, [entry(1)]), foreign)).toBe('refused');
    const topic = LISTS.denyDelta(1, 1);
    expect(list.receive(topic, sealed('deny-chunk', delta(1, [entry(1)])))).toBe('refused');
    expect(list.receive(topic, Buffer.from('{'))).toBe('refused');
    expect(list.receive(`${LISTS.denyManifest}/other`, Buffer.from('{}'))).toBe('refused');
    expect(list.state()).toMatchObject({ version: { generation: 1, n: 0 }, entries: 0 });
  });

  it('a topic that lies about its content gains nothing', () => {
    const list = openList();
    give(list, manifest());
    give(list, delta(1, [entry(1)]));
    const old = sealed('deny-delta', delta(1, [], [token(1)]));
    expect(list.receive(LISTS.denyDelta(1, 7), old)).toBe('not-needed');
    expect(list.find(token(1))).not.toBeNull();
  });

  it('a snapshot whose chunks do not have the manifest hash is dropped whole', () => {
    const list = openList();
    const chunks = snapshot(1, 5, [[entry(1)]]);
    give(list, manifest({ n: 5, snapshotN: 5, snapshotChunks: 1, snapshotSha256: 'f'.repeat(64) }));
    expect(give(list, chunks[0] as DenyChunk)).toBe('kept-aside');
    expect(list.state()).toMatchObject({ version: { generation: 0, n: 0 }, entries: 0 });
    expect(list.behind()).toBe(true);
    give(
      list,
      manifest({
        n: 5,
        snapshotN: 5,
        snapshotChunks: 1,
        snapshotSha256: hashOf(chunks),
        issuedAtMs: NOW + 1,
      }),
    );
    expect(give(list, chunks[0] as DenyChunk)).toBe('applied');
    expect(list.find(token(1))).not.toBeNull();
  });
});

describe('age and restart', () => {
  it('the list is as fresh as the newest manifest that it has reached', () => {
    const list = openList();
    give(list, manifest());
    give(list, manifest({ n: 1, issuedAtMs: NOW + 60_000 }));
    expect(list.state().vouchedAtMs).toBe(NOW);
    give(list, delta(1, [entry(1)]));
    expect(list.state().vouchedAtMs).toBe(NOW + 60_000);
    give(list, manifest({ n: 1, issuedAtMs: NOW }));
    expect(list.state().vouchedAtMs).toBe(NOW + 60_000);
    give(list, manifest({ n: 1, issuedAtMs: NOW + 120_000 }));
    expect(list.state().vouchedAtMs).toBe(NOW + 120_000);
  });

  it('version, entries and a half-taken snapshot survive a restart', () => {
    const folder = tempFolder('deny');
    closers.push(() => folder.remove());
    const path = join(folder.path, 'deny-list.db');
    const chunks = snapshot(1, 5, [[entry(2)], [entry(3)]]);
    const target = manifest({ n: 5, snapshotN: 5, snapshotChunks: 2, snapshotSha256: hashOf(chunks) });
    const before = openList(path);
    give(before, manifest());
    give(before, delta(1, [entry(1)]));
    give(before, target);
    give(before, chunks[0] as DenyChunk);
    before.close();
    const after = openList(path);
    expect(after.state()).toMatchObject({ version: { generation: 1, n: 1 }, entries: 1, vouchedAtMs: NOW });
    expect(give(after, manifest())).toBe('refused');
    give(after, target);
    give(after, chunks[1] as DenyChunk);
    expect(after.state()).toMatchObject({ version: { generation: 1, n: 5 }, entries: 2 });
    after.close();
  });
});

describe('a disk that fails', () => {
  it('denies nobody, counts the lookups, and takes no message for kept', () => {
    const list = openList();
    give(list, manifest());
    give(list, delta(1, [entry(1)]));
    list.close();
    expect(list.find(token(1))).toBeNull();
    expect(list.failedLookups()).toBe(1);
  });

  it('a damaged file is replaced by an empty list that is fetched again', () => {
    const folder = tempFolder('deny');
    closers.push(() => folder.remove());
    const path = join(folder.path, 'deny-list.db');
    writeFileSync(path, 'rubbish '.repeat(2000));
    const { store, replaced } = openSqliteDenyList(path);
    expect(replaced).toBe(true);
    expect(store.state().version).toEqual({ generation: 0, n: 0 });
    store.close();
  });
});

describe('in the validator', () => {
  it('a denied card is refused from the next touch on, and missing deltas are asked for', async () => {
    const rig = await startRig({ connected: true, city: CITY });
    expect((await rig.touch(CARD)).sign).toBe('accepted');
    rig.denyList(LISTS.denyManifest, sealed('deny-manifest', manifest({ n: 1 })));
    expect(rig.asked()).toBe(0);
    rig.timers.advance(5000);
    expect(rig.asked()).toBe(1);
    const add = [{ ...entry(0), tokenId: CARD.tokenId }];
    rig.denyList(LISTS.denyDelta(1, 1), sealed('deny-delta', delta(1, add)));
    expect(await rig.touch(CARD)).toMatchObject({ sign: 'refused', reason: 'CARD_DENIED' });
    expect(rig.records().at(-1)?.body).toMatchObject({ denyList: { generation: 1, n: 1 } });
    rig.clock.advance(90_000);
    expect(rig.agent.health().denyList).toMatchObject({ version: { generation: 1, n: 1 }, entries: 1 });
    expect(rig.agent.health().denyList.ageMs).toBe(rig.clock.nowMs() - NOW);
  });
});
