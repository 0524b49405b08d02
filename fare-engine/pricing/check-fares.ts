/** What the fares of a package must be so that taps can be charged by them. */
import { defaultCategories, type FareFeed, type TransferRule } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import { type FeedFiles, tableProblem } from './gtfs/row-reader.ts';
import type { FileProblemCode } from './problem-codes.ts';
import { tapsOutIn } from './taps-out.ts';
import type { PackageYaml } from './tariff-package.ts';
import type { TapPolicyFile } from './tariff-schema.ts';

type Report = (
  code: FileProblemCode,
  where: { readonly file: string; readonly line: number; readonly cell: string },
  message: string,
  howToMend: string,
  severity?: FileProblem['severity'],
) => void;

/** One currency, one default category, and only transfer rules that the networks' taps can be priced by. */
export function checkFares(
  files: FeedFiles,
  feed: FareFeed,
  { tariff, tapPolicy }: Pick<PackageYaml, 'tariff' | 'tapPolicy'>,
): FileProblem[] {
  const { currency } = tariff.value;
  const problems: FileProblem[] = [];
  const report: Report = (...problem) => problems.push(tableProblem(files, ...problem));
  const file = 'fare_products.txt';
  for (const { currency: own, amountMinor, line } of [...feed.products.values()].flat()) {
    if (own !== currency) {
      const where = { file, line, cell: 'currency' };
      report('TARIFF_CURRENCY', where, `the price is in ${own}`, `Write it in ${currency}.`);
    }
    if (amountMinor < 0n) {
      report(
        'TARIFF_PRICE_NEGATIVE',
        { file, line, cell: 'amount' },
        'a negative price',
        'Taps are charged when they happen; write the remaining price.',
      );
    }
  }
  const defaults = defaultCategories(feed);
  if (defaults.length !== 1) {
    report(
      'TARIFF_DEFAULT_CATEGORY',
      { file: 'rider_categories.txt', line: 1, cell: 'is_default_fare_category' },
      `${defaults.length} default categories`,
      'Set is_default_fare_category to 1 for exactly one.',
    );
  }
  if (feed.joinRules.length > 0) {
    report(
      'TARIFF_JOIN_RULES',
      { file: 'fare_leg_join_rules.txt', line: 1, cell: 'from_network_id' },
      'taps are never joined into one leg',
      'Remove the file; use transfer rules.',
    );
  }
  for (const rule of feed.transferRules)
    checkTransfer(rule, report, (groupId) => leavingIsTapped(feed, tapPolicy.value, groupId));
  return problems;
}

/** Whether the arrival of every leg of a group is known; '' = of any group. */
function leavingIsTapped(feed: FareFeed, policy: TapPolicyFile, groupId: string): boolean {
  const legs = feed.legRules.filter(({ legGroupId }) => groupId === '' || legGroupId === groupId);
  return legs.every(({ networkId }) => tapsOutIn(feed, policy, networkId, 'all'));
}

function checkTransfer(rule: TransferRule, report: Report, knowsArrival: (groupId: string) => boolean): void {
  const at = (cell: string) => ({ file: 'fare_transfer_rules.txt', line: rule.line, cell });
  if (rule.fareTransferType === 2) {
    report(
      'TARIFF_TRANSFER_TYPE',
      at('fare_transfer_type'),
      'fare_transfer_type 2 replaces a fare that was charged already',
      'Use 0 or 1 with the price of the transfer.',
    );
  }
  if (rule.durationLimitS === null) return;
  const type = rule.durationLimitType;
  const fromArrival = (type === 2 || type === 3) && !knowsArrival(rule.fromLegGroupId);
  const toArrival = (type === 0 || type === 3) && !knowsArrival(rule.toLegGroupId);
  if (fromArrival || toArrival) {
    report(
      'TARIFF_TAP_OUT_NEEDED',
      at('duration_limit_type'),
      'the duration needs a tap on leaving',
      'Use duration_limit_type 1: from boarding to boarding; or set mode: in_out for all networks of the group.',
    );
  }
  if (rule.fromLegGroupId !== rule.toLegGroupId) {
    report(
      'TARIFF_DURATION_BY_LEG',
      at('to_leg_group_id'),
      'between different leg groups the time counts from the leg before, not from the first boarding',
      'Put the networks into one leg group to count from the first boarding.',
      'warning',
    );
  }
}
