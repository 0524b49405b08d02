/** What a package of our own must hold beyond the GTFS standard: acts, dates, references, one currency. */

import { checkBankTerms } from './bank-terms.ts';
import { checkDates, unknownAct } from './check-act.ts';
import { checkAmounts } from './check-amounts.ts';
import { checkBags } from './check-bags.ts';
import { checkBreakdown } from './check-breakdown.ts';
import { checkCalendars } from './check-calendars.ts';
import { checkCaps } from './check-caps.ts';
import { checkConcessions } from './check-concessions.ts';
import { checkFares } from './check-fares.ts';
import { checkFiles } from './check-files.ts';
import { checkHeaders } from './check-headers.ts';
import { checkIds } from './check-ids.ts';
import { checkInspection } from './check-inspection.ts';
import { checkProducts } from './check-products.ts';
import { checkReach } from './check-reach.ts';
import { checkSold } from './check-sold.ts';
import { checkTapPolicy } from './check-tap-policy.ts';
import { checkUnused } from './check-unused.ts';
import { checkCompensation } from './compensation.ts';
import { checkEmergency } from './emergency.ts';
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import { parseIsoDate } from './gtfs/cells.ts';
import { type FeedFiles, tableProblem } from './gtfs/row-reader.ts';
import { findZone } from './local-time.ts';
import type { FileProblemCode } from './problem-codes.ts';
import { checkSplit } from './revenue-split.ts';
import type { PackageYaml } from './tariff-package.ts';
import type { YamlFile } from './yaml-file.ts';

/**
 * All problems of meaning; the form was checked when the files were read. @param readable whether all rows could be read: else what
 * lacks might only not have been read
 */
export function checkPackage(
  files: FeedFiles,
  feed: FareFeed,
  yaml: PackageYaml,
  readable: boolean,
): FileProblem[] {
  return [
    ...(readable ? [checkUnused, checkAmounts, checkSold] : []).flatMap((check) => check(files, feed, yaml)),
    ...checkIds(files, yaml),
    ...checkFiles(files),
    ...checkHeaders(files),
    ...checkCalendars(files, feed, yaml.tariff.value),
    ...checkTariff(yaml),
    ...checkCitations(files, feed, yaml),
    ...checkConcessions(feed, yaml),
    ...checkTapPolicy(feed, yaml),
    ...checkBags(files, feed, yaml),
    ...checkProducts(feed, yaml),
    ...checkInspection(feed, yaml),
    ...checkBreakdown(feed, yaml),
    ...checkCaps(feed, yaml),
    ...checkEmergency(feed, yaml),
    ...checkSplit(yaml),
    ...checkCompensation(new Set(feed.media.map((m) => m.mediaId)), yaml),
    ...checkBankTerms(yaml),
    ...checkFares(files, feed, yaml),
    ...checkReach(files, feed, yaml.tapPolicy.value),
  ];
}

function checkTariff({ tariff }: PackageYaml): FileProblem[] {
  const { zone, acts, act } = tariff.value;
  const problems = checkDates(tariff, [], tariff.value);
  if (!findZone(zone)) {
    problems.push(
      tariff.problemAt(
        'TARIFF_ZONE_UNKNOWN',
        ['zone'],
        `unknown time zone ${zone}`,
        'Write a name such as Europe/Kyiv.',
      ),
    );
  }
  const ids = acts.map((a) => a.act_id);
  ids.forEach((id, i) => {
    if (ids.indexOf(id) !== i) {
      problems.push(
        tariff.problemAt(
          'TARIFF_ID_TWICE',
          ['acts', i, 'act_id'],
          `act ${id} occurs twice`,
          'Give each act its own id.',
        ),
      );
    }
  });
  acts.forEach((row, i) => {
    if (row.date !== undefined && parseIsoDate(row.date) === undefined) {
      problems.push(
        tariff.problemAt(
          'TARIFF_DATE_INVALID',
          ['acts', i, 'date'],
          `${row.date} is no date`,
          'Write a date that exists.',
        ),
      );
    }
  });
  if (!ids.includes(act)) problems.push(unknownAct(tariff, ['act'], act));
  return problems;
}

/** Every rule cites an act that tariff.yaml lists, and an article. */
function checkCitations(files: FeedFiles, feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  const acts = new Set(yaml.tariff.value.acts.map((a) => a.act_id));
  const problems: FileProblem[] = [];
  const rows = (file: YamlFile<unknown>, key: string, list: readonly { act: string }[]) =>
    list.forEach((row, i) => {
      if (!acts.has(row.act)) problems.push(unknownAct(file, [key, i, 'act'], row.act));
    });
  rows(yaml.concessions, 'concessions', yaml.concessions.value.concessions);
  rows(yaml.funding, 'funding', yaml.funding.value.funding);
  rows(yaml.tapPolicy, 'networks', yaml.tapPolicy.value.networks);
  if (yaml.productTerms) rows(yaml.productTerms, 'products', yaml.productTerms.value.products);
  const gtfs = (file: string, row: Cited, required: boolean) => {
    const at = (code: FileProblemCode, cell: 'act' | 'article', message: string, howToMend: string) =>
      problems.push(tableProblem(files, code, { file, line: row.line, cell }, message, howToMend));
    if (required && row.act === null) {
      at(
        'TARIFF_ACT_MISSING',
        'act',
        'the rule cites no act',
        'Fill the column act with an act_id of tariff.yaml.',
      );
    } else if (row.act !== null && !acts.has(row.act)) {
      at(
        'TARIFF_ACT_UNKNOWN',
        'act',
        `act ${row.act} is not in tariff.yaml`,
        'Add it to acts in tariff.yaml, or correct it.',
      );
    }
    if ((required || row.act !== null) && row.article === null)
      at('TARIFF_ARTICLE_MISSING', 'article', 'the rule cites no article', 'Fill the column article.');
  };
  for (const rule of feed.legRules) gtfs('fare_leg_rules.txt', rule, true);
  for (const rule of feed.transferRules) gtfs('fare_transfer_rules.txt', rule, true);
  for (const list of feed.products.values()) for (const row of list) gtfs('fare_products.txt', row, false);
  return problems;
}

interface Cited {
  readonly act: string | null;
  readonly article: string | null;
  readonly line: number;
}
