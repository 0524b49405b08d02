/** What `product-terms.yaml` must hold beyond its form: products that are sold, and times and numbers that belong together. */
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml } from './tariff-package.ts';
import type { ProductTerm } from './tariff-schema.ts';

type At = (code: FileProblemCode, key: keyof ProductTerm, message: string, howToMend: string) => void;

/** All problems of meaning; none where the package has no terms. */
export function checkProducts(feed: FareFeed, { productTerms }: PackageYaml): FileProblem[] {
  if (!productTerms) return [];
  const problems: FileProblem[] = [];
  const rows = productTerms.value.products;
  rows.forEach((row, i) => {
    const at: At = (code, key, message, howToMend) =>
      problems.push(productTerms.problemAt(code, ['products', i, key], message, howToMend));
    const id = row.fare_product_id;
    if (!feed.products.has(id))
      at(
        'TARIFF_REFERENCE_UNKNOWN',
        'fare_product_id',
        `product ${id} is not in fare_products.txt`,
        'Add it there or correct it.',
      );
    if (rows.findIndex((other) => other.fare_product_id === id) !== i)
      at('TARIFF_ID_TWICE', 'fare_product_id', `a second row for product ${id}`, 'Remove one of the two.');
    if (row.kind === 'pass' || row.kind === 'carnet') checkHeld(row, feed, at);
    checkGiveBack(row, at);
    checkEarned(row, at);
  });
  return problems;
}

function checkHeld(row: ProductTerm, feed: FareFeed, at: At): void {
  const { validity_amount: amount, validity_unit: unit, validity_type: type } = row;
  if (amount === undefined || unit === undefined || type === undefined)
    at(
      'TARIFF_PRODUCT_TERMS',
      'kind',
      'a pass or carnet without a time',
      'Set validity_amount, validity_unit and validity_type.',
    );
  else if (type === 'calendar' && unit !== 'day' && unit !== 'month')
    at(
      'TARIFF_PRODUCT_TERMS',
      'validity_unit',
      'a calendar has days and months',
      'Use day or month, or validity_type: rolling.',
    );
  if (row.kind === 'carnet' && row.rides === undefined)
    at('TARIFF_PRODUCT_TERMS', 'kind', 'a carnet without a number of rides', 'Set rides.');
  if (row.rides !== undefined && (row.max_companions ?? 0) > 0)
    at(
      'TARIFF_PRODUCT_TERMS',
      'max_companions',
      'rides of a carnet are counted for the holder alone',
      'Leave max_companions out.',
    );
  if (row.activate_within_days !== undefined && row.activation !== 'first_use')
    at(
      'TARIFF_PRODUCT_TERMS',
      'activate_within_days',
      'it belongs to activation: first_use',
      'Leave it out.',
    );
  if (!feed.legRules.some((rule) => rule.productId === row.fare_product_id))
    at(
      'TARIFF_PRODUCT_TERMS',
      'fare_product_id',
      'it covers no ride',
      'Name it in fare_leg_rules.txt for the rides that it covers.',
    );
}

function checkGiveBack(row: ProductTerm, at: At): void {
  const { kind, rides, give_back: share, give_back_within_days: within, give_back_fee_minor: fee } = row;
  if (share === undefined) {
    const key = within !== undefined ? 'give_back_within_days' : 'give_back_fee_minor';
    if (within !== undefined || fee !== undefined)
      at('TARIFF_PRODUCT_TERMS', key, 'it belongs to give_back', 'Set give_back: whole, rides or days.');
    return;
  }
  if (kind !== 'pass' && kind !== 'carnet')
    at(
      'TARIFF_PRODUCT_TERMS',
      'give_back',
      'only a pass or carnet is given back',
      'Leave it out, or change kind.',
    );
  else if (share === 'rides' && rides === undefined)
    at('TARIFF_PRODUCT_TERMS', 'give_back', 'no number of rides to be left', 'Set rides, or take days.');
}

function checkEarned({ kind, rides, earned_by: by }: ProductTerm, at: At): void {
  if (by === undefined) return;
  if (kind !== 'pass' && kind !== 'carnet')
    at(
      'TARIFF_PRODUCT_TERMS',
      'earned_by',
      'only a pass or carnet is paid ahead',
      'Leave it out, or change kind.',
    );
  else if (by === 'rides' && rides === undefined)
    at('TARIFF_PRODUCT_TERMS', 'earned_by', 'no number of rides to earn by', 'Set rides, or take days.');
}
