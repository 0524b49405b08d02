/**
 * Reads a city's folder: `city.yaml`, `gtfs/` and the names in `tariff/<version>/`. Once, at the start. A missing
 * name is no error (the id is shown); a missing or unreadable city is.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import { parse as parseYaml } from 'yaml';
import { OperatorError } from '#platform/errors.ts';
import { ATTENTION_LIMITS, type AttentionLimits } from '../attention.ts';
import { type CityGeo, cityGeo, type Row, routeColour } from '../city-geo.ts';
import {
  type CityFacts,
  type CityNames,
  type Name,
  readName,
  type Translate,
  translator,
} from '../city-names.ts';

/** Largest file that is read: a city's stop_times.txt may have tens of megabytes, a mistake has more. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;

/** Names and map of the city. @throws OperatorError CITY_UNREADABLE */
export async function readCityFolder(
  dir: string,
): Promise<{ names: CityNames; geo: CityGeo; attention: AttentionLimits }> {
  try {
    const yaml: unknown = parseYaml(await readText(join(dir, 'city.yaml')));
    const city = cityFacts(yaml, dir);
    const table = (name: string) => readTable(join(dir, 'gtfs', `${name}.txt`));
    const [agencies, routes, stops, trips, shapes, translations] = (await Promise.all(
      ['agency', 'routes', 'stops', 'trips', 'shapes', 'translations'].map(table),
    )) as [Row[], Row[], Row[], Row[], Row[], Row[]];
    // stop_times is by far the largest table and only needed where a route has no shape.
    const shaped = new Set(shapes.map((row) => row['shape_id']));
    const needsStops = trips.some((trip) => !shaped.has(trip['shape_id']));
    const stopTimes = needsStops ? await table('stop_times') : [];
    return {
      names: {
        city,
        ...feedNames(agencies, routes, stops, translator(translations)),
        ...(await tariffNames(join(dir, 'tariff'))),
      },
      geo: cityGeo({ routes, stops, trips, stopTimes, shapes }),
      attention: attentionLimits(yaml),
    };
  } catch (cause) {
    throw new OperatorError({
      code: 'CITY_UNREADABLE',
      happened: `The city data in ${dir} could not be read: ${(cause as Error).message}.`,
      kept: 'Nothing was changed.',
      todo: 'Set KVYTOK_CITY_DIR to a folder with city.yaml and gtfs/.',
      cause,
    });
  }
}

function cityFacts(yaml: unknown, dir: string): CityFacts {
  const city = (yaml ?? {}) as Record<string, unknown>;
  const center = city['center'] as { lat?: unknown; lon?: unknown } | undefined;
  const zone = String(city['zone'] ?? 'Europe/Kyiv');
  new Intl.DateTimeFormat('uk', { timeZone: zone });
  const id = String(city['id'] ?? dir.split('/').at(-1));
  return {
    id,
    name: readName(city['names'] ?? city['name']) ?? id,
    zone,
    currency: String(city['currency'] ?? 'UAH'),
    center:
      center && Number.isFinite(Number(center.lat))
        ? { lat: Number(center.lat), lon: Number(center.lon) }
        : null,
  };
}

/** `attention` of city.yaml, whose schema is in platform/city-data.ts; what it leaves out has a default. */
function attentionLimits(yaml: unknown): AttentionLimits {
  const own = ((yaml ?? {}) as { attention?: Record<string, unknown> }).attention ?? {};
  const entries = Object.entries(ATTENTION_LIMITS).map(([name, fallback]) => [
    name,
    Number.isFinite(own[name]) ? own[name] : fallback,
  ]);
  return Object.fromEntries(entries) as AttentionLimits;
}

function feedNames(
  agencies: Row[],
  routes: Row[],
  stops: Row[],
  translate: Translate,
): Pick<CityNames, 'routes' | 'stops' | 'carriers'> {
  const named = (table: string, field: string, row: Row, id: string): [string, Name] => [
    id,
    translate(table, field, id, row[field] || id),
  ];
  return {
    carriers: new Map(agencies.map((row) => named('agency', 'agency_name', row, row['agency_id'] ?? ''))),
    routes: new Map(
      routes.map((row, index) => [
        row['route_id'] ?? '',
        {
          name: row['route_short_name'] || (row['route_id'] ?? ''),
          longName: translate(
            'routes',
            'route_long_name',
            row['route_id'] ?? '',
            row['route_long_name'] ?? '',
          ),
          colour: routeColour(row, index),
          order: index,
        },
      ]),
    ),
    stops: new Map(stops.map((row) => named('stops', 'stop_name', row, row['stop_id'] ?? ''))),
  };
}

type TariffNames = Pick<
  CityNames,
  'categories' | 'defaultCategoryId' | 'concessions' | 'funding' | 'acts' | 'media'
>;

/** Names from every tariff version; the newest version's name of a thing wins. */
async function tariffNames(dir: string): Promise<TariffNames> {
  const names: NamesUnderWay = {
    defaultCategoryId: null,
    categories: new Map<string, Name>(),
    concessions: new Map<string, Name>(),
    funding: new Map<string, Name>(),
    acts: new Map<string, Name>(),
    media: new Map<string, Name>(),
  };
  const versions = await readdir(dir).catch(() => []);
  for (const version of versions.sort()) await addVersion(join(dir, version), names);
  return names;
}

type NamesUnderWay = { defaultCategoryId: string | null } & {
  [K in Exclude<keyof TariffNames, 'defaultCategoryId'>]: Map<string, Name>;
};

async function addVersion(dir: string, names: NamesUnderWay): Promise<void> {
  const translate = translator(await readTable(join(dir, 'translations.txt')));
  for (const row of await readTable(join(dir, 'rider_categories.txt'))) {
    const id = row['rider_category_id'];
    if (!id) continue;
    const own = row['rider_category_name'] || id;
    names.categories.set(id, translate('rider_categories', 'rider_category_name', id, own));
    if (row['is_default_fare_category'] === '1') names.defaultCategoryId = id;
  }
  for (const row of await readTable(join(dir, 'fare_media.txt'))) {
    const id = row['fare_media_id'] ?? '';
    put(names.media, id, translate('fare_media', 'fare_media_name', id, row['fare_media_name'] ?? ''));
  }
  for (const entry of await yamlList(join(dir, 'concessions.yaml'), 'concessions')) {
    put(names.concessions, entry['concession_id'], entry['names']);
    // A category that exists for one concession is called as the law calls it, in four languages.
    put(names.categories, entry['rider_category_id'], entry['names']);
  }
  for (const entry of await yamlList(join(dir, 'funding.yaml'), 'funding')) {
    put(names.funding, entry['funding_id'], entry['names']);
  }
  for (const entry of await yamlList(join(dir, 'tariff.yaml'), 'acts')) {
    put(names.acts, entry['act_id'], entry['names']);
  }
}

function put(map: Map<string, Name>, id: unknown, name: unknown): void {
  const read = readName(name);
  if (typeof id === 'string' && read !== undefined) map.set(id, read);
}

async function yamlList(path: string, key: string): Promise<Record<string, unknown>[]> {
  const text = await readText(path).catch(() => '');
  const list = text === '' ? undefined : (parseYaml(text) as Record<string, unknown> | null)?.[key];
  return Array.isArray(list) ? (list as Record<string, unknown>[]) : [];
}

/** A table of the feed; a table that is not there is empty. */
async function readTable(path: string): Promise<Row[]> {
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  }
  return parseCsv(text, {
    columns: true,
    bom: true,
    skip_empty_lines: true,
    relax_column_count: true,
  }) as Row[];
}

async function readText(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > FILE_BYTES_MAX) throw new Error(`${path} has ${size} bytes, at most ${FILE_BYTES_MAX} are read`);
  return readFile(path, 'utf8');
}
