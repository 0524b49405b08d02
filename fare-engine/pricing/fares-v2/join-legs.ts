/**
 * Effective fare legs (GTFS fare_leg_join_rules.txt): consecutive legs that count as one. The transfer must stay in one
 * station unless the rule names stops; an empty field does not restrict. The joined leg departs with the first and
 * arrives with the last; its network is the common one, or none.
 */
import { type FareFeed, type JoinRule, stationOf } from './fare-feed.ts';
import type { FareLeg } from './leg-matcher.ts';

/** A leg of a journey with known stops. */
export interface RideLeg extends FareLeg {
  readonly fromStopId: string;
  readonly toStopId: string;
}

/** An effective fare leg with the positions of the legs in it. */
export interface EffectiveLeg extends RideLeg {
  readonly legs: readonly number[];
}

/** Joins what the rules join; without rules every leg stays by itself. */
export function joinLegs(feed: FareFeed, legs: readonly RideLeg[]): EffectiveLeg[] {
  if (feed.joinRules.length === 0) return legs.map((leg, index) => ({ ...leg, legs: [index] }));
  const joined: EffectiveLeg[] = [];
  legs.forEach((leg, index) => {
    const before = legs[index - 1];
    const current = joined.at(-1);
    if (before && current && feed.joinRules.some((rule) => joins(feed, rule, before, leg))) {
      joined[joined.length - 1] = {
        ...current,
        toStopId: leg.toStopId,
        arrivalMs: leg.arrivalMs,
        networkId: current.networkId === leg.networkId ? leg.networkId : '',
        legs: [...current.legs, index],
      };
    } else joined.push({ ...leg, legs: [index] });
  });
  return joined;
}

function joins(feed: FareFeed, rule: JoinRule, before: RideLeg, after: RideLeg): boolean {
  if (rule.fromNetworkId !== '' && rule.fromNetworkId !== before.networkId) return false;
  if (rule.toNetworkId !== '' && rule.toNetworkId !== after.networkId) return false;
  if (rule.fromStopId === '' && rule.toStopId === '') {
    return stationOf(feed, before.toStopId) === stationOf(feed, after.fromStopId);
  }
  return isAt(feed, before.toStopId, rule.fromStopId) && isAt(feed, after.fromStopId, rule.toStopId);
}

/** A platform or station is meant with all that lies in it. */
function isAt(feed: FareFeed, stopId: string, target: string): boolean {
  if (target === '' || stopId === target || stationOf(feed, stopId) === target) return true;
  return feed.stops?.get(stopId)?.parentId === target;
}
