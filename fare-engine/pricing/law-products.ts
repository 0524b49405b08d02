/**
 * Rows of fare_products.txt that follow from rows of law. Law is the source: rows that the package leaves out are made
 * here, rows that it has must agree, and a category's price without a row of law is an error.
 */
import { discountedMinor } from './discount.ts';
import type { FareFeed, ProductRow } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import { type FeedFiles, tableProblem } from './gtfs/row-reader.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { Concession, ConcessionsFile } from './tariff-schema.ts';
import type { YamlFile } from './yaml-file.ts';

/** Products with the concession categories' rows, and what does not agree. `bags`: products that no row of law makes cheaper. */
export function lawProducts(
  files: FeedFiles,
  feed: FareFeed,
  file: YamlFile<ConcessionsFile>,
  bags: ReadonlySet<string | undefined> = new Set(),
): { products: Map<string, ProductRow[]>; problems: FileProblem[] } {
  const problems: FileProblem[] = [];
  const problem = amountProblems(files);
  const products = new Map<string, ProductRow[]>();
  const networks = networksOfProducts(feed);
  for (const [productId, rows] of feed.products) {
    if (bags.has(productId)) {
      products.set(productId, [...rows]);
      continue;
    }
    const full = rows.filter((row) => feed.categories.get(row.categoryId)?.isDefault);
    const written = rows.filter(
      (row) => row.categoryId !== '' && !feed.categories.get(row.categoryId)?.isDefault,
    );
    const made: ProductRow[] = [];
    for (const categoryId of feed.categories.keys()) {
      const law = file.value.concessions.filter((c) => c.rider_category_id === categoryId);
      for (const row of full) {
        const own = written.find((w) => w.categoryId === categoryId && w.mediaId === row.mediaId);
        const prices = pricesByLaw(law, row, networks.get(productId) ?? [''], own);
        const [price] = prices;
        if (own) problems.push(...disagreements(problem, own, law, prices));
        else if (law.length > 0 && prices.length === 1 && price !== undefined) {
          made.push({ ...row, categoryId, amountMinor: price, line: 0 });
        }
      }
    }
    for (const row of written) {
      if (full.some((f) => f.mediaId === row.mediaId)) continue;
      problems.push(
        problem(
          'TARIFF_CATEGORY_PRICE',
          row,
          'a category has a price where the default category has none',
          'Add the full price.',
        ),
      );
    }
    products.set(productId, [...rows, ...made]);
  }
  problems.push(...missingCategoryPrices(feed, file));
  return { products, problems };
}

/** The different prices that the law gives in the networks where the product is sold; none = the law is silent. */
function pricesByLaw(
  law: readonly Concession[],
  full: ProductRow,
  networks: readonly string[],
  own: ProductRow | undefined,
): bigint[] {
  const prices = new Set<bigint>();
  let silent = true;
  for (const networkId of networks) {
    let best = full.amountMinor;
    for (const row of law) {
      // A table of prices knows no hours, and not what was ridden before.
      if (row.timeframe_group_id !== undefined || law.some((other) => other.over_quota === row.concession_id))
        continue;
      if (row.network_id !== undefined && row.network_id !== networkId) continue;
      if (row.media_required !== undefined && row.media_required !== full.mediaId) continue;
      silent = false;
      const price =
        row.discount_kind === 'product' ? own?.amountMinor : discountedMinor(row, full.amountMinor);
      if (price !== undefined && price < best) best = price;
    }
    prices.add(best);
  }
  return silent ? [] : [...prices];
}

function disagreements(
  problem: AmountProblem,
  own: ProductRow,
  law: readonly Concession[],
  prices: readonly bigint[],
): FileProblem[] {
  if (prices.length === 0) {
    const what = law.length === 0 ? 'has no row of law' : 'has no row of law for this medium';
    return [
      problem(
        'TARIFF_CATEGORY_PRICE',
        own,
        `the price of category ${own.categoryId} ${what}`,
        'Add it to concessions.yaml, or remove it.',
      ),
    ];
  }
  if (prices.length > 1) {
    return [
      problem(
        'TARIFF_CATEGORY_PRICE',
        own,
        `the law gives category ${own.categoryId} different prices by network`,
        'Give each network its own product.',
      ),
    ];
  }
  if (prices[0] === own.amountMinor) return [];
  return [
    problem(
      'TARIFF_CATEGORY_PRICE',
      own,
      `category ${own.categoryId} pays ${own.amountMinor} minor units here, by law ${prices[0]}`,
      'Correct the amount, or leave the row out: it is made from concessions.yaml.',
    ),
  ];
}

type AmountProblem = (
  code: FileProblemCode,
  row: ProductRow,
  message: string,
  howToMend: string,
) => FileProblem;

function amountProblems(files: FeedFiles): AmountProblem {
  return (code, { line }, message, howToMend) =>
    tableProblem(files, code, { file: 'fare_products.txt', line, cell: 'amount' }, message, howToMend);
}

/** Networks in which a product is the fare of a leg; '' stands for "any other". */
function networksOfProducts(feed: FareFeed): Map<string, string[]> {
  const networks = new Map<string, string[]>();
  for (const { productId, networkId } of feed.legRules) {
    const known = networks.get(productId) ?? [];
    if (!known.includes(networkId)) known.push(networkId);
    networks.set(productId, known);
  }
  return networks;
}

/** A concession of kind `product` needs its price somewhere. */
function missingCategoryPrices(feed: FareFeed, file: YamlFile<ConcessionsFile>): FileProblem[] {
  return file.value.concessions.flatMap((row, i) => {
    if (row.discount_kind !== 'product') return [];
    const sold = [...feed.products.values()].flat().some((p) => p.categoryId === row.rider_category_id);
    if (sold) return [];
    return [
      file.problemAt(
        'TARIFF_CONCESSION_PRICE',
        ['concessions', i, 'discount_kind'],
        `no row of fare_products.txt has the price of category ${row.rider_category_id}`,
        'Add it there, or use free, percent or fixed.',
      ),
    ];
  });
}
