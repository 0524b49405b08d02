/**
 * The two test officers of a simulated city. Its packages are activated as anywhere: an author and an approver sign. Their
 * keys are made at the first start and lie in the data folder, so that one can sign for them; no real role knows of them.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { TariffStatement } from '#contracts/tariff-approval.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import type { CityData } from '#platform/city-data.ts';
import { type ApprovalPlaces, placesOf } from '../../fare-engine/adapters/approval-files.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { signStatement, writeApproval } from '../tariff/statement-files.ts';
import { openKey, publicPem } from './city-keys.ts';

export const SIMULATED_OFFICERS = ['simulated-author', 'simulated-approver'] as const;
const REASON = 'Simulated city: a package of the checkout, signed by test officers at the first start.';
const LEAD_HOURS = 1;

/** File of a test officer's key within a data folder. */
export function officerKeyFile(folder: string, officer: string): string {
  return join(folder, 'secrets', 'officers', `${officer}-key.pem`);
}

/**
 * Signs for the packages that are there at the first start; later ones are signed by hand (`kvytok tariff sign --data`).
 * Where the tariffs have errors nothing is signed, and the fare engine says what is wrong.
 */
export async function simulateOfficers(
  folder: string,
  { dir, city }: Pick<CityData, 'dir'> & { readonly city: { readonly id: string } },
  nowMs: number,
): Promise<ApprovalPlaces> {
  const places = placesOf(folder);
  if (existsSync(places.officersFile)) return places;
  mkdirSync(join(folder, 'secrets', 'officers'), { recursive: true, mode: 0o700 });
  mkdirSync(places.dir, { recursive: true });
  const loaded = await loadTariffTimeline(join(dir, 'tariff'));
  const packages = loaded.ok ? loaded.timeline.packages : [];
  const [author, approver] = SIMULATED_OFFICERS;
  for (const { hash, validFromMs } of packages) {
    const said = { v: 1, act: 'activate', city: city.id, packageHash: hash, validFromMs } as const;
    const sign = (officer: string, role: TariffStatement['role']) => {
      const statement = { ...said, officer, role, atMs: nowMs, reason: REASON };
      return signStatement(statement, openKey(officerKeyFile(folder, officer)));
    };
    writeApproval(places.dir, hash, 'activate', [sign(author, 'author'), sign(approver, 'approver')]);
  }
  // Last: with this file the first start is over.
  if (loaded.ok) writeFileAtomic(places.officersFile, officersText(folder));
  return places;
}

function officersText(folder: string): string {
  const officer = (id: string, role: string) => ({
    person: `Test officer of the simulated city: ${role}`,
    roles: [role],
    public_key: publicPem(openKey(officerKeyFile(folder, id))),
    valid_from: '2000-01-01T00:00:00Z',
    valid_until: '2100-01-01T00:00:00Z',
  });
  const [author, approver] = SIMULATED_OFFICERS;
  const officers = { [author]: officer(author, 'author'), [approver]: officer(approver, 'approver') };
  const text = stringify({ v: 1, lead_hours: LEAD_HOURS, officers });
  return `# Made at the first start of the simulated city; nobody real.\n${text}`;
}
