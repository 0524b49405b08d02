/** What lies in an exported log beside what is verified: nobody has looked at it, and no signature covers it. */
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseTilePath, tileWidth } from '#contracts/audit-log.ts';

/** What an export has beside its tiles (export-folder.ts, commands/audit.ts). */
const BESIDE = new Set(['checkpoint', 'log-keys.txt', 'facts.ndjson']);
/** Most that are named; the others are counted. */
const NAMED_MAX = 100;

export interface ExtraFiles {
  /** Paths below the folder, in their order. */
  readonly named: readonly string[];
  readonly count: number;
}

/**
 * Files of a log's folder that its verification does not read. Logs may have such (a partial tile of an earlier state above all), so
 * they are no fault. @param size of the log
 */
export async function extraFiles(dir: string, size: number): Promise<ExtraFiles> {
  const named: string[] = [];
  let count = 0;
  for await (const path of filesBelow(dir, '')) {
    if (BESIDE.has(path) || isRead(path, size)) continue;
    count += 1;
    if (named.length < NAMED_MAX) named.push(path);
  }
  return { named: named.sort(), count };
}

function isRead(path: string, size: number): boolean {
  const tile = parseTilePath(path);
  if (tile === null) return false;
  return tile.width === tileWidth(size, tile.level === 'entries' ? 0 : tile.level, tile.n);
}

async function* filesBelow(dir: string, below: string): AsyncGenerator<string> {
  for await (const entry of await opendir(join(dir, below))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(dir, path);
    else yield path;
  }
}

/** Said to whoever verifies; empty where there are none. */
export function extraFilesText(dir: string, { named, count }: ExtraFiles): string {
  if (count === 0) return '';
  const more = count > named.length ? `\n  … and ${count - named.length} more` : '';
  return `Not looked at, and covered by no signature: ${count} more in ${dir}\n${named.map((path) => `  ${JSON.stringify(path)}`).join('\n')}${more}\n`;
}
