/** How many companions one medium may pay for, from tariff packages, so that a device in a bus needs no tariff. Pure. */
import type { CompanionRule } from '#contracts/enrolment.ts';
import type { TariffPackage } from './tariff-package.ts';

/** Rules of all packages that are in force at some time; drafts allow nothing. */
export function companionRules(packages: readonly TariffPackage[]): CompanionRule[] {
  return packages.filter(({ tariff }) => tariff.status !== 'draft').flatMap(rulesOf);
}

/** A rule for each network with a policy of its own, and one for all other routes. */
function rulesOf({
  validFromMs,
  validUntilMs,
  pricer,
  tapPolicies,
  policyOf,
}: TariffPackage): CompanionRule[] {
  const times = { validFromMs, validUntilMs };
  const own = tapPolicies
    .filter(({ network_id }) => network_id !== '')
    .map(({ network_id, companion_max: max }) => ({ ...times, routeIds: routesOf(pricer, network_id), max }))
    .filter(({ routeIds }) => routeIds.length > 0);
  return [...own, { ...times, max: policyOf(null).companion_max }];
}

function routesOf({ feed }: TariffPackage['pricer'], networkId: string): string[] {
  const routes = [...(feed.networkOfRoute ?? [])].filter(([, network]) => network === networkId);
  return routes.map(([routeId]) => routeId).sort();
}
