/** When a vehicle has no network: from the seed and the city's time alone. Pure. */
import { randomOf } from './random.ts';

/** The city's time is cut into windows of this length; a vehicle has at most one outage in each. */
const WINDOW_MS = 20 * 60_000;
const OUTAGE_MS_MIN = 2 * 60_000;
const OUTAGE_MS_MAX = 6 * 60_000;

/** Whether a vehicle is without a network at an instant. `chance` is the probability of an outage in 20 minutes. */
export function isCutOff(seed: number, vehicleId: string, atMs: number, chance: number): boolean {
  const window = Math.floor(atMs / WINDOW_MS);
  const random = randomOf(seed, 'outage', vehicleId, window);
  if (!random.chance(chance)) return false;
  const lengthMs = random.between(OUTAGE_MS_MIN, OUTAGE_MS_MAX);
  const beginMs = window * WINDOW_MS + random.between(0, WINDOW_MS - lengthMs);
  return atMs >= beginMs && atMs < beginMs + lengthMs;
}
