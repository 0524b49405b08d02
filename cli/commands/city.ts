/** `kvytok city` (= `npm start`): the whole platform with a simulated city living in it. */
import { setTimeout as delay } from 'node:timers/promises';
import { loadCity } from '#platform/city-data.ts';
import { createLogger, type Logger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import { onSignals } from '#platform/shutdown.ts';
import { type CityArguments, cityArguments } from '../city/city-arguments.ts';
import { drainFareEngine } from '../city/drain.ts';
import { type CityReconciliation, reconcileCity, reconciliationText } from '../city/reconcile-city.ts';
import { type City, startCity } from '../city/start-city.ts';
import { type CommandIo, EXIT } from '../command.ts';

export const usage = `kvytok city   the whole platform with a simulated city living in it

  --seconds N      run N seconds, drain, stop, print a reconciliation; exit code 1 if it does not hold
  --seed S         other riders, another day (default: the city's own)
  --speed X        city seconds in one second, 0.1 to 600 (default: the city's own)
  --port P         port of the pages on 127.0.0.1 (default 8080; 0 takes a free one)
  --mqtt-port P    port of the broker, MQTT over TLS (default 8883, or a free one where that is taken)
  --data DIR       folder that holds all data (default: .kvytok in the checkout)
  --backup DIR     back the database up into this folder while the city runs; best on another disk
  --city DIR       the city's data (default: cities/ternopil)

Environment: KVYTOK_DATA_DIR, KVYTOK_CITY_DIR, KVYTOK_PORTAL_LISTEN, KVYTOK_BROKER_LISTEN, KVYTOK_OPS_LISTEN,
KVYTOK_BACKUP_DIR, KVYTOK_LOG_LEVEL.
Ctrl-C stops it cleanly; the next start goes on from its data.
`;

/** Without a row worked off for so long the books are taken as they are. */
const DRAIN_IDLE_MS_MAX = 60_000;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const startedAt = performance.now();
  const options = cityArguments(args, io);
  const data = loadCity(options.cityDir);
  const log = createLogger({ component: 'city', level: options.logLevel });
  const signals = onSignals(log);
  const greens = new Set<string>();
  try {
    io.stdout.write(`${data.city.names.en} starts; data in ${options.dataFolder}\n`);
    const city = await startCity({
      ...options,
      data,
      log,
      // Only a run with an end reconciles, and only it keeps what it would compare.
      ...(options.seconds === undefined ? {} : { onGreen: (id: string) => greens.add(id) }),
    });
    io.stdout.write(readyText(city, options.dataFolder, (performance.now() - startedAt) / 1000));
    if (options.seconds === undefined) return await untilSignal(city, signals.received, io);
    await Promise.race([delay(options.seconds * 1000, undefined, { ref: false }), signals.received]);
    const result = await finish(city, options, data.devices, greens, log);
    io.stdout.write(reconciliationText(result));
    return result.problems.length === 0 ? EXIT.ok : EXIT.failed;
  } finally {
    signals.forget();
  }
}

function readyText(city: City, dataFolder: string, seconds: number): string {
  const { place } = city.database.server;
  // Only where the database's user cannot reach the data folder.
  const elsewhere = place.startsWith(dataFolder) ? '' : ` in ${place}`;
  return `Ready in ${seconds.toFixed(1)} s.
  the city   ${city.pageUrl}
  MQTT       ${city.mqttUrl}
  enrolment  ${city.enrolmentUrl}
  figures    ${city.opsUrl}/metrics
  PostgreSQL 127.0.0.1:${city.postgresPort}${elsewhere}
Ctrl-C stops it; the next start goes on from here.
`;
}

async function untilSignal(city: City, signal: Promise<unknown>, io: CommandIo): Promise<number> {
  await signal;
  io.stdout.write('Stopping: open touches are answered, journals uploaded, books closed.\n');
  // Before the rest, and for as long as it takes: a part of the house has half a minute to stop, journals come first.
  try {
    await city.fleet.stop();
  } finally {
    await city.stop();
  }
  io.stdout.write(stoppedText(city.fleet.unreceipted()));
  return EXIT.ok;
}

/** What stayed in the journals is kept like everything else; who sees it wonders less at the next start. */
function stoppedText(recordsLeft: number): string {
  const stayed =
    recordsLeft === 0
      ? ''
      : ` ${recordsLeft} records that no receipt has freed stay in the validators' journals; the next start delivers them.`;
  return `Stopped. Everything is kept.${stayed}\n`;
}

/** Drains, stops the devices, reconciles while the database still runs, stops the rest. */
async function finish(
  city: City,
  options: CityArguments,
  devices: Parameters<typeof reconcileCity>[1]['devices'],
  greens: ReadonlySet<string>,
  log: Logger,
): Promise<CityReconciliation> {
  const auditor = createPool({
    url: city.database.url('auditor_runtime'),
    applicationName: 'kvytok-reconcile',
    max: 2,
    log,
  });
  try {
    await city.fleet.stop();
    await drainFareEngine(auditor, DRAIN_IDLE_MS_MAX);
    return await reconcileCity(auditor, { dataFolder: options.dataFolder, devices, greens });
  } finally {
    await auditor.end();
    await city.stop();
  }
}
