/** A feed with its indexes: built once, asked often. */
import { type JourneyPrice, priceJourney } from './cheapest-journey.ts';
import type { FareFeed, LegRule } from './fare-feed.ts';
import { type EffectiveLeg, joinLegs, type RideLeg } from './join-legs.ts';
import { createLegMatcher, type LegMatcher } from './leg-matcher.ts';
import { createPriceList, type Payer, type PriceList } from './select-product.ts';
import { createTransferMatcher, type TransferMatcher } from './transfer-matcher.ts';

export interface FarePricer {
  readonly feed: FareFeed;
  readonly legs: LegMatcher;
  readonly transfers: TransferMatcher;
  /** Prices a journey for several payers at once: legs are joined and matched once. */
  price(legs: readonly RideLeg[], payers: readonly Payer[]): PricedPayers;
}

export interface PricedPayers {
  readonly legs: readonly EffectiveLeg[];
  readonly rules: readonly (readonly LegRule[])[];
  /** One for each payer, in their order. */
  readonly prices: readonly JourneyPrice[];
}

/** Most payers whose price lists are remembered: a feed has few, but a request may name any medium. */
const LISTS_MAX = 1000;

/** Builds the indexes of a feed. */
export function createFarePricer(feed: FareFeed): FarePricer {
  const legs = createLegMatcher(feed);
  const transfers = createTransferMatcher(feed);
  const lists = new Map<string, PriceList>();
  const ofPayer = new WeakMap<Payer, PriceList>();
  const listOf = (payer: Payer): PriceList => {
    const own = ofPayer.get(payer);
    if (own) return own;
    const key = JSON.stringify([payer.mediaId, ...payer.categoryIds]);
    const list = lists.get(key) ?? createPriceList(feed, payer);
    if (lists.size >= LISTS_MAX) lists.clear();
    lists.set(key, list);
    ofPayer.set(payer, list);
    return list;
  };
  return {
    feed,
    legs,
    transfers,
    price(rideLegs, payers) {
      const joined = joinLegs(feed, rideLegs);
      const rules = joined.map((leg) => legs.match(leg));
      const prices = payers.map((payer) => priceJourney(listOf(payer), transfers, joined, rules));
      return { legs: joined, rules, prices };
    },
  };
}
