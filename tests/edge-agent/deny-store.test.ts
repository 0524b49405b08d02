/** The deny list on the disk: restarts, damage, disks that were set back. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LISTS } from '#contracts/topics.ts';
import {
  delta,
  entry,
  follow,
  fullChunks,
  type Message,
  manifestOf,
  NOW,
  retained,
  token,
} from './support/deny-city.ts';
import { CITY, give, listWithOne, manifest, newFolder, openList } from './support/open-deny-list.ts';

describe('age and restart', () => {
  it('the list is as fresh as the newest manifest that it has reached', async () => {
    const list = openList();
    await give(list, manifest());
    await give(list, manifest({ n: 1, issuedAtMs: NOW + 60_000 }));
    expect(list.state().vouchedAtMs).toBe(NOW);
    await give(list, delta(1, [entry(1)]));
    expect(list.state().vouchedAtMs).toBe(NOW + 60_000);
    await give(list, manifest({ n: 1, issuedAtMs: NOW }));
    expect(list.state().vouchedAtMs).toBe(NOW + 60_000);
    await give(list, manifest({ n: 1, issuedAtMs: NOW + 120_000 }));
    expect(list.state().vouchedAtMs).toBe(NOW + 120_000);
  });

  it('version, entries and a half-taken snapshot survive a restart', async () => {
    const dir = newFolder();
    const chunks = fullChunks(1, 5, 2500);
    const target = manifestOf({ generation: 1, n: 5, snapshotN: 5 }, chunks);
    const before = await listWithOne(dir);
    await give(before, target);
    await give(before, chunks[0] as Message);
    await give(before, chunks[2] as Message);
    before.close();
    const after = openList(dir);
    expect(after.state()).toMatchObject({ version: { generation: 1, n: 1 }, entries: 1, vouchedAtMs: NOW });
    expect(await give(after, manifest())).toBe('refused');
    await give(after, target);
    expect(after.wanted(9)).toEqual([LISTS.denyChunk(1, 5, 1)]);
    await give(after, chunks[1] as Message);
    expect(after.state()).toMatchObject({ version: { generation: 1, n: 5 }, entries: 2500 });
    after.close();
    expect(openList(dir).find(token(2499))).not.toBeNull();
  });

  it('a half-taken chunk is asked for again', async () => {
    const dir = newFolder();
    const chunks = fullChunks(1, 5, 2500);
    const target = manifestOf({ generation: 1, n: 5, snapshotN: 5 }, chunks);
    const before = openList(dir);
    await give(before, target);
    await follow(before, retained(chunks.slice(0, 2), CITY));
    before.close();
    const path = join(dir, 'deny-list.bin.new');
    const bytes = readFileSync(path);
    const at = bytes.indexOf(Buffer.from(token(1001).slice(3), 'hex'), 72 + 3 * 72);
    bytes[at] = 1;
    writeFileSync(path, bytes);
    const after = openList(dir);
    await give(after, target);
    expect(after.wanted(9)).toEqual([LISTS.denyChunk(1, 5, 1), LISTS.denyChunk(1, 5, 2)]);
  });

  it('a disk that was set back catches up; nothing older than its newest is ever taken', async () => {
    const dir = newFolder();
    const chunks = fullChunks(1, 5, 1500);
    const broker = retained([...chunks, delta(6, [entry(9000)])], CITY);
    const list = openList(dir);
    await give(list, manifestOf({ generation: 1, n: 6, snapshotN: 5 }, chunks));
    await follow(list, broker);
    list.close();
    // The file is gone, as after a repair of the disk: the list is empty and says so, but knows how far it was.
    writeFileSync(join(dir, 'deny-list.bin'), 'KVDENY1\nrubbish');
    const again = openList(dir);
    expect(again.replaced).toBe(true);
    expect(again.state()).toMatchObject({
      version: { generation: 0, n: 0 },
      entries: 0,
      floor: { generation: 1, n: 6 },
    });
    expect(await give(again, manifest({ n: 3 }))).toBe('refused');
    await give(again, manifestOf({ generation: 1, n: 6, snapshotN: 5 }, chunks));
    await follow(again, broker);
    expect(again.state()).toMatchObject({ version: { generation: 1, n: 6 }, entries: 1501 });
  });
});

describe('a disk that fails', () => {
  it('denies nobody, counts the lookups, and takes no message for kept', async () => {
    const list = await listWithOne();
    await give(list, manifest({ n: 2, issuedAtMs: NOW + 1 }));
    list.close();
    expect(list.find(token(1))).toBeNull();
    expect(list.failedLookups()).toBe(1);
    expect(await give(list, delta(2, [entry(2)]))).toBe('disk-failed');
  });

  it('a damaged file is replaced by an empty list that is fetched again', async () => {
    const dir = newFolder();
    writeFileSync(join(dir, 'deny-list.db'), 'rubbish '.repeat(2000));
    const list = openList(dir);
    expect(list.replaced).toBe(true);
    expect(list.state().version).toEqual({ generation: 0, n: 0 });
    expect(await give(list, manifest())).toBe('applied');
  });

  it('a bit that flips in the file is found, never taken for an answer, and the snapshot is fetched again', async () => {
    const dir = newFolder();
    const chunks = fullChunks(1, 5, 2500);
    const broker = retained([...chunks, delta(6, [entry(9000)], [token(3)])], CITY);
    const current = manifestOf({ generation: 1, n: 6, snapshotN: 5 }, chunks);
    const before = openList(dir);
    await give(before, current);
    await follow(before, broker);
    before.close();
    const path = join(dir, 'deny-list.bin');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    writeFileSync(path, bytes);
    const list = openList(dir);
    expect(list.replaced).toBe(false);
    await give(list, current);
    expect(list.wanted(9)).toEqual([]);
    expect(await list.verify()).toBe(false);
    expect([list.find(token(2499)), list.failedLookups()]).toEqual([null, 1]);
    expect(list.find(token(10))).not.toBeNull();
    await give(list, { ...current, issuedAtMs: NOW + 30_000 });
    expect(list.behind()).toBe(true);
    await follow(list, broker);
    expect(list.behind()).toBe(false);
    expect(list.state()).toMatchObject({ version: { generation: 1, n: 6 }, entries: 2500, damaged: false });
    expect(await list.verify()).toBe(true);
    expect([3, 2499, 9000].map((n) => list.find(token(n)) !== null)).toEqual([false, true, true]);
  });
});
