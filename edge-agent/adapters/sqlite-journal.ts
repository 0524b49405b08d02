/**
 * The journal's rows in SQLite: write-ahead log, every commit synced to the disk before the call returns.
 * @see https://www.sqlite.org/pragma.html#pragma_synchronous
 */
import { existsSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { RecordKind } from '#contracts/record.ts';
import {
  type EpochHead,
  type JournalNote,
  type JournalStore,
  type MarkCounts,
  type RecordMark,
  type StoredRecord,
  StoreFailure,
} from '../ports.ts';
import {
  connectJournal,
  damageOf,
  finishMove,
  moveAside,
  movedAside,
  type SqliteJournalOptions,
} from './journal-file.ts';
import { type Salvor, salvageMovedAside } from './journal-salvage.ts';
import { asStoreFailure, isCorrupt } from './sqlite-errors.ts';

/** The newest records of the running epoch are never forgotten: a restart rebuilds the pass-back window from them. */
export const NEWEST_KEPT = 256;

const MARKS = ['open', 'accepted', 'quarantined', 'again'] as const satisfies readonly RecordMark[];
const codeOf = (mark: RecordMark): number => MARKS.indexOf(mark);

/** How a journal was found: `damaged` ones were moved aside under the given name and a new one was begun. */
export interface OpenedStore {
  readonly store: JournalStore;
  readonly found: 'kept' | 'new' | 'damaged';
  readonly damage?: Damage;
}

export interface Damage {
  readonly why: string;
  readonly movedTo: string;
}

/** What is done about damage beyond moving the file aside. */
export interface DamageCare {
  /** Salvages what was moved aside; without it the files are left for a person. */
  readonly salvor?: Salvor;
  /** Damage that is found while the journal is in use. */
  readonly onDamage?: (damage: Damage) => void;
}

/**
 * Opens the journal's file. A file that is not sound is moved aside with a name of its own, never deleted: it may
 * hold rides that the city has not seen. What is proven genuine in it is salvaged into the new one.
 * @param asideSuffix distinguishes files moved aside, e.g. an instant.
 * @throws StoreFailure when the disk does not let us.
 */
export function openSqliteJournal(
  options: SqliteJournalOptions,
  asideSuffix: string,
  care: DamageCare = {},
): OpenedStore {
  const damage = moveDamagedAside(options.path, asideSuffix);
  const store = new SqliteJournalStore(options, asideSuffix, care);
  if (damage) return { store, found: 'damaged', damage };
  if (store.head() !== null) return { store, found: 'kept' };
  // A start that was cut short between the move and the first record of a new epoch.
  return { store, found: movedAside(options.path).length > 0 ? 'damaged' : 'new' };
}

function moveDamagedAside(path: string, suffix: string): Damage | undefined {
  const finished = finishMove(path);
  if (finished !== undefined) return { why: 'an earlier start found it damaged', movedTo: finished };
  const why = existsSync(path) ? damageOf(path) : undefined;
  return why === undefined ? undefined : { why, movedTo: moveAside(path, suffix) };
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
  private readonly asideSuffix: string;
  private readonly care: DamageCare;
  private db: DatabaseSync | undefined;
  private statements = new Map<string, StatementSync>();
  /** SQLite has met a page that cannot be right: the file is looked over before it is used again. */
  private seenCorrupt = false;

  constructor(options: SqliteJournalOptions, asideSuffix: string, care: DamageCare) {
    this.options = options;
    this.asideSuffix = asideSuffix;
    this.care = care;
    this.open();
  }

  private open(): void {
    try {
      this.db = connectJournal(this.options);
      if (this.care.salvor) salvageMovedAside(this.db, this.options.path, this.care.salvor);
    } catch (error) {
      throw this.failure(error);
    }
  }

  private failure(error: unknown): unknown {
    if (isCorrupt(error)) this.seenCorrupt = true;
    return asStoreFailure(error);
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
      throw this.failure(error);
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
    const row = this.read(() =>
      this.sql('SELECT id, seq, hash FROM epoch WHERE n > 0 ORDER BY n DESC LIMIT 1').get(),
    );
    return asHead(row);
  }

  headOf(epoch: string): EpochHead | null {
    return asHead(this.read(() => this.sql('SELECT id, seq, hash FROM epoch WHERE id = ?').get(epoch)));
  }

  append({ epoch, seq, kind, hash, sig, bytes }: StoredRecord, note?: JournalNote): void {
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
      if (note) this.writeNote(note.key, note.text);
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
    this.transaction(() => this.writeNote(key, value));
  }

  private writeNote(key: string, value: string): void {
    this.sql(
      'INSERT INTO note (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    ).run(key, value);
  }

  recover(): void {
    this.close();
    if (this.seenCorrupt) {
      const damage = moveDamagedAside(this.options.path, this.asideSuffix);
      this.seenCorrupt = false;
      if (damage) this.care.onDamage?.(damage);
    }
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
