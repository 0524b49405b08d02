/** What rides cost whoever pays in full, as the files of a package have it: for checks that compare an amount with them. */
import type { FareFeed, ProductRow } from './fares-v2/fare-feed.ts';
import type { PackageYaml } from './tariff-package.ts';

/** Where rides are looked at; absent = everywhere. */
export interface PriceScope {
  readonly networks?: readonly string[] | undefined;
  readonly media?: readonly string[] | undefined;
  /** Absent = the category that pays in full. */
  readonly categories?: readonly string[] | undefined;
}

/** Products that are held, not paid ride by ride. */
export function heldIds({ productTerms }: Pick<PackageYaml, 'productTerms'>): Set<string> {
  const terms = productTerms?.value.products ?? [];
  return new Set(terms.filter(({ kind }) => kind !== 'single').map((term) => term.fare_product_id));
}

/** Prices of rides that cost something, lowest first. `held`: products that are no single rides. */
export function fullPrices(feed: FareFeed, held: ReadonlySet<string>, scope: PriceScope): bigint[] {
  const { networks, media, categories } = scope;
  const ids = feed.legRules
    .filter(({ networkId }) => networkId === '' || !networks || networks.includes(networkId))
    .map((rule) => rule.productId);
  return [...new Set(ids)]
    .filter((id) => !held.has(id))
    .flatMap((id) => feed.products.get(id) ?? [])
    .filter((row) => isOf(feed, row, categories))
    .filter((row) => row.mediaId === '' || !media || media.includes(row.mediaId))
    .map((row) => row.amountMinor)
    .filter((minor) => minor > 0n)
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Whether a price is that of who has no right. */
export function paysInFull(feed: FareFeed, { categoryId }: ProductRow): boolean {
  return categoryId === '' || feed.categories.get(categoryId)?.isDefault === true;
}

function isOf(feed: FareFeed, row: ProductRow, categories: PriceScope['categories']): boolean {
  if (categories === undefined) return paysInFull(feed, row);
  return row.categoryId === '' || categories.includes(row.categoryId);
}
