/**
 * Baggage that is paid with the holder's medium: a price of its own beside the ride's, the same for everybody. No right, pass,
 * transfer or cap makes it cheaper; only after a breakdown a bag that was paid for rides on free, where companions do.
 */
import { selectProduct } from './fares-v2/select-product.ts';
import type { PricedLine, PriceStep, TapFact } from './model.ts';
import type { PricedLeg } from './price-leg.ts';
import type { NetworkTapPolicy } from './tariff-schema.ts';

/** What one medium pays for beside its holder, in one ride. */
export interface Beside {
  readonly companions: number;
  readonly bags: number;
}

export const NOTHING_BESIDE: Beside = { companions: 0, bags: 0 };

/** How many more companions and bags a policy lets pay, `before` being paid for in this ride already. */
export function leftBeside(policy: NetworkTapPolicy, before: Beside): Beside {
  const together = (policy.extra_max ?? Number.POSITIVE_INFINITY) - before.companions - before.bags;
  const left = (max: number, taken: number) => Math.max(0, Math.min(max - taken, together));
  return {
    companions: left(policy.companion_max, before.companions),
    bags: left(policy.bag_max ?? 0, before.bags),
  };
}

/** Bags of one touch: how many pay, how many of those go on free, and why the others do not pay. */
export interface PricedBags {
  readonly paying: number;
  readonly free: number;
  readonly rest: number;
  readonly restReason: 'bags-over-max' | 'bags-no-price';
  readonly eachMinor: bigint;
  /** Product, act and article; `null` = the medium has no price for a bag. */
  readonly step: Pick<PriceStep, 'ruleId' | 'act' | 'article'> | null;
}

/** `before` = what pays in this ride already, companions of this touch included. `undefined` = the touch has no bags. */
export function bagsOf(tap: TapFact, leg: PricedLeg, before: Beside): PricedBags | undefined {
  const { bags = 0 } = tap;
  if (bags === 0) return undefined;
  const { tariff, mediaId, networkId, breakdown } = leg;
  const policy = tariff.policyOf(networkId);
  const id = policy.bag_product_id;
  const payer = { mediaId, categoryIds: [tariff.defaultCategoryId] };
  const product = id === undefined ? undefined : selectProduct(tariff.pricer.feed, id, payer);
  const term = tariff.productTerms.find((one) => one.fare_product_id === id);
  const paying = product === undefined ? 0 : Math.min(bags, leftBeside(policy, before).bags);
  return {
    paying,
    free: Math.min(paying, breakdown?.bags ?? 0),
    rest: bags - paying,
    restReason: id !== undefined && product === undefined ? 'bags-no-price' : 'bags-over-max',
    eachMinor: product?.amountMinor ?? 0n,
    step:
      product === undefined
        ? null
        : {
            ruleId: product.productId,
            act: product.act ?? term?.act ?? null,
            article: product.act === null ? (term?.article ?? null) : product.article,
          },
  };
}

/** What the bags of a touch cost. */
export function bagsMinor(priced: PricedBags | undefined): bigint {
  return priced === undefined ? 0n : BigInt(priced.paying - priced.free) * priced.eachMinor;
}

/** The line with its bags on it, after everything that makes a ride cheaper. */
export function withBags(
  line: PricedLine,
  tap: TapFact,
  leg: PricedLeg | null,
  bags: PricedBags | undefined,
): PricedLine {
  if (bags === undefined) return line;
  const { paying, free, rest, restReason, eachMinor, step } = bags;
  const steps = [...line.steps];
  const full = line.riderMinor + BigInt(paying) * eachMinor;
  const freeMinor = BigInt(free) * eachMinor;
  if (paying > 0 && step !== null) {
    const params = { product: step.ruleId, medium: line.fareMediaId ?? '', bags: String(paying) };
    steps.push({ kind: 'bag', ...step, beforeMinor: line.riderMinor, afterMinor: full, params });
  }
  if (free > 0 && leg?.breakdown) {
    const { rule, broken } = leg.breakdown;
    steps.push({
      kind: 'breakdown',
      ruleId: rule.rule_id,
      act: rule.act,
      article: rule.article,
      beforeMinor: full,
      afterMinor: full - freeMinor,
      params: { breakdown: broken.breakdownId, tap: broken.tapId, bags: String(free) },
    });
  }
  if (rest > 0) steps.push(unpricedBags(tap, full - freeMinor, rest, restReason));
  return {
    ...line,
    grossMinor: line.grossMinor + BigInt(paying) * eachMinor,
    riderMinor: full - freeMinor,
    transferMinor: line.transferMinor + freeMinor,
    steps,
  };
}

/** Bags that are named and not charged. */
export function unpricedBags(tap: TapFact, riderMinor: bigint, bags: number, reason: string): PriceStep {
  return {
    kind: 'unpriced',
    ruleId: `unpriced/${reason}`,
    act: null,
    article: null,
    beforeMinor: riderMinor,
    afterMinor: riderMinor,
    params: { reason, bags: String(bags), route: tap.routeId ?? '', medium: tap.mediumKind },
  };
}
