/** What `caps.yaml` must hold beyond its form: acts, windows that can be, scopes that exist, levels that nest. */
import type { Cap } from './cap-schema.ts';
import { networkIds, unknownAct } from './check-act.ts';
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml } from './tariff-package.ts';

/** Short windows first: the order in which caps are applied. */
export const WINDOW_ORDER: readonly Cap['window'][] = ['day', 'week', 'month', 'days'];

/** All problems of meaning; none where the package has no caps. */
export function checkCaps(feed: FareFeed, { caps, tariff }: PackageYaml): FileProblem[] {
  if (!caps) return [];
  const problems: FileProblem[] = [];
  const acts = new Set(tariff.value.acts.map((act) => act.act_id));
  const rows = caps.value.caps;
  rows.forEach((row, i) => {
    const at: At = (code, key, message, howToMend) =>
      problems.push(caps.problemAt(code, ['caps', i, key], message, howToMend));
    if (!acts.has(row.act)) problems.push(unknownAct(caps, ['caps', i, 'act'], row.act));
    if (rows.findIndex((other) => other.cap_id === row.cap_id) !== i)
      at('TARIFF_ID_TWICE', 'cap_id', `${row.cap_id} occurs twice`, 'Give each cap its own id.');
    checkForm(row, at);
    checkScope(row, feed, at);
    checkParent(row, rows, at);
  });
  return problems;
}

type At = (code: FileProblemCode, key: string, message: string, howToMend: string) => void;

function checkForm(row: Cap, at: At): void {
  const inDays = row.window === 'days';
  if (inDays !== (row.window_days !== undefined) || inDays !== (row.anchor !== undefined))
    at(
      'TARIFF_CAP_FORM',
      'window',
      'window_days and anchor belong to days, and days needs both',
      'Set both with days only.',
    );
  if (row.week_start !== undefined && row.window !== 'week')
    at('TARIFF_CAP_FORM', 'week_start', 'week_start belongs to week', 'Remove it, or set window: week.');
  if ((row.basis === 'amount') !== (row.cap_minor !== undefined))
    at(
      'TARIFF_CAP_FORM',
      'basis',
      'cap_minor belongs to amount, and amount needs it',
      'Set cap_minor with amount only.',
    );
  if ((row.basis === 'rides') !== (row.cap_rides !== undefined))
    at(
      'TARIFF_CAP_FORM',
      'basis',
      'cap_rides belongs to rides, and rides needs it',
      'Set cap_rides with rides only.',
    );
  if (row.extensions !== undefined && (row.strategy !== 'optimal' || row.basis !== 'amount'))
    at(
      'TARIFF_CAP_FORM',
      'extensions',
      'extensions belong to strategy optimal and basis amount',
      'Set both, or leave extensions out.',
    );
  if (row.strategy === 'optimal' && row.window !== 'day')
    at(
      'TARIFF_CAP_FORM',
      'strategy',
      'the best reckoning is one of a day: closed days of a longer window cannot become dearer',
      'Leave strategy out, or set window: day.',
    );
  if (row.strategy === 'optimal' && row.basis === 'amount' && row.extensions === undefined)
    at(
      'TARIFF_CAP_FORM',
      'strategy',
      'an amount without extensions is reckoned the same way in any order',
      'Leave strategy out, or name the extensions.',
    );
}

function checkScope(row: Cap, feed: FareFeed, at: At): void {
  const areas = new Set([...feed.areasOfStop.values()].flat());
  const known: [keyof Cap, (id: string) => boolean, string][] = [
    ['fare_media_ids', (id) => feed.media.some((m) => m.mediaId === id), 'fare_media.txt'],
    ['rider_category_ids', (id) => feed.categories.has(id), 'rider_categories.txt'],
    ['network_ids', (id) => networkIds(feed).has(id), 'networks.txt'],
    ['area_ids', (id) => areas.has(id), 'stop_areas.txt'],
    ['timeframe_group_id', (id) => feed.timeframes.has(id), 'timeframes.txt'],
  ];
  for (const [key, has, file] of known) {
    for (const id of [row[key] ?? []].flat() as string[])
      if (!has(id))
        at('TARIFF_REFERENCE_UNKNOWN', key, `${id} is not in ${file}`, 'Add it there or correct it.');
  }
  for (const extension of row.extensions ?? []) {
    for (const id of Object.values(extension)) {
      if (!feed.products.has(id))
        at(
          'TARIFF_REFERENCE_UNKNOWN',
          'extensions',
          `product ${id} is not in fare_products.txt`,
          'Add it there or correct it.',
        );
    }
  }
}

/** A parent has the longer window, and is not less than what it holds. */
function checkParent(row: Cap, rows: readonly Cap[], at: At): void {
  const id = row.parent_cap_id;
  if (id === undefined) return;
  const parent = rows.find((other) => other.cap_id === id);
  if (parent === undefined) {
    at(
      'TARIFF_REFERENCE_UNKNOWN',
      'parent_cap_id',
      `${id} is no cap of this file`,
      'Add it, or correct the id.',
    );
    return;
  }
  if (lengthOf(parent) <= lengthOf(row))
    at(
      'TARIFF_CAP_PARENT',
      'parent_cap_id',
      `the window of ${id} is not longer`,
      'A day lies in a week, a week in a month.',
    );
  if (parent.basis === row.basis && limitOf(parent) < limitOf(row))
    at(
      'TARIFF_CAP_PARENT',
      'parent_cap_id',
      `${id} is reached first: its limit is lower`,
      'Correct one of the two limits.',
    );
}

function lengthOf(row: Cap): number {
  return row.window === 'days' ? (row.window_days ?? 0) : { day: 1, week: 7, month: 30 }[row.window];
}

function limitOf(row: Cap): number {
  return row.cap_minor ?? row.cap_rides ?? 0;
}
