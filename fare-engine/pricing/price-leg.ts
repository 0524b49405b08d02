/**
 * One boarding at one instant under one package: its leg rule, its transfer from the run before, its concession. The
 * same matchers price journeys of `quote`.
 */
import type { BreakdownRide } from './breakdown-rides.ts';
import { bestConcession, type GivenConcession } from './concessions.ts';
import type { LegRule, ProductRow, TransferRule } from './fares-v2/fare-feed.ts';
import { selectProduct } from './fares-v2/select-product.ts';
import type { AccountDay, PricingState, TapFact } from './model.ts';
import type { TariffPackage } from './tariff-package.ts';

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
  readonly grossMinor: bigint;
  /** After the transfer, before the concession. */
  readonly referenceMinor: bigint;
  readonly concession: GivenConcession | null;
  readonly riderMinor: bigint;
}

export interface Boarding {
  readonly tap: TapFact;
  readonly day: AccountDay;
  /** The instant at which rules are looked up; differs from the tap's when its clock is not sure. */
  readonly atMs: number;
  /** Time by which a transfer window may have been missed only because clocks are not sure. */
  readonly slackMs: number;
  /** First instant of the fare day: transfers without a limit of time do not reach over it. */
  readonly dayStartMs: number;
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

interface FoundLeg {
  readonly networkId: string;
  readonly mediaId: string;
  /** Cheapest product of each leg group, cheapest group first. */
  readonly options: readonly Option[];
}

function findOptions(tariff: TariffPackage, { tap, atMs }: Boarding): FoundLeg | UnpricedReason {
  const { feed, legs } = tariff.pricer;
  const networkId = tap.routeId === null ? undefined : feed.networkOfRoute?.get(tap.routeId);
  if (networkId === undefined) return 'unknown-route';
  const mediaId = tariff.mediaOfKind[tap.mediumKind];
  if (mediaId === undefined) return 'unknown-medium';
  const rules = legs.match({
    networkId,
    fromStopId: tap.stopId,
    // Nobody taps on leaving: where the leg ends is not known, and its end is taken as its beginning.
    toStopId: null,
    departureMs: atMs,
    arrivalMs: atMs,
  });
  if (rules.length === 0) return 'no-leg-rule';
  const payer = { mediaId, categoryIds: [tariff.defaultCategoryId] };
  const byGroup = new Map<string, Option>();
  for (const rule of rules) {
    const product = selectProduct(feed, rule.productId, payer);
    const known = byGroup.get(rule.legGroupId);
    if (product && (!known || product.amountMinor < known.product.amountMinor)) {
      byGroup.set(rule.legGroupId, { rule, product });
    }
  }
  const options = [...byGroup.values()];
  if (options.length > 1) options.sort(byPrice);
  return { networkId, mediaId, options };
}

function byPrice(a: Option, b: Option): number {
  if (a.product.amountMinor !== b.product.amountMinor)
    return a.product.amountMinor < b.product.amountMinor ? -1 : 1;
  return a.rule.ruleId < b.rule.ruleId ? -1 : 1;
}

function findTransfers(
  tariff: TariffPackage,
  { tap, slackMs, dayStartMs }: Boarding,
  run: Run,
  option: Option,
  mediaId: string,
): PricedTransfer[] {
  const { feed, transfers } = tariff.pricer;
  const payer = { mediaId, categoryIds: [tariff.defaultCategoryId] };
  const goesOn = run.transferCount > 0 && transfers.goesOn(run.lastLegGroupId, option.rule.legGroupId);
  const firstMs = goesOn ? run.startedAtMs : run.lastLegAtMs;
  // On the cheaper side of an unsure clock both legs lie on one side of the day's start.
  const runSlackMs = Math.min(slackMs, run.uncertaintyMs ?? 0);
  const sameDay = firstMs + runSlackMs >= dayStartMs || tap.fareAtMs - (slackMs - runSlackMs) < dayStartMs;
  const rules = transfers.match(
    {
      fromGroupId: run.lastLegGroupId,
      toGroupId: option.rule.legGroupId,
      first: { departureMs: firstMs, arrivalMs: firstMs },
      last: { departureMs: tap.fareAtMs, arrivalMs: tap.fareAtMs },
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
    durationMs: tap.fareAtMs - firstMs,
  }));
}

function withConcession(
  tariff: TariffPackage,
  { day, atMs }: Boarding,
  { networkId, mediaId }: FoundLeg,
  { rule, product }: Option,
  transfer: PricedTransfer | null,
): PricedLeg {
  const grossMinor = product.amountMinor;
  const abMinor = transfer?.product?.amountMinor ?? 0n;
  const referenceMinor =
    transfer === null ? grossMinor : transfer.rule.fareTransferType === 1 ? abMinor + grossMinor : abMinor;
  const paidProduct = transfer?.rule.fareTransferType === 0 ? transfer.rule.productId : rule.productId;
  const given = bestConcession(tariff, day.entitlements, {
    atMs,
    knownAsOfMs: day.knownAsOfMs,
    networkId,
    mediaId,
    grossMinor,
    referenceMinor,
    productMinor: (categoryId) =>
      selectProduct(tariff.pricer.feed, paidProduct, { mediaId, categoryIds: [categoryId] })?.amountMinor,
  });
  return {
    tariff,
    networkId,
    mediaId,
    rule,
    product,
    transfer,
    grossMinor,
    referenceMinor,
    concession: given ?? null,
    riderMinor: given?.riderMinor ?? referenceMinor,
  };
}
