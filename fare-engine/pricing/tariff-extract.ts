/**
 * The extract of tariff packages for validators (contracts/tariff-extract.ts): made where packages are read, opened where
 * they are not. What is opened is priced by the same code as a charge. Pure; reads no table and no YAML.
 */
import type { PackageExtract, TariffExtract } from '#contracts/tariff-extract.ts';
import { createFareCalendar, type FareCalendar } from './fare-day.ts';
import type { FareFeed, ProductRow, Timeframe } from './fares-v2/fare-feed.ts';
import { createFarePricer } from './fares-v2/fare-pricer.ts';
import { findZone } from './local-time.ts';
import type { TariffPackage } from './tariff-package.ts';
import type { NetworkTapPolicy } from './tariff-schema.ts';
import { createTariffTimeline, type TariffTimeline } from './tariff-timeline.ts';
import { longestReachMs } from './transfer-reach.ts';

/** Extracts of all packages that are in force at some time; drafts price nothing. */
export function extractTariffs(
  packages: readonly TariffPackage[],
  { zone, dayStart }: { readonly zone: string; readonly dayStart: string },
): TariffExtract {
  const priced = packages.filter(({ tariff }) => tariff.status !== 'draft');
  return { v: 1, zone, dayStart, packages: priced.map(extractOf) };
}

function extractOf(tariff: TariffPackage): PackageExtract {
  const { feed } = tariff.pricer;
  const rows = [...feed.products.values()].flat();
  const full = rows.filter(({ categoryId }) => categoryId === '' || categoryId === tariff.defaultCategoryId);
  // A row of the full category stands above one of any category.
  const own = new Set(full.filter((row) => row.categoryId !== '').map(keyOf));
  return {
    packageHash: tariff.hash,
    validFromMs: tariff.validFromMs,
    validUntilMs: tariff.validUntilMs,
    zone: tariff.tariff.zone,
    currency: tariff.tariff.currency,
    mediaOfKind: { ...tariff.mediaOfKind },
    policies: tariff.tapPolicies.map((policy) => ({
      networkId: policy.network_id,
      passBackS: policy.passback_s,
      sameVehicleTransfer: policy.same_vehicle_transfer ?? 'free',
    })),
    capped: tariff.caps.length > 0 || suspendsTransfers(tariff),
    products: full
      .filter((row) => row.categoryId !== '' || !own.has(keyOf(row)))
      .map(({ productId, mediaId, amountMinor }) => ({
        productId,
        mediaId,
        amountMinor: amountMinor.toString(),
      })),
    ...placesOf(feed),
    ...rulesOf(feed, tariff.heldTerms),
    // A device shows the price of a ride rather than a transfer that may be suspended.
    ...(suspendsTransfers(tariff) ? { transferRules: [] } : {}),
  };
}

function suspendsTransfers({ emergency }: TariffPackage): boolean {
  return emergency.some(({ suspends }) => suspends === 'transfers');
}

function keyOf({ productId, mediaId }: ProductRow): string {
  return JSON.stringify([productId, mediaId]);
}

function placesOf(feed: FareFeed) {
  return {
    networkOfRoute: [...(feed.networkOfRoute ?? [])].map(([route, network]): [string, string] => [
      route,
      network,
    ]),
    stops:
      feed.stops &&
      [...feed.stops].map(([id, { parentId, zoneName }]): [string, string, string] => [
        id,
        parentId,
        zoneName,
      ]),
    areasOfStop: [...feed.areasOfStop].map(([stop, areas]): [string, string[]] => [stop, [...areas]]),
    services: [...feed.services].map(([serviceId, { weekdays, startDay, endDay, added, removed }]) => ({
      serviceId,
      weekdays: [...weekdays],
      startDay,
      endDay,
      added: [...added],
      removed: [...removed],
    })),
    timeframes: [...feed.timeframes].flatMap(([groupId, frames]) =>
      frames.map(({ startS, endS, serviceId }) => ({ groupId, startS, endS, serviceId })),
    ),
  };
}

function rulesOf(feed: FareFeed, held: TariffPackage['heldTerms']) {
  return {
    hasRulePriority: feed.hasRulePriority,
    // What is held is never the price of a ride.
    legRules: feed.legRules
      .filter(({ productId }) => !held.has(productId))
      .map(({ act: _, article: __, line: ___, ...rule }) => rule),
    transferRules: feed.transferRules.map(({ act: _, article: __, line: ___, transferCount, ...rule }) => ({
      ...rule,
      transferCount: Number.isFinite(transferCount) ? transferCount : -1,
    })),
  };
}

/** Tariffs as a validator has them. */
export interface DeviceTariffs {
  readonly timeline: TariffTimeline;
  readonly calendar: FareCalendar;
}

/** Opens an extract. Its packages have full prices and transfers, and no concession, pass, cap or breakdown. */
export function openExtract({ zone, dayStart, packages }: TariffExtract): DeviceTariffs {
  const { timeline } = createTariffTimeline(packages.map(packageOf));
  return { timeline, calendar: createFareCalendar(zone, dayStart) };
}

/** The one category of an extract. */
const FULL = 'full';

function packageOf(extract: PackageExtract): TariffPackage {
  const { packageHash, validFromMs, validUntilMs, zone, currency } = extract;
  const policies = new Map(extract.policies.map((policy) => [policy.networkId, policyOf(policy)]));
  const fallback = policies.get('') ?? policyOf({ networkId: '', passBackS: 0, sameVehicleTransfer: 'free' });
  const names = { uk: '-', en: '-', de: '-', pl: '-' };
  return {
    hash: packageHash,
    tariff: {
      version_id: packageHash,
      names,
      valid_from: '',
      valid_to: null,
      zone,
      currency,
      status: 'in-force',
      act: '',
      acts: [],
    },
    bankTerms: null,
    // An extract has no files.
    placeOf: () => ({ line: 1, column: 1 }),
    validFromMs,
    validUntilMs,
    pricer: createFarePricer(feedOf(extract)),
    defaultCategoryId: FULL,
    concessions: [],
    funding: [],
    productTerms: [],
    inspection: [],
    breakdownRules: [],
    breakdownRuleOf: () => undefined,
    caps: [],
    heldTerms: new Map(),
    revenueSplit: [],
    compensation: [],
    emergency: [],
    mediaOfKind: extract.mediaOfKind,
    tapPolicies: [...policies.values()],
    tapsOut: false,
    policyOf: (networkId) => policies.get(networkId ?? '') ?? fallback,
    passBackMsMax: Math.max(...extract.policies.map(({ passBackS }) => passBackS)) * 1000,
    lateTapAcceptSMax: 0,
    transferWindowMsMax: Math.max(
      0,
      ...extract.transferRules.map(({ durationLimitS }) => (durationLimitS ?? 0) * 1000),
    ),
    transferReachMs: longestReachMs(extract.transferRules),
  };
}

function policyOf(policy: PackageExtract['policies'][number]): NetworkTapPolicy {
  return {
    network_id: policy.networkId,
    mode: 'in',
    passback_s: policy.passBackS,
    companion_max: 0,
    late_tap_accept_s: 0,
    same_vehicle_transfer: policy.sameVehicleTransfer,
    act: '',
    article: '',
  };
}

const UNCITED = { act: null, article: null, line: 0 } as const;

function feedOf(extract: PackageExtract): FareFeed {
  const { currency, zone } = extract;
  const products = extract.products.map(({ productId, mediaId, amountMinor }): ProductRow => {
    const price = { amountMinor: BigInt(amountMinor), currency };
    return { productId, mediaId, ...price, name: productId, categoryId: FULL, ...UNCITED };
  });
  const frames = Map.groupBy(extract.timeframes, ({ groupId }) => groupId);
  return {
    zone: findZone(zone) ?? null,
    networkOfRoute: new Map(extract.networkOfRoute),
    stops:
      extract.stops && new Map(extract.stops.map(([id, parentId, zoneName]) => [id, { parentId, zoneName }])),
    areasOfStop: new Map(extract.areasOfStop),
    services: new Map(
      extract.services.map(({ serviceId, added, removed, ...dates }) => [
        serviceId,
        { ...dates, added: new Set(added), removed: new Set(removed) },
      ]),
    ),
    timeframes: frames as Map<string, Timeframe[]>,
    media: [],
    categories: new Map([[FULL, { categoryId: FULL, name: FULL, isDefault: true }]]),
    products: Map.groupBy(products, ({ productId }) => productId),
    translations: new Map(),
    legRules: extract.legRules.map((rule) => ({ ...rule, ...UNCITED })),
    hasRulePriority: extract.hasRulePriority,
    joinRules: [],
    transferRules: extract.transferRules.map(({ transferCount, ...rule }) => ({
      ...rule,
      transferCount: transferCount === -1 ? Number.POSITIVE_INFINITY : transferCount,
      ...UNCITED,
    })),
  };
}
