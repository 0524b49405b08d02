/**
 * A tariff package as rows by id, all in the newer package's ids, each field as plain data: everything that its YAML files hold,
 * and of its GTFS files what decides a price. What else stands there, compare-files.ts compares.
 */
import type { LegRule, Timeframe, TransferRule } from '#pricing/fares-v2/fare-feed.ts';
import { compareText } from '#pricing/file-problem.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import type { Subject } from './compare.ts';
import { type IdKind, placeOf, type Translate } from './id-changes.ts';

export type Row = Readonly<Record<string, unknown>>;
export type Rows = Map<string, Row>;

/** Fields that hold ids, also in lists. */
const ID_FIELDS: Readonly<Record<string, IdKind>> = {
  act: 'act',
  network_id: 'network',
  network_ids: 'network',
  media_required: 'medium',
  fare_media_id: 'medium',
  fare_media_ids: 'medium',
  reference_media_id: 'medium',
  rider_category_id: 'category',
  rider_category_ids: 'category',
  funding_id: 'funding',
  concession_id: 'concession',
  over_quota: 'concession',
  fare_product_id: 'product',
  bag_product_id: 'product',
  penalty_product_id: 'product',
  extension_product_id: 'product',
  parent_cap_id: 'cap',
  cap_id: 'cap',
};

/** Every row of a package; a part that a package may leave out has no rows then. */
export function packageRows(tariff: TariffPackage, translate: Translate): Partial<Record<Subject, Rows>> {
  const { feed } = tariff.pricer;
  const table = (list: readonly object[], key: string, kind?: IdKind): Rows =>
    new Map(
      list.map((row) => {
        const { [key]: id, ...rest } = row as Row;
        const own = String(id);
        return [kind ? translate(kind, own) : own, plainRow(rest, translate)];
      }),
    );
  const { acts, ...head } = tariff.tariff;
  return {
    tariff: new Map([['', plainRow(head, translate)]]),
    act: table(acts, 'act_id', 'act'),
    product: new Map([...feed.products.keys()].map((id) => [translate('product', id), {}])),
    medium: new Map(feed.media.map((m) => [translate('medium', m.mediaId), {}])),
    'medium-kind': new Map(
      Object.entries(tariff.mediaOfKind).map(([kind, id]) => [
        kind,
        plainRow({ fare_media_id: id }, translate),
      ]),
    ),
    category: new Map([...feed.categories.keys()].map((id) => [translate('category', id), {}])),
    'leg-rule': legRows(feed.legRules, translate),
    'transfer-rule': transferRows(feed.transferRules, translate),
    concession: table(
      tariff.concessions.map(
        ({ validFromMs: _from, validUntilMs: _until, zone: _zone, after: _after, ...row }) => row,
      ),
      'concession_id',
      'concession',
    ),
    cap: table(
      tariff.caps.map(({ calendar: _, ...row }) => row),
      'cap_id',
      'cap',
    ),
    emergency: table(
      tariff.emergency.map(({ validFromMs: _from, validUntilMs: _until, ids, ...row }) => ({
        ...row,
        ...(ids && { ids: ids.map((id) => translate('cap', translate('concession', id))) }),
      })),
      'rule_id',
    ),
    funding: table(tariff.funding, 'funding_id', 'funding'),
    compensation: table(tariff.compensation, 'compensation_id'),
    'revenue-split': new Map(
      tariff.revenueSplit.map(({ fare_product_id: product, cap_id: cap, ...rule }) => [
        product === undefined ? translate('cap', cap ?? '') : translate('product', product),
        plainRow(rule, translate),
      ]),
    ),
    'tap-policy': table(tariff.tapPolicies, 'network_id', 'network'),
    inspection: table(tariff.inspection, 'network_id', 'network'),
    breakdown: table(tariff.breakdownRules, 'network_id', 'network'),
    'product-terms': table(tariff.productTerms, 'fare_product_id', 'product'),
    ...bankRows(tariff, translate),
    route: new Map(
      [...(feed.networkOfRoute ?? [])].map(([id, n]) => [id, { network_id: translate('network', n) }]),
    ),
    area: new Map([...feed.areasOfStop].map(([stop, areas]) => [stop, { areas: [...areas].sort() }])),
    timeframe: new Map(
      [...feed.timeframes].map(([id, frames]) => [id, { times: frames.map(frameText).sort() }]),
    ),
  };
}

function bankRows({ bankTerms }: TariffPackage, translate: Translate): Partial<Record<Subject, Rows>> {
  const { codes = [], ...terms } = bankTerms ?? {};
  return {
    'bank-terms': new Map(bankTerms === null ? [] : [['', plainRow(terms, translate)]]),
    'bank-code': new Map(codes.map(({ code, ...row }) => [code, plainRow(row, translate)])),
  };
}

/** Ids in the newer words at any depth, keys in one order, lists of ids too: how a file is written plays no part. */
function plainRow(row: Row, translate: Translate): Row {
  const plain = (key: string, value: unknown): unknown => {
    const kind = ID_FIELDS[key];
    if (Array.isArray(value)) {
      const items = value.map((item) => plain(key, item));
      return items.every((item) => typeof item === 'string') ? items.sort(compareText) : items;
    }
    if (value !== null && typeof value === 'object') return plainRow(value as Row, translate);
    return kind && typeof value === 'string' ? translate(kind, value) : value;
  };
  const keys = Object.keys(row).sort(compareText);
  return Object.fromEntries(keys.map((key) => [key, plain(key, row[key])]));
}

/** By place; where several products stand at one place, each further one with its product. */
function legRows(rules: readonly LegRule[], translate: Translate): Rows {
  const rows: Rows = new Map();
  const priorities = new Set(rules.map((r) => r.priority));
  const inOrder = rules
    .map((rule) => ({ rule, product: translate('product', rule.productId) }))
    .sort((a, b) => compareText(a.product, b.product));
  for (const { rule, product } of inOrder) {
    const place = placeOf(rule, translate);
    let id = rows.has(place) ? `${place}|${product}` : place;
    for (let n = 2; rows.has(id); n++) id = `${place}|${product} (${n})`;
    rows.set(id, {
      fare_product_id: product,
      leg_group_id: translate('leg-group', rule.legGroupId),
      // Only the order of priorities means anything.
      rule_priority: [...priorities].filter((p) => p < rule.priority).length,
      act: translate('act', rule.act ?? ''),
      article: rule.article,
    });
  }
  return rows;
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

/** Days of a service stand in calendar files, which are compared by themselves. */
function frameText({ startS, endS, serviceId }: Timeframe): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const time = (s: number) =>
    `${two(Math.floor(s / 3600))}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
  return `${time(startS)}–${time(endS)} ${serviceId}`;
}
