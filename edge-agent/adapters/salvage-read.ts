/**
 * Reads what can be read of a damaged journal into a staging file: rows as far as SQLite reads them, then every text
 * of a record in the file and in its log. Nothing is believed here; each text is staged once.
 */
import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { parseRecord } from '#contracts/record.ts';
import type { EpochHead } from '../ports.ts';
import { recordTexts } from './journal-texts.ts';

const SCHEMA = `
  CREATE TABLE text (
    hash TEXT PRIMARY KEY, epoch TEXT NOT NULL, seq INTEGER NOT NULL, prev TEXT NOT NULL, kind TEXT NOT NULL,
    wall_ms INTEGER NOT NULL, sigs TEXT NOT NULL, in_table INTEGER NOT NULL, receipted INTEGER NOT NULL, bytes BLOB NOT NULL
  ) STRICT;
  CREATE INDEX text_place ON text (epoch, seq);
`;
const ROWS_AT_A_TIME = 256;
/** So many row numbers in a row that cannot be read end the reading by rows; the texts are found all the same. */
const UNREADABLE_ROWS_MAX = 4 * ROWS_AT_A_TIME;
/** Unreadable texts are told apart up to so many. */
const UNREADABLE_TEXTS_MAX = 10_000;
/** Signatures kept of one text; copies of its page may have different ones after damage. */
const SIGS_CHARS_MAX = 1000;

/** One text that reads as a record of this device, as it was staged. */
export interface StagedText {
  readonly hash: string;
  readonly epoch: string;
  readonly seq: number;
  readonly prev: string;
  readonly kind: string;
  /** Signatures that stood with it, unchecked, parted by blanks. */
  readonly sigs: string;
  /** 1 = a row of the table, 0 = found in the file only. */
  readonly in_table: number;
  /** 1 = the row says that the city holds it. */
  readonly receipted: number;
  readonly bytes: Uint8Array;
}

export interface Staged {
  readonly db: DatabaseSync;
  /** Texts that begin as a record and are none, or are another device's. */
  readonly unreadable: number;
  /** Head of the running epoch as the file itself says. */
  readonly head: EpochHead | undefined;
}

/** Stages a file. The staging file is scratch: an older one is dropped, and the caller removes it. */
export function stageDamaged(file: string, stagingPath: string, deviceId: string): Staged {
  rmSync(stagingPath, { force: true });
  const db = new DatabaseSync(stagingPath);
  db.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; ${SCHEMA} BEGIN`);
  const stage = stager(db, deviceId);
  const head = readRows(file, stage);
  const unreadable = new Set<string>();
  for (const path of [file, `${file}-wal`]) {
    for (const { bytes, sig } of recordTexts(path)) {
      const staged = bytes !== undefined && stage({ bytes, sig, inTable: false, receipted: false });
      // Copies of one page hold the same text: counted once, and not more than a report needs.
      if (!staged && unreadable.size < UNREADABLE_TEXTS_MAX) unreadable.add(bytes ? sha256Hex(bytes) : sig);
    }
  }
  db.exec('COMMIT');
  return { db, head, unreadable: unreadable.size };
}

interface Candidate {
  readonly bytes: Uint8Array;
  readonly sig: string;
  readonly inTable: boolean;
  readonly receipted: boolean;
}

/** Gives a function that stages one text; false when it is no record of this device. */
function stager(db: DatabaseSync, deviceId: string): (candidate: Candidate) => boolean {
  const known = db.prepare(
    `UPDATE text SET in_table = max(in_table, ?), receipted = max(receipted, ?),
       sigs = CASE WHEN instr(sigs, ?) OR length(sigs) > ${SIGS_CHARS_MAX} THEN sigs ELSE sigs || ' ' || ? END
     WHERE hash = ?`,
  );
  const insert = db.prepare('INSERT INTO text VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  return ({ bytes, sig, inTable, receipted }) => {
    const hash = sha256Hex(bytes);
    const sigs = /^[\w-]{86}$/.test(sig) ? sig : '';
    if (known.run(+inTable, +receipted, sigs, sigs, hash).changes > 0) return true;
    const record = parseRecord(bytes);
    if (!record.ok || record.value.deviceId !== deviceId) return false;
    const { epoch, seq, prev, kind, at } = record.value;
    insert.run(hash, epoch, seq, prev, kind, at.wallMs, sigs, +inTable, +receipted, bytes);
    return true;
  };
}

interface Row {
  readonly rowid: number;
  readonly mark: unknown;
  readonly receipted_at_ms: unknown;
  readonly sig: unknown;
  readonly bytes: unknown;
}

const COLUMNS = 'rowid, mark, receipted_at_ms, sig, bytes';

/** Rows by their numbers, in blocks; in a block that cannot be read each row is tried by itself. */
function readRows(file: string, stage: (candidate: Candidate) => boolean): EpochHead | undefined {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { readOnly: true, timeout: 0 });
    const block = db.prepare(`SELECT ${COLUMNS} FROM record WHERE rowid > ? ORDER BY rowid LIMIT ?`);
    const one = db.prepare(`SELECT ${COLUMNS} FROM record WHERE rowid = ?`);
    let unreadable = 0;
    for (let last = 0; unreadable < UNREADABLE_ROWS_MAX; ) {
      const rows = tried(() => block.all(last, ROWS_AT_A_TIME) as unknown as Row[]);
      // Pages that point at each other may give rows that were given already.
      const next = rows?.reduce((highest, { rowid }) => Math.max(highest, rowid), last);
      if (rows?.length === 0) break;
      if (rows === undefined || next === last) {
        for (let rowid = last + 1; rowid <= last + ROWS_AT_A_TIME; rowid++) {
          const row = tried(() => one.get(rowid) as unknown as Row | undefined);
          unreadable = row ? 0 : unreadable + 1;
          stageRow(row, stage);
        }
        last += ROWS_AT_A_TIME;
        continue;
      }
      unreadable = 0;
      for (const row of rows) stageRow(row, stage);
      last = next as number;
    }
    return headOf(db);
  } catch {
    // Not even its tables can be read: the texts are left.
    return undefined;
  } finally {
    db?.close();
  }
}

function stageRow(row: Row | undefined, stage: (candidate: Candidate) => boolean): void {
  if (!(row?.bytes instanceof Uint8Array)) return;
  // One flipped bit may make a receipted record of an open one; two columns that agree are more than that.
  const receipted = (row.mark === 1 || row.mark === 2) && typeof row.receipted_at_ms === 'number';
  stage({ bytes: row.bytes, sig: typeof row.sig === 'string' ? row.sig : '', inTable: true, receipted });
}

function headOf(db: DatabaseSync): EpochHead | undefined {
  const row = tried(() =>
    db.prepare('SELECT id, seq, hash FROM epoch WHERE n > 0 ORDER BY n DESC LIMIT 1').get(),
  );
  const { id, seq, hash } = row ?? {};
  if (typeof id !== 'string' || typeof seq !== 'number' || typeof hash !== 'string') return undefined;
  return { epoch: id, seq, hash };
}

function tried<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
