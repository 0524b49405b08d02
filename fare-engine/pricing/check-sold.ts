/**
 * What is sold, beside what it replaces: passes that cost less than a ride, carnets that cost more than theirs, singles that nobody
 * would pay, media that have no price. Warnings: a tariff may be odd.
 */
import type { FareFeed, LegRule } from './fares-v2/fare-feed.ts';
import { asWarning, type FileProblem } from './file-problem.ts';
import { fullPrices, heldIds } from './full-prices.ts';
import { type FeedFiles, openTable, tableProblem } from './gtfs/row-reader.ts';
import type { PackageYaml } from './tariff-package.ts';

/** Most rules for the same rides that are compared: each with all others. */
const SAME_RIDES_MAX = 200;

/** All warnings. Asked of packages alone whose files could be read. */
export function checkSold(files: FeedFiles, feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  return [
    ...heldPrices(files, feed, yaml),
    ...feesOf(feed, yaml),
    ...termsMissing(files, feed, yaml),
    ...neverPaid(files, feed, yaml),
    ...mediaOf(files, feed, yaml),
  ];
}

/** Passes and carnets against the single rides of their networks. */
function heldPrices(files: FeedFiles, feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  const held = heldIds(yaml);
  const terms = yaml.productTerms?.value.products ?? [];
  return terms.flatMap(({ kind, rides, fare_product_id: id }) => {
    if (kind !== 'pass' && kind !== 'carnet') return [];
    const networks = feed.legRules.filter((rule) => rule.productId === id).map((rule) => rule.networkId);
    const scope = networks.includes('') ? {} : { networks };
    return (feed.products.get(id) ?? []).flatMap((row) => {
      const full = fullPrices(feed, held, {
        ...scope,
        ...(row.mediaId === '' ? {} : { media: [row.mediaId] }),
      });
      const [least, most] = [full[0], full.at(-1)];
      if (least === undefined || most === undefined || row.amountMinor === 0n) return [];
      const place = { file: 'fare_products.txt', line: row.line, cell: 'amount' };
      const tell = (message: string) => [
        tableProblem(files, 'TARIFF_UNITS', place, message, 'Correct the amount, or kind.', 'warning'),
      ];
      const own = feed.categories.get(row.categoryId)?.isDefault !== false;
      if (own && row.amountMinor < least) return tell(`the ${kind} costs less than a single ride`);
      if (kind === 'carnet' && rides !== undefined && row.amountMinor > most * BigInt(rides))
        return tell(`the carnet costs more than its ${rides} rides`);
      return [];
    });
  });
}

/** A fee that leaves nothing of what is given back. */
function feesOf(feed: FareFeed, { productTerms: file }: PackageYaml): FileProblem[] {
  return (file?.value.products ?? []).flatMap(({ fare_product_id: id, give_back_fee_minor: fee }, i) => {
    const prices = (feed.products.get(id) ?? []).map((row) => row.amountMinor);
    if (!file || fee === undefined || prices.length === 0) return [];
    if (!prices.every((minor) => BigInt(fee) >= minor)) return [];
    const path = ['products', i, 'give_back_fee_minor'];
    const message = `the fee of ${fee} is no less than the price: nothing comes back`;
    const todo = 'Write it in minor units, or leave give_back out.';
    return [asWarning(file.problemAt('TARIFF_UNITS', path, message, todo))];
  });
}

/** A rule's product without a row, where the package has terms; and times that only passes have. */
function termsMissing(files: FeedFiles, feed: FareFeed, { productTerms: file }: PackageYaml): FileProblem[] {
  if (!file) return [];
  const ids = new Set(file.value.products.map((row) => row.fare_product_id));
  const first = new Map(feed.legRules.map((rule) => [rule.productId, rule]));
  const missing = [...first].flatMap(([id, { line }]) => {
    if (ids.has(id)) return [];
    const place = { file: 'fare_leg_rules.txt', line, cell: 'fare_product_id' };
    const message = `product-terms.yaml says nothing of ${id}: it is taken for a single ride`;
    const todo = 'Add its row: kind: single, pass or carnet.';
    return [tableProblem(files, 'TARIFF_PRODUCT_TERMS', place, message, todo, 'warning')];
  });
  const unread = file.value.products.flatMap((row, i) => {
    const key = (['validity_amount', 'activation', 'rides'] as const).find((name) => row[name] !== undefined);
    if (row.kind === 'pass' || row.kind === 'carnet' || key === undefined) return [];
    const todo = 'Set kind: pass or carnet, or leave it out; transfers are told in fare_transfer_rules.txt.';
    const message = `${key} has no effect on kind: ${row.kind}`;
    return [asWarning(file.problemAt('TARIFF_VALUE_IGNORED', ['products', i, key], message, todo))];
  });
  return [...missing, ...unread];
}

/** Of two singles for the same rides the one that is dearer for everybody is never paid. */
function neverPaid(files: FeedFiles, feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  const held = heldIds(yaml);
  const byScope = new Map<string, LegRule[]>();
  for (const rule of feed.legRules) {
    if (held.has(rule.productId)) continue;
    const { networkId, fromAreaId, toAreaId, fromTimeframeGroupId, toTimeframeGroupId, priority } = rule;
    const times = [fromTimeframeGroupId, toTimeframeGroupId];
    const key = JSON.stringify([networkId, fromAreaId, toAreaId, ...times, priority, rule.legGroupId]);
    const same = byScope.get(key);
    if (same) same.push(rule);
    else byScope.set(key, [rule]);
  }
  return [...byScope.values()].flatMap((rules) =>
    (rules.length > SAME_RIDES_MAX ? [] : rules).flatMap((rule) => {
      const better = rules.find((other) => isDearer(feed, rule.productId, other.productId));
      if (better === undefined) return [];
      const place = { file: 'fare_leg_rules.txt', line: rule.line, cell: 'fare_product_id' };
      const message = `no ride costs ${rule.productId}: ${better.productId} of line ${better.line} is for the same rides and cheaper`;
      const todo = 'Remove one of the two, or give it kind: pass in product-terms.yaml.';
      return [tableProblem(files, 'TARIFF_LEG_RULE_UNREACHABLE', place, message, todo, 'warning')];
    }),
  );
}

function isDearer(feed: FareFeed, id: string, thanId: string): boolean {
  const [rows, others] = [feed.products.get(id) ?? [], feed.products.get(thanId) ?? []];
  if (rows.length === 0 || id === thanId) return false;
  return rows.every((row) =>
    others.some(
      (other) =>
        (other.mediaId === '' || other.mediaId === row.mediaId) &&
        (other.categoryId === '' || other.categoryId === row.categoryId) &&
        other.amountMinor < row.amountMinor,
    ),
  );
}

/** Media that are tapped and pay for nothing, or are of another kind than the tariff says. */
function mediaOf(files: FeedFiles, feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  const types = new Map<string, string>();
  openTable(files, 'fare_media.txt', [], [])?.each((row) => {
    types.set(row.text('fare_media_id'), row.text('fare_media_type'));
  });
  const { tapPolicy: file } = yaml;
  return Object.entries(file.value.medium_kinds).flatMap(([kind, id]) => {
    const path = ['medium_kinds', kind];
    const found: FileProblem[] = [];
    if (types.has(id) && feed.legRules.length > 0 && !isSold(feed, id))
      found.push(
        asWarning(
          file.problemAt(
            'TARIFF_MEDIUM_PRICE',
            path,
            `no ride has a price with ${id}`,
            'Add its rows to fare_products.txt, or leave the medium out.',
          ),
        ),
      );
    if (kind === 'bank' && types.has(id) && types.get(id) !== '3')
      found.push(
        asWarning(
          file.problemAt(
            'TARIFF_VALUE_INVALID',
            path,
            `bank cards are taken for ${id}, whose fare_media_type is not 3`,
            'Name the medium of bank cards, or write 3 there.',
          ),
        ),
      );
    return found;
  });
}

function isSold(feed: FareFeed, mediaId: string): boolean {
  return feed.legRules.some((rule) =>
    (feed.products.get(rule.productId) ?? []).some((row) => row.mediaId === '' || row.mediaId === mediaId),
  );
}
