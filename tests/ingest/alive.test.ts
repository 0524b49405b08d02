import { expect, it } from 'vitest';
import { aliveAt, joinAlive } from '../../ingest/alive.ts';

const boot = 'b'.repeat(32);
const at = (monoMs: number, sync?: { serverMs: number; monoMs: number; rttMs: number; bootId?: string }) => ({
  wallMs: 0,
  monoMs,
  bootId: boot,
  ...(sync && { sync: { bootId: boot, ...sync } }),
});

it('bounds a record by half the round trip, a drift no crystal has, and a millisecond', () => {
  const sync = { serverMs: 1_000_000, monoMs: 5_000, rttMs: 40 };
  expect(aliveAt(at(5_000, sync))).toEqual({ fromMs: 1_000_021, toMs: 999_979 });
  expect(aliveAt(at(2_005_000, sync))).toEqual({ fromMs: 3_001_021, toMs: 2_998_979 });
});

it('says nothing of a record whose boot has not heard the city', () => {
  expect(aliveAt(at(5_000))).toBeNull();
  expect(aliveAt(at(5_000, { serverMs: 1, monoMs: 1, rttMs: 1, bootId: 'c'.repeat(32) }))).toBeNull();
});

it('joins to the longest time, in any order', () => {
  const [a, b] = [
    { fromMs: 10, toMs: 8 },
    { fromMs: 20, toMs: 18 },
  ];
  expect(joinAlive(a, b)).toEqual({ fromMs: 10, toMs: 18 });
  expect(joinAlive(b, a)).toEqual({ fromMs: 10, toMs: 18 });
  expect(joinAlive(null, b)).toEqual(b);
  expect(joinAlive(a, null)).toEqual(a);
});
