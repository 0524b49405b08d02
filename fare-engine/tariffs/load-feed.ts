/** Reads the feed that `quote` prices by: a tariff package or any GTFS feed, from a folder or a zip archive. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FareFeed } from '../pricing/fares-v2/fare-feed.ts';
import { type FileProblem, hasErrors } from '../pricing/file-problem.ts';
import { FARE_FILES, readFeed } from '../pricing/gtfs/read-feed.ts';
import type { FileProblemCode } from '../pricing/problem-codes.ts';
import { readTariffPackage } from '../pricing/tariff-package.ts';
import { readZip, ZIP_REFUSALS } from './read-zip.ts';

/** Largest single file of a stranger's feed, and all of its files that are read. Times of trips are not. */
export const FEED_LIMITS = { fileBytesMax: 128 * 1024 * 1024, allBytesMax: 256 * 1024 * 1024 } as const;

export type LoadedFeed =
  | { readonly ok: true; readonly feed: FareFeed; readonly problems: readonly FileProblem[] }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

type Files = Map<string, Uint8Array>;

/**
 * Reads a feed for quotes. `path` may be one of our packages (then its concession rows are made as well) or any GTFS
 * feed; files that it lacks come from `gtfsPath`: places, routes and calendars, and fares only where it has no leg rules of
 * its own, for products of one tariff and transfers of another make a third that nobody decided. Each is a folder or a zip
 * archive.
 */
export async function loadFeed(path: string, gtfsPath?: string): Promise<LoadedFeed> {
  const own = await readSource(path);
  if ('problem' in own) return { ok: false, problems: [own.problem] };
  const { files } = own;
  if (gtfsPath !== undefined) {
    const other = await readSource(gtfsPath);
    if ('problem' in other) return { ok: false, problems: [other.problem] };
    const hasFares = files.has('fare_leg_rules.txt') || files.has('tariff.yaml');
    for (const [name, bytes] of other.files)
      if (!files.has(name) && !(hasFares && isTariffFile(name))) files.set(name, bytes);
  }
  if (!files.has('tariff.yaml')) {
    const { feed, problems } = readFeed(files);
    return hasErrors(problems) ? { ok: false, problems } : { ok: true, feed, problems };
  }
  const read = readTariffPackage(files);
  return read.ok ? { ok: true, feed: read.package.pricer.feed, problems: read.problems } : read;
}

type Source = { readonly files: Files } | { readonly problem: FileProblem };

async function readSource(path: string): Promise<Source> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return readArchive(path);
  const names = found && (await readdir(path).catch(() => undefined));
  if (!names)
    return problem('TARIFF_FILE_UNREADABLE', path, 'the folder or archive cannot be read', 'Check the path.');
  return readFolder(path, names.sort());
}

async function readFolder(path: string, names: readonly string[]): Promise<Source> {
  const files: Files = new Map();
  let all = 0;
  for (const name of names.filter(isRead)) {
    const file = await stat(join(path, name)).catch(() => undefined);
    if (!file?.isFile()) continue;
    all += file.size;
    if (file.size > FEED_LIMITS.fileBytesMax || all > FEED_LIMITS.allBytesMax)
      return problem(
        'TARIFF_FILE_TOO_LARGE',
        join(path, name),
        `the file is too large: ${file.size} bytes`,
        'Check the feed.',
      );
    files.set(name, await readFile(join(path, name)));
  }
  if (files.size === 0)
    return problem(
      'TARIFF_FILE_MISSING',
      path,
      'the folder has no file of GTFS that is read',
      'Check the path.',
    );
  return { files };
}

async function readArchive(path: string): Promise<Source> {
  const read = await readZip(path, isRead, FEED_LIMITS);
  if (read.ok) return { files: read.files };
  const { code, detail } = read.why;
  return problem(
    'TARIFF_ARCHIVE_UNREADABLE',
    path,
    `${code}: ${ZIP_REFUSALS[code]} (${detail})`,
    'Get the archive anew, or unpack it.',
  );
}

function isRead(name: string): boolean {
  return FARE_FILES.includes(name) || (name.endsWith('.yaml') && !name.startsWith('.'));
}

/** Files that say what rides cost, and nothing of the network. */
function isTariffFile(name: string): boolean {
  return name.startsWith('fare_') || name === 'rider_categories.txt' || name.endsWith('.yaml');
}

function problem(
  code: FileProblemCode,
  file: string,
  message: string,
  howToMend: string,
): { readonly problem: FileProblem } {
  return { problem: { code, file, line: 1, column: 1, severity: 'error', message, howToMend } };
}
