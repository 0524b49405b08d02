import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviceSharer, seatOf } from '../../ingest/share-devices.ts';

const DEVICES = Array.from({ length: 3000 }, (_, n) => `val-${n}`);
const seats = fc.uniqueArray(fc.integer({ min: 0, max: 0xffff_ffff }), { minLength: 1, maxLength: 8 });

describe('sharing devices', () => {
  it('gives each device to one seat, the same whoever asks and in whatever order the seats stand', () => {
    fc.assert(
      fc.property(seats, fc.constantFrom(...DEVICES), (taken, device) => {
        const owner = seatOf(device, taken);
        expect(taken).toContain(owner);
        expect(seatOf(device, taken.toReversed())).toBe(owner);
      }),
    );
    expect(seatOf('val-1', [])).toBeUndefined();
  });

  it('moves only the devices of a seat that goes', () => {
    fc.assert(
      fc.property(seats, (taken) => {
        const [gone, ...left] = taken;
        for (const device of DEVICES.slice(0, 50)) {
          const before = seatOf(device, taken);
          if (before !== gone) expect(seatOf(device, left)).toBe(before);
        }
      }),
    );
  });

  it('gives each of three about a third', () => {
    const counts = Map.groupBy(DEVICES, (device) => seatOf(device, [11, 22, 33]));
    for (const devices of counts.values()) expect(devices.length).toBeGreaterThan(850);
  });

  it('takes everything in doubt: alone, without a seat, or with the database away', () => {
    const sharer = (mine: boolean, seated: number[]) =>
      deviceSharer({ number: 11, mine: () => mine, seated: () => seated });
    expect(DEVICES.every(sharer(true, [11]))).toBe(true);
    expect(DEVICES.every(sharer(false, [11, 22]))).toBe(true);
    expect(DEVICES.every(sharer(false, []))).toBe(true);
    expect(DEVICES.every(sharer(true, [11, 22]))).toBe(false);
  });

  it('follows the seats as they change', () => {
    let seated = [11, 22];
    const ours = deviceSharer({ number: 11, mine: () => true, seated: () => seated });
    const shared = DEVICES.filter(ours).length;
    expect(shared).toBeLessThan(DEVICES.length);
    seated = [11];
    expect(DEVICES.every(ours)).toBe(true);
    seated = [11, 33];
    expect(DEVICES.filter(ours)).toEqual(DEVICES.filter((device) => seatOf(device, seated) === 11));
  });
});
