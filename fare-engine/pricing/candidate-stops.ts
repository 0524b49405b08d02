/**
 * One stop for each area in which a network's fares may begin or end: where a stop is not sure, or not known at all, these
 * stand for all that may be meant. Made once for a feed and network, so that a doubtful tap costs a look-up for each area and no more.
 */
import type { FareFeed } from './fares-v2/fare-feed.ts';
import { areasOf, standsForEmpty } from './fares-v2/leg-matcher.ts';
import { compareText } from './file-problem.ts';

const known = new WeakMap<FareFeed, Map<string, readonly string[]>>();

/** Stops in the order of their ids; empty where no fare of the network depends on the area of that side. */
export function candidateStops(
  feed: FareFeed,
  networkId: string,
  side: 'from' | 'to' = 'from',
): readonly string[] {
  const ofFeed = known.get(feed) ?? new Map<string, readonly string[]>();
  known.set(feed, ofFeed);
  const key = `${side} ${networkId}`;
  const made = ofFeed.get(key) ?? makeCandidates(feed, networkId, side);
  ofFeed.set(key, made);
  return made;
}

function makeCandidates(feed: FareFeed, networkId: string, side: 'from' | 'to'): string[] {
  const mine = feed.legRules.filter((rule) => rule.networkId === networkId || rule.networkId === '');
  const listed = new Set(mine.map((rule) => rule[`${side}AreaId`]).filter((areaId) => areaId !== ''));
  if (listed.size === 0) return [];
  const stopIds = [...new Set([...(feed.stops?.keys() ?? []), ...feed.areasOfStop.keys()])].sort(compareText);
  const byAreas = new Map<string, string>();
  for (const stopId of stopIds) {
    const all = areasOf(feed, stopId);
    const areas = all.filter((areaId) => listed.has(areaId));
    const key = [String(standsForEmpty(all, listed)), ...[...areas].sort(compareText)].join('\u0000');
    if (!byAreas.has(key)) byAreas.set(key, stopId);
  }
  return [...byAreas.values()];
}
