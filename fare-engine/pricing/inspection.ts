/**
 * What inspectors may ask, from tariff packages: how long a ride stands, and the penalty with its act, worked out in money
 * so that a device in a bus needs no tariff. Pure.
 */
import type { InspectionRule, PenaltyRule } from '#contracts/enrolment.ts';
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { TariffPackage } from './tariff-package.ts';
import type { InspectionRow } from './tariff-schema.ts';

/** Rules of all packages that have any; drafts ask nothing. */
export function inspectionRules(packages: readonly TariffPackage[]): InspectionRule[] {
  return packages
    .filter(({ tariff }) => tariff.status !== 'draft')
    .flatMap((tariff) => tariff.inspection.map((row) => ruleOf(row, tariff)));
}

function ruleOf(row: InspectionRow, tariff: TariffPackage): InspectionRule {
  const { validFromMs, validUntilMs, pricer } = tariff;
  const routes = [...(pricer.feed.networkOfRoute ?? [])].filter(([, network]) => network === row.network_id);
  const penalty = penaltyOf(row, tariff);
  return {
    validFromMs,
    validUntilMs,
    ...(row.network_id !== '' && { routeIds: routes.map(([routeId]) => routeId).sort() }),
    rideWindowS: row.ride_window_s,
    ...(penalty && { penalty }),
  };
}

function penaltyOf({ network_id, penalty }: InspectionRow, tariff: TariffPackage): PenaltyRule | undefined {
  if (!penalty) return undefined;
  const { tariff: file, hash, pricer } = tariff;
  const fareMinor = lowestFullFareMinor(pricer.feed, network_id, penalty.fare_media_id);
  const act = file.acts.find(({ act_id }) => act_id === penalty.act);
  if (fareMinor === undefined || !act) throw new Error('a package that tariff check refuses');
  return {
    fareMinor: fareMinor.toString(),
    factor: penalty.fare_multiple,
    penaltyMinor: (fareMinor * BigInt(penalty.fare_multiple)).toString(),
    currency: file.currency,
    act: penalty.act,
    actNames: act.names,
    article: penalty.article,
    packageHash: hash,
  };
}

/**
 * Lowest full price above zero of one ride in a network with a medium; '' = in any network. Where a fare depends on the
 * stop or the hour the lowest counts: doubt is the passenger's. `undefined`: there is none.
 */
export function lowestFullFareMinor(feed: FareFeed, networkId: string, mediaId: string): bigint | undefined {
  const own = feed.legRules.filter((rule) => networkId === '' || rule.networkId === networkId);
  const rules = own.length > 0 ? own : feed.legRules.filter((rule) => rule.networkId === '');
  let lowest: bigint | undefined;
  for (const { productId } of rules) {
    for (const row of feed.products.get(productId) ?? []) {
      const full = row.categoryId === '' || feed.categories.get(row.categoryId)?.isDefault === true;
      if (!full || (row.mediaId !== '' && row.mediaId !== mediaId) || row.amountMinor <= 0n) continue;
      if (lowest === undefined || row.amountMinor < lowest) lowest = row.amountMinor;
    }
  }
  return lowest;
}
