/** Reads tariff packages from folders; this room is the only place of pricing that touches a disk. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compareFileProblems, type FileProblem, hasErrors } from '../pricing/file-problem.ts';
import type { FileProblemCode } from '../pricing/problem-codes.ts';
import { type ReadPackage, readTariffPackage, type TariffPackage } from '../pricing/tariff-package.ts';
import { createTariffTimeline, type TariffTimeline, timelineGaps } from '../pricing/tariff-timeline.ts';

/** Largest package, and most files in it. */
export const PACKAGE_BYTES_MAX = 64 * 1024 * 1024;
export const PACKAGE_FILES_MAX = 200;
/** Most packages of one city. */
export const PACKAGES_MAX = 500;

export type Files = Map<string, Uint8Array>;

/** Reads a package: every file of the folder counts for its name (hash), hidden files excepted. */
export async function loadTariffFolder(dir: string): Promise<ReadPackage> {
  const files = await readPackageFiles(dir);
  return 'problem' in files ? { ok: false, problems: [files.problem] } : readTariffPackage(files.files);
}

/** The bytes of a package's files, for its hash, a bundle or the database. */
export async function readPackageFiles(dir: string): Promise<{ files: Files } | { problem: FileProblem }> {
  const names = await listFiles(dir);
  if (!names)
    return {
      problem: folderProblem('TARIFF_FILE_UNREADABLE', dir, 'the folder cannot be read', 'Check the path.'),
    };
  const files: Files = new Map();
  let bytes = 0;
  for (const name of names) {
    bytes += (await stat(join(dir, name))).size;
    if (bytes > PACKAGE_BYTES_MAX || files.size >= PACKAGE_FILES_MAX) {
      const limit = `${PACKAGE_FILES_MAX} files or ${PACKAGE_BYTES_MAX} bytes`;
      return {
        problem: folderProblem(
          'TARIFF_FILE_TOO_LARGE',
          dir,
          `the folder has more than ${limit}`,
          'Move out what is no tariff.',
        ),
      };
    }
    files.set(name, await readFile(join(dir, name)));
  }
  return { files };
}

export type LoadedTimeline =
  | { readonly ok: true; readonly timeline: TariffTimeline; readonly problems: readonly FileProblem[] }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** Reads all packages of a city, `cities/<city>/tariff`: one folder each. One broken package fails them all. */
export async function loadTariffTimeline(dir: string): Promise<LoadedTimeline> {
  const folders = await listFolders(dir);
  if (!folders)
    return {
      ok: false,
      problems: [
        folderProblem('TARIFF_FILE_UNREADABLE', dir, 'the folder cannot be read', 'Check the path.'),
      ],
    };
  const problems: FileProblem[] = [];
  const packages: TariffPackage[] = [];
  if (!(await Promise.all(folders.map((folder) => hasTariff(join(dir, folder))))).includes(true))
    return {
      ok: false,
      problems: [
        folderProblem(
          'TARIFF_NO_PACKAGES',
          dir,
          'no folder in it has a tariff.yaml',
          'Name a package, or a folder with one for each tariff.',
        ),
      ],
    };
  const folderOf = new Map<string, string>();
  for (const folder of folders.slice(0, PACKAGES_MAX)) {
    const read = await loadTariffFolder(join(dir, folder));
    problems.push(...read.problems.map((p) => ({ ...p, file: `${folder}/${p.file}` })));
    if (!read.ok) continue;
    packages.push(read.package);
    folderOf.set(read.package.tariff.version_id, folder);
  }
  const { timeline, problems: overlaps } = createTariffTimeline(packages);
  // A package that could not be read leaves no gap of its own.
  const gaps = hasErrors(problems) ? [] : timelineGaps(packages);
  for (const found of [...overlaps, ...gaps]) {
    // A timeline knows versions; people look for folders.
    const [version = '', ...rest] = found.file.split('/');
    problems.push({ ...found, file: [folderOf.get(version) ?? version, ...rest].join('/') });
  }
  problems.sort(compareFileProblems);
  return hasErrors(problems) ? { ok: false, problems } : { ok: true, timeline, problems };
}

async function hasTariff(dir: string): Promise<boolean> {
  return stat(join(dir, 'tariff.yaml')).then(
    () => true,
    () => false,
  );
}

async function listFiles(dir: string): Promise<string[] | undefined> {
  const entries = await list(dir);
  return entries?.filter((e) => e.isFile() && !e.name.startsWith('.')).map((e) => e.name);
}

async function listFolders(dir: string): Promise<string[] | undefined> {
  const entries = await list(dir);
  return entries?.filter((e) => e.isDirectory() && !e.name.startsWith('.')).map((e) => e.name);
}

async function list(dir: string) {
  try {
    return (await readdir(dir, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return undefined;
  }
}

function folderProblem(code: FileProblemCode, file: string, message: string, howToMend: string): FileProblem {
  return { code, file, line: 1, column: 1, severity: 'error', message, howToMend };
}
