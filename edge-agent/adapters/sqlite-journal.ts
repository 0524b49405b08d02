/**
 * The journal's rows in SQLite: write-ahead log, every commit synced to the disk before the call returns.
 * @see https://www.sqlite.org/pragma.html#pragma_synchronous
 */
import { existsSync, renameSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { sha256Hex } from '#contracts/hash-chain.ts';
import type { RecordKind } from '#contracts/record.ts';
import {
  type EpochHead,
  type JournalStore,
  type MarkCounts,
  type RecordMark,
  type StoredRecord,
  StoreFailure,
} from '../ports.ts';
import { asStoreFailure, primaryCode } from './sqlite-errors.ts';

/** The newest records of the running epoch are never forgotten: a restart rebuilds the pass-back window from them. */
export const NEWEST_KEPT = 256;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS epoch (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL, hash TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS record (
    epoch_n INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, mark INTEGER NOT NULL,
    receipted_at_ms INTEGER, hash TEXT NOT NULL, sig TEXT NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (epoch_n, seq)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS record_offered ON record (epoch_n, seq) WHERE mark IN (0, 3);
  CREATE INDEX IF NOT EXISTS record_mark ON record (mark);
  CREATE TABLE IF NOT EXISTS note (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
`;

const MARKS = ['open', 'accepted', 'quarantined', 'again'] as const satisfies readonly RecordMark[];
const codeOf = (mark: RecordMark): number => MARKS.indexOf(mark);

export interface SqliteJournalOptions {
  readonly path: string;
  /** Upper bound of the file for tests of a full disk, in pages of 4096 bytes. */
  readonly pagesMax?: number;
}

/** How a journal was found: `damaged` ones were moved aside under the given name and a new one was begun. */
export interface OpenedStore {
  readonly store: JournalStore;
  readonly found: 'kept' | 'new' | 'damaged';
  readonly damage?: { readonly why: string; readonly movedTo: string };
}

/**
 * Opens the journal's file. A file that is not sound is moved aside with a name of its own, never deleted: it may
 * hold rides that the city has not seen.
 * @param asideSuffix distinguishes files moved aside, e.g. an instant.
 * @throws StoreFailure when the disk does not let us.
 */
export function openSqliteJournal(options: SqliteJournalOptions, asideSuffix: string): OpenedStore {
  const existed = existsSync(options.path);
  const why = existed ? damageOf(options) : undefined;
  if (why === undefined) {
    const store = new SqliteJournalStore(options);
    return { store, found: store.head() === null ? 'new' : 'kept' };
  }
  const movedTo = moveAside(options.path, asideSuffix);
  return { store: new SqliteJournalStore(options), found: 'damaged', damage: { why, movedTo } };
}

/** Looks the file over: its structure, each record's hash and link, and the heads. */
function damageOf(options: SqliteJournalOptions): string | undefined {
  let db: DatabaseSync | undefined;
  try {
    db = connect(options);
    const check = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
    if (check.quick_check !== 'ok') return check.quick_check;
    return brokenRow(db);
  } catch (error) {
    const code = primaryCode(error);
    // Corrupt or not a database at all; anything else (a full disk, no rights) is no reason to move a journal.
    if (code === 11 || code === 26) return (error as Error).message;
    throw asStoreFailure(error);
  } finally {
    db?.close();
  }
}

function brokenRow(db: DatabaseSync): string | undefined {
  const rows = db
    .prepare('SELECT epoch_n, seq, hash, bytes FROM record ORDER BY epoch_n, seq')
    .iterate() as Iterable<{ epoch_n: number; seq: number; hash: string; bytes: Uint8Array }>;
  let last: { epoch_n: number; seq: number; hash: string } | undefined;
  for (const row of rows) {
    if (sha256Hex(row.bytes) !== row.hash) return `record ${row.seq} does not have its hash`;
    const follows = last && last.epoch_n === row.epoch_n && last.seq + 1 === row.seq;
    if (follows && !Buffer.from(row.bytes).includes(`"prev":"${last?.hash}"`))
      return `record ${row.seq} does not follow the one before it`;
    last = { epoch_n: row.epoch_n, seq: row.seq, hash: row.hash };
  }
  const odd = db
    .prepare(
      `SELECT e.id FROM epoch e LEFT JOIN record r ON r.epoch_n = e.n AND r.seq = e.seq
       WHERE (r.seq IS NOT NULL AND r.hash <> e.hash)
          OR EXISTS (SELECT 1 FROM record x WHERE x.epoch_n = e.n AND x.seq > e.seq)`,
    )
    .get();
  return odd ? 'an epoch does not have its head' : undefined;
}

function moveAside(path: string, suffix: string): string {
  let movedTo = `${path}.damaged-${suffix}`;
  for (let n = 2; existsSync(movedTo); n++) movedTo = `${path}.damaged-${suffix}-${n}`;
  for (const tail of ['', '-wal', '-shm']) {
    if (existsSync(path + tail)) renameSync(path + tail, movedTo + tail);
  }
  return movedTo;
}

function connect({ path, pagesMax }: SqliteJournalOptions): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304');
    if (pagesMax !== undefined) db.exec(`PRAGMA max_page_count = ${Math.trunc(pagesMax)}`);
    db.exec(SCHEMA);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

interface RecordRow {
  epoch_n: number;
  id: string;
  seq: number;
  kind: RecordKind;
  hash: string;
  sig: string;
  bytes: Uint8Array;
}

const COLUMNS = 'r.epoch_n, e.id, r.seq, r.kind, r.hash, r.sig, r.bytes';
const JOINED = 'record r JOIN epoch e ON e.n = r.epoch_n';

/** The next records to offer after a place. Named index: without it the planner sorts all that is not receipted. */
export const OFFERED_SQL = `SELECT ${COLUMNS} FROM record r INDEXED BY record_offered JOIN epoch e ON e.n = r.epoch_n
  WHERE r.mark IN (0, 3) AND (r.epoch_n, r.seq) > (?, ?) ORDER BY r.epoch_n, r.seq LIMIT ?`;

class SqliteJournalStore implements JournalStore {
  private readonly options: SqliteJournalOptions;
  private db: DatabaseSync | undefined;
  private statements = new Map<string, StatementSync>();

  constructor(options: SqliteJournalOptions) {
    this.options = options;
    this.open();
  }

  private open(): void {
    try {
      this.db = connect(this.options);
    } catch (error) {
      throw asStoreFailure(error);
    }
  }

  private sql(text: string): StatementSync {
    let statement = this.statements.get(text);
    if (!statement) {
      if (!this.db) throw new StoreFailure('the journal is not open');
      statement = this.db.prepare(text);
      this.statements.set(text, statement);
    }
    return statement;
  }

  private read<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw asStoreFailure(error);
    }
  }

  private transaction<T>(work: () => T): T {
    return this.read(() => {
      this.sql('BEGIN IMMEDIATE').run();
      try {
        const result = work();
        this.sql('COMMIT').run();
        return result;
      } catch (error) {
        // After some failures SQLite has rolled back by itself already.
        if (this.db?.isTransaction) this.db.exec('ROLLBACK');
        throw error;
      }
    });
  }

  head(): EpochHead | null {
    const row = this.read(() => this.sql('SELECT id, seq, hash FROM epoch ORDER BY n DESC LIMIT 1').get());
    return asHead(row);
  }

  headOf(epoch: string): EpochHead | null {
    return asHead(this.read(() => this.sql('SELECT id, seq, hash FROM epoch WHERE id = ?').get(epoch)));
  }

  append({ epoch, seq, kind, hash, sig, bytes }: StoredRecord): void {
    this.transaction(() => {
      if (seq === 1) {
        this.sql('INSERT INTO epoch (id, seq, hash) VALUES (?, 1, ?)').run(epoch, hash);
      } else {
        const moved = this.sql('UPDATE epoch SET seq = ?, hash = ? WHERE id = ? AND seq = ?');
        if (moved.run(seq, hash, epoch, seq - 1).changes !== 1) throw new Error(`${seq} does not come next`);
      }
      this.sql(
        `INSERT INTO record (epoch_n, seq, kind, mark, hash, sig, bytes)
         SELECT n, ?, ?, 0, ?, ?, ? FROM epoch WHERE id = ?`,
      ).run(seq, kind, hash, sig, bytes, epoch);
    });
  }

  hashAt(epoch: string, seq: number): string | null {
    const row = this.read(() =>
      this.sql(`SELECT r.hash FROM ${JOINED} WHERE e.id = ? AND r.seq = ?`).get(epoch, seq),
    ) as { hash: string } | undefined;
    return row?.hash ?? null;
  }

  unreceipted(
    after: { epochOrder: number; seq: number },
    limits: { recordsMax: number; bytesMax: number },
  ): { records: StoredRecord[]; end: { epochOrder: number; seq: number } } {
    const rows = this.read(() =>
      this.sql(OFFERED_SQL).all(after.epochOrder, after.seq, limits.recordsMax),
    ) as unknown as RecordRow[];
    const records: StoredRecord[] = [];
    let bytesLeft = limits.bytesMax;
    let end = after;
    for (const row of rows) {
      const consecutive = records.length === 0 || (row.epoch_n === end.epochOrder && row.seq === end.seq + 1);
      bytesLeft -= row.bytes.byteLength + 1;
      if (!consecutive || (bytesLeft < 0 && records.length > 0)) break;
      records.push(asRecord(row));
      end = { epochOrder: row.epoch_n, seq: row.seq };
    }
    return { records, end };
  }

  newest(epoch: string, recordsMax: number): StoredRecord[] {
    const rows = this.read(() =>
      this.sql(`SELECT ${COLUMNS} FROM ${JOINED} WHERE e.id = ? ORDER BY r.seq DESC LIMIT ?`).all(
        epoch,
        recordsMax,
      ),
    ) as unknown as RecordRow[];
    return rows.map(asRecord);
  }

  mark(
    epoch: string,
    fromSeq: number,
    toSeq: number,
    mark: 'accepted' | 'quarantined',
    receiptedAtMs: number,
  ): number {
    return this.transaction(() =>
      Number(
        this.sql(
          `UPDATE record SET mark = ?, receipted_at_ms = ?
           WHERE epoch_n = (SELECT n FROM epoch WHERE id = ?) AND seq BETWEEN ? AND ? AND mark IN (0, 3)`,
        ).run(codeOf(mark), receiptedAtMs, epoch, fromSeq, toSeq).changes,
      ),
    );
  }

  offerAgain(from: { epoch: string; fromSeq: number } | null): number {
    const only = 'AND epoch_n = (SELECT n FROM epoch WHERE id = ?) AND seq >= ?';
    return this.transaction(() => {
      const statement = this.sql(`UPDATE record SET mark = 3 WHERE mark IN (1, 2) ${from ? only : ''}`);
      return Number((from ? statement.run(from.epoch, from.fromSeq) : statement.run()).changes);
    });
  }

  forget(watermarkMs: number | null, keptMax: number): { passed: number; beyond: number } {
    const guarded = `NOT (epoch_n = (SELECT max(n) FROM epoch)
      AND seq > (SELECT seq FROM epoch ORDER BY n DESC LIMIT 1) - ${NEWEST_KEPT})`;
    return this.transaction(() => {
      const passed = this.sql(
        `DELETE FROM record WHERE mark IN (1, 2) AND receipted_at_ms < ? AND ${guarded}`,
      ).run(watermarkMs ?? Number.MIN_SAFE_INTEGER).changes;
      const { kept } = this.sql('SELECT count(*) AS kept FROM record WHERE mark IN (1, 2, 3)').get() as {
        kept: number;
      };
      if (kept <= keptMax) return { passed: Number(passed), beyond: 0 };
      // Records that a restored database still has to confirm go last.
      const beyond = this.sql(
        `DELETE FROM record WHERE rowid IN (SELECT rowid FROM record WHERE mark IN (1, 2, 3) AND ${guarded}
           ORDER BY mark = 3, epoch_n, seq LIMIT ?)`,
      ).run(kept - keptMax).changes;
      return { passed: Number(passed), beyond: Number(beyond) };
    });
  }

  counts(): MarkCounts {
    const rows = this.read(() =>
      this.sql('SELECT mark, count(*) AS n FROM record GROUP BY mark').all(),
    ) as unknown as { mark: number; n: number }[];
    const counts = { open: 0, accepted: 0, quarantined: 0, again: 0 };
    for (const { mark, n } of rows) counts[MARKS[mark] as RecordMark] = n;
    return counts;
  }

  note(key: string): string | null {
    const row = this.read(() => this.sql('SELECT value FROM note WHERE key = ?').get(key)) as
      | { value: string }
      | undefined;
    return row?.value ?? null;
  }

  setNote(key: string, value: string): void {
    this.transaction(() =>
      this.sql(
        'INSERT INTO note (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      ).run(key, value),
    );
  }

  recover(): void {
    this.close();
    this.open();
  }

  close(): void {
    this.statements.clear();
    try {
      this.db?.close();
    } catch (error) {
      throw asStoreFailure(error);
    } finally {
      this.db = undefined;
    }
  }
}

function asHead(row: unknown): EpochHead | null {
  if (!row) return null;
  const { id, seq, hash } = row as { id: string; seq: number; hash: string };
  return { epoch: id, seq, hash };
}

function asRecord(row: RecordRow): StoredRecord {
  const { id, seq, kind, hash, sig, bytes } = row;
  return { epoch: id, seq, kind, hash, sig, bytes };
}
