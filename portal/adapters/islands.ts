/** Browser TypeScript → JavaScript: Node strips the types when a file is asked for, and remembers the result. */
import { readFile, stat } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import type { IslandSource } from '../ports.ts';

/** Islands of a folder, one file each; a changed file is read again. */
export function createIslandSource(dir: string): IslandSource {
  const cache = new Map<string, { changedAtMs: number; code: string }>();
  return {
    async read(name) {
      const path = join(dir, `${name}.ts`);
      const changedAtMs = (await stat(path).catch(() => undefined))?.mtimeMs;
      if (changedAtMs === undefined) return undefined;
      const known = cache.get(name);
      if (known?.changedAtMs === changedAtMs) return known.code;
      const code = withoutBlanks(stripTypeScriptTypes(await readFile(path, 'utf8')));
      cache.set(name, { changedAtMs, code });
      return code;
    },
  };
}

// Stripping leaves blanks where types were, so that columns stay; at line ends nobody misses them.
function withoutBlanks(code: string): string {
  return code.replace(/[ \t]+$/gm, '');
}
