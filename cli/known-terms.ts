/** Whether a city's tariffs know a name: the engine takes a fact about any, for one that a later package brings. */
import { join } from 'node:path';
import { RESIDENCE } from '#pricing/concessions.ts';
import { loadTariffTimeline } from '../fare-engine/tariffs/load-tariff.ts';
import { UsageError } from './command.ts';
import { openTariffNames } from './import/import-city.ts';

/**
 * Refuses a right that no package grants: by a misspelt name nobody would ride free, and nobody would be told.
 * @param cityDir null = the tariffs are not at hand, and nothing is known
 * @throws UsageError
 */
export async function refuseUnknownRight(concessionId: string, cityDir: string | null): Promise<void> {
  if (cityDir === null || concessionId.startsWith(RESIDENCE)) return;
  const { concessions } = await openTariffNames(cityDir);
  refuseUnknown('concession', concessionId, concessions, 'an id of concessions.yaml, or residence:PLACE');
}

/** Refuses a pass or carnet that no package sells. See {@link refuseUnknownRight}. */
export async function refuseUnknownPass(fareProductId: string, cityDir: string | null): Promise<void> {
  if (cityDir === null) return;
  const { products } = await openTariffNames(cityDir);
  refuseUnknown('pass or carnet', fareProductId, new Set(products.keys()), 'an id of product-terms.yaml');
}

/** Refuses a route that no tariff knows: its rides would be free. See {@link refuseUnknownRight}. */
export async function refuseUnknownRoute(routeId: string | undefined, cityDir: string | null): Promise<void> {
  if (routeId === undefined || cityDir === null) return;
  const loaded = await loadTariffTimeline(join(cityDir, 'tariff'));
  if (!loaded.ok)
    throw new UsageError(`the tariffs in ${cityDir} have errors: kvytok tariff check shows them`);
  const knows = loaded.timeline.packages.some(
    ({ pricer }) => pricer.feed.networkOfRoute?.has(routeId) ?? true,
  );
  if (!knows) throw new UsageError(`no tariff of this city knows the route ${JSON.stringify(routeId)}`);
}

function refuseUnknown(what: string, id: string, known: ReadonlySet<string>, write: string): void {
  if (known.has(id)) return;
  const all = [...known].sort().join(', ') || 'none';
  throw new UsageError(
    `no tariff of this city knows the ${what} ${JSON.stringify(id)}; write ${write}: ${all}`,
  );
}
