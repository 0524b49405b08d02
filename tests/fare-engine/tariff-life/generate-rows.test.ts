/** Rows for plain readers of GTFS follow from rows of law; written out they agree with it, edited they fail the check. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readTariffPackage, type TariffPackage } from '#pricing/tariff-package.ts';
import { generateCategoryRows } from '../../../fare-engine/tariff-life/generate-rows.ts';
import { readPackageFiles } from '../../../fare-engine/tariffs/load-tariff.ts';

const CITIES = join(import.meta.dirname, '../../../cities');

it.each([
  ['ternopil', '2024-08-01'],
  ['lviv-like', '2025-06-01'],
  ['chortkiv-like', '2025-01-01'],
])('%s: what is written out is what was priced, once', async (city, version) => {
  const dir = join(CITIES, city, 'tariff', version);
  const read = await readPackageFiles(dir);
  if (!('files' in read)) throw new Error(read.problem.message);
  const before = readTariffPackage(read.files);
  if (!before.ok) throw new Error('the package of the checkout');
  const file = readFileSync(join(dir, 'fare_products.txt'), 'utf8');
  const { text, added } = generateCategoryRows(file, before.package);
  expect(added).toBeGreaterThan(0);
  expect(text.startsWith(file)).toBe(true);
  const written = (products: string) =>
    readTariffPackage(new Map([...read.files, ['fare_products.txt', Buffer.from(products)]]));
  const after = written(text);
  if (!after.ok) throw new Error(JSON.stringify(after.problems[0]));
  expect(generateCategoryRows(text, after.package)).toEqual({ text, added: 0 });
  const prices = ({ pricer }: TariffPackage) =>
    [...pricer.feed.products.values()]
      .flat()
      .map((row) => [row.productId, row.categoryId, row.mediaId, row.amountMinor, row.currency].join(' '))
      .sort();
  expect(prices(after.package)).toEqual(prices(before.package));
  const rows = text.trimEnd().split('\n');
  const edited = [...rows.slice(0, -1), (rows.at(-1) as string).replace(/,\d+\.\d\d,/, ',999.00,')].join(
    '\n',
  );
  const wrong = written(edited);
  expect(wrong.ok).toBe(false);
  expect(wrong.problems.some(({ file, line }) => file === 'fare_products.txt' && line === rows.length)).toBe(
    true,
  );
});
