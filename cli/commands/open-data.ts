/** `kvytok open-data`: rides and revenue by route and day, and plain tariffs, as files that everybody may have. */
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parse as parseCsv } from 'csv-parse/sync';
import { loadCity, readYaml } from '#platform/city-data.ts';
import { OperatorError } from '#platform/errors.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { onOneSnapshot } from '../../fare-engine/database-reader.ts';
import { countDays, type DaySpan } from '../../fare-engine/open-data/count-days.ts';
import { OpenDataFile } from '../../fare-engine/open-data/open-data-file.ts';
import { plainTariff } from '../../fare-engine/open-data/plain-tariff.ts';
import { nextDays, publicationFiles } from '../../fare-engine/open-data/publication.ts';
import { readPackageFiles } from '../../fare-engine/tariffs/load-tariff.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { calendarDay } from '../instants.ts';
import { isSameVersion, readNewest, writeVersion } from '../open-data/publish.ts';

export const usage = `Usage: kvytok open-data --out DIR --from DATE --to DATE [--tariffs] [--data DIR] [--city DIR]

Writes riders and revenue by route and day, as CSV and JSON in the terms of TIDES with a data package, for closed days that have
settled. Numbers of fewer than ten are withheld, with others that would tell them (docs/OPEN-DATA.md). DIR keeps every version: what is
known later becomes a new one, and a number gives way only to one at least ten away. Keep DIR: the next version is decided from it.

  --from, --to  first and last fare day, both included
  --tariffs     with the city's tariffs as plain GTFS Fares v2, one folder each
  --data        data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role auditor_runtime)
  --city        folder of the city's data; otherwise that of the running city, or KVYTOK_CITY_DIR
`;

const text = { type: 'string' } as const;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { out: text, from: text, to: text, tariffs: { type: 'boolean' }, data: text, city: text },
  });
  const { out, from, to } = values;
  if (out === undefined || from === undefined || to === undefined)
    throw new UsageError('--out DIR, --from DATE and --to DATE are needed');
  calendarDay(from, '--from');
  calendarDay(to, '--to');
  if (to < from) throw new UsageError('--to lies before --from; both days are included');
  const { pool, cityDir } = openAuditDatabase(values.data, io);
  try {
    const dir = values.city === undefined ? cityDir : resolve(io.cwd, values.city);
    if (dir === null) throw new UsageError('--city DIR is needed: licence and limits are data of the city');
    const { city } = loadCity(dir);
    const about = readYaml(join(dir, 'open-data.yaml'), OpenDataFile);
    const span: DaySpan = { fromDay: from, toDay: to };
    const wishes = { routes: routesOf(dir), currency: city.currency, settleDays: about.settleDays };
    const counted = await onOneSnapshot(pool, (client) => countDays(client, span, wishes));
    if (counted.otherCurrencies.length > 0) throw mixed(city.currency, counted.otherCurrencies);
    const folder = resolve(io.cwd, out);
    const newest = readNewest(folder);
    const days = nextDays(newest.days, counted.days, about.cellMin);
    const tariffs =
      values.tariffs === true ? await tariffFiles(join(dir, 'tariff'), about) : new Map<string, string>();
    const filesOf = (version: number) =>
      new Map([
        ...publicationFiles(days, about, {
          ...{ cityId: city.id, cityNames: city.names, currency: city.currency, version },
        }),
        ...tariffs,
      ]);
    const same = isSameVersion(folder, newest.version, filesOf(newest.version));
    const version = same ? newest.version : newest.version + 1;
    if (!same) writeVersion(folder, version, filesOf(version));
    const { settledTo } = counted;
    io.stdout.write(
      `${JSON.stringify({ out: folder, version, new: !same, days: days.length, settledTo })}\n`,
    );
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}

/** Routes of the city's feed: a route without riders is a cell too. */
function routesOf(cityDir: string): string[] {
  const file = join(cityDir, 'gtfs', 'routes.txt');
  if (!existsSync(file)) return [];
  const rows = parseCsv(readFileSync(file), { columns: true, bom: true }) as Record<string, string>[];
  return rows.flatMap(({ route_id: id }) => (id ? [id] : []));
}

/** Every package as a folder `tariffs/<version>/`, and `tariffs.json` that says from when they hold and what they lack. */
async function tariffFiles(dir: string, { licence, source }: OpenDataFile): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const list = [];
  for (const entry of (await readdir(dir, { withFileTypes: true })).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue;
    const source = await readPackageFiles(join(dir, entry.name));
    const read = 'files' in source ? readTariffPackage(source.files) : { ok: false as const };
    if (!('files' in source) || !read.ok) throw unreadable(join(dir, entry.name));
    const { files: plain, ...about } = plainTariff(source.files, read.package);
    for (const [name, content] of plain) files.set(`tariffs/${about.versionId}/${name}`, content);
    list.push({ ...about, folder: `tariffs/${about.versionId}`, files: [...plain.keys()] });
  }
  files.set('tariffs.json', `${JSON.stringify({ v: 1, licence, source, tariffs: list }, null, 2)}\n`);
  return files;
}

function unreadable(dir: string): OperatorError {
  return new OperatorError({
    code: 'TARIFF_INVALID',
    happened: `The tariff in ${dir} has errors.`,
    kept: 'Nothing was written.',
    todo: 'Run kvytok tariff check; it shows each with file and line.',
  });
}

function mixed(currency: string, others: readonly string[]): OperatorError {
  return new OperatorError({
    code: 'OPEN_DATA_CURRENCIES',
    happened: `Rides of these days are priced in ${others.join(', ')}, and the city's currency is ${currency}.`,
    kept: 'Nothing was written: amounts of different currencies have no sum.',
    todo: 'Publish days of one currency by themselves, into a folder of their own.',
  });
}
