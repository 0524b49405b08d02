/**
 * What stands beside the snapshot: the deltas after it, and which version both make together. Small rows in SQLite.
 * The list can be fetched again, so a damaged file is simply replaced and nothing is synced at every commit.
 */
import { existsSync, rmSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { DenyDelta, DenyEntry } from '#contracts/deny-list.ts';
import type { DenyListVersion } from '#contracts/record.ts';
import { StoreFailure } from '../ports.ts';
import { asStoreFailure, primaryCode } from './sqlite-errors.ts';

/** Form of this file; another form is replaced as an unreadable one is. */
const FORM = 2;

const SCHEMA = `
  CREATE TABLE overlay (
    token TEXT PRIMARY KEY, n INTEGER NOT NULL, reason TEXT, scope TEXT, valid_from_ms INTEGER, valid_until_ms INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL, n INTEGER NOT NULL, entries INTEGER NOT NULL,
    vouched_at_ms INTEGER, base_generation INTEGER NOT NULL, base_n INTEGER NOT NULL,
    floor_generation INTEGER NOT NULL, floor_n INTEGER NOT NULL
  ) STRICT;
  INSERT INTO state VALUES (1, 0, 0, 0, NULL, 0, 0, 0, 0);
  PRAGMA user_version = ${FORM};
`;

/** What the overlay remembers of the whole list. */
export interface OverlayState {
  readonly version: DenyListVersion;
  /** Version of the snapshot under the overlay; (0, 0) = none. */
  readonly base: DenyListVersion;
  /** Highest version that this device ever had: nothing older is taken, even if the list itself got lost. */
  readonly floor: DenyListVersion;
  readonly entries: number;
  readonly vouchedAtMs: number | null;
}

/** What the deltas say of a token: an entry, `removed`, or nothing. */
export type OverlayAnswer = DenyEntry | 'removed' | undefined;

/** Opens the file; `replaced` says that it was unreadable or of an older form, and an empty one stands in its place. */
export function openDenyOverlay(path: string): { overlay: DenyOverlay; replaced: boolean } {
  const existed = existsSync(path);
  try {
    return { overlay: new DenyOverlay(path), replaced: false };
  } catch (error) {
    if (!existed || (!(error instanceof OtherForm) && ![11, 26].includes(primaryCode(error)))) throw error;
    for (const tail of ['', '-wal', '-shm']) rmSync(path + tail, { force: true });
    return { overlay: new DenyOverlay(path), replaced: true };
  }
}

class OtherForm extends Error {}

export class DenyOverlay {
  private readonly db: DatabaseSync;
  private readonly statements = new Map<string, StatementSync>();
  private kept: OverlayState;
  private count: number;

  constructor(path: string) {
    this.db = new DatabaseSync(path, { timeout: 0 });
    try {
      this.db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
      const { user_version: form } = this.db.prepare('PRAGMA user_version').get() as { user_version: number };
      const tables = this.db.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number };
      if (tables.n === 0) this.db.exec(`BEGIN; ${SCHEMA} COMMIT`);
      else if (form !== FORM) throw new OtherForm();
      this.kept = this.readState();
      this.count = this.countRows();
    } catch (error) {
      this.db.close();
      throw error;
    }
  }

  state(): OverlayState {
    return this.kept;
  }

  /** Tokens that deltas have touched since the snapshot. */
  rows(): number {
    return this.count;
  }

  find(token: string): OverlayAnswer {
    const row = this.read(() =>
      this.sql('SELECT reason, scope, valid_from_ms, valid_until_ms FROM overlay WHERE token = ?').get(token),
    ) as
      | {
          reason: DenyEntry['reason'] | null;
          scope: DenyEntry['scope'];
          valid_from_ms: number;
          valid_until_ms: number | null;
        }
      | undefined;
    if (!row) return undefined;
    if (row.reason === null) return 'removed';
    const { reason, scope, valid_from_ms: validFromMs, valid_until_ms: validUntilMs } = row;
    return { tokenId: token, reason, scope, validFromMs, validUntilMs };
  }

  /** Tokens touched after version `n` of the generation, with whether each is denied. */
  touchedAfter(n: number): { token: string; denied: boolean }[] {
    const rows = this.read(() => this.sql('SELECT token, reason FROM overlay WHERE n > ?').all(n));
    return (rows as { token: string; reason: string | null }[]).map(({ token, reason }) => ({
      token,
      denied: reason !== null,
    }));
  }

  /** Goes on by one delta; `entries` is the number of denied media afterwards. */
  apply(delta: DenyDelta, entries: number): void {
    const put = this.sql('INSERT OR REPLACE INTO overlay VALUES (?, ?, ?, ?, ?, ?)');
    this.transaction(() => {
      for (const token of delta.remove) put.run(token, delta.n, null, null, null, null);
      for (const { tokenId, reason, scope, validFromMs, validUntilMs } of delta.add)
        put.run(tokenId, delta.n, reason, scope, validFromMs, validUntilMs);
      this.setVersion({ generation: delta.generation, n: delta.n }, entries);
    });
  }

  /** Another snapshot lies under the overlay: rows up to its n are forgotten, those after it stay. */
  rebase(base: DenyListVersion, version: DenyListVersion, entries: number): void {
    this.transaction(() => {
      const stays = version.generation === base.generation && version.n > base.n;
      this.sql('DELETE FROM overlay WHERE n <= ?').run(stays ? base.n : Number.MAX_SAFE_INTEGER);
      this.sql('UPDATE state SET base_generation = ?, base_n = ?').run(base.generation, base.n);
      this.setVersion(version, entries);
    });
  }

  setVouchedAt(ms: number): void {
    this.transaction(() => void this.sql('UPDATE state SET vouched_at_ms = ?').run(ms));
  }

  close(): void {
    if (!this.db.isOpen) return;
    this.statements.clear();
    this.db.close();
  }

  private setVersion({ generation, n }: DenyListVersion, entries: number): void {
    this.sql('UPDATE state SET generation = ?, n = ?, entries = ?').run(generation, n, entries);
    this.sql(
      `UPDATE state SET floor_generation = generation, floor_n = n
       WHERE (generation, n) > (floor_generation, floor_n)`,
    ).run();
  }

  private readState(): OverlayState {
    const row = this.sql('SELECT * FROM state').get() as Record<string, number> & {
      vouched_at_ms: number | null;
    };
    const version = (generation: string, n: string): DenyListVersion => ({
      generation: row[generation] as number,
      n: row[n] as number,
    });
    return {
      version: version('generation', 'n'),
      base: version('base_generation', 'base_n'),
      floor: version('floor_generation', 'floor_n'),
      entries: row['entries'] as number,
      vouchedAtMs: row.vouched_at_ms,
    };
  }

  private countRows(): number {
    return (this.sql('SELECT count(*) AS n FROM overlay').get() as { n: number }).n;
  }

  private sql(text: string): StatementSync {
    const known = this.statements.get(text);
    if (known) return known;
    const statement = this.db.prepare(text);
    this.statements.set(text, statement);
    return statement;
  }

  private transaction(work: () => void): void {
    this.read(() => {
      try {
        this.sql('BEGIN IMMEDIATE').run();
        work();
        this.sql('COMMIT').run();
      } catch (error) {
        if (this.db.isOpen && this.db.isTransaction) this.db.exec('ROLLBACK');
        throw error;
      }
      this.kept = this.readState();
      this.count = this.countRows();
    });
  }

  private read<T>(work: () => T): T {
    if (!this.db.isOpen) throw new StoreFailure('the deny list is closed');
    try {
      return work();
    } catch (error) {
      throw asStoreFailure(error);
    }
  }
}
