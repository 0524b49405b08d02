/** A pricing worker of the reference city, put together for benchmarks that drive it turn by turn. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { loadCity } from '#platform/city-data.ts';
import { noProbe } from '#platform/probe.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { createPricer } from '../../fare-engine/main.ts';
import type { FareStore } from '../../fare-engine/ports.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import type { WorkDeps } from '../../fare-engine/work-chunk.ts';

const CITY_DIR = join(import.meta.dirname, '../../cities/ternopil');

/** What a worker needs, on a store, at an instant at which its clock stands still. */
export async function workerOf(store: FareStore, atMs: number): Promise<WorkDeps> {
  const { city } = loadCity(CITY_DIR);
  const days = createFareCalendar(city.zone, city.dayStart);
  const loaded = await loadTariffTimeline(join(CITY_DIR, 'tariff'));
  if (!loaded.ok) throw new Error(`the tariffs of Ternopil have errors: ${loaded.problems[0]?.message}`);
  return {
    store,
    pricer: createPricer(loaded.timeline, days),
    rules: { attemptsMax: 3, clock: city.clock, days, stopCountsFromPct: 0, lateTapAcceptS: 259_200 },
    clock: { nowMs: () => atMs, monotonicMs: () => performance.now() },
    probe: noProbe,
    draw: randomUUID,
  };
}
