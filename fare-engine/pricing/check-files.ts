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
    if (meant === undefined && !/\.ya?ml$/i.test(file)) return [];
    const howToMend =
      meant === undefined
        ? 'Correct its name, or move it out of the package.'
        : `Write ${meant}, if it is what is meant.`;
    const place = { file, line: 1, column: 1, severity: 'warning' as const };
    return [{ ...place, code: 'TARIFF_VALUE_IGNORED', message: 'the file is not read', howToMend }];
  });
}

function stem(name: string): string {
  return name.replace(/\.\w+$/, '');
}
