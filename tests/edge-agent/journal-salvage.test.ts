/** Salvage from damaged journal files: whatever was hit, all that is intact and provable comes out, and nothing else. */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { headMessage, signBytes, verifyBytes } from '#contracts/hash-chain.ts';
import { openSqliteJournal } from '../../edge-agent/adapters/sqlite-journal.ts';
import { type Journal, openJournal, type RecordDraft } from '../../edge-agent/journal.ts';
import type { JournalStore, SalvageReport, StoredRecord } from '../../edge-agent/ports.ts';
import { tempFolder } from '../support/temp-folder.ts';

const KEYS = generateKeyPairSync('ed25519');
const AT = { wallMs: 1_700_000_000_000, monoMs: 5, bootId: 'b'.repeat(32) };
const TAP = (n: number): RecordDraft => ({
  kind: 'tap',
  at: { ...AT, wallMs: AT.wallMs + n },
  body: {
    tokenId: `k1.${n.toString(16).padStart(32, '0')}`,
    mediumKind: 'wallet',
    direction: 'in',
    where: { routeId: `{"v":1,"kind": ${n}` },
    companions: 0,
    denyList: { generation: 1, n },
  },
});
const EVERYTHING = { recordsMax: 1000, bytesMax: 10_000_000 };

let folder: ReturnType<typeof tempFolder>;
let path: string;
/** A journal as a power cut leaves it: part of it in the file, part in its log. */
let whole: { file: Buffer; wal: Buffer; epoch: string; records: StoredRecord[] };

function open(store: JournalStore, key = KEYS.privateKey): Journal {
  return openJournal(
    {
      store,
      deviceId: 'val-1',
      sign: (message) => signBytes(message, key),
      limits: { recordsMax: 100_000, keptMax: 500 },
      software: 'test',
      newEpochId: () => randomBytes(16).toString('hex'),
    },
    { hadEpoch: true, at: AT },
  );
}

/** Opens the journal with salvage, as the validator does. */
function openWithSalvage(runningEpoch: string | null, ...keys: KeyObject[]) {
  const reports: SalvageReport[] = [];
  const opened = openSqliteJournal({ path }, 'x', {
    salvor: {
      deviceId: 'val-1',
      keys: () => [keys[0] ?? KEYS.privateKey, ...keys.slice(1)],
      runningEpoch: () => runningEpoch,
      probe: () => {},
      report: (report) => void reports.push(report),
      failed: (_file, error) => {
        throw error;
      },
    },
  });
  return { ...opened, reports };
}

function everyOffer(store: JournalStore): StoredRecord[] {
  const all: StoredRecord[] = [];
  let place = { epochOrder: -1000, seq: 0 };
  for (;;) {
    const { records, end } = store.unreceipted(place, EVERYTHING);
    if (records.length === 0) return all;
    const last = records.at(-1) as StoredRecord;
    const message = headMessage({ deviceId: 'val-1', ...last });
    expect(verifyBytes(message, last.sig, createPublicKey(KEYS.privateKey))).toBe(true);
    all.push(...records);
    place = end;
  }
}

const hashes = (records: readonly StoredRecord[]): string[] => records.map(({ hash }) => hash);

beforeAll(() => {
  folder = tempFolder('journal-salvage');
  path = join(folder.path, 'journal.db');
  const { store } = openSqliteJournal({ path }, 'x');
  const journal = open(store);
  for (let n = 1; n < 60; n++) journal.append(TAP(n));
  const old = journal.head().epoch;
  journal.applyReceipt(receiptFor(old, 20, store.hashAt(old, 20) as string));
  journal.beginEpoch(AT);
  const checkpoint = new DatabaseSync(path);
  checkpoint.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  for (let n = 1; n < 30; n++) journal.append(TAP(100 + n));
  const { epoch } = journal.head();
  const records = [...store.newest(old, 1000).toReversed(), ...store.newest(epoch, 1000).toReversed()];
  whole = { file: readFileSync(path), wal: readFileSync(`${path}-wal`), epoch, records };
  store.close();
  checkpoint.close();
});
afterAll(() => folder.remove());
beforeEach(clean);

function clean(): void {
  for (const name of readdirSync(folder.path)) rmSync(join(folder.path, name));
}
function receiptFor(epoch: string, toSeq: number, head: string) {
  return {
    v: 1 as const,
    deviceId: 'val-1',
    incarnation: 'a'.repeat(32),
    issuedAtMs: AT.wallMs,
    backupWatermarkMs: null,
    ranges: [{ epoch, fromSeq: 1, toSeq, head, status: 'accepted' as const }],
  };
}
function lay(name: string, file: Buffer, wal: Buffer): void {
  writeFileSync(name, file);
  writeFileSync(`${name}-wal`, wal);
}

type Hit = { wal: boolean; how: 'flip' | 'zero' | 'cut' | 'rubbish'; at: number; length: number };
const hits: fc.Arbitrary<Hit[]> = fc.array(
  fc.record({
    wal: fc.boolean(),
    how: fc.constantFrom(
      'flip' as const,
      'flip' as const,
      'zero' as const,
      'cut' as const,
      'rubbish' as const,
    ),
    at: fc.double({ min: 0, max: 0.999, noNaN: true }),
    length: fc.integer({ min: 1, max: 9000 }),
  }),
  { minLength: 1, maxLength: 12 },
);

function damaged(all: readonly Hit[]): { file: Buffer; wal: Buffer } {
  let [file, wal] = [Buffer.from(whole.file), Buffer.from(whole.wal)];
  for (const hit of all) {
    const target = hit.wal ? wal : file;
    const at = Math.floor(hit.at * target.length);
    const end = Math.min(target.length, at + hit.length);
    if (hit.how === 'flip' && target.length > 0)
      target[at] = (target[at] as number) ^ (1 << (hit.length % 8));
    if (hit.how === 'zero') target.fill(0, at, end);
    if (hit.how === 'rubbish') target.fill(0xa5, at, end);
    // A cut takes at most half, so that there is something to salvage.
    if (hit.how === 'cut') {
      const kept = target.subarray(0, Math.max(at, target.length >> 1));
      // A log cut exactly between two frames looks like one that was never longer.
      if (hit.wal) wal = (kept.length - 32) % 4120 === 0 ? kept.subarray(0, -1) : kept;
      else file = kept;
    }
  }
  return { file, wal };
}

/** By a search for the bytes alone: intact, and signed in place or followed by one that is proven. */
function provable(file: Buffer, wal: Buffer): string[] {
  const proven = new Set<string>();
  for (const record of whole.records.toReversed()) {
    const bytes = Buffer.from(record.bytes);
    const after = whole.records.find(({ epoch, seq }) => epoch === record.epoch && seq === record.seq + 1);
    const signed = Buffer.concat([Buffer.from(record.sig), bytes]);
    const isThere = file.includes(bytes) || wal.includes(bytes);
    const isSigned = file.includes(signed) || wal.includes(signed);
    if (isSigned || (isThere && after && proven.has(after.hash))) proven.add(record.hash);
  }
  return [...proven];
}

describe('salvage', () => {
  it('takes all that is intact and provable out of a file with any damage, and invents nothing', () => {
    fc.assert(
      fc.property(hits, (all) => {
        clean();
        const { file, wal } = damaged(all);
        lay(`${path}.damaged-1`, file, wal);
        const { store, reports } = openWithSalvage(whole.epoch);
        const offered = everyOffer(store);
        store.close();
        const got = new Set(hashes(offered));
        expect(got.size).toBe(offered.length);
        expect(provable(file, wal).filter((hash) => !got.has(hash))).toEqual([]);
        const written = new Map(whole.records.map((record) => [record.hash, record]));
        for (const { hash, epoch, seq, bytes } of offered) {
          expect(written.get(hash)).toMatchObject({ epoch, seq });
          expect(Buffer.from(bytes).equals(Buffer.from(written.get(hash)?.bytes ?? []))).toBe(true);
        }
        expect(reports).toMatchObject([{ salvaged: offered.length, contested: 0 }]);
        // The next epoch follows only what was certainly the end.
        if (reports[0]?.endProven) expect(got.has(whole.records.at(-1)?.hash as string)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('a journal found damaged is offered again under its epochs, and the new epoch follows its end', () => {
    const { file } = damaged([]);
    // One digit of one text, in every copy: the record after it still proves all others.
    const hit = file.indexOf(Buffer.from(`k1.${(7).toString(16).padStart(32, '0')}`));
    file[hit + 30] = (file[hit + 30] as number) ^ 1;
    lay(path, file, whole.wal);
    const opened = openWithSalvage(whole.epoch);
    expect(opened.found).toBe('damaged');
    const lost = whole.records[7] as StoredRecord;
    const offered = everyOffer(opened.store);
    expect(hashes(offered)).toEqual(hashes(whole.records).filter((hash) => hash !== lost.hash));
    expect(opened.reports).toMatchObject([{ missing: 1, unproven: 1, endProven: true }]);
    expect(opened.store.counts()).toMatchObject({ again: 19, accepted: 0 });
    const journal = open(opened.store);
    const [first] = journal.newest(1);
    const end = whole.records.at(-1) as StoredRecord;
    const { body } = JSON.parse(Buffer.from(first?.bytes ?? []).toString('utf8'));
    expect(body.follows).toEqual({ epoch: end.epoch, seq: end.seq, head: end.hash });
    expect(existsSync(opened.damage?.movedTo as string)).toBe(true);
    opened.store.close();
    // Found in order by the next start, which salvages nothing twice.
    const next = openWithSalvage(journal.head().epoch);
    expect([next.found, next.reports]).toEqual(['kept', []]);
    expect(next.store.head()).toEqual(journal.head());
    next.store.close();
  });

  it('a log that breaks off before written records is damage; what follows the break is salvaged', () => {
    const { wal } = damaged([]);
    // The first frame of the log: SQLite alone would go on as if nothing had been written since the checkpoint.
    wal[32 + 24 + 100] = (wal[32 + 24 + 100] as number) ^ 1;
    lay(path, whole.file, wal);
    const opened = openWithSalvage(whole.epoch);
    expect(opened.damage?.why).toContain('breaks off');
    expect(hashes(everyOffer(opened.store))).toEqual(hashes(whole.records));
    expect(opened.reports).toMatchObject([{ missing: 0, endProven: false }]);
    opened.store.close();
  });

  it('a move that was cut short between log and file is finished, and both are salvaged', () => {
    writeFileSync(path, whole.file);
    writeFileSync(`${path}.damaged-1-wal`, whole.wal);
    const opened = openWithSalvage(whole.epoch);
    expect(opened.found).toBe('damaged');
    expect(hashes(everyOffer(opened.store))).toEqual(hashes(whole.records));
    opened.store.close();
  });

  it('a journal without its epoch after a cut start is not gone on with in a salvaged epoch', () => {
    lay(`${path}.damaged-1`, whole.file, whole.wal);
    openWithSalvage(whole.epoch).store.close();
    const again = openWithSalvage(whole.epoch);
    expect([again.found, again.reports, again.store.head()]).toEqual(['damaged', [], null]);
    expect(open(again.store).head().epoch).not.toBe(whole.epoch);
    again.store.close();
  });

  it('records that another key signed are left where they are', () => {
    lay(`${path}.damaged-1`, whole.file, whole.wal);
    const opened = openWithSalvage(whole.epoch, generateKeyPairSync('ed25519').privateKey);
    expect(everyOffer(opened.store)).toEqual([]);
    expect(opened.reports).toMatchObject([{ read: 90, salvaged: 0, unproven: 90, endProven: false }]);
    opened.store.close();
  });

  it('what one key did not prove is tried again with another, once; what is all proven never', () => {
    lay(`${path}.damaged-1`, whole.file, whole.wal);
    const wrong = generateKeyPairSync('ed25519').privateKey;
    const tries = [[wrong], [wrong], [KEYS.privateKey, wrong], [wrong], [KEYS.privateKey]];
    const salvaged = tries.map((keys) => {
      const { store, reports } = openWithSalvage(whole.epoch, ...keys);
      store.close();
      return reports.map((report) => report.salvaged);
    });
    expect(salvaged).toEqual([[0], [], [90], [], []]);
  });

  it('records of an earlier key are proven by the epoch that followed them', () => {
    const before = openSqliteJournal({ path }, 'x').store;
    const former = open(before, generateKeyPairSync('ed25519').privateKey);
    for (let n = 1; n < 5; n++) former.append(TAP(n));
    const end = former.head();
    before.close();
    const { store } = openSqliteJournal({ path }, 'x');
    const journal = open(store);
    journal.beginEpoch(AT);
    expect(store.headOf(end.epoch)).toEqual(end);
    const { epoch } = journal.head();
    store.close();
    writeFileSync(`${path}.damaged-1`, readFileSync(path));
    rmSync(path);
    const opened = openWithSalvage(epoch);
    expect(opened.reports).toMatchObject([{ read: 6, salvaged: 6, endProven: true }]);
    expect(everyOffer(opened.store)).toHaveLength(6);
    opened.store.close();
  });

  it('damage that shows while the journal is in use: the next try moves it aside and goes on with what was salvaged', () => {
    lay(path, whole.file, whole.wal);
    const opened = openWithSalvage(whole.epoch);
    expect(opened.found).toBe('kept');
    const journal = open(opened.store);
    const hit = new DatabaseSync(path);
    hit.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    hit.close();
    // Every inner structure after the first page is gone; texts are left.
    const bytes = readFileSync(path);
    for (let at = 4096; at < bytes.length; at += 4096) bytes.fill(0xff, at, at + 8);
    writeFileSync(path, bytes);
    const tried = [journal.append(TAP(500)), journal.append(TAP(501))];
    expect(tried.map(({ ok }) => ok)).toEqual([false, true]);
    expect(journal.head().epoch).not.toBe(whole.epoch);
    expect(opened.reports[0]?.salvaged).toBeGreaterThanOrEqual(whole.records.length);
    expect(hashes(everyOffer(opened.store))).toEqual(expect.arrayContaining(hashes(whole.records)));
    opened.store.close();
  });
});
