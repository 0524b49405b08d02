/** The plan of a month in a real city's folder: its timetable, its vehicles, its concessions. */
import { loadCity } from '#platform/city-data.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { readCityFiles } from '../../city/adapters/read-city-files.ts';
import type { MonthPlan, SimVehicle } from '../honest-month.ts';

/** Every second vehicle has two doors with a validator each, so that doors can be compared. */
export function cityPlan(
  dir: string,
  wishes: Pick<MonthPlan, 'seed' | 'riders' | 'fromDay' | 'days'>,
): MonthPlan {
  const { timetable, shares } = readCityFiles(dir);
  const { city, devices } = loadCity(dir);
  const vehicles = devices.flatMap(({ deviceId, vehicleId, carrierId, blockId }, at): SimVehicle[] => {
    if (vehicleId === undefined || blockId === undefined) return [];
    const doors = at % 2 === 0 ? [deviceId, `${deviceId}-b`] : [deviceId];
    return [{ vehicleId, carrierId, blockId, devices: doors }];
  });
  const bounds = createFareCalendar(city.zone, city.dayStart);
  return { ...wishes, timetable, bounds, vehicles, concessions: shares.concessions };
}
