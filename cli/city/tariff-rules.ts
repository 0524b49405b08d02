/** What the city's devices are told from its tariff packages. */
import { join } from 'node:path';
import { type CitySigner, sealEnvelope } from '#contracts/signed-envelope.ts';
import type { CityData } from '#platform/city-data.ts';
import { companionRules } from '#pricing/companion-rules.ts';
import { inspectionRules } from '#pricing/inspection.ts';
import { extractTariffs } from '#pricing/tariff-extract.ts';
import { readApproval } from '../../fare-engine/adapters/approval-files.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import type { TariffRules } from '../../ingest/enrolment/config.ts';

export interface ToldOfTariffs {
  readonly rules: TariffRules;
  /** Signed text of `tariff-extract.json`. */
  readonly tariff?: string;
}

/**
 * Nothing while a package has errors: then no fare is made either, and the fare engine says what is wrong. Of packages that
 * nobody has signed for nothing is told.
 */
export async function toldOfTariffs(
  { dir, city }: CityData,
  signer: CitySigner,
  approvals: string,
): Promise<ToldOfTariffs> {
  const loaded = await loadTariffTimeline(join(dir, 'tariff'));
  if (!loaded.ok) return { rules: {} };
  const packages = loaded.timeline.packages.filter(
    ({ hash }) =>
      readApproval(approvals, hash, 'activate') !== null &&
      readApproval(approvals, hash, 'withdraw') === null,
  );
  return {
    rules: { inspection: inspectionRules(packages), companions: companionRules(packages) },
    tariff: sealEnvelope('tariff-extract', extractTariffs(packages, city), signer).toString('utf8'),
  };
}
