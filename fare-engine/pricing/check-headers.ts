/**
 * Columns of a city's own tables that nobody reads. The standard lets feeds have columns of their own, so a stranger's are passed
 * over; in a package `rider_category` for `rider_category_id` would sell a concession's price to everybody.
 */
import type { FileProblem } from './file-problem.ts';
import { isAlike } from './gtfs/check-columns.ts';
import { FARE_COLUMNS } from './gtfs/fare-columns.ts';
import { type FeedFiles, openTable, quote, tableProblem } from './gtfs/row-reader.ts';
import { nearestName } from './nearest-name.ts';

/** What our packages add to the standard's columns, and columns of proposals, which are told by themselves. */
const OWN: Readonly<Record<string, readonly string[]>> = {
  'fare_products.txt': ['act', 'article', 'duration_amount', 'duration_unit', 'duration_type'],
  'fare_leg_rules.txt': [
    'rule_id',
    'act',
    'article',
    'contains_exactly_area_set_id',
    'contains_area_id',
    'min_distance',
    'max_distance',
    'transfer_only',
  ],
  'fare_transfer_rules.txt': ['rule_id', 'act', 'article', 'filter_fare_product_id'],
};

/** One warning for each column that is neither the standard's nor ours, with the one that was probably meant. */
export function checkHeaders(files: FeedFiles): FileProblem[] {
  return Object.entries(FARE_COLUMNS).flatMap(([file, standard]) => {
    const known = [...standard, ...(OWN[file] ?? [])];
    const columns = [...(openTable(files, file, [], [])?.columns ?? [])];
    // A line of values in the header's place has its own problem.
    if (!columns.some((name) => known.includes(name))) return [];
    const absent = known.filter((name) => !columns.includes(name));
    return columns.flatMap((name) => {
      // Those that look like a standard one have been told (check-columns.ts).
      if (name === '' || known.includes(name) || absent.some((other) => isTold(standard, name, other)))
        return [];
      const meant = nearestName(name, absent);
      const howToMend =
        meant === undefined
          ? `Remove it, or write one of: ${known.join(', ')}.`
          : `Write ${meant}, if it is what is meant; else remove it.`;
      const message = `column ${quote(name)} is not read`;
      return [
        tableProblem(
          files,
          'TARIFF_VALUE_IGNORED',
          { file, line: 1, cell: name },
          message,
          howToMend,
          'warning',
        ),
      ];
    });
  });
}

function isTold(standard: readonly string[], name: string, absent: string): boolean {
  return standard.includes(absent) && isAlike(name, absent);
}
