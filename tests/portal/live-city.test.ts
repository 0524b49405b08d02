import { beforeEach, describe, expect, it, vi } from 'vitest';
import { readCityFolder } from '../../portal/adapters/city-folder.ts';
import type { CityNames } from '../../portal/city-names.ts';
import { type CityChange, createLiveCity, type LiveCity } from '../../portal/live-city.ts';
import { aTap, EPOCH, type FakeViews, fakeViews } from './support/fake-views.ts';

const { names }: { names: CityNames } = await readCityFolder('cities/ternopil');

let views: FakeViews;
let live: LiveCity;
let realMs: number;
let tick: (() => void) | undefined;
const troubles: (unknown | null)[] = [];

beforeEach(() => {
  views = fakeViews();
  realMs = 0;
  tick = undefined;
  troubles.length = 0;
  live = createLiveCity({
    views,
    names,
    nowMs: () => 1_760_415_180_000 + realMs * 10,
    speed: () => 10,
    monotonicMs: () => realMs,
    every: (_periodMs, task) => {
      tick = task;
      return () => {
        tick = undefined;
      };
    },
    onTrouble: (error) => troubles.push(error),
  });
});

/** Lets real time pass in beats and every started reading finish. */
async function pass(ms: number): Promise<void> {
  for (let rest = ms; rest > 0; rest -= 250) {
    realMs += 250;
    tick?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the living city', () => {
  it('reads nothing while nobody looks', async () => {
    live.decided();
    await pass(5000);
    expect(views.calls).toEqual({});
  });

  it('reads once for many who ask at the same moment', async () => {
    await Promise.all([live.snapshot('uk'), live.snapshot('en'), live.snapshot('de')]);
    expect(views.calls['latestTaps']).toBe(1);
    expect(views.calls['totals']).toBe(1);
  });

  it('a flood of decisions costs no more than a few readings a second', async () => {
    live.watch(() => {});
    for (let i = 0; i < 40; i++) {
      for (let n = 0; n < 100; n++) live.decided();
      await pass(250);
    }
    // 10 seconds: taps at most every 300 ms on a beat of 250 ms, sums at most each second.
    expect(views.calls['latestTaps']).toBeLessThanOrEqual(21);
    expect(views.calls['latestTaps']).toBeGreaterThan(10);
    expect(views.calls['totals']).toBeLessThanOrEqual(11);
  });

  it('a slow database is asked more rarely', async () => {
    views.totals = vi.fn(async () => {
      realMs += 800;
      return [];
    });
    live.watch(() => {});
    for (let i = 0; i < 20; i++) {
      live.decided();
      await pass(250);
    }
    expect(views.totals).toHaveBeenCalledTimes(1);
  });

  it('tells new taps once, newest first, and none that were there before', async () => {
    views.taps = [aTap()];
    await live.snapshot('uk');
    const changes: CityChange[] = [];
    live.watch((change) => changes.push(change));
    const second = aTap({ tapId: `val-101.${EPOCH}.8` });
    const third = aTap({ tapId: `val-101.${EPOCH}.9` });
    views.taps = [third, second, aTap()];
    await pass(2000);
    expect(changes.flatMap((change) => change.newTaps.map((tap) => tap.tapId))).toEqual([
      third.tapId,
      second.tapId,
    ]);
  });

  it('a tap decided anew comes again with its new revision', async () => {
    views.taps = [aTap()];
    await live.snapshot('uk');
    const seen: number[] = [];
    live.watch((change) => seen.push(...change.newTaps.map((tap) => tap.revision)));
    views.taps = [aTap({ revision: 2 })];
    await pass(1500);
    expect(seen).toEqual([2]);
  });

  it('the first tap of an empty city is new', async () => {
    await live.snapshot('uk');
    const seen: string[] = [];
    live.watch((change) => seen.push(...change.newTaps.map((tap) => tap.tapId)));
    views.taps = [aTap()];
    await pass(1500);
    expect(seen).toHaveLength(1);
  });

  it('keeps the last figures when the database falls silent, says since when, and says when it is back', async () => {
    views.taps = [aTap()];
    await live.snapshot('uk');
    live.watch(() => {});
    views.broken = new Error('connection refused');
    await pass(3000);
    expect(live.current('uk').taps).toHaveLength(1);
    expect(live.current('uk').staleSinceMs).toBeGreaterThan(0);
    views.broken = undefined;
    await pass(12_000);
    expect(live.current('uk').staleSinceMs).toBeNull();
    expect(troubles).toEqual([expect.any(Error), null]);
  });

  it('stops reading when the last one leaves', async () => {
    const leave = live.watch(() => {});
    await pass(1000);
    const before = views.calls['latestTaps'];
    leave?.();
    await pass(5000);
    expect(views.calls['latestTaps']).toBe(before);
  });
});
