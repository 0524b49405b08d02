/** The role itself, as `kvytok serve fare-engine` starts it, on Ternopil's real tariffs. */
import { fileURLToPath } from 'node:url';
import { loadCity } from '#platform/city-data.ts';
import { createLogger } from '#platform/logger.ts';
import type { Role } from '#platform/role.ts';
import { simulateOfficers } from '../../../cli/city/simulated-officers.ts';
import type { FareEngineConfig } from '../../../fare-engine/config.ts';
import { startFareEngine } from '../../../fare-engine/main.ts';
import { reconcile } from '../../../fare-engine/reconcile.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';
import type { EngineDatabase } from './engine-database.ts';

export const CITY_DIR = fileURLToPath(new URL('../../../cities/ternopil', import.meta.url));

/** Starts it with two officers who have signed for all that lies there now; the test stops it. */
export async function startEngine(
  engine: EngineDatabase,
  config: Partial<FareEngineConfig> = {},
): Promise<Role> {
  const log = createLogger({ component: 'test-fare-engine', level: 'error' });
  const cityDir = config.cityDir ?? CITY_DIR;
  const folder = tempFolder('officers');
  try {
    const approvals = await simulateOfficers(folder.path, loadCity(cityDir), engine.clock.nowMs());
    return await startFareEngine(
      { postgresUrl: engine.database.url('fare_runtime'), cityDir, approvals, ...config },
      { clock: engine.clock, log },
    );
  } finally {
    folder.remove();
  }
}

/** Waits until nothing waits any more, and gives what the books say. */
export async function settled(engine: EngineDatabase, taps: number) {
  return until(async () => {
    const found = await reconcile(engine.admin);
    return found.inbox + found.queue + found.commandsWaiting === 0 && found.taps === taps ? found : null;
  });
}
