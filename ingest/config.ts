/**
 * What ingest is told by its environment, and the bounds it keeps.
 */
import { type Static, Type } from 'typebox';
import { BATCH_BYTES_MAX } from '#contracts/batch.ts';
import type { CitySigner } from '#contracts/signed-envelope.ts';
import { loadCity } from '#platform/city-data.ts';
import { type MqttLogin, mqttLogin } from '#platform/mqtt-login.ts';
import { readPrivateKeyFile } from '#platform/secret-files.ts';
import type { BrokerNeeds } from './broker-check.ts';
import type { FlagLimits } from './flags.ts';
import type { GroupLimits } from './group-commit.ts';
import type { QuotaLimits } from './quarantine-quota.ts';

export const IngestEnvironment = Type.Object({
  KVYTOK_POSTGRES_URL: Type.String({
    minLength: 1,
    description: 'address of PostgreSQL, role ingest_runtime',
  }),
  KVYTOK_MQTT_URL: Type.String({ pattern: '^mqtts?://', description: 'address of the MQTT broker' }),
  KVYTOK_INGEST_CLIENT_ID: Type.String({
    default: 'ingest',
    pattern: '^[a-z0-9][a-z0-9-]{1,62}$',
    description: 'MQTT client id; each ingest process needs its own',
  }),
  KVYTOK_INGEST_SHARE_GROUP: Type.Optional(
    Type.String({
      pattern: '^[a-z0-9][a-z0-9-]{0,31}$',
      description:
        'several ingests of this name let the broker share the batches among them ($share: mosquitto, EMQX); without it they share by device, on every broker',
    }),
  ),
  KVYTOK_INGEST_MQTT_SECRET_FILE: Type.Optional(
    Type.String({ minLength: 1, description: 'file with the MQTT secret, for mqtt://' }),
  ),
  KVYTOK_INGEST_MQTT_CERT_FILE: Type.Optional(
    Type.String({ minLength: 1, description: 'PEM file with the certificate, for mqtts://' }),
  ),
  KVYTOK_INGEST_MQTT_KEY_FILE: Type.Optional(
    Type.String({ minLength: 1, description: 'PEM file with the key of that certificate' }),
  ),
  KVYTOK_MQTT_CA_FILE: Type.Optional(
    Type.String({ minLength: 1, description: 'PEM file with the authority that signed the broker' }),
  ),
  KVYTOK_INGEST_KEY_FILE: Type.String({
    minLength: 1,
    description: 'PEM file with the Ed25519 private key that signs receipts',
  }),
  KVYTOK_INGEST_KEY_ID: Type.String({
    pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
    description: 'name under which devices have pinned that key',
  }),
  KVYTOK_CITY_DIR: Type.String({
    minLength: 1,
    description: "the city's data, e.g. cities/ternopil: its limits of clocks",
  }),
});
export type IngestEnvironment = Static<typeof IngestEnvironment>;

/** Every bound of ingest. */
export interface IngestLimits extends GroupLimits, QuotaLimits {
  /** Single records of one proven device in quarantine at most; those beyond get no receipt and stay with the device. */
  readonly provenItemsPerDeviceMax: number;
  /** How often device keys are looked at; an unknown device makes it look at once, within bounds. */
  readonly registryEveryMs: number;
  /** How often reports are written, and how often the linker looks by itself. */
  readonly reportsEveryMs: number;
  readonly linkEveryMs: number;
  /** How often an ingest looks who else works on this database. */
  readonly seatEveryMs: number;
}

export const DEFAULT_LIMITS: IngestLimits = {
  groupBatchesMax: 256,
  groupBytesMax: 1024 * 1024,
  lingerMs: 20,
  inFlightMax: 2,
  queueBatchesMax: 4096,
  queueBytesMax: 64 * 1024 * 1024,
  itemsPerDeviceMax: 100,
  itemsMax: 5_000,
  bytesMax: 64 * 1024 * 1024,
  provenItemsPerDeviceMax: 10_000,
  registryEveryMs: 2_000,
  reportsEveryMs: 250,
  linkEveryMs: 1_000,
  seatEveryMs: 1_000,
};

/** Configuration of {@link import('./main.ts').startIngest}. */
export interface IngestConfig extends FlagLimits, MqttLogin {
  /** Address under the role `ingest_runtime`. */
  readonly postgresUrl: string;
  readonly mqttUrl: string;
  readonly mqttClientId: string;
  /** Group of a shared subscription; absent where the ingests share the devices among themselves. */
  readonly shareGroup?: string;
  /** Signs receipts. */
  readonly signer: CitySigner;
  readonly limits?: Partial<IngestLimits>;
  /** What the broker is measured against at the start; left out where it is our own and known. */
  readonly brokerNeeds?: BrokerNeeds;
}

/** As many batches as ingest itself lets wait, a whole group of them on the way, and the largest one. */
export const BROKER_NEEDS: BrokerNeeds = {
  queued: DEFAULT_LIMITS.queueBatchesMax,
  window: DEFAULT_LIMITS.groupBatchesMax,
  payloadBytes: BATCH_BYTES_MAX,
};

/** From the environment, files read. @throws OperatorError SECRET_FILE_UNREADABLE, CITY_DATA_INVALID. */
export function ingestConfig(env: IngestEnvironment): IngestConfig {
  const { city } = loadCity(env.KVYTOK_CITY_DIR);
  return {
    postgresUrl: env.KVYTOK_POSTGRES_URL,
    mqttUrl: env.KVYTOK_MQTT_URL,
    mqttClientId: env.KVYTOK_INGEST_CLIENT_ID,
    ...mqttLogin(env.KVYTOK_MQTT_URL, {
      secretFile: env.KVYTOK_INGEST_MQTT_SECRET_FILE,
      certFile: env.KVYTOK_INGEST_MQTT_CERT_FILE,
      keyFile: env.KVYTOK_INGEST_MQTT_KEY_FILE,
      caFile: env.KVYTOK_MQTT_CA_FILE,
    }),
    ...(env.KVYTOK_INGEST_SHARE_GROUP !== undefined && { shareGroup: env.KVYTOK_INGEST_SHARE_GROUP }),
    signer: { keyId: env.KVYTOK_INGEST_KEY_ID, privateKey: readPrivateKeyFile(env.KVYTOK_INGEST_KEY_FILE) },
    clockFarFromReceiptMs: city.clock.farFromReceiptS * 1000,
    brokerNeeds: BROKER_NEEDS,
  };
}
