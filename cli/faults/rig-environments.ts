/** What each process of a rig is told by its environment. */
import { join } from 'node:path';
import type { Database } from '#platform/database.ts';
import type { ApprovalPlaces } from '../../fare-engine/adapters/approval-files.ts';
import { SHIFT_MS } from '../../simulators/faults/shifted-clock.ts';
import { INGEST_CLIENT, LISTS_CLIENT, type ServiceClient } from '../city/identities.ts';
import type { RigProcess } from './city-rig.ts';
import type { Wires } from './wires.ts';

export interface RigPlaces {
  /** Folder of the city's keys and secrets. */
  readonly secrets: string;
  readonly cityDir: string;
  readonly approvals: ApprovalPlaces;
  readonly database: Database;
  readonly brokerPort: number;
  readonly wires: Wires;
  /** How far the rig's clock is from the machine's. */
  readonly shiftMs: number;
}

/** The second ingest and the second fare engine, as the broker knows them. */
export const SECOND_WORKERS = [
  { clientId: `${INGEST_CLIENT}-2`, role: 'ingest' },
  { clientId: `${LISTS_CLIENT}-2`, role: 'lists' },
] as const satisfies readonly ServiceClient[];

/** The environments by process. */
export function environmentsOf(places: RigPlaces): Record<RigProcess, Record<string, string>> {
  const { secrets, cityDir, database, wires } = places;
  const shared = { [SHIFT_MS]: String(places.shiftMs) };
  const ingest = (clientId: string) => ({
    ...shared,
    KVYTOK_POSTGRES_URL: wires.through('ingest-database', database.url('ingest_runtime')),
    KVYTOK_MQTT_URL: wires.url('ingest'),
    KVYTOK_INGEST_CLIENT_ID: clientId,
    KVYTOK_INGEST_MQTT_SECRET_FILE: join(secrets, `mqtt-${clientId}.secret`),
    KVYTOK_INGEST_KEY_FILE: join(secrets, 'ingest-key.pem'),
    KVYTOK_INGEST_KEY_ID: 'ingest-1',
    KVYTOK_CITY_DIR: cityDir,
  });
  const fareEngine = (clientId: string) => ({
    ...shared,
    KVYTOK_POSTGRES_URL: wires.through('fare-database', database.url('fare_runtime')),
    KVYTOK_CITY_DIR: cityDir,
    KVYTOK_MQTT_URL: wires.url('lists'),
    KVYTOK_LISTS_CLIENT_ID: clientId,
    KVYTOK_LISTS_MQTT_SECRET_FILE: join(secrets, `mqtt-${clientId}.secret`),
    KVYTOK_LISTS_KEY_FILE: join(secrets, 'lists-key.pem'),
    KVYTOK_OFFICERS_FILE: places.approvals.officersFile,
    KVYTOK_TARIFF_APPROVALS_DIR: places.approvals.dir,
  });
  return {
    broker: {
      ...shared,
      KVYTOK_BROKER_LISTEN: `127.0.0.1:${places.brokerPort}`,
      KVYTOK_BROKER_IDENTITIES: join(secrets, 'broker-identities.json'),
    },
    'ingest-1': ingest(INGEST_CLIENT),
    'ingest-2': ingest(SECOND_WORKERS[0].clientId),
    'fare-engine-1': fareEngine(LISTS_CLIENT),
    'fare-engine-2': fareEngine(SECOND_WORKERS[1].clientId),
    validators: shared,
    backup: {
      ...shared,
      KVYTOK_POSTGRES_URL: database.url('backup_runtime'),
      KVYTOK_BACKUP_DIR: join(secrets, '..', 'backup'),
      KVYTOK_BACKUP_EVERY_S: '1',
      KVYTOK_BACKUP_RESERVE_S: '0',
      KVYTOK_BACKUP_SLACK_S: '0',
    },
  };
}
