import { describe, expect, it } from 'vitest';
import { createGroupCommit, type GroupLimits } from '../../ingest/group-commit.ts';
import type { Arrival } from '../../ingest/model.ts';

const LIMITS: GroupLimits = {
  groupBatchesMax: 3,
  groupBytesMax: 100,
  lingerMs: 20,
  inFlightMax: 2,
  queueBatchesMax: 8,
  queueBytesMax: 500,
};
const arrival = (bytes = 10): Arrival => ({ topic: 't', payload: Buffer.alloc(bytes), receivedAtMs: 0 });

/** A collector whose time and whose commits the test moves. */
function collector(limits: Partial<GroupLimits> = {}) {
  const timers: (() => void)[] = [];
  const groups: { size: number; done: () => void }[] = [];
  const groupCommit = createGroupCommit({
    limits: { ...LIMITS, ...limits },
    schedule: (callback) => {
      timers.push(callback);
      return () => {};
    },
    handle: (group) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      groups.push({ size: group.length, done: resolve });
      return promise;
    },
  });
  return { groupCommit, groups, lingers: () => timers.splice(0).forEach((fire) => void fire()) };
}

describe('group commit', () => {
  it('waits for company, and goes when the linger is over', () => {
    const { groupCommit, groups, lingers } = collector();
    groupCommit.offer(arrival());
    groupCommit.offer(arrival());
    expect(groups).toHaveLength(0);
    lingers();
    expect(groups.map((g) => g.size)).toEqual([2]);
  });

  it('goes at once when it is full by number or by bytes', () => {
    const byNumber = collector();
    for (let i = 0; i < 3; i++) byNumber.groupCommit.offer(arrival());
    expect(byNumber.groups.map((g) => g.size)).toEqual([3]);
    const byBytes = collector();
    byBytes.groupCommit.offer(arrival(100));
    expect(byBytes.groups.map((g) => g.size)).toEqual([1]);
  });

  it('has at most two commits under way; the third waits for one to end', async () => {
    const { groupCommit, groups } = collector();
    for (let i = 0; i < 8; i++) groupCommit.offer(arrival());
    expect(groups).toHaveLength(2);
    groups[0]?.done();
    await new Promise((resolve) => setImmediate(resolve));
    expect(groupCommit.waiting).toBe(2);
  });

  it('refuses what does not fit into the queue', () => {
    const { groupCommit } = collector();
    groupCommit.hold(true);
    for (let i = 0; i < 8; i++) expect(groupCommit.offer(arrival())).toBe(true);
    expect(groupCommit.offer(arrival())).toBe(false);
    const bytes = collector();
    bytes.groupCommit.hold(true);
    expect(bytes.groupCommit.offer(arrival(500))).toBe(true);
    expect(bytes.groupCommit.offer(arrival(1))).toBe(false);
  });

  it('handles nothing while held and everything afterwards', () => {
    const { groupCommit, groups } = collector();
    groupCommit.hold(true);
    for (let i = 0; i < 6; i++) groupCommit.offer(arrival());
    expect(groups).toHaveLength(0);
    groupCommit.hold(false);
    expect(groups.map((g) => g.size)).toEqual([3, 3]);
  });

  it('drains: what waits goes without lingering, and the end is told', async () => {
    const { groupCommit, groups } = collector();
    groupCommit.offer(arrival());
    let drained = false;
    const drain = groupCommit.drain().then(() => {
      drained = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect([groups.length, drained]).toEqual([1, false]);
    groups[0]?.done();
    await drain;
  });
});
