/** Where a tap took place, as far as two touches can be one. */
import type { TapFact } from './model.ts';

/** The vehicle, or the device where no vehicle is known; `null` = nobody knows. */
export function placeOf({ vehicleId, deviceId }: TapFact): string | null {
  if (vehicleId !== null) return `vehicle:${vehicleId}`;
  return deviceId === undefined || deviceId === null ? null : `device:${deviceId}`;
}
