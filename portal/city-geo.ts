/**
 * The city's network as GeoJSON: one line for each route and one dot for each stop, from a GTFS feed's tables.
 * Pure: the tables are read elsewhere (adapters/city-folder.ts). GTFS: https://gtfs.org/documentation/schedule/reference/
 */

import type { Language } from '#contracts/reason-codes.ts';
import { type CityNames, nameOf, textOf } from './city-names.ts';

/** A row of a GTFS table: column → text. */
export type Row = Readonly<Record<string, string>>;

/** The tables that a map needs. `shapes` may be empty: lines then follow the stops. */
export interface NetworkTables {
  readonly routes: readonly Row[];
  readonly stops: readonly Row[];
  readonly trips: readonly Row[];
  readonly stopTimes: readonly Row[];
  readonly shapes: readonly Row[];
}

type Position = [lon: number, lat: number];

interface Feature<G> {
  readonly type: 'Feature';
  readonly id: number;
  readonly geometry: G;
  readonly properties: Readonly<Record<string, string | number>>;
}

/** Lines, dots and the box around them: `[west, south, east, north]`. */
export interface CityGeo {
  readonly type: 'FeatureCollection';
  readonly bbox: [number, number, number, number] | null;
  readonly routes: readonly Feature<{ type: 'LineString'; coordinates: Position[] }>[];
  readonly stops: readonly Feature<{ type: 'Point'; coordinates: Position }>[];
}

/** Colours for routes whose feed names none: distinct in hue and in lightness. */
const SPARE_COLOURS = [
  '#0b7a75',
  '#c8553d',
  '#3d5a98',
  '#8f6a00',
  '#7b4b94',
  '#2f7d32',
  '#a23b72',
  '#49657b',
];

/** Makes the map's data. Stops and shape points with senseless coordinates are left out. */
export function cityGeo(tables: NetworkTables): CityGeo {
  const stops = stopPositions(tables.stops);
  const shapes = shapeLines(tables.shapes);
  const trips = longestTrips(tables, shapes);
  const routes = tables.routes.flatMap((route, index) => {
    const trip = trips.get(route['route_id'] ?? '');
    if (!trip) return [];
    const line =
      shapes.get(trip.shapeId) ?? trip.stopIds.map((id) => stops.get(id)).filter((at) => at !== undefined);
    return line.length < 2 ? [] : [routeFeature(route, index, line)];
  });
  const dots = stopFeatures(tables.stops, stops);
  return { type: 'FeatureCollection', bbox: boxAround(routes, dots), routes, stops: dots };
}

/** The same map with the names that a reader of this language knows. */
export function namedGeo(geo: CityGeo, names: CityNames, language: Language): CityGeo {
  const named = <F extends Feature<unknown>>(feature: F, more: Record<string, string>): F => ({
    ...feature,
    properties: { ...feature.properties, ...more },
  });
  return {
    ...geo,
    routes: geo.routes.map((route) => {
      const longName = names.routes.get(String(route.properties['routeId']))?.longName;
      return named(route, { longName: textOf(longName, language) ?? '' });
    }),
    stops: geo.stops.map((stop) =>
      named(stop, { name: nameOf(names.stops, String(stop.properties['stopId']), language) }),
    ),
  };
}

function routeFeature(route: Row, index: number, coordinates: Position[]): CityGeo['routes'][number] {
  return {
    type: 'Feature',
    id: index + 1,
    geometry: { type: 'LineString', coordinates },
    properties: {
      routeId: route['route_id'] ?? '',
      name: route['route_short_name'] || route['route_id'] || '',
      longName: route['route_long_name'] ?? '',
      carrierId: route['agency_id'] ?? '',
      mode: Number(route['route_type'] ?? 3),
      colour: routeColour(route, index),
    },
  };
}

/** `#rrggbb` of a route: the feed's, or one of ours by its place in the feed. */
export function routeColour(route: Row, index: number): string {
  const own = route['route_color'] ?? '';
  return /^[0-9a-f]{6}$/i.test(own)
    ? `#${own.toLowerCase()}`
    : (SPARE_COLOURS[index % SPARE_COLOURS.length] as string);
}

function stopFeatures(rows: readonly Row[], positions: Map<string, Position>): CityGeo['stops'] {
  return rows.flatMap((row, index) => {
    const at = positions.get(row['stop_id'] ?? '');
    // location_type 1 (station) and above stand for groups and entrances, not for places where a bus stops.
    if (!at || Number(row['location_type'] || 0) !== 0) return [];
    return [
      {
        type: 'Feature' as const,
        id: index + 1,
        geometry: { type: 'Point' as const, coordinates: at },
        properties: { stopId: row['stop_id'] ?? '', name: row['stop_name'] || row['stop_id'] || '' },
      },
    ];
  });
}

function stopPositions(rows: readonly Row[]): Map<string, Position> {
  const positions = new Map<string, Position>();
  for (const row of rows) {
    const at = position(row['stop_lon'], row['stop_lat']);
    if (at) positions.set(row['stop_id'] ?? '', at);
  }
  return positions;
}

function position(lon: string | undefined, lat: string | undefined): Position | undefined {
  if (!lon || !lat) return undefined;
  const at: Position = [Number(lon), Number(lat)];
  const sane = Math.abs(at[0]) <= 180 && Math.abs(at[1]) <= 90 && !(at[0] === 0 && at[1] === 0);
  return sane ? at : undefined;
}

/**
 * For each route one trip stands for it: the one with the longest shape, else with most stops. Short workings and
 * the way back lie on the same streets.
 */
function longestTrips(
  tables: NetworkTables,
  shapes: Map<string, Position[]>,
): Map<string, { shapeId: string; stopIds: string[] }> {
  const stopTimes = Map.groupBy(tables.stopTimes, (row) => row['trip_id'] ?? '');
  const best = new Map<string, { trip: Row; size: number }>();
  for (const trip of tables.trips) {
    const routeId = trip['route_id'] ?? '';
    const size =
      shapes.get(trip['shape_id'] ?? '')?.length ?? stopTimes.get(trip['trip_id'] ?? '')?.length ?? 0;
    if (size > (best.get(routeId)?.size ?? 0)) best.set(routeId, { trip, size });
  }
  const chosen = new Map<string, { shapeId: string; stopIds: string[] }>();
  for (const [routeId, { trip }] of best) {
    const calls = [...(stopTimes.get(trip['trip_id'] ?? '') ?? [])];
    calls.sort((a, b) => Number(a['stop_sequence']) - Number(b['stop_sequence']));
    chosen.set(routeId, {
      shapeId: trip['shape_id'] ?? '',
      stopIds: calls.map((call) => call['stop_id'] ?? ''),
    });
  }
  return chosen;
}

function shapeLines(rows: readonly Row[]): Map<string, Position[]> {
  const lines = new Map<string, Position[]>();
  for (const [id, points] of Map.groupBy(rows, (row) => row['shape_id'] ?? '')) {
    points.sort((a, b) => Number(a['shape_pt_sequence']) - Number(b['shape_pt_sequence']));
    const line = points
      .map((row) => position(row['shape_pt_lon'], row['shape_pt_lat']))
      .filter((at) => at !== undefined);
    if (line.length >= 2) lines.set(id, line);
  }
  return lines;
}

function boxAround(routes: CityGeo['routes'], stops: CityGeo['stops']): CityGeo['bbox'] {
  const all = [
    ...routes.flatMap((route) => route.geometry.coordinates),
    ...stops.map((stop) => stop.geometry.coordinates),
  ];
  if (all.length === 0) return null;
  const box: [number, number, number, number] = [180, 90, -180, -90];
  for (const [lon, lat] of all) {
    box[0] = Math.min(box[0], lon);
    box[1] = Math.min(box[1], lat);
    box[2] = Math.max(box[2], lon);
    box[3] = Math.max(box[3], lat);
  }
  return box;
}
