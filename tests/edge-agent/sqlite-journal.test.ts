/** What only a real file can do: be damaged, be full, be asked with an index. */
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signBytes } from '#contracts/hash-chain.ts';
import { OFFERED_SQL, openSqliteJournal } from '../../edge-agent/adapters/sqlite-journal.ts';
import { type Journal, openJournal, type RecordDraft } from '../../edge-agent/journal.ts';
import type { JournalStore } from '../../edge-agent/ports.ts';
import { tempFolder } from '../support/temp-folder.ts';

const KEYS = generateKeyPairSync('ed25519');
const AT = { wallMs: 1000, monoMs: 5, bootId: 'b'.repeat(32) };
const SHIFT: RecordDraft = { kind: 'shift', at: AT, body: { action: 'open', source: 'plan', where: {} } };

let folder: ReturnType<typeof tempFolder>;
let path: string;
beforeEach(() => {
  folder = tempFolder('sqlite-journal');
  path = join(folder.path, 'journal.db');
});
afterEach(() => folder.remove());

function open(store: JournalStore, hadEpoch = false): Journal {
  return openJournal(
    {
      store,
      deviceId: 'val-1',
      sign: (message) => signBytes(message, KEYS.privateKey),
      limits: { recordsMax: 100_000, keptMax: 500 },
      software: 'test',
      newEpochId: () => randomBytes(16).toString('hex'),
    },
    { hadEpoch, at: AT },
  );
}

function written(count: number): void {
  const { store } = openSqliteJournal({ path }, 'x');
  const journal = open(store);
  for (let i = 1; i < count; i++) journal.append(SHIFT);
  store.close();
}

describe('a damaged journal', () => {
  it('a file that is not a database is moved aside whole, and a new journal begins', () => {
    writeFileSync(path, 'no database at all '.repeat(500));
    const opened = openSqliteJournal({ path }, '2026');
    expect(opened).toMatchObject({ found: 'damaged', damage: { movedTo: `${path}.damaged-2026` } });
    expect(readFileSync(`${path}.damaged-2026`, 'utf8')).toContain('no database at all');
    expect(opened.store.head()).toBeNull();
    opened.store.close();
  });

  it('a second damaged file does not replace the first', () => {
    for (let i = 0; i < 2; i++) {
      writeFileSync(path, `rubbish ${i} `.repeat(500));
      openSqliteJournal({ path }, 'same').store.close();
      rmSync(path);
    }
    expect(readdirSync(folder.path).filter((name) => name.includes('.damaged-same'))).toHaveLength(2);
  });

  it.each([
    ['a flipped byte in a record', "UPDATE record SET bytes = CAST('x' || bytes AS BLOB) WHERE seq = 3"],
    ['a record put in another place', 'UPDATE record SET hash = hash, seq = 99 WHERE seq = 5'],
    ['a head that is not the last record', "UPDATE epoch SET hash = '00'"],
    ['a broken link', 'DELETE FROM record WHERE seq = 2; UPDATE record SET seq = seq - 1 WHERE seq > 2'],
  ])('%s is seen at the next start', (_what, sql) => {
    written(6);
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
    const opened = openSqliteJournal({ path }, 'x');
    expect(opened.found).toBe('damaged');
    opened.store.close();
  });

  it('a sound file is not touched', () => {
    written(6);
    const opened = openSqliteJournal({ path }, 'x');
    expect(opened).toMatchObject({ found: 'kept' });
    expect(opened.store.head()).toMatchObject({ seq: 6 });
    opened.store.close();
  });

  it('a page overwritten in the middle is seen or harmless, never taken for truth', () => {
    written(400);
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4096 * 3, 4096 * 5);
    writeFileSync(path, bytes);
    const opened = openSqliteJournal({ path }, 'x');
    expect(opened.found).toBe('damaged');
    opened.store.close();
  });
});

describe('a full disk', () => {
  it('refuses whole records, keeps what was there, and goes on without a gap when there is room', () => {
    const opened = openSqliteJournal({ path, pagesMax: 40 }, 'x');
    const journal = open(opened.store);
    let last = journal.append(SHIFT);
    while (last.ok) last = journal.append(SHIFT);
    expect(last).toMatchObject({ ok: false, why: 'broken' });
    const { seq } = journal.head();
    expect(journal.append(SHIFT)).toMatchObject({ ok: false, why: 'broken' });
    opened.store.close();

    const roomy = openSqliteJournal({ path, pagesMax: 400 }, 'x');
    const again = open(roomy.store);
    expect(roomy.found).toBe('kept');
    expect(again.head().seq).toBe(seq);
    expect(again.append(SHIFT)).toMatchObject({ ok: true, record: { seq: seq + 1 } });
    roomy.store.close();
  });

  it.runIf(process.getuid?.() === 0)(
    'a real full file system: red, then green again once space is freed',
    ({ skip }) => {
      const mount = join(folder.path, 'small');
      mkdirSync(mount);
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', mount]).status !== 0) skip();
      try {
        writeFileSync(join(mount, 'ballast'), Buffer.alloc(100 * 1024));
        const opened = openSqliteJournal({ path: join(mount, 'journal.db') }, 'x');
        const journal = open(opened.store);
        let last = journal.append(SHIFT);
        while (last.ok) last = journal.append(SHIFT);
        expect(last).toMatchObject({ ok: false, why: 'broken' });
        const { seq } = journal.head();
        rmSync(join(mount, 'ballast'));
        const after = journal.append(SHIFT);
        // The failed record may be on the disk or not; the number that follows is never used twice.
        expect(after.ok && after.record.seq).toBeGreaterThan(seq);
        opened.store.close();
        const reread = openSqliteJournal({ path: join(mount, 'journal.db') }, 'x');
        expect(reread.found).toBe('kept');
        expect(reread.store.head()?.seq).toBe(after.ok ? after.record.seq : -1);
        reread.store.close();
      } finally {
        spawnSync('umount', [mount]);
      }
    },
  );
});

describe('cost', () => {
  it('finding the next batch uses the index of what is offered, not the whole table', () => {
    written(3);
    const db = new DatabaseSync(path);
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${OFFERED_SQL}`).all(1, 1, 200) as { detail: string }[];
    db.close();
    const text = plan.map((line) => line.detail).join('\n');
    expect(text).toContain('record_offered');
    expect(text).not.toContain('TEMP B-TREE');
  });
});
