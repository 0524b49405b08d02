/** What a package of our own must hold beyond the GTFS standard: acts, dates, references, one currency. */
import { checkBreakdown } from './check-breakdown.ts';
import { checkCaps } from './check-caps.ts';
import { checkInspection } from './check-inspection.ts';
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import { parseIsoDate } from './gtfs/cells.ts';
import { findZone } from './local-time.ts';
import type { PackageYaml } from './tariff-package.ts';
import type { YamlFile, YamlPath } from './yaml-file.ts';

/** All problems of meaning; the form was checked when the files were read. */
export function checkPackage(feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  return [
    ...checkTariff(yaml),
    ...checkCitations(feed, yaml),
    ...checkConcessions(feed, yaml),
    ...checkTapPolicy(feed, yaml),
    ...checkInspection(feed, yaml),
    ...checkBreakdown(feed, yaml),
    ...checkCaps(feed, yaml),
    ...checkFares(feed, yaml),
  ];
}

function checkTariff({ tariff }: PackageYaml): FileProblem[] {
  const { zone, acts, act } = tariff.value;
  const problems = checkDates(tariff, [], tariff.value);
  if (!findZone(zone)) {
    problems.push(
      tariff.problemAt(['zone'], `unknown time zone ${zone}`, 'Write a name such as Europe/Kyiv.'),
    );
  }
  const ids = acts.map((a) => a.act_id);
  ids.forEach((id, i) => {
    if (ids.indexOf(id) !== i) {
      problems.push(
        tariff.problemAt(['acts', i, 'act_id'], `act ${id} occurs twice`, 'Give each act its own id.'),
      );
    }
  });
  acts.forEach((row, i) => {
    if (row.date !== undefined && parseIsoDate(row.date) === undefined) {
      problems.push(
        tariff.problemAt(['acts', i, 'date'], `${row.date} is no date`, 'Write a date that exists.'),
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
        file.problemAt([...path, key], `${row[key]} is no date`, 'Write a date that exists, YYYY-MM-DD.'),
      );
    }
  }
  if (from !== undefined && to !== undefined && to <= from) {
    problems.push(
      file.problemAt(
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
    path,
    `act ${act} is not in tariff.yaml`,
    'Add it to acts in tariff.yaml, or correct it.',
  );
}

/** Every rule cites an act that tariff.yaml lists, and an article. */
function checkCitations(feed: FareFeed, yaml: PackageYaml): FileProblem[] {
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
    const at = (message: string, howToMend: string) =>
      problems.push({ file, line: row.line, column: 1, severity: 'error', message, howToMend });
    if (required && row.act === null)
      at('the rule cites no act', 'Fill the column act with an act_id of tariff.yaml.');
    else if (row.act !== null && !acts.has(row.act)) {
      at(`act ${row.act} is not in tariff.yaml`, 'Add it to acts in tariff.yaml, or correct it.');
    }
    if ((required || row.act !== null) && row.article === null) {
      at('the rule cites no article', 'Fill the column article.');
    }
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
    const at = (key: string, message: string, howToMend: string) =>
      problems.push(concessions.problemAt([...path, key], message, howToMend));
    problems.push(...checkDates(concessions, path, row));
    if (seen.has(row.concession_id))
      at('concession_id', `${row.concession_id} occurs twice`, 'Give each row its own id.');
    seen.add(row.concession_id);
    const category = feed.categories.get(row.rider_category_id);
    if (!category)
      at(
        'rider_category_id',
        `category ${row.rider_category_id} is not in rider_categories.txt`,
        'Add it there.',
      );
    else if (category.isDefault)
      at('rider_category_id', 'the default category pays in full', 'Give the concession its own category.');
    if (!payers.has(row.funding_id))
      at('funding_id', `${row.funding_id} is not in funding.yaml`, 'Add it there: someone owes the carrier.');
    if (row.network_id !== undefined && !networks.has(row.network_id)) {
      at(
        'network_id',
        `network ${row.network_id} is not in the feed`,
        'Add it to networks.txt or correct it.',
      );
    }
    if (row.media_required !== undefined && !media.has(row.media_required)) {
      at(
        'media_required',
        `medium ${row.media_required} is not in fare_media.txt`,
        'Add it there or correct it.',
      );
    }
    if ((row.discount_kind === 'percent') !== (row.discount_bp !== undefined)) {
      at(
        'discount_kind',
        'discount_bp belongs to percent, and percent needs it',
        'Set discount_bp with percent only.',
      );
    }
    if ((row.discount_kind === 'fixed') !== (row.discount_minor !== undefined)) {
      at(
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
        tapPolicy.problemAt(path, `network ${row.network_id} is not in the feed`, 'Add it or correct it.'),
      );
    }
    if (rows.findIndex((r) => r.network_id === row.network_id) !== i) {
      problems.push(
        tapPolicy.problemAt(path, `a second row for network "${row.network_id}"`, 'Remove one of the two.'),
      );
    }
  });
  if (!rows.some((row) => row.network_id === '')) {
    problems.push(
      tapPolicy.problemAt(
        ['networks'],
        'no row for all other networks',
        'Add a row with network_id: "" (it also holds for unknown routes).',
      ),
    );
  }
  return problems;
}

/** One currency, one default category, and only transfer rules that a boarding tap can be priced by. */
function checkFares(feed: FareFeed, { tariff }: PackageYaml): FileProblem[] {
  const problems: FileProblem[] = [];
  const at = (file: string, line: number, message: string, howToMend: string) =>
    problems.push({ file, line, column: 1, severity: 'error', message, howToMend });
  const { currency } = tariff.value;
  for (const row of [...feed.products.values()].flat()) {
    if (row.currency !== currency)
      at('fare_products.txt', row.line, `the price is in ${row.currency}`, `Write it in ${currency}.`);
    if (row.amountMinor < 0n)
      at(
        'fare_products.txt',
        row.line,
        'a negative price',
        'Taps are charged when they happen; write the remaining price.',
      );
  }
  const defaults = [...feed.categories.values()].filter((c) => c.isDefault);
  if (defaults.length !== 1) {
    at(
      'rider_categories.txt',
      1,
      `${defaults.length} default categories`,
      'Set is_default_fare_category to 1 for exactly one.',
    );
  }
  if (feed.joinRules.length > 0)
    at(
      'fare_leg_join_rules.txt',
      1,
      'legs cannot be joined where only boarding is tapped',
      'Remove the file; use transfer rules.',
    );
  for (const rule of feed.transferRules) {
    const file = 'fare_transfer_rules.txt';
    if (rule.fareTransferType === 2) {
      at(
        file,
        rule.line,
        'fare_transfer_type 2 replaces a fare that was charged already',
        'Use 0 or 1 with the price of the transfer.',
      );
    }
    if (rule.durationLimitS !== null && rule.durationLimitType !== 1) {
      at(
        file,
        rule.line,
        'the duration needs a tap on leaving',
        'Use duration_limit_type 1: from boarding to boarding.',
      );
    }
    if (rule.durationLimitS !== null && rule.fromLegGroupId !== rule.toLegGroupId) {
      problems.push({
        file,
        line: rule.line,
        column: 1,
        severity: 'warning',
        message:
          'between different leg groups the time counts from the leg before, not from the first boarding',
        howToMend: 'Put the networks into one leg group to count from the first boarding.',
      });
    }
  }
  return problems;
}
