/**
 * Columns that look like a misspelt one. A feed may have columns of its own, and the standard's are told by their exact
 * letters: `Network_ID` or `netwrok_id` would be passed over without a word, and a rule meant for trams would hold for all.
 */
import type { FileProblem } from '../file-problem.ts';
import { FARE_COLUMNS } from './fare-columns.ts';
import { type FeedFiles, openTable, quote, tableProblem } from './row-reader.ts';

/** What fares are read from, and what else of the network prices depend on. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  ...FARE_COLUMNS,
  'routes.txt': ['network_id'],
  'stops.txt': ['parent_station', 'stop_timezone'],
};

/** Adds a warning for each column that is not read but was probably meant for one that is not there. */
export function checkColumns(files: FeedFiles, problems: FileProblem[]): void {
  for (const [file, standard] of Object.entries(COLUMNS)) {
    const columns = openTable(files, file, [], [])?.columns ?? new Set<string>();
    const absent = standard.filter((name) => !columns.has(name));
    for (const name of columns) {
      const meant = absent.find((known) => isAlike(name, known));
      if (meant === undefined) continue;
      const message = `column ${quote(name)} is not read`;
      const howToMend = `Write ${meant}, if it is what is meant.`;
      const place = { file, line: 1, cell: name };
      problems.push(tableProblem(files, 'TARIFF_VALUE_IGNORED', place, message, howToMend, 'warning'));
    }
  }
}

/** The same letters in whatever order, size and punctuation; one may lack, be too many, or be another. */
export function isAlike(a: string, b: string): boolean {
  const rest = lettersOf(b);
  let others = 0;
  for (const letter of lettersOf(a.slice(0, 60))) {
    const at = rest.indexOf(letter);
    if (at === -1) others++;
    else rest.splice(at, 1);
  }
  return others <= 1 && rest.length <= 1;
}

function lettersOf(name: string): string[] {
  return [...name.toLowerCase().replace(/[^\p{L}]/gu, '')];
}
