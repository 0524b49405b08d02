/**
 * What differs between two tariff packages, by what a rider meets: what a ride costs with which medium for whom, rules,
 * policy, caps, concessions, dates. Pure; the words are made by diff-text.ts.
 */

import type { LegRule, TransferRule } from '#pricing/fares-v2/fare-feed.ts';
import { compareText } from '#pricing/file-problem.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { findIdChanges, ID_KINDS, type IdChanges, type IdKind, newerId, placeOf } from './id-changes.ts';

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
] as const;
export type Subject = (typeof SUBJECTS)[number];

export interface TariffChange {
  readonly subject: Subject;
  /** `renamed`: only the id is another one. */
  readonly change: 'added' | 'removed' | 'changed' | 'dearer' | 'cheaper' | 'renamed';
  /** Id of the row, by the newer package; routes and stops that change alike stand together, with commas. */
  readonly id: string;
  readonly field?: string;
  readonly before: unknown;
  readonly after: unknown;
  /** Of prices: with which medium, for which categories, in which place (network, areas, timeframes). */
  readonly mediaId?: string;
  readonly categoryIds?: readonly string[];
  readonly place?: string;
  /** The act and article by which the row stands; of one that is gone, stood. */
  readonly act?: string;
  readonly article?: string;
}

/** All changes in a fixed order. The order of rows in files plays no part. */
export function compareTariffs(older: TariffPackage, newer: TariffPackage): TariffChange[] {
  const ids = findIdChanges(older, newer);
  const sides = {
    older: sideOf(older, (kind, id) => newerId(ids, kind, id)),
    newer: sideOf(newer, (_, id) => id),
  };
  const rows = (Object.keys(sides.newer.rows) as Subject[]).flatMap((subject) =>
    compareRows(subject, sides.older.rows[subject] ?? new Map(), sides.newer.rows[subject] ?? new Map()),
  );
  return [
    ...rows.filter((c) => c.subject === 'tariff'),
    ...comparePrices(sides.older.prices, sides.newer.prices),
    ...together(rows.filter((c) => c.subject !== 'tariff' && !followsPackage(c, older, newer))),
    ...renamed(ids),
  ];
}

type Row = Readonly<Record<string, unknown>>;
type Rows = Map<string, Row>;

interface Side {
  readonly rows: Partial<Record<Subject, Rows>>;
  readonly prices: Map<string, Price>;
}

interface Price {
  readonly productId: string;
  readonly place: string;
  readonly mediaId: string;
  readonly categoryId: string;
  readonly amountMinor: bigint;
}

type Translate = (kind: IdKind, id: string) => string;

const ID_FIELDS: Readonly<Record<string, IdKind>> = {
  act: 'act',
  network_id: 'network',
  network_ids: 'network',
  media_required: 'medium',
  fare_media_id: 'medium',
  fare_media_ids: 'medium',
  rider_category_id: 'category',
  rider_category_ids: 'category',
  funding_id: 'funding',
  fare_product_id: 'product',
  penalty_product_id: 'product',
  extension_product_id: 'product',
  parent_cap_id: 'cap',
};

/** A package as rows by id, all in the newer package's ids, each field as plain data. */
function sideOf(tariff: TariffPackage, translate: Translate): Side {
  const { feed } = tariff.pricer;
  const table = (list: readonly object[], key: string, kind?: IdKind): Rows =>
    new Map(
      list.map((row) => {
        const plain = plainRow(row as Row, translate);
        const id = String((row as Row)[key]);
        return [kind ? translate(kind, id) : id, without(plain, key)];
      }),
    );
  const { version_id: _v, names: _n, acts: _a, sources: _s, superseded_note: _o, ...head } = tariff.tariff;
  const networks = ['', ...new Set(feed.networkOfRoute?.values() ?? [])];
  const breakdowns = networks.flatMap((id) => {
    const row = tariff.breakdownRuleOf(id);
    return row ? [{ ...row, network_id: id }] : [];
  });
  const legs = new Map(
    feed.legRules.map((r) => [placeOf(r, translate), legRow(r, feed.legRules, translate)]),
  );
  return {
    prices: pricesOf(tariff, translate),
    rows: {
      tariff: new Map([['', plainRow(head, translate)]]),
      product: new Map([...feed.products.keys()].map((id) => [translate('product', id), {}])),
      medium: new Map(feed.media.map((m) => [translate('medium', m.mediaId), {}])),
      category: new Map([...feed.categories.keys()].map((id) => [translate('category', id), {}])),
      'leg-rule': legs,
      'transfer-rule': transferRows(feed.transferRules, translate),
      concession: table(tariff.concessions.map(withoutInstants), 'concession_id', 'concession'),
      cap: table(
        tariff.caps.map(({ calendar: _, ...row }) => row),
        'cap_id',
        'cap',
      ),
      funding: table(tariff.funding, 'funding_id', 'funding'),
      'tap-policy': table(tariff.tapPolicies, 'network_id', 'network'),
      inspection: table(tariff.inspection, 'network_id', 'network'),
      breakdown: table(breakdowns, 'network_id', 'network'),
      'product-terms': table(tariff.productTerms, 'fare_product_id', 'product'),
      route: new Map(
        [...(feed.networkOfRoute ?? [])].map(([id, n]) => [id, { network_id: translate('network', n) }]),
      ),
      area: new Map([...feed.areasOfStop].map(([stop, areas]) => [stop, { areas: [...areas].sort() }])),
      timeframe: new Map(
        [...feed.timeframes].map(([id, frames]) => [
          id,
          { times: frames.map((f) => frameText(feed, f)).sort() },
        ]),
      ),
    },
  };
}

function withoutInstants<T extends { validFromMs: number; validUntilMs: number | null }>(row: T) {
  const { validFromMs: _from, validUntilMs: _until, ...rest } = row;
  return rest;
}

function without(row: Row, key: string): Row {
  const { [key]: _, names: _names, rule_id: _rule, ...rest } = row;
  return rest;
}

/** Ids in the newer words, at any depth. */
function plainRow(row: Row, translate: Translate): Row {
  const plain = (key: string, value: unknown): unknown => {
    const kind = ID_FIELDS[key];
    if (Array.isArray(value)) return value.map((item) => plain(key, item));
    if (value !== null && typeof value === 'object') return plainRow(value as Row, translate);
    return kind && typeof value === 'string' ? translate(kind, value) : value;
  };
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, plain(key, value)]));
}

function legRow(rule: LegRule, all: readonly LegRule[], translate: Translate): Row {
  return {
    fare_product_id: translate('product', rule.productId),
    leg_group_id: translate('leg-group', rule.legGroupId),
    // Only the order of priorities means anything.
    rule_priority: new Set(all.map((r) => r.priority).filter((p) => p < rule.priority)).size,
    act: translate('act', rule.act ?? ''),
    article: rule.article,
  };
}

function transferRows(rules: readonly TransferRule[], translate: Translate): Rows {
  const rows: Rows = new Map();
  for (const rule of [...rules].sort((a, b) => compareText(a.ruleId, b.ruleId))) {
    const pair = `${translate('leg-group', rule.fromLegGroupId)} → ${translate('leg-group', rule.toLegGroupId)}`;
    let id = pair;
    for (let n = 2; rows.has(id); n++) id = `${pair} (${n})`;
    rows.set(id, {
      transfer_count: Number.isFinite(rule.transferCount) ? rule.transferCount : null,
      duration_limit_s: rule.durationLimitS,
      duration_limit_type: rule.durationLimitType,
      fare_transfer_type: rule.fareTransferType,
      fare_product_id: translate('product', rule.productId),
      act: translate('act', rule.act ?? ''),
      article: rule.article,
    });
  }
  return rows;
}

type Feed = TariffPackage['pricer']['feed'];

function frameText(
  feed: Feed,
  { startS, endS, serviceId }: { startS: number; endS: number; serviceId: string },
) {
  const time = (s: number) =>
    `${String(Math.floor(s / 3600)).padStart(2, '0')}:${String(Math.floor((s % 3600) / 60)).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}`;
  const service = feed.services.get(serviceId);
  const days = (service?.weekdays ?? []).map((runs) => (runs ? '1' : '0')).join('');
  const dates = [...(service?.added ?? [])].sort().join('+');
  return `${time(startS)}–${time(endS)} ${serviceId} ${days}${dates === '' ? '' : ` +${dates}`}`;
}

/** What each kind of ride costs, and products that are no ride by themselves. */
function pricesOf(tariff: TariffPackage, translate: Translate): Map<string, Price> {
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
  const ridden = new Set(feed.legRules.map((rule) => rule.productId));
  for (const rule of feed.legRules) offer(rule.productId, placeOf(rule, translate));
  for (const productId of feed.products.keys()) if (!ridden.has(productId)) offer(productId, '');
  return prices;
}

function comparePrices(older: Map<string, Price>, newer: Map<string, Price>): TariffChange[] {
  const groups = new Map<string, TariffChange & { categoryIds: string[] }>();
  for (const key of [...new Set([...older.keys(), ...newer.keys()])].sort(compareText)) {
    const [before, after] = [older.get(key)?.amountMinor ?? null, newer.get(key)?.amountMinor ?? null];
    if (before === after) continue;
    const price = (newer.get(key) ?? older.get(key)) as Price;
    const change =
      before === null ? 'added' : after === null ? 'removed' : after > before ? 'dearer' : 'cheaper';
    const { productId: id, place, mediaId, categoryId } = price;
    const group = [id, place, mediaId, before, after].join('\u0000');
    const known = groups.get(group);
    if (known) known.categoryIds.push(categoryId);
    else
      groups.set(group, {
        subject: 'price',
        change,
        id,
        before,
        after,
        mediaId,
        place,
        categoryIds: [categoryId],
      });
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
      const [was, is] = [before[field] ?? null, after[field] ?? null];
      if (JSON.stringify(was) === JSON.stringify(is)) return [];
      return [{ subject, change: 'changed', id, field, before: was, after: is, ...law }];
    });
  });
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
