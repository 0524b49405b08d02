/** The real city's timetable and riders, read once for the tests of the fleet. */
import { join } from 'node:path';
import { readCityFiles } from '../../../simulators/city/adapters/read-city-files.ts';
import { createPathFinder } from '../../../simulators/city/find-path.ts';

export const cityDir = join(import.meta.dirname, '../../../cities/ternopil');
export const { timetable, shares } = readCityFiles(cityDir);
export const paths = createPathFinder(timetable);

/** Tuesday 14 October 2025 in Kyiv, at a wall time; hours may pass 24. */
export function tuesday(time: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number);
  return Date.UTC(2025, 9, 13, 21) + ((hours * 60 + minutes) * 60 + seconds) * 1000;
}
