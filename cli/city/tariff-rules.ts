/** What the city's devices are told from its tariff packages. */
import { join } from 'node:path';
import { companionRules } from '#pricing/companion-rules.ts';
import { inspectionRules } from '#pricing/inspection.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import type { TariffRules } from '../../ingest/enrolment/config.ts';

/** Nothing while a package has errors: then no fare is made either, and the fare engine says what is wrong. */
export async function tariffRulesOf(cityDir: string): Promise<TariffRules> {
  const loaded = await loadTariffTimeline(join(cityDir, 'tariff'));
  if (!loaded.ok) return {};
  const { packages } = loaded.timeline;
  return { inspection: inspectionRules(packages), companions: companionRules(packages) };
}
