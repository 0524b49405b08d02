import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';
import { type Numbers, openNumbers, restoreNumbers, runBackup } from './harness.ts';

// A restore recovers one server and starts another: on a disk that syncs slowly that alone takes its time.
vi.setConfig({ testTimeout: 300_000 });

/** A disk of its own can be mounted by root alone. */
const asRoot = process.getuid?.() === 0;

const data = tempFolder('numbers');
const target = tempFolder('backup');
const disk = join(target.path, 'disk');
let numbers: Numbers;

describe.runIf(asRoot)('a backup whose disk is full', () => {
  beforeAll(async () => {
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
    numbers = await openNumbers(data.path);
  });
  afterAll(async () => {
    await numbers?.stop();
    execFileSync('umount', [disk]);
    data.remove();
    target.remove();
  });

  test('says so and holds nothing up; with room again it goes on by itself and a restore works', async () => {
    const backup = runBackup(numbers.server.adminUrl, join(disk, 'city'));
    const failing = await until(() => backup.states.find(({ state }) => state === 'failing'), {
      withinMs: 60_000,
      what: 'a backup that says that it fails',
    });
    expect(failing.detail).toBe('the disk of the backup folder is full');
    expect(backup.held()).toBe(-1n);
    const place = await numbers.add(20);
    expect(await numbers.count()).toBe(20);
    execFileSync('mount', ['-o', 'remount,size=400m', disk]);
    await backup.untilHeld(place);
    await backup.role.stop();
    const restored = await restoreNumbers(join(disk, 'city'));
    expect(await restored.numbers.count()).toBe(20);
    await restored.remove();
  });
});
