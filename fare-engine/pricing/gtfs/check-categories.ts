/** Products of several rider categories of which not exactly one is the default (GTFS rider_categories.txt). */
import type { FareFeed, ProductRow } from '../fares-v2/fare-feed.ts';
import type { FileProblem } from '../file-problem.ts';
import { quote } from './row-reader.ts';

/** Adds a warning for each such product: without a category asked for, no row or the cheapest of several is taken. */
export function checkDefaultCategories(feed: FareFeed, problems: FileProblem[]): void {
  for (const [productId, rows] of feed.products) {
    const categories = new Set(rows.map((row) => row.categoryId));
    // A row for any category serves the default one too; one category alone needs no default.
    if (categories.has('') || categories.size < 2) continue;
    const defaults = [...categories].filter((id) => feed.categories.get(id)?.isDefault === true);
    if (defaults.length === 1) continue;
    const { line } = rows[0] as ProductRow;
    problems.push({
      file: 'fare_products.txt',
      line,
      column: 1,
      severity: 'warning',
      message: `product ${quote(productId)} is sold to ${categories.size} rider categories, ${defaults.length} of them default`,
      howToMend: 'Let exactly one of them be the default in rider_categories.txt.',
    });
  }
}
