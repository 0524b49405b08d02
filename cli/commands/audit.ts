/** `kvytok audit`: exports of facts, the reconciliation, and what is in quarantine. */
import { createWriteStream } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { loadCity } from '#platform/city-data.ts';
import { OperatorError } from '#platform/errors.ts';
import { hashPackage } from '#pricing/tariff-package.ts';
import { exportFacts } from '../../fare-engine/export-facts.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { loadTariffTimeline, readPackageFiles } from '../../fare-engine/tariffs/load-tariff.ts';
import { type AuditDatabase, openAuditDatabase } from '../audit-database.ts';
import { runQuarantine } from '../audit-quarantine.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';

export const usage = `Usage: kvytok audit export --day DATE | --from DATE --until DATE  --out FILE [--data DIR] [--city DIR]
       kvytok audit reconcile [--data DIR]
       kvytok audit quarantine list [--reason CODE] [--waiting] | show ID | replay [--who NAME]  [--data DIR]

export      writes the facts of fare days as a bundle that \`kvytok price --facts FILE\` re-prices offline: taps with
            account and place, entitlements, closes, tariffs by hash with their activation, and what the day before
            handed on to each account. --until is exclusive.
reconcile   asks the database whether everything adds up; exit code 1 when it does not.
quarantine  single records of proven devices that were put aside: by reason with what became of them, one of them with
            its bytes; replay takes in what was of an unknown kind once and is known to this version of ingest.

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role auditor_runtime; replay: office_runtime)
  --city   folder of the city's data, for its tariffs; otherwise that of the running city, or KVYTOK_CITY_DIR
`;

const OPTIONS = {
  day: { type: 'string' },
  from: { type: 'string' },
  until: { type: 'string' },
  out: { type: 'string' },
  data: { type: 'string' },
  city: { type: 'string' },
  reason: { type: 'string' },
  waiting: { type: 'boolean' },
  who: { type: 'string' },
} as const;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const [what, ...words] = positionals;
  if (what === 'quarantine') return runQuarantine(words, values, io);
  if (positionals.length !== 1 || (what !== 'export' && what !== 'reconcile'))
    throw new UsageError('export, reconcile or quarantine is needed');
  const days = what === 'export' ? daysOf(values) : null;
  if (days !== null && values.out === undefined) throw new UsageError('--out FILE is needed');
  const database = openAuditDatabase(values.data, io);
  try {
    if (days === null) return await runReconcile(database, io);
    const cityDir = values.city === undefined ? database.cityDir : resolve(io.cwd, values.city);
    if (cityDir === null) throw new UsageError('--city DIR is needed to find the tariffs');
    return await runExport(database, cityDir, days, resolve(io.cwd, values.out as string), io);
  } finally {
    await database.pool.end();
  }
}

async function runReconcile({ pool }: AuditDatabase, io: CommandIo): Promise<number> {
  const found = await reconcile(pool);
  io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  return found.problems.length === 0 ? EXIT.ok : EXIT.failed;
}

async function runExport(
  { pool }: AuditDatabase,
  cityDir: string,
  days: { fromDay: string; untilDay: string },
  out: string,
  io: CommandIo,
): Promise<number> {
  const { city } = loadCity(cityDir);
  const packages = await readTariffs(join(cityDir, 'tariff'));
  // A bundle is whole or it is not there.
  const partial = `${out}.partial`;
  const file = createWriteStream(partial, { mode: 0o600 });
  const done = finished(file);
  done.catch(() => {});
  try {
    const counts = await exportFacts(
      pool,
      { ...days, zone: city.zone, dayStart: city.dayStart, packages },
      async (line) => {
        if (file.write(`${line}\n`)) return;
        await Promise.race([new Promise<void>((drained) => file.once('drain', () => drained())), done]);
      },
    );
    file.end();
    await done;
    await rename(partial, out);
    io.stdout.write(`${JSON.stringify({ out, ...days, ...counts })}\n`);
    return EXIT.ok;
  } catch (error) {
    file.destroy();
    await rm(partial, { force: true });
    throw error;
  }
}

async function readTariffs(dir: string): Promise<ReadonlyMap<string, Uint8Array>[]> {
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

const DAY = /^\d{4}-\d{2}-\d{2}$/;

function daysOf(values: {
  day?: string | undefined;
  from?: string | undefined;
  until?: string | undefined;
}): {
  fromDay: string;
  untilDay: string;
} {
  const { day, from, until } = values;
  if (day !== undefined && from === undefined && until === undefined) {
    checkDay(day, '--day');
    return { fromDay: day, untilDay: new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10) };
  }
  if (day !== undefined || from === undefined || until === undefined)
    throw new UsageError('--day DATE, or --from DATE and --until DATE');
  checkDay(from, '--from');
  checkDay(until, '--until');
  if (until <= from)
    throw new UsageError('--until is the first day that is not exported; it lies after --from');
  return { fromDay: from, untilDay: until };
}

function checkDay(text: string, name: string): void {
  if (DAY.test(text) && !Number.isNaN(Date.parse(text))) return;
  throw new UsageError(`${name} takes a date, YYYY-MM-DD, not ${JSON.stringify(text.slice(0, 40))}`);
}
