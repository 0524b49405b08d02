/** Products that are sold to several default rider categories (GTFS rider_categories.txt: there must be only one). */
import type { FareFeed, ProductRow } from '../fares-v2/fare-feed.ts';
import type { FileProblem } from '../file-problem.ts';
import { quote } from './row-reader.ts';

/**
 * Adds a warning for each such product: without a category asked for, the cheapest of several rows is taken. A product
 * with no default among its categories has a plain meaning (nothing for who asks for no category), so it is let be.
 */
export function checkDefaultCategories(feed: FareFeed, problems: FileProblem[]): void {
  for (const [productId, rows] of feed.products) {
    const categories = new Set(rows.map((row) => row.categoryId));
    const defaults = [...categories].filter((id) => feed.categories.get(id)?.isDefault === true);
    if (defaults.length < 2) continue;
    const { line } = rows[0] as ProductRow;
    problems.push({
      code: 'TARIFF_DEFAULT_CATEGORY',
      file: 'fare_products.txt',
      line,
      column: 1,
      severity: 'warning',
      message: `product ${quote(productId)} is sold to ${defaults.length} default rider categories`,
      howToMend: 'Let one of them be the default in rider_categories.txt.',
    });
  }
}
