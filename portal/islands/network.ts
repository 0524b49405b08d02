/** The network as the server hands it out, and small makers of GeoJSON. */
import type { Position } from './motion.ts';

/** `/city/network.json` */
export interface Network {
  readonly bbox: [number, number, number, number] | null;
  readonly center: { lat: number; lon: number } | null;
  readonly carriers: Readonly<Record<string, string>>;
  readonly routes: { properties: RouteProperties; geometry: { coordinates: Position[] } }[];
  readonly stops: { properties: { stopId: string; name: string }; geometry: { coordinates: Position } }[];
}
export interface RouteProperties {
  readonly routeId: string;
  readonly name: string;
  readonly longName: string;
  readonly carrierId: string;
  readonly colour: string;
}

export type PointFeature = GeoJSON.Feature<GeoJSON.Point>;

export function point(at: Position, properties: Record<string, string | number>): PointFeature {
  return { type: 'Feature', geometry: { type: 'Point', coordinates: [...at] }, properties };
}

export function collection(features: GeoJSON.Feature[]): GeoJSON.FeatureCollection {
  return { type: 'FeatureCollection', features };
}
