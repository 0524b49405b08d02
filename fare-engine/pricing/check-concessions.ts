/** What `concessions.yaml` must hold beyond its form: categories, payers, media and networks that exist, discounts and quotas that are whole. */
import { checkDates, networkIds } from './check-act.ts';
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml } from './tariff-package.ts';
import type { Concession } from './tariff-schema.ts';

/** All problems of meaning of the rows of law. */
export function checkConcessions(feed: FareFeed, { concessions, funding }: PackageYaml): FileProblem[] {
  const problems: FileProblem[] = [];
  const payers = new Set(funding.value.funding.map((f) => f.funding_id));
  const networks = networkIds(feed);
  const media = new Set(feed.media.map((m) => m.mediaId));
  const seen = new Set<string>();
  concessions.value.concessions.forEach((row, i) => {
    const path = ['concessions', i] as const;
    const at = (code: FileProblemCode, key: string, message: string, howToMend: string) =>
      problems.push(concessions.problemAt(code, [...path, key], message, howToMend));
    problems.push(...checkDates(concessions, path, row));
    if (seen.has(row.concession_id))
      at(
        'TARIFF_ID_TWICE',
        'concession_id',
        `${row.concession_id} occurs twice`,
        'Give each row its own id.',
      );
    seen.add(row.concession_id);
    const category = feed.categories.get(row.rider_category_id);
    if (!category)
      at(
        'TARIFF_REFERENCE_UNKNOWN',
        'rider_category_id',
        `category ${row.rider_category_id} is not in rider_categories.txt`,
        'Add it there.',
      );
    else if (category.isDefault)
      at(
        'TARIFF_CONCESSION_DEFAULT',
        'rider_category_id',
        'the default category pays in full',
        'Give the concession its own category.',
      );
    if (!payers.has(row.funding_id))
      at(
        'TARIFF_REFERENCE_UNKNOWN',
        'funding_id',
        `${row.funding_id} is not in funding.yaml`,
        'Add it there: someone owes the carrier.',
      );
    if (row.network_id !== undefined && !networks.has(row.network_id)) {
      at(
        'TARIFF_REFERENCE_UNKNOWN',
        'network_id',
        `network ${row.network_id} is not in the feed`,
        'Add it to networks.txt or correct it.',
      );
    }
    if (row.media_required !== undefined && !media.has(row.media_required)) {
      at(
        'TARIFF_REFERENCE_UNKNOWN',
        'media_required',
        `medium ${row.media_required} is not in fare_media.txt`,
        'Add it there or correct it.',
      );
    }
    checkConditions(row, concessions.value.concessions, feed, at);
    if ((row.discount_kind === 'percent') !== (row.discount_bp !== undefined)) {
      at(
        'TARIFF_DISCOUNT',
        'discount_kind',
        'discount_bp belongs to percent, and percent needs it',
        'Set discount_bp with percent only.',
      );
    }
    if ((row.discount_kind === 'fixed') !== (row.discount_minor !== undefined)) {
      at(
        'TARIFF_DISCOUNT',
        'discount_kind',
        'discount_minor belongs to fixed, and fixed needs it',
        'Set discount_minor with fixed only.',
      );
    }
  });
  return problems;
}

type At = (code: FileProblemCode, key: string, message: string, howToMend: string) => void;

/** Hours and quotas. */
function checkConditions(row: Concession, rows: readonly Concession[], feed: FareFeed, at: At): void {
  const hours = row.timeframe_group_id;
  if (hours !== undefined && !feed.timeframes.has(hours))
    at(
      'TARIFF_REFERENCE_UNKNOWN',
      'timeframe_group_id',
      `${hours} is not in timeframes.txt`,
      'Add it there or correct it.',
    );
  const limited = row.quota_rides !== undefined || row.quota_minor !== undefined;
  if ((row.quota_window !== undefined) !== limited)
    at(
      'TARIFF_QUOTA',
      'quota_window',
      'a quota is a window with rides or an amount',
      'Set quota_window with quota_rides or quota_minor.',
    );
  const shared = rows.find(
    (other) => other.stack_group === row.stack_group && other.quota_window !== row.quota_window,
  );
  if (row.stack_group !== undefined && row.quota_window !== undefined && shared?.quota_window !== undefined)
    at(
      'TARIFF_QUOTA',
      'stack_group',
      `${shared.concession_id} counts by another window`,
      'Rows of one group share one quota.',
    );
  if (row.over_quota !== undefined) checkOver(row, row.over_quota, rows, at);
}

function checkOver(row: Concession, id: string, rows: readonly Concession[], at: At): void {
  const over = rows.find((other) => other.concession_id === id);
  if (row.quota_window === undefined)
    at(
      'TARIFF_QUOTA',
      'over_quota',
      'over_quota belongs to a row with a quota',
      'Set the quota, or leave it out.',
    );
  if (over === undefined)
    at('TARIFF_REFERENCE_UNKNOWN', 'over_quota', `${id} is no row of this file`, 'Add it or correct it.');
  else if (over.rider_category_id !== row.rider_category_id)
    at(
      'TARIFF_QUOTA',
      'over_quota',
      `${id} is of another category`,
      'A right goes on within its own category.',
    );
  else if (over === row || over.over_quota !== undefined)
    at(
      'TARIFF_QUOTA',
      'over_quota',
      `${id} has a row after it too`,
      'One row may follow on a quota, not a chain.',
    );
}
