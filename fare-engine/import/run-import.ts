/**
 * An import from first to last: files → stage → what the city knows → all of it, or nothing. The order is the promise: with
 * one problem no fact is written, and a run that is stopped has written none.
 */
import { createHash } from 'node:crypto';
import type { ImportFile, ImportRow, ImportTerms } from './import-files.ts';
import { IMPORT_COLUMNS, IMPORT_FILES } from './import-files.ts';
import { readImportRow } from './import-rows.ts';
import { type ImportProblem, ProblemList, shown } from './problems.ts';

/** A file of the import that was read. */
export interface ReadFile {
  readonly file: ImportFile;
  readonly sha256: string;
  readonly rows: number;
}

/** Rows of one file beside what the city has. */
export interface FileCounts extends ReadFile {
  readonly new: number;
  readonly known: number;
}

/** Money of one file in one currency. */
export interface ImportSum {
  readonly file: ImportFile;
  readonly currency: string;
  /** Rows that are new: paid in advance, and owed. */
  readonly creditMinor: bigint;
  readonly debtMinor: bigint;
}

export interface ImportReport {
  readonly importId: string;
  readonly system: string;
  /** `applied` now, `known` from an earlier run with the same bytes, `checked` = could be applied, `refused` = it cannot. */
  readonly outcome: 'applied' | 'known' | 'checked' | 'refused';
  readonly files: readonly FileCounts[];
  readonly sums: readonly ImportSum[];
  readonly problems: readonly ImportProblem[];
  readonly problemCount: number;
}

/** Where the rows are staged and looked at while the city goes on, and written in one short transaction. */
export interface ImportStage {
  add(rows: readonly ImportRow[]): Promise<void>;
  /** Marks what is known by now, and finds what does not fit together or contradicts. */
  look(system: string, onProblem: (problem: ImportProblem) => void): Promise<void>;
  counts(): Promise<ReadonlyMap<ImportFile, { readonly new: number; readonly known: number }>>;
  sums(): Promise<readonly ImportSum[]>;
  /** Hash of the files of an import that was applied under this id. */
  appliedHash(importId: string): Promise<string | undefined>;
  /** Nothing is written where the city came to know something of these rows since they were looked at: `changed`. */
  write(run: ImportRun): Promise<'written' | 'changed'>;
}

/** What an import's facts are written with. */
export interface ImportRun {
  /** Of the command that it is, a UUID. */
  readonly commandId: string;
  readonly importId: string;
  readonly system: string;
  readonly by: string;
  readonly files: readonly ReadFile[];
  /** Of names and hashes of the files, hex. */
  readonly inputSha256: string;
}

export interface ImportRequest {
  readonly commandId: string;
  readonly importId: string;
  readonly system: string;
  readonly by: string;
  readonly apply: boolean;
  readonly terms: ImportTerms;
  /** Tables of the folder that are none of an import: a misspelt name must not leave its rows behind in silence. */
  readonly strangers: readonly string[];
  /** Reads one file; `undefined` = the folder has none of this name. */
  readonly readTable: (
    form: { readonly file: ImportFile; readonly columns: readonly string[] },
    onRow: (line: number, cells: Readonly<Record<string, string>>) => Promise<void>,
    onProblem: (problem: ImportProblem) => void,
  ) => Promise<{ readonly rows: number; readonly sha256: string } | undefined>;
  readonly onProgress?: (file: ImportFile, rows: number) => void;
}

/** Rows that are staged at once. */
const STAGED_AT_ONCE = 2000;

/** So often it is looked again when the city came to know something meanwhile. */
const LOOKS_MAX = 5;

/**
 * Runs it on a stage. Other bytes under an id that was applied are an error of their own (`key-reused`), and so is a city that
 * comes to know something of these very rows each time (`city-changed`).
 */
export async function runImport(
  request: ImportRequest,
  stage: ImportStage,
): Promise<ImportReport | 'key-reused' | 'no-files' | 'city-changed'> {
  const problems = new ProblemList();
  const files: ReadFile[] = [];
  problems.add(...request.strangers.map(strangerProblem));
  for (const file of IMPORT_FILES) {
    const read = await stageFile(file, request, stage, problems);
    if (read !== undefined) files.push(read);
  }
  if (files.length === 0 && problems.count === 0) return 'no-files';
  for (let look = 1; look <= LOOKS_MAX; look++) {
    const done = await lookAndWrite(request, stage, files, problems);
    if (done !== 'changed') return done;
  }
  return 'city-changed';
}

function strangerProblem(file: string): ImportProblem {
  return {
    code: 'IMPORT_FILE',
    ...{ file: shown(file), line: 1, column: null, message: 'no file of an import has this name' },
    howToMend: `Name it as one of ${IMPORT_FILES.join(', ')}, or take it out of the folder.`,
  };
}

async function lookAndWrite(
  { commandId, importId, system, by, apply }: ImportRequest,
  stage: ImportStage,
  files: readonly ReadFile[],
  problems: ProblemList,
): Promise<ImportReport | 'key-reused' | 'changed'> {
  const inputSha256 = hashOf(system, files);
  if (problems.count === 0) await stage.look(system, (problem) => problems.add(problem));
  const before = await stage.appliedHash(importId);
  if (before !== undefined && before !== inputSha256) return 'key-reused';
  const counts = await stage.counts();
  const report = {
    importId,
    system,
    files: files.map((one) => ({ ...one, ...(counts.get(one.file) ?? { new: 0, known: 0 }) })),
    sums: await stage.sums(),
    problems: problems.listed,
    problemCount: problems.count,
  };
  if (before !== undefined) return { ...report, outcome: 'known' };
  if (problems.count > 0) return { ...report, outcome: 'refused' };
  if (!apply) return { ...report, outcome: 'checked' };
  const written = await stage.write({ commandId, importId, system, by, files, inputSha256 });
  return written === 'changed' ? 'changed' : { ...report, outcome: 'applied' };
}

async function stageFile(
  file: ImportFile,
  { terms, readTable, onProgress }: ImportRequest,
  stage: ImportStage,
  problems: ProblemList,
): Promise<ReadFile | undefined> {
  let waiting: ImportRow[] = [];
  let staged = 0;
  const flush = async (): Promise<void> => {
    if (waiting.length === 0) return;
    await stage.add(waiting);
    staged += waiting.length;
    waiting = [];
    onProgress?.(file, staged);
  };
  const read = await readTable(
    { file, columns: IMPORT_COLUMNS[file] },
    async (line, cells) => {
      const found = readImportRow(file, line, cells, terms);
      if ('problems' in found) problems.add(...found.problems);
      else waiting.push(found.row);
      if (waiting.length >= STAGED_AT_ONCE) await flush();
    },
    (problem) => problems.add(problem),
  );
  await flush();
  return read && { file, ...read };
}

function hashOf(system: string, files: readonly ReadFile[]): string {
  const lines = files.map(({ file, sha256 }) => `${file}\0${sha256}\n`);
  return createHash('sha256')
    .update(`${system}\n${lines.join('')}`)
    .digest('hex');
}
