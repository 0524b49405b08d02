/**
 * Reads the files of a GTFS feed that fares need. Errors make the feed unusable; what the standard forbids but has a
 * plain meaning is a warning and is read in the stated way. Files that the standard calls optional may be absent: then
 * no fare is known.
 */

import { decodeJson } from '#contracts/parse.ts';
import type { FareFeed, JoinRule, Service, Stop, Timeframe } from '../fares-v2/fare-feed.ts';
import { asWarning, compareFileProblems, type FileProblem } from '../file-problem.ts';
import { findZone, type Zone } from '../local-time.ts';
import { parseGtfsDate, parseLocalTimeS } from './cells.ts';
import { checkDefaultCategories } from './check-categories.ts';
import { checkColumns } from './check-columns.ts';
import { checkReferences } from './check-references.ts';
import { readCategories, readLegRules, readMedia, readProducts, readTransferRules } from './read-fares.ts';
import { readTranslations } from './read-translations.ts';
import { type FeedFiles, openTable, quote } from './row-reader.ts';

/** Names of the files that are read; others need not be loaded. */
export const FARE_FILES: readonly string[] = [
  'agency.txt',
  'stops.txt',
  'location_groups.txt',
  'locations.geojson',
  'routes.txt',
  'calendar.txt',
  'calendar_dates.txt',
  'fare_media.txt',
  'fare_products.txt',
  'rider_categories.txt',
  'fare_leg_rules.txt',
  'fare_leg_join_rules.txt',
  'fare_transfer_rules.txt',
  'timeframes.txt',
  'areas.txt',
  'stop_areas.txt',
  'networks.txt',
  'route_networks.txt',
  'translations.txt',
];

export interface ReadFeedOptions {
  /** Zone that stands in for agency.txt (tariff packages name their own). */
  readonly zone?: string;
  /** Packages of our own: what would be a warning in a stranger's feed is an error. */
  readonly strict?: boolean;
}

/**
 * Reads a feed. Use it only if no problem is an error. What became a check later stays a warning in packages as well, so that one
 * that was activated once is always read.
 */
export function readFeed(
  files: FeedFiles,
  options: ReadFeedOptions = {},
): { feed: FareFeed; problems: FileProblem[] } {
  const problems: FileProblem[] = [];
  const later: FileProblem[] = [];
  const products = readProducts(files, problems);
  const media = readMedia(files, problems);
  for (const rows of products.values()) {
    for (const { mediaId } of rows) {
      if (mediaId !== '' && !media.some((m) => m.mediaId === mediaId)) media.push({ mediaId, name: '' });
    }
  }
  const legRules = readLegRules(files, problems);
  const categories = new Map(readCategories(files, problems).map((c) => [c.categoryId, c]));
  const feed: FareFeed = {
    zone: readZone(files, options, problems),
    networkOfRoute: readNetworks(files, problems),
    stops: readStops(files, problems),
    areasOfStop: readStopAreas(files, problems),
    services: readServices(files, problems),
    timeframes: readTimeframes(files, problems),
    media,
    categories,
    products,
    translations: readNames(files, { media, categories, products }, problems),
    legRules: legRules.rules,
    hasRulePriority: legRules.hasPriority,
    joinRules: readJoinRules(files, problems),
    transferRules: readTransferRules(files, problems, later),
  };
  if (!files.has('fare_leg_rules.txt'))
    problems.push(
      fileMissing('fare_leg_rules.txt', 'Without leg rules every fare is unknown (GTFS Fares v2).'),
    );
  if (!files.has('fare_products.txt'))
    problems.push(fileMissing('fare_products.txt', 'Add the products that leg rules name.'));
  checkIds(files, 'areas.txt', 'area_id', problems);
  checkIds(files, 'networks.txt', 'network_id', problems);
  checkColumns(files, problems);
  checkDefaultCategories(feed, problems);
  checkReferences(files, feed, problems, later);
  const judged = options.strict ? problems.map((p) => ({ ...p, severity: 'error' as const })) : problems;
  return { feed, problems: [...judged, ...later].sort(compareFileProblems) };
}

/** Files that only list ids: references are checked against them, prices do not depend on them. */
function checkIds(files: FeedFiles, file: string, column: string, problems: FileProblem[]): void {
  const seen = new Set<string>();
  openTable(files, file, [column], problems)?.each((row) => {
    const id = row.required(column);
    if (seen.has(id)) row.warn('TARIFF_ID_TWICE', column, `${quote(id)} occurs twice`, 'Remove one row.');
    seen.add(id);
  });
}

function fileMissing(file: string, howToMend: string): FileProblem {
  return {
    code: 'TARIFF_FILE_MISSING',
    file,
    line: 1,
    column: 1,
    severity: 'warning',
    message: 'the file is missing',
    howToMend,
  };
}

/** Names in other languages price nothing, and old feeds have a translations.txt of another form. */
function readNames(
  files: FeedFiles,
  named: Parameters<typeof readTranslations>[1],
  problems: FileProblem[],
): ReturnType<typeof readTranslations> {
  const found: FileProblem[] = [];
  const translations = readTranslations(files, named, found);
  for (const problem of found) problems.push(asWarning(problem));
  return translations;
}

function readZone(files: FeedFiles, options: ReadFeedOptions, problems: FileProblem[]): Zone | null {
  const table = openTable(files, 'agency.txt', ['agency_timezone'], problems);
  const zones =
    table?.map((row) => {
      const name = row.required('agency_timezone');
      const zone = findZone(name);
      if (!zone)
        row.fail(
          'TARIFF_ZONE_UNKNOWN',
          'agency_timezone',
          `unknown time zone ${quote(name)}`,
          'Write a name such as Europe/Kyiv.',
        );
      return zone;
    }) ?? [];
  if (options.zone !== undefined) return findZone(options.zone) ?? null;
  return zones[0] ?? null;
}

function readNetworks(files: FeedFiles, problems: FileProblem[]): Map<string, string> | null {
  const routes = openTable(files, 'routes.txt', ['route_id'], problems);
  const links = openTable(files, 'route_networks.txt', ['network_id', 'route_id'], problems);
  if (!routes && !links) return null;
  const networkOf = new Map<string, string>();
  // The standard forbids the second way where the first is there; said once.
  let forbidden = files.has('route_networks.txt') || files.has('networks.txt');
  routes?.each((row) => {
    const routeId = row.required('route_id');
    const networkId = row.text('network_id');
    if (networkOf.has(routeId))
      row.fail('TARIFF_ID_TWICE', 'route_id', `route ${quote(routeId)} occurs twice`, 'Remove one row.');
    if (networkId !== '' && forbidden) {
      row.warn(
        'TARIFF_NETWORKS_TWICE',
        'network_id',
        'networks are told in two ways',
        'Remove routes.network_id or networks.txt and route_networks.txt; what route_networks.txt says is followed.',
      );
      forbidden = false;
    }
    networkOf.set(routeId, networkId);
  });
  const linked = new Set<string>();
  links?.each((row) => {
    const routeId = row.required('route_id');
    if (linked.has(routeId)) {
      row.fail(
        'TARIFF_NETWORKS_TWICE',
        'route_id',
        `route ${quote(routeId)} is in two networks`,
        'A route belongs to one network only.',
      );
    }
    linked.add(routeId);
    networkOf.set(routeId, row.required('network_id'));
  });
  return networkOf;
}

/** Where a leg may begin or end: stops, and the zones and groups of services on demand (in no area, no zone of time). */
function readStops(files: FeedFiles, problems: FileProblem[]): Map<string, Stop> | null {
  const table = openTable(files, 'stops.txt', ['stop_id'], problems);
  const others = [...readGroupIds(files, problems), ...readLocationIds(files, problems)];
  if (!table && others.length === 0) return null;
  const stops = new Map<string, Stop>(others.map((id) => [id, { parentId: '', zoneName: '' }]));
  table?.each((row) => {
    const stopId = row.required('stop_id');
    const zoneName = row.text('stop_timezone');
    if (stops.has(stopId))
      row.fail('TARIFF_ID_TWICE', 'stop_id', `stop ${quote(stopId)} occurs twice`, 'Remove one row.');
    if (zoneName !== '' && !findZone(zoneName)) {
      row.warn(
        'TARIFF_ZONE_UNKNOWN',
        'stop_timezone',
        `unknown time zone ${quote(zoneName)}`,
        "Write a zone's name; the agency's is used.",
      );
    }
    stops.set(stopId, { parentId: row.text('parent_station'), zoneName });
  });
  return stops;
}

function readGroupIds(files: FeedFiles, problems: FileProblem[]): string[] {
  const column = 'location_group_id';
  return (
    openTable(files, 'location_groups.txt', [column], problems)?.map((row) => row.required(column)) ?? []
  );
}

function readLocationIds(files: FeedFiles, problems: FileProblem[]): string[] {
  const file = 'locations.geojson';
  const bytes = files.get(file);
  if (!bytes) return [];
  const json = decodeJson(bytes, bytes.length);
  const features = json.ok ? (json.value as { features?: unknown } | null)?.features : undefined;
  if (Array.isArray(features))
    return features.flatMap((feature: { id?: unknown } | null) =>
      typeof feature?.id === 'string' ? [feature.id] : [],
    );
  const message = 'not a GeoJSON collection of features';
  problems.push({
    code: 'TARIFF_SCHEMA',
    file,
    line: 1,
    column: 1,
    severity: 'warning',
    message,
    howToMend: 'Write a FeatureCollection whose features have ids; its zones are not known.',
  });
  return [];
}

function readStopAreas(files: FeedFiles, problems: FileProblem[]): Map<string, string[]> {
  const areas = new Map<string, string[]>();
  openTable(files, 'stop_areas.txt', ['area_id', 'stop_id'], problems)?.each((row) => {
    const stopId = row.required('stop_id');
    const areaId = row.required('area_id');
    const known = areas.get(stopId);
    if (!known) areas.set(stopId, [areaId]);
    else if (!known.includes(areaId)) known.push(areaId);
  });
  return areas;
}

const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
const NEVER: Omit<Service, 'added' | 'removed'> = { weekdays: [], startDay: 0, endDay: -1 };

interface ServiceBuild {
  base: Omit<Service, 'added' | 'removed'>;
  readonly added: Set<number>;
  readonly removed: Set<number>;
}

function readServices(files: FeedFiles, problems: FileProblem[]): Map<string, Service> {
  const services = new Map<string, ServiceBuild>();
  const open = (id: string): ServiceBuild => {
    const known = services.get(id) ?? { base: NEVER, added: new Set<number>(), removed: new Set<number>() };
    services.set(id, known);
    return known;
  };
  const date = (text: string) => parseGtfsDate(text);
  const columns = ['service_id', ...WEEKDAYS, 'start_date', 'end_date'];
  openTable(files, 'calendar.txt', columns, problems)?.each((row) => {
    const id = row.required('service_id');
    const weekdays = WEEKDAYS.map((day) => row.choice(day, ['0', '1']) === '1');
    const startDay = row.parsed('start_date', date, 'a date as YYYYMMDD');
    const endDay = row.parsed('end_date', date, 'a date as YYYYMMDD');
    if (services.has(id))
      row.fail('TARIFF_ID_TWICE', 'service_id', `service ${quote(id)} occurs twice`, 'Remove one row.');
    if (startDay !== undefined && endDay !== undefined) open(id).base = { weekdays, startDay, endDay };
  });
  openTable(files, 'calendar_dates.txt', ['service_id', 'date', 'exception_type'], problems)?.each((row) => {
    const id = row.required('service_id');
    const day = row.parsed('date', date, 'a date as YYYYMMDD');
    const type = row.choice('exception_type', ['1', '2']);
    if (day === undefined || type === undefined) return;
    (type === '1' ? open(id).added : open(id).removed).add(day);
  });
  return new Map(
    [...services].map(([id, { base, added, removed }]) => [id, { ...base, added, removed }] as const),
  );
}

function readTimeframes(files: FeedFiles, problems: FileProblem[]): Map<string, Timeframe[]> {
  const groups = new Map<string, Timeframe[]>();
  openTable(files, 'timeframes.txt', ['timeframe_group_id', 'service_id'], problems)?.each((row) => {
    const groupId = row.required('timeframe_group_id');
    const serviceId = row.required('service_id');
    const time = (column: string, empty: number) =>
      row.text(column) === '' ? empty : row.parsed(column, parseLocalTimeS, 'a time HH:MM:SS up to 24:00:00');
    const startS = time('start_time', 0);
    const endS = time('end_time', 86_400);
    if (startS === undefined || endS === undefined) return;
    if ((row.text('start_time') === '') !== (row.text('end_time') === '')) {
      row.warn(
        'TARIFF_VALUE_MISSING',
        'start_time',
        'only one of start_time and end_time is set',
        'Set both or none.',
      );
    }
    const frames = groups.get(groupId) ?? [];
    groups.set(groupId, frames);
    if (frames.some((f) => f.serviceId === serviceId && startS < f.endS && f.startS < endS)) {
      row.warn(
        'TARIFF_TIMEFRAMES_OVERLAP',
        'start_time',
        'overlaps another timeframe of the same group and service',
        'Part the two.',
      );
    }
    if (startS >= endS)
      row.warn(
        'TARIFF_TIMEFRAME_EMPTY',
        'end_time',
        'the timeframe is empty',
        'Let it end after its start; one that crosses midnight is two: until 24:00:00, and from 00:00:00.',
      );
    frames.push({ startS, endS, serviceId });
  });
  return groups;
}

function readJoinRules(files: FeedFiles, problems: FileProblem[]): JoinRule[] {
  const columns = ['from_network_id', 'to_network_id'];
  return (
    openTable(files, 'fare_leg_join_rules.txt', columns, problems)?.map((row): JoinRule => {
      const rule = {
        fromNetworkId: row.text('from_network_id'),
        toNetworkId: row.text('to_network_id'),
        fromStopId: row.text('from_stop_id'),
        toStopId: row.text('to_stop_id'),
      };
      if ((rule.fromStopId === '') !== (rule.toStopId === ''))
        row.warn(
          'TARIFF_VALUE_MISSING',
          'from_stop_id',
          'only one of from_stop_id and to_stop_id is set',
          'Set both or none.',
        );
      if ((rule.fromNetworkId === '') !== (rule.toNetworkId === ''))
        row.warn(
          'TARIFF_VALUE_MISSING',
          'from_network_id',
          'only one of from_network_id and to_network_id is set',
          'Set both.',
        );
      return rule;
    }) ?? []
  );
}
