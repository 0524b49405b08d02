/**
 * The whole platform in one process, with a simulated city living in it. The parts are the same that `kvytok serve`
 * and `kvytok edge` start; here they share a data folder and a city clock.
 */
import { join } from 'node:path';
import type pg from 'pg';
import { signingKeyId } from '#contracts/enrolment.ts';
import { type CityClock, createCityClock } from '#platform/city-clock.ts';
import type { CityData } from '#platform/city-data.ts';
import { openDataFolder } from '#platform/data-folder.ts';
import { createLogger, type Logger } from '#platform/logger.ts';
import { startOpsServer } from '#platform/ops-server.ts';
import { createPool } from '#platform/postgres.ts';
import type { Role } from '#platform/role.ts';
import { createLifecycle, type Lifecycle } from '#platform/shutdown.ts';
import { getZone } from '#pricing/local-time.ts';
import { startFareEngine } from '../../fare-engine/main.ts';
import { registerDevices, startIngest } from '../../ingest/main.ts';
import { startPortal } from '../../portal/main.ts';
import { type FleetRole, startFleet } from '../../simulators/city/main.ts';
import { DEFAULT_BACKUP, startBackup } from '../backup/backup-role.ts';
import { type CityKeys, openCityKeys } from './city-keys.ts';
import { drainCommands } from './drain.ts';
import type { EnrolledDevice } from './enrol-devices.ts';
import { deviceFolder, INGEST_CLIENT, LISTS_CLIENT } from './identities.ts';
import { createOffice } from './office.ts';
import { type CityDatabase, openCityDatabase } from './open-database.ts';
import { draftGate, type Gate, openGate } from './open-gate.ts';
import { requireFreePort } from './port-is-free.ts';
import { announceCity, withdrawCity } from './running-file.ts';
import { type Provider, startAcquirer, startProvider } from './sandboxes.ts';

export interface CityOptions {
  readonly data: CityData;
  /** Absolute path. */
  readonly dataFolder: string;
  /** Overrides of the city's own simulation. */
  readonly seed?: number;
  readonly speed?: number;
  /** `host:port` of the pages; port 0 takes a free one. */
  readonly portalListen: string;
  /** `host:port` of the broker; without it MQTT's own port, or a free one where that is taken. */
  readonly brokerListen?: string;
  /** `host:port` of figures and readiness; a free port on loopback by default. */
  readonly opsListen?: string;
  /** Folder into which the database is backed up while the city runs. */
  readonly backupFolder?: string;
  readonly log: Logger;
  /** Hears the record id of every green. */
  readonly onGreen?: (recordId: string) => void;
}

export interface City {
  readonly pageUrl: string;
  readonly mqttUrl: string;
  /** Where devices get their certificates. */
  readonly enrolmentUrl: string;
  /** Where `/metrics` and `/readyz` are. */
  readonly opsUrl: string;
  readonly postgresPort: number;
  readonly clock: CityClock;
  readonly database: CityDatabase;
  readonly fleet: FleetRole;
  /** Stops everything, the last started first, and frees the data folder. */
  stop(): Promise<void>;
}

/**
 * Starts the city.
 * @throws OperatorError for everything a person can mend: folder in use, port in use, damaged data, full disk.
 */
export async function startCity(options: CityOptions): Promise<City> {
  const { log } = options;
  const lifecycle = createLifecycle(log);
  try {
    return await startParts(options, lifecycle);
  } catch (error) {
    await lifecycle.stop().catch((err: unknown) => log.error({ err }, 'city.stop-failed'));
    throw error;
  }
}

async function startParts(options: CityOptions, lifecycle: Lifecycle): Promise<City> {
  const { data, log } = options;
  await requireFreePort(options.portalListen, '--port');
  if (options.brokerListen !== undefined) await requireFreePort(options.brokerListen, '--mqtt-port');
  const folder = openDataFolder(options.dataFolder);
  lifecycle.add({ name: 'data folder', stop: async () => folder.release() });
  const clock = openClock(options, folder.path);
  lifecycle.add({ name: 'city clock', stop: async () => clock.stop() });
  const keys = openCityKeys(join(folder.path, 'secrets'));
  const part = (component: string) => ({ clock, log: createLogger({ component, level: log.level }) });

  const databaseOpening = openCityDatabase(folder.path, part('postgres').log);
  databaseOpening.catch(() => {}); // Awaited below; the broker may fail first.
  const drafts = await draftGate({ data, folder: folder.path, keys, nowMs: clock.nowMs() }).catch(
    async (error: unknown) => {
      await databaseOpening.then(({ server }) => server.stop()).catch(() => {});
      throw error;
    },
  );
  const database = await databaseOpening;
  lifecycle.add({ name: 'postgres', stop: () => database.server.stop() });
  if (options.backupFolder !== undefined) {
    const postgresUrl = database.url('backup_runtime');
    const config = { ...DEFAULT_BACKUP, postgresUrl, folder: options.backupFolder };
    lifecycle.add(startBackup(config, part('backup')));
  }
  const pool = openOfficePool(database, lifecycle, log);
  const { brokerListen } = options;
  const gate = await openGate(
    { data, folder: folder.path, database, office: pool, keys, brokerListen, lifecycle, part },
    drafts,
  );
  const { broker } = gate;
  await registerSigningKeys(pool, gate.devices, data, log);
  const office = createOffice(pool, 'simulated-office', () => clock.nowMs());
  const provider = await startProvider({ dataFolder: folder.path, clock, lifecycle });
  // Before the services: where riders come back to is known when it listens.
  const portal = lifecycle.add(
    await startPortal(
      {
        KVYTOK_PORTAL_LISTEN: options.portalListen,
        KVYTOK_POSTGRES_URL: database.url('portal_runtime'),
        KVYTOK_CITY_DIR: data.dir,
      },
      { ...part('portal'), paymentCallKeys: [provider.callKey] },
    ),
  );
  provider.callAt(portal.url);
  const services = await startServices({
    ...{ options, database, keys, gate, lifecycle, part, provider },
    publicUrl: portal.url,
  });
  const fleet = lifecycle.add(
    await startFleet({
      cityData: data,
      seed: options.seed ?? data.city.simulation.seed,
      clock,
      log: fleetLog(log.level),
      deviceFolder: (deviceId) => deviceFolder(folder.path, deviceId),
      mqttUrl: broker.url,
      office,
      obeyed: () => untilObeyed(database, log),
      issuer: keys.issuer,
      tokenKey: keys.tokenKey,
      cardKeys: keys.cardKeys,
      leapTo: (ms) => clock.leapTo(ms),
      ...(options.onGreen === undefined ? {} : { onGreen: options.onGreen }),
    }),
  );
  const ops = lifecycle.add(
    await startOpsServer({
      listen: options.opsListen ?? '127.0.0.1:0',
      roles: () => [...gate.roles, ...services, portal],
      log: part('ops').log,
    }),
  );
  const pageUrl = portal.url;
  const opsUrl = ops.url;
  const postgresPort = database.server.port;
  announceCity(folder.path, {
    v: 1,
    pid: process.pid,
    cityDir: data.dir,
    pageUrl,
    mqttUrl: broker.url,
    enrolmentUrl: gate.enrolmentUrl,
    caSha256: gate.caSha256,
    postgresPort,
    speed: clock.speed,
  });
  lifecycle.add({ name: 'announcement', stop: async () => withdrawCity(folder.path) });
  const stop = () => lifecycle.stop();
  const { enrolmentUrl } = gate;
  return { pageUrl, mqttUrl: broker.url, enrolmentUrl, opsUrl, postgresPort, clock, database, fleet, stop };
}

interface ServiceParts {
  readonly options: CityOptions;
  readonly database: CityDatabase;
  readonly keys: CityKeys;
  readonly gate: Gate;
  readonly lifecycle: Lifecycle;
  readonly part: (component: string) => { clock: CityClock; log: Logger };
  readonly provider: Provider;
  readonly publicUrl: string;
}

async function startServices(parts: ServiceParts): Promise<readonly Role[]> {
  const { options, database, keys, gate, lifecycle, part, provider, publicUrl } = parts;
  const mqttUrl = gate.broker.url;
  const { city, dir } = options.data;
  const ingest = await startIngest(
    {
      postgresUrl: database.url('ingest_runtime'),
      mqttUrl,
      mqttClientId: INGEST_CLIENT,
      mqttTls: gate.certificates.ingest,
      signer: keys.ingest,
      clockFarFromReceiptMs: city.clock.farFromReceiptS * 1000,
    },
    part('ingest'),
  );
  lifecycle.add(ingest);
  const { clock } = part('acquirer');
  const place = { dataFolder: options.dataFolder, clock, lifecycle };
  const acquirer = await startAcquirer(place, keys.acquirer);
  const fareEngine = await startFareEngine(
    {
      postgresUrl: database.url('fare_runtime'),
      cityDir: dir,
      approvals: gate.approvals,
      auditKeys: [keys.audit],
      acquirer,
      payments: { url: provider.url, token: provider.token, publicUrl },
      lists: {
        mqttUrl,
        mqttClientId: LISTS_CLIENT,
        mqttTls: gate.certificates.lists,
        signer: keys.lists,
      },
    },
    part('fare-engine'),
  );
  lifecycle.add(fareEngine);
  await ingest.ready();
  return [ingest, fareEngine];
}

const OFFICE_CONNECTIONS = 2;

function openOfficePool(database: CityDatabase, lifecycle: Lifecycle, log: Logger): pg.Pool {
  const pool = createPool({
    url: database.url('office_runtime'),
    applicationName: 'kvytok-office',
    max: OFFICE_CONNECTIONS,
    log,
  });
  lifecycle.add({ name: 'office', stop: () => pool.end() });
  return pool;
}

/** Without a command obeyed for so long the city opens all the same. */
const OBEYED_IDLE_MS_MAX = 60_000;

/** Waits until the fare engine has obeyed the office: who taps first is carried by a line that is known. */
async function untilObeyed(database: CityDatabase, log: Logger): Promise<void> {
  const auditor = createPool({
    url: database.url('auditor_runtime'),
    applicationName: 'kvytok-opening',
    max: 1,
    log,
  });
  try {
    const commands = await drainCommands(auditor, OBEYED_IDLE_MS_MAX);
    if (commands > 0)
      log.warn({ commands }, 'city.commands-wait first rides are priced again once they are obeyed');
  } finally {
    await auditor.end();
  }
}

/** Makes the devices known to ingest. A key's name follows from the key, so repeating it changes nothing. */
async function registerSigningKeys(
  pool: pg.Pool,
  devices: readonly EnrolledDevice[],
  data: CityData,
  log: Logger,
): Promise<void> {
  const validFromMs = startOfSimulation(data);
  const outcomes = await registerDevices(
    pool,
    devices.map(({ deviceId, publicKeyPem }) => ({
      deviceId,
      keyId: signingKeyId(publicKeyPem),
      publicKeyPem,
      validFromMs,
    })),
  );
  for (const { deviceId, outcome } of outcomes) {
    if (outcome === 'conflict')
      log.error({ deviceId }, 'city.device-key-conflict its records will be refused');
  }
}

function openClock(options: CityOptions, folder: string): CityClock {
  return createCityClock({
    file: join(folder, 'city-clock.json'),
    startAtMs: startOfSimulation(options.data),
    speed: options.speed ?? options.data.city.simulation.speed,
    log: options.log,
  });
}

/** The first instant of the simulated city, UTC ms. */
function startOfSimulation({ city }: CityData): number {
  return getZone(city.zone).instantMs(Date.parse(`${city.simulation.startsAt}Z`));
}

/** The simulated vehicles lose their network now and then on purpose: no news unless somebody asks for more. */
function fleetLog(level: string): Logger {
  return createLogger({ component: 'fleet', level: level === 'warn' ? 'error' : level });
}
