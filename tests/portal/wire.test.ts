import { describe, expect, it } from 'vitest';
import { redactText } from '../../portal/redact.ts';
import { countsWire, deviceState, paceWire, tapResult, tapWire, vehiclesOf } from '../../portal/wire.ts';
import { aDevice, aFreeTap, aHealth, aTap, fakeViews } from './support/fake-views.ts';

describe('how a tap ended', () => {
  it.each([
    ['paid', aTap()],
    ['free', aFreeTap()],
    ['reduced', aFreeTap({ riderMinor: 600n, concessionMinor: 600n })],
    ['pass', aTap({ riderMinor: 0n, passMinor: 1400n })],
    ['transfer', aTap({ kind: 'transfer', riderMinor: 0n, transferMinor: 1400n })],
    ['same-ride', aTap({ kind: 'same-ride', grossMinor: 0n, riderMinor: 0n })],
    ['unpriced', aTap({ kind: 'unpriced', grossMinor: 0n, riderMinor: 0n })],
    ['withdrawn', aTap({ kind: 'withdrawn' })],
  ])('%s', (result, tap) => {
    expect(tapResult(tap)).toBe(result);
  });

  it('keeps amounts beyond a float exact', () => {
    expect(tapWire(aTap({ grossMinor: 9_007_199_254_740_993n })).grossMinor).toBe('9007199254740993');
  });
});

describe('vehicles on the map', () => {
  const at = (lat: number, atMs: number) => ({ atMs, position: { lat, lon: 25.6 } });

  it('a vehicle stands where its newest report puts it and shows its worst device', () => {
    const [vehicle, ...others] = vehiclesOf([
      aDevice('val-1', { health: aHealth('val-1', at(49.1, 1000)) }),
      aDevice('val-2', {
        health: aHealth('val-2', { ...at(49.2, 2000), reader: { state: 'absent', recoveries: 1 } }),
      }),
      aDevice('val-3', { online: false, health: aHealth('val-3', at(49.3, 500)) }),
    ]);
    expect(others).toEqual([]);
    expect(vehicle).toMatchObject({ vehicleId: 'T5-1', lat: 49.2, state: 'out-of-order', devices: 3 });
  });

  it('a device without a position or without a report is on no map', () => {
    const { position: _nowhere, ...health } = aHealth('val-1');
    expect(vehiclesOf([aDevice('val-1', { health }), aDevice('val-2', { health: null })])).toEqual([]);
  });

  it('a silent device is offline, whatever its reader said last', () => {
    const health = aHealth('val-1', { reader: { state: 'absent', recoveries: 2 } });
    expect(deviceState(aDevice('val-1', { online: false, health }))).toBe('offline');
    expect(deviceState(aDevice('val-1', { health }))).toBe('out-of-order');
    expect(deviceState(aDevice('val-1', { health: null }))).toBe('online');
  });
});

describe('a validator that was switched off', () => {
  const { where: _none, position: _nowhere, ...desk } = aHealth('val-desk');

  it('is off when it said so itself and rides in no vehicle', () => {
    const off = { online: false, stopped: true };
    expect(deviceState(aDevice('val-desk', { ...off, health: desk }))).toBe('off');
    expect(deviceState(aDevice('val-desk', { ...off, stopped: false, health: desk }))).toBe('offline');
    expect(deviceState(aDevice('val-101', off))).toBe('offline');
    expect(deviceState(aDevice('val-desk', { stopped: true, health: desk }))).toBe('online');
  });
});

describe('reconciliation', () => {
  const counts = (different: object) => countsWire({ ...fakeViews().countsRow, ...different });

  it('holds when all accepted taps are decided, and while the rest waits', () => {
    expect(counts({ tapRecords: 5n, decidedTaps: 5n }).reconciled).toBe(true);
    expect(counts({ tapRecords: 5n, decidedTaps: 3n, queue: 1n }).reconciled).toBe(true);
  });

  it('fails when one is missing with nothing waiting, or when more is decided than came', () => {
    expect(counts({ tapRecords: 5n, decidedTaps: 4n }).reconciled).toBe(false);
    expect(counts({ tapRecords: 5n, decidedTaps: 6n, inbox: 9n }).reconciled).toBe(false);
  });
});

describe('pace', () => {
  it('shows a lull as zero, and gives taps a minute whatever the slice', () => {
    const row = (startMs: number, taps: number) => ({ startMs, taps, latencyMsMedian: 5, latencyMsP95: 9 });
    const { slices } = paceWire([row(0, 4), row(60_000, 2)], 30_000, () => null);
    expect(slices.map((slice) => [slice.startMs, slice.tapsPerMinute])).toEqual([
      [0, 8],
      [30_000, 0],
      [60_000, 4],
    ]);
  });

  it('is bounded even when the views answer nonsense', () => {
    const row = (startMs: number) => ({ startMs, taps: 1, latencyMsMedian: 0, latencyMsP95: 0 });
    expect(paceWire([row(0), row(1e12)], 1, () => null).slices.length).toBeLessThanOrEqual(500);
  });
});

describe('the last guard', () => {
  it('removes tokens and card numbers from any text', () => {
    const token = `k1.${'0a'.repeat(16)}`;
    expect(redactText(`a ${token} b`)).toBe('a ••• b');
    expect(redactText('pan 4111 1111 1111 1111!')).toBe('pan •••!');
    expect(redactText('4111111111111111')).toBe('•••');
  });

  it('leaves instants, amounts and ids alone', () => {
    for (const text of ['1760415150000', '1200', 'val-101.0123456789abcdef0123456789abcdef.7', 'T5-1']) {
      expect(redactText(text)).toBe(text);
    }
  });
});
