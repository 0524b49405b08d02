/**
 * Ids that are not what they look like: with letters of two alphabets, with signs that nobody sees, or two that differ only in
 * letters of the same look. Each would be read as an id of its own, and what is meant for `city` would hold for `cіty`. Warnings.
 */
import { asWarning, type FileProblem } from './file-problem.ts';
import { FARE_COLUMNS } from './gtfs/fare-columns.ts';
import { type FeedFiles, openTable, quote, type TableReader } from './gtfs/row-reader.ts';
import { looksOf, mixesAlphabets } from './nearest-name.ts';
import type { PackageYaml } from './tariff-package.ts';
import type { YamlFile, YamlPath } from './yaml-file.ts';

/** Where an id stands. */
type Tell = (message: string, howToMend: string) => void;

/** Ids of YAML files that do not end in `_id` or `_ids`. */
const ID_KEYS: readonly unknown[] = [
  ...['act', 'ids', 'media_required', 'over_quota', 'resident_required', 'stack_group'],
  ...['social', 'wallet', 'bank'],
];

// Spaces of any kind at the ends, and signs without a look anywhere.
const UNSEEN = /^\p{Z}|\p{Z}$|[\p{Cf}\p{Cc}]|[^\P{Z} ]/u;

/** All warnings: each id once in a file. */
export function checkIds(files: FeedFiles, yaml: PackageYaml): FileProblem[] {
  const problems: FileProblem[] = [];
  const known = new Map<string, string>();
  const told = new Set<string>();
  const look = (file: string, id: string, tell: Tell) => {
    const key = `${file}\u0000${id}`;
    if (id === '' || told.has(key)) return;
    told.add(key);
    const before = known.get(looksOf(id)) ?? id;
    known.set(looksOf(id), before);
    if (UNSEEN.test(id))
      tell(`${quote(id)} has spaces at its ends, or signs that nobody sees`, 'Type it anew without them.');
    else if (mixesAlphabets(id)) tell(`${quote(id)} has letters of two alphabets: ${foreign(id)}`, typed(id));
    else if (before !== id)
      tell(
        `${quote(id)} looks like ${quote(before)}, and has letters of another alphabet`,
        'Type it anew, if both are one; else name them so that they can be told apart.',
      );
  };
  for (const file of Object.keys(FARE_COLUMNS)) lookThrough(files, file, look, problems);
  for (const [name, file] of Object.entries(yaml) as [string, YamlFile<unknown> | undefined][]) {
    if (file === undefined) continue;
    walk(file.value, [], (id, path) =>
      look(name, id, (...words) =>
        problems.push(asWarning(file.problemAt('TARIFF_ID_LETTERS', path, ...words))),
      ),
    );
  }
  return problems;
}

function lookThrough(
  files: FeedFiles,
  file: string,
  look: (file: string, id: string, tell: Tell) => void,
  problems: FileProblem[],
): void {
  const found: FileProblem[] = [];
  const table = openTable(files, file, [], found);
  // Problems of the file's form were told when it was first read.
  found.length = 0;
  const columns = [...(table?.columns ?? [])].filter((name) => name.endsWith('_id') || name === 'act');
  const odd = new Set(columns.flatMap((column) => disguised(table, column)));
  table?.each((row) => {
    for (const column of columns) {
      const id = row.text(column);
      if (odd.delete(id))
        row.warn(
          'TARIFF_ID_LETTERS',
          column,
          `${quote(id)} has no Latin letter, though it looks like ${quote(looksOf(id))}`,
          'Type it anew in the letters of the others, if it is one of theirs.',
        );
      look(file, row.text(column), (...words) => row.warn('TARIFF_ID_LETTERS', column, ...words));
    }
  });
  for (const problem of found) problems.push(problem);
}

/** Ids of a column whose letters could all be Latin and are not, where most of the others are written in Latin ones. */
function disguised(table: TableReader | undefined, column: string): string[] {
  const ids = new Set<string>();
  table?.each((row) => void ids.add(row.text(column)));
  const latin = [...ids].filter((id) => /\p{Script=Latin}/u.test(id));
  const odd = [...ids].filter((id) => looksOf(id) !== id && !/[^\p{Script=Latin}\P{L}]/u.test(looksOf(id)));
  const whole = odd.filter((id) => !mixesAlphabets(id));
  return whole.length < latin.length ? whole : [];
}

/** Calls back for each id in a value of YAML. */
function walk(value: unknown, path: YamlPath, found: (id: string, path: YamlPath) => void): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    if (!isId(at)) walk(child, at, found);
    else if (typeof child === 'string') found(child, at);
    else walk(child, at, found);
  }
}

function isId(path: YamlPath): boolean {
  const name = path.findLast((key) => typeof key === 'string');
  return typeof name === 'string' && (/_ids?$/.test(name) || ID_KEYS.includes(name));
}

/** The letters that are fewer: those of the alphabet that was not meant. */
function foreign(id: string): string {
  const latin = id.match(/\p{Script=Latin}/gu) ?? [];
  const others = id.match(/[\p{Script=Cyrillic}\p{Script=Greek}]/gu) ?? [];
  const [letters, alphabet] =
    others.length <= latin.length ? [others, 'no Latin letter'] : [latin, 'a Latin letter'];
  const letter = letters[0] ?? '';
  const code = (letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `${letter} (U+${code}) is ${alphabet}`;
}

function typed(id: string): string {
  const latin = looksOf(id);
  return mixesAlphabets(latin) ? 'Type it anew in one alphabet.' : `Type it anew: ${latin.slice(0, 60)}.`;
}
