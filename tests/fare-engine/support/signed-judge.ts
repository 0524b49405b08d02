/** Two test officers who have signed for all packages of a city's folder, as an engine judges them. */
import { simulateOfficers } from '../../../cli/city/simulated-officers.ts';
import { readApproval, readOfficers } from '../../../fare-engine/adapters/approval-files.ts';
import type { PackageJudge } from '../../../fare-engine/tariff-life/judge-packages.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** In office from 2000 on; the caller removes the folder when it is done. */
export async function signedJudge(
  cityDir: string,
  nowMs: number,
): Promise<{ judge: PackageJudge; remove(): void }> {
  const folder = tempFolder('officers');
  const places = await simulateOfficers(folder.path, { dir: cityDir, city: { id: 'test' } }, nowMs);
  const judge: PackageJudge = {
    city: 'test',
    officers: readOfficers(places.officersFile),
    statements: (hash, act) => readApproval(places.dir, hash, act),
  };
  return { judge, remove: () => folder.remove() };
}
