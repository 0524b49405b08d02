/**
 * Enrolment of the embedded city: each device gets its own signing key and its own broker secret in a folder of its
 * own; the city keeps the public key and the secret's hash. Enrolling again changes nothing, and keeps what a renewal
 * has made. The secret is for a broker without TLS; certificates come from certify-city.ts.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type CardKeysFile, parseCardKeys } from '#contracts/card-keys.ts';
import type { CardMediaFile } from '#contracts/card-media.ts';
import type { CompanionRule, InspectionRule } from '#contracts/enrolment.ts';
import type { MediumKind } from '#contracts/record.ts';
import { networkKeysText, vehicleKeysOf } from '#contracts/vehicle-key.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { mosquittoHash } from '../../broker/identity.ts';
import { type DeviceFile, VEHICLE_KEYS } from '../../edge-agent/adapters/folder-parts.ts';
import { giveTariffs } from '../../edge-agent/adapters/tariff-file.ts';
import { type BankParts, withPanToken } from './bank-parts.ts';
import { type CardMasterKeys, type CityKeys, openKey, openSecret, publicPem } from './city-keys.ts';

/** What the city decides for each of its validators. */
export interface ValidatorPolicy {
  readonly passBackS: number;
  readonly mediumKinds: readonly MediumKind[];
  readonly journalRecordsMax: number;
  readonly direction?: 'in' | 'out' | 'both';
  readonly zone?: string;
  readonly inspection?: readonly InspectionRule[];
  readonly companions?: readonly CompanionRule[];
}

/** A device to be enrolled. */
export interface DeviceToEnrol {
  readonly deviceId: string;
  readonly vehicleId?: string | undefined;
}

/** What the city learns of an enrolled device. */
export interface EnrolledDevice {
  readonly deviceId: string;
  readonly folder: string;
  readonly publicKeyPem: string;
  readonly brokerSecret: BrokerSecretHashes;
}

/** A broker secret as the identities file has it. */
export interface BrokerSecretHashes {
  readonly secretSha256: string;
  /** The form that mosquitto reads. */
  readonly secretPbkdf2: string;
}

/** Roles of clients at the broker (broker/identity.ts). */
export type BrokerRole = 'device' | 'ingest' | 'lists' | 'monitor';

/** Writes one device's folder, keeping keys that are already in it. */
export function enrolDevice(
  devicesFolder: string,
  device: DeviceToEnrol,
  context: {
    keys: CityKeys;
    policy: ValidatorPolicy;
    mqttUrl: string;
    /** Where its certificate is renewed, if anywhere. */
    enrolmentUrl?: string | undefined;
    /** Which cards are taken; absent = the default. */
    cardMedia?: CardMediaFile | undefined;
    /** Text of `stops.json`; absent where the city finds no stops. */
    stops?: string | undefined;
    /** Signed text of `tariff-extract.json`; absent where no tariff is told. */
    tariff?: string | undefined;
    /** For bank cards; absent where the city takes none. */
    bank?: BankParts | undefined;
  },
): EnrolledDevice {
  const folder = join(devicesFolder, device.deviceId);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const kept = readKept(folder);
  const privateKey = openKey(join(folder, kept.signingKeyFile ?? 'device-key.pem'));
  const secret = openSecret(join(folder, 'mqtt-secret'), newSecret);
  openSecret(join(folder, 'token-key'), () => context.keys.tokenKey.toString('hex'));
  writeCardKeys(join(folder, 'card-keys.json'), context.keys.cardKeys);
  if (device.vehicleId !== undefined)
    writeFileAtomic(
      join(folder, VEHICLE_KEYS),
      networkKeysText(vehicleKeysOf(context.keys.inspectionKeys, device.vehicleId)),
    );
  const { ingest, lists, listGeneration, issuer } = context.keys;
  const { stops, tariff, enrolmentUrl, cardMedia } = context;
  // Before the file that names it: a device that starts in between finds the old pair, or says what is wrong.
  if (stops !== undefined) writeFileAtomic(join(folder, 'stops.json'), stops);
  if (tariff !== undefined) giveTariffs(folder, tariff);
  if (cardMedia) writeWhole(join(folder, 'card-media.json'), JSON.stringify(cardMedia, null, 2));
  if (context.bank) writeBankParts(folder, context.bank);
  writeWhole(
    join(folder, 'device.json'),
    JSON.stringify(
      {
        v: 1,
        deviceId: device.deviceId,
        ...(device.vehicleId === undefined ? {} : { vehicleId: device.vehicleId }),
        mqttUrl: context.mqttUrl,
        ingestKeys: { [ingest.keyId]: publicPem(ingest.privateKey) },
        listKeys: { [lists.keyId]: publicPem(lists.privateKey) },
        listGenerationKeys: { [listGeneration.keyId]: publicPem(listGeneration.privateKey) },
        issuerKeys: { [issuer.keyId]: publicPem(issuer.privateKey) },
        policy: context.policy,
        ...kept,
        ...(enrolmentUrl === undefined ? {} : { enrolmentUrl }),
        ...(stops === undefined ? {} : { stopsSha256: createHash('sha256').update(stops).digest('hex') }),
      },
      null,
      2,
    ),
  );
  return {
    deviceId: device.deviceId,
    folder,
    publicKeyPem: publicPem(privateKey),
    brokerSecret: hashesOf(secret),
  };
}

/** The files that a device with bank cards has beside `device.json`. */
function writeBankParts(folder: string, { bankCard, caKeys, panTokenKey }: BankParts): void {
  writeWhole(join(folder, 'bank-card.json'), bankCard);
  writeWhole(join(folder, 'ca-keys.json'), caKeys);
  const file = join(folder, 'card-keys.json');
  writeWhole(file, JSON.stringify(withPanToken(readCardKeys(file), panTokenKey), null, 2));
}

/** What a validator needs of the cards' master keys: to read, to write the log, to ask for a UID. */
export function validatorCardKeys({ generation, read, log, uid }: CardMasterKeys) {
  const version = (key: Buffer) => ({ [generation]: key.toString('hex') });
  return { 'desfire-read': version(read), 'desfire-log': version(log), 'desfire-uid': version(uid) };
}

/** Other keys stay. */
function writeCardKeys(file: string, master: CardMasterKeys): void {
  const kept = readCardKeys(file);
  const own = Object.entries(validatorCardKeys(master)).map(([name, versions]) => [
    name,
    { ...kept?.cards?.[name], ...versions },
  ]);
  const cards: NonNullable<CardKeysFile['cards']> = { ...kept?.cards, ...Object.fromEntries(own) };
  const keys: CardKeysFile = { v: 1, ...kept, cards };
  if (!isDeepStrictEqual(keys, kept)) writeWhole(file, JSON.stringify(keys, null, 2));
}

function readCardKeys(file: string): CardKeysFile | undefined {
  try {
    const parsed = parseCardKeys(JSON.parse(readFileSync(file, 'utf8')));
    return parsed.ok ? parsed.value : undefined;
  } catch {
    return undefined; // not enrolled yet, or damaged: it is written anew
  }
}

/** What a certificate or a renewal has put into `device.json`: it stays. */
export function readKept(folder: string): Pick<DeviceFile, 'tls' | 'signingKeyFile'> {
  try {
    const { tls, signingKeyFile } = JSON.parse(
      readFileSync(join(folder, 'device.json'), 'utf8'),
    ) as DeviceFile;
    return { ...(tls && { tls }), ...(signingKeyFile !== undefined && { signingKeyFile }) };
  } catch {
    return {}; // not enrolled yet, or damaged: it is written anew
  }
}

/** A broker client that is a service of the city, with its secret in a file of its own. */
export function enrolService(
  secretsFolder: string,
  clientId: string,
): { secretFile: string; hashes: BrokerSecretHashes } {
  const secretFile = join(secretsFolder, `mqtt-${clientId}.secret`);
  return { secretFile, hashes: hashesOf(openSecret(secretFile, newSecret)) };
}

/** Writes the broker's identities file: client ids, roles and hashes, no secret. */
export function writeIdentities(
  file: string,
  clients: readonly ({ clientId: string; role: BrokerRole } & BrokerSecretHashes)[],
): void {
  writeWhole(file, JSON.stringify({ v: 1, clients }, null, 1));
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function hashesOf(secret: string): BrokerSecretHashes {
  return {
    secretSha256: createHash('sha256').update(secret).digest('hex'),
    secretPbkdf2: mosquittoHash(secret),
  };
}

function writeWhole(file: string, text: string): void {
  writeFileAtomic(file, `${text}\n`);
}

/** A secret of a file that enrolment wrote. */
export function readText(file: string): string {
  return readFileSync(file, 'utf8').trim();
}
