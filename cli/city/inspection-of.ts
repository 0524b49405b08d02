/** What the city's inspectors may ask, from its tariff packages. */
import { join } from 'node:path';
import type { InspectionRule } from '#contracts/enrolment.ts';
import { inspectionRules } from '#pricing/inspection.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';

/** Nothing while a package has errors: then no fare is made either, and the fare engine says what is wrong. */
export async function inspectionOf(cityDir: string): Promise<InspectionRule[]> {
  const loaded = await loadTariffTimeline(join(cityDir, 'tariff'));
  return loaded.ok ? inspectionRules(loaded.timeline.packages) : [];
}
