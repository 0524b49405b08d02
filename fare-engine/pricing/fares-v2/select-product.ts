/**
 * Which row of a fare product a rider pays: by rider category and medium, without falling back to another category
 * or medium. An empty category or medium in the feed excludes nobody.
 */
import { compareText } from '../file-problem.ts';
import { defaultCategories, type FareFeed, type ProductRow } from './fare-feed.ts';

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
