/**
 * A data folder belongs to one process at a time. The lock is one the kernel holds (through SQLite's file locking),
 * so that it cannot go stale: kill -9 frees it like any other end. The file beside it only tells people who holds it.
 */
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OperatorError, systemCode } from './errors.ts';

export interface DataFolder {
  /** Absolute path with links resolved. */
  readonly path: string;
  /** Frees the folder for others. May be called twice. */
  release(): void;
}

const LOCK_FILE = 'lock.db';
const HOLDER_FILE = 'in-use-by.json';
const SQLITE_BUSY = 5;

/**
 * Makes the folder if it is missing (0711: the database's own user must reach its part inside) and takes it.
 * @throws OperatorError DATA_FOLDER_IN_USE with the holder's pid, or DATA_FOLDER_UNUSABLE (rights, full disk, …).
 */
export function openDataFolder(path: string): DataFolder {
  const wanted = resolve(path);
  let lock: DatabaseSync | undefined;
  try {
    makeFolder(wanted);
    const real = realpathSync(wanted);
    lock = new DatabaseSync(join(real, LOCK_FILE));
    lock.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE');
    lock.exec('BEGIN EXCLUSIVE');
    writeFileSync(join(real, HOLDER_FILE), `${JSON.stringify({ pid: process.pid })}\n`);
    return held(real, lock);
  } catch (error) {
    lock?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) throw inUse(wanted);
    throw unusable(wanted, error);
  }
}

/** One level at a time: Node's own recursive form never ends where the system refuses a folder (/proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o711 });
}

// Held here, or a caller that forgets its folder would lose the lock with the next collection of garbage.
const locks = new Set<DatabaseSync>();

function held(path: string, lock: DatabaseSync): DataFolder {
  locks.add(lock);
  let released = false;
  return {
    path,
    release() {
      if (released) return;
      released = true;
      locks.delete(lock);
      rmSync(join(path, HOLDER_FILE), { force: true });
      lock.close();
    },
  };
}

function inUse(path: string): OperatorError {
  const pid = holderPid(path);
  return new OperatorError({
    code: 'DATA_FOLDER_IN_USE',
    happened: `The data folder ${path} is in use by ${pid === undefined ? 'another process' : `process ${pid}`}.`,
    kept: 'The running process and its data were left alone.',
    todo: `Stop it first (Ctrl-C in its window${pid === undefined ? '' : ` or: kill ${pid}`}), or choose another folder with --data.`,
  });
}

function holderPid(path: string): number | undefined {
  try {
    const { pid } = JSON.parse(readFileSync(join(path, HOLDER_FILE), 'utf8')) as { pid?: unknown };
    return typeof pid === 'number' ? pid : undefined;
  } catch {
    return undefined;
  }
}

function unusable(path: string, error: unknown): OperatorError {
  const full = systemCode(error) === 'ENOSPC' || (error as { errcode?: number }).errcode === 13;
  return new OperatorError({
    code: 'DATA_FOLDER_UNUSABLE',
    happened: `The data folder ${path} cannot be used: ${(error as Error).message}.`,
    kept: 'Whatever is in it was left as it is.',
    todo: full
      ? 'The disk is full: free some space and start again.'
      : 'Check that the folder exists, belongs to you and can be written, or choose another one with --data.',
    cause: error,
  });
}
