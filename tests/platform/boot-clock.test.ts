/** The machine's boot: named, monotonic across processes, counting sleep. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { createBootClock } from '#platform/boot-clock.ts';
import { systemClock } from '#platform/clock.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = tempFolder('boot-clock');
afterAll(() => folder.remove());
const files = { bootId: `${folder.path}/boot_id`, uptime: `${folder.path}/uptime` };
const UUID = '6F1C1A52-5d0e-4d2b-9a51-0f4b8f6f2a11\n';

function say(uptimeS: number, bootId = UUID): void {
  writeFileSync(files.bootId, bootId);
  writeFileSync(files.uptime, `${uptimeS.toFixed(2)} 12345.67\n`);
}

test('the boot is named as the kernel names it', () => {
  say(100);
  expect(createBootClock(files, () => 100_000).bootId).toBe('6f1c1a525d0e4d2b9a510f4b8f6f2a11');
});

test('fine steps are those of the running clock, sleep is added to them, and it never goes back', () => {
  let awakeMs = 100_004.25;
  say(100);
  const clock = createBootClock(files, () => awakeMs);
  expect(clock.monotonicMs()).toBe(100_004.25);
  awakeMs += 0.5;
  expect(clock.monotonicMs()).toBe(100_004.75);
  say(3700);
  expect(clock.monotonicMs()).toBe(3_700_000);
  awakeMs += 10;
  say(3700.01);
  expect(clock.monotonicMs()).toBe(3_700_010);
  say(50);
  expect(clock.monotonicMs()).toBe(3_700_010);
});

test('where the kernel says nothing of use, the process is its own boot', () => {
  say(100, 'no uuid');
  expect(createBootClock(files)).toBe(systemClock);
  expect(createBootClock({ ...files, bootId: `${folder.path}/none` })).toBe(systemClock);
  say(100);
  expect(createBootClock({ ...files, uptime: `${folder.path}/none` })).toBe(systemClock);
});

test('a second process of the same boot goes on where this one is', () => {
  const clock = createBootClock();
  const before = clock.monotonicMs();
  const module = new URL('../../platform/boot-clock.ts', import.meta.url).href;
  const code = `const { createBootClock } = await import(${JSON.stringify(module)});
    const clock = createBootClock(); console.log(JSON.stringify([clock.bootId, clock.monotonicMs()]));`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
  const [bootId, monoMs] = JSON.parse(child.stdout) as [string | undefined, number];
  expect(bootId).toBe(clock.bootId);
  if (bootId === undefined) return; // This machine names no boot: each process is its own.
  expect(monoMs).toBeGreaterThanOrEqual(before - 100);
  expect(monoMs).toBeLessThanOrEqual(clock.monotonicMs() + 100);
});
