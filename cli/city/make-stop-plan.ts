/** `stops.json` of the device folders, from the city's feed: pure, texts in, the file's text out. */
import { parse } from 'csv-parse/sync';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import type { StopNames, StopPlan, StopRules } from '../../edge-agent/stops/stop-plan.ts';

/** The files it reads; a feed need not have the last one. */
export const STOP_PLAN_FILES = [
  'agency.txt',
  'stops.txt',
  'trips.txt',
  'stop_times.txt',
  'translations.txt',
] as const;

type Row = Readonly<Record<string, string>>;

/** Makes the plan: each sequence with its times once, however many trips follow it. */
export function makeStopPlan(texts: Readonly<Record<string, string>>, rules: StopRules): StopPlan {
  const rows = (name: (typeof STOP_PLAN_FILES)[number]): Row[] =>
    parse(texts[name] ?? '', { columns: true, bom: true, skip_empty_lines: true, trim: true });
  const stops: StopPlan['stops'] = {};
  const calls = Map.groupBy(rows('stop_times.txt'), (row) => row['trip_id'] ?? '');
  const places = new Map(rows('stops.txt').map((row) => [row['stop_id'] ?? '', row]));
  const patterns: StopPlan['patterns'] = [];
  const known = new Map<string, number>();
  const trips: StopPlan['trips'] = {};
  for (const trip of rows('trips.txt')) {
    const sequence = (calls.get(trip['trip_id'] ?? '') ?? []).sort(bySequence);
    const first = sequence[0];
    if (first === undefined) continue;
    const firstS = secondsOf(first['departure_time']);
    const pattern: StopPlan['patterns'][number] = {
      routeId: trip['route_id'] ?? '',
      directionId: trip['direction_id'] === '1' ? 1 : 0,
      stopIds: sequence.map((call) => call['stop_id'] ?? ''),
      offsetsS: sequence.map((call) => Math.max(0, secondsOf(call['arrival_time']) - firstS)),
    };
    for (const stopId of pattern.stopIds) {
      const place = places.get(stopId);
      stops[stopId] = [Number(place?.['stop_lat']), Number(place?.['stop_lon'])];
    }
    const key = JSON.stringify(pattern);
    const index = known.get(key) ?? patterns.push(pattern) - 1;
    known.set(key, index);
    trips[trip['trip_id'] ?? ''] = [index, firstS];
  }
  const names = namesOf(Object.keys(stops), places, rows('translations.txt'));
  const zone = rows('agency.txt')[0]?.['agency_timezone'] ?? 'UTC';
  return { v: 1, zone, rules, stops, names, patterns, trips };
}

/** Names of the stops in use. GTFS translates a field by the row's id, or by the text itself wherever it stands. */
function namesOf(
  stopIds: readonly string[],
  places: ReadonlyMap<string, Row>,
  translations: readonly Row[],
): Record<string, StopNames> {
  const ofStops = translations.filter(
    (row) => row['table_name'] === 'stops' && row['field_name'] === 'stop_name',
  );
  const translated = new Map(
    ofStops.map((row) => [
      JSON.stringify([row['language']?.slice(0, 2), row['record_id'] || null, row['field_value'] || null]),
      row['translation'],
    ]),
  );
  const named = stopIds.flatMap((stopId): [string, StopNames][] => {
    const own = places.get(stopId)?.['stop_name'];
    if (!own) return [];
    const found = LANGUAGES.flatMap((code) => {
      const text =
        translated.get(JSON.stringify([code, stopId, null])) ??
        translated.get(JSON.stringify([code, null, own]));
      return text ? [[code, cut(text)]] : [];
    });
    return [[stopId, { own: cut(own), ...Object.fromEntries(found) }]];
  });
  return Object.fromEntries(named);
}

/** A panel has no room for more. */
function cut(name: string): string {
  return name.slice(0, 200);
}

function bySequence(a: Row, b: Row): number {
  return Number(a['stop_sequence']) - Number(b['stop_sequence']);
}

/** GTFS time; hours may pass 24. A call without times has none of its own: it counts as the trip's beginning. */
function secondsOf(text: string | undefined): number {
  const [hours, minutes, seconds] = (text ?? '').split(':').map(Number);
  const total = (hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0);
  return Number.isFinite(total) ? total : 0;
}
