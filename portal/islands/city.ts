/** The city page comes alive: clock, stream, explanations at once; map and plots as soon as the page stands. */
import type { PaceWire, VehicleWire } from '../schemas.ts';
import { startCityClock } from './city-clock.ts';
import type { CityMap } from './city-map.ts';
import { startLiveTaps } from './live-taps.ts';
import type { Plots } from './plots.ts';
import { startSheet } from './sheet.ts';
import { keepConnecting, onStream, showConnection } from './stream.ts';

/** A tap as the stream tells it to the map. */
export interface Pulse {
  readonly tapId: string;
  readonly vehicleId: string | null;
  readonly stopId: string | null;
  readonly result: string;
}

interface Snapshot {
  readonly vehicles: VehicleWire[];
  readonly pace: PaceWire;
}

const first = JSON.parse(document.getElementById('snapshot')?.textContent ?? '{}') as Snapshot;
let map: CityMap | undefined;
let plots: Plots | undefined;
let vehicles = first.vehicles;
let pace = { ...first.pace, speed: Number(document.getElementById('city-time')?.dataset['speed'] ?? 1) };

const clock = startCityClock();
startSheet();
showConnection();
keepConnecting(Math.random);
startLiveTaps();

onStream<{ nowMs: number; speed: number }>('clock', (now) => clock.set(now));
onStream<VehicleWire[]>('vehicles', (fresh) => {
  vehicles = fresh;
  map?.moveVehicles(fresh);
});
onStream<typeof pace>('pace', (fresh) => {
  pace = fresh;
  plots?.draw(fresh);
});
onStream<Pulse[]>('taps', (pulses) => map?.pulse(pulses));

void startPlots();
void startMap();

async function startPlots(): Promise<void> {
  const { createPlots } = await import('./plots.ts');
  plots = createPlots();
  plots.draw(pace);
}

async function startMap(): Promise<void> {
  const element = document.getElementById('map');
  if (!element) return;
  try {
    // An old phone without WebGL need not load the map's megabyte to learn that it cannot draw it.
    if (!document.createElement('canvas').getContext('webgl2')) throw new Error('no WebGL 2');
    const { createCityMap } = await import('./city-map.ts');
    map = await createCityMap(element);
    map.moveVehicles(vehicles);
  } catch (error) {
    // No WebGL, no map: everything on it stands in the table below.
    element.classList.add('map-failed');
    element.textContent = element.dataset['failed'] ?? '';
    console.warn('map', error);
  }
}
