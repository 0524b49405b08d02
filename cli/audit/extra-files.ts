/** What lies in an exported log beside what is verified: nobody has looked at it, and no signature covers it. */
import type { Dir } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseTilePath, tileWidth } from '#contracts/audit-log.ts';

/** What is read of an export beside its tiles (export-folder.ts). */
const BESIDE = new Set(['checkpoint', 'log-keys.txt']);
/** Stands beside the log where days were exported with it (commands/audit.ts); another command sets it beside what the log sealed. */
const FACTS = 'facts.ndjson';
type Open = (path: string) => Promise<Dir>;

/** Most that are named, and the facts; the others are counted. */
const NAMED_MAX = 100;

export interface ExtraFiles {
  /** Paths below the folder, in their order; that of a folder which may not be opened stands for all in it. */
  readonly named: readonly string[];
  readonly count: number;
}

/**
 * Files of a log's folder that its verification does not read. Logs may have such (a partial tile of an earlier state above all), so
 * they are no fault. @param size of the log
 */
export async function extraFiles(dir: string, size: number, open: Open = opendir): Promise<ExtraFiles> {
  const named: string[] = [];
  let count = 0;
  for await (const path of filesBelow(dir, '', open)) {
    if (BESIDE.has(path) || isRead(path, size)) continue;
    count += 1;
    if (named.length < NAMED_MAX || path === FACTS) named.push(path);
  }
  return { named: named.sort(), count };
}

function isRead(path: string, size: number): boolean {
  const tile = parseTilePath(path);
  if (tile === null) return false;
  return tile.width === tileWidth(size, tile.level === 'entries' ? 0 : tile.level, tile.n);
}

async function* filesBelow(dir: string, below: string, open: Open): AsyncGenerator<string> {
  const folder = await open(join(dir, below)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EACCES' || error.code === 'EPERM') return undefined;
    throw error;
  });
  if (folder === undefined) return yield below === '' ? '.' : below;
  for await (const entry of folder) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(dir, path, open);
    else yield path;
  }
}

/** Said to whoever verifies; empty where there are none. */
export function extraFilesText(dir: string, { named, count }: ExtraFiles): string {
  if (count === 0) return '';
  const more = count > named.length ? `\n  … and ${count - named.length} more` : '';
  const facts = named.includes(FACTS)
    ? `${FACTS} is checked by: kvytok price --facts ${join(dir, FACTS)} --log ${dir}\n`
    : '';
  return `Not looked at, and covered by no signature: ${count} more in ${dir}\n${named.map((path) => `  ${JSON.stringify(path)}`).join('\n')}${more}\n${facts}`;
}
