/**
 * A small city whose roles run as real processes, for fault tests: real PostgreSQL, the real broker in this process,
 * ingest, fare engine and validators as children that can be killed one by one.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { type CityData, loadCity } from '#platform/city-data.ts';
import { bootstrapDatabase, type Database } from '#platform/database.ts';
import { startEmbeddedPostgres } from '#platform/embedded-postgres.ts';
import { createLogger, type Logger } from '#platform/logger.ts';
import { migrate } from '#platform/migrate.ts';
import { createPool } from '#platform/postgres.ts';
import { type Broker, startBroker } from '../../broker/main.ts';
import { openCityKeys } from '../../cli/city/city-keys.ts';
import { deviceFolder, INGEST_CLIENT, LISTS_CLIENT, openIdentities } from '../../cli/city/identities.ts';
import { createOffice } from '../../cli/city/office.ts';
import { MIGRATION_SETS } from '../../cli/city/open-database.ts';
import { registerDevices } from '../../ingest/main.ts';
import { startChild, type TestChild } from './child-process.ts';
import type { EdgeChildOrder } from './edge-child.ts';
import { freePort } from './free-port.ts';
import { SHIFT_MS, shiftedClock } from './shifted-clock.ts';
import { tempFolder } from './temp-folder.ts';

export const CITY_DIR = new URL('../../cities/ternopil', import.meta.url).pathname;
/** A working morning under the tariff of 1 August 2024. */
const CITY_NOW_MS = Date.UTC(2025, 9, 14, 4, 0, 0);

export type RigRole = 'ingest' | 'fare-engine' | 'edge' | 'backup';

export interface CityRig {
  readonly data: CityData;
  readonly dataFolder: string;
  readonly auditor: pg.Pool;
  /** Records of all greens that any validator showed. */
  readonly greens: Set<string>;
  /** Address of the broker, and how far the city's clock is from the machine's: for agents in the test's own process. */
  readonly mqttUrl: string;
  readonly shiftMs: number;
  /** Registers a further key of a device, as enrolment does for other hardware under its name. */
  enrolKey(deviceId: string, keyId: string, publicKeyPem: string): Promise<void>;
  /** Starts a role's process, with a point at which it is to be killed (`<point>:<n>`). */
  start(role: RigRole, killAt?: string, env?: Readonly<Record<string, string>>): TestChild;
  /** kill -9 of the postmaster; {@link healDatabase} starts it again on the same port. */
  killDatabase(): Promise<void>;
  healDatabase(): Promise<void>;
  /** kill -9, and everything of the cluster is gone. */
  destroyDatabase(): Promise<void>;
  /** Where the role `backup` puts its backup. */
  readonly backupFolder: string;
  close(): Promise<void>;
}

export interface RigOptions {
  readonly validators: number;
  readonly cards: number;
  readonly everyMs: number;
}

/** Opens the rig; nothing but database and broker runs yet. */
export async function openCityRig(options: RigOptions): Promise<CityRig> {
  const log = createLogger({ component: 'rig', level: 'error', pretty: false });
  const folder = tempFolder('rig');
  const all = loadCity(CITY_DIR);
  const data = { ...all, devices: all.devices.slice(0, options.validators) };
  const shiftMs = CITY_NOW_MS - Date.now();
  const clock = shiftedClock(shiftMs);
  const port = await freePort();
  let server = await startEmbeddedPostgres({ dataDir: folder.path, log, port });
  const keys = openCityKeys(join(folder.path, 'secrets'));
  const database = await bootstrapDatabase({
    adminUrl: server.adminUrl,
    database: 'kvytok',
    secretsFile: join(folder.path, 'secrets', 'database.json'),
  });
  await migrate({ url: database.migratorUrl, sets: [...MIGRATION_SETS], log });
  openIdentities(folder.path, data, keys, 'mqtt://127.0.0.1:1');
  const broker = await startBroker(
    {
      KVYTOK_BROKER_LISTEN: '127.0.0.1:0',
      KVYTOK_BROKER_IDENTITIES: join(folder.path, 'secrets', 'broker-identities.json'),
    },
    { clock, log },
  );
  const identities = openIdentities(folder.path, data, keys, broker.url);
  await enrol(database, data, identities.devices, clock.nowMs(), log);
  const greens = new Set<string>();
  const auditor = createPool({ url: database.url('auditor_runtime'), applicationName: 'rig', max: 2, log });
  const environments = environmentsOf(folder.path, database, broker, String(shiftMs));
  let edgeStarts = 0;
  const running = new Set<TestChild>();
  return {
    data,
    dataFolder: folder.path,
    auditor,
    greens,
    mqttUrl: broker.url,
    shiftMs,
    async enrolKey(deviceId, keyId, publicKeyPem) {
      const office = createPool({
        url: database.url('office_runtime'),
        applicationName: 'rig-office',
        max: 1,
        log,
      });
      await registerDevices(office, [{ deviceId, keyId, publicKeyPem, validFromMs: clock.nowMs() }]);
      await office.end();
    },
    start(role, killAt, env = {}) {
      edgeStarts += 1;
      const order: EdgeChildOrder = {
        deviceFolders: data.devices.map((d) => deviceFolder(folder.path, d.deviceId)),
        mqttUrl: broker.url,
        issuerKeyFile: join(folder.path, 'secrets', 'issuer-key.pem'),
        routeId: data.devices[0]?.routeId ?? '',
        cards: options.cards,
        everyMs: options.everyMs,
        seed: edgeStarts,
      };
      const [file, first] =
        role === 'edge' ? ['edge-child.ts', JSON.stringify(order)] : ['role-child.ts', role];
      const child = startChild(
        new URL(file, import.meta.url),
        killAt === undefined ? [first] : [first, killAt],
        { ...environments[role], ...env },
        (line) => {
          const green = (JSON.parse(line) as { green?: string }).green;
          if (green !== undefined) greens.add(green);
        },
      );
      running.add(child);
      void child.ended.then(() => running.delete(child));
      return child;
    },
    async killDatabase() {
      process.kill(server.pid, 'SIGKILL');
      await server.stop().catch(() => {});
    },
    async destroyDatabase() {
      process.kill(server.pid, 'SIGKILL');
      await server.stop().catch(() => {});
      rmSync(server.place, { recursive: true, force: true });
    },
    backupFolder: join(folder.path, 'backup'),
    async healDatabase() {
      server = await startEmbeddedPostgres({ dataDir: folder.path, log, port });
    },
    async close() {
      for (const child of running) await child.kill();
      await auditor.end();
      await broker.stop();
      await server.stop();
      folder.remove();
    },
  };
}

/** Keys of the devices, and the assignment of each to its vehicle and carrier. */
async function enrol(
  database: Database,
  data: CityData,
  devices: readonly { deviceId: string; publicKeyPem: string }[],
  nowMs: number,
  log: Logger,
): Promise<void> {
  const pool = createPool({
    url: database.url('office_runtime'),
    applicationName: 'rig-office',
    max: 1,
    log,
  });
  const validFromMs = nowMs - 86_400_000;
  await registerDevices(
    pool,
    devices.map(({ deviceId, publicKeyPem }) => ({ deviceId, publicKeyPem, keyId: 'k1', validFromMs })),
  );
  const office = createOffice(pool, 'rig', () => nowMs);
  for (const { deviceId, vehicleId, carrierId } of data.devices) {
    const payload = { deviceId, vehicleId, carrierId, validFromMs };
    await office({ commandId: crypto.randomUUID(), kind: 'assign-device', payload });
  }
  await pool.end();
}

function environmentsOf(
  folder: string,
  database: Database,
  broker: Broker,
  shiftMs: string,
): Record<RigRole, Record<string, string>> {
  const secret = (name: string) => join(folder, 'secrets', name);
  const shared = { [SHIFT_MS]: shiftMs };
  return {
    ingest: {
      ...shared,
      KVYTOK_POSTGRES_URL: database.url('ingest_runtime'),
      KVYTOK_MQTT_URL: broker.url,
      KVYTOK_INGEST_CLIENT_ID: INGEST_CLIENT,
      KVYTOK_INGEST_MQTT_SECRET_FILE: secret(`mqtt-${INGEST_CLIENT}.secret`),
      KVYTOK_INGEST_KEY_FILE: secret('ingest-key.pem'),
      KVYTOK_INGEST_KEY_ID: 'ingest-1',
      KVYTOK_CITY_DIR: CITY_DIR,
    },
    'fare-engine': {
      ...shared,
      KVYTOK_POSTGRES_URL: database.url('fare_runtime'),
      KVYTOK_CITY_DIR: CITY_DIR,
      KVYTOK_MQTT_URL: broker.url,
      KVYTOK_LISTS_CLIENT_ID: LISTS_CLIENT,
      KVYTOK_LISTS_MQTT_SECRET_FILE: secret(`mqtt-${LISTS_CLIENT}.secret`),
      KVYTOK_LISTS_KEY_FILE: secret('lists-key.pem'),
    },
    edge: shared,
    backup: {
      ...shared,
      KVYTOK_POSTGRES_URL: database.url('backup_runtime'),
      KVYTOK_BACKUP_DIR: join(folder, 'backup'),
      KVYTOK_BACKUP_EVERY_S: '1',
      KVYTOK_BACKUP_RESERVE_S: '0',
      KVYTOK_BACKUP_SLACK_S: '0',
    },
  };
}
