/**
 * Who may speak in the embedded city: enrols every planned device and the city's own services, and writes the
 * broker's identities file.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CityData } from '#platform/city-data.ts';
import type { CityKeys } from './city-keys.ts';
import { type EnrolledDevice, enrolDevice, enrolService, writeIdentities } from './enrol-devices.ts';
import { makeStopPlan, STOP_PLAN_FILES } from './make-stop-plan.ts';

/** MQTT client ids of the city's services. */
export const INGEST_CLIENT = 'city-ingest';
export const LISTS_CLIENT = 'city-lists';

export interface Identities {
  readonly devices: readonly EnrolledDevice[];
  /** Path of the broker's identities file. */
  readonly file: string;
  readonly ingestSecretFile: string;
  readonly listsSecretFile: string;
}

/** Folder of one device within a data folder. */
export function deviceFolder(dataFolder: string, deviceId: string): string {
  return join(dataFolder, 'devices', deviceId);
}

/** Kinds of media taken where a city does not say: those whose cards this version reads. */
const DEFAULT_MEDIA = ['social', 'wallet'] as const;

/** The stops of the city's feed with its numbers, as devices get them; nothing where the city has no such numbers. */
function stopsOf({ dir, city }: CityData): string | undefined {
  if (city.stops === undefined) return undefined;
  const { countsFromPct: _, ...rules } = city.stops;
  const texts = STOP_PLAN_FILES.map((name) => [name, readFileSync(join(dir, 'gtfs', name), 'utf8')]);
  return JSON.stringify(makeStopPlan(Object.fromEntries(texts), rules));
}

/** Makes or completes all identities of a city; repeating it changes nothing. */
export function openIdentities(
  dataFolder: string,
  data: CityData,
  keys: CityKeys,
  mqttUrl: string,
): Identities {
  const { validator } = data.city;
  const policy = {
    passBackS: validator.passBackS,
    mediumKinds: validator.mediumKinds ?? [...DEFAULT_MEDIA],
    journalRecordsMax: validator.journalRecordsMax,
  };
  const stops = stopsOf(data);
  const devices = data.devices.map((device) =>
    enrolDevice(join(dataFolder, 'devices'), device, { keys, policy, mqttUrl, stops }),
  );
  const secrets = join(dataFolder, 'secrets');
  const ingest = enrolService(secrets, INGEST_CLIENT);
  const lists = enrolService(secrets, LISTS_CLIENT);
  const file = join(secrets, 'broker-identities.json');
  writeIdentities(file, [
    { clientId: INGEST_CLIENT, role: 'ingest', ...ingest.hashes },
    { clientId: LISTS_CLIENT, role: 'lists', ...lists.hashes },
    ...devices.map((d) => ({
      clientId: d.deviceId,
      role: 'device' as const,
      ...d.brokerSecret,
    })),
  ]);
  return { devices, file, ingestSecretFile: ingest.secretFile, listsSecretFile: lists.secretFile };
}
