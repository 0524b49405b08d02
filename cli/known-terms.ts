/** Whether a city's tariffs know a name: the engine takes a fact about any, for one that a later package brings. */
import { RESIDENCE } from '#pricing/concessions.ts';
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

function refuseUnknown(what: string, id: string, known: ReadonlySet<string>, write: string): void {
  if (known.has(id)) return;
  const all = [...known].sort().join(', ') || 'none';
  throw new UsageError(
    `no tariff of this city knows the ${what} ${JSON.stringify(id)}; write ${write}: ${all}`,
  );
}
