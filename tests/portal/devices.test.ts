/** The table of validators: who is missed, and how old what they said has become. */
import { beforeAll, describe, expect, it } from 'vitest';
import { readCityFolder } from '../../portal/adapters/city-folder.ts';
import { deviceTable, deviceVerdict } from '../../portal/views/devices.ts';
import { deviceWire } from '../../portal/wire.ts';
import { createWording, type Wording } from '../../portal/wording.ts';
import { aCity } from './support/a-city.ts';
import { aDevice, aHealth } from './support/fake-views.ts';

let wording: Wording;
beforeAll(async () => {
  wording = createWording('en', (await readCityFolder('cities/ternopil')).names);
});

describe('the verdict over the table', () => {
  const { where: _none, position: _nowhere, ...desk } = aHealth('val-desk');
  const verdict = (stopped: boolean) =>
    deviceVerdict(
      aCity({
        devices: [aDevice('val-101'), aDevice('val-desk', { online: false, stopped, health: desk })].map(
          deviceWire,
        ),
      }),
      wording,
    );

  it('a desk validator that was switched off is missed by nobody; one that vanished is', () => {
    expect(verdict(true)).toContain('verdict-ok');
    expect(verdict(false)).toContain('Needing attention: 1');
  });
});

describe('reported ages', () => {
  it('grow with the time since the report', () => {
    const device = deviceWire(aDevice('val-101'));
    const table = (sinceMs: number) =>
      deviceTable(aCity({ devices: [device], nowMs: (device.reportedAtMs ?? 0) + sinceMs }), wording);
    expect(table(0)).toContain('version 1.4, age 42 s');
    expect(table(600_000)).toContain('version 1.4, age 11 min');
    expect(table(-5000)).toContain('version 1.4, age 42 s');
  });
});
