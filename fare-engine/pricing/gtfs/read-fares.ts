/** Reads the fare_* files and rider_categories.txt. */

import { minorUnitDigits } from '#contracts/money.ts';
import type { FareMedium, LegRule, ProductRow, RiderCategory, TransferRule } from '../fares-v2/fare-feed.ts';
import type { FileProblem } from '../file-problem.ts';
import { isCurrency, parseAmount, parseWhole } from './cells.ts';
import { type FeedFiles, openTable, quote, type RowReader, type TableReader } from './row-reader.ts';

/** fare_media.txt */
export function readMedia(files: FeedFiles, problems: FileProblem[]): FareMedium[] {
  const seen = new Set<string>();
  return (
    openTable(files, 'fare_media.txt', ['fare_media_id'], problems)?.map((row) => {
      const mediaId = row.required('fare_media_id');
      unique(row, 'fare_media_id', mediaId, seen);
      if (!/^[0-4]$/.test(row.text('fare_media_type')))
        row.warn(
          'TARIFF_VALUE_INVALID',
          'fare_media_type',
          'fare_media_type is none of 0 to 4',
          'Write 0, 1, 2, 3 or 4.',
        );
      return { mediaId, name: row.text('fare_media_name') };
    }) ?? []
  );
}

/** rider_categories.txt */
export function readCategories(files: FeedFiles, problems: FileProblem[]): RiderCategory[] {
  const seen = new Set<string>();
  return (
    openTable(files, 'rider_categories.txt', ['rider_category_id'], problems)?.map((row) => {
      const categoryId = row.required('rider_category_id');
      unique(row, 'rider_category_id', categoryId, seen);
      const isDefault = row.choice('is_default_fare_category', ['0', '1'], '0') === '1';
      return { categoryId, name: row.text('rider_category_name'), isDefault };
    }) ?? []
  );
}

/** fare_products.txt, grouped by product. Rows with the draft field `duration_amount` are passes: they price no ride. */
export function readProducts(files: FeedFiles, problems: FileProblem[]): Map<string, ProductRow[]> {
  const products = new Map<string, ProductRow[]>();
  const seen = new Set<string>();
  const columns = ['fare_product_id', 'amount', 'currency'];
  openTable(files, 'fare_products.txt', columns, problems)?.each((row) => {
    const product = readProduct(row);
    if (!product) return;
    sameKey(row, 'fare_product_id', keyText(product.productId, product.categoryId, product.mediaId), seen);
    if (row.text('duration_amount') !== '') return;
    const rows = products.get(product.productId);
    if (rows) rows.push(product);
    else products.set(product.productId, [product]);
  });
  return products;
}

function readProduct(row: RowReader): ProductRow | undefined {
  const productId = row.required('fare_product_id');
  const currency = row.required('currency');
  const text = row.required('amount');
  if (currency !== '' && !isCurrency(currency)) {
    row.fail(
      'TARIFF_VALUE_INVALID',
      'currency',
      `${quote(currency)} is no currency`,
      'Write an ISO 4217 code such as UAH.',
    );
    return undefined;
  }
  if (currency === '' || text === '') return undefined;
  const amount = parseAmount(text, currency);
  const places = minorUnitDigits(currency);
  if (!amount.ok) {
    const decimals = `${places} decimal place${places === 1 ? '' : 's'}`;
    if (amount.reason === 'too-many-decimals') {
      row.fail(
        'TARIFF_VALUE_INVALID',
        'amount',
        `${quote(text)} has more decimal places than ${currency}`,
        `Write it with ${decimals}.`,
      );
    } else
      row.fail(
        'TARIFF_VALUE_INVALID',
        'amount',
        `${quote(text)} is no amount`,
        `Write a decimal number with ${decimals}.`,
      );
    return undefined;
  }
  if (amount.digits !== places) {
    row.warn(
      'TARIFF_VALUE_INVALID',
      'amount',
      `${quote(text)} should have ${places} decimal places`,
      'Write them all; read as it stands.',
    );
  }
  return {
    productId,
    name: row.text('fare_product_name'),
    categoryId: row.text('rider_category_id'),
    mediaId: row.text('fare_media_id'),
    amountMinor: amount.amountMinor,
    currency,
    ...actOf(row),
    line: row.line,
  };
}

/** What is said of columns of proposals that narrow a rule; the standard does not have them. What a journey does not tell is not read. */
type Drafts = Readonly<Record<string, readonly [what: string, howToMend: string]>>;
const NOT_READ = [
  'is a proposal and is not read',
  'Prices may be lower than meant; use what the standard has.',
] as const;
const LEG_DRAFTS: Drafts = {
  contains_exactly_area_set_id: NOT_READ,
  contains_area_id: NOT_READ,
  min_distance: NOT_READ,
  max_distance: NOT_READ,
  // Boston's feed has it: without it every free transfer of such a feed is a free ride.
  transfer_only: [
    'is a proposal',
    'It is followed in the feeds of others: a rule with 1 prices no leg without a transfer. A package may not have it.',
  ],
};
const TRANSFER_DRAFTS: Drafts = { filter_fare_product_id: NOT_READ };

function warnOfDrafts(
  file: string,
  drafts: Drafts,
  table: TableReader | undefined,
  problems: FileProblem[],
): void {
  for (const [column, [what, howToMend]] of Object.entries(drafts))
    if (table?.columns.has(column))
      problems.push({
        code: 'TARIFF_VALUE_IGNORED',
        file,
        line: 1,
        column: 1,
        severity: 'warning',
        message: `column ${column} ${what}`,
        howToMend,
      });
}

/** fare_leg_rules.txt */
export function readLegRules(
  files: FeedFiles,
  problems: FileProblem[],
): { rules: LegRule[]; hasPriority: boolean } {
  const table = openTable(files, 'fare_leg_rules.txt', ['fare_product_id'], problems);
  warnOfDrafts('fare_leg_rules.txt', LEG_DRAFTS, table, problems);
  const seen = new Set<string>();
  const seenKeys = new Set<string>();
  const rules = table?.map((row): LegRule => {
    const fields = {
      networkId: row.text('network_id'),
      fromAreaId: row.text('from_area_id'),
      toAreaId: row.text('to_area_id'),
      fromTimeframeGroupId: row.text('from_timeframe_group_id'),
      toTimeframeGroupId: row.text('to_timeframe_group_id'),
      productId: row.required('fare_product_id'),
    };
    const key = keyText(...Object.values(fields));
    sameKey(row, 'fare_product_id', key, seenKeys);
    const ruleId = row.text('rule_id') || `leg/${row.text('leg_group_id')}|${key}`;
    if (row.text('rule_id') !== '') unique(row, 'rule_id', ruleId, seen);
    const priority = row.text('rule_priority') === '' ? 0 : natural(row, 'rule_priority');
    return {
      ruleId,
      legGroupId: row.text('leg_group_id'),
      ...fields,
      priority,
      ...(row.text('transfer_only') === '1' ? { transferOnly: true } : {}),
      ...actOf(row),
      line: row.line,
    };
  });
  return { rules: rules ?? [], hasPriority: table?.columns.has('rule_priority') ?? false };
}

/** fare_transfer_rules.txt. @param later see {@link readFeed} */
export function readTransferRules(
  files: FeedFiles,
  problems: FileProblem[],
  later: FileProblem[],
): TransferRule[] {
  const table = openTable(files, 'fare_transfer_rules.txt', ['fare_transfer_type'], problems);
  warnOfDrafts('fare_transfer_rules.txt', TRANSFER_DRAFTS, table, later);
  const seen = new Set<string>();
  const seenKeys = new Set<string>();
  return (
    table?.map((row) => {
      const fareTransferType = row.choice('fare_transfer_type', ['0', '1', '2']);
      const durationLimitType = row.choice('duration_limit_type', ['0', '1', '2', '3'], '0');
      const fromLegGroupId = row.text('from_leg_group_id');
      const toLegGroupId = row.text('to_leg_group_id');
      const productId = row.text('fare_product_id');
      const limit = row.text('duration_limit');
      const durationLimitS = limit === '' ? null : positive(row, 'duration_limit');
      checkDurationType(row, limit !== '');
      const transferCount = readTransferCount(row, fromLegGroupId === toLegGroupId);
      const key = keyText(fromLegGroupId, toLegGroupId, productId, row.text('transfer_count'), limit);
      sameKey(row, 'from_leg_group_id', key, seenKeys);
      const ruleId = row.text('rule_id') || `transfer/${key}|${fareTransferType}|${durationLimitType}`;
      if (row.text('rule_id') !== '') unique(row, 'rule_id', ruleId, seen);
      if (fareTransferType === undefined || durationLimitType === undefined) return undefined;
      return {
        ruleId,
        fromLegGroupId,
        toLegGroupId,
        transferCount,
        durationLimitS,
        durationLimitType: Number(durationLimitType) as TransferRule['durationLimitType'],
        fareTransferType: Number(fareTransferType) as TransferRule['fareTransferType'],
        productId,
        ...actOf(row),
        line: row.line,
      };
    }) ?? []
  );
}

function checkDurationType(row: RowReader, limited: boolean): void {
  const type = row.text('duration_limit_type');
  if (limited && type === '') {
    row.warn(
      'TARIFF_VALUE_MISSING',
      'duration_limit_type',
      'duration_limit without duration_limit_type',
      'Write 0, 1, 2 or 3; read as 0.',
    );
  } else if (!limited && type !== '') {
    row.warn(
      'TARIFF_VALUE_IGNORED',
      'duration_limit_type',
      'duration_limit_type without duration_limit',
      'Remove it; it is ignored.',
    );
  }
}

/**
 * A count is required where both groups are the same, also where both are empty (missing: no limit), and forbidden
 * elsewhere (there it counts nothing).
 */
function readTransferCount(row: RowReader, sameGroup: boolean): number {
  const text = row.text('transfer_count');
  if (text === '') {
    if (sameGroup) {
      row.warn(
        'TARIFF_VALUE_MISSING',
        'transfer_count',
        'transfer_count is missing within one leg group',
        'Write -1 for no limit, or a number; read as no limit.',
      );
    }
    return Number.POSITIVE_INFINITY;
  }
  const count = parseWhole(text);
  if (count === undefined || count === 0 || count < -1) {
    row.fail(
      'TARIFF_VALUE_INVALID',
      'transfer_count',
      `transfer_count is ${quote(text)}`,
      'Write -1 or a positive whole number.',
    );
    return 0;
  }
  if (!sameGroup)
    row.warn(
      'TARIFF_VALUE_IGNORED',
      'transfer_count',
      'transfer_count between different leg groups',
      'Leave it empty; it has no effect.',
    );
  return !sameGroup || count === -1 ? Number.POSITIVE_INFINITY : count;
}

function natural(row: RowReader, column: string): number {
  const value = row.parsed(column, parseWhole, 'a whole number from 0');
  if (value !== undefined && value < 0)
    row.fail('TARIFF_VALUE_INVALID', column, `${column} is negative`, 'Write a number from 0.');
  return value ?? 0;
}

function positive(row: RowReader, column: string): number {
  const value = row.parsed(column, parseWhole, 'a whole number of seconds from 1');
  if (value !== undefined && value < 1)
    row.fail('TARIFF_VALUE_INVALID', column, `${column} is ${value}`, 'Write a number of seconds from 1.');
  return value ?? 1;
}

function actOf(row: RowReader): { act: string | null; article: string | null } {
  return { act: row.text('act') || null, article: row.text('article') || null };
}

function keyText(...parts: string[]): string {
  return parts.join('|');
}

/** Rows that share a primary key: all are read, and the cheapest lawful price is taken. */
function sameKey(row: RowReader, column: string, key: string, seen: Set<string>): void {
  if (seen.has(key))
    row.warn(
      'TARIFF_ID_TWICE',
      column,
      `a second row with the same key ${quote(key)}`,
      'Remove one of the two.',
    );
  seen.add(key);
}

function unique(row: RowReader, column: string, key: string, seen: Set<string>): void {
  if (seen.has(key))
    row.fail(
      'TARIFF_ID_TWICE',
      column,
      `a second row with the same key ${quote(key)}`,
      'Remove one of the two.',
    );
  seen.add(key);
}
