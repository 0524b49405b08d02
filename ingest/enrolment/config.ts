/** What enrolment, and the follower of identities beside a broker, are told by their environment. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { type CardKeysFile, parseCardKeys } from '#contracts/card-keys.ts';
import type { CardMediaFile } from '#contracts/card-media.ts';
import {
  type CompanionRule,
  CompanionRules,
  type DevicePolicyFile,
  type InspectionRule,
  InspectionRules,
} from '#contracts/enrolment.ts';
import { KEY_NAME, keyed } from '#contracts/keyed.ts';
import { decodeJson, describeProblems, parserOf } from '#contracts/parse.ts';
import { type NetworkKeys, parseNetworkKeys } from '#contracts/vehicle-key.ts';
import { type City, loadCity } from '#platform/city-data.ts';
import { OperatorError } from '#platform/errors.ts';
import { readSecretFile } from '#platform/secret-files.ts';
import { type BankFiles, readBankFiles } from './bank-files.ts';

const file = (description: string) => Type.String({ minLength: 1, description });

export const EnrolmentEnvironment = Type.Object({
  KVYTOK_POSTGRES_URL: Type.String({
    minLength: 1,
    description: 'address of PostgreSQL, role enrolment_runtime',
  }),
  KVYTOK_ENROLMENT_LISTEN: Type.String({
    default: '127.0.0.1:8443',
    pattern: '^(\\[[0-9a-fA-F:]+\\]|[A-Za-z0-9.-]+):[0-9]{1,5}$',
    description: 'address and port for HTTPS; port 0 takes a free one',
  }),
  KVYTOK_ENROLMENT_URL: Type.Optional(
    Type.String({
      pattern: '^https://',
      description: 'address at which devices reach it; its name is certified',
    }),
  ),
  KVYTOK_ENROLMENT_BROKER_URL: Type.String({
    pattern: '^mqtts://',
    description: 'address of the broker for devices',
  }),
  KVYTOK_CA_KEY_FILE: file("PEM file with the device authority's private key"),
  KVYTOK_CA_CERT_FILE: file("PEM file with the device authority's certificate"),
  KVYTOK_ENROLMENT_PINS_FILE: file(
    'JSON with ingestKeys, listKeys, issuerKeys: public keys by id that devices pin',
  ),
  KVYTOK_ENROLMENT_STOPS_FILE: Type.Optional(file('stops.json for devices; read at the start')),
  KVYTOK_ENROLMENT_TARIFF_FILE: Type.Optional(
    file('signed extract of the tariffs for validators, from "kvytok tariff extract"; read at the start'),
  ),
  KVYTOK_ENROLMENT_INSPECTION_FILE: Type.Optional(
    file('what inspectors may ask, from "kvytok tariff inspection"; read at the start'),
  ),
  KVYTOK_ENROLMENT_COMPANIONS_FILE: Type.Optional(
    file('how many companions a card may pay for, from "kvytok tariff companions"; read at the start'),
  ),
  KVYTOK_ENROLMENT_CARD_KEYS_FILE: Type.Optional(
    file('card-keys.json for validators that hold keys of cards in software; read at the start'),
  ),
  KVYTOK_ENROLMENT_BANK_CARD_FILE: Type.Optional(
    file('bank-card.json for validators that take bank cards, with the file of CA keys; read at the start'),
  ),
  KVYTOK_ENROLMENT_CA_KEYS_FILE: Type.Optional(
    file("ca-keys.json, the schemes' keys for those validators; read at the start"),
  ),
  KVYTOK_TOKEN_KEY_FILE: file('file with the key that turns media numbers into tokens, hex'),
  KVYTOK_INSPECTION_KEY_FILE: Type.Optional(
    file(
      'file with the keys from which those of vehicles\' networks are made, from "kvytok keys inspection"',
    ),
  ),
  KVYTOK_CITY_DIR: file("the city's data: its rules for validators"),
  KVYTOK_ENROLMENT_CERTIFICATE_DAYS: Type.Integer({
    default: 90,
    minimum: 1,
    maximum: 90,
    description: 'lifetime of a certificate; devices renew when a third is left',
  }),
  KVYTOK_ENROLMENT_OLD_KEY_DAYS: Type.Integer({
    default: 90,
    minimum: 1,
    maximum: 3650,
    description: 'how long a replaced signing key is still good for what it has signed',
  }),
});
export type EnrolmentEnvironment = Static<typeof EnrolmentEnvironment>;

export const IdentitiesEnvironment = Type.Object({
  KVYTOK_POSTGRES_URL: Type.String({
    minLength: 1,
    description: 'address of PostgreSQL, role broker_runtime',
  }),
  KVYTOK_BROKER_IDENTITIES: file('the file that the broker reads; written here'),
  KVYTOK_BROKER_CRL: Type.Optional(
    file('revocation list for a broker that reads one; written here, needs the two below'),
  ),
  KVYTOK_ENROLMENT_URL: Type.Optional(
    Type.String({ pattern: '^https://', description: 'address of enrolment, which makes the list' }),
  ),
  KVYTOK_CA_CERT_FILE: Type.Optional(file("PEM file with the device authority's certificate")),
});
export type IdentitiesEnvironment = Static<typeof IdentitiesEnvironment>;

const Keys = keyed(KEY_NAME, Type.String({ maxLength: 1024 }), { maxProperties: 64 });
const PinsFile = Type.Object({
  ingestKeys: Keys,
  listKeys: Keys,
  listGenerationKeys: Type.Optional(Keys),
  issuerKeys: Keys,
});
/** Public keys of the city that devices pin, by id; PEM. */
export type CityPins = Static<typeof PinsFile>;

/** Configuration of {@link import('./main.ts').startEnrolment}. */
export interface EnrolmentConfig {
  readonly postgresUrl: string;
  readonly listen: string;
  /** Without it, the address that it listens on. */
  readonly url?: string | undefined;
  readonly mqttUrl: string;
  readonly ca: { readonly key: KeyObject; readonly certificatePem: string };
  readonly pins: CityPins;
  /** Text of `stops.json`. */
  readonly stops?: string | undefined;
  /** Signed text of `tariff-extract.json`. */
  readonly tariff?: string | undefined;
  /** Which cards validators take. */
  readonly cardMedia?: CardMediaFile | undefined;
  /** Keys of cards, for validators that hold them in software. */
  readonly cardKeys?: CardKeysFile | undefined;
  /** How validators take bank cards; absent = they are given nothing for it. */
  readonly bank?: BankFiles | undefined;
  /** Hex. */
  readonly tokenKey: string;
  /** From it a vehicle's key is made; absent = none is handed out. */
  readonly inspectionKeys?: NetworkKeys | undefined;
  readonly policy: Static<typeof DevicePolicyFile>;
  readonly certificateMs: number;
  readonly oldKeyMs: number;
  readonly limits?: Partial<EnrolmentLimits>;
}

export interface EnrolmentLimits {
  /** Refusals within a minute, of one address and of all, after which further tries are not looked at. */
  readonly refusalsPerAddressMax: number;
  readonly refusalsMax: number;
}

export const DEFAULT_LIMITS: EnrolmentLimits = { refusalsPerAddressMax: 20, refusalsMax: 500 };

const DAY_MS = 86_400_000;

/** Longest life of a device's certificate. */
export const CERTIFICATE_MS = 90 * DAY_MS;
export const OLD_KEY_MS = 90 * DAY_MS;

/** From the environment, files read. @throws OperatorError SECRET_FILE_UNREADABLE, CITY_DATA_INVALID, ENROLMENT_PINS_INVALID. */
export function enrolmentConfig(env: EnrolmentEnvironment): EnrolmentConfig {
  const { city, cardMedia } = loadCity(env.KVYTOK_CITY_DIR);
  return {
    postgresUrl: env.KVYTOK_POSTGRES_URL,
    listen: env.KVYTOK_ENROLMENT_LISTEN,
    url: env.KVYTOK_ENROLMENT_URL,
    mqttUrl: env.KVYTOK_ENROLMENT_BROKER_URL,
    ca: {
      key: createPrivateKey(readSecretFile(env.KVYTOK_CA_KEY_FILE)),
      certificatePem: `${readSecretFile(env.KVYTOK_CA_CERT_FILE)}\n`,
    },
    pins: readPins(env.KVYTOK_ENROLMENT_PINS_FILE),
    ...(env.KVYTOK_ENROLMENT_STOPS_FILE !== undefined && {
      stops: readSecretFile(env.KVYTOK_ENROLMENT_STOPS_FILE),
    }),
    ...(env.KVYTOK_ENROLMENT_TARIFF_FILE !== undefined && {
      tariff: readSecretFile(env.KVYTOK_ENROLMENT_TARIFF_FILE),
    }),
    ...(cardMedia && { cardMedia }),
    ...(env.KVYTOK_ENROLMENT_CARD_KEYS_FILE !== undefined && {
      cardKeys: readCardKeys(env.KVYTOK_ENROLMENT_CARD_KEYS_FILE),
    }),
    ...bankFiles(env),
    tokenKey: readSecretFile(env.KVYTOK_TOKEN_KEY_FILE),
    ...(env.KVYTOK_INSPECTION_KEY_FILE !== undefined && {
      inspectionKeys: readInspectionKeys(env.KVYTOK_INSPECTION_KEY_FILE),
    }),
    policy: policyOf(city, tariffRules(env)),
    certificateMs: env.KVYTOK_ENROLMENT_CERTIFICATE_DAYS * DAY_MS,
    oldKeyMs: env.KVYTOK_ENROLMENT_OLD_KEY_DAYS * DAY_MS,
  };
}

function bankFiles(env: EnrolmentEnvironment): Pick<EnrolmentConfig, 'bank'> {
  const bank = readBankFiles({
    bankCard: env.KVYTOK_ENROLMENT_BANK_CARD_FILE,
    caKeys: env.KVYTOK_ENROLMENT_CA_KEYS_FILE,
  });
  return bank ? { bank } : {};
}

/** What devices are told from the city's tariffs. */
export interface TariffRules {
  /** What inspectors may ask. */
  readonly inspection?: readonly InspectionRule[];
  /** How many companions a medium may pay for. */
  readonly companions?: readonly CompanionRule[];
}

/** Kinds of media taken where a city does not say: those whose cards this version reads. */
const DEFAULT_MEDIA = ['social', 'wallet'] as const;

/** A city's rules as its validators get them. */
export function policyOf(
  { validator, zone, currency }: City,
  { inspection = [], companions = [] }: TariffRules = {},
): EnrolmentConfig['policy'] {
  return {
    passBackS: validator.passBackS,
    mediumKinds: validator.mediumKinds ?? [...DEFAULT_MEDIA],
    journalRecordsMax: validator.journalRecordsMax,
    ...(validator.direction !== undefined && { direction: validator.direction }),
    zone,
    currency,
    ...(inspection.length > 0 && { inspection: [...inspection] }),
    ...(companions.length > 0 && { companions: [...companions] }),
  };
}

const PINS_BYTES_MAX = 64 * 1024;

function readPins(path: string): CityPins {
  const bytes = Buffer.from(readSecretFile(path), 'utf8');
  const json = decodeJson(bytes, PINS_BYTES_MAX);
  const pins = json.ok ? parserOf(PinsFile)(json.value) : json;
  if (pins.ok) return pins.value;
  throw new OperatorError({
    code: 'ENROLMENT_PINS_INVALID',
    happened: `The file ${path} does not name the city's public keys: ${describeProblems(pins.problems)}.`,
    kept: 'Nothing was started and nothing was changed.',
    todo: 'Write it as {"ingestKeys":{"ID":"PEM"},"listKeys":{…},"issuerKeys":{…}} and start again.',
  });
}

const CARD_KEYS_BYTES_MAX = 64 * 1024;

function readCardKeys(path: string): CardKeysFile {
  const json = decodeJson(Buffer.from(readSecretFile(path), 'utf8'), CARD_KEYS_BYTES_MAX);
  const keys = json.ok ? parseCardKeys(json.value) : json;
  if (keys.ok) return keys.value;
  // What a JSON parser could not read would be quoted: here that is secret.
  const fields = json.ok ? keys.problems.map((problem) => problem.path || '/').join(', ') : 'the whole';
  throw new OperatorError({
    code: 'ENROLMENT_CARD_KEYS_INVALID',
    happened: `The file ${path} does not hold keys of cards in their form: ${fields}.`,
    kept: 'Nothing was started and nothing was changed.',
    todo: 'Write it as {"v":1,"cards":{"desfire-read":{"1":"32 hex digits"},…}} and start again.',
  });
}

/** @throws OperatorError SECRET_FILE_UNREADABLE, INSPECTION_KEYS_INVALID. */
export function readInspectionKeys(path: string): NetworkKeys {
  const keys = parseNetworkKeys(Buffer.from(readSecretFile(path), 'utf8'));
  if (keys.ok) return keys.value;
  throw new OperatorError({
    code: 'INSPECTION_KEYS_INVALID',
    happened: `The file ${path} does not hold inspection keys: ${describeProblems(keys.problems)}.`,
    kept: 'Nothing was started or changed.',
    todo: 'Make it with "kvytok keys inspection --file FILE", or name the right one.',
  });
}

const INSPECTION_BYTES_MAX = 1024 * 1024;

function tariffRules(env: EnrolmentEnvironment): TariffRules {
  const { KVYTOK_ENROLMENT_INSPECTION_FILE: inspection, KVYTOK_ENROLMENT_COMPANIONS_FILE: companions } = env;
  return {
    ...(inspection !== undefined && { inspection: readInspection(inspection) }),
    ...(companions !== undefined && { companions: readCompanions(companions) }),
  };
}

function readCompanions(path: string): CompanionRule[] {
  const json = decodeJson(Buffer.from(readSecretFile(path), 'utf8'), INSPECTION_BYTES_MAX);
  const rules = json.ok ? parserOf(CompanionRules)(json.value) : json;
  if (rules.ok) return rules.value;
  throw new OperatorError({
    code: 'ENROLMENT_COMPANIONS_INVALID',
    happened: `The file ${path} does not say how many companions may be paid for: ${describeProblems(rules.problems)}.`,
    kept: 'Nothing was started and nothing was changed.',
    todo: 'Write it with "kvytok tariff companions DIR" from the folder of the city\'s tariffs and start again.',
  });
}

function readInspection(path: string): InspectionRule[] {
  const json = decodeJson(Buffer.from(readSecretFile(path), 'utf8'), INSPECTION_BYTES_MAX);
  const rules = json.ok ? parserOf(InspectionRules)(json.value) : json;
  if (rules.ok) return rules.value;
  throw new OperatorError({
    code: 'ENROLMENT_INSPECTION_INVALID',
    happened: `The file ${path} does not say what inspectors may ask: ${describeProblems(rules.problems)}.`,
    kept: 'Nothing was started and nothing was changed.',
    todo: 'Write it with "kvytok tariff inspection DIR" from the folder of the city\'s tariffs and start again.',
  });
}
