/** What the map looks like: a plain ground, streets, routes side by side, stops, and on top what moves. */
import type { ExpressionSpecification, StyleSpecification } from 'maplibre-gl';
import type { MapColours } from './map-images.ts';
import { collection, type Network, point } from './network.ts';

function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function colours(): MapColours {
  return {
    ink: css('--ink'),
    paper: css('--map-paper'),
    halo: css('--map-ground'),
    alarm: css('--alarm'),
    quiet: css('--ink-soft'),
  };
}

export function style(network: Network): StyleSpecification {
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
        'circle-opacity': ['*', 0.12, ['-', 1, share]],
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
