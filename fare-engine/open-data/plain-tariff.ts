/**
 * A tariff package as plain GTFS Fares v2, for planners of strangers: the standard's files with the standard's columns and
 * nothing else. Prices of concession categories, which follow from rows of law, stand in fare_products.txt as rows of their own.
 * What the standard cannot say is named, so that nobody takes its silence for a rule.
 */
import { minorUnitDigits } from '#contracts/money.ts';
import { parseCsvTable } from '#pricing/gtfs/csv-table.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { csvText } from './csv-text.ts';

/** Files and columns of the reference (gtfs.org/documentation/schedule/reference, 2026-04-27), in its order. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  'calendar.txt': [
    'service_id',
    'monday',
    'tuesday',
    'wednesday',
    'thursday',
    'friday',
    'saturday',
    'sunday',
    'start_date',
    'end_date',
  ],
  'calendar_dates.txt': ['service_id', 'date', 'exception_type'],
  'fare_media.txt': ['fare_media_id', 'fare_media_name', 'fare_media_type'],
  'fare_products.txt': [
    'fare_product_id',
    'fare_product_name',
    'rider_category_id',
    'fare_media_id',
    'amount',
    'currency',
  ],
  'rider_categories.txt': [
    'rider_category_id',
    'rider_category_name',
    'is_default_fare_category',
    'eligibility_url',
  ],
  'fare_leg_rules.txt': [
    'leg_group_id',
    'network_id',
    'from_area_id',
    'to_area_id',
    'from_timeframe_group_id',
    'to_timeframe_group_id',
    'fare_product_id',
    'rule_priority',
  ],
  'fare_leg_join_rules.txt': ['from_network_id', 'to_network_id', 'from_stop_id', 'to_stop_id'],
  'fare_transfer_rules.txt': [
    'from_leg_group_id',
    'to_leg_group_id',
    'transfer_count',
    'duration_limit',
    'duration_limit_type',
    'fare_transfer_type',
    'fare_product_id',
  ],
  'timeframes.txt': ['timeframe_group_id', 'start_time', 'end_time', 'service_id'],
  'areas.txt': ['area_id', 'area_name'],
  'stop_areas.txt': ['area_id', 'stop_id'],
  'networks.txt': ['network_id', 'network_name'],
  'route_networks.txt': ['network_id', 'route_id'],
  'translations.txt': [
    'table_name',
    'field_name',
    'language',
    'translation',
    'record_id',
    'record_sub_id',
    'field_value',
  ],
};

/** What a package says and Fares v2 cannot. */
export type NotExpressed =
  | 'caps'
  | 'quotas'
  | 'hours'
  | 'passes'
  | 'escorts'
  | 'baggage'
  | 'emergency'
  | 'breakdown'
  | 'acts';

export interface PlainTariff {
  readonly versionId: string;
  readonly packageHash: string;
  /** Local dates, half-open; `null` = open. */
  readonly validFrom: string;
  readonly validTo: string | null;
  readonly files: ReadonlyMap<string, string>;
  readonly notExpressed: readonly NotExpressed[];
}

/** Makes the plain feed of a package; `files` are the bytes that it was read from. */
export function plainTariff(files: ReadonlyMap<string, Uint8Array>, read: TariffPackage): PlainTariff {
  const plain = new Map<string, string>();
  for (const [name, columns] of Object.entries(COLUMNS)) {
    const bytes = files.get(name);
    if (name === 'fare_products.txt') plain.set(name, csvText([columns, ...productRows(read)]));
    else if (bytes !== undefined) plain.set(name, standardColumns(name, bytes, columns));
  }
  const { version_id: versionId, valid_from: validFrom, valid_to: validTo } = read.tariff;
  return {
    versionId,
    packageHash: read.hash,
    validFrom,
    validTo: validTo ?? null,
    files: plain,
    notExpressed: notExpressed(read),
  };
}

function standardColumns(name: string, bytes: Uint8Array, columns: readonly string[]): string {
  const { table } = parseCsvTable(name, bytes);
  const kept = columns.filter((column) => table.columns.has(column));
  const rows = table.rows.map(({ values }) =>
    kept.map((column) => values[table.columns.get(column) as number] ?? ''),
  );
  return csvText([kept, ...rows]);
}

/** All prices, those that follow from the law among them. */
function productRows({ pricer }: TariffPackage): string[][] {
  return [...pricer.feed.products.values()].flat().map((row) => {
    const places = minorUnitDigits(row.currency);
    return [
      row.productId,
      row.name,
      row.categoryId,
      row.mediaId,
      decimal(row.amountMinor, places),
      row.currency,
    ];
  });
}

/** Minor units as the decimal number that GTFS and TIDES write: 1250, 2 → `12.50`. */
export function decimal(amountMinor: bigint, places: number): string {
  const digits = (amountMinor < 0n ? -amountMinor : amountMinor).toString().padStart(places + 1, '0');
  const sign = amountMinor < 0n ? '-' : '';
  return places === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

function notExpressed(read: TariffPackage): NotExpressed[] {
  const said: [NotExpressed, boolean][] = [
    ['caps', read.caps.length > 0],
    ['quotas', read.concessions.some((row) => row.quota_window !== undefined || row.after.length > 0)],
    ['hours', read.concessions.some((row) => row.timeframe_group_id !== undefined)],
    ['passes', read.heldTerms.size > 0],
    ['escorts', read.concessions.some((row) => row.escort_allowed !== undefined)],
    ['baggage', read.tapPolicies.some((row) => row.bag_product_id !== undefined)],
    ['emergency', read.emergency.length > 0],
    ['breakdown', read.breakdownRuleOf('') !== undefined],
    ['acts', true],
  ];
  return said.flatMap(([what, holds]) => (holds ? [what] : []));
}
