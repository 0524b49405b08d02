/** The map: the network as our own GeoJSON on a plain ground, vehicles that move, a brief ring where somebody taps. */
import { type GeoJSONSource, Map as MapLibre, setWorkerUrl } from 'maplibre-gl';
import type { VehicleWire } from '../schemas.ts';
import type { Pulse } from './city.ts';
import { addPopups, addZoomButtons } from './map-controls.ts';
import { addImage } from './map-images.ts';
import { colours, style } from './map-style.ts';
import { createTrack, type Position, type Track, wayBetween } from './motion.ts';
import { collection, type Network, type PointFeature, point, type RouteProperties } from './network.ts';

export interface CityMap {
  moveVehicles(vehicles: readonly VehicleWire[]): void;
  pulse(pulses: readonly Pulse[]): void;
}

/** A vehicle on its way from its last place to its next. */
interface Moving {
  readonly vehicle: VehicleWire;
  readonly way: (share: number) => Position;
  readonly fromMs: number;
  readonly lengthMs: number;
}

const FRAME_MS = 50;
const PULSE_MS = 1600;
const PULSES_MAX = 40;
/** Reports come every few seconds; a longer silence is no slow journey. */
const WAY_MS_MAX = 8000;
const WAY_MS_MIN = 400;

/** Makes the map in its place. Rejects where WebGL is missing. */
export async function createCityMap(element: HTMLElement): Promise<CityMap> {
  const network = (await (await fetch('/city/network.json')).json()) as Network;
  setWorkerUrl('/vendor/maplibre-gl/maplibre-gl-worker.mjs');
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const calm = matchMedia('(prefers-reduced-motion: reduce)');
  const map = new MapLibre({
    container: element,
    style: style(network),
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    maxPitch: 0,
    minZoom: 9,
    maxZoom: 17,
    cooperativeGestures: false,
    ...(network.bbox
      ? { bounds: network.bbox, fitBoundsOptions: { padding: 30 } }
      : { center: [network.center?.lon ?? 0, network.center?.lat ?? 0] as [number, number], zoom: 12 }),
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  // The page scrolls past the map; zooming by wheel asks for the control key, as embedded maps do.
  map.scrollZoom.disable();
  map.setMissingStyleImageResolver((id) => addImage(map, id, colours()));
  await new Promise<void>((resolve) => map.once('load', () => resolve()));
  dark.addEventListener('change', () => map.setStyle(style(network)));
  addZoomButtons(map, element, network);
  addPopups(map, element, network);
  return animate(map, network, calm);
}

function animate(map: MapLibre, network: Network, calm: MediaQueryList): CityMap {
  const tracks = new Map<string, Track>(
    network.routes.map((route) => [route.properties.routeId, createTrack(route.geometry.coordinates)]),
  );
  const routes = new Map(network.routes.map((route) => [route.properties.routeId, route.properties]));
  const stops = new Map(network.stops.map((stop) => [stop.properties.stopId, stop.geometry.coordinates]));
  const moving = new Map<string, Moving>();
  const rings: { at: Position; result: string; fromMs: number }[] = [];
  let drawnAtMs = 0;

  const placeOf = (entry: Moving, nowMs: number): Position =>
    entry.way(calm.matches ? 1 : Math.min(1, (nowMs - entry.fromMs) / entry.lengthMs));

  function frame(nowMs: number): void {
    requestAnimationFrame(frame);
    if (nowMs - drawnAtMs < FRAME_MS || document.hidden) return;
    drawnAtMs = nowMs;
    void source(map, 'vehicles')?.setData(
      collection(
        [...moving.values()].map((entry) => vehicleFeature(entry.vehicle, placeOf(entry, nowMs), routes)),
      ),
    );
    while (rings[0] && nowMs - rings[0].fromMs > PULSE_MS) rings.shift();
    void source(map, 'rings')?.setData(
      collection(
        rings.map((ring) => point(ring.at, { share: (nowMs - ring.fromMs) / PULSE_MS, result: ring.result })),
      ),
    );
  }
  requestAnimationFrame(frame);

  return {
    moveVehicles(vehicles) {
      const nowMs = performance.now();
      const here = new Set(vehicles.map((vehicle) => vehicle.vehicleId));
      for (const id of moving.keys()) if (!here.has(id)) moving.delete(id);
      for (const vehicle of vehicles) {
        const known = moving.get(vehicle.vehicleId);
        const to: Position = [vehicle.lon, vehicle.lat];
        if (known && known.vehicle.atMs === vehicle.atMs) {
          moving.set(vehicle.vehicleId, { ...known, vehicle });
          continue;
        }
        const from = known ? placeOf(known, nowMs) : to;
        // The next report will take about as long as this one took.
        const lengthMs = known ? Math.min(WAY_MS_MAX, Math.max(WAY_MS_MIN, nowMs - known.fromMs)) : 1;
        const way = wayBetween(from, to, tracks.get(vehicle.routeId ?? ''));
        moving.set(vehicle.vehicleId, { vehicle, way, fromMs: nowMs, lengthMs });
      }
    },
    pulse(pulses) {
      const nowMs = performance.now();
      // Many tap at one door at once: one ring for each place and result is enough to see it.
      for (const pulse of new Map(pulses.map((one) => [`${one.vehicleId}/${one.result}`, one])).values()) {
        const vehicle = pulse.vehicleId === null ? undefined : moving.get(pulse.vehicleId);
        const at = vehicle ? placeOf(vehicle, nowMs) : stops.get(pulse.stopId ?? '');
        if (at) rings.push({ at, result: pulse.result, fromMs: nowMs });
      }
      if (rings.length > PULSES_MAX) rings.splice(0, rings.length - PULSES_MAX);
    },
  };
}

function source(map: MapLibre, id: string): GeoJSONSource | undefined {
  return map.getSource(id) as GeoJSONSource | undefined;
}

function vehicleFeature(
  vehicle: VehicleWire,
  at: Position,
  routes: Map<string, RouteProperties>,
): PointFeature {
  const route = routes.get(vehicle.routeId ?? '');
  const colour = route?.colour ?? '#5b6b66';
  return point(at, {
    vehicleId: vehicle.vehicleId,
    image: `vehicle|${route?.name ?? '·'}|${vehicle.state}|${colour}`,
    heading: `heading|${colour}`,
    bearing: vehicle.bearing ?? -1,
    state: vehicle.state,
    routeId: vehicle.routeId ?? '',
    nextStopId: vehicle.nextStopId ?? '',
  });
}
