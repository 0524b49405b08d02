/** What a validator remembers of the others of its vehicle, for an inspector who boards after one of them has died. */
import { describe, expect, it } from 'vitest';
import type { RideElsewhere } from '../../../edge-agent/neighbours/peers.ts';
import { createVehicleMemory } from '../../../edge-agent/neighbours/vehicle-memory.ts';

const DAY_MS = 86_400_000;
const TOKEN = `k2.${'ab'.repeat(16)}`;
const FORMER = `k1.${'cd'.repeat(16)}`;
const RIDE: RideElsewhere = {
  deviceId: 'val-2',
  tokenId: TOKEN,
  formerTokenId: FORMER,
  epoch: 'e'.repeat(32),
  seq: 4,
  ageMs: 1000,
  companions: 0,
};

/** A device over one disk; `start` is another run of it. */
function device() {
  const notes = new Map<string, string>();
  const rig = { cityMs: Date.UTC(2026, 2, 2) as number | null, timerMs: 5000, fails: false, writes: 0 };
  const start = (vehicleId: string | undefined = 'bus-12') =>
    createVehicleMemory({
      vehicleId,
      journal: {
        note: (key) => notes.get(key) ?? null,
        setNote(key, text) {
          if (rig.fails) return false;
          rig.writes++;
          notes.set(key, text);
          return true;
        },
      },
      keeper: {
        nowMs: () => rig.cityMs ?? 0,
        state: () => ({ syncAgeMs: rig.cityMs === null ? null : 0, offsetMs: 0, rttMs: 0 }),
      },
      timers: { nowMs: () => rig.timerMs },
    });
  const pass = (ms: number) => {
    rig.timerMs += ms;
    if (rig.cityMs !== null) rig.cityMs += ms;
  };
  return { rig, notes, start, pass };
}

describe('other devices of the vehicle', () => {
  it('are known across a restart, longest silent first, until they were silent for a week', () => {
    const { start, pass } = device();
    const before = start();
    before.met('val-2', 0);
    pass(DAY_MS);
    before.met('val-3', 0);
    const after = start();
    expect(after.peers()).toEqual(['val-2', 'val-3']);
    pass(6 * DAY_MS - 1);
    expect(after.peers()).toEqual(['val-2', 'val-3']);
    pass(1);
    expect(after.peers()).toEqual(['val-3']);
  });

  it('are not forgotten by a clock that nobody has set, nor when it is set', () => {
    const { rig, start } = device();
    rig.cityMs = null;
    const before = start();
    before.met('val-2', 0);
    expect(start().peers()).toEqual(['val-2']);
    rig.cityMs = Date.UTC(2026, 2, 2);
    expect(before.peers()).toEqual(['val-2']);
    expect(start().peers()).toEqual(['val-2']);
  });

  it('are those of this vehicle', () => {
    const { start } = device();
    start().met('val-2', 0);
    expect(start('bus-13').peers()).toEqual([]);
    expect(start('bus-12').peers()).toEqual(['val-2']);
  });

  it('cost a write when they are new, then one an hour; what the disk did not take is tried again', () => {
    const { rig, start, pass } = device();
    const memory = start();
    rig.fails = true;
    memory.met('val-2', 0);
    rig.fails = false;
    memory.met('val-2', 0);
    expect(rig.writes).toBe(1);
    for (let n = 0; n < 59; n++) {
      pass(60_000);
      memory.met('val-2', 0);
    }
    expect(rig.writes).toBe(1);
    pass(60_000);
    memory.met('val-2', 0);
    memory.met('val-3', 0);
    expect(rig.writes).toBe(3);
  });

  it('are bounded, and a note that is none is nobody', () => {
    const { notes, start } = device();
    const memory = start();
    for (let n = 0; n < 40; n++) memory.met(`val-${100 + n}`, 0);
    expect(memory.peers()).toHaveLength(8);
    for (const rubbish of ['', '{', '[]', '{"met":[["VAL",1]]}']) {
      notes.set('neighbours', rubbish);
      expect(start().peers()).toEqual([]);
    }
  });
});

describe('rides at other doors', () => {
  const ask = (tokenId: string, sinceAgeMs = 60_000) => ({ tokenIds: [tokenId], sinceAgeMs });

  it('are told under either token, as old as they are now, with the most companions and bags heard of', () => {
    const { start, pass } = device();
    const memory = start();
    memory.rode({ ...RIDE, companions: 1 });
    memory.rode({ ...RIDE, bags: 2 });
    pass(2000);
    memory.rode({ ...RIDE, ageMs: 3000 });
    const { deviceId, epoch, seq } = RIDE;
    const ride = { deviceId, epoch, seq, ageMs: 3000, companions: 1, bags: 2 };
    for (const token of [TOKEN, FORMER]) expect(memory.ridesOf(ask(token))).toEqual([ride]);
    expect(memory.ridesOf(ask(`k1.${'0'.repeat(32)}`))).toEqual([]);
  });

  it('are told up to the window that is asked for', () => {
    const { start, pass } = device();
    const memory = start();
    memory.rode(RIDE);
    pass(59_000);
    expect(memory.ridesOf(ask(TOKEN))).toHaveLength(1);
    pass(1);
    expect(memory.ridesOf(ask(TOKEN))).toEqual([]);
  });

  it('are bounded: the oldest is forgotten', () => {
    const { start } = device();
    const memory = start();
    memory.rode(RIDE);
    const other = { tokenId: `k2.${'0'.repeat(32)}`, formerTokenId: `k1.${'1'.repeat(32)}` };
    for (let seq = 10; seq < 10 + 1024; seq++) memory.rode({ ...RIDE, ...other, seq });
    expect(memory.ridesOf(ask(TOKEN))).toEqual([]);
  });
});
