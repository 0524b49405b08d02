/** References between the files of a feed that lead nowhere. */

import type { FareFeed } from '../fares-v2/fare-feed.ts';
import type { FileProblem } from '../file-problem.ts';
import { type FeedFiles, openTable, quote } from './row-reader.ts';

interface Reference {
  readonly file: string;
  readonly columns: readonly string[];
  readonly target: string;
  readonly known: ReadonlySet<string>;
}

/** Adds a warning for each reference that leads nowhere: the row stays and never matches. */
export function checkReferences(
  files: FeedFiles,
  feed: FareFeed,
  problems: FileProblem[],
  later: FileProblem[],
): void {
  const ids = {
    network: networkIds(files, feed),
    area: columnValues(files, 'areas.txt', 'area_id'),
    product: columnValues(files, 'fare_products.txt', 'fare_product_id'),
    group: new Set(feed.legRules.map((r) => r.legGroupId)),
    frame: new Set(feed.timeframes.keys()),
    service: new Set(feed.services.keys()),
    medium: columnValues(files, 'fare_media.txt', 'fare_media_id'),
    category: new Set(feed.categories.keys()),
    stop: new Set(feed.stops?.keys() ?? []),
  };
  const leg = 'fare_leg_rules.txt';
  const transfer = 'fare_transfer_rules.txt';
  const join = 'fare_leg_join_rules.txt';
  const all: (Reference | false)[] = [
    { file: leg, columns: ['fare_product_id'], target: 'fare_products.txt', known: ids.product },
    ids.network.size > 0 && {
      file: leg,
      columns: ['network_id'],
      target: 'networks.txt or routes.txt',
      known: ids.network,
    },
    files.has('areas.txt') && {
      file: leg,
      columns: ['from_area_id', 'to_area_id'],
      target: 'areas.txt',
      known: ids.area,
    },
    {
      file: leg,
      columns: ['from_timeframe_group_id', 'to_timeframe_group_id'],
      target: 'timeframes.txt',
      known: ids.frame,
    },
    { file: transfer, columns: ['fare_product_id'], target: 'fare_products.txt', known: ids.product },
    {
      file: transfer,
      columns: ['from_leg_group_id', 'to_leg_group_id'],
      target: 'fare_leg_rules.txt',
      known: ids.group,
    },
    {
      file: join,
      columns: ['from_network_id', 'to_network_id'],
      target: 'networks.txt or routes.txt',
      known: ids.network,
    },
    feed.stops !== null && {
      file: join,
      columns: ['from_stop_id', 'to_stop_id'],
      target: 'stops.txt',
      known: ids.stop,
    },
    { file: 'fare_products.txt', columns: ['fare_media_id'], target: 'fare_media.txt', known: ids.medium },
    {
      file: 'fare_products.txt',
      columns: ['rider_category_id'],
      target: 'rider_categories.txt',
      known: ids.category,
    },
    {
      file: 'timeframes.txt',
      columns: ['service_id'],
      target: 'calendar.txt or calendar_dates.txt',
      known: ids.service,
    },
    files.has('areas.txt') && {
      file: 'stop_areas.txt',
      columns: ['area_id'],
      target: 'areas.txt',
      known: ids.area,
    },
    feed.stops !== null && {
      file: 'stop_areas.txt',
      columns: ['stop_id'],
      target: 'stops.txt',
      known: ids.stop,
    },
    { file: 'stops.txt', columns: ['parent_station'], target: 'stops.txt', known: ids.stop },
    feed.networkOfRoute !== null &&
      files.has('routes.txt') && {
        file: 'route_networks.txt',
        columns: ['route_id'],
        target: 'routes.txt',
        known: columnValues(files, 'routes.txt', 'route_id'),
      },
    files.has('networks.txt') && {
      file: 'route_networks.txt',
      columns: ['network_id'],
      target: 'networks.txt',
      known: columnValues(files, 'networks.txt', 'network_id'),
    },
  ];
  for (const reference of all) if (reference) checkOne(files, reference, problems);
  if (files.has('areas.txt')) return;
  // An area is known by its stops then.
  const known = new Set([...feed.areasOfStop.values()].flat());
  checkOne(
    files,
    { file: leg, columns: ['from_area_id', 'to_area_id'], target: 'stop_areas.txt', known },
    later,
  );
}

function checkOne(
  files: FeedFiles,
  { file, columns, target, known }: Reference,
  problems: FileProblem[],
): void {
  const found: FileProblem[] = [];
  const table = openTable(files, file, [], found);
  // Problems of the file's form were reported when it was first read.
  found.length = 0;
  table?.each((row) => {
    for (const column of columns) {
      const value = row.text(column);
      if (value === '' || known.has(value)) continue;
      row.warn(
        'TARIFF_REFERENCE_UNKNOWN',
        column,
        `${column} ${quote(value)} is not in ${target}`,
        `Add it to ${target} or correct it.`,
      );
    }
  });
  for (const problem of found) problems.push(problem);
}

function networkIds(files: FeedFiles, feed: FareFeed): Set<string> {
  const ids = columnValues(files, 'networks.txt', 'network_id');
  for (const networkId of feed.networkOfRoute?.values() ?? []) if (networkId !== '') ids.add(networkId);
  return ids;
}

function columnValues(files: FeedFiles, file: string, column: string): Set<string> {
  const values = new Set<string>();
  openTable(files, file, [], [])?.each((row) => void values.add(row.text(column)));
  return values;
}
