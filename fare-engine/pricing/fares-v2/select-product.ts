/**
 * Which row of a fare product a rider pays: by rider category and medium, without falling back to another category
 * or medium. An empty category or medium in the feed excludes nobody.
 */
import { compareText } from '../file-problem.ts';
import { defaultCategories, type FareFeed, type LegRule, type ProductRow } from './fare-feed.ts';

/** Who pays, and with what. */
export interface Payer {
  /** Categories of which any may be used: the one asked for, or the feed's defaults. */
  readonly categoryIds: readonly string[];
  /** '' = the feed names no medium. */
  readonly mediaId: string;
}

/** The payer for a request: the category asked for, else the feed's defaults. */
export function payerOf(feed: FareFeed, mediaId: string, categoryId: string | undefined): Payer {
  return { mediaId, categoryIds: categoryId === undefined ? defaultCategories(feed) : [categoryId] };
}

/** What one payer may buy, remembered for as long as a pricer lives. */
export interface PriceList {
  /** The cheapest row of a product in each currency, ordered by currency; empty = not sold to them. */
  sold(productId: string): readonly ProductRow[];
  /** The ways to pay a leg whose rules these are. The same array gives the same answer. */
  options(rules: readonly LegRule[]): LegOptions;
}

/** One way to pay a leg. */
export interface LegOption {
  readonly rule: LegRule;
  readonly product: ProductRow;
}

/** Ways to pay a leg: the cheapest of each leg group, and of those for transfers only; nothing else of a rule decides on transfers. */
export interface LegOptions {
  /** In which a way is; empty = not sold. Nearly always one. */
  readonly currencies: readonly string[];
  readonly in: ReadonlyMap<string, readonly LegOption[]>;
}

/** Makes a payer's price list. */
export function createPriceList(feed: FareFeed, payer: Payer): PriceList {
  const rows = new Map<string, readonly ProductRow[]>();
  const known = new WeakMap<readonly LegRule[], LegOptions>();
  const sold = (productId: string): readonly ProductRow[] => {
    let found = rows.get(productId);
    if (found === undefined) {
      const currencies = new Set((feed.products.get(productId) ?? []).map((row) => row.currency));
      found = [...currencies]
        .sort(compareText)
        .flatMap((currency) => selectProduct(feed, productId, payer, currency) ?? []);
      rows.set(productId, found);
    }
    return found;
  };
  return {
    sold,
    options(rules) {
      let options = known.get(rules);
      if (options === undefined) {
        options = makeOptions(rules, sold);
        known.set(rules, options);
      }
      return options;
    },
  };
}

function makeOptions(rules: readonly LegRule[], sold: PriceList['sold']): LegOptions {
  const byCurrency = new Map<string, Map<string, LegOption>>();
  for (const rule of rules) {
    for (const product of sold(rule.productId)) {
      const byGroup = byCurrency.get(product.currency) ?? new Map<string, LegOption>();
      byCurrency.set(product.currency, byGroup);
      const key = `${rule.legGroupId}\u0000${rule.transferOnly === true}`;
      const cheapest = byGroup.get(key);
      if (!cheapest || product.amountMinor < cheapest.product.amountMinor)
        byGroup.set(key, { rule, product });
    }
  }
  const byName = (a: LegOption, b: LegOption) =>
    compareText(a.rule.legGroupId, b.rule.legGroupId) ||
    Number(a.rule.transferOnly ?? false) - Number(b.rule.transferOnly ?? false);
  const ways = [...byCurrency].map(
    ([currency, byGroup]) => [currency, [...byGroup.values()].sort(byName)] as const,
  );
  return { currencies: [...byCurrency.keys()], in: new Map(ways) };
}

/** The cheapest row that the payer may use, in one currency when it is given; `undefined` = not sold to them. */
export function selectProduct(
  feed: FareFeed,
  productId: string,
  payer: Payer,
  currency?: string,
): ProductRow | undefined {
  let best: ProductRow | undefined;
  for (const row of feed.products.get(productId) ?? []) {
    if (currency !== undefined && row.currency !== currency) continue;
    if (row.mediaId !== '' && row.mediaId !== payer.mediaId) continue;
    if (row.categoryId !== '' && !payer.categoryIds.includes(row.categoryId)) continue;
    if (!best || isBetter(row, best)) best = row;
  }
  return best;
}

/** Cheaper first; equal prices are told apart by ids, never by the order of rows. */
function isBetter(a: ProductRow, b: ProductRow): boolean {
  if (a.amountMinor !== b.amountMinor) return a.amountMinor < b.amountMinor;
  return (
    (compareText(b.categoryId, a.categoryId) ||
      compareText(b.mediaId, a.mediaId) ||
      compareText(a.currency, b.currency)) < 0
  );
}
