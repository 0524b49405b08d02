/**
 * A tariff package as plain GTFS Fares v2, for planners of strangers: the standard's files with the standard's columns and
 * nothing else. Prices of concession categories, which follow from rows of law, stand in fare_products.txt as rows of their own.
 * What the standard cannot say is named, so that nobody takes its silence for a rule.
 */
import { minorUnitDigits } from '#contracts/money.ts';
import { parseCsvTable } from '#pricing/gtfs/csv-table.ts';
import { FARE_COLUMNS } from '#pricing/gtfs/fare-columns.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { csvText } from './csv-text.ts';

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
  for (const [name, columns] of Object.entries(FARE_COLUMNS)) {
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
