/** From a priced leg to the line that is stored: amounts that add up, and a step for each change. */
import { type Beside, bagsMinor, bagsOf, leftBeside, NOTHING_BESIDE, unpricedBags } from './bags.ts';
import type { BreakdownRide } from './breakdown-rides.ts';
import { addEscorts, escortRightOf, escortsOf } from './escorts.ts';
import { journeyStep, notOwedStep } from './journey-lines.ts';
import type { EscortRight, PricedLine, PriceStep, TapFact } from './model.ts';
import type { PricedLeg, UnpricedReason } from './price-leg.ts';
import { missedStep, passStep, suspendedStep } from './right-steps.ts';
import type { TariffPackage } from './tariff-package.ts';

/** What the cheaper side of an uncertain clock spared the rider. */
export interface ClockNote {
  readonly uncertaintyMs: number;
  /** Price at the tap's own instant. */
  readonly nominalMinor: bigint;
}

/** What doubts spared the rider; `null` where there was none, or it made no difference. */
export interface DoubtNotes {
  readonly clock: ClockNote | null;
  /** Price at the stop that the device named. */
  readonly stop: { readonly nominalMinor: bigint } | null;
}

/**
 * Riders beside the holder and his escorts: how many pay, and how many are more than the tariff allows with one medium. `before` paid in
 * this ride already.
 */
export function companionsOf(
  tap: TapFact,
  leg: PricedLeg,
  before: Beside = NOTHING_BESIDE,
): { paying: number; rest: number } {
  if (tap.companions === 0) return { paying: 0, rest: 0 };
  const left = leftBeside(leg.tariff.policyOf(leg.networkId), before).companions;
  const others = tap.companions - escortsOf(tap, escortRightOf(leg));
  const paying = Math.min(others, left);
  return { paying, rest: others - paying };
}

/** How many of the paying companions ride on free after a breakdown. */
function freeCompanions(leg: PricedLeg, paying: number): number {
  return Math.min(paying, leg.breakdown?.companions ?? 0);
}

/**
 * All that is charged for a boarding: escorts pay as the holder does, other companions the medium's full price, without
 * concession or transfer, and bags their own.
 */
export function chargedMinor(tap: TapFact, leg: PricedLeg): bigint {
  if (tap.companions === 0 && !tap.bags) return leg.riderMinor;
  const escorts = escortsOf(tap, escortRightOf(leg));
  const bags = bagsOf(tap, leg, { companions: companionsOf(tap, leg).paying, bags: 0 });
  return ownAndCompanionsMinor(tap, leg) + BigInt(escorts) * leg.riderMinor + bagsMinor(bags);
}

function ownAndCompanionsMinor(tap: TapFact, leg: PricedLeg): bigint {
  const { paying } = companionsOf(tap, leg);
  return leg.riderMinor + BigInt(paying - freeCompanions(leg, paying)) * alongMinor(leg);
}

/** What each companion pays for. */
function alongMinor(leg: PricedLeg): bigint {
  return (leg.along ?? leg).grossMinor;
}

/** What the holder's line stands for: his price, without what nobody owes. */
function standsForMinor({ referenceMinor, notOwedMinor = 0n }: PricedLeg): bigint {
  return referenceMinor - notOwedMinor;
}

/** Line of a ride or transfer. */
export function lineOfLeg(
  tap: TapFact,
  fareDay: string,
  leg: PricedLeg,
  { clock, stop }: DoubtNotes,
): PricedLine {
  const steps: PriceStep[] = [baseStep(tap, leg)];
  if (leg.journey) steps.push(journeyStep(tap, leg, leg.journey));
  if (leg.suspended) steps.push(suspendedStep(leg.suspended, leg.grossMinor));
  if (leg.transfer) steps.push(transferStep(leg));
  if (leg.breakdown) steps.push(breakdownStep(tap, leg.breakdown, leg.grossMinor, 0n, {}));
  if (leg.journey && leg.notOwedMinor) steps.push(notOwedStep(leg, leg.journey, standsForMinor(leg)));
  if (leg.concession && leg.riderMinor !== standsForMinor(leg)) steps.push(concessionStep(leg));
  if (leg.missed) steps.push(missedStep(leg.missed, leg.riderMinor));
  if (leg.pass) steps.push(passStep(leg, leg.pass));
  const unsure = clock ?? leg.breakdown?.doubt;
  if (unsure) steps.push(clockStep(leg.riderMinor, unsure));
  if (stop) steps.push(stopStep(leg.riderMinor, stop.nominalMinor, tap));
  const { paying, rest } = companionsOf(tap, leg);
  const riderMinor = ownAndCompanionsMinor(tap, leg);
  const full = leg.riderMinor + BigInt(paying) * alongMinor(leg);
  if (paying > 0) steps.push(companionsStep(tap, leg, paying, full));
  const free = freeCompanions(leg, paying);
  if (leg.breakdown && free > 0) steps.push(companionsRideOn(tap, leg.breakdown, full, riderMinor, free));
  if (rest > 0) steps.push(unpricedCompanions(tap, riderMinor, rest, 'companions-over-max'));
  const row = leg.concession?.row;
  const line: PricedLine = {
    tapId: tap.tapId,
    fareDay,
    kind: leg.transfer || leg.breakdown ? 'transfer' : 'ride',
    packageHash: leg.tariff.hash,
    fareMediaId: leg.mediaId,
    fareProductId: leg.product.productId,
    riderCategoryId: row?.rider_category_id ?? leg.tariff.defaultCategoryId,
    networkId: leg.networkId,
    carrierId: tap.carrierId,
    routeId: tap.routeId,
    currency: leg.tariff.tariff.currency,
    grossMinor: leg.grossMinor - (leg.notOwedMinor ?? 0n) + alongMinor(leg) * BigInt(paying),
    riderMinor,
    transferMinor: leg.grossMinor - leg.referenceMinor + BigInt(free) * alongMinor(leg),
    concessionMinor: leg.pass ? 0n : standsForMinor(leg) - leg.riderMinor,
    passMinor: leg.pass ? leg.referenceMinor - leg.riderMinor : 0n,
    capMinor: 0n,
    concessionId: row?.concession_id ?? null,
    fundingId: row?.funding_id ?? null,
    // On a transfer the concession is only presented: no ride to claim for. After a breakdown the first ride was claimed. An
    // exit without its entry is the rest of a journey whose entry has a line of its own.
    claimRide: row !== undefined && !leg.transfer && !leg.breakdown && leg.journey?.state !== 'no-entry',
    steps,
  };
  if (tap.companions === 0) return line;
  const right = escortRightOf(leg);
  const escorts = escortsOf(tap, right);
  return right && escorts > 0 ? withEscorts(line, tap, leg, right, escorts, leg.tariff) : line;
}

/** The line with escorts on it, whose rides cost what `leg` costs in full. */
export function withEscorts(
  line: PricedLine,
  tap: TapFact,
  leg: PricedLeg,
  right: EscortRight,
  escorts: number,
  tariff: TariffPackage | undefined,
): PricedLine {
  return addEscorts(line, right, escorts, baseStep(tap, leg), tariff);
}

/** A line without amounts. */
export function emptyLine(
  tap: TapFact,
  fareDay: string,
  kind: PricedLine['kind'],
  tariff: TariffPackage | null,
): PricedLine {
  return {
    tapId: tap.tapId,
    fareDay,
    kind,
    packageHash: tariff?.hash ?? null,
    fareMediaId: tariff?.mediaOfKind[tap.mediumKind] ?? null,
    fareProductId: null,
    riderCategoryId: null,
    networkId: null,
    carrierId: tap.carrierId,
    routeId: tap.routeId,
    currency: tariff?.tariff.currency ?? '',
    grossMinor: 0n,
    riderMinor: 0n,
    transferMinor: 0n,
    concessionMinor: 0n,
    passMinor: 0n,
    capMinor: 0n,
    concessionId: null,
    fundingId: null,
    claimRide: false,
    steps: [],
  };
}

function baseStep(tap: TapFact, { rule, product, grossMinor, mediaId, networkId }: PricedLeg): PriceStep {
  return {
    kind: 'base',
    ruleId: rule.ruleId,
    act: product.act ?? rule.act,
    article: product.act === null ? rule.article : product.article,
    beforeMinor: 0n,
    afterMinor: grossMinor,
    params: { product: product.productId, medium: mediaId, network: networkId, route: tap.routeId ?? '' },
  };
}

function companionsStep(tap: TapFact, leg: PricedLeg, paying: number, afterMinor: bigint): PriceStep {
  const base = baseStep(tap, leg.along ?? leg);
  return {
    ...base,
    beforeMinor: leg.riderMinor,
    afterMinor,
    params: { ...base.params, companions: String(paying) },
  };
}

function unpricedCompanions(tap: TapFact, riderMinor: bigint, rest: number, reason: string): PriceStep {
  return {
    kind: 'unpriced',
    ruleId: `unpriced/${reason}`,
    act: null,
    article: null,
    beforeMinor: riderMinor,
    afterMinor: riderMinor,
    params: { reason, companions: String(rest), route: tap.routeId ?? '', medium: tap.mediumKind },
  };
}

function transferStep({ transfer, grossMinor, referenceMinor }: PricedLeg): PriceStep {
  const { rule, product, durationMs } = transfer as NonNullable<typeof transfer>;
  return {
    kind: 'transfer',
    ruleId: rule.ruleId,
    act: product?.act ?? rule.act,
    article: product?.act ? product.article : rule.article,
    beforeMinor: grossMinor,
    afterMinor: referenceMinor,
    params: {
      minutes: String(Math.floor(durationMs / 60_000)),
      ...(rule.durationLimitS === null ? {} : { limitMinutes: String(Math.floor(rule.durationLimitS / 60)) }),
    },
  };
}

function breakdownStep(
  tap: TapFact,
  { rule, broken }: BreakdownRide,
  beforeMinor: bigint,
  afterMinor: bigint,
  more: Readonly<Record<string, string>>,
): PriceStep {
  return {
    kind: 'breakdown',
    ruleId: rule.rule_id,
    act: rule.act,
    article: rule.article,
    beforeMinor,
    afterMinor,
    params: {
      breakdown: broken.breakdownId,
      tap: broken.tapId,
      minutes: String(Math.max(0, Math.floor((tap.fareAtMs - broken.fromMs) / 60_000))),
      limitMinutes: String(Math.floor(rule.next_window_s / 60)),
      ...more,
    },
  };
}

function companionsRideOn(
  tap: TapFact,
  breakdown: BreakdownRide,
  beforeMinor: bigint,
  afterMinor: bigint,
  companions: number,
): PriceStep {
  return breakdownStep(tap, breakdown, beforeMinor, afterMinor, { companions: String(companions) });
}

function concessionStep(leg: PricedLeg): PriceStep {
  const { row } = leg.concession as NonNullable<typeof leg.concession>;
  return {
    kind: 'concession',
    ruleId: row.concession_id,
    act: row.act,
    article: row.article,
    beforeMinor: standsForMinor(leg),
    afterMinor: leg.riderMinor,
    params: {
      concession: row.concession_id,
      category: row.rider_category_id,
      discount: row.discount_kind,
      funding: row.funding_id,
      ...(row.discount_bp === undefined ? {} : { percent: String(row.discount_bp / 100) }),
    },
  };
}

/** The cheaper side of an unsure clock was taken. */
export function clockStep(riderMinor: bigint, { uncertaintyMs, nominalMinor }: ClockNote): PriceStep {
  return {
    kind: 'clock',
    ruleId: 'clock/cheaper-side',
    act: null,
    article: null,
    beforeMinor: riderMinor,
    afterMinor: riderMinor,
    params: {
      uncertaintyS: String(Math.ceil(uncertaintyMs / 1000)),
      nominalMinor: nominalMinor.toString(),
    },
  };
}

function stopStep(riderMinor: bigint, nominalMinor: bigint, tap: TapFact): PriceStep {
  return {
    kind: 'stop',
    ruleId: 'stop/cheapest-area',
    act: null,
    article: null,
    beforeMinor: riderMinor,
    afterMinor: riderMinor,
    params: { stop: tap.stopId ?? '', nominalMinor: nominalMinor.toString() },
  };
}

/** The touch that another one repeats. */
export interface Repeated {
  readonly tapId: string;
  readonly atMs: number;
  readonly uncertaintyMs?: number;
}

/**
 * Line of a touch that repeats an earlier one to pay for companions or bags: the device has asked for them. The holder's own ride
 * is not charged again.
 */
export function lineOfLaterCompanions(
  sameRide: PricedLine,
  tap: TapFact,
  leg: PricedLeg,
  before: Beside,
): PricedLine {
  const { paying, rest } = companionsOf(tap, leg, before);
  const amount = BigInt(paying) * leg.grossMinor;
  const free = freeCompanions(leg, paying);
  const transferMinor = BigInt(free) * leg.grossMinor;
  const riderMinor = amount - transferMinor;
  const steps = sameRide.steps.slice(0, 1);
  if (paying > 0) {
    const base = baseStep(tap, leg);
    steps.push({ ...base, afterMinor: amount, params: { ...base.params, companions: String(paying) } });
  }
  if (leg.breakdown && free > 0) steps.push(companionsRideOn(tap, leg.breakdown, amount, riderMinor, free));
  if (rest > 0) steps.push(unpricedCompanions(tap, riderMinor, rest, 'companions-over-max'));
  return {
    ...sameRide,
    fareMediaId: leg.mediaId,
    fareProductId: leg.product.productId,
    riderCategoryId: leg.tariff.defaultCategoryId,
    grossMinor: amount,
    riderMinor,
    transferMinor,
    steps,
  };
}

/** Line of a touch that repeats an earlier one; `unpriced` = why who was asked for by it has no price. */
export function lineOfSameRide(
  tap: TapFact,
  fareDay: string,
  tariff: TariffPackage,
  networkId: string | null,
  first: Repeated,
  unpriced?: UnpricedReason,
): PricedLine {
  const policy = tariff.policyOf(networkId);
  // Clocks may put a repetition before what it repeats, when the device itself says which was first.
  const apartMs = Math.abs(tap.fareAtMs - first.atMs);
  const unsure = apartMs > policy.passback_s * 1000 ? tap.uncertaintyMs + (first.uncertaintyMs ?? 0) : 0;
  const step: PriceStep = {
    kind: 'same-ride',
    ruleId: policy.network_id === '' ? 'pass-back' : `pass-back/${policy.network_id}`,
    act: policy.act,
    article: policy.article,
    beforeMinor: 0n,
    afterMinor: 0n,
    params: {
      seconds: String(Math.floor(apartMs / 1000)),
      limitSeconds: String(policy.passback_s),
      tap: first.tapId,
      ...(unsure > 0 ? { uncertaintyS: String(Math.ceil(unsure / 1000)) } : {}),
    },
  };
  const steps = [step];
  // Whether they are others than at the first touch nobody can tell: they are named, not charged.
  if (tap.companions > 0)
    steps.push(unpricedCompanions(tap, 0n, tap.companions, unpriced ?? 'companions-same-ride'));
  if (tap.bags) steps.push(unpricedBags(tap, 0n, tap.bags, unpriced ?? 'bags-same-ride'));
  return { ...emptyLine(tap, fareDay, 'same-ride', tariff), networkId, steps };
}

/** Line of a tap that no rule prices: it costs nothing and says why. */
export function lineOfUnpriced(
  tap: TapFact,
  fareDay: string,
  tariff: TariffPackage | null,
  currency: string,
  reason: UnpricedReason,
): PricedLine {
  const step: PriceStep = {
    kind: 'unpriced',
    ruleId: `unpriced/${reason}`,
    act: null,
    article: null,
    beforeMinor: 0n,
    afterMinor: 0n,
    params: { reason, route: tap.routeId ?? '', medium: tap.mediumKind },
  };
  const line = emptyLine(tap, fareDay, 'unpriced', tariff);
  return { ...line, currency: line.currency || currency, steps: [step] };
}
