/** What several files of a package are checked for: acts that are listed, dates that exist, networks that are there. */
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import { parseIsoDate } from './gtfs/cells.ts';
import type { YamlFile, YamlPath } from './yaml-file.ts';

/** Dates that exist, in their order. */
export function checkDates<T extends { valid_from: string; valid_to: string | null }>(
  file: YamlFile<unknown>,
  path: YamlPath,
  row: T,
): FileProblem[] {
  const problems: FileProblem[] = [];
  const from = parseIsoDate(row.valid_from);
  const to = row.valid_to === null ? Number.POSITIVE_INFINITY : parseIsoDate(row.valid_to);
  for (const [key, day] of [
    ['valid_from', from],
    ['valid_to', to],
  ] as const) {
    if (day === undefined) {
      problems.push(
        file.problemAt(
          'TARIFF_DATE_INVALID',
          [...path, key],
          `${row[key]} is no date`,
          'Write a date that exists, YYYY-MM-DD.',
        ),
      );
    }
  }
  if (from !== undefined && to !== undefined && to <= from) {
    problems.push(
      file.problemAt(
        'TARIFF_DATES_REVERSED',
        [...path, 'valid_to'],
        'valid_to is not after valid_from',
        'valid_to is the first day on which it holds no more.',
      ),
    );
  }
  return problems;
}

/** A cited act that tariff.yaml does not list. */
export function unknownAct(file: YamlFile<unknown>, path: YamlPath, act: string): FileProblem {
  return file.problemAt(
    'TARIFF_ACT_UNKNOWN',
    path,
    `act ${act} is not in tariff.yaml`,
    'Add it to acts in tariff.yaml, or correct it.',
  );
}

/**
 * Rows by network: each network is there and has one row, and `rest` asks for one that holds for all others. Rows stand under
 * `key` of the file.
 */
export function checkNetworkRows(
  file: YamlFile<unknown>,
  key: string,
  rows: readonly { readonly network_id: string }[],
  feed: FareFeed,
  { rest }: { readonly rest: boolean },
): FileProblem[] {
  const networks = networkIds(feed);
  const problems = rows.flatMap(({ network_id: id }, i) => {
    const path = [key, i, 'network_id'];
    const found: FileProblem[] = [];
    if (id !== '' && !networks.has(id))
      found.push(
        file.problemAt(
          'TARIFF_REFERENCE_UNKNOWN',
          path,
          `network ${id} is not in the feed`,
          'Add it or correct it.',
        ),
      );
    if (rows.findIndex((other) => other.network_id === id) !== i)
      found.push(
        file.problemAt('TARIFF_ID_TWICE', path, `a second row for network "${id}"`, 'Remove one of the two.'),
      );
    return found;
  });
  if (rest && !rows.some((row) => row.network_id === ''))
    problems.push(
      file.problemAt(
        'TARIFF_REST_MISSING',
        [key],
        'no row for all other networks',
        'Add a row with network_id: "" (it also holds for unknown routes).',
      ),
    );
  return problems;
}

/** Networks that routes or rules name. */
export function networkIds(feed: FareFeed): Set<string> {
  return new Set([
    ...(feed.networkOfRoute?.values() ?? []),
    ...feed.legRules.map((r) => r.networkId).filter((id) => id !== ''),
  ]);
}
