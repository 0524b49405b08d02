/**
 * Rules that no ride can ever meet, and free transfers that lead in a circle. Warnings: prices are what the files say, but
 * whoever wrote the row meant something by it. A rule that only several others together cover is not found.
 */
import type { FareFeed, LegRule, TransferRule } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import { type FeedFiles, tableProblem } from './gtfs/row-reader.ts';
import type { FileProblemCode } from './problem-codes.ts';
import { tapsOutIn } from './taps-out.ts';
import type { TapPolicyFile } from './tariff-schema.ts';

const LEGS = 'fare_leg_rules.txt';
const TRANSFERS = 'fare_transfer_rules.txt';

/** Most pairs of rules that are compared: a package of a city has some hundred rules. */
const PAIRS_MAX = 4_000_000;

/** Why a rule is never met, the cell that shows it, and what to do. */
interface Unmet {
  readonly cell: string;
  readonly message: string;
  readonly howToMend: string;
}

/** All warnings. */
export function checkReach(files: FeedFiles, feed: FareFeed, policy: TapPolicyFile): FileProblem[] {
  const at = (code: FileProblemCode, file: string, line: number, { cell, message, howToMend }: Unmet) =>
    tableProblem(files, code, { file, line, cell }, message, howToMend, 'warning');
  const legs = feed.legRules.flatMap((rule) => {
    const unmet = unmetLegRule(feed, policy, rule);
    return unmet ? [at('TARIFF_LEG_RULE_UNREACHABLE', LEGS, rule.line, unmet)] : [];
  });
  const transfers = feed.transferRules.flatMap((rule) => {
    const unmet = unmetTransferRule(feed, rule);
    return unmet ? [at('TARIFF_TRANSFER_RULE_UNREACHABLE', TRANSFERS, rule.line, unmet)] : [];
  });
  const loops = loopsOf(feed).map(({ rule, groups }) =>
    at('TARIFF_TRANSFER_LOOP', TRANSFERS, rule.line, {
      cell: 'to_leg_group_id',
      message: `free transfers lead in a circle without end: ${groups.join(' → ')}`,
      howToMend:
        'Put the groups into one leg group with a duration_limit or a transfer_count, or give one transfer a price.',
    }),
  );
  return [...legs, ...transfers, ...loops];
}

function unmetLegRule(feed: FareFeed, policy: TapPolicyFile, rule: LegRule): Unmet | undefined {
  if (rule.toAreaId !== '' && !tapsOutIn(feed, policy, rule.networkId, 'some')) {
    return {
      cell: 'to_area_id',
      message: 'a rule with to_area_id never holds: only boarding is tapped',
      howToMend: 'Leave to_area_id empty, or price by from_area_id; or set mode: in_out for its network.',
    };
  }
  const { networkOfRoute } = feed;
  if (rule.networkId !== '' && networkOfRoute && ![...networkOfRoute.values()].includes(rule.networkId)) {
    return {
      cell: 'network_id',
      message: `no route is in network ${rule.networkId}`,
      howToMend: 'Add its routes to route_networks.txt, or remove the rule.',
    };
  }
  if (rule.fromAreaId !== '' && ![...feed.areasOfStop.values()].flat().includes(rule.fromAreaId)) {
    return {
      cell: 'from_area_id',
      message: `no stop is in area ${rule.fromAreaId}`,
      howToMend: 'Add its stops to stop_areas.txt, or remove the rule.',
    };
  }
  const covering = feed.hasRulePriority ? coveringRule(feed.legRules, rule) : undefined;
  return (
    covering && {
      cell: 'rule_priority',
      message: `the rule of line ${covering.line} has a higher priority and holds for every ride of this one`,
      howToMend: 'Give this rule a higher rule_priority, narrow the other one, or remove it.',
    }
  );
}

/** A rule of higher priority that holds wherever this one does. */
function coveringRule(rules: readonly LegRule[], rule: LegRule): LegRule | undefined {
  if (rules.length ** 2 > PAIRS_MAX) return undefined;
  const covers = (wide: string, narrow: string) => wide === '' || wide === narrow;
  return rules.find(
    (other) =>
      other.priority > rule.priority &&
      covers(other.networkId, rule.networkId) &&
      covers(other.fromAreaId, rule.fromAreaId) &&
      covers(other.toAreaId, rule.toAreaId) &&
      covers(other.fromTimeframeGroupId, rule.fromTimeframeGroupId) &&
      covers(other.toTimeframeGroupId, rule.toTimeframeGroupId),
  );
}

function unmetTransferRule(feed: FareFeed, rule: TransferRule): Unmet | undefined {
  for (const side of ['from', 'to'] as const) {
    if (groupsOf(feed, rule, side).length > 0) continue;
    return {
      cell: `${side}_leg_group_id`,
      message: `an empty ${side}_leg_group_id stands for the groups that no other row names, and there is none`,
      howToMend: 'Name a leg group, or remove the rule.',
    };
  }
  if (feed.transferRules.length ** 2 > PAIRS_MAX) return undefined;
  const behind = feed.transferRules.find((other) => other !== rule && standsBefore(feed, other, rule));
  return (
    behind && {
      cell: 'duration_limit',
      message: `wherever the rule holds that of line ${behind.line} does too, and never costs more`,
      howToMend: 'Remove one of the two, or give them different transfer_count.',
    }
  );
}

/** Whether `other` applies wherever `rule` does, and is never dearer. Of two that are equal the first one stands. */
function standsBefore(feed: FareFeed, other: TransferRule, rule: TransferRule): boolean {
  if (
    other.fromLegGroupId !== rule.fromLegGroupId ||
    other.toLegGroupId !== rule.toLegGroupId ||
    other.transferCount !== rule.transferCount ||
    other.fareTransferType !== rule.fareTransferType
  )
    return false;
  const always = other.durationLimitS === null;
  const asLong =
    rule.durationLimitS !== null &&
    other.durationLimitS !== null &&
    other.durationLimitType === rule.durationLimitType &&
    other.durationLimitS >= rule.durationLimitS;
  if (!(always || asLong) || !neverDearer(feed, other.productId, rule.productId)) return false;
  const mutual = other.durationLimitS === rule.durationLimitS && other.productId === rule.productId;
  return !mutual || other.line < rule.line;
}

/** Whether a product is sold to whoever another is sold to, for no more. '' is free for all. */
function neverDearer(feed: FareFeed, productId: string, thanId: string): boolean {
  if (productId === '' || productId === thanId) return true;
  const rows = feed.products.get(productId) ?? [];
  const others = feed.products.get(thanId);
  if (!others) return false;
  return others.every((than) =>
    rows.some(
      (row) =>
        row.categoryId === than.categoryId &&
        row.mediaId === than.mediaId &&
        row.amountMinor <= than.amountMinor,
    ),
  );
}

/** Costs nothing, whoever it is sold to. */
function isFree(feed: FareFeed, productId: string): boolean {
  return productId === '' || (feed.products.get(productId) ?? []).every((row) => row.amountMinor === 0n);
}

/** Leg groups that one side of a transfer rule speaks of. */
function groupsOf(feed: FareFeed, rule: TransferRule, side: 'from' | 'to'): string[] {
  const field = side === 'from' ? 'fromLegGroupId' : 'toLegGroupId';
  const groups = [...new Set(feed.legRules.map((leg) => leg.legGroupId).filter((id) => id !== ''))];
  if (rule[field] !== '') return groups.filter((id) => id === rule[field]);
  const listed = new Set(feed.transferRules.map((other) => other[field]));
  return groups.filter((id) => !listed.has(id));
}

interface Hop {
  readonly from: string;
  readonly to: string;
  readonly rule: TransferRule;
}

/**
 * Circles of transfers that cost nothing and that nothing ends. Within one group a count or a time ends them. Between
 * different groups counts have no effect and each hop's time begins anew, so there a time is no end.
 */
function loopsOf(feed: FareFeed): { rule: TransferRule; groups: string[] }[] {
  const hops = feed.transferRules
    .filter((rule) => isFreeHop(feed, rule))
    .flatMap((rule) => hopsOf(feed, rule));
  const told = new Set<string>();
  const loops: { rule: TransferRule; groups: string[] }[] = [];
  for (const hop of hops) {
    const way = hop.from === hop.to ? [hop.to] : wayBack(hops, hop);
    if (!way) continue;
    const groups = [hop.from, ...way];
    const key = [...new Set(groups)].sort().join('\u0000');
    if (!told.has(key)) loops.push({ rule: hop.rule, groups });
    told.add(key);
  }
  return loops;
}

/** A+AB with nothing for AB: the ride transferred to costs nothing. */
function isFreeHop(feed: FareFeed, rule: TransferRule): boolean {
  return rule.fareTransferType === 0 && isFree(feed, rule.productId);
}

function hopsOf(feed: FareFeed, rule: TransferRule): Hop[] {
  // Rows that are empty on both sides count as one group does.
  const counted = rule.fromLegGroupId === rule.toLegGroupId;
  const ends = counted && (rule.durationLimitS !== null || Number.isFinite(rule.transferCount));
  if (ends) return [];
  const to = groupsOf(feed, rule, 'to');
  return groupsOf(feed, rule, 'from').flatMap((from) => to.map((group) => ({ from, to: group, rule })));
}

/** The shortest way from a hop's end back to its beginning, over different groups. */
function wayBack(hops: readonly Hop[], { from: goal, to: start }: Hop): string[] | undefined {
  const ways = new Map([[start, [start]]]);
  // A map goes on over what is added while it is walked: breadth first.
  for (const [group, way] of ways) {
    for (const hop of hops) {
      if (hop.from !== group) continue;
      if (hop.to === goal) return [...way, goal];
      if (!ways.has(hop.to)) ways.set(hop.to, [...way, hop.to]);
    }
  }
  return undefined;
}
