/** The map: the network as our own GeoJSON on a plain ground, vehicles that move, a brief ring where somebody taps. */
import {
  type ExpressionSpecification,
  type GeoJSONSource,
  Map as MapLibre,
  Popup,
  type StyleSpecification,
  setWorkerUrl,
} from 'maplibre-gl';
import type { VehicleWire } from '../schemas.ts';
import type { Pulse } from './city.ts';
import { addImage, type MapColours } from './map-images.ts';
import { createTrack, type Position, type Track, wayBetween } from './motion.ts';

/** `/city/network.json` */
interface Network {
  readonly bbox: [number, number, number, number] | null;
  readonly center: { lat: number; lon: number } | null;
  readonly carriers: Readonly<Record<string, string>>;
  readonly routes: { properties: RouteProperties; geometry: { coordinates: Position[] } }[];
  readonly stops: { properties: { stopId: string; name: string }; geometry: { coordinates: Position } }[];
}
interface RouteProperties {
  readonly routeId: string;
  readonly name: string;
  readonly longName: string;
  readonly carrierId: string;
  readonly colour: string;
}

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
      for (const pulse of pulses) {
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

type PointFeature = GeoJSON.Feature<GeoJSON.Point>;

function point(at: Position, properties: Record<string, string | number>): PointFeature {
  return { type: 'Feature', geometry: { type: 'Point', coordinates: [...at] }, properties };
}

function collection(features: GeoJSON.Feature[]): GeoJSON.FeatureCollection {
  return { type: 'FeatureCollection', features };
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

function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function colours(): MapColours {
  return {
    ink: css('--ink'),
    paper: css('--map-paper'),
    halo: css('--map-ground'),
    alarm: css('--alarm'),
    quiet: css('--ink-soft'),
  };
}

function style(network: Network): StyleSpecification {
  const lines = collection(
    network.routes.map((route, order) => ({
      type: 'Feature',
      geometry: { type: 'LineString', coordinates: route.geometry.coordinates.map((at) => [...at]) },
      // Lines that share a street lie side by side.
      properties: { ...route.properties, shift: (order % 5) - 2 },
    })),
  );
  const ends = collection(
    network.routes.flatMap(({ properties, geometry }) =>
      [geometry.coordinates[0], geometry.coordinates.at(-1)].flatMap((at) =>
        at ? [point(at, { image: `end|${properties.name}|${properties.colour}` })] : [],
      ),
    ),
  );
  const dots = collection(
    network.stops.map((stop) =>
      point(stop.geometry.coordinates, { ...stop.properties, image: `name|${stop.properties.name}` }),
    ),
  );
  const none = collection([]);
  const data = (of: GeoJSON.FeatureCollection) => ({ type: 'geojson' as const, data: of });
  return {
    version: 8,
    sources: {
      lines: data(lines),
      ends: data(ends),
      stops: data(dots),
      vehicles: data(none),
      rings: data(none),
    },
    layers: [...groundLayers(), ...stopLayers(), ...movingLayers()],
  };
}

const byZoom = (...stops: number[]): ExpressionSpecification =>
  ['interpolate', ['linear'], ['zoom'], ...stops] as unknown as ExpressionSpecification;

function groundLayers(): StyleSpecification['layers'] {
  const round = { 'line-cap': 'round', 'line-join': 'round' } as const;
  return [
    { id: 'ground', type: 'background', paint: { 'background-color': css('--map-ground') } },
    {
      id: 'street-edge',
      type: 'line',
      source: 'lines',
      layout: round,
      paint: { 'line-color': css('--map-edge'), 'line-width': byZoom(10, 9, 13, 19, 17, 48) },
    },
    {
      id: 'street',
      type: 'line',
      source: 'lines',
      layout: round,
      paint: { 'line-color': css('--map-street'), 'line-width': byZoom(10, 7, 13, 16, 17, 44) },
    },
    {
      id: 'route',
      type: 'line',
      source: 'lines',
      layout: round,
      paint: {
        'line-color': ['get', 'colour'],
        'line-opacity': 0.85,
        'line-width': byZoom(10, 1.6, 13, 3, 17, 6),
        'line-offset': [
          'interpolate',
          ['linear'],
          ['zoom'],
          10,
          ['*', ['get', 'shift'], 1],
          14,
          ['*', ['get', 'shift'], 3.4],
          17,
          ['*', ['get', 'shift'], 6],
        ] as unknown as ExpressionSpecification,
      },
    },
  ];
}

function stopLayers(): StyleSpecification['layers'] {
  return [
    {
      id: 'stop',
      type: 'circle',
      source: 'stops',
      paint: {
        'circle-radius': byZoom(10, 1.4, 13, 3.2, 16, 6),
        'circle-color': css('--map-paper'),
        'circle-stroke-color': css('--ink-soft'),
        'circle-stroke-width': byZoom(10, 0.8, 14, 1.5),
      },
    },
    {
      id: 'stop-name',
      type: 'symbol',
      source: 'stops',
      minzoom: 12.2,
      layout: {
        'icon-image': ['get', 'image'],
        'icon-anchor': 'top',
        'icon-offset': [0, 5],
        'icon-padding': 6,
      },
    },
    {
      id: 'end',
      type: 'symbol',
      source: 'ends',
      layout: { 'icon-image': ['get', 'image'], 'icon-padding': 1 },
    },
  ];
}

function movingLayers(): StyleSpecification['layers'] {
  const share: ExpressionSpecification = ['get', 'share'];
  const ringColour: ExpressionSpecification = [
    'match',
    ['get', 'result'],
    ['free', 'reduced'],
    css('--budget'),
    ['paid', 'pass'],
    css('--rider'),
    css('--accent'),
  ];
  return [
    {
      id: 'ring',
      type: 'circle',
      source: 'rings',
      paint: {
        'circle-radius': ['+', 12, ['*', share, 30]],
        'circle-color': ringColour,
        'circle-opacity': ['*', 0.25, ['-', 1, share]],
        'circle-stroke-color': ringColour,
        'circle-stroke-width': 2.5,
        'circle-stroke-opacity': ['-', 1, share],
      },
    },
    {
      id: 'heading',
      type: 'symbol',
      source: 'vehicles',
      filter: ['all', ['>=', ['get', 'bearing'], 0], ['==', ['get', 'state'], 'online']],
      layout: {
        'icon-image': ['get', 'heading'],
        'icon-size': byZoom(11, 0.75, 13, 0.95, 15, 1.1),
        'icon-rotate': ['get', 'bearing'],
        'icon-rotation-alignment': 'map',
        'icon-allow-overlap': true,
        'icon-ignore-placement': true,
      },
    },
    {
      id: 'vehicle',
      type: 'symbol',
      source: 'vehicles',
      layout: { 'icon-image': ['get', 'image'], 'icon-allow-overlap': true, 'icon-ignore-placement': true },
    },
  ];
}

function addZoomButtons(map: MapLibre, element: HTMLElement, network: Network): void {
  const box = document.createElement('div');
  box.className = 'map-buttons';
  const button = (text: string, label: string, act: () => void): void => {
    const made = document.createElement('button');
    made.type = 'button';
    made.textContent = text;
    made.setAttribute('aria-label', label);
    made.addEventListener('click', act);
    box.append(made);
  };
  button('+', '+', () => map.zoomIn());
  button('−', '−', () => map.zoomOut());
  button(
    '⤢',
    element.dataset['all'] ?? '',
    () => network.bbox && map.fitBounds(network.bbox, { padding: 30 }),
  );
  element.append(box);
}

function addPopups(map: MapLibre, element: HTMLElement, network: Network): void {
  const stops = new Map(network.stops.map((stop) => [stop.properties.stopId, stop.properties.name]));
  const routes = new Map(network.routes.map((route) => [route.properties.routeId, route.properties]));
  const states = JSON.parse(element.dataset['states'] ?? '{}') as Record<string, string>;
  const popup = new Popup({ closeButton: false, offset: 18, maxWidth: '280px' });
  const show = (at: { lng: number; lat: number }, title: string, lines: (string | undefined)[]): void => {
    const box = document.createElement('div');
    for (const [i, line] of [title, ...lines].entries()) {
      if (!line) continue;
      const part = document.createElement(i === 0 ? 'strong' : 'span');
      part.textContent = line;
      box.append(part);
    }
    popup.setLngLat(at).setDOMContent(box).addTo(map);
  };
  map.on('click', 'vehicle', ({ features, lngLat }) => {
    const about = features?.[0]?.properties ?? {};
    const route = routes.get(String(about['routeId']));
    const next = stops.get(String(about['nextStopId']));
    show(lngLat, `${route?.name ?? '–'} · ${String(about['vehicleId'])}`, [
      route?.longName,
      route && network.carriers[route.carrierId],
      next && `${element.dataset['next']}: ${next}`,
      states[String(about['state'])],
    ]);
  });
  map.on('click', 'stop', ({ features, lngLat }) => {
    show(lngLat, String(features?.[0]?.properties?.['name'] ?? ''), [element.dataset['stop']]);
  });
  for (const layer of ['vehicle', 'stop']) {
    map.on('mouseenter', layer, () => map.getCanvas().classList.add('over'));
    map.on('mouseleave', layer, () => map.getCanvas().classList.remove('over'));
  }
}
