/**
 * The journal's file: its tables, how it is opened for writing, how it is looked over before anything is written to
 * it, and how a damaged one is moved aside with all that belongs to it.
 */
import { existsSync, readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { parseRecord } from '#contracts/record.ts';
import { recordTexts } from './journal-texts.ts';
import { asStoreFailure, primaryCode } from './sqlite-errors.ts';
import { isWalWhole } from './wal-frames.ts';

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

export interface SqliteJournalOptions {
  readonly path: string;
  /** Upper bound of the file for tests of a full disk, in pages of 4096 bytes. */
  readonly pagesMax?: number;
}

/** Opens the file for writing and makes its tables. */
export function connectJournal({ path, pagesMax }: SqliteJournalOptions): DatabaseSync {
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

/**
 * Looks the file over: its structure, each record's hash and link, the heads, and whether its write-ahead log breaks
 * off before records that were written. Nothing is written: what is damaged stays as it was found.
 * @returns what is wrong, or undefined.
 */
export function damageOf(path: string): string | undefined {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    const { n } = db.prepare('SELECT count(*) AS n FROM sqlite_master').get() as { n: number };
    if (n === 0) return undefined;
    const check = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
    if (check.quick_check !== 'ok') return check.quick_check;
    return brokenRow(db) ?? beyondTheLog(db, `${path}-wal`);
  } catch (error) {
    const code = primaryCode(error);
    // Corrupt, not a database at all, or without its tables; anything else (no rights) is no reason to move a journal.
    if (code === 1 || code === 11 || code === 26) return (error as Error).message;
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

/** SQLite takes a log up to its first broken frame. Records behind that frame were written and are not to be lost. */
function beyondTheLog(db: DatabaseSync, wal: string): string | undefined {
  if (isWalWhole(wal)) return undefined;
  const head = db.prepare('SELECT seq FROM epoch WHERE id = ?');
  for (const { bytes } of recordTexts(wal)) {
    const record = bytes && parseRecord(bytes);
    if (!record?.ok) continue;
    const { epoch, seq } = record.value;
    const held = (head.get(epoch) as { seq: number } | undefined)?.seq ?? 0;
    if (seq > held) return `the write-ahead log breaks off before record ${seq}`;
  }
  return undefined;
}

/** Moves the file and its log aside; gives the new name. */
export function moveAside(path: string, suffix: string): string {
  let movedTo = `${path}.damaged-${suffix}`;
  for (let n = 2; existsSync(movedTo) || existsSync(`${movedTo}-wal`); n++)
    movedTo = `${path}.damaged-${suffix}-${n}`;
  // The file last: as long as it is in its place, a move that was cut short is finished at the next start.
  for (const tail of ['-wal', '-shm', '']) {
    if (existsSync(path + tail)) renameSync(path + tail, movedTo + tail);
  }
  return movedTo;
}

/** Finishes a move that was cut short between the log and the file; gives the new name. */
export function finishMove(path: string): string | undefined {
  const halfMoved = movedAside(path, '-wal').find((name) => !existsSync(join(dirname(path), name)));
  if (halfMoved === undefined || !existsSync(path)) return undefined;
  const movedTo = join(dirname(path), halfMoved);
  renameSync(path, movedTo);
  return movedTo;
}

/** Names of journals that were moved aside here, oldest first: by the file, or by the log that belongs to it. */
export function movedAside(path: string, tail: '' | '-wal' = ''): string[] {
  const stem = `${basename(path)}.damaged-`;
  const names = readdirSync(dirname(path)).filter((name) => name.startsWith(stem));
  const ours = tail === '' ? names.filter((name) => !/-(wal|shm)$/.test(name)) : names;
  return ours
    .filter((name) => name.endsWith(tail))
    .map((name) => name.slice(0, name.length - tail.length))
    .sort();
}
