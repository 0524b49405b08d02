/**
 * Rows of fare_products.txt that follow from rows of law, as the file's text: what `law-products.ts` makes in memory, for those
 * who read plain GTFS. The rows that are there stay, byte for byte; a second run adds nothing. Pure.
 */
import { minorUnitDigits } from '#contracts/money.ts';
import type { ProductRow } from '#pricing/fares-v2/fare-feed.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';

export interface GeneratedRows {
  /** The whole file. */
  readonly text: string;
  readonly added: number;
}

const CELLS: Readonly<Record<string, (row: ProductRow) => string>> = {
  fare_product_id: (row) => row.productId,
  fare_product_name: (row) => row.name,
  rider_category_id: (row) => row.categoryId,
  fare_media_id: (row) => row.mediaId,
  amount: (row) => decimal(row.amountMinor, minorUnitDigits(row.currency)),
  currency: (row) => row.currency,
};

/**
 * Adds what follows to the file.
 * @throws Error when the file has no column for the category: nothing could be told apart then
 */
export function generateCategoryRows(file: string, { pricer }: TariffPackage): GeneratedRows {
  const end = file.includes('\r\n') ? '\r\n' : '\n';
  const header = (file.split(/\r?\n/, 1)[0] ?? '').replace(/^\ufeff/, '');
  const columns = header.split(',').map((name) => name.trim().replace(/^"(.*)"$/, '$1'));
  if (!columns.includes('rider_category_id'))
    throw new Error('fare_products.txt has no column rider_category_id');
  const made = [...pricer.feed.products.values()].flat().filter((row) => row.line === 0);
  const rows = made.map((row) => columns.map((name) => quoted(CELLS[name]?.(row) ?? '')).join(','));
  const whole = file === '' || file.endsWith('\n') ? file : `${file}${end}`;
  return { text: whole + rows.map((row) => row + end).join(''), added: rows.length };
}

function decimal(amountMinor: bigint, digits: number): string {
  const sign = amountMinor < 0n ? '-' : '';
  const text = (amountMinor < 0n ? -amountMinor : amountMinor).toString().padStart(digits + 1, '0');
  return digits === 0 ? sign + text : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
