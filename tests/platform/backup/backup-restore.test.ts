import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openBackupFolder } from '#platform/backup/backup-folder.ts';
import { checkBase } from '#platform/backup/base-backup.ts';
import { chainFrom, checkChain } from '#platform/backup/log-chain.ts';
import { SEGMENT_BYTES } from '#platform/backup/log-position.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';
import { type Numbers, openNumbers, restoreNumbers, runBackup } from './harness.ts';

// A restore recovers one server and starts another: on a disk that syncs slowly that alone takes its time.
vi.setConfig({ testTimeout: 300_000 });

const data = tempFolder('numbers');
const target = tempFolder('backup');
const place = join(target.path, 'city');
let numbers: Numbers;

beforeAll(async () => {
  numbers = await openNumbers(data.path);
});
afterAll(async () => {
  await numbers?.stop();
  data.remove();
  target.remove();
});

/** Finishes a segment of the log. */
async function fillSegment(): Promise<void> {
  await numbers.add(1);
  await numbers.client.query('SELECT pg_switch_wal()');
}

describe('a backup', () => {
  test('that was stopped cleanly holds everything, and a restore brings it back', async () => {
    await numbers.add(10);
    const backup = runBackup(numbers.server.adminUrl, place);
    await backup.untilHeld(await numbers.add(10));
    await numbers.add(7);
    await backup.role.stop();
    const restored = await restoreNumbers(place);
    expect(await restored.numbers.count()).toBe(27);
    expect(restored.reached).toMatchObject({ timeline: 2, damage: null });
    await restored.remove();
  });

  test('goes on where it stopped, keeps whole segments compressed, and lets nothing of them go missing', async () => {
    const backup = runBackup(numbers.server.adminUrl, place);
    for (let i = 0; i < 3; i++) await fillSegment();
    await backup.untilHeld(await numbers.add(1));
    await backup.role.stop();
    const files = readdirSync(join(place, 'wal'));
    expect(files.filter((file) => file.endsWith('.gz')).length).toBeGreaterThanOrEqual(2);
    expect(files.filter((file) => file.endsWith('.partial'))).toHaveLength(1);
    const folder = openBackupFolder(place, false);
    const [base] = folder.listBases();
    if (base === undefined) throw new Error('no base');
    expect((await checkBase(base)).files).toBeGreaterThan(900);
    const chain = chainFrom(folder, base, 1);
    expect((await checkChain(chain, () => {})).bytes).toBeGreaterThan(0);
    expect(folder.listBases()).toHaveLength(1);
    expect(chain.nextSegment * SEGMENT_BYTES).toBeLessThanOrEqual(backup.held());
  });

  test('takes a new base when one is due, and lets the oldest go with the log before it', async () => {
    const before = openBackupFolder(place, false).listBases();
    const backup = runBackup(numbers.server.adminUrl, place, { baseEveryMs: 1, keepBases: 1 });
    await until(
      () =>
        openBackupFolder(place, false)
          .listBases()
          .some(({ id }) => id !== before[0]?.id),
      {
        withinMs: 60_000,
        what: 'a second base',
      },
    );
    await backup.untilHeld(await numbers.add(1));
    await backup.role.stop();
    const [base, ...more] = openBackupFolder(place, false).listBases();
    expect(more).toEqual([]);
    const segments = openBackupFolder(place, false).listSegments();
    expect(segments.every(({ segment }) => segment * SEGMENT_BYTES + SEGMENT_BYTES > BigInt(0))).toBe(true);
    const count = await numbers.count();
    const restored = await restoreNumbers(place, { base: base?.id ?? '' });
    expect(await restored.numbers.count()).toBe(count);
    await restored.remove();
  });

  test('restores to an instant, and says when the instant lies after everything', async () => {
    const backup = runBackup(numbers.server.adminUrl, place);
    await numbers.add(3);
    const count = await numbers.count();
    const { rows } = await numbers.client.query(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
    );
    const untilMs = Math.ceil(rows[0].ms) + 1;
    await until(() => Date.now() > untilMs, { what: 'the next millisecond' });
    await backup.untilHeld(await numbers.add(5));
    await backup.role.stop();
    const restored = await restoreNumbers(place, { untilMs });
    expect(await restored.numbers.count()).toBe(count);
    await restored.remove();
    await expect(restoreNumbers(place, { untilMs: Date.now() + 3_600_000 })).rejects.toMatchObject({
      code: 'RESTORE_NOT_REACHED',
    });
  });

  test('of which the newest part is lost still restores what is before it; a base alone is enough for itself', async () => {
    const backup = runBackup(numbers.server.adminUrl, place);
    await fillSegment();
    await fillSegment();
    await backup.untilHeld(await numbers.add(2));
    await backup.role.stop();
    const all = await numbers.count();
    const wal = join(place, 'wal');
    const partial = readdirSync(wal).find((file) => file.endsWith('.partial')) as string;
    const bytes = readFileSync(join(wal, partial));
    rmSync(join(wal, partial));
    const shorter = await restoreNumbers(place);
    expect(await shorter.numbers.count()).toBeLessThan(all);
    await shorter.remove();
    writeFileSync(join(wal, partial), bytes);
    const whole = await restoreNumbers(place);
    expect(await whole.numbers.count()).toBe(all);
    // Three restores, three timelines: none took the number of another.
    expect(new Set(readdirSync(wal).filter((file) => file.endsWith('.history'))).size).toBe(
      whole.reached.timeline - 1,
    );
    await whole.remove();
  });

  test('refuses to hold two databases', async () => {
    const other = tempFolder('other');
    const stranger = await openNumbers(other.path);
    const backup = runBackup(stranger.server.adminUrl, place);
    const failing = await until(() => backup.states.find(({ state }) => state === 'failing'), {
      what: 'a refusal',
    });
    expect(failing.detail).toContain('BACKUP_OF_ANOTHER_DATABASE');
    await backup.role.stop();
    await stranger.stop();
    other.remove();
  });

  test('of which a byte was flipped is found, and what is damaged is never put in place', async () => {
    const folder = openBackupFolder(place, false);
    const base = folder.listBases().at(-1);
    if (base === undefined) throw new Error('no base');
    const tar = join(base.folder, 'base.tar.gz');
    const bytes = readFileSync(tar);
    const spoiled = Buffer.from(bytes);
    spoiled[Math.floor(spoiled.length / 2)] = (spoiled[Math.floor(spoiled.length / 2)] as number) ^ 4;
    writeFileSync(tar, spoiled);
    await expect(checkBase(base)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    await expect(restoreNumbers(place)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    writeFileSync(tar, bytes);
    const segment = folder.listSegments().find(({ partial }) => !partial);
    if (segment === undefined) throw new Error('no whole segment');
    const log = readFileSync(segment.path);
    const flipped = Buffer.from(log);
    flipped[flipped.length - 6] = (flipped[flipped.length - 6] as number) ^ 1;
    writeFileSync(segment.path, flipped);
    await expect(checkChain(chainFrom(folder, base, 1), () => {})).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
    });
    writeFileSync(segment.path, log);
    expect(existsSync(segment.path)).toBe(true);
  });
});
