/**
 * The folder of published versions: `v1/`, `v2/` …, and `index.json` that names them. A version is never changed; what is known later
 * becomes the next one. The newest version is also what the next one is decided from, so the folder must be kept.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { syncFolder, writeFileAtomic } from '#platform/atomic-file.ts';
import { OperatorError } from '#platform/errors.ts';
import { readPublishedDays } from '../../fare-engine/open-data/publication.ts';
import type { PublishedDay } from '../../fare-engine/open-data/suppress.ts';

/** The newest version of a folder; 0 and no days where there is none. */
export interface Newest {
  readonly version: number;
  readonly days: readonly PublishedDay[];
}

/** @throws OperatorError OPEN_DATA_UNREADABLE when the newest version is not what was written */
export function readNewest(dir: string): Newest {
  const version = versionsIn(dir).at(-1);
  if (version === undefined) return { version: 0, days: [] };
  const folder = join(dir, `v${version}`);
  try {
    const read = (name: string) => readFileSync(join(folder, name));
    return { version, days: readPublishedDays(read('rides-by-route-day.csv'), read('rides-by-day.csv')) };
  } catch (cause) {
    throw new OperatorError({
      code: 'OPEN_DATA_UNREADABLE',
      happened: `The version that was published last, ${folder}, cannot be read: ${(cause as Error).message}.`,
      kept: 'Nothing was written: without it a new version could tell what the last one withheld.',
      todo: 'Put the folder back as it was published.',
      cause,
    });
  }
}

function versionsIn(dir: string): number[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .flatMap((name) => (/^v[1-9]\d{0,5}$/.test(name) ? [Number(name.slice(1))] : []))
    .sort((a, b) => a - b);
}

/** Whether a version has exactly these files. */
export function isSameVersion(dir: string, version: number, files: ReadonlyMap<string, string>): boolean {
  const folder = join(dir, `v${version}`);
  if (version === 0 || !existsSync(folder)) return false;
  const there = filesOf(folder);
  return (
    there.length === files.size &&
    there.every((name) => files.get(name) === readFileSync(join(folder, name), 'utf8'))
  );
}

/** Writes a version and names it in the index. It is whole or it is not there. */
export function writeVersion(dir: string, version: number, files: ReadonlyMap<string, string>): void {
  const folder = join(dir, `v${version}`);
  const partial = join(dir, `.v${version}.partial`);
  rmSync(partial, { recursive: true, force: true });
  const folders = new Set([partial]);
  for (const [name, text] of files) {
    for (let inside = dirname(name); inside !== '.'; inside = dirname(inside))
      folders.add(join(partial, inside));
    mkdirSync(join(partial, dirname(name)), { recursive: true });
    writeFileSync(join(partial, name), text, { flush: true });
  }
  // A version that has its name after a power cut has all its bytes, too: the next one is decided from them.
  for (const inside of folders) syncFolder(inside);
  renameSync(partial, folder);
  syncFolder(dir);
  writeFileAtomic(join(dir, 'index.json'), indexText(dir), { mode: 0o644 });
}

function indexText(dir: string): string {
  const versions = versionsIn(dir).map((version) => ({
    version,
    files: filesOf(join(dir, `v${version}`)).map((name) => {
      const bytes = readFileSync(join(dir, `v${version}`, name));
      return {
        path: `v${version}/${name}`,
        bytes: bytes.byteLength,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      };
    }),
  }));
  return `${JSON.stringify({ v: 1, latest: versions.at(-1)?.version ?? null, versions }, null, 2)}\n`;
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name).slice(folder.length + 1)] : []))
    .sort();
}
