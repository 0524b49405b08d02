/** The whole way of a tap for a benchmark: broker, ingest and fare engine as processes on one database. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { loadCity } from '#platform/city-data.ts';
import { createLogger } from '#platform/logger.ts';
import { connectMqtt, type MqttConnection } from '#platform/mqtt-connection.ts';
import { registerDevices } from '../../ingest/main.ts';
import { openCityKeys } from '../city/city-keys.ts';
import { enrolService, readText, writeIdentities } from '../city/enrol-devices.ts';
import { simulateOfficers } from '../city/simulated-officers.ts';
import { openBenchDatabase } from './bench-database.ts';
import type { MadeJournal } from './journals.ts';
import { type RoleProcess, startRoleProcess } from './start-role.ts';

export interface TapsRig {
  readonly adminUrl: string;
  readonly auditor: pg.Pool;
  /** Connects as a device, or as a client with the rights of ingest. */
  connect(clientId: string): MqttConnection;
  readonly deviceIds: readonly string[];
  /** Stops the roles and leaves broker and database, for a peer in their place. */
  stopRoles(): Promise<void>;
  stop(): Promise<void>;
}

export interface RigPlan {
  readonly folder: string;
  readonly journals: readonly MadeJournal[];
  readonly cityDir: string;
  /** City time minus machine time, for all roles. */
  readonly shiftMs: number;
}

const INGEST_CLIENT = 'bench-ingest';

/** Starts everything; devices are registered and may connect. */
export async function openTapsRig(plan: RigPlan): Promise<TapsRig> {
  const { folder, journals, shiftMs } = plan;
  const secrets = join(folder, 'secrets');
  mkdirSync(secrets, { recursive: true, mode: 0o700 });
  const keys = openCityKeys(secrets);
  const clients = [INGEST_CLIENT, ...journals.map((journal) => journal.deviceId)].map((clientId) => ({
    clientId,
    role: clientId === INGEST_CLIENT ? ('ingest' as const) : ('device' as const),
    ...enrolService(secrets, clientId),
  }));
  const secretFiles = new Map(clients.map(({ clientId, secretFile }) => [clientId, secretFile]));
  const identitiesFile = join(secrets, 'identities.json');
  writeIdentities(
    identitiesFile,
    clients.map(({ clientId, role, hashes }) => ({ clientId, role, ...hashes })),
  );
  const database = await openBenchDatabase(folder);
  const processes: RoleProcess[] = [];
  const connections: MqttConnection[] = [];
  const stopRoles = async (): Promise<void> => {
    for (const role of processes.splice(1).reverse()) await role.stop();
  };
  const stop = async (): Promise<void> => {
    await Promise.all(connections.map((connection) => connection.stop()));
    await stopRoles();
    await processes[0]?.stop();
    await database.stop();
  };
  try {
    await registerDevices(
      database.pool('office_runtime'),
      journals.map(({ deviceId, publicKeyPem }) => ({ deviceId, publicKeyPem, keyId: 'k1', validFromMs: 0 })),
    );
    const path = { PATH: process.env['PATH'] ?? '' };
    const broker = await startRoleProcess(
      'broker',
      { ...path, KVYTOK_BROKER_LISTEN: '127.0.0.1:0', KVYTOK_BROKER_IDENTITIES: identitiesFile },
      shiftMs,
    );
    processes.push(broker);
    const approvals = await simulateOfficers(folder, loadCity(plan.cityDir), Date.now() + shiftMs);
    const environments = {
      ingest: {
        KVYTOK_POSTGRES_URL: database.url('ingest_runtime'),
        KVYTOK_MQTT_URL: broker.address,
        KVYTOK_INGEST_CLIENT_ID: INGEST_CLIENT,
        KVYTOK_INGEST_MQTT_SECRET_FILE: secretFiles.get(INGEST_CLIENT) ?? '',
        KVYTOK_INGEST_KEY_FILE: join(secrets, 'ingest-key.pem'),
        KVYTOK_INGEST_KEY_ID: keys.ingest.keyId,
        KVYTOK_CITY_DIR: plan.cityDir,
      },
      'fare-engine': {
        KVYTOK_POSTGRES_URL: database.url('fare_runtime'),
        KVYTOK_CITY_DIR: plan.cityDir,
        KVYTOK_OFFICERS_FILE: approvals.officersFile,
        KVYTOK_TARIFF_APPROVALS_DIR: approvals.dir,
      },
    };
    for (const role of ['ingest', 'fare-engine'] as const)
      processes.push(await startRoleProcess(role, { ...path, ...environments[role] }, shiftMs));
    const log = createLogger({ component: 'bench', level: 'error' });
    return {
      adminUrl: database.adminUrl,
      auditor: database.pool('auditor_runtime', 2),
      deviceIds: journals.map((journal) => journal.deviceId),
      connect(clientId) {
        const secret = readText(secretFiles.get(clientId) ?? '');
        const connection = connectMqtt({ url: broker.address, clientId, secret, log });
        connections.push(connection);
        return connection;
      },
      stopRoles,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Connects with the rights of ingest, for a peer that subscribes in its place. */
export const PEER_CLIENT = INGEST_CLIENT;
