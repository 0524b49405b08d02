/** What a package of our own must hold beyond the GTFS standard: acts, dates, references, one currency. */
import { checkBreakdown } from './check-breakdown.ts';
import { checkCaps } from './check-caps.ts';
import { checkFares } from './check-fares.ts';
import { checkInspection } from './check-inspection.ts';
import { checkReach } from './check-reach.ts';
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import { parseIsoDate } from './gtfs/cells.ts';
import { type FeedFiles, tableProblem } from './gtfs/row-reader.ts';
import { findZone } from './local-time.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml } from './tariff-package.ts';
import type { YamlFile, YamlPath } from './yaml-file.ts';

/** All problems of meaning; the form was checked when the files were read. */
export function checkPackage(files: FeedFiles, feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  return [
    ...checkTariff(yaml),
    ...checkCitations(files, feed, yaml),
    ...checkConcessions(feed, yaml),
    ...checkTapPolicy(feed, yaml),
    ...checkInspection(feed, yaml),
    ...checkBreakdown(feed, yaml),
    ...checkCaps(feed, yaml),
    ...checkFares(files, feed, yaml.tariff.value.currency),
    ...checkReach(files, feed),
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

function checkDates<T extends { valid_from: string; valid_to: string | null }>(
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

function checkConcessions(feed: FareFeed, { concessions, funding }: PackageYaml): FileProblem[] {
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

/** Networks that routes or rules name. */
export function networkIds(feed: FareFeed): Set<string> {
  return new Set([
    ...(feed.networkOfRoute?.values() ?? []),
    ...feed.legRules.map((r) => r.networkId).filter((id) => id !== ''),
  ]);
}

function checkTapPolicy(feed: FareFeed, { tapPolicy }: PackageYaml): FileProblem[] {
  const problems: FileProblem[] = [];
  const media = new Set(feed.media.map((m) => m.mediaId));
  const networks = networkIds(feed);
  const { medium_kinds, networks: rows } = tapPolicy.value;
  for (const [kind, mediaId] of Object.entries(medium_kinds)) {
    if (media.has(mediaId)) continue;
    problems.push(
      tapPolicy.problemAt(
        'TARIFF_REFERENCE_UNKNOWN',
        ['medium_kinds', kind],
        `medium ${mediaId} is not in fare_media.txt`,
        'Add it there.',
      ),
    );
  }
  rows.forEach((row, i) => {
    const path = ['networks', i, 'network_id'];
    if (row.network_id !== '' && !networks.has(row.network_id)) {
      problems.push(
        tapPolicy.problemAt(
          'TARIFF_REFERENCE_UNKNOWN',
          path,
          `network ${row.network_id} is not in the feed`,
          'Add it or correct it.',
        ),
      );
    }
    if (rows.findIndex((r) => r.network_id === row.network_id) !== i) {
      problems.push(
        tapPolicy.problemAt(
          'TARIFF_ID_TWICE',
          path,
          `a second row for network "${row.network_id}"`,
          'Remove one of the two.',
        ),
      );
    }
  });
  if (!rows.some((row) => row.network_id === '')) {
    problems.push(
      tapPolicy.problemAt(
        'TARIFF_REST_MISSING',
        ['networks'],
        'no row for all other networks',
        'Add a row with network_id: "" (it also holds for unknown routes).',
      ),
    );
  }
  return problems;
}
