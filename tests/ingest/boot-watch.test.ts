import { expect, it } from 'vitest';
import type { DeviceHealth } from '#contracts/device-report.ts';
import { createBootWatch } from '../../ingest/boot-watch.ts';

const report = (boot: string | undefined, atMs: number, deviceId = 'val-1') =>
  ({ deviceId, atMs, ...(boot !== undefined && { bootId: boot }) }) as DeviceHealth;

it('a device that restarts is one device', () => {
  const watch = createBootWatch();
  const boots = ['a', 'a', 'b', 'b', 'c', undefined, 'd'];
  expect(boots.map((boot, n) => watch.turnsBack(report(boot, n)))).toEqual(boots.map(() => false));
});

it('two runs that report by turns are two, each time', () => {
  const watch = createBootWatch();
  const boots = ['a', 'b', 'a', 'a', 'b', 'c', 'a'];
  expect(boots.map((boot, n) => watch.turnsBack(report(boot, n)))).toEqual([
    false,
    false,
    true,
    false,
    true,
    false,
    true,
  ]);
});

it('an older report that comes late is no sign; one of the same instant is', () => {
  const watch = createBootWatch();
  watch.turnsBack(report('a', 100));
  watch.turnsBack(report('b', 200));
  expect(watch.turnsBack(report('a', 199))).toBe(false);
  expect(watch.turnsBack(report('b', 210))).toBe(false);
  expect(watch.turnsBack(report('a', 200))).toBe(true);
});

it('devices are apart from each other', () => {
  const watch = createBootWatch();
  for (const [device, boot] of [
    ['val-1', 'a'],
    ['val-2', 'b'],
    ['val-1', 'a'],
    ['val-2', 'b'],
  ] as const)
    expect(watch.turnsBack(report(boot, 1, device))).toBe(false);
});
