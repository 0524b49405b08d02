/**
 * Files of a package that nobody reads. A misspelt `cap.yaml` would be signed, put in force, and limit nothing. Warnings: what
 * was activated before this was asked is read on.
 */
import type { FileProblem } from './file-problem.ts';
import { isAlike } from './gtfs/check-columns.ts';
import { FARE_COLUMNS } from './gtfs/fare-columns.ts';
import type { FeedFiles } from './gtfs/row-reader.ts';

/** The YAML files of a package. */
export const YAML_FILES: readonly string[] = [
  'bank-terms.yaml',
  'breakdown.yaml',
  'caps.yaml',
  'compensation.yaml',
  'concessions.yaml',
  'emergency.yaml',
  'funding.yaml',
  'inspection.yaml',
  'product-terms.yaml',
  'revenue-split.yaml',
  'tap-policy.yaml',
  'tariff.yaml',
];

/** One warning for each YAML file that is not read, and for each table that looks like one that is not there. */
export function checkFiles(files: FeedFiles): FileProblem[] {
  const known = [...YAML_FILES, ...Object.keys(FARE_COLUMNS)];
  const absent = known.filter((name) => !files.has(name));
  return [...files.keys()].flatMap((file): FileProblem[] => {
    if (known.includes(file)) return [];
    const meant = absent.find((name) => isAlike(stem(file), stem(name)));
    const copied = known.find(
      (name) => files.has(name) && !FOR_PEOPLE.test(file) && lettersOf(stem(file)) === lettersOf(stem(name)),
    );
    if (copied !== undefined)
      return [ignored(file, `Remove it: ${copied} is read. If it is the newer one, put it in its place.`)];
    if (OF_OLD.includes(file))
      return [ignored(file, 'Remove it: the fares of a package are those of fare_products.txt.')];
    if (meant === undefined && !/\.ya?ml$/i.test(file)) return [];
    const howToMend =
      meant === undefined
        ? 'Correct its name, or move it out of the package.'
        : `Write ${meant}, if it is what is meant.`;
    return [ignored(file, howToMend)];
  });
}

/** An act that was scanned may well be called `tariff.pdf`. */
const FOR_PEOPLE = /\.(?:pdf|md|html?|docx?|odt|rtf|png|jpe?g)$/i;

/** Tables of the older standard, GTFS Fares v1. */
const OF_OLD: readonly string[] = ['fare_attributes.txt', 'fare_rules.txt'];

function ignored(file: string, howToMend: string): FileProblem {
  const place = { file, line: 1, column: 1, severity: 'warning' as const };
  return { ...place, code: 'TARIFF_VALUE_IGNORED', message: 'the file is not read', howToMend };
}

/** A name without its endings: `caps.yaml.txt` is what some editors make of `caps.yaml`. */
function stem(name: string): string {
  return name.replace(/(?:\.\w+)+$/, '');
}

/** Copies are called `fare_products (1).txt`. */
function lettersOf(name: string): string {
  return name.toLowerCase().replace(/copy|копія|[^\p{L}]/gu, '');
}
