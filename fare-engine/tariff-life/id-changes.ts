/**
 * Ids that only have another name in the newer package: what an id stands for is compared, not how it is written. A draft
 * that calls a product otherwise and changes no price must not look like a product gone and another one come.
 */
import type { FareFeed, LegRule } from '#pricing/fares-v2/fare-feed.ts';
import { packageNames } from '#pricing/name-book.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';

/** Kinds of ids, in the order in which they are told apart: later ones lean on earlier ones. */
export const ID_KINDS = [
  'act',
  'medium',
  'category',
  'network',
  'product',
  'leg-group',
  'funding',
  'concession',
  'cap',
] as const;
export type IdKind = (typeof ID_KINDS)[number];

/** The newer id for an older one; the same where it stands, or where nothing is known. */
export type IdChanges = Readonly<Record<IdKind, ReadonlyMap<string, string>>>;

/** The newer id of an older one. */
export function newerId(changes: IdChanges, kind: IdKind, id: string): string {
  return changes[kind].get(id) ?? id;
}

/** What the ids of a kind stand for, more than one way of telling; '' says nothing. */
type Signs = ReadonlyMap<string, readonly string[]>;

/** Finds the ids of `older` that go on under another name in `newer`. */
export function findIdChanges(older: TariffPackage, newer: TariffPackage): IdChanges {
  const changes = Object.fromEntries(ID_KINDS.map((kind) => [kind, new Map<string, string>()])) as Record<
    IdKind,
    Map<string, string>
  >;
  for (const kind of ID_KINDS) {
    const translate = (of: IdKind, id: string) => newerId(changes, of, id);
    changes[kind] = match(
      signsOf(older, kind, translate),
      signsOf(newer, kind, (_, id) => id),
    );
  }
  return changes;
}

function match(older: Signs, newer: Signs): Map<string, string> {
  const found = new Map<string, string>();
  const ways = Math.max(0, ...[...older.values()].map((signs) => signs.length));
  for (let way = 0; way < ways; way++) {
    const gone = [...older.keys()].filter((id) => !newer.has(id) && !found.has(id));
    const fresh = [...newer.keys()].filter((id) => !older.has(id) && ![...found.values()].includes(id));
    for (const id of gone) {
      const sign = older.get(id)?.[way] ?? '';
      if (sign === '') continue;
      const same = (ids: readonly string[], signs: Signs) =>
        ids.filter((other) => signs.get(other)?.[way] === sign);
      const [other, second] = same(fresh, newer);
      // Only where both sides leave no doubt.
      if (other !== undefined && second === undefined && same(gone, older).length === 1) found.set(id, other);
    }
  }
  return found;
}

/** An id in the newer package's words. */
export type Translate = (kind: IdKind, id: string) => string;

function signsOf(tariff: TariffPackage, kind: IdKind, translate: Translate): Signs {
  const { feed } = tariff.pricer;
  const names = packageNames(tariff);
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value ?? ''));
  switch (kind) {
    case 'act':
      return signs(tariff.tariff.acts, (a) => [a.act_id, [text(a.names)]]);
    case 'medium':
      return signs(feed.media, (m) => [m.mediaId, [m.name, kindsOf(tariff, m.mediaId)]]);
    case 'category':
      return signs([...feed.categories.values()], (c) => [
        c.categoryId,
        [c.name, c.isDefault ? 'default' : ''],
      ]);
    case 'network':
      return signs([...new Set(feed.networkOfRoute?.values() ?? [])], (id) => [id, [routesOf(feed, id)]]);
    case 'product':
      return signs([...feed.products.keys()], (id) => [
        id,
        [
          text(names.products[id]),
          usesOf(
            feed.legRules.filter((r) => r.productId === id),
            translate,
          ),
        ],
      ]);
    case 'leg-group':
      return signs([...new Set(feed.legRules.map((r) => r.legGroupId))], (id) => [
        id,
        [
          usesOf(
            feed.legRules.filter((r) => r.legGroupId === id),
            translate,
          ),
        ],
      ]);
    case 'funding':
      return signs(tariff.funding, (f) => [f.funding_id, [text(f.names)]]);
    case 'concession':
      return signs(tariff.concessions, (c) => [
        c.concession_id,
        [
          text([
            c.names,
            translate('category', c.rider_category_id),
            translate('network', c.network_id ?? ''),
            translate('medium', c.media_required ?? ''),
          ]),
        ],
      ]);
    case 'cap':
      return signs(tariff.caps, (c) => [c.cap_id, [text(c.names)]]);
  }
}

function signs<T>(rows: readonly T[], of: (row: T) => [string, string[]]): Signs {
  return new Map(rows.map(of));
}

function kindsOf(tariff: TariffPackage, mediaId: string): string {
  return Object.entries(tariff.mediaOfKind)
    .filter(([, id]) => id === mediaId)
    .map(([kind]) => kind)
    .sort()
    .join();
}

function routesOf(feed: FareFeed, networkId: string): string {
  return [...(feed.networkOfRoute ?? [])]
    .filter(([, network]) => network === networkId)
    .map(([route]) => route)
    .sort()
    .join();
}

function usesOf(rules: readonly LegRule[], translate: Translate): string {
  return rules
    .map((rule) => placeOf(rule, translate))
    .sort()
    .join();
}

/** Where and when a leg rule holds, by the newer ids. */
export function placeOf(rule: LegRule, translate: Translate): string {
  const { fromAreaId, toAreaId, fromTimeframeGroupId, toTimeframeGroupId } = rule;
  const network = translate('network', rule.networkId);
  return [network, fromAreaId, toAreaId, fromTimeframeGroupId, toTimeframeGroupId].join('|');
}
