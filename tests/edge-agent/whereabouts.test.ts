/** What goes into records: the told line, and the stop that positions give. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openCityKeys } from '../../cli/city/city-keys.ts';
import { enrolDevice } from '../../cli/city/enrol-devices.ts';
import { loadDevice } from '../../edge-agent/adapters/load-device.ts';
import type { StopPlan } from '../../edge-agent/stops/stop-plan.ts';
import { createWhereDesk } from '../../edge-agent/whereabouts.ts';

const PLAN: StopPlan = {
  v: 1,
  zone: 'Europe/Kyiv',
  rules: {
    reachM: 40,
    hysteresisM: 15,
    freshS: 10,
    halfLifeS: 60,
    timetablePct: 50,
    driverPct: 90,
    dropPct: 10,
  },
  stops: { s1: [49.55, 25.6], s2: [49.56, 25.6] },
  patterns: [{ routeId: 'r', directionId: 0, stopIds: ['s1', 's2'], offsetsS: [0, 60] }],
  trips: {},
};
const LINE = { routeId: 'r', directionId: 0 } as const;
const there = { lat: 49.55, lon: 25.6, accuracyM: 5, bearingDeg: 10 };
const desk = (stopPlan?: StopPlan, at = { nowMs: 0, monoMs: 0 }) =>
  createWhereDesk({ vehicleId: 'bus', stopPlan, moment: () => at });

describe('the place of the next record', () => {
  it('has the found stop with its confidence and who said it', () => {
    const one = desk(PLAN);
    one.tell(LINE);
    expect(one.now()).toEqual({ vehicleId: 'bus', ...LINE });
    one.observe(there);
    expect(one.now()).toMatchObject({ vehicleId: 'bus', ...LINE, stopId: 's1', stopSource: 'gnss' });
    expect(one.now().stopConfidencePct).toBeGreaterThan(90);
    expect(one.report()).toMatchObject({
      where: { stopId: 's1' },
      nextStopId: 's2',
      position: { lat: 49.55, lon: 25.6, bearing: 10 },
    });
  });

  it('a stop that is told stands as it is, without a confidence', () => {
    const one = desk(PLAN);
    one.tell({ ...LINE, stopId: 's2' });
    one.observe(there);
    expect(one.now()).toEqual({ vehicleId: 'bus', ...LINE, stopId: 's2' });
  });

  it('the stop of the driver is the driver’s word', () => {
    const one = desk(PLAN);
    one.tellByDriver({ ...LINE, stopId: 's2' });
    expect(one.now()).toMatchObject({ stopId: 's2', stopConfidencePct: 90, stopSource: 'driver' });
  });

  it('the word of the driver stands above the plan until it is over, then the plan holds that was told meanwhile', () => {
    const one = desk();
    one.tell({ routeId: 'plan-1' });
    one.tellByDriver({ routeId: 'driven' });
    one.tell({ routeId: 'plan-2' });
    expect(one.now().routeId).toBe('driven');
    one.leaveDriver();
    expect(one.now().routeId).toBe('plan-2');
  });

  it('without the city’s stops positions are reported and name none', () => {
    const one = desk();
    one.tellByDriver({ ...LINE, stopId: 's2' });
    expect(one.now()).toEqual({ vehicleId: 'bus', ...LINE, stopId: 's2' });
    one.leaveDriver();
    one.tell(LINE);
    one.observe(there);
    expect(one.now()).toEqual({ vehicleId: 'bus', ...LINE });
    expect(one.report().position).toMatchObject({ lat: 49.55 });
  });
});

describe('the stops in a device folder', () => {
  const root = mkdtempSync(join(tmpdir(), 'kvytok-stops-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const policy = { passBackS: 60, mediumKinds: ['social'] as const, journalRecordsMax: 1000 };
  const context = { keys: openCityKeys(join(root, 'keys')), policy, mqttUrl: 'mqtt://127.0.0.1:1' };

  it('come with the enrolment and are the device’s plan', () => {
    const { folder } = enrolDevice(root, { deviceId: 'val-1' }, { ...context, stops: JSON.stringify(PLAN) });
    expect(loadDevice(folder).stopPlan).toEqual(PLAN);
    const { folder: without } = enrolDevice(root, { deviceId: 'val-2' }, context);
    expect(loadDevice(without).stopPlan).toBeUndefined();
  });

  it('changed, missing or too large they keep the device from starting, and the error says which', () => {
    const { folder } = enrolDevice(root, { deviceId: 'val-3' }, { ...context, stops: JSON.stringify(PLAN) });
    const file = join(folder, 'stops.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('49.55', '49.66'));
    expect(() => loadDevice(folder)).toThrow(/stops\.json is not the file/);
    rmSync(file);
    expect(() => loadDevice(folder)).toThrow(/stops\.json is missing/);
    writeFileSync(file, ' '.repeat(8 * 1024 * 1024 + 1));
    expect(() => loadDevice(folder)).toThrow(/stops\.json is larger/);
  });
});
