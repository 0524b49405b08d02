/** Taps as the auditor's rules see them. */
import type { HuntTap } from '../../../fare-engine/anomalies/hunt-facts.ts';

export const T0 = Date.UTC(2025, 9, 14, 6);
let number = 0;
/** A ride on bus-1, unless changed. */
export const tap = (changes: Partial<HuntTap> = {}): HuntTap => ({
  tapId: `val-1.e.${String(++number).padStart(6, '0')}`,
  fareDay: '2025-10-14',
  atMs: T0,
  uncertaintyMs: 0,
  deviceId: 'val-1',
  vehicleId: 'bus-1',
  carrierId: 'tet',
  routeId: 'T2',
  tripId: 'trip-1',
  stopId: 'a',
  tokenId: 'k1.a',
  ride: true,
  concessionId: 'pensioner',
  claimed: true,
  ...changes,
});
/** The same some seconds later. */
export const later = (seconds: number, changes: Partial<HuntTap> = {}) =>
  tap({ atMs: T0 + seconds * 1000, ...changes });
