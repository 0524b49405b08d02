/**
 * The way into the embedded city: certificates, who may connect, the broker, and enrolment beside it.
 */
import { join } from 'node:path';
import type pg from 'pg';
import type { CityData } from '#platform/city-data.ts';
import type { Clock } from '#platform/clock.ts';
import { OperatorError } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import type { Role } from '#platform/role.ts';
import type { Lifecycle } from '#platform/shutdown.ts';
import { type Broker, startBroker } from '../../broker/main.ts';
import type { ApprovalPlaces } from '../../fare-engine/adapters/approval-files.ts';
import { CERTIFICATE_MS, OLD_KEY_MS, policyOf, type TariffRules } from '../../ingest/enrolment/config.ts';
import { startEnrolment, startIdentities } from '../../ingest/enrolment/main.ts';
import { type CityCertificates, certifyCity } from './certify-city.ts';
import { type CityKeys, type NamedKey, publicPem } from './city-keys.ts';
import { type CityCa, openCityCa } from './device-ca.ts';
import type { EnrolledDevice } from './enrol-devices.ts';
import { validatorCardKeys } from './enrol-devices.ts';
import { identitiesFile, openDeviceFolders, stopsOf, type ToldToDevices } from './identities.ts';
import type { CityDatabase } from './open-database.ts';
import { simulateOfficers } from './simulated-officers.ts';
import { toldOfTariffs } from './tariff-rules.ts';

export interface GateOptions {
  readonly data: CityData;
  /** Absolute path of the data folder. */
  readonly folder: string;
  readonly database: CityDatabase;
  /** Under the role `office_runtime`. */
  readonly office: pg.Pool;
  readonly keys: CityKeys;
  /** `host:port` of the broker; without it the port that IANA keeps for MQTT over TLS, or a free one. */
  readonly brokerListen: string | undefined;
  readonly lifecycle: Lifecycle;
  readonly part: (component: string) => { clock: Clock; log: Logger };
}

export interface Gate {
  readonly broker: Broker;
  readonly certificates: CityCertificates;
  readonly devices: readonly EnrolledDevice[];
  readonly enrolmentUrl: string;
  /** Hash of the authority, as devices compare it. */
  readonly caSha256: string;
  readonly approvals: ApprovalPlaces;
  /** For figures and readiness. */
  readonly roles: readonly Role[];
}

/** What the gate needs before there is a database. */
export interface GateDrafts {
  readonly ca: CityCa;
  readonly stops: ToldToDevices['stops'];
  readonly tariff?: string;
  readonly rules: TariffRules;
  /** Who may sign tariffs here, and what they signed. */
  readonly approvals: ApprovalPlaces;
  readonly drafts: readonly EnrolledDevice[];
}

/** Makes keys and folders; PostgreSQL starts meanwhile, in processes of its own. */
export async function draftGate({
  data,
  folder,
  keys,
  nowMs,
}: Pick<GateOptions, 'data' | 'folder' | 'keys'> & { readonly nowMs: number }): Promise<GateDrafts> {
  const ca = await openCityCa(join(folder, 'secrets'));
  const stops = stopsOf(data);
  const approvals = await simulateOfficers(folder, data, nowMs);
  const tariffs = await toldOfTariffs(data, keys.lists, approvals.dir);
  // The folders first, with an address that is mended when the broker is open: only then is it known.
  const draft = { mqttUrl: 'mqtts://127.0.0.1:8883', stops, ...tariffs };
  return { ca, stops, approvals, ...tariffs, drafts: openDeviceFolders(folder, data, keys, draft) };
}

/** Opens it; every part is stopped by the lifecycle. */
export async function openGate(
  options: GateOptions,
  { ca, stops, rules, tariff, approvals, drafts }: GateDrafts,
): Promise<Gate> {
  const { data, folder, database, keys, lifecycle, part } = options;
  const secretsFolder = join(folder, 'secrets');
  const file = identitiesFile(folder);
  const certificates = await certifyCity(ca, options.office, {
    secretsFolder,
    devices: drafts,
    names: namesOf(options.brokerListen),
  });
  const follower = lifecycle.add(
    await startIdentities(
      { KVYTOK_POSTGRES_URL: database.url('broker_runtime'), KVYTOK_BROKER_IDENTITIES: file },
      part('identities'),
    ),
  );
  const broker = lifecycle.add(await openBroker(certificates, file, options));
  const more = { stops, rules, ...(tariff !== undefined && { tariff }) };
  const enrolment = lifecycle.add(await openEnrolment(ca, broker.url, more, options));
  const told = { mqttUrl: broker.url, enrolmentUrl: enrolment.url, ...more };
  const devices = openDeviceFolders(folder, data, keys, told);
  return {
    broker,
    certificates,
    devices,
    enrolmentUrl: enrolment.url,
    caSha256: ca.sha256,
    approvals,
    roles: [follower, broker, enrolment],
  };
}

function openEnrolment(
  ca: CityCa,
  mqttUrl: string,
  told: Pick<ToldToDevices, 'stops' | 'rules' | 'tariff'>,
  { data, database, keys, part }: GateOptions,
) {
  const pin = ({ keyId, privateKey }: NamedKey) => ({ [keyId]: publicPem(privateKey) });
  return startEnrolment(
    {
      postgresUrl: database.url('enrolment_runtime'),
      listen: '127.0.0.1:0',
      mqttUrl,
      ca,
      pins: {
        ingestKeys: pin(keys.ingest),
        listKeys: pin(keys.lists),
        listGenerationKeys: pin(keys.listGeneration),
        issuerKeys: pin(keys.issuer),
      },
      stops: told.stops,
      ...(told.tariff !== undefined && { tariff: told.tariff }),
      cardMedia: data.cardMedia,
      cardKeys: { v: 1, cards: validatorCardKeys(keys.cardKeys) },
      tokenKey: keys.tokenKey.toString('hex'),
      inspectionKeys: keys.inspectionKeys,
      policy: policyOf(data.city, told.rules),
      certificateMs: CERTIFICATE_MS,
      oldKeyMs: OLD_KEY_MS,
    },
    part('enrolment'),
  );
}

/** The port that IANA keeps for MQTT over TLS. */
const MQTTS_LISTEN = '127.0.0.1:8883';

function namesOf(listen: string | undefined): string[] {
  const host = (listen ?? MQTTS_LISTEN).replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return [...new Set(['127.0.0.1', 'localhost', host])];
}

/** Listens where it was told to; untold, a taken port is no reason not to start. */
async function openBroker(
  { broker: files }: CityCertificates,
  identities: string,
  { brokerListen, part }: GateOptions,
): Promise<Broker> {
  const open = (address: string) =>
    startBroker(
      {
        KVYTOK_BROKER_TLS_LISTEN: address,
        KVYTOK_BROKER_TLS_KEY_FILE: files.keyFile,
        KVYTOK_BROKER_TLS_CERT_FILE: files.certFile,
        KVYTOK_BROKER_TLS_CA_FILE: files.caFile,
        KVYTOK_BROKER_IDENTITIES: identities,
      },
      part('broker'),
    );
  if (brokerListen !== undefined) return open(brokerListen);
  return open(MQTTS_LISTEN).catch((error: unknown) => {
    if (error instanceof OperatorError && error.code === 'PORT_IN_USE') return open('127.0.0.1:0');
    throw error;
  });
}
