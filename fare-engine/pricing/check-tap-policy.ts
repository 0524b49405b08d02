/** What `tap-policy.yaml` must hold beyond its form: media, networks, and words of journeys that belong together. */
import { checkNetworkRows } from './check-act.ts';
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml } from './tariff-package.ts';
import type { NetworkTapPolicy } from './tariff-schema.ts';
import type { YamlPath } from './yaml-file.ts';

type At = (code: FileProblemCode, path: YamlPath, message: string, howToMend: string) => void;

/** All problems of meaning. */
export function checkTapPolicy(feed: FareFeed, { tapPolicy }: PackageYaml): FileProblem[] {
  const problems: FileProblem[] = [];
  const at: At = (...problem) => problems.push(tapPolicy.problemAt(...problem));
  const media = new Set(feed.media.map((m) => m.mediaId));
  const { medium_kinds, networks: rows } = tapPolicy.value;
  for (const [kind, mediaId] of Object.entries(medium_kinds)) {
    if (media.has(mediaId)) continue;
    at(
      'TARIFF_REFERENCE_UNKNOWN',
      ['medium_kinds', kind],
      `medium ${mediaId} is not in fare_media.txt`,
      'Add it there.',
    );
  }
  rows.forEach((row, i) => {
    checkJourneys(row, feed, (code, [key, ...rest], ...words) =>
      at(code, ['networks', i, key as string, ...rest], ...words),
    );
  });
  return [...problems, ...checkNetworkRows(tapPolicy, 'networks', rows, feed, { rest: true })];
}

const OF_JOURNEYS = [
  'max_journey_s',
  'same_stop_cancel_s',
  'missing_tap',
  'penalty_product_id',
  'completion',
  'repair',
] as const;

function checkJourneys(row: NetworkTapPolicy, feed: FareFeed, at: At): void {
  const form = (key: keyof NetworkTapPolicy, message: string, howToMend: string) =>
    at('TARIFF_TAP_POLICY', [key], message, howToMend);
  if (row.mode === 'in') {
    for (const key of OF_JOURNEYS)
      if (row[key] !== undefined)
        form(key, `${key} where only boarding is tapped`, 'Set mode: in_out, or leave it out.');
    return;
  }
  const { max_journey_s: max, same_stop_cancel_s: cancel = 0, missing_tap: missing } = row;
  if (max === undefined)
    form(
      'mode',
      'in_out without a longest journey',
      'Set max_journey_s: later taps belong to other journeys.',
    );
  if (missing === undefined)
    form('mode', 'in_out without a word on missing taps', 'Set missing_tap to max, flat or completion.');
  if (max !== undefined && cancel > max)
    form(
      'same_stop_cancel_s',
      'a journey is cancelled later than it may last',
      'Set it to at most max_journey_s.',
    );
  checkMissing(row, feed, at);
}

function checkMissing(row: NetworkTapPolicy, feed: FareFeed, at: At): void {
  const { missing_tap: missing, penalty_product_id: penalty, completion = [] } = row;
  if (missing === 'flat' && penalty === undefined)
    at('TARIFF_TAP_POLICY', ['missing_tap'], 'a flat price without a product', 'Set penalty_product_id.');
  if (missing !== 'flat' && penalty !== undefined)
    at(
      'TARIFF_TAP_POLICY',
      ['penalty_product_id'],
      'a product for missing taps that is never used',
      'Set missing_tap: flat, or leave it out.',
    );
  if (missing === 'completion' && completion.length === 0)
    at(
      'TARIFF_TAP_POLICY',
      ['missing_tap'],
      'completion without a stop',
      'List the usual journeys in completion.',
    );
  if (missing !== 'completion' && completion.length > 0)
    at(
      'TARIFF_TAP_POLICY',
      ['completion'],
      'usual journeys that are never used',
      'Set missing_tap: completion, or leave it out.',
    );
  if (penalty !== undefined && !feed.products.has(penalty))
    at(
      'TARIFF_REFERENCE_UNKNOWN',
      ['penalty_product_id'],
      `product ${penalty} is not in fare_products.txt`,
      'Add it there or correct it.',
    );
  completion.forEach(({ from_stop_id, to_stop_id }, i) => {
    for (const [key, id] of Object.entries({ from_stop_id, to_stop_id }))
      if (!feed.stops?.has(id) && !feed.areasOfStop.has(id))
        at(
          'TARIFF_REFERENCE_UNKNOWN',
          ['completion', i, key],
          `stop ${id} is neither in stops.txt nor in stop_areas.txt`,
          'Add it or correct it.',
        );
    if (completion.findIndex((other) => other.from_stop_id === from_stop_id) !== i)
      at(
        'TARIFF_ID_TWICE',
        ['completion', i, 'from_stop_id'],
        `a second usual journey from ${from_stop_id}`,
        'Remove one of the two.',
      );
  });
}
