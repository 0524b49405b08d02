/** What an import needs to know of the city: its zone and money, and what its tariffs sell and grant. */
import { join } from 'node:path';
import { loadCity } from '#platform/city-data.ts';
import { createFareCalendar, type FareCalendar } from '#pricing/fare-day.ts';
import type { HeldProduct, ImportTerms, TokenOf } from '../../fare-engine/import/import-files.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { UsageError } from '../command.ts';

export interface ImportCity {
  readonly terms: ImportTerms;
  readonly calendar: FareCalendar;
}

/** @throws UsageError where the city or its tariffs cannot be read. */
export async function openImportCity(
  cityDir: string | null,
  tokenOf: TokenOf | undefined,
): Promise<ImportCity> {
  if (cityDir === null) throw new UsageError("KVYTOK_CITY_DIR is needed: zone and tariffs are the city's");
  const { city } = loadCity(cityDir);
  const loaded = await loadTariffTimeline(join(cityDir, 'tariff'));
  if (!loaded.ok)
    throw new UsageError(`the tariffs in ${cityDir} have errors: kvytok tariff check shows them`);
  const products = new Map<string, HeldProduct>();
  const concessions = new Set<string>();
  for (const tariff of loaded.timeline.packages) {
    for (const [id, term] of tariff.heldTerms)
      products.set(id, {
        counted:
          products.get(id)?.counted === true || term.rides !== undefined || term.activation === 'first_use',
      });
    for (const { concession_id } of tariff.concessions) concessions.add(concession_id);
  }
  const { zone, currency, dayStart } = city;
  const terms = { zone, currency, products, concessions, ...(tokenOf && { tokenOf }) };
  return { terms, calendar: createFareCalendar(zone, dayStart) };
}
