/** Files of cases from the disk, for `kvytok tariff try`: each bounded before it is read. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { FileProblem } from '#pricing/file-problem.ts';
import {
  CASES_BYTES_MAX,
  casesProblem,
  type PlacedCase,
  type ReadCases,
  readCases,
  tooLarge,
} from '../../fare-engine/tariff-cases/read-cases.ts';

/** Reads files, and of folders the files whose names end in .yaml or .yml; they are told by the paths that were given. */
export async function loadCases(paths: readonly string[], cwd: string): Promise<ReadCases> {
  const cases: PlacedCase[] = [];
  const problems: FileProblem[] = [];
  for (const path of paths) {
    const files = await filesAt(path, cwd);
    if (files.length === 0)
      problems.push(
        casesProblem(
          'TARIFF_CASES_NONE',
          path,
          'no file in it ends in .yaml',
          'Name a file of cases, or a folder of them.',
        ),
      );
    for (const file of files) {
      const read = await loadFile(file, resolve(cwd, file));
      for (const one of read.cases) cases.push(one);
      problems.push(...read.problems);
    }
  }
  return { cases, problems };
}

async function filesAt(path: string, cwd: string): Promise<string[]> {
  const entries = await readdir(resolve(cwd, path)).catch(() => undefined);
  if (entries === undefined) return [path];
  return entries
    .filter((name) => /^[^.].*\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

async function loadFile(name: string, path: string): Promise<ReadCases> {
  const refuse = (problem: FileProblem): ReadCases => ({ cases: [], problems: [problem] });
  try {
    const found = await stat(path);
    const { size } = found;
    if (size > CASES_BYTES_MAX) {
      const [code, message, howToMend] = tooLarge(size);
      return refuse(casesProblem(code, name, message, howToMend));
    }
    if (found.isFile()) return readCases(name, await readFile(path));
  } catch {
    // Told below.
  }
  return refuse(casesProblem('TARIFF_FILE_UNREADABLE', name, 'the file cannot be read', 'Check the path.'));
}
