/** Baggage in `tap-policy.yaml`: its product, its price and its limits belong together, or the row has none of them. */
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import { type FeedFiles, tableProblem } from './gtfs/row-reader.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml } from './tariff-package.ts';
import type { NetworkTapPolicy } from './tariff-schema.ts';

/** All problems; none where no row has baggage. */
export function checkBags(files: FeedFiles, feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  const { tapPolicy } = yaml;
  const rows = tapPolicy.value.networks;
  const problems = rows.flatMap((row, i) => {
    const found = problemOf(row, feed, yaml);
    if (found === undefined) return [];
    const { key, code, message, howToMend } = found;
    return [tapPolicy.problemAt(code ?? 'TARIFF_BAG', ['networks', i, key], message, howToMend)];
  });
  const bags = new Set(rows.flatMap(({ bag_product_id: id }) => id ?? []));
  for (const id of bags) problems.push(...otherUses(files, feed, id));
  return problems;
}

interface Found {
  readonly key: keyof NetworkTapPolicy;
  readonly code?: FileProblemCode;
  readonly message: string;
  readonly howToMend: string;
}

function problemOf(row: NetworkTapPolicy, feed: FareFeed, yaml: PackageYaml): Found | undefined {
  const { bag_product_id: id, bag_max: max, extra_max: together } = row;
  if (id === undefined)
    return max === undefined
      ? undefined
      : {
          key: 'bag_max',
          message: 'bags without a price',
          howToMend: 'Set bag_product_id, or leave bag_max out.',
        };
  if (max === undefined)
    return { key: 'bag_product_id', message: 'baggage without a number', howToMend: 'Set bag_max.' };
  if (together !== undefined && together < Math.max(max, row.companion_max))
    return {
      key: 'extra_max',
      message: 'companions and bags together are fewer than either alone',
      howToMend: 'Raise it, or lower companion_max and bag_max.',
    };
  const products = feed.products.get(id);
  if (products === undefined)
    return {
      key: 'bag_product_id',
      code: 'TARIFF_REFERENCE_UNKNOWN',
      message: `product ${id} is not in fare_products.txt`,
      howToMend: 'Add it there or correct it.',
    };
  const term = yaml.productTerms?.value.products.find((one) => one.fare_product_id === id);
  if (term?.kind !== 'bag')
    return {
      key: 'bag_product_id',
      message: `product ${id} is no baggage`,
      howToMend: 'Give it kind: bag in product-terms.yaml.',
    };
  const media = Object.values(yaml.tapPolicy.value.medium_kinds);
  return products.some(({ mediaId }) => mediaId === '' || media.includes(mediaId))
    ? undefined
    : {
        key: 'bag_product_id',
        message: `product ${id} has no price for any medium that is tapped`,
        howToMend: 'Add a row with one of the media of medium_kinds to fare_products.txt.',
      };
}

/** A bag is no ride, and costs everybody the same. */
function otherUses(files: FeedFiles, feed: FareFeed, id: string): FileProblem[] {
  const at = (file: string, line: number, cell: string, message: string, howToMend: string) =>
    tableProblem(files, 'TARIFF_BAG', { file, line, cell }, message, howToMend);
  const rule = [...feed.legRules].find((one) => one.productId === id);
  const transfer = feed.transferRules.find((one) => one.productId === id);
  const own = feed.products
    .get(id)
    ?.find(({ categoryId }) => categoryId !== '' && !feed.categories.get(categoryId)?.isDefault);
  const take = 'Give rides a product of their own.';
  return [
    ...(rule
      ? [at('fare_leg_rules.txt', rule.line, 'fare_product_id', `baggage ${id} is the price of a ride`, take)]
      : []),
    ...(transfer
      ? [
          at(
            'fare_transfer_rules.txt',
            transfer.line,
            'fare_product_id',
            `baggage ${id} is the price of a transfer`,
            take,
          ),
        ]
      : []),
    ...(own
      ? [
          at(
            'fare_products.txt',
            own.line,
            'rider_category_id',
            'a bag costs everybody the same',
            'Keep only the row of the default category.',
          ),
        ]
      : []),
  ];
}
