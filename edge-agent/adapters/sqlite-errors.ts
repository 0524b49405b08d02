/** Which of SQLite's errors come from the world (disk, rights, another process) and not from our own statements. */
import { StoreFailure } from '../ports.ts';

// https://www.sqlite.org/rescode.html: busy, locked, no memory, read-only, I/O, corrupt, full, cannot open, protocol,
// no large files, authorisation, not a database.
const WORLD_ERRORS = new Set([5, 6, 7, 8, 10, 11, 13, 14, 15, 22, 23, 26]);

/** The primary result code of an error of `node:sqlite`, 0 for any other error. */
export function primaryCode(error: unknown): number {
  return ((error as { errcode?: number } | null)?.errcode ?? 0) & 0xff;
}

/** The file's content cannot be right (corrupt), or it is not a database at all. */
export function isCorrupt(error: unknown): boolean {
  const code = primaryCode(error);
  return code === 11 || code === 26;
}

/** A failure of the world becomes a {@link StoreFailure}; anything else is a bug and stays what it is. */
export function asStoreFailure(error: unknown): unknown {
  if (!WORLD_ERRORS.has(primaryCode(error))) return error;
  return new StoreFailure((error as Error).message, { cause: error });
}
