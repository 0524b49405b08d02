/**
 * Makes the feed `cities/ternopil/gtfs` from the readable description `cities/ternopil/network.yaml`.
 * The same description always gives the same bytes; tests/cities/ternopil-gtfs.test.ts compares them with the
 * committed feed. Run: `node scripts/make-ternopil-gtfs.ts`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { latin, polish } from './transliterate.ts';

interface Line {
  id: string;
  name: string;
  kind: 'trolleybus' | 'bus';
  agency: string;
  colour: string;
  vehicles: number;
  via: string[];
}

interface Network {
  version: string;
  calendar: { from: string; until: string };
  agencies: { id: string; name: string; url: string }[];
  /** Ukrainian name → its English, German and Polish form. */
  names: Record<string, [en: string, de: string, pl: string]>;
  service: { firstDeparture: string; lastDeparture: string; dwellS: number; layoverMin: number };
  speeds: { trolleybus: number; bus: number; peakFactor: number; peaks: [string, string][] };
  stops: Record<string, [name: string, lat: number, lon: number, district: string]>;
  lines: Line[];
}

type Cell = string | number;
type Files = Map<string, string>;

const SERVICES = [
  { id: 'weekday', days: [1, 1, 1, 1, 1, 0, 0], peaks: true },
  { id: 'weekend', days: [0, 0, 0, 0, 0, 1, 1], peaks: false },
];
const EARTH_RADIUS_M = 6_371_008.8;
/** Times are rounded to this many seconds: a timetable, not a stopwatch. */
const ROUND_S = 5;

/** Makes all files of the feed; keys are file names. Throws when the description contradicts itself. */
export function makeFeed(network: Network): Files {
  const files: Files = new Map();
  const put = (name: string, header: string, rows: Cell[][]) => files.set(name, csv(header, rows));
  putFrame(network, put);
  const trips: Cell[][] = [];
  const stopTimes: Cell[][] = [];
  const shapes: Cell[][] = [];
  for (const line of network.lines) {
    for (const direction of [0, 1] as const) {
      const points = pathOf(network, line, direction);
      points.forEach((p, i) => {
        shapes.push([`${line.id}-${direction}`, p.lat, p.lon, i + 1, p.distM]);
      });
    }
    for (const service of SERVICES) planLine(network, line, service, trips, stopTimes);
  }
  put('trips.txt', 'route_id,service_id,trip_id,trip_headsign,direction_id,block_id,shape_id', trips);
  put(
    'stop_times.txt',
    'trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled',
    stopTimes,
  );
  put('translations.txt', 'table_name,field_name,language,translation,record_id', translationRows(network));
  put('shapes.txt', 'shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence,shape_dist_traveled', shapes);
  return files;
}

function putFrame(network: Network, put: (name: string, header: string, rows: Cell[][]) => void): void {
  put(
    'agency.txt',
    'agency_id,agency_name,agency_url,agency_timezone,agency_lang',
    network.agencies.map((a) => [a.id, a.name, a.url, 'Europe/Kyiv', 'uk']),
  );
  put('feed_info.txt', 'feed_publisher_name,feed_publisher_url,feed_lang,feed_version', [
    [
      'Kvytok: спрощена мережа Тернополя, не для планування поїздок',
      'https://ternopilcity.gov.ua/',
      'uk',
      network.version,
    ],
  ]);
  put(
    'stops.txt',
    'stop_id,stop_name,stop_desc,stop_lat,stop_lon',
    Object.entries(network.stops).map(([id, [name, lat, lon, district]]) => [
      id,
      name,
      district,
      fix(lat),
      fix(lon),
    ]),
  );
  // GTFS route_type: 11 trolleybus, 3 bus.
  put(
    'routes.txt',
    'route_id,agency_id,route_short_name,route_long_name,route_type,route_color,route_text_color',
    network.lines.map((l) => [
      l.id,
      l.agency,
      l.name,
      termini(network, l).join(' – '),
      l.kind === 'trolleybus' ? 11 : 3,
      l.colour,
      'FFFFFF',
    ]),
  );
  put(
    'calendar.txt',
    'service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date',
    SERVICES.map((s) => [s.id, ...s.days, network.calendar.from, network.calendar.until]),
  );
}

const LANGUAGES = ['en', 'de', 'pl'] as const;
/** What a street's name begins with, and the whole name in each language. */
const WAYS: Record<string, [en: string, de: string, pl: string]> = {
  'Вул.': ['* St', '*-Straße', 'ul. *'],
  Бульвар: ['* Blvd', '*-Boulevard', 'bulwar *'],
  Проспект: ['* Ave', '*-Prospekt', 'prospekt *'],
};

/** Rows of translations.txt: agencies, stops and routes, each in three languages. */
function translationRows(network: Network): Cell[][] {
  const rows = (table: string, field: string, id: string, names: string[]) =>
    LANGUAGES.map((language, i) => [
      table,
      field,
      language,
      names.map((name) => translated(network, name)[i]).join(' – '),
      id,
    ]);
  return [
    ...network.agencies.flatMap((a) => rows('agency', 'agency_name', a.id, [a.name])),
    ...Object.entries(network.stops).flatMap(([id, [name]]) => rows('stops', 'stop_name', id, [name])),
    ...network.lines.flatMap((l) => rows('routes', 'route_long_name', l.id, termini(network, l))),
  ];
}

function translated(network: Network, name: string): [en: string, de: string, pl: string] {
  const own = network.names[name];
  if (own) return own;
  const [first, ...rest] = name.split(' ');
  const way = WAYS[first as string];
  const proper = way ? rest.join(' ') : name;
  const spelt = [latin(proper), latin(proper), polish(proper)] as const;
  return spelt.map((text, i) => (way ? (way[i] as string).replace('*', text) : text)) as [
    string,
    string,
    string,
  ];
}

function termini(network: Network, line: Line): string[] {
  return [stopOf(network, line.via[0])[0], stopOf(network, line.via.at(-1))[0]];
}

/** Every trip of a line: its vehicles go to and fro all day, evenly spread over one round trip. */
function planLine(
  network: Network,
  line: Line,
  service: (typeof SERVICES)[number],
  trips: Cell[][],
  stopTimes: Cell[][],
): void {
  const { firstDeparture, lastDeparture, layoverMin } = network.service;
  const layoverS = layoverMin * 60;
  const firstS = secondsOf(firstDeparture);
  const roundS = 2 * (tripEnd(network, line, 0, firstS, false) - firstS + layoverS);
  for (let vehicle = 0; vehicle < line.vehicles; vehicle++) {
    let departS = firstS + roundTo((roundS * vehicle) / line.vehicles, 60);
    // Every second vehicle begins at the far end, so that both directions run from early on.
    let direction = (vehicle % 2) as 0 | 1;
    while (departS <= secondsOf(lastDeparture)) {
      const tripId = `${line.id}-${vehicle + 1}-${service.id === 'weekday' ? 'wd' : 'we'}-${clockText(departS).slice(0, 5).replace(':', '')}`;
      const last = line.via[direction === 0 ? line.via.length - 1 : 0];
      const headsign = stopOf(network, last)[0];
      trips.push([
        line.id,
        service.id,
        tripId,
        headsign,
        direction,
        `${line.id}-${vehicle + 1}`,
        `${line.id}-${direction}`,
      ]);
      const calls = callsOf(network, line, direction, departS, service.peaks);
      calls.forEach((c, i) => {
        stopTimes.push([tripId, clockText(c.arrivalS), clockText(c.departureS), c.stopId, i + 1, c.distM]);
      });
      departS = roundTo((calls.at(-1) as Call).departureS + layoverS, 60);
      direction = direction === 0 ? 1 : 0;
    }
  }
}

interface Call {
  stopId: string;
  arrivalS: number;
  departureS: number;
  distM: number;
}

function callsOf(network: Network, line: Line, direction: 0 | 1, departS: number, peaks: boolean): Call[] {
  const path = pathOf(network, line, direction);
  const calls: Call[] = [];
  path.forEach((point, i) => {
    const before = calls[i - 1];
    if (!before) {
      calls.push({ stopId: point.stopId, arrivalS: departS, departureS: departS, distM: 0 });
      return;
    }
    const speedKmh =
      network.speeds[line.kind] *
      (peaks && inPeak(network, before.departureS) ? network.speeds.peakFactor : 1);
    const driveS = roundTo(((point.distM - before.distM) / 1000 / speedKmh) * 3600, ROUND_S);
    const arrivalS = before.departureS + Math.max(driveS, ROUND_S);
    const isLast = i === path.length - 1;
    calls.push({
      stopId: point.stopId,
      arrivalS,
      departureS: isLast ? arrivalS : arrivalS + network.service.dwellS,
      distM: point.distM,
    });
  });
  return calls;
}

function tripEnd(network: Network, line: Line, direction: 0 | 1, departS: number, peaks: boolean): number {
  return (callsOf(network, line, direction, departS, peaks).at(-1) as Call).arrivalS;
}

function inPeak(network: Network, atS: number): boolean {
  return network.speeds.peaks.some(([from, until]) => atS >= secondsOf(from) && atS < secondsOf(until));
}

/** Stops of a line in one direction with the distance from its start, in whole metres. */
function pathOf(network: Network, line: Line, direction: 0 | 1) {
  const ids = direction === 0 ? line.via : line.via.toReversed();
  let distM = 0;
  let previous: { lat: number; lon: number } | undefined;
  return ids.map((stopId) => {
    const [, lat, lon] = stopOf(network, stopId);
    if (previous) distM += Math.round(distanceM(previous, { lat, lon }));
    previous = { lat, lon };
    return { stopId, lat: fix(lat), lon: fix(lon), distM };
  });
}

/** Great-circle distance (haversine). */
function distanceM(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const rad = Math.PI / 180;
  const h =
    Math.sin(((b.lat - a.lat) * rad) / 2) ** 2 +
    Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(((b.lon - a.lon) * rad) / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(h));
}

function stopOf(network: Network, id: string | undefined): Network['stops'][string] {
  const stop = id === undefined ? undefined : network.stops[id];
  if (!stop) throw new Error(`network.yaml: there is no stop "${id}"`);
  return stop;
}

const fix = (degrees: number) => degrees.toFixed(5);
const roundTo = (value: number, step: number) => Math.round(value / step) * step;

function secondsOf(text: string): number {
  const [hours, minutes] = text.split(':').map(Number);
  return (hours as number) * 3600 + (minutes as number) * 60;
}

/** GTFS time: hours may pass 24, because a trip belongs to the day on which it began. */
function clockText(atS: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${two(Math.floor(atS / 3600))}:${two(Math.floor(atS / 60) % 60)}:${two(atS % 60)}`;
}

function csv(header: string, rows: Cell[][]): string {
  const cell = (value: Cell) =>
    /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  return `${[header, ...rows.map((row) => row.map(cell).join(','))].join('\n')}\n`;
}

const city = join(dirname(fileURLToPath(import.meta.url)), '..', 'cities', 'ternopil');

/** Reads the description from its place. */
export function readNetwork(): Network {
  return parse(readFileSync(join(city, 'network.yaml'), 'utf8')) as Network;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(join(city, 'gtfs'), { recursive: true });
  for (const [name, text] of makeFeed(readNetwork())) writeFileSync(join(city, 'gtfs', name), text);
}
