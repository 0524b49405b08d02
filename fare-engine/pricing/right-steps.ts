/** Steps of a line for holdings, and for rights that did not help. */
import type { MissedConcession } from './concessions.ts';
import type { DatedEmergency } from './emergency.ts';
import type { PriceStep } from './model.ts';
import type { Cover } from './passes.ts';
import type { PricedLeg } from './price-leg.ts';

/** It would have been a transfer, or cheaper, but for an emergency rule. */
export function suspendedStep({ rule_id, act, article, valid_to }: DatedEmergency, minor: bigint): PriceStep {
  const params = { rule: rule_id, until: valid_to };
  return { kind: 'suspended', ruleId: rule_id, act, article, beforeMinor: minor, afterMinor: minor, params };
}

/** A right that did not help, and why. */
export function missedStep({ row, suspendedBy }: MissedConcession, minor: bigint): PriceStep {
  if (suspendedBy !== null) return suspendedStep(suspendedBy, minor);
  return {
    kind: 'concession',
    ruleId: row.concession_id,
    act: row.act,
    article: row.article,
    beforeMinor: minor,
    afterMinor: minor,
    params: {
      concession: row.concession_id,
      category: row.rider_category_id,
      quota: row.quota_window ?? '',
      ...(row.quota_rides === undefined ? {} : { quotaRides: String(row.quota_rides) }),
    },
  };
}

/** A pass or carnet paid for it. */
export function passStep(
  { referenceMinor, riderMinor }: PricedLeg,
  { passId, term, ridesLeft }: Cover,
): PriceStep {
  return {
    kind: 'pass',
    ruleId: term.fare_product_id,
    act: term.act,
    article: term.article,
    beforeMinor: referenceMinor,
    afterMinor: riderMinor,
    params: {
      pass: passId,
      product: term.fare_product_id,
      ...(ridesLeft === null ? {} : { ridesLeft: String(ridesLeft - 1) }),
    },
  };
}
