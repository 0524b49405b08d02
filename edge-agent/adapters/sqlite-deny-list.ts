/**
 * The deny list's rows in SQLite: a million entries cost no memory and a lookup is one step in an index. The list can
 * be fetched again, so a damaged file is simply replaced.
 */
import { existsSync, rmSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { DenyChunk, DenyDelta, DenyEntry } from '#contracts/deny-list.ts';
import type { DenyListVersion } from '#contracts/record.ts';
import { type DenyState, type DenyStore, StoreFailure } from '../ports.ts';
import { asStoreFailure, primaryCode } from './sqlite-errors.ts';

/** Rows of an old snapshot that are cleared in one step, so that no tap waits for the clearing of a million. */
const CLEARED_AT_ONCE = 2000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entry (
    list INTEGER NOT NULL, token TEXT NOT NULL, reason TEXT NOT NULL, scope TEXT NOT NULL,
    valid_from_ms INTEGER NOT NULL, valid_until_ms INTEGER, PRIMARY KEY (list, token)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS staged (chunk INTEGER PRIMARY KEY, payload TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS state (
    one INTEGER PRIMARY KEY CHECK (one = 1), list INTEGER NOT NULL, generation INTEGER NOT NULL, n INTEGER NOT NULL,
    entries INTEGER NOT NULL, vouched_at_ms INTEGER,
    staged_list INTEGER NOT NULL, staged_generation INTEGER, staged_n INTEGER
  ) STRICT;
  INSERT OR IGNORE INTO state VALUES (1, 1, 0, 0, 0, NULL, 2, NULL, NULL);
`;

interface StateRow {
  list: number;
  generation: number;
  n: number;
  entries: number;
  vouched_at_ms: number | null;
  staged_list: number;
  staged_generation: number | null;
  staged_n: number | null;
}

/** Opens the file; `replaced` says that it was unreadable and an empty list stands in its place until the next fetch. */
export function openSqliteDenyList(path: string): { store: DenyStore; replaced: boolean } {
  const existed = existsSync(path);
  try {
    return { store: new SqliteDenyStore(path), replaced: false };
  } catch (error) {
    if (!existed || ![11, 26].includes(primaryCode(error))) throw error;
    for (const tail of ['', '-wal', '-shm']) rmSync(path + tail, { force: true });
    return { store: new SqliteDenyStore(path), replaced: true };
  }
}

class SqliteDenyStore implements DenyStore {
  private readonly db: DatabaseSync;
  private readonly statements = new Map<string, StatementSync>();
  private row: StateRow;

  constructor(path: string) {
    this.db = new DatabaseSync(path, { timeout: 0 });
    try {
      // Losing the last delta in a power cut is harmless: it is fetched again. So no sync at every commit.
      this.db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
      this.db.exec(SCHEMA);
      this.row = this.readState();
    } catch (error) {
      this.db.close();
      throw error;
    }
  }

  private sql(text: string): StatementSync {
    const known = this.statements.get(text);
    if (known) return known;
    const statement = this.db.prepare(text);
    this.statements.set(text, statement);
    return statement;
  }

  private readState(): StateRow {
    return this.sql('SELECT * FROM state').get() as unknown as StateRow;
  }

  private transaction(work: () => void): void {
    try {
      this.sql('BEGIN IMMEDIATE').run();
      work();
      this.sql('COMMIT').run();
      this.row = this.readState();
    } catch (error) {
      if (this.db.isOpen && this.db.isTransaction) this.db.exec('ROLLBACK');
      throw asStoreFailure(error);
    }
  }

  private read<T>(work: () => T): T {
    if (!this.db.isOpen) throw new StoreFailure('the deny list is closed');
    try {
      return work();
    } catch (error) {
      throw asStoreFailure(error);
    }
  }

  state(): DenyState {
    const { generation, n, entries, vouched_at_ms: vouchedAtMs } = this.row;
    return { version: { generation, n }, entries, vouchedAtMs };
  }

  find(tokenId: string): DenyEntry | null {
    const row = this.read(() =>
      this.sql(
        'SELECT reason, scope, valid_from_ms, valid_until_ms FROM entry WHERE list = ? AND token = ?',
      ).get(this.row.list, tokenId),
    ) as
      | (Pick<DenyEntry, 'reason' | 'scope'> & { valid_from_ms: number; valid_until_ms: number | null })
      | undefined;
    if (!row) return null;
    return {
      tokenId,
      reason: row.reason,
      scope: row.scope,
      validFromMs: row.valid_from_ms,
      validUntilMs: row.valid_until_ms,
    };
  }

  private put(list: number, entries: readonly DenyEntry[]): void {
    const insert = this.sql('INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?)');
    for (const { tokenId, reason, scope, validFromMs, validUntilMs } of entries) {
      insert.run(list, tokenId, reason, scope, validFromMs, validUntilMs);
    }
  }

  applyDelta(delta: DenyDelta): void {
    const { list } = this.row;
    const remove = this.sql('DELETE FROM entry WHERE list = ? AND token = ?');
    const has = this.sql('SELECT 1 FROM entry WHERE list = ? AND token = ?');
    this.transaction(() => {
      let change = 0;
      for (const token of delta.remove) change -= Number(remove.run(list, token).changes);
      for (const { tokenId } of delta.add) change -= Number(remove.run(list, tokenId).changes);
      this.put(list, delta.add);
      for (const token of new Set(delta.add.map((entry) => entry.tokenId)))
        if (has.get(list, token)) change++;
      this.sql('UPDATE state SET generation = ?, n = ?, entries = entries + ?').run(
        delta.generation,
        delta.n,
        change,
      );
    });
  }

  setVouchedAt(ms: number): void {
    this.transaction(() => void this.sql('UPDATE state SET vouched_at_ms = ?').run(ms));
  }

  stageChunk(chunk: DenyChunk, payload: string): void {
    const { staged_generation: generation, staged_n: n } = this.row;
    if (generation !== chunk.generation || n !== chunk.n) this.dropStaged();
    this.transaction(() => {
      this.sql('UPDATE state SET staged_generation = ?, staged_n = ?').run(chunk.generation, chunk.n);
      const added = this.sql('INSERT OR IGNORE INTO staged VALUES (?, ?)').run(chunk.chunk, payload);
      if (added.changes === 1) this.put(this.row.staged_list, chunk.entries);
    });
  }

  stagedChunks(version: DenyListVersion): number {
    if (!this.isStaged(version)) return 0;
    return this.read(() => (this.sql('SELECT count(*) AS n FROM staged').get() as { n: number }).n);
  }

  stagedPayload(version: DenyListVersion, chunk: number): string | null {
    if (!this.isStaged(version)) return null;
    const row = this.read(() => this.sql('SELECT payload FROM staged WHERE chunk = ?').get(chunk)) as
      | { payload: string }
      | undefined;
    return row?.payload ?? null;
  }

  private isStaged(version: DenyListVersion): boolean {
    return this.row.staged_generation === version.generation && this.row.staged_n === version.n;
  }

  adoptStaged(version: DenyListVersion): void {
    if (!this.isStaged(version)) this.dropStaged();
    const { staged_list: list } = this.row;
    this.transaction(() => {
      const { n } = this.sql('SELECT count(*) AS n FROM entry WHERE list = ?').get(list) as { n: number };
      // Lists are numbered: the staged one becomes current by a number, and the next staged one has a number unused.
      this.sql(
        `UPDATE state SET list = ?, staged_list = ?, generation = ?, n = ?, entries = ?,
           staged_generation = NULL, staged_n = NULL`,
      ).run(list, list + 1, version.generation, version.n, n);
      this.sql('DELETE FROM staged').run();
    });
    this.clearOld();
  }

  dropStaged(): void {
    this.transaction(() => {
      this.sql('DELETE FROM staged').run();
      this.sql(
        'UPDATE state SET staged_list = staged_list + 1, staged_generation = NULL, staged_n = NULL',
      ).run();
    });
    this.clearOld();
  }

  /** Clears lists that nobody reads any more, a step at a time between taps. */
  private clearOld(): void {
    if (!this.db.isOpen) return;
    const { list, staged_list: staged } = this.row;
    // What cannot be cleared now is cleared after the next snapshot: nobody reads it.
    const cleared = this.sql(
      `DELETE FROM entry WHERE (list, token) IN
         (SELECT list, token FROM entry WHERE list < ? OR (list > ? AND list < ?) LIMIT ?)`,
    ).run(list, list, staged, CLEARED_AT_ONCE).changes;
    if (Number(cleared) === CLEARED_AT_ONCE) setImmediate(() => this.clearOld());
  }

  close(): void {
    if (!this.db.isOpen) return;
    this.statements.clear();
    this.db.close();
  }
}
