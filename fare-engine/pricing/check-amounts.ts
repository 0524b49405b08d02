/**
 * Amounts, parts and times that are read as they are written, and look as if they were meant in other units: kopiykas for hryvnias,
 * percent for basis points, minutes for seconds. Warnings: a tariff may be odd.
 */
import type { Cap } from './cap-schema.ts';
import type { FareFeed, ProductRow } from './fares-v2/fare-feed.ts';
import { asWarning, type FileProblem } from './file-problem.ts';
import { fullPrices, heldIds, paysInFull } from './full-prices.ts';
import { type FeedFiles, tableProblem } from './gtfs/row-reader.ts';
import type { PackageYaml } from './tariff-package.ts';
import type { YamlFile, YamlPath } from './yaml-file.ts';

/** Prices of one product by media: from here on one is taken for a slip. No city asks so much more for another card. */
const TIMES_MIN = 20n;
/** One percent, in basis points: less is taken for percent that were meant. */
const PERCENT_BP = 100;
/** Twice the whole: more is taken for one zero too many. */
const COEF_BP_MAX = 20_000;
const DAY_S = 86_400;

/** All warnings. Asked of packages alone whose files could be read. */
export function checkAmounts(files: FeedFiles, feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  return [
    ...[...feed.products.values()].flatMap((rows) =>
      pricesApart(
        files,
        rows.filter((row) => paysInFull(feed, row)),
      ),
    ),
    ...transferTimes(files, feed),
    ...rights(feed, yaml),
    ...(yaml.caps?.value.caps ?? []).flatMap((cap, i) => lowCap(feed, yaml, cap, i)),
    ...parts(yaml),
    ...lateTaps(yaml),
  ];
}

function odd<T>(file: YamlFile<T>, path: YamlPath, message: string, howToMend: string): FileProblem {
  return asWarning(file.problemAt('TARIFF_UNITS', path, message, howToMend));
}

/** One medium pays many times what another does, or nothing where another pays. What a right makes of them follows from the law: free with one alone is usual. */
function pricesApart(files: FeedFiles, rows: readonly ProductRow[]): FileProblem[] {
  const leastOf = new Map<string, ProductRow>();
  for (const row of rows) {
    const known = leastOf.get(row.categoryId);
    if (row.amountMinor > 0n && (known === undefined || row.amountMinor < known.amountMinor))
      leastOf.set(row.categoryId, row);
  }
  return rows.flatMap((row) => {
    const least = leastOf.get(row.categoryId);
    if (least === undefined) return [];
    const tell = (message: string) => {
      const place = { file: 'fare_products.txt', line: row.line, cell: 'amount' };
      const todo = 'Correct one of the two; amounts here are in whole units, 17.00 is seventeen.';
      return [tableProblem(files, 'TARIFF_UNITS', place, message, todo, 'warning')];
    };
    if (row.amountMinor === 0n) return tell(`the price is 0, line ${least.line} asks for the same product`);
    if (row.amountMinor < least.amountMinor * TIMES_MIN) return [];
    const times = row.amountMinor / least.amountMinor;
    return tell(`the price is ${times} times that of line ${least.line} for the same product`);
  });
}

/** Times in other units, and transfers that cost as much as no transfer. */
function transferTimes(files: FeedFiles, feed: FareFeed): FileProblem[] {
  const rules = feed.transferRules;
  // A rule of certain groups may stand there to take them out of one for all others.
  const general = rules.some((rule) => rule.fromLegGroupId === '' || rule.toLegGroupId === '');
  const idle = rules.flatMap(({ fareTransferType, productId, line }) => {
    if (fareTransferType !== 1 || productId !== '' || general) return [];
    const place = { file: 'fare_transfer_rules.txt', line, cell: 'fare_transfer_type' };
    const message = 'both rides cost what they cost without the rule';
    const todo = 'Write fare_transfer_type 0 if the second ride is free, or a fare_product_id.';
    return [tableProblem(files, 'TARIFF_VALUE_IGNORED', place, message, todo, 'warning')];
  });
  const times = rules.flatMap(({ durationLimitS: limit, line }) => {
    if (limit === null || (limit >= 120 && limit <= DAY_S)) return [];
    const place = { file: 'fare_transfer_rules.txt', line, cell: 'duration_limit' };
    const message = `the transfer holds for ${limit} seconds, ${limit > DAY_S ? 'more than a day' : 'less than two minutes'}`;
    const todo = 'Write it in seconds: half an hour is 1800.';
    return [tableProblem(files, 'TARIFF_UNITS', place, message, todo, 'warning')];
  });
  return [...idle, ...times];
}

/** What rights take off, beside what rides cost. */
function rights(feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  const file = yaml.concessions;
  const held = heldIds(yaml);
  return file.value.concessions.flatMap((row, i) => {
    const path = ['concessions', i];
    if (row.discount_bp !== undefined && row.discount_bp <= PERCENT_BP)
      return [basisPoints(file, [...path, 'discount_bp'], row.discount_bp)];
    const off = row.discount_minor;
    if (off === undefined) return [];
    const scope = row.network_id === undefined ? {} : { networks: [row.network_id] };
    const full = fullPrices(feed, held, scope);
    const [least, most] = [full[0], full.at(-1)];
    if (least === undefined || most === undefined) return [];
    const at = [...path, 'discount_minor'];
    const units = 'Write it in minor units: 4.00 is 400';
    if (BigInt(off) >= most)
      return [
        odd(
          file,
          at,
          `it takes off ${off}, no ride costs more: all are free`,
          `${units}; or discount_kind: free.`,
        ),
      ];
    if (BigInt(off) * 100n <= least)
      return [odd(file, at, `it takes off ${off} minor units of ${least}`, `${units}.`)];
    return [];
  });
}

/** A cap that the first ride reaches. */
function lowCap(feed: FareFeed, yaml: PackageYaml, cap: Cap, i: number): FileProblem[] {
  const { caps } = yaml;
  const scope = { networks: cap.network_ids, media: cap.fare_media_ids, categories: cap.rider_category_ids };
  const [least] = fullPrices(feed, heldIds(yaml), scope);
  if (!caps || cap.cap_minor === undefined || least === undefined || BigInt(cap.cap_minor) >= least)
    return [];
  const message = `the cap is ${cap.cap_minor}, and the cheapest ride of it costs ${least}`;
  return [odd(caps, ['caps', i, 'cap_minor'], message, 'Write it in minor units: 9.00 is 900.')];
}

/** Parts of a whole in compensation.yaml. */
function parts({ compensation: file }: PackageYaml): FileProblem[] {
  return (file?.value.compensation ?? []).flatMap((row, i) => {
    const found: FileProblem[] = [];
    if (!file) return found;
    const path = ['compensation', i];
    if (row.coef_bp <= PERCENT_BP) found.push(basisPoints(file, [...path, 'coef_bp'], row.coef_bp));
    if (row.coef_bp > COEF_BP_MAX)
      found.push(
        odd(
          file,
          [...path, 'coef_bp'],
          `the budget pays ${row.coef_bp / 100} % of the basis`,
          'Write basis points: all of it is 10000.',
        ),
      );
    if (row.monthly_limit_minor === 0)
      found.push(
        odd(
          file,
          [...path, 'monthly_limit_minor'],
          'the limit is 0: nothing is paid',
          'Correct it, or leave it out.',
        ),
      );
    if (row.vat_bp !== undefined && row.vat_bp <= PERCENT_BP)
      found.push(basisPoints(file, [...path, 'vat_bp'], row.vat_bp));
    return found;
  });
}

function basisPoints<T>(file: YamlFile<T>, path: YamlPath, value: number): FileProblem {
  const mend = `Write basis points: ${value} % is ${value * 100}.`;
  return odd(file, path, `${value} basis points are ${value / 100} %`, mend);
}

/** Vehicles are without a network for longer: their rides would be given away. */
function lateTaps({ tapPolicy: file }: PackageYaml): FileProblem[] {
  return file.value.networks.flatMap(({ late_tap_accept_s: seconds }, i) =>
    seconds >= 3600
      ? []
      : [
          odd(
            file,
            ['networks', i, 'late_tap_accept_s'],
            `a ride that arrives later than ${seconds} seconds after its day is not charged`,
            'Write it in seconds: three days are 259200.',
          ),
        ],
  );
}
