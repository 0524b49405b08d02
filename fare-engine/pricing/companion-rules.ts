/** Whom and what one medium may pay for beside its holder, from tariff packages, so that a device in a bus needs no tariff. Pure. */
import type { BesideLimit, CompanionRule } from '#contracts/enrolment.ts';
import type { MediumKind } from '#contracts/record.ts';
import type { TariffPackage } from './tariff-package.ts';
import type { NetworkTapPolicy } from './tariff-schema.ts';

/** Rules of all packages that are in force at some time; drafts allow nothing. */
export function companionRules(packages: readonly TariffPackage[]): CompanionRule[] {
  return packages.filter(({ tariff }) => tariff.status !== 'draft').flatMap(rulesOf);
}

/** A rule for each network with a policy of its own, and one for all other routes. */
function rulesOf(tariff: TariffPackage): CompanionRule[] {
  const { validFromMs, validUntilMs, pricer, tapPolicies, policyOf } = tariff;
  const times = { validFromMs, validUntilMs };
  const ruled = tapPolicies
    .filter(({ network_id }) => network_id !== '')
    .map((policy) => ({ policy, routeIds: routesOf(pricer, policy.network_id) }))
    .filter(({ routeIds }) => routeIds.length > 0);
  const others = new Set(ruled.map(({ policy }) => policy.network_id));
  const elsewhere = (networkId: string) => !others.has(networkId);
  return [
    ...ruled.map(({ policy, routeIds }) => ({
      ...times,
      routeIds,
      ...limitsOf(tariff, policy, (id) => id === policy.network_id),
    })),
    { ...times, ...limitsOf(tariff, policyOf(null), elsewhere) },
  ];
}

function limitsOf(
  tariff: TariffPackage,
  policy: NetworkTapPolicy,
  holds: (networkId: string) => boolean,
): Omit<CompanionRule, 'validFromMs' | 'validUntilMs' | 'routeIds'> {
  const escorts = escortsOf(tariff, holds);
  const bags = bagsOf(tariff, policy);
  return {
    max: policy.companion_max,
    ...(escorts && { escorts }),
    ...(bags && { bags }),
    ...(policy.extra_max !== undefined && { together: policy.extra_max }),
  };
}

function routesOf({ feed }: TariffPackage['pricer'], networkId: string): string[] {
  const routes = [...(feed.networkOfRoute ?? [])].filter(([, network]) => network === networkId);
  return routes.map(([routeId]) => routeId).sort();
}

/** Who may ride along under a right or a pass: more than anybody may pay for. Whose right it is, only the city knows. */
function escortsOf(
  { concessions, heldTerms, mediaOfKind }: TariffPackage,
  holds: (networkId: string) => boolean,
): BesideLimit | undefined {
  const here = concessions.filter(
    ({ escort_allowed, network_id }) =>
      escort_allowed !== undefined && (network_id === undefined || holds(network_id)),
  );
  const passes = [...heldTerms.values()].map(({ max_companions = 0 }) => max_companions);
  const max = Math.max(0, ...passes, ...here.map(({ escort_allowed = 0 }) => escort_allowed));
  const everyMedium = passes.some((many) => many > 0);
  const kinds = kindsOf(
    mediaOfKind,
    (mediaId) =>
      everyMedium || here.some(({ media_required: only }) => only === undefined || only === mediaId),
  );
  return max > 0 && kinds.length > 0 ? { max, mediumKinds: kinds } : undefined;
}

/** Only with media that have a price for a bag. */
function bagsOf(
  { pricer, mediaOfKind, defaultCategoryId }: TariffPackage,
  { bag_product_id: id, bag_max: max }: NetworkTapPolicy,
): BesideLimit | undefined {
  const rows = id === undefined ? [] : (pricer.feed.products.get(id) ?? []);
  const full = rows.filter(({ categoryId }) => categoryId === '' || categoryId === defaultCategoryId);
  const kinds = kindsOf(mediaOfKind, (own) => full.some(({ mediaId }) => mediaId === '' || mediaId === own));
  return max !== undefined && kinds.length > 0 ? { max, mediumKinds: kinds } : undefined;
}

function kindsOf(
  mediaOfKind: TariffPackage['mediaOfKind'],
  takes: (mediaId: string) => boolean,
): MediumKind[] {
  const kinds = Object.entries(mediaOfKind) as [MediumKind, string][];
  return kinds.filter(([, mediaId]) => takes(mediaId)).map(([kind]) => kind);
}
