/**
 * A receiver of satellite navigation in a vehicle: a position that is some metres off, worse between tall houses, and now
 * and then none at all. Everything comes from the seed, the vehicle and the time.
 */
import type { PositionFix } from '../../edge-agent/stops/find-stop.ts';
import { randomOf } from './random.ts';
import type { Position } from './vehicle-place.ts';

export interface GnssReceiver {
  /** What it says of a true position; `null` = no satellites. `standing`: its speed is 0. */
  read(at: Position, standing: boolean, nowMs: number): PositionFix | null;
}

/** Errors of a receiver stay alike for a while: they come from houses and satellites, not from one reading. */
const SKY_MS = 20_000;
const OUTAGE_CHANCE = 0.01;
const STREET_CANYON_CHANCE = 0.1;
const ACCURACY_M = 5;
const CANYON_ACCURACY_M = 25;
const SPEED_MPS = 8;
const METRES_PER_DEGREE = 111_195;

/** Makes the receiver of one vehicle. */
export function createGnssReceiver(seed: number, vehicleId: string): GnssReceiver {
  return {
    read(at, standing, nowMs) {
      const random = randomOf(seed, 'gnss', vehicleId, Math.floor(nowMs / SKY_MS));
      if (random.chance(OUTAGE_CHANCE)) return null;
      const accuracyM = random.chance(STREET_CANYON_CHANCE) ? CANYON_ACCURACY_M : ACCURACY_M;
      const [northM, eastM] = normalPair(random.next(), random.next());
      const metresPerDegreeEast = METRES_PER_DEGREE * Math.cos((at.lat * Math.PI) / 180);
      return {
        // The accuracy is the radius of 68 %: about 1.5 standard deviations of each axis.
        lat: at.lat + (northM * accuracyM) / 1.5 / METRES_PER_DEGREE,
        lon: at.lon + (eastM * accuracyM) / 1.5 / metresPerDegreeEast,
        accuracyM,
        speedMps: standing ? 0 : SPEED_MPS,
        bearingDeg: at.bearing,
      };
    },
  };
}

/** Two independent normal numbers from two uniform ones (Box and Muller, 1958). */
function normalPair(a: number, b: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(1 - a));
  return [radius * Math.cos(2 * Math.PI * b), radius * Math.sin(2 * Math.PI * b)];
}
