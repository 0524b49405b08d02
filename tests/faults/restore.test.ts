import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { type RestoredCity, restoreCity } from '../../cli/backup/restore-city.ts';
import { drainFareEngine } from '../../cli/city/drain.ts';
import { reconcileCity } from '../../cli/city/reconcile-city.ts';
import { type CityRig, openCityRig, type RigProcess } from '../../cli/faults/city-rig.ts';
import type { TestChild } from '../../simulators/faults/child-process.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const log = createLogger({ component: 'restore', level: 'error', pretty: false });
/** Devices keep everything: what a backup loses at its end, they still have. */
const WITH_RESERVE = { KVYTOK_BACKUP_RESERVE_S: '3600' };

const place = tempFolder('restore');
let rig: CityRig;
/** Bases that were there before the backup began its present life. */
let basesBefore: readonly string[] = [];

async function start(name: RigProcess, killAt?: string, env?: Record<string, string>): Promise<TestChild> {
  const child = rig.start(name, { ...(killAt !== undefined && { killAt }), ...(env && { env }) });
  await child.ready.catch((error: Error) => {
    // An armed child may die before it says that it is ready; an unarmed one may not.
    if (killAt === undefined) throw error;
  });
  return child;
}

async function kill(...names: RigProcess[]): Promise<void> {
  for (const name of names) expect(await rig.running(name)?.kill()).toBe('SIGKILL');
}

interface Figures {
  readonly decided: bigint;
  readonly watermark: bigint | null;
  readonly ordinal: number;
}

async function figures(): Promise<Figures> {
  const { rows } = await rig.auditor.query<Figures>(
    `SELECT decided_taps AS decided, watermark_ms AS watermark, incarnation_ordinal AS ordinal
     FROM fare.published_counts, ingest.published_backup`,
  );
  return rows[0] as Figures;
}

async function untilMoreDecided(): Promise<void> {
  const before = await until(figures, { withinMs: 30_000, what: 'a database that answers' });
  await until(async () => (await figures()).decided > before.decided + 20n, {
    withinMs: 120_000,
    what: 'more decided taps',
  });
}

async function untilWatermarkMoves(): Promise<void> {
  const before = (await figures()).watermark ?? -1n;
  await until(async () => ((await figures()).watermark ?? -1n) > before, {
    withinMs: 120_000,
    what: 'the watermark to move',
  });
}

const bases = (): string[] =>
  readdirSync(join(rig.backupFolder, 'bases')).filter((name) => !name.endsWith('.part'));

/** A whole base of the present life, and log after it. */
async function untilNewBase(): Promise<void> {
  await until(() => bases().some((id) => !basesBefore.includes(id)), { withinMs: 120_000, what: 'a base' });
  await untilMoreDecided();
}

async function restore(more: { moveAside?: boolean; acceptLoss?: boolean } = {}): Promise<RestoredCity> {
  const options = { from: rig.backupFolder, dataFolder: rig.dataFolder, log, onStep: () => {} };
  return restoreCity({ ...options, moveAside: false, acceptLoss: false, ...more });
}

/** Everything is killed and the cluster is gone; validators work on. */
async function loseDatabase(): Promise<void> {
  await kill('backup', 'ingest-1', 'fare-engine-1');
  await rig.destroyDatabase();
}

async function goOn(env?: Record<string, string>): Promise<void> {
  await rig.healDatabase();
  basesBefore = bases();
  await Promise.all([start('ingest-1'), start('fare-engine-1'), start('backup', undefined, env)]);
  await untilMoreDecided();
}

beforeAll(async () => {
  rig = await openCityRig({ folder: place.path, validators: 3, cards: 200, everyMs: 120, seed: 1 });
  await start('broker');
  await Promise.all(
    (['backup', 'ingest-1', 'fare-engine-1', 'validators'] as const).map((name) => start(name)),
  );
  await untilMoreDecided();
});
afterAll(async () => {
  await rig?.close();
  place.remove();
});

describe('a city whose database is lost while taps flow', { timeout: 300_000 }, () => {
  it('goes on from its backup, of which devices had already forgotten a part', async () => {
    await untilWatermarkMoves();
    await untilMoreDecided();
    await untilWatermarkMoves();
    await loseDatabase();
    const restored = await restore();
    expect(restored).toMatchObject({ broken: null, movedTo: null, life: { ordinal: 2, generation: 2 } });
    expect(restored.books.problems).toEqual([]);
    expect(restored.books.taps).toBeGreaterThan(20);
    await goOn(WITH_RESERVE);
    expect((await figures()).ordinal).toBe(2);
  });

  it('is not restored over a database that is there', async () => {
    await expect(restore()).rejects.toMatchObject({ code: 'RESTORE_TARGET_IN_USE' });
  });

  it('goes on from a backup that lacks its newest log', async () => {
    await untilNewBase();
    await loseDatabase();
    const wal = join(rig.backupFolder, 'wal');
    for (const file of readdirSync(wal)) if (file.endsWith('.partial')) rmSync(join(wal, file));
    expect((await restore()).life).toMatchObject({ ordinal: 3, generation: 3 });
    await goOn(WITH_RESERVE);
  });

  it('goes on from a base alone, twice: no number of a life is used again', async () => {
    await untilNewBase();
    await loseDatabase();
    const wal = join(rig.backupFolder, 'wal');
    for (const file of readdirSync(wal)) if (!file.endsWith('.history')) rmSync(join(wal, file));
    const first = await restore();
    await rig.healDatabase();
    await rig.destroyDatabase();
    const second = await restore();
    expect(second.base.id).toBe(first.base.id);
    expect(second.life.incarnation).not.toBe(first.life.incarnation);
    expect(second.life.generation).toBe(first.life.generation + 1);
    expect(second.reached.timeline).toBeGreaterThan(first.reached.timeline);
    await goOn();
  });

  it.each(['backup.log-durable:2', 'backup.before-promise:1', 'backup.held:1', 'backup.base-received:1'])(
    'goes on although its backup was killed at %s before',
    async (point) => {
      await kill('backup');
      const armed = await start('backup', point, { KVYTOK_BACKUP_BASE_EVERY_S: '0' });
      const died = await Promise.race([
        armed.ended,
        until(() => false, { withinMs: 120_000 }).catch(() => 'in vain'),
      ]);
      expect(died).toBe('SIGKILL');
      await start('backup');
      await untilWatermarkMoves();
    },
  );

  it('is not restored to less than its validators were promised', async () => {
    await untilWatermarkMoves();
    await kill('backup', 'ingest-1', 'fare-engine-1');
    await rig.killDatabase();
    const aside = join(rig.dataFolder, 'newest-log');
    const wal = join(rig.backupFolder, 'wal');
    renameSync(wal, aside);
    mkdirSync(wal);
    for (const file of readdirSync(aside))
      if (file.endsWith('.history')) copyFileSync(join(aside, file), join(wal, file));
    await expect(restore({ moveAside: true })).rejects.toMatchObject({ code: 'RESTORE_BEHIND_PROMISE' });
    rmSync(wal, { recursive: true });
    renameSync(aside, wal);
    const restored = await restore({ moveAside: true });
    expect(restored.broken).toBeNull();
    expect(existsSync(restored.movedTo ?? '')).toBe(true);
    await goOn();
  });

  it('has every record, every green and every kopiyka exactly once in the end', async () => {
    expect(await rig.running('validators')?.stop()).toBe(0);
    expect(await drainFareEngine(rig.auditor, 30_000)).toEqual({ inbox: 0, queue: 0, commands: 0 });
    const { data, dataFolder, greens } = rig;
    const result = await reconcileCity(rig.auditor, { dataFolder, devices: data.devices, greens });
    expect(result.problems).toEqual([]);
    expect(result.journals.stillInJournals).toBe(0);
    expect(result.journals.quarantined).toBe(0);
    expect(result.books.decided).toBe(result.books.accepted);
    expect(greens.size).toBeGreaterThan(200);
  });

  it('is restored to less where loss is accepted, and says so', async () => {
    await kill('backup', 'ingest-1', 'fare-engine-1');
    await rig.killDatabase();
    const file = join(rig.backupFolder, 'backup.json');
    const owner = JSON.parse(readFileSync(file, 'utf8')) as object;
    // A promise that nothing in the folder can keep.
    const promised = { position: 'FFFF/0', watermarkMs: 1 };
    writeFileSync(file, JSON.stringify({ ...owner, promised }));
    await expect(restore({ moveAside: true })).rejects.toMatchObject({ code: 'RESTORE_BEHIND_PROMISE' });
    const restored = await restore({ moveAside: true, acceptLoss: true });
    expect(restored).toMatchObject({ broken: { watermarkMs: 1 }, newKeys: false, books: { problems: [] } });
  });
});
