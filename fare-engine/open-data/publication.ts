/** The published days as tables: CSV, JSON and the data package that describes them. Pure, and the same bytes each time. */
import { sha256Hex } from '#contracts/hash-chain.ts';
import { minorUnitDigits } from '#contracts/money.ts';
import { parseCsvTable } from '#pricing/gtfs/csv-table.ts';
import { csvText } from './csv-text.ts';
import type { OpenDataFile } from './open-data-file.ts';
import { decimal } from './plain-tariff.ts';
import { readmeText } from './readme-text.ts';
import { correctDay, type DayCell, type PublishedDay, suppressDay } from './suppress.ts';

/** Riders and amounts of closed days, by day. */
export type CountedDays = ReadonlyMap<string, readonly DayCell[]>;

/** The days that a version says: those published before, in the light of what is known now, and the new ones. */
export function nextDays(
  before: readonly PublishedDay[],
  counted: CountedDays,
  cellMin: number,
): PublishedDay[] {
  const days = new Map(before.map((day) => [day.day, day]));
  for (const [day, cells] of counted) {
    const known = days.get(day);
    days.set(day, known === undefined ? suppressDay(day, cells, cellMin) : correctDay(known, cells, cellMin));
  }
  return [...days.values()].sort((a, b) => (a.day < b.day ? -1 : 1));
}

interface Field {
  readonly name: string;
  readonly type: 'date' | 'string' | 'integer' | 'number' | 'boolean';
  readonly description: string;
}

const FIELDS: readonly Field[] = [
  {
    name: 'service_date',
    type: 'date',
    description: 'TIDES service_date: the fare day, which begins at the city’s own hour',
  },
  { name: 'route_id', type: 'string', description: 'GTFS route_id; empty where the route is not known' },
  {
    name: 'num_riders',
    type: 'integer',
    description:
      'TIDES num_riders, summed: boardings with companions, transfers included; empty where suppressed',
  },
  {
    name: 'amount',
    type: 'number',
    description: 'TIDES amount, summed: what riders pay for them; empty where suppressed',
  },
  { name: 'currency_type', type: 'string', description: 'TIDES currency_type: ISO 4217' },
  {
    name: 'suppressed',
    type: 'boolean',
    description: 'whether a number of this row is withheld to protect people',
  },
];
const DAY_FIELDS = FIELDS.filter(({ name }) => name !== 'route_id');

interface Table {
  readonly name: string;
  readonly title: string;
  readonly fields: readonly Field[];
  readonly rows: readonly (readonly string[])[];
}

function tablesOf(days: readonly PublishedDay[], currency: string): Table[] {
  const places = minorUnitDigits(currency);
  const numbers = (riders: number | null, amountMinor: bigint | null): string[] => [
    riders === null ? '' : String(riders),
    amountMinor === null ? '' : decimal(amountMinor, places),
    currency,
    String(riders === null || amountMinor === null),
  ];
  return [
    {
      name: 'rides-by-route-day',
      title: 'Riders and revenue by route and day',
      fields: FIELDS,
      rows: days.flatMap(({ day, cells }) =>
        cells.map((cell) => [day, cell.routeId, ...numbers(cell.riders, cell.amountMinor)]),
      ),
    },
    {
      name: 'rides-by-day',
      title: 'Riders and revenue by day',
      fields: DAY_FIELDS,
      rows: days.map(({ day, riders, amountMinor }) => [day, ...numbers(riders, amountMinor)]),
    },
  ];
}

/** Rows as JSON objects; numbers as the digits that the CSV has, so that no float comes in between. */
function jsonText({ fields, rows }: Table): string {
  const value = ({ type }: Field, text: string): string =>
    type === 'date' || type === 'string' ? JSON.stringify(text) : text === '' ? 'null' : text;
  const lines = rows.map(
    (row) =>
      `  {${fields.map((field, at) => `${JSON.stringify(field.name)}: ${value(field, row[at] as string)}`).join(', ')}}`,
  );
  return `[\n${lines.join(',\n')}\n]\n`;
}

/** All files of a version but the tariffs, by name. */
export function publicationFiles(
  days: readonly PublishedDay[],
  about: OpenDataFile,
  place: {
    readonly cityId: string;
    readonly cityNames: Parameters<typeof readmeText>[0];
    readonly currency: string;
    readonly version: number;
  },
): Map<string, string> {
  const tables = tablesOf(days, place.currency);
  const files = new Map<string, string>(
    tables.flatMap((table) => [
      [`${table.name}.csv`, csvText([table.fields.map(({ name }) => name), ...table.rows])] as const,
      [`${table.name}.json`, jsonText(table)] as const,
    ]),
  );
  const resources = tables.flatMap((table) =>
    (['csv', 'json'] as const).map((format) => {
      const path = `${table.name}.${format}`;
      const bytes = Buffer.from(files.get(path) as string);
      return {
        profile: 'tabular-data-resource',
        name: `${table.name}-${format}`,
        path,
        title: table.title,
        format,
        mediatype: format === 'csv' ? 'text/csv' : 'application/json',
        encoding: 'utf-8',
        bytes: bytes.byteLength,
        hash: `sha256:${sha256Hex(bytes)}`,
        schema: {
          fields: table.fields,
          missingValues: [''],
          primaryKey: table.fields
            .filter(({ name }) => ['service_date', 'route_id'].includes(name))
            .map(({ name }) => name),
        },
      };
    }),
  );
  const descriptor = {
    profile: 'tabular-data-package',
    name: `${place.cityId}-rides`,
    title: `${place.cityNames.en}: ${tables[0]?.title}`,
    description: `Sums over the rows of TIDES fare_transactions, in its terms. Cells of fewer than ${about.cellMin} riders or people are suppressed, with others that would tell them; see README.md.`,
    version: String(place.version),
    licenses: [about.licence],
    sources: [about.source],
    'kvytok-cell-min': about.cellMin,
    resources,
  };
  files.set('README.md', readmeText(place.cityNames, about));
  files.set('datapackage.json', `${JSON.stringify(descriptor, null, 2)}\n`);
  return files;
}

/** The days of a version, read back from its two CSV files. Throws an Error when they are not what was written. */
export function readPublishedDays(byRoute: Uint8Array, byDay: Uint8Array): PublishedDay[] {
  const rows = (name: string, bytes: Uint8Array) => {
    const { table, problems } = parseCsvTable(name, bytes);
    if (problems.length > 0) throw new Error(problems[0]?.message);
    return table.rows.map(({ values }) => (column: string) => {
      const at = table.columns.get(column);
      if (at === undefined) throw new Error(`${name} has no column ${column}`);
      return values[at] as string;
    });
  };
  const cells = Map.groupBy(rows('rides-by-route-day.csv', byRoute), (cell) => cell('service_date'));
  return rows('rides-by-day.csv', byDay).map((row) => ({
    day: row('service_date'),
    cells: (cells.get(row('service_date')) ?? []).map((cell) => ({
      routeId: cell('route_id'),
      ...numbersOf(cell),
    })),
    ...numbersOf(row),
  }));
}

function numbersOf(cell: (column: string) => string): { riders: number | null; amountMinor: bigint | null } {
  const [riders, amount] = [cell('num_riders'), cell('amount')];
  if (!/^\d*$/.test(riders) || !/^(-?\d+(\.\d+)?)?$/.test(amount))
    throw new Error(`not a number: ${riders} ${amount}`);
  const places = minorUnitDigits(cell('currency_type'));
  const [whole = '', fraction = ''] = amount.split('.');
  if (amount !== '' && fraction.length !== places) throw new Error(`${amount} has not ${places} places`);
  return {
    riders: riders === '' ? null : Number(riders),
    amountMinor: amount === '' ? null : BigInt(whole + fraction),
  };
}
