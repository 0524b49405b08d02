/** A snapshot of a quiet city; say what is different. */
import type { CityWire } from '../../../portal/schemas.ts';

export function aCity(different: Partial<CityWire> = {}): CityWire {
  return {
    v: 1,
    city: { id: 'ternopil', name: 'Тернопіль', zone: 'Europe/Kyiv', currency: 'UAH' },
    nowMs: Date.UTC(2025, 9, 14, 4, 13, 0),
    speed: 10,
    staleSinceMs: null,
    attention: [],
    taps: [],
    vehicles: [],
    devices: [],
    totals: [],
    budgetOwed: [],
    ledger: [],
    counts: null,
    quarantine: [],
    pace: { sliceMs: 60_000, slices: [] },
    ...different,
  };
}
