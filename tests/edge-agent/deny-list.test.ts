import { describe, expect, it } from 'vitest';
import type { DenyEntry, DenyManifest } from '#contracts/deny-list.ts';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { LISTS } from '#contracts/topics.ts';
import { until } from '../support/until.ts';
import { CARD, startRig } from './support/agent-rig.ts';
import {
  chunksOf,
  delta,
  entry,
  follow,
  fullChunks,
  type Message,
  manifestOf,
  NOW,
  proofOf,
  retained,
  sealed,
  token,
} from './support/deny-city.ts';
import { createTestCity } from './support/edge-city.ts';
import { CITY, give, listWithOne, manifest, newFolder, openList, rest } from './support/open-deny-list.ts';

describe('going forward', () => {
  it('the first manifest of an empty list, then deltas one after the other', async () => {
    const list = openList();
    expect(await give(list, manifest())).toBe('applied');
    expect(list.state().version).toEqual({ generation: 1, n: 0 });
    expect(list.wanted(4)).toEqual([]);
    await give(list, manifest({ n: 2, issuedAtMs: NOW + 1 }));
    expect(list.wanted(4)).toEqual([LISTS.denyDelta(1, 1), LISTS.denyDelta(1, 2)]);
    expect(list.wanted(1)).toHaveLength(1);
    expect(await give(list, delta(1, [entry(1), entry(2)]))).toBe('applied');
    expect(await give(list, delta(2, [], [token(1)]))).toBe('applied');
    expect(list.find(token(1))).toBeNull();
    expect(list.find(token(2))).toEqual(entry(2));
    expect(list.state()).toMatchObject({ version: { generation: 1, n: 2 }, entries: 1 });
  });

  it('deltas that come twice, too early or too late change nothing', async () => {
    const list = openList();
    await give(list, manifest({ n: 3 }));
    expect(await give(list, delta(3, [entry(3)]))).toBe('not-needed');
    expect(await give(list, delta(1, [entry(1)]))).toBe('applied');
    expect(await give(list, delta(1, [entry(1)]))).toBe('not-needed');
    expect(list.behind()).toBe(true);
    expect(await give(list, delta(2, [entry(2)], [token(1)]))).toBe('applied');
    expect(await give(list, delta(3, [entry(3)]))).toBe('applied');
    expect(await give(list, delta(4, [entry(4)]))).toBe('not-needed');
    expect(list.behind()).toBe(false);
    expect(list.state()).toMatchObject({ version: { generation: 1, n: 3 }, entries: 2 });
  });

  it('an entry added again replaces the old one and is counted once', async () => {
    const list = await listWithOne();
    await give(list, manifest({ n: 2, issuedAtMs: NOW + 1 }));
    await give(list, delta(2, [entry(1, { scope: 'paid', reason: 'debt' }), entry(1, { reason: 'fraud' })]));
    expect(list.find(token(1))).toMatchObject({ reason: 'fraud', scope: 'all' });
    expect(list.state().entries).toBe(1);
  });

  it('a device far behind takes the snapshot when all its chunks are there, then the deltas after it', async () => {
    const list = await listWithOne();
    const chunks = fullChunks(1, 50, 1003).map((chunk) => chunk);
    const after = delta(51, [entry(5000)], [token(1)]);
    await give(list, manifestOf({ generation: 1, n: 51, snapshotN: 50 }, chunks));
    expect(list.wanted(9)).toEqual([LISTS.denyChunk(1, 50, 0), LISTS.denyChunk(1, 50, 1)]);
    expect(await give(list, after)).toBe('not-needed');
    expect(await give(list, chunks[1] as Message)).toBe('kept-aside');
    expect(list.find(token(1))).not.toBeNull();
    expect(list.find(token(2))).toBeNull();
    expect(await give(list, chunks[0] as Message)).toBe('applied');
    expect(list.state()).toMatchObject({ version: { generation: 1, n: 50 }, entries: 1003 });
    expect(await follow(list, retained([after], CITY))).toEqual(['applied']);
    expect(list.state()).toMatchObject({ version: { generation: 1, n: 51 }, entries: 1003 });
    expect([0, 999, 1000, 1002, 5000].every((n) => list.find(token(n)) !== null)).toBe(true);
    expect([1, 1003, 4999].map((n) => list.find(token(n)))).toEqual([null, null, null]);
  });

  it('every form of entry comes back from the file as it was', async () => {
    const list = openList();
    const entries: DenyEntry[] = [
      { tokenId: `k1.${'0'.repeat(32)}`, reason: 'lost', scope: 'all', validFromMs: 0, validUntilMs: null },
      { tokenId: `k1.${'f'.repeat(32)}`, reason: 'replaced', scope: 'all', validFromMs: -1, validUntilMs: 1 },
      {
        tokenId: `k10.${'0'.repeat(32)}`,
        reason: 'debt',
        scope: 'paid',
        validFromMs: NOW,
        validUntilMs: NOW + 1,
      },
      {
        tokenId: `k2.${'a'.repeat(32)}`,
        reason: 'fraud',
        scope: 'all',
        validFromMs: -8.64e15,
        validUntilMs: 8.64e15,
      },
      {
        tokenId: `k9999.${'1'.repeat(32)}`,
        reason: 'lost',
        scope: 'paid',
        validFromMs: 5,
        validUntilMs: null,
      },
    ];
    const chunks = chunksOf(1, 7, [entries]);
    await give(list, manifestOf({ generation: 1, n: 7, snapshotN: 7 }, chunks));
    await follow(list, retained(chunks, CITY));
    for (const one of entries) expect(list.find(one.tokenId)).toEqual(one);
    for (const other of [`k0.${'0'.repeat(32)}`, `k10.${'f'.repeat(32)}`, `k3.${'a'.repeat(32)}`])
      expect(list.find(other)).toBeNull();
  });
});

describe('generations', () => {
  const chunks = chunksOf(2, 0, [[entry(7)]]);
  const second = (more: Partial<DenyManifest> = {}) =>
    manifestOf({ generation: 2, n: 0, snapshotN: 0 }, chunks, more);

  it('a new generation, proven by the offline key, outranks every number of the old one', async () => {
    const list = await listWithOne();
    expect(await give(list, second({ generationProof: proofOf(2, CITY) }))).toBe('applied');
    await follow(list, retained(chunks, CITY));
    expect(list.state()).toMatchObject({ version: { generation: 2, n: 0 }, entries: 1 });
    expect(list.find(token(1))).toBeNull();
    expect(await give(list, manifest({ n: 99, issuedAtMs: NOW + 9 }))).toBe('refused');
  });

  it('the key that is online cannot begin one: not without a proof, not by a proof of its own, not by an older one', async () => {
    const list = await listWithOne();
    for (const generationProof of [proofOf(2, CITY, CITY.lists), proofOf(3, CITY), '{}', '']) {
      expect(await give(list, second({ generationProof }))).toBe('refused');
    }
    const { generationProof: _, ...bare } = second();
    expect(await give(list, bare)).toBe('refused');
    const foreign = { ...CITY.lists, keyId: CITY.generation.keyId };
    expect(await give(list, second({ generationProof: proofOf(2, CITY, foreign) }))).toBe('refused');
    expect(list.state()).toMatchObject({ version: { generation: 1, n: 1 } });
    expect(list.find(token(1))).not.toBeNull();
  });

  it('also a new device believes a later generation only by proof, and a device without the key believes none', async () => {
    expect(await give(openList(), second())).toBe('refused');
    expect(await give(openList(), second({ generationProof: proofOf(2, CITY) }))).toBe('applied');
    const unpinned = openList(newFolder(), new Map());
    expect(await give(unpinned, second({ generationProof: proofOf(2, CITY) }))).toBe('refused');
    expect(await give(unpinned, manifest())).toBe('applied');
  });

  it('within a generation that it has reached a device needs the proof no more', async () => {
    const list = openList();
    await give(list, second({ generationProof: proofOf(2, CITY) }));
    await follow(list, retained(chunks, CITY));
    expect(await give(list, second({ n: 1, issuedAtMs: NOW + 1 }))).toBe('applied');
  });
});

describe('never back, never by strangers', () => {
  it('an older manifest and old deltas change nothing', async () => {
    const list = await listWithOne();
    expect(await give(list, manifest({ n: 0, issuedAtMs: NOW + 9 }))).toBe('refused');
    expect(await give(list, manifest({ n: 1, snapshotN: 2 }))).toBe('refused');
    expect(await give(list, delta(1, [], [token(1)]))).toBe('not-needed');
    expect(await give(list, delta(2, [], [token(1)]))).toBe('not-needed');
    expect(list.find(token(1))).not.toBeNull();
    expect(list.refusedCount()).toBe(2);
  });

  it('a foreign signature, another purpose or rubbish is refused', async () => {
    const list = openList();
    await give(list, manifest({ n: 1 }));
    const foreign = createTestCity();
    expect(await give(list, manifest({ n: 1 }), foreign)).toBe('refused');
    expect(await give(list, delta(1, [entry(1)]), foreign)).toBe('refused');
    const topic = LISTS.denyDelta(1, 1);
    expect(await list.receive(topic, sealEnvelope('deny-chunk', delta(1, [entry(1)]), CITY.lists))).toBe(
      'refused',
    );
    expect(await list.receive(topic, Buffer.from('{'))).toBe('refused');
    expect(await list.receive(`${LISTS.denyManifest}/other`, Buffer.from('{}'))).toBe('refused');
    expect(list.state()).toMatchObject({ version: { generation: 1, n: 0 }, entries: 0 });
  });

  it('a topic that lies about its content gains nothing', async () => {
    const list = await listWithOne();
    await give(list, manifest({ n: 7, issuedAtMs: NOW + 1 }));
    const old = sealed(delta(1, [], [token(1)]), CITY).bytes;
    expect(await list.receive(LISTS.denyDelta(1, 2), old)).toBe('not-needed');
    expect(list.find(token(1))).not.toBeNull();
  });

  it('a snapshot whose chunks do not have the manifest hash is dropped whole and left alone for a while', async () => {
    const list = openList();
    const chunks = chunksOf(1, 5, [[entry(1)]]);
    const wrong = { snapshotSha256: 'f'.repeat(64) };
    await give(list, manifestOf({ generation: 1, n: 5, snapshotN: 5 }, chunks, wrong));
    expect(await follow(list, retained(chunks, CITY))).toEqual(['mismatch']);
    expect(list.state()).toMatchObject({ version: { generation: 0, n: 0 }, entries: 0 });
    expect(list.behind()).toBe(true);
    for (let turn = 1; turn <= 20; turn++) {
      await give(
        list,
        manifestOf({ generation: 1, n: 5, snapshotN: 5 }, chunks, { ...wrong, issuedAtMs: NOW + turn }),
      );
      expect(list.wanted(4)).toEqual([]);
    }
    await give(
      list,
      manifestOf({ generation: 1, n: 5, snapshotN: 5 }, chunks, { ...wrong, issuedAtMs: NOW + 21 }),
    );
    expect(list.wanted(4)).toHaveLength(1);
    await give(list, manifestOf({ generation: 1, n: 5, snapshotN: 5 }, chunks, { issuedAtMs: NOW + 22 }));
    expect(await follow(list, retained(chunks, CITY))).toEqual(['applied']);
    expect(list.find(token(1))).not.toBeNull();
  });

  it.each([
    ['entries that do not ascend', [[entry(2), entry(1)]]],
    ['an entry twice', [[entry(1), entry(1)]]],
    ['a short chunk before the last', [[entry(1)], [entry(2)]]],
    ['an empty chunk', [[]]],
  ])('a chunk with %s is refused', async (_what, parts) => {
    const list = openList();
    const chunks = chunksOf(1, 5, parts);
    await give(list, manifestOf({ generation: 1, n: 5, snapshotN: 5 }, chunks));
    expect((await follow(list, retained(chunks, CITY)))[0]).toBe('refused');
    expect(list.state().version).toEqual({ generation: 0, n: 0 });
  });

  it('chunks that overlap one another are no snapshot', async () => {
    const list = openList();
    const [first] = fullChunks(1, 5, 1000);
    const chunks = chunksOf(1, 5, [first?.entries ?? [], [entry(500)]]);
    await give(list, manifestOf({ generation: 1, n: 5, snapshotN: 5 }, chunks));
    expect(await follow(list, retained(chunks, CITY))).toEqual(['kept-aside', 'mismatch']);
  });
});

describe('in the validator', () => {
  it('a denied card is refused from the next touch on; what is missing is asked for again, and nothing else', async () => {
    const rig = await startRig({ connected: true, city: CITY });
    const add = [{ ...entry(0), tokenId: CARD.tokenId }];
    const current = sealed(manifest({ n: 1 }), CITY).bytes;
    expect((await rig.touch(CARD)).sign).toBe('accepted');
    rig.denyManifest(current);
    await until(() => rig.asked.length === 1);
    expect(rig.asked).toEqual([LISTS.denyDelta(1, 1)]);
    const { topic, bytes } = sealed(delta(1, add), CITY);
    rig.lists.set(topic, bytes);
    await until(() => {
      rig.timers.advance(1000);
      return rig.agent.health().denyList.version.n === 1;
    });
    expect(await rig.touch(CARD)).toMatchObject({ sign: 'refused' });
    expect(rig.records().at(-1)?.body).toMatchObject({ denyList: { generation: 1, n: 1 } });
    rig.denyManifest(current);
    rig.clock.advance(90_000);
    expect(rig.agent.health().denyList).toMatchObject({ version: { generation: 1, n: 1 }, entries: 1 });
    expect(rig.agent.health().denyList.ageMs).toBe(rig.clock.nowMs() - NOW);
    expect(rig.asked).toEqual([topic, topic]);
  });

  it('cards are answered between the chunks of a list that comes in', async () => {
    const rig = await startRig({ connected: true, city: CITY, recordsMax: 1_000_000 });
    const chunks = fullChunks(1, 5, 20_000);
    for (const { topic, bytes } of chunks.map((chunk) => sealed(chunk, CITY))) rig.lists.set(topic, bytes);
    rig.denyManifest(sealed(manifestOf({ generation: 1, n: 5, snapshotN: 5 }, chunks), CITY).bytes);
    const seen = new Set<number>();
    while (rig.agent.health().denyList.entries === 0) {
      expect((await rig.touch(CARD)).sign).toBe('accepted');
      seen.add(rig.timers.rests());
      await rest();
    }
    // Twenty chunks, each in more than one slice: a card had its turn at nearly all of them.
    expect(seen.size).toBeGreaterThan(20);
    expect(rig.agent.health().denyList).toMatchObject({ version: { generation: 1, n: 5 }, entries: 20_000 });
  });
});
