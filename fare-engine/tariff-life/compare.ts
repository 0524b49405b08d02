/**
 * What differs between two tariff packages, by what a rider meets: what a ride costs with which medium for whom, rules,
 * policy, caps, concessions, dates; then what else their files say. Pure; the words are made by diff-text.ts.
 */
import { compareText } from '#pricing/file-problem.ts';
import type { FeedFiles } from '#pricing/gtfs/row-reader.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { compareFiles } from './compare-files.ts';
import { findIdChanges, ID_KINDS, type IdChanges, newerId, placeOf, type Translate } from './id-changes.ts';
import { packageRows, type Rows } from './package-rows.ts';

/** What a change is about. */
export const SUBJECTS = [
  'tariff',
  ...ID_KINDS,
  'price',
  'leg-rule',
  'transfer-rule',
  'route',
  'area',
  'timeframe',
  'tap-policy',
  'inspection',
  'breakdown',
  'product-terms',
  'medium-kind',
  'emergency',
  'compensation',
  'revenue-split',
  'bank-terms',
  'bank-code',
  'file',
] as const;
export type Subject = (typeof SUBJECTS)[number];

export interface TariffChange {
  readonly subject: Subject;
  /** `renamed`: only the id is another one; `rewritten`: a file with other bytes that mean the same. */
  readonly change: 'added' | 'removed' | 'changed' | 'dearer' | 'cheaper' | 'renamed' | 'rewritten';
  /** Id of the row, by the newer package; routes and stops that change alike stand together, with commas. */
  readonly id: string;
  readonly field?: string;
  readonly before: unknown;
  readonly after: unknown;
  /** Of prices: with which medium, for which categories, in which place (network, areas, timeframes). */
  readonly mediaId?: string;
  readonly categoryIds?: readonly string[];
  readonly place?: string;
  /** Of files: which row, by its key. */
  readonly row?: string;
  /** The act and article by which the row stands; of one that is gone, stood. */
  readonly act?: string;
  readonly article?: string;
}

/** A package, and its files as they were read. */
export interface ComparedTariff {
  readonly tariff: TariffPackage;
  readonly files: FeedFiles;
}

/**
 * All changes in a fixed order; no difference of any file is silent. The order of rows in files plays no part, but that a file
 * has other bytes is said where nothing else is.
 */
export function compareWhole(older: ComparedTariff, newer: ComparedTariff): TariffChange[] {
  const ids = findIdChanges(older.tariff, newer.tariff);
  const met = compareTariffs(older.tariff, newer.tariff, ids);
  return [...met, ...compareFiles(older.files, newer.files, ids, met)];
}

/** What a rider meets, and by which law. */
export function compareTariffs(
  older: TariffPackage,
  newer: TariffPackage,
  ids: IdChanges = findIdChanges(older, newer),
): TariffChange[] {
  const translate: Translate = (kind, id) => newerId(ids, kind, id);
  const same: Translate = (_, id) => id;
  const [before, after] = [packageRows(older, translate), packageRows(newer, same)];
  const rows = (Object.keys(after) as Subject[]).flatMap((subject) =>
    compareRows(subject, before[subject] ?? new Map(), after[subject] ?? new Map()),
  );
  return [
    ...rows.filter((c) => c.subject === 'tariff'),
    ...comparePrices(older, newer, translate, same),
    ...together(rows.filter((c) => c.subject !== 'tariff' && !followsPackage(c, older, newer))),
    ...renamed(ids),
  ];
}

interface Price {
  readonly productId: string;
  readonly place: string;
  readonly mediaId: string;
  readonly categoryId: string;
  readonly amountMinor: bigint;
}

/** What each kind of ride costs, by place; what is held, and products that are no ride, by themselves. */
function pricesOf(tariff: TariffPackage, translate: Translate, byPlace: boolean): Map<string, Price> {
  const { feed } = tariff.pricer;
  const prices = new Map<string, Price>();
  const offer = (productId: string, place: string) => {
    for (const row of feed.products.get(productId) ?? []) {
      const price = {
        productId: translate('product', productId),
        place,
        mediaId: translate('medium', row.mediaId),
        categoryId: translate('category', row.categoryId),
        amountMinor: row.amountMinor,
      };
      const key = [place === '' ? price.productId : '', place, price.mediaId, price.categoryId].join(
        '\u0000',
      );
      const known = prices.get(key);
      if (!known || price.amountMinor < known.amountMinor) prices.set(key, price);
    }
  };
  const rides = byPlace ? feed.legRules.filter((rule) => !tariff.heldTerms.has(rule.productId)) : [];
  const ridden = new Set(rides.map((rule) => rule.productId));
  for (const rule of rides) offer(rule.productId, placeOf(rule, translate));
  for (const productId of feed.products.keys()) if (!ridden.has(productId)) offer(productId, '');
  return prices;
}

/** By place, and then what no place has told: the price of a product beside which another one is cheaper. */
function comparePrices(
  older: TariffPackage,
  newer: TariffPackage,
  translate: Translate,
  same: Translate,
): TariffChange[] {
  const differences = (byPlace: boolean) =>
    differing(pricesOf(older, translate, byPlace), pricesOf(newer, same, byPlace));
  const met = differences(true);
  const told = new Set(met.flatMap(({ prices }) => prices.map(productKey)));
  const rest = differences(false).filter(
    ({ prices }) => !prices.some((price) => told.has(productKey(price))),
  );
  return priceChanges([...met, ...rest]);
}

interface PriceDifference {
  /** Of one side, or of both. */
  readonly prices: readonly [Price, ...Price[]];
  readonly before: bigint | null;
  readonly after: bigint | null;
}

function productKey({ productId, mediaId, categoryId }: Price): string {
  return [productId, mediaId, categoryId].join('\u0000');
}

function differing(older: Map<string, Price>, newer: Map<string, Price>): PriceDifference[] {
  return [...new Set([...older.keys(), ...newer.keys()])].sort(compareText).flatMap((key) => {
    const [was, is] = [older.get(key), newer.get(key)];
    const [before, after] = [was?.amountMinor ?? null, is?.amountMinor ?? null];
    const prices = [is, was].filter((price) => price !== undefined) as [Price, ...Price[]];
    return before === after ? [] : [{ prices, before, after }];
  });
}

function priceChanges(differences: readonly PriceDifference[]): TariffChange[] {
  const groups = new Map<string, TariffChange & { categoryIds: string[] }>();
  for (const { prices, before, after } of differences) {
    const { productId: id, place, mediaId, categoryId } = prices[0];
    const change =
      before === null ? 'added' : after === null ? 'removed' : after > before ? 'dearer' : 'cheaper';
    const group = [id, place, mediaId, before, after].join('\u0000');
    const known = groups.get(group);
    const categoryIds = [...(known?.categoryIds ?? []), categoryId];
    groups.set(group, { subject: 'price', change, id, before, after, mediaId, place, categoryIds });
  }
  return [...groups.values()];
}

function compareRows(subject: Subject, older: Rows, newer: Rows): TariffChange[] {
  return [...new Set([...older.keys(), ...newer.keys()])].sort(compareText).flatMap((id): TariffChange[] => {
    const [before, after] = [older.get(id), newer.get(id)];
    const cited = after ?? before ?? {};
    const law = {
      ...(typeof cited['act'] === 'string' && { act: cited['act'] }),
      ...(typeof cited['article'] === 'string' && { article: cited['article'] }),
    };
    if (!before || !after) {
      return [
        {
          subject,
          change: after ? 'added' : 'removed',
          id,
          before: before ?? null,
          after: after ?? null,
          ...law,
        },
      ];
    }
    const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort(compareText);
    return fields.flatMap((field): TariffChange[] => {
      const [was, is] = apart(before[field] ?? null, after[field] ?? null);
      if (JSON.stringify(was) === JSON.stringify(is)) return [];
      return [{ subject, change: 'changed', id, field, before: was, after: is, ...law }];
    });
  });
}

/** Of two lists of parts only those that the other one lacks. */
function apart(was: unknown, is: unknown): [unknown, unknown] {
  if (!Array.isArray(was) || !Array.isArray(is) || typeof (was[0] ?? is[0]) !== 'object') return [was, is];
  const without = (list: readonly unknown[], other: readonly unknown[]) => {
    const texts = new Set(other.map((item) => JSON.stringify(item)));
    return list.filter((item) => !texts.has(JSON.stringify(item)));
  };
  return [without(was, is), without(is, was)];
}

/** A row that holds as long as its package, or by its act, before as now: the package's own dates and act are told once. */
function followsPackage({ field, before, after }: TariffChange, older: TariffPackage, newer: TariffPackage) {
  if (field !== 'valid_from' && field !== 'valid_to' && field !== 'act') return false;
  return before === older.tariff[field] && after === newer.tariff[field];
}

/** Routes and stops that change alike are one line. */
function together(changes: readonly TariffChange[]): TariffChange[] {
  const groups = new Map<string, TariffChange>();
  for (const change of changes) {
    const many = change.subject === 'route' || change.subject === 'area';
    const key = JSON.stringify(many ? { ...change, id: '' } : change);
    const known = groups.get(key);
    groups.set(key, known && many ? { ...known, id: `${known.id}, ${change.id}` } : change);
  }
  return [...groups.values()];
}

function renamed(ids: IdChanges): TariffChange[] {
  return ID_KINDS.flatMap((subject) =>
    [...ids[subject]].map(
      ([before, after]): TariffChange => ({ subject, change: 'renamed', id: after, before, after }),
    ),
  );
}
