/** The books of a test's database computed again, as `kvytok audit reprice` does it, on threads and on none. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createPool } from '#platform/postgres.ts';
import { repriceDatabase } from '../../../cli/audit/reprice.ts';
import type { RepriceResult } from '../../../fare-engine/reprice/run-reprice.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import type { EngineDatabase } from './engine-database.ts';
import { CITY_DIR } from './running-engine.ts';

/**
 * @param tariff folder of the packages that priced; the days and zone are Ternopil's.
 * @param stopAfter it is stopped when so many days are done; absent = never
 */
export async function repriceBooks(
  engine: EngineDatabase,
  tariff: string,
  days: { readonly fromDay: string; readonly untilDay: string },
  workers: number,
  stopAfter?: number,
): Promise<RepriceResult> {
  const folder = tempFolder('reprice-books');
  mkdirSync(join(folder.path, 'devices'));
  for (const file of ['city.yaml', 'card-media.yaml', 'devices/devices.yaml'])
    cpSync(join(CITY_DIR, file), join(folder.path, file));
  cpSync(tariff, join(folder.path, 'tariff'), { recursive: true });
  const url = engine.database.url('auditor_runtime');
  const pool = createPool({ url, applicationName: 'test-reprice', max: 2 });
  const [reading, asking] = [await pool.connect(), await pool.connect()];
  try {
    const stopping = new AbortController();
    const progress = (done: number) => (done === stopAfter ? stopping.abort() : undefined);
    const watch = { progress, signal: stopping.signal };
    return await repriceDatabase(
      { reading, asking },
      folder.path,
      { ...days, workers, reasons: true },
      watch,
    );
  } finally {
    reading.release();
    asking.release();
    await pool.end();
    folder.remove();
  }
}
