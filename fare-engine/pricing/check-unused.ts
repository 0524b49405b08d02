/**
 * What a package names and nothing has a use for: products that price nothing, categories without a right, hours that no rule
 * has, rows beside its dates; and rows that say two things of one. Warnings: prices are what the files say, but whoever wrote the row meant something by it.
 */
import type { FareFeed } from './fares-v2/fare-feed.ts';
import { asWarning, type FileProblem } from './file-problem.ts';
import { type FeedFiles, openTable, quote, tableProblem } from './gtfs/row-reader.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml } from './tariff-package.ts';

/** All warnings. Asked of packages alone whose files could be read. */
export function checkUnused(files: FeedFiles, feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  return [
    ...unusedProducts(files, feed, yaml),
    ...unusedIds(files, feed, yaml),
    ...besideDates(yaml),
    ...nothingToSuspend(feed, yaml),
    ...routesMissing(files, feed),
    ...payersTwice(yaml),
    ...sharedQuotas(yaml),
  ];
}

const UNUSED: FileProblemCode = 'TARIFF_VALUE_IGNORED';

function unusedProducts(files: FeedFiles, feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  const used = new Set<string | undefined>([
    ...feed.legRules.map((rule) => rule.productId),
    ...feed.transferRules.map((rule) => rule.productId),
    ...yaml.tapPolicy.value.networks.flatMap((row) => [row.penalty_product_id, row.bag_product_id]),
    ...(yaml.productTerms?.value.products ?? []).map((row) => row.fare_product_id),
    ...(yaml.caps?.value.caps ?? []).flatMap(({ extensions = [] }) => extensions.flatMap(Object.values)),
  ]);
  return [...feed.products].flatMap(([id, [row]]) => {
    if (used.has(id) || row === undefined) return [];
    const place = { file: 'fare_products.txt', line: row.line, cell: 'fare_product_id' };
    const message = `product ${quote(id)} is the price of nothing`;
    const todo = 'Name it in fare_leg_rules.txt, or remove it.';
    return [tableProblem(files, UNUSED, place, message, todo, 'warning')];
  });
}

/** Categories without a right or a price of their own, and hours that no rule has. */
function unusedIds(files: FeedFiles, feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  const rights = yaml.concessions.value.concessions;
  const caps = yaml.caps?.value.caps ?? [];
  const categories = new Set([
    ...[...feed.categories.values()].filter((one) => one.isDefault).map((one) => one.categoryId),
    ...rights.map((row) => row.rider_category_id),
    ...[...feed.products.values()].flat().map((row) => row.categoryId),
    ...caps.flatMap((cap) => cap.rider_category_ids ?? []),
  ]);
  const hours = new Set<string | undefined>([
    ...feed.legRules.flatMap((rule) => [rule.fromTimeframeGroupId, rule.toTimeframeGroupId]),
    ...[...rights, ...caps].map((row) => row.timeframe_group_id),
  ]);
  const found: FileProblem[] = [];
  const each = (file: string, column: string, used: ReadonlySet<string | undefined>, words: Words) => {
    const told: FileProblem[] = [];
    const table = openTable(files, file, [], told);
    told.length = 0;
    table?.each((row) => {
      const id = row.text(column);
      if (id !== '' && !used.has(id)) row.warn(UNUSED, column, words.what(quote(id)), words.todo);
    });
    for (const problem of told) found.push(problem);
  };
  each('rider_categories.txt', 'rider_category_id', categories, {
    what: (id) => `no right and no price is one of category ${id}: it pays in full`,
    todo: 'Add its row to concessions.yaml, or remove it.',
  });
  each('timeframes.txt', 'timeframe_group_id', hours, {
    what: (id) => `no rule, right or cap has the hours ${id}`,
    todo: 'Name them where they are meant, or remove them.',
  });
  return found;
}

interface Words {
  readonly what: (id: string) => string;
  readonly todo: string;
}

/** Rights that hold on no day of the package. */
function besideDates({ tariff, concessions }: PackageYaml): FileProblem[] {
  const { valid_from: from, valid_to: to } = tariff.value;
  return concessions.value.concessions.flatMap((row, i) => {
    const before = row.valid_to !== null && row.valid_to <= from;
    const after = to !== null && row.valid_from >= to;
    if (!before && !after) return [];
    const message = `${row.concession_id} holds on no day of the package`;
    const key = before ? 'valid_to' : 'valid_from';
    const todo = 'Correct its dates, or remove it.';
    return [asWarning(concessions.problemAt(UNUSED, ['concessions', i, key], message, todo))];
  });
}

/** Emergency rules that suspend what the package does not have. */
function nothingToSuspend(feed: FareFeed, { emergency, caps, concessions }: PackageYaml): FileProblem[] {
  if (!emergency) return [];
  const many = {
    transfers: feed.transferRules.length,
    caps: caps?.value.caps.length ?? 0,
    concessions: concessions.value.concessions.length,
  };
  return emergency.value.emergency.flatMap(({ suspends }, i) => {
    if (many[suspends] > 0) return [];
    const message = `the package has no ${suspends} to suspend`;
    const todo = 'Correct what it suspends, or remove the rule.';
    return [asWarning(emergency.problemAt(UNUSED, ['emergency', i, 'suspends'], message, todo))];
  });
}

/** Rules of networks where no file says which routes are in which: no ride meets one of them. */
function routesMissing(files: FeedFiles, feed: FareFeed): FileProblem[] {
  const rule = feed.legRules.find(({ networkId }) => networkId !== '');
  if (feed.networkOfRoute !== null || rule === undefined) return [];
  const place = { file: 'fare_leg_rules.txt', line: rule.line, cell: 'network_id' };
  const message = `nothing says which routes are in network ${rule.networkId}: no ride has its price`;
  const todo = 'Add route_networks.txt with the routes of each network.';
  return [tableProblem(files, 'TARIFF_FILE_MISSING', place, message, todo, 'warning')];
}

/** Two payers of one id: claims would be the debt of whichever is found first. */
function payersTwice({ funding }: PackageYaml): FileProblem[] {
  const ids = funding.value.funding.map((row) => row.funding_id);
  return ids.flatMap((id, i) => {
    if (ids.indexOf(id) === i) return [];
    const path = ['funding', i, 'funding_id'];
    const message = `${id} occurs twice`;
    return [asWarning(funding.problemAt('TARIFF_ID_TWICE', path, message, 'Give each payer its own id.'))];
  });
}

/** Rows that share one count and end it at different numbers on the same days. A row that holds after the other may count on. */
function sharedQuotas({ concessions: file }: PackageYaml): FileProblem[] {
  const rows = file.value.concessions;
  return rows.flatMap((row, i) => {
    const { stack_group: group, quota_window: window, quota_rides: rides, quota_minor: minor } = row;
    if (group === undefined || window === undefined) return [];
    const other = rows
      .slice(0, i)
      .find(
        (one) =>
          one.stack_group === group &&
          one.quota_window === window &&
          meet(one, row) &&
          one.over_quota !== row.concession_id &&
          row.over_quota !== one.concession_id &&
          (one.quota_rides !== rides || one.quota_minor !== minor),
      );
    if (other === undefined) return [];
    const key = rides === undefined ? 'quota_minor' : 'quota_rides';
    const message = `${other.concession_id} counts with it in ${group}, up to another number`;
    const todo = 'Write the same number in all rows of a group, or part the groups.';
    return [asWarning(file.problemAt('TARIFF_QUOTA', ['concessions', i, key], message, todo))];
  });
}

interface Dated {
  readonly valid_from: string;
  readonly valid_to: string | null;
}

/** Whether two rows hold on one day. */
function meet(a: Dated, b: Dated): boolean {
  return (
    (b.valid_to === null || a.valid_from < b.valid_to) && (a.valid_to === null || b.valid_from < a.valid_to)
  );
}
