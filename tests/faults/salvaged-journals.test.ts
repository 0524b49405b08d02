/**
 * Journals are damaged while the city has not seen their rides: real agents on damaged folders against the real city.
 * The devices salvage by themselves, and every green whose own bytes were not hit is priced exactly once.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drainFareEngine } from '../../cli/city/drain.ts';
import { deviceFolder } from '../../cli/city/identities.ts';
import { reconcileCity } from '../../cli/city/reconcile-city.ts';
import { type CityRig, openCityRig } from '../../cli/faults/city-rig.ts';
import { journalFile } from '../../cli/reconcile/journals.ts';
import { holdValidator } from '../support/held-validator.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const place = tempFolder('salvaged');
let rig: CityRig;
let cards = 0;
const hitGreens: string[] = [];

beforeAll(async () => {
  rig = await openCityRig({ folder: place.path, validators: 2, cards: 1, everyMs: 1000, seed: 1 });
  for (const name of ['broker', 'ingest-1', 'fare-engine-1'] as const) await rig.start(name).ready;
});
afterAll(async () => {
  await rig?.close();
  place.remove();
});

const folderOf = (n: number): string => deviceFolder(rig.dataFolder, rig.data.devices[n]?.deviceId as string);

/** Rides with a network and receipts, then rides without; gives the ids of those the city has not seen. */
async function livedOffline(folder: string, online: number, offline: number): Promise<string[]> {
  const first = await holdValidator(rig, folder);
  for (let n = 0; n < online; n++) await first.tap(++cards);
  await first.receipted();
  await first.stop();
  const second = await holdValidator(rig, folder, false);
  const unseen: string[] = [];
  for (let n = 0; n < offline; n++) unseen.push(await second.tap(++cards));
  await second.stop();
  return unseen;
}

/** The city hears of it, with its logs. */
async function comesBack(folder: string): Promise<string> {
  const validator = await holdValidator(rig, folder);
  await validator.tap(++cards);
  await validator.receipted();
  await validator.stop();
  return validator.logs.join('\n');
}

const alarmsOf = async (n: number): Promise<string[]> => {
  const { rows } = await rig.auditor.query<{ kind: string }>(
    'SELECT DISTINCT kind FROM ingest.published_journal_alarm WHERE device_id = $1 ORDER BY kind',
    [rig.data.devices[n]?.deviceId],
  );
  return rows.map(({ kind }) => kind);
};

describe('a journal damaged before its rides were sent', () => {
  it('one record hit: all others are offered, and the new epoch follows the old one', async () => {
    const folder = folderOf(0);
    const unseen = await livedOffline(folder, 3, 8);
    const file = journalFile(folder);
    const database = new DatabaseSync(file);
    const hit = unseen[3] as string;
    const seq = Number(hit.split('/').at(-1)?.split('.').at(-1));
    const row = database.prepare('SELECT bytes FROM record WHERE seq = ? ORDER BY epoch_n DESC').get(seq);
    database.close();
    const text = Buffer.from(row?.['bytes'] as Uint8Array);
    const bytes = readFileSync(file);
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
      const digit = at + text.indexOf('"tokenId"') + 20;
      bytes[digit] = (bytes[digit] as number) ^ 1;
    }
    writeFileSync(file, bytes);
    hitGreens.push(hit);
    const logs = await comesBack(folder);
    expect(logs).toContain('edge.journal.salvaged');
    expect(logs).toMatch(/"missing":1,"endProven":true/);
    expect(readdirSync(folder).filter((name) => /damaged-[^-]+-[^-]+-[^-]+$/.test(name))).toHaveLength(1);
  });

  it('every page of its structure hit: the texts alone are enough', async () => {
    const folder = folderOf(1);
    await livedOffline(folder, 3, 8);
    const bytes = readFileSync(journalFile(folder));
    bytes.fill(0, 0, 64);
    for (let at = 4096; at < bytes.length; at += 4096) bytes.fill(0xa5, at, at + 16);
    writeFileSync(journalFile(folder), bytes);
    expect(await comesBack(folder)).toMatch(/"missing":0,"endProven":false/);
  });
});

describe('afterwards', () => {
  it('each green is priced once but the one whose own bytes were hit; the damaged files are there still', async () => {
    expect(await drainFareEngine(rig.auditor, 30_000)).toEqual({ inbox: 0, queue: 0, commands: 0 });
    const { data, dataFolder, greens, auditor } = rig;
    for (const green of hitGreens) greens.delete(green);
    const { problems, journals } = await reconcileCity(auditor, {
      dataFolder,
      devices: data.devices,
      greens,
    });
    // The record that was hit is the one that was written and is nowhere.
    expect(problems).toEqual([
      `${journals.accepted + 1} records were written, ${journals.accepted} are found`,
    ]);
    expect(journals).toMatchObject({ stillInJournals: 0, quarantined: 0, greens: cards - 1 });
    const { rows } = await auditor.query<{ taps: bigint; decided: bigint }>(
      `SELECT count(*) AS taps, count(d.tap_id) AS decided FROM fare.tap LEFT JOIN fare.latest_decision AS d USING (tap_id)`,
    );
    expect(rows.map((row) => [Number(row.taps), Number(row.decided)])).toEqual([[cards - 1, cards - 1]]);
    // Nothing is taken for a copy; a loss is said only where the end could not be proven.
    await until(async () => (await alarmsOf(1)).length > 0, { what: 'the alarm about the second' });
    expect([await alarmsOf(0), await alarmsOf(1)]).toEqual([[], ['lost']]);
    for (const n of [0, 1])
      expect(readdirSync(folderOf(n)).some((name) => name.includes('.damaged-'))).toBe(true);
  });
});
