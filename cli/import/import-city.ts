/** What an import needs to know of the city: its zone and money, and what its tariffs sell and grant. */
import { join } from 'node:path';
import { loadCity } from '#platform/city-data.ts';
import { type DatedCap, windowAt } from '#pricing/cap-window.ts';
import type {
  CountedCap,
  HeldProduct,
  ImportTerms,
  QuotaWindow,
  TokenOf,
} from '../../fare-engine/import/import-files.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { UsageError } from '../command.ts';

export interface ImportCity {
  readonly terms: ImportTerms;
}

/** @throws UsageError where the city or its tariffs cannot be read. */
export async function openImportCity(
  cityDir: string | null,
  tokenOf: TokenOf | undefined,
  nowMs: number,
): Promise<ImportCity> {
  if (cityDir === null) throw new UsageError("KVYTOK_CITY_DIR is needed: zone and tariffs are the city's");
  const { zone, currency } = loadCity(cityDir).city;
  const names = await openTariffNames(cityDir);
  return { terms: { zone, currency, nowMs, ...names, ...(tokenOf && { tokenOf }) } };
}

/** What the tariffs of a city call by name. */
export type TariffNames = Pick<ImportTerms, 'products' | 'concessions' | 'quotas' | 'caps' | 'routes'>;

/** Of all packages of a city. @throws UsageError where they have errors. */
export async function openTariffNames(cityDir: string): Promise<TariffNames> {
  const loaded = await loadTariffTimeline(join(cityDir, 'tariff'));
  if (!loaded.ok)
    throw new UsageError(`the tariffs in ${cityDir} have errors: kvytok tariff check shows them`);
  const products = new Map<string, HeldProduct>();
  const concessions = new Set<string>();
  const quotas = new Map<string, QuotaWindow>();
  const caps = new Map<string, CountedCap>();
  const routes = new Set<string>();
  for (const tariff of loaded.timeline.packages) {
    for (const [id, term] of tariff.heldTerms)
      products.set(id, {
        counted:
          products.get(id)?.counted === true || term.rides !== undefined || term.activation === 'first_use',
      });
    for (const { concession_id, quota_window } of tariff.concessions) {
      concessions.add(concession_id);
      if (quota_window !== undefined) quotas.set(concession_id, quota_window);
    }
    for (const cap of tariff.caps) caps.set(cap.cap_id, countedCap(cap));
    for (const routeId of tariff.pricer.feed.networkOfRoute?.keys() ?? []) routes.add(routeId);
  }
  return { products, concessions, quotas, caps, routes };
}

function countedCap(cap: DatedCap): CountedCap {
  return {
    basis: cap.basis,
    untilMs: (fromMs) => {
      const { own } = windowAt(cap, [], [], fromMs);
      return cap.calendar.startOfMs(own.from) === fromMs ? own.untilMs : undefined;
    },
  };
}
