/** The facts of some days as a file that `kvytok price --facts` re-prices. */
import { createWriteStream } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { loadCity } from '#platform/city-data.ts';
import { OperatorError } from '#platform/errors.ts';
import { hashPackage } from '#pricing/tariff-package.ts';
import type { ReaderPool } from '../../fare-engine/database-reader.ts';
import { type ExportCounts, exportFacts } from '../../fare-engine/export-facts.ts';
import { loadTariffTimeline, readPackageFiles } from '../../fare-engine/tariffs/load-tariff.ts';
import { UsageError } from '../command.ts';
import { calendarDay } from '../instants.ts';

/** Fare days, the last one exclusive. */
export interface ExportedDays {
  readonly fromDay: string;
  readonly untilDay: string;
}

/**
 * Writes the facts of these days as a bundle; it is whole or it is not there.
 * @throws OperatorError TARIFF_INVALID, TARIFF_MISSING; what the signal was aborted with
 */
export async function exportFactsFile(
  pool: ReaderPool,
  cityDir: string,
  days: ExportedDays,
  out: string,
  signal: AbortSignal,
): Promise<ExportCounts> {
  const partial = `${out}.partial`;
  const file = createWriteStream(partial, { mode: 0o600 });
  const done = finished(file);
  done.catch(() => {});
  try {
    const counts = await exportCityFacts(pool, cityDir, days, async (line) => {
      signal.throwIfAborted();
      if (file.write(`${line}\n`)) return;
      await Promise.race([new Promise<void>((drained) => file.once('drain', () => drained())), done]);
    });
    file.end();
    await done;
    signal.throwIfAborted();
    await rename(partial, out);
    return counts;
  } catch (error) {
    file.destroy();
    await rm(partial, { force: true });
    throw error;
  }
}

/**
 * The facts of these days, line by line, with the tariffs of the city's folder.
 * @throws OperatorError TARIFF_INVALID, TARIFF_MISSING
 */
export async function exportCityFacts(
  pool: ReaderPool,
  cityDir: string,
  days: ExportedDays,
  write: (line: string) => Promise<void>,
): Promise<ExportCounts> {
  const { city } = loadCity(cityDir);
  const packages = await readTariffs(join(cityDir, 'tariff'));
  return exportFacts(pool, { ...days, zone: city.zone, dayStart: city.dayStart, packages }, write);
}

/**
 * Bytes of the packages in a city's folder that are no drafts.
 * @throws OperatorError TARIFF_INVALID
 */
export async function readTariffs(dir: string): Promise<ReadonlyMap<string, Uint8Array>[]> {
  const loaded = await loadTariffTimeline(dir);
  if (!loaded.ok) {
    throw new OperatorError({
      code: 'TARIFF_INVALID',
      happened: `The tariffs in ${dir} have errors.`,
      kept: 'Nothing was exported.',
      todo: 'Run kvytok tariff check; it shows each with file and line.',
    });
  }
  const inForce = new Set(loaded.timeline.packages.map(({ hash }) => hash));
  const packages: ReadonlyMap<string, Uint8Array>[] = [];
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue;
    const read = await readPackageFiles(join(dir, entry.name));
    if ('files' in read && inForce.has(hashPackage(read.files))) packages.push(read.files);
  }
  return packages;
}

/** Days as they were named on the command line. @throws UsageError */
export function daysOf(values: {
  day?: string | undefined;
  from?: string | undefined;
  until?: string | undefined;
}): ExportedDays {
  const { day, from, until } = values;
  if (day !== undefined && from === undefined && until === undefined) {
    calendarDay(day, '--day');
    return { fromDay: day, untilDay: new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10) };
  }
  if (day !== undefined || from === undefined || until === undefined)
    throw new UsageError('--day DATE, or --from DATE and --until DATE');
  calendarDay(from, '--from');
  calendarDay(until, '--until');
  if (until <= from)
    throw new UsageError('--until is the first day that is not exported; it lies after --from');
  return { fromDay: from, untilDay: until };
}
