/** A feed with its indexes: built once, asked often. */
import { type JourneyPrice, priceJourney } from './cheapest-journey.ts';
import type { FareFeed, LegRule } from './fare-feed.ts';
import { type EffectiveLeg, joinLegs, type RideLeg } from './join-legs.ts';
import { createLegMatcher, type LegMatcher } from './leg-matcher.ts';
import type { Payer } from './select-product.ts';
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

/** Builds the indexes of a feed. */
export function createFarePricer(feed: FareFeed): FarePricer {
  const legs = createLegMatcher(feed);
  const transfers = createTransferMatcher(feed);
  return {
    feed,
    legs,
    transfers,
    price(rideLegs, payers) {
      const joined = joinLegs(feed, rideLegs);
      const rules = joined.map((leg) => legs.match(leg));
      const prices = payers.map((payer) => priceJourney(feed, transfers, joined, rules, payer));
      return { legs: joined, rules, prices };
    },
  };
}
