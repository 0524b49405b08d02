/**
 * Who may speak in the embedded city: enrols every planned device and the city's own services, and writes the
 * broker's identities file.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CityData } from '#platform/city-data.ts';
import { policyOf, type TariffRules } from '../../ingest/enrolment/config.ts';
import { bankPartsOf } from './bank-parts.ts';
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

/** The stops of the city's feed with its numbers, as devices get them; nothing where the city has no such numbers. */
export function stopsOf({ dir, city }: CityData): string | undefined {
  if (city.stops === undefined) return undefined;
  const { countsFromPct: _, ...rules } = city.stops;
  const texts = STOP_PLAN_FILES.map((name) => [name, join(dir, 'gtfs', name)] as const)
    .filter(([name, path]) => name !== 'translations.txt' || existsSync(path))
    .map(([name, path]) => [name, readFileSync(path, 'utf8')]);
  return JSON.stringify(makeStopPlan(Object.fromEntries(texts), rules));
}

/** What a city's devices are told beside keys and policy. */
export interface ToldToDevices {
  readonly mqttUrl: string;
  readonly enrolmentUrl?: string;
  /** Text of `stops.json` ({@link stopsOf}, half a second's work for a city). */
  readonly stops: string | undefined;
  /** Signed text of `tariff-extract.json`. */
  readonly tariff?: string;
  /** What devices are told from the tariffs. */
  readonly rules?: TariffRules;
}

/** Makes or completes the folder of every planned device; repeating it changes nothing. */
export function openDeviceFolders(
  dataFolder: string,
  data: CityData,
  keys: CityKeys,
  told: ToldToDevices,
): EnrolledDevice[] {
  const { rules, ...rest } = told;
  const bank = bankPartsOf(data, keys);
  const { cardMedia } = data;
  const context = { keys, policy: policyOf(data.city, rules), bank, cardMedia, ...rest };
  return data.devices.map((device) => enrolDevice(join(dataFolder, 'devices'), device, context));
}

/** A further client of the broker, beside the city's own ingest and publisher: a second worker of either. */
export interface ServiceClient {
  readonly clientId: string;
  readonly role: 'ingest' | 'lists';
}

/** Makes or completes all identities of a city whose broker knows clients by secrets, and writes its identities file. */
export function openIdentities(
  dataFolder: string,
  data: CityData,
  keys: CityKeys,
  mqttUrl: string,
  more: readonly ServiceClient[] = [],
): Identities {
  const devices = openDeviceFolders(dataFolder, data, keys, { mqttUrl, stops: stopsOf(data) });
  const secrets = join(dataFolder, 'secrets');
  const ingest = enrolService(secrets, INGEST_CLIENT);
  const lists = enrolService(secrets, LISTS_CLIENT);
  const file = identitiesFile(dataFolder);
  writeIdentities(file, [
    { clientId: INGEST_CLIENT, role: 'ingest', ...ingest.hashes },
    { clientId: LISTS_CLIENT, role: 'lists', ...lists.hashes },
    ...more.map((client) => ({ ...client, ...enrolService(secrets, client.clientId).hashes })),
    ...devices.map((d) => ({
      clientId: d.deviceId,
      role: 'device' as const,
      ...d.brokerSecret,
    })),
  ]);
  return { devices, file, ingestSecretFile: ingest.secretFile, listsSecretFile: lists.secretFile };
}

/** Path of the broker's identities file within a data folder. */
export function identitiesFile(dataFolder: string): string {
  return join(dataFolder, 'secrets', 'broker-identities.json');
}
