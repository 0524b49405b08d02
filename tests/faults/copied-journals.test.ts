/**
 * A device's disk copied, put back, lost, damaged, replaced: real agents on copied folders against the real city. After
 * all of it every green was priced exactly once.
 */
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drainFareEngine } from '../../cli/city/drain.ts';
import { deviceFolder } from '../../cli/city/identities.ts';
import { reconcileCity } from '../../cli/city/reconcile-city.ts';
import { type CityRig, openCityRig } from '../../cli/faults/city-rig.ts';
import { journalFile, readJournal } from '../../cli/reconcile/journals.ts';
import { holdValidator } from '../support/held-validator.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const place = tempFolder('copied');
let rig: CityRig;
let aside: ReturnType<typeof tempFolder>;
/** Journals beside those in the devices' own folders. */
const copies: { deviceId: string; file: string }[] = [];
let cards = 0;

beforeAll(async () => {
  rig = await openCityRig({ folder: place.path, validators: 6, cards: 1, everyMs: 1000, seed: 1 });
  aside = tempFolder('copies');
  for (const name of ['broker', 'ingest-1', 'fare-engine-1'] as const) await rig.start(name).ready;
});
afterAll(async () => {
  await rig?.close();
  place.remove();
  aside?.remove();
});

const deviceOf = (n: number): { deviceId: string; folder: string } => {
  const deviceId = rig.data.devices[n]?.deviceId as string;
  return { deviceId, folder: deviceFolder(rig.dataFolder, deviceId) };
};
/** Copies a stopped device's folder. */
function copyOf(folder: string, name: string): string {
  const copy = join(aside.path, name);
  cpSync(folder, copy, { recursive: true });
  return copy;
}
/** Puts a stopped device's journal away, to be reckoned with at the end. */
function putAway(deviceId: string, folder: string, name: string): void {
  const copy = copyOf(folder, name);
  copies.push({ deviceId, file: journalFile(copy) });
}
/** Taps with `count` cards that nobody has used yet. */
async function ride(validator: { tap(n: number): Promise<string> }, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await validator.tap(++cards);
}
/** One life of a device: rides online, all receipted, a clean end. */
async function live(folder: string, rides: number): Promise<void> {
  const validator = await holdValidator(rig, folder);
  await ride(validator, rides);
  await validator.receipted();
  await validator.stop();
}
function tapsIn(file: string): string[] {
  const database = new DatabaseSync(file, { readOnly: true });
  const rows = database.prepare("SELECT hash FROM record WHERE kind = 'tap'").all();
  database.close();
  return rows.map((row) => String(row['hash']));
}
async function alarmsOf(deviceId: string): Promise<string[]> {
  const { rows } = await rig.auditor.query<{ kind: string }>(
    'SELECT DISTINCT kind FROM ingest.published_journal_alarm WHERE device_id = $1 ORDER BY kind',
    [deviceId],
  );
  return rows.map(({ kind }) => kind);
}
const epochsOf = (deviceId: string, folder: string): number =>
  readJournal(deviceId, journalFile(folder)).epochs.size;

describe('an older image of the disk is brought back', () => {
  it('what is written under old numbers is held, and a new epoch begins', async () => {
    const { deviceId, folder } = deviceOf(0);
    await live(folder, 5);
    const image = copyOf(folder, 'image');
    await live(folder, 4);
    putAway(deviceId, folder, 'newer');
    rmSync(folder, { recursive: true });
    renameSync(image, folder);
    const offline = await holdValidator(rig, folder, false);
    await ride(offline, 6);
    await offline.stop();
    await live(folder, 3);
    expect(epochsOf(deviceId, folder)).toBe(2);
  });
});

describe('a clone that runs at the same time', () => {
  it('each green of both is held; each goes on in an epoch of its own', async () => {
    const { deviceId, folder } = deviceOf(1);
    await live(folder, 3);
    const clone = copyOf(folder, 'clone');
    copies.push({ deviceId, file: journalFile(clone) });
    const both = [await holdValidator(rig, folder), await holdValidator(rig, clone)];
    for (let n = 0; n < 6; n++) for (const validator of both) await ride(validator, 1);
    for (const validator of both) await validator.receipted();
    for (let n = 0; n < 3; n++) for (const validator of both) await ride(validator, 1);
    // One card at both within pass-back: two records, one ride.
    const card = ++cards;
    for (const validator of both) await validator.tap(card);
    for (const validator of both) await validator.receipted();
    for (const validator of both) await validator.stop();
    expect(both.some(({ logs }) => logs.join().includes('edge.journal.another-copy'))).toBe(true);
  });
});

describe('a journal that is gone', () => {
  it('begins with an epoch that says so', async () => {
    const { deviceId, folder } = deviceOf(2);
    await live(folder, 4);
    putAway(deviceId, folder, 'lost');
    for (const tail of ['', '-wal', '-shm']) rmSync(journalFile(folder) + tail, { force: true });
    await live(folder, 4);
  });
});

describe('a journal with a flipped bit', () => {
  it('is moved aside, and a new epoch begins', async () => {
    const { deviceId, folder } = deviceOf(3);
    await live(folder, 4);
    putAway(deviceId, folder, 'sound');
    const bytes = readFileSync(journalFile(folder));
    // Pages may hold stale copies of a record: the same bit is flipped in each.
    for (let at = bytes.indexOf('"tokenId"'); at >= 0; at = bytes.indexOf('"tokenId"', at + 1)) {
      bytes[at + 20] = (bytes[at + 20] as number) ^ 1;
    }
    writeFileSync(journalFile(folder), bytes);
    await live(folder, 4);
  });
});

describe('a device that was replaced under its name', () => {
  it('begins anew with its own key', async () => {
    const { deviceId, folder } = deviceOf(4);
    await live(folder, 4);
    putAway(deviceId, folder, 'scrapped');
    for (const name of ['journal.db', 'journal.db-wal', 'journal.db-shm', 'journal-epoch', 'deny-list.db'])
      rmSync(join(folder, name), { force: true });
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(join(folder, 'device-key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await rig.enrolKey(deviceId, 'k2', publicKey.export({ type: 'spki', format: 'pem' }).toString());
    await live(folder, 4);
  });
});

describe('a clone that says that it lost its journal', () => {
  it('is found by the clocks of its records: neither epoch can have come after the other', async () => {
    const { deviceId, folder } = deviceOf(5);
    await live(folder, 3);
    const clone = copyOf(folder, 'liar');
    for (const tail of ['', '-wal', '-shm']) rmSync(journalFile(clone) + tail, { force: true });
    copies.push({ deviceId, file: journalFile(clone) });
    const both = [await holdValidator(rig, folder), await holdValidator(rig, clone)];
    await until(
      async () => {
        for (const validator of both) await ride(validator, 1);
        for (const validator of both) await validator.receipted();
        return (await alarmsOf(deviceId)).includes('live-together');
      },
      { withinMs: 90_000, what: 'an alarm' },
    );
    for (const validator of both) await ride(validator, 1);
    for (const validator of both) await validator.receipted();
    for (const validator of both) await validator.stop();
    expect(await alarmsOf(deviceId)).toContain('lost');
  });
});

describe('afterwards', () => {
  it('alarms name what was copied and what was lost, and leave the replaced device alone', async () => {
    const copied = [0, 1, 5];
    for (const n of [0, 1, 2, 3, 4, 5]) {
      const { deviceId } = deviceOf(n);
      // Journals are linked after their records were receipted.
      const alarms = await until(async () => {
        const found = await alarmsOf(deviceId);
        if (copied.includes(n)) return found.some((kind) => kind !== 'lost') ? found : undefined;
        return n === 2 && found.length === 0 ? undefined : found;
      });
      // The damaged journal's end is proven unless its last record was a tap: every tap in it was hit.
      if (n === 3) expect(['', 'lost']).toContain(alarms.join());
      else if (!copied.includes(n)) expect([n, alarms]).toEqual([n, n === 4 ? [] : ['lost']]);
    }
    const { rows } = await rig.auditor.query<{ last_seq: bigint | null }>(
      'SELECT last_seq FROM ingest.published_lost_journal WHERE device_id = $1',
      [deviceOf(2).deviceId],
    );
    // Epoch, clock-sync and four taps: beyond the last of them nothing can be known.
    expect(Number(rows[0]?.last_seq)).toBeGreaterThanOrEqual(5);
  });

  it('every record and every kopiyka is there exactly once, whichever journal wrote it', async () => {
    expect(await drainFareEngine(rig.auditor, 30_000)).toEqual({ inbox: 0, queue: 0, commands: 0 });
    const { data, dataFolder, greens, auditor } = rig;
    const result = await reconcileCity(auditor, { dataFolder, devices: data.devices, greens, copies });
    expect(result.problems).toEqual([]);
    expect(result.journals).toMatchObject({ stillInJournals: 0, quarantined: 0 });
    const own = data.devices.map(({ deviceId }) => {
      return { deviceId, file: journalFile(deviceFolder(dataFolder, deviceId)) };
    });
    // The bytes of all taps that any journal has: each is one fact, and no fact is another.
    const written = new Set([...own, ...copies].flatMap(({ file }) => tapsIn(file)));
    const { rows } = await auditor.query<{ hash: string; kind: string }>(
      `SELECT encode(record_sha256, 'hex') AS hash, d.kind FROM fare.tap JOIN fare.latest_decision AS d USING (tap_id)`,
    );
    expect(rows.map((row) => row.hash).toSorted()).toEqual([...written].toSorted());
    expect(written.size).toBe(cards + 1);
    const marked = await auditor.query<{ device_id: string; forked: bigint; taps: bigint }>(
      `SELECT device_id, count(*) FILTER (WHERE 'FORKED_EPOCH' = ANY (flags)) AS forked, count(*) AS taps
       FROM fare.published_tap GROUP BY device_id`,
    );
    const flagged = new Map(
      marked.rows.map((row) => [row.device_id, [Number(row.forked), Number(row.taps)] as const]),
    );
    for (const n of [0, 1, 5]) {
      const [forked, taps] = flagged.get(deviceOf(n).deviceId) ?? [0, 0];
      // What both copies share was tapped before there were two.
      expect([n, forked > 0, forked <= taps - 3]).toEqual([n, true, true]);
    }
    for (const n of [2, 3, 4]) expect([n, flagged.get(deviceOf(n).deviceId)?.[0]]).toEqual([n, 0]);
    // One card was held to a device and to its clone.
    expect(rows.filter((row) => row.kind === 'same-ride')).toHaveLength(1);
  });
});
