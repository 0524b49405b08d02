/** The project's own files, read once. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

export interface ProjectFile {
  /** From the project's root, with `/`. */
  readonly path: string;
  readonly text: string;
}

const NOT_OURS = new Set(['node_modules', '.git', 'reports', '.kvytok']);
const TEXT = new Set([
  '.ts',
  '.mjs',
  '.js',
  '.css',
  '.html',
  '.md',
  '.json',
  '.yaml',
  '.yml',
  '.sql',
  '.sh',
  '.txt',
  '.csv',
  '',
]);
const BYTES_MAX = 2 * 1024 * 1024;

/** Paths of all files, sorted. */
export function allPaths(folder = ''): string[] {
  const paths: string[] = [];
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (NOT_OURS.has(entry.name)) continue;
    if (entry.isDirectory()) paths.push(...allPaths(path));
    else paths.push(path);
  }
  return paths.sort();
}

/** Files with text, without the lock file (its own checks read it). */
export function textFiles(): ProjectFile[] {
  return allPaths()
    .filter((path) => TEXT.has(extname(path)) && path !== 'package-lock.json')
    .filter((path) => statSync(join(ROOT, path)).size <= BYTES_MAX)
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

/** TypeScript and JavaScript. */
export function codeFiles(): ProjectFile[] {
  return textFiles().filter(({ path }) => /\.(ts|mjs)$/.test(path));
}

/** Code without comments and without the insides of plain strings, so that words in prose do not count. */
export function bareCode(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|(?<![:'"`])\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g,
    (found) => (found.startsWith('/') ? found.replace(/[^\n]/g, ' ') : `${found[0]}${found[0]}`),
  );
}
