/**
 * One boarding at one instant under one package: its leg rule, its transfer from the run before, its concession. The
 * same matchers price journeys of `quote`.
 */
import type { BreakdownRide } from './breakdown-rides.ts';
import { bestConcession, type GivenConcession, type MissedConcession } from './concessions.ts';
import type { UsesElsewhere } from './elsewhere.ts';
import type { DatedEmergency } from './emergency.ts';
import type { LegRule, ProductRow, TransferRule } from './fares-v2/fare-feed.ts';
import { selectProduct } from './fares-v2/select-product.ts';
import { durationMs } from './fares-v2/transfer-matcher.ts';
import type { AccountDay, PricingState, TapFact } from './model.ts';
import { type Cover, coversOf } from './passes.ts';
import { chargedMinor } from './priced-line.ts';
import type { TariffPackage } from './tariff-package.ts';
import type { NetworkTapPolicy } from './tariff-schema.ts';
import type { TariffTimeline } from './tariff-timeline.ts';

/** Why a tap has no price. Its text stands in step-text.ts. */
export type UnpricedReason =
  | 'no-tariff'
  | 'tap-out'
  | 'unknown-route'
  | 'unknown-medium'
  | 'no-leg-rule'
  | 'no-product';

export interface PricedTransfer {
  readonly rule: TransferRule;
  readonly product: ProductRow | null;
  readonly durationMs: number;
}

export interface PricedLeg {
  readonly tariff: TariffPackage;
  readonly networkId: string;
  readonly mediaId: string;
  readonly rule: LegRule;
  readonly product: ProductRow;
  readonly transfer: PricedTransfer | null;
  /** The ride goes on with one that broke off; absent = it does not. */
  readonly breakdown?: BreakdownRide;
  /** How the journey ended, where leaving is tapped; absent = only boarding is. */
  readonly journey?: JourneyNote;
  readonly grossMinor: bigint;
  /** After the transfer, before the concession. */
  readonly referenceMinor: bigint;
  readonly concession: GivenConcession | null;
  /** A right that did not help: its quota is used up, or it is suspended. */
  readonly missed: MissedConcession | null;
  /** The pass or carnet that pays for it, instead of a concession. */
  readonly pass: Cover | null;
  readonly riderMinor: bigint;
  /** Of what the concession takes off, what no budget owes: a tap of the journey is missing. Absent = it owes all of it. */
  readonly notOwedMinor?: bigint;
  /** What those pay for who ride along in full, where a tap is missing; absent = the leg's own price. */
  readonly along?: PricedLeg;
  /** The instant at which rules were looked up. */
  readonly atMs: number;
  /** Emergency rule but for which it would have been a transfer. */
  readonly suspended?: DatedEmergency;
}

/** What is known of a journey's end, and by which word of the tariff it is priced. */
export interface JourneyNote {
  readonly state: 'finished' | 'repair' | 'completion' | 'breakdown' | 'no-exit' | 'no-entry';
  /** The tap, repair or breakdown that says so; `null` = nothing does. */
  readonly ref: string | null;
  readonly policy: NetworkTapPolicy;
  readonly toStopId: string | null;
  /** The cheapest end that may be meant. */
  readonly stopUnsure: boolean;
  readonly arrivalMs: number;
  /** Its price is a penalty for the missing tap: no fare. */
  readonly penalty: boolean;
}

/** From where to where, and until when. */
export interface Way {
  readonly fromStopId: string | null;
  readonly toStopId: string | null;
  readonly arrivalMs: number;
}

export interface Boarding {
  readonly tap: TapFact;
  readonly day: AccountDay;
  /** The instant at which rules are looked up; differs from the tap's when its clock is not sure. */
  readonly atMs: number;
  /** Time by which a transfer window may have been missed only because clocks are not sure. */
  readonly slackMs: number;
  /** Absent = only boarding is tapped: from the tap's stop, and no more is known. */
  readonly way?: Way | undefined;
  /** First instant of the fare day: transfers without a limit of time do not reach over it. */
  readonly dayStartMs: number;
  /** What was counted before: quotas and holdings. */
  readonly counted: Pick<PricingState, 'quotas' | 'passes'>;
  /** What an earlier system counted of holdings. */
  readonly usesElsewhere: readonly UsesElsewhere[];
  /** For the terms under which a pass was sold. */
  readonly tariffs: TariffTimeline;
}

type Run = NonNullable<PricingState['transferRun']>;

interface Option {
  readonly rule: LegRule;
  readonly product: ProductRow;
}

/** The boarding as a leg of its own. */
export function priceRide(tariff: TariffPackage, boarding: Boarding): PricedLeg | UnpricedReason {
  const found = findOptions(tariff, boarding);
  if (typeof found === 'string') return found;
  const [option] = found.options;
  return option ? withConcession(tariff, boarding, found, option, null) : 'no-product';
}

/** The boarding as a transfer in a run; `undefined` when no transfer rule applies. */
export function priceTransfer(tariff: TariffPackage, boarding: Boarding, run: Run): PricedLeg | undefined {
  const found = findOptions(tariff, boarding);
  if (typeof found === 'string') return undefined;
  const { vehicleId } = boarding.tap;
  const again = vehicleId !== null && vehicleId === run.lastVehicleId;
  if (again && tariff.policyOf(found.networkId).same_vehicle_transfer === 'not') return undefined;
  let best: PricedLeg | undefined;
  for (const option of found.options) {
    for (const transfer of findTransfers(tariff, boarding, run, option, found.mediaId)) {
      const leg = withConcession(tariff, boarding, found, option, transfer);
      if (!best || leg.riderMinor < best.riderMinor) best = leg;
    }
  }
  return best;
}

/** The price of a missing tap that is the same wherever the journey went: a product of its own, which no right makes cheaper. */
export function priceFlat(
  leg: PricedLeg,
  policy: NetworkTapPolicy,
  journey: JourneyNote,
): PricedLeg | UnpricedReason {
  const { tariff, mediaId } = leg;
  const { penalty_product_id: productId = '', act, article } = policy;
  const payer = { mediaId, categoryIds: [tariff.defaultCategoryId] };
  const product = selectProduct(tariff.pricer.feed, productId, payer);
  if (product === undefined) return 'no-product';
  const ruleId = `missing-tap/${policy.network_id}`;
  const rule = { ...leg.rule, ruleId, legGroupId: '', productId, act, article };
  const { amountMinor } = product;
  const amounts = { grossMinor: amountMinor, referenceMinor: amountMinor, riderMinor: amountMinor };
  return {
    ...leg,
    rule,
    product,
    journey,
    ...amounts,
    concession: null,
    missed: null,
    pass: null,
    transfer: null,
  };
}

interface FoundLeg {
  readonly networkId: string;
  readonly mediaId: string;
  /** Cheapest product of each leg group, cheapest group first. */
  readonly options: readonly Option[];
  /** Passes and carnets that cover the ride. */
  readonly heldIds: ReadonlySet<string>;
}

/** The leg group of a ride of which only the boarding is known; `undefined` = no rule fits it. */
export function legGroupOf(
  tariff: TariffPackage,
  tap: Pick<TapFact, 'routeId' | 'stopId' | 'mediumKind'>,
  atMs: number,
): string | undefined {
  const found = findOptions(tariff, { tap, atMs });
  return typeof found === 'string' ? undefined : found.options[0]?.rule.legGroupId;
}

interface Presence extends Pick<Boarding, 'atMs' | 'way'> {
  readonly tap: Pick<TapFact, 'routeId' | 'stopId' | 'mediumKind'>;
}

function findOptions(tariff: TariffPackage, { tap, atMs, way }: Presence): FoundLeg | UnpricedReason {
  const { feed, legs } = tariff.pricer;
  const networkId = tap.routeId === null ? undefined : feed.networkOfRoute?.get(tap.routeId);
  if (networkId === undefined) return 'unknown-route';
  const mediaId = tariff.mediaOfKind[tap.mediumKind];
  if (mediaId === undefined) return 'unknown-medium';
  const rules = legs.match({
    networkId,
    fromStopId: way === undefined ? tap.stopId : way.fromStopId,
    // Where nobody taps on leaving it is not known where the leg ends, and its end is taken as its beginning.
    toStopId: way?.toStopId ?? null,
    departureMs: atMs,
    arrivalMs: way?.arrivalMs ?? atMs,
  });
  if (rules.length === 0) return 'no-leg-rule';
  const found = FOUND.get(rules) ?? new Map<string, FoundLeg>();
  const known = found.get(mediaId);
  if (known !== undefined) return known;
  const made = makeOptions(tariff, rules, networkId, mediaId);
  FOUND.set(rules, found.set(mediaId, made));
  return made;
}

// Rules that are the same array are those of one feed, network and place: what they offer was looked up before.
const FOUND = new WeakMap<readonly LegRule[], Map<string, FoundLeg>>();

function makeOptions(
  tariff: TariffPackage,
  rules: readonly LegRule[],
  networkId: string,
  mediaId: string,
): FoundLeg {
  const { feed } = tariff.pricer;
  const payer = { mediaId, categoryIds: [tariff.defaultCategoryId] };
  const byGroup = new Map<string, Option>();
  const heldIds = new Set<string>();
  for (const rule of rules) {
    // What is held is never the price of a ride.
    if (tariff.heldTerms.has(rule.productId)) {
      heldIds.add(rule.productId);
      continue;
    }
    const product = selectProduct(feed, rule.productId, payer);
    const known = byGroup.get(rule.legGroupId);
    if (product && (!known || product.amountMinor < known.product.amountMinor)) {
      byGroup.set(rule.legGroupId, { rule, product });
    }
  }
  const options = [...byGroup.values()];
  if (options.length > 1) options.sort(byPrice);
  return { networkId, mediaId, options, heldIds };
}

function byPrice(a: Option, b: Option): number {
  if (a.product.amountMinor !== b.product.amountMinor)
    return a.product.amountMinor < b.product.amountMinor ? -1 : 1;
  return a.rule.ruleId < b.rule.ruleId ? -1 : 1;
}

function findTransfers(
  tariff: TariffPackage,
  { tap, slackMs, dayStartMs, way }: Boarding,
  run: Run,
  option: Option,
  mediaId: string,
): PricedTransfer[] {
  const { feed, transfers } = tariff.pricer;
  const payer = { mediaId, categoryIds: [tariff.defaultCategoryId] };
  const goesOn = run.transferCount > 0 && transfers.goesOn(run.lastLegGroupId, option.rule.legGroupId);
  const firstMs = goesOn ? run.startedAtMs : run.lastLegAtMs;
  const arrivals = goesOn ? run.startedArrivalMs : run.lastArrivalMs;
  const first = { departureMs: firstMs, arrivalMs: arrivals ?? firstMs };
  const last = { departureMs: tap.fareAtMs, arrivalMs: way?.arrivalMs ?? tap.fareAtMs };
  // On the cheaper side of an unsure clock both legs lie on one side of the day's start.
  const runSlackMs = Math.min(slackMs, run.uncertaintyMs ?? 0);
  const sameDay = firstMs + runSlackMs >= dayStartMs || tap.fareAtMs - (slackMs - runSlackMs) < dayStartMs;
  const rules = transfers.match(
    {
      fromGroupId: run.lastLegGroupId,
      toGroupId: option.rule.legGroupId,
      first,
      last,
      count: goesOn ? run.transferCount + 1 : 1,
      slackMs,
    },
    (rule) =>
      (rule.durationLimitS !== null || sameDay) &&
      (rule.productId === '' || selectProduct(feed, rule.productId, payer) !== undefined),
  );
  return rules.map((rule) => ({
    rule,
    product: rule.productId === '' ? null : (selectProduct(feed, rule.productId, payer) ?? null),
    durationMs: rule.durationLimitS === null ? tap.fareAtMs - firstMs : durationMs(rule, first, last),
  }));
}

/** The leg as the rider pays for it: by a pass, under a concession, or in full; whatever costs the least. */
function withConcession(
  tariff: TariffPackage,
  boarding: Boarding,
  found: FoundLeg,
  { rule, product }: Option,
  transfer: PricedTransfer | null,
): PricedLeg {
  const { day, atMs, tap, counted } = boarding;
  const { networkId, mediaId } = found;
  const grossMinor = product.amountMinor;
  const abMinor = transfer?.product?.amountMinor ?? 0n;
  const referenceMinor =
    transfer === null ? grossMinor : transfer.rule.fareTransferType === 1 ? abMinor + grossMinor : abMinor;
  const paidProduct = transfer?.rule.fareTransferType === 0 ? transfer.rule.productId : rule.productId;
  const { given, missed } = bestConcession(tariff, day.entitlements, {
    atMs,
    knownAsOfMs: day.knownAsOfMs,
    networkId,
    mediaId,
    grossMinor,
    referenceMinor,
    stopId: tap.stopId,
    quotas: counted.quotas,
    productMinor: (categoryId) =>
      selectProduct(tariff.pricer.feed, paidProduct, { mediaId, categoryIds: [categoryId] })?.amountMinor,
  });
  const leg: PricedLeg = {
    tariff,
    networkId,
    mediaId,
    rule,
    product,
    transfer,
    grossMinor,
    referenceMinor,
    concession: given ?? null,
    missed: missed ?? null,
    pass: null,
    riderMinor: given?.riderMinor ?? referenceMinor,
    atMs,
  };
  return referenceMinor > 0n && day.passes.length > 0 ? cheapestWithPass(leg, boarding, found.heldIds) : leg;
}

/**
 * A ride that a pass or carnet pays for was paid at the sale: no budget owes it and no quota counts it. Of equal charges a
 * pass goes before a concession, and a concession before a ride of a carnet.
 */
function cheapestWithPass(leg: PricedLeg, boarding: Boarding, productIds: ReadonlySet<string>): PricedLeg {
  const { day, tap, atMs, counted, usesElsewhere, tariffs } = boarding;
  const { tariff, mediaId } = leg;
  const uses = counted.passes;
  const covers = coversOf(tariff, { day, uses, usesElsewhere, tap, atMs, mediaId, productIds, tariffs });
  const held = (pass: Cover): PricedLeg => ({ ...leg, concession: null, missed: null, pass, riderMinor: 0n });
  const unlimited = covers.filter(({ ridesLeft }) => ridesLeft === null).map(held);
  const limited = covers.filter(({ ridesLeft }) => ridesLeft !== null).map(held);
  return [...unlimited, leg, ...limited].reduce((best, other) =>
    chargedMinor(tap, other) < chargedMinor(tap, best) ? other : best,
  );
}
