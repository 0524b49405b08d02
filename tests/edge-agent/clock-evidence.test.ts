/** What a device knows of time, across restarts, power losses and wall clocks that jump. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createTimekeeper,
  instantOf,
  type SavedClock,
  type Timekeeper,
} from '../../edge-agent/clock-evidence.ts';
import { manualClock } from '../support/manual-clock.ts';

const T0 = Date.UTC(2026, 2, 2, 6);
const HOUR_MS = 3_600_000;
const BOOT_A = 'a'.repeat(32);
const BOOT_B = 'b'.repeat(32);

function boot(bootId: string, saved: SavedClock | undefined, wallMs: number, monoMs = 0) {
  const clock = manualClock(wallMs - monoMs);
  clock.advance(monoMs);
  const kept: SavedClock[] = [];
  const keeper = createTimekeeper(Object.assign(clock, { bootId }), {
    saved,
    drawBootId: () => 'f'.repeat(32),
    save: (now) => void kept.push(now),
  });
  return { clock, keeper, kept };
}

/** The city tells its time; the exchange takes `rttMs`. */
function sync(keeper: Timekeeper, serverMs: number, rttMs = 0): void {
  const monoMs = keeper.monoMs();
  keeper.offer({ sentMonoMs: monoMs - rttMs, heardMonoMs: monoMs, serverMs });
}

describe('a restart within one boot', () => {
  it('goes on with the sync: the first record is synced', () => {
    const first = boot(BOOT_A, undefined, T0 + 150_000, 1000);
    sync(first.keeper, T0, 20);
    const second = boot(BOOT_A, first.kept.at(-1), T0 + 150_000, 61_000);
    expect(second.keeper.synced()).toBe(true);
    const at = second.keeper.evidence();
    expect(at).toMatchObject({ bootId: BOOT_A, sync: { bootId: BOOT_A, serverMs: T0, monoMs: 990 } });
    expect(instantOf(at)).toBe(T0 + 60_010);
  });

  it('whose monotonic time began anew is another boot, and stays one at the next start', () => {
    const first = boot(BOOT_A, undefined, T0, 50_000);
    sync(first.keeper, T0);
    const atTheSame = boot(BOOT_A, first.kept.at(-1), T0, 50_000);
    expect(atTheSame.keeper.evidence().bootId).toBe(BOOT_A);
    const reset = boot(BOOT_A, first.kept.at(-1), T0, 49_999);
    const { bootId } = reset.keeper.evidence();
    expect(bootId).not.toBe(BOOT_A);
    expect(reset.keeper.synced()).toBe(false);
    expect(boot(BOOT_A, reset.kept.at(-1), T0, 60_000).keeper.evidence().bootId).toBe(bootId);
  });
});

describe('a power loss', () => {
  const beforeIt = () => {
    const device = boot(BOOT_A, undefined, T0, 5000);
    sync(device.keeper, T0);
    return device.kept.at(-1) as SavedClock;
  };

  it('leaves the last sync as that of another boot', () => {
    const { keeper } = boot(BOOT_B, beforeIt(), T0 + HOUR_MS, 7000);
    const at = keeper.evidence();
    expect(at).toMatchObject({ bootId: BOOT_B, sync: { bootId: BOOT_A, serverMs: T0 } });
    expect(instantOf(at)).toBe(T0 + HOUR_MS);
    expect(keeper.state()).toEqual({ syncAgeMs: null, offsetMs: null, rttMs: null });
    expect(keeper.nowMs()).toBe(T0 + HOUR_MS);
  });

  it('that set the wall clock to 1970 does not take time back behind the last sync, nor behind the newest record', () => {
    const { keeper, clock } = boot(BOOT_B, beforeIt(), 0, 7000);
    expect(keeper.nowMs()).toBe(T0 + 7000);
    expect(instantOf(keeper.evidence())).toBe(T0 + 7000);
    const record = { wallMs: T0 + 600_000, monoMs: 605_000, bootId: BOOT_A };
    const newest = { ...record, sync: { serverMs: T0, monoMs: 5000, bootId: BOOT_A, rttMs: 0 } };
    keeper.notBefore(newest);
    clock.advance(2000);
    expect(keeper.nowMs()).toBe(T0 + 600_000 + 9000);
    keeper.notBefore({ ...newest, monoMs: 5000 });
    expect(keeper.nowMs()).toBe(T0 + 600_000 + 9000);
  });

  it('an exchange in the new boot settles it, and is remembered at once', () => {
    const { keeper, kept } = boot(BOOT_B, beforeIt(), 0, 7000);
    const count = kept.length;
    sync(keeper, T0 + HOUR_MS);
    expect(keeper.nowMs()).toBe(T0 + HOUR_MS);
    expect(kept).toHaveLength(count + 1);
    expect(kept.at(-1)?.sync).toMatchObject({ bootId: BOOT_B, monoMs: 7000 });
  });
});

describe('what is remembered', () => {
  it('is written at the first sync, and then again after an hour, not before', () => {
    const { keeper, kept, clock } = boot(BOOT_A, undefined, T0);
    sync(keeper, T0, 40);
    const first = kept.length;
    clock.advance(HOUR_MS - 1);
    sync(keeper, T0 + HOUR_MS - 1);
    expect(kept).toHaveLength(first);
    clock.advance(1);
    sync(keeper, T0 + HOUR_MS);
    expect(kept).toHaveLength(first + 1);
  });

  it('a machine that names no boot: each process is its own, and the sync before is a bound', () => {
    const clock = manualClock(T0);
    const saved = { v: 1, machineBootId: null, resets: 0, monoMs: 0 } as const;
    const last = { serverMs: T0, monoMs: 10, bootId: BOOT_A, rttMs: 0 };
    const keeper = createTimekeeper(clock, { saved: { ...saved, sync: last }, drawBootId: () => BOOT_B });
    expect(keeper.evidence()).toMatchObject({ bootId: BOOT_B, sync: { bootId: BOOT_A } });
  });
});

describe('a wall clock that jumps', () => {
  const jumps = [0, -150_000, 150_000, 86_400_000, -86_400_000, 2 ** 40];
  it.each(jumps)('by %i ms changes wallMs in the evidence and nothing else', (jumpMs) => {
    const { keeper, clock } = boot(BOOT_A, undefined, T0, 1000);
    sync(keeper, T0);
    const before = keeper.evidence();
    clock.setWall(T0 + jumpMs);
    expect(keeper.evidence()).toEqual({ ...before, wallMs: T0 + jumpMs });
    expect(keeper.nowMs()).toBe(T0);
  });
});

it('monotonic time never goes back within a boot, whatever the clock below does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 2 }), (readings) => {
      let monoMs = 0;
      const clock = { nowMs: () => T0, monotonicMs: () => monoMs, bootId: BOOT_A };
      const keeper = createTimekeeper(clock, { drawBootId: () => BOOT_B });
      let last = 0;
      for (const reading of readings) {
        monoMs = reading;
        const { monoMs: now } = keeper.evidence();
        expect(now).toBeGreaterThanOrEqual(last);
        last = now;
      }
    }),
  );
});
