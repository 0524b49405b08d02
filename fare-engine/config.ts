/** What the fare engine is told by its environment, and the bounds it keeps. */
import type { KeyObject } from 'node:crypto';
import { statSync } from 'node:fs';
import { type Static, Type } from 'typebox';
import type { CitySigner } from '#contracts/signed-envelope.ts';
import { OperatorError } from '#platform/errors.ts';
import { type MqttLogin, mqttLogin } from '#platform/mqtt-login.ts';
import { readPrivateKeyFile, readSecretFile } from '#platform/secret-files.ts';
import { type ApprovalPlaces, placesOf } from './adapters/approval-files.ts';

export const FareEngineEnvironment = Type.Object({
  KVYTOK_POSTGRES_URL: Type.String({ minLength: 1, description: 'address of PostgreSQL, role fare_runtime' }),
  KVYTOK_CITY_DIR: Type.String({ minLength: 1, description: "the city's data, e.g. cities/ternopil" }),
  KVYTOK_FARE_WORKERS: Type.Integer({
    default: 2,
    minimum: 1,
    maximum: 32,
    description: 'pricing workers in this process',
  }),
  KVYTOK_MQTT_URL: Type.Optional(
    Type.String({
      pattern: '^mqtts?://',
      description: 'address of the MQTT broker; without it no deny list goes out',
    }),
  ),
  KVYTOK_OFFICERS_FILE: Type.Optional(
    Type.String({
      minLength: 1,
      description: "who may sign tariffs; without it officers.yaml of the city's folder",
    }),
  ),
  KVYTOK_TARIFF_APPROVALS_DIR: Type.Optional(
    Type.String({
      minLength: 1,
      description: "what they signed; without it tariff-approvals of the city's folder",
    }),
  ),
  KVYTOK_SIGNATURE_TRUST_DIR: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'folder with certificates of authorities (.pem, .crt, .cer) and their revocation lists (.crl): acts and claims then take signatures in CAdES-BES alone; without it those for development',
    }),
  ),
  KVYTOK_LISTS_CLIENT_ID: Type.String({
    default: 'lists',
    pattern: '^[a-z0-9][a-z0-9-]{1,62}$',
    description: 'MQTT client id of the publisher of lists',
  }),
  KVYTOK_LISTS_MQTT_SECRET_FILE: Type.Optional(
    Type.String({ minLength: 1, description: 'file with the MQTT secret of that client, for mqtt://' }),
  ),
  KVYTOK_LISTS_MQTT_CERT_FILE: Type.Optional(
    Type.String({ minLength: 1, description: 'PEM file with the certificate of that client, for mqtts://' }),
  ),
  KVYTOK_LISTS_MQTT_KEY_FILE: Type.Optional(
    Type.String({ minLength: 1, description: 'PEM file with the key of that certificate' }),
  ),
  KVYTOK_MQTT_CA_FILE: Type.Optional(
    Type.String({ minLength: 1, description: 'PEM file with the authority that signed the broker' }),
  ),
  KVYTOK_LISTS_KEY_FILE: Type.Optional(
    Type.String({ minLength: 1, description: 'PEM file with the Ed25519 private key that signs lists' }),
  ),
  KVYTOK_LISTS_KEY_ID: Type.String({
    default: 'lists-1',
    pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
    description: 'name under which devices have pinned that key',
  }),
  KVYTOK_ACQUIRER_URL: Type.Optional(
    Type.String({
      pattern: '^https?://',
      description:
        "address of the acquirer's API; without it bank cards are charged by another fare engine, or by none",
    }),
  ),
  KVYTOK_ACQUIRER_TOKEN_FILE: Type.Optional(
    Type.String({ minLength: 1, description: 'file with the token that the acquirer has given' }),
  ),
  KVYTOK_ACQUIRER_CA_FILE: Type.Optional(
    Type.String({ minLength: 1, description: "PEM file with the authority of the acquirer's certificate" }),
  ),
  KVYTOK_PAYMENTS_URL: Type.Optional(
    Type.String({
      pattern: '^https?://',
      description:
        "address of the payment provider's API; without it riders' debts are paid at tills, or through another fare engine",
    }),
  ),
  KVYTOK_PAYMENTS_TOKEN_FILE: Type.Optional(
    Type.String({ minLength: 1, description: 'file with the token that the payment provider has given' }),
  ),
  KVYTOK_PAYMENTS_CA_FILE: Type.Optional(
    Type.String({ minLength: 1, description: "PEM file with the authority of the provider's certificate" }),
  ),
  KVYTOK_PORTAL_PUBLIC_URL: Type.Optional(
    Type.String({
      pattern: '^https?://[^\\s]+[^/\\s]$',
      description:
        'address under which riders reach the portal: where the payment provider sends them back to',
    }),
  ),
  KVYTOK_AUDIT_KEY_FILES: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'PEM files with the Ed25519 private keys that sign the audit log, with commas between; two while keys change',
    }),
  ),
});
export type FareEngineEnvironment = Static<typeof FareEngineEnvironment>;

/** Every bound of the engine. */
export interface FareEngineLimits {
  readonly workers: number;
  /** Inbox rows, account-days and commands of one transaction at most. */
  readonly inboxRowsMax: number;
  readonly queueRowsMax: number;
  readonly commandRowsMax: number;
  /** Shift records looked at in one go, and how often: each go waits for the pricing transactions under way. */
  readonly shiftRowsMax: number;
  readonly shiftsEveryMs: number;
  /** Tries after which an account-day that cannot be priced is set aside. */
  readonly attemptsMax: number;
  /** How long a worker without work waits. */
  readonly idleMs: number;
  /** How often closes and the deny list are looked at. */
  readonly officeEveryMs: number;
  /** How often new or withdrawn tariffs are looked for. */
  readonly tariffsEveryMs: number;
  /** How often leaves of the audit log are numbered and signed, and how many at once. */
  readonly auditEveryMs: number;
  readonly auditLeavesMax: number;
  /** How often what is new goes into the sums that are kept, and leaves of the audit log at once: each stands for a decision or more. */
  readonly foldEveryMs: number;
  readonly foldLeavesMax: number;
  /** How often the bank desk looks for work. */
  readonly bankEveryMs: number;
  /** How often the debt desk looks what riders ask for and what was paid. */
  readonly debtsEveryMs: number;
}

export const DEFAULT_LIMITS: FareEngineLimits = {
  workers: 2,
  inboxRowsMax: 2000,
  queueRowsMax: 500,
  commandRowsMax: 500,
  shiftRowsMax: 5000,
  shiftsEveryMs: 500,
  attemptsMax: 5,
  idleMs: 40,
  officeEveryMs: 1000,
  tariffsEveryMs: 2000,
  auditEveryMs: 5000,
  auditLeavesMax: 20_000,
  foldEveryMs: 2000,
  foldLeavesMax: 20_000,
  bankEveryMs: 1000,
  debtsEveryMs: 400,
};

/** How the deny list goes out. */
export interface ListsConfig extends MqttLogin {
  readonly mqttUrl: string;
  readonly mqttClientId: string;
  readonly signer: CitySigner;
}

/** How the audit log is signed. */
export interface AuditConfig {
  /** First line of its checkpoints. */
  readonly origin: string;
  /** All of them sign; one, or two while keys change. */
  readonly privateKeys: readonly KeyObject[];
}

/** How the acquirer is reached. */
export interface AcquirerConfig {
  readonly url: string;
  /** Never logged. */
  readonly token: string;
  readonly caPem?: string;
}

/** How the payment provider is reached, and where riders come back to. */
export interface PaymentsConfig extends AcquirerConfig {
  readonly publicUrl: string;
}

/** Configuration of {@link import('./main.ts').startFareEngine}. */
export interface FareEngineConfig {
  /** Address under the role `fare_runtime`, of a migrated database. */
  readonly postgresUrl: string;
  /** Folder of the city: city.yaml, devices, tariff. */
  readonly cityDir: string;
  /** Who may sign tariffs, and what they signed; absent = `officers.yaml` and `tariff-approvals/` of the city's folder. */
  readonly approvals?: ApprovalPlaces;
  /** Whom signatures under acts and claims are trusted by; absent = signatures for development. */
  readonly signatureTrustDir?: string;
  /** Absent where this process publishes no lists. */
  readonly lists?: ListsConfig;
  /** Keys that sign the audit log. Absent where this process does not: leaves wait for one that does. */
  readonly auditKeys?: readonly KeyObject[];
  /** Absent where this process asks no bank for money. */
  readonly acquirer?: AcquirerConfig;
  /** Absent where this process takes no debts through a payment provider. */
  readonly payments?: PaymentsConfig;
  readonly limits?: Partial<FareEngineLimits>;
}

/**
 * From the environment, files read.
 * @throws OperatorError FARE_LISTS_INCOMPLETE, FARE_ACQUIRER_INCOMPLETE, FARE_PAYMENTS_INCOMPLETE, SECRET_FILE_UNREADABLE, AUDIT_KEY_OPEN
 */
export function fareEngineConfig(env: FareEngineEnvironment): FareEngineConfig {
  const lists = listsConfig(env);
  const acquirer = acquirerConfig(env);
  const payments = paymentsConfig(env);
  const own = placesOf(env.KVYTOK_CITY_DIR);
  return {
    postgresUrl: env.KVYTOK_POSTGRES_URL,
    cityDir: env.KVYTOK_CITY_DIR,
    approvals: {
      officersFile: env.KVYTOK_OFFICERS_FILE ?? own.officersFile,
      dir: env.KVYTOK_TARIFF_APPROVALS_DIR ?? own.dir,
    },
    ...(env.KVYTOK_SIGNATURE_TRUST_DIR === undefined
      ? {}
      : { signatureTrustDir: env.KVYTOK_SIGNATURE_TRUST_DIR }),
    ...(lists === null ? {} : { lists }),
    ...(acquirer === null ? {} : { acquirer }),
    ...(payments === null ? {} : { payments }),
    ...(env.KVYTOK_AUDIT_KEY_FILES === undefined
      ? {}
      : { auditKeys: env.KVYTOK_AUDIT_KEY_FILES.split(',').map(readAuditKey) }),
    limits: { workers: env.KVYTOK_FARE_WORKERS },
  };
}

/** What it signs the city stands by for ever, so its file must be its user's alone. */
function readAuditKey(path: string): KeyObject {
  const key = readPrivateKeyFile(path);
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return key;
  throw new OperatorError({
    code: 'AUDIT_KEY_OPEN',
    happened: `The key of the audit log in ${path} can be read by others (mode ${mode.toString(8)}).`,
    kept: 'Nothing was started and nothing was changed.',
    todo: 'chmod 600 the file; if somebody may have read it, make a new key (docs/OPERATIONS.md, audit log).',
  });
}

const LOOPBACK = ['127.0.0.1', '[::1]', 'localhost'];

function acquirerConfig(env: FareEngineEnvironment): AcquirerConfig | null {
  return remoteConfig(
    {
      url: env.KVYTOK_ACQUIRER_URL,
      tokenFile: env.KVYTOK_ACQUIRER_TOKEN_FILE,
      caFile: env.KVYTOK_ACQUIRER_CA_FILE,
    },
    {
      code: 'FARE_ACQUIRER_INCOMPLETE',
      open: 'KVYTOK_ACQUIRER_URL is an address without TLS on another machine.',
      missing:
        'To ask banks for money the fare engine needs the address of the acquirer and a token; one of them is missing.',
      todo: 'Set KVYTOK_ACQUIRER_URL (https://…; http:// to this machine alone) and KVYTOK_ACQUIRER_TOKEN_FILE together, or neither.',
    },
  );
}

function paymentsConfig(env: FareEngineEnvironment): PaymentsConfig | null {
  const words = {
    code: 'FARE_PAYMENTS_INCOMPLETE',
    open: 'KVYTOK_PAYMENTS_URL is an address without TLS on another machine.',
    missing:
      'To have debts paid online the fare engine needs the payment provider, a token, and the address to which riders come back; one of them is missing.',
    todo: 'Set KVYTOK_PAYMENTS_URL (https://…; http:// to this machine alone), KVYTOK_PAYMENTS_TOKEN_FILE and KVYTOK_PORTAL_PUBLIC_URL together, or none of the first two.',
  };
  const files = {
    url: env.KVYTOK_PAYMENTS_URL,
    tokenFile: env.KVYTOK_PAYMENTS_TOKEN_FILE,
    caFile: env.KVYTOK_PAYMENTS_CA_FILE,
  };
  const remote = remoteConfig(files, words);
  const publicUrl = env.KVYTOK_PORTAL_PUBLIC_URL;
  if (remote === null) return null;
  if (publicUrl === undefined) throw incomplete({ ...words, open: words.missing });
  return { ...remote, publicUrl };
}

interface RemoteWords {
  readonly code: string;
  readonly open: string;
  readonly missing: string;
  readonly todo: string;
}

/** A server of somebody else's with a token of its own; `null` = none is named. */
function remoteConfig(
  { url, tokenFile, caFile }: Readonly<Record<'url' | 'tokenFile' | 'caFile', string | undefined>>,
  words: RemoteWords,
): AcquirerConfig | null {
  if (url === undefined && tokenFile === undefined && caFile === undefined) return null;
  const address = url !== undefined && URL.canParse(url) ? new URL(url) : null;
  const open = address?.protocol === 'http:' && !LOOPBACK.includes(address.hostname);
  if (address === null || tokenFile === undefined || open)
    throw incomplete(open ? words : { ...words, open: words.missing });
  return {
    url: address.href,
    token: readSecretFile(tokenFile),
    ...(caFile === undefined ? {} : { caPem: readSecretFile(caFile) }),
  };
}

function incomplete({ code, open, todo }: Omit<RemoteWords, 'missing'>): OperatorError {
  return new OperatorError({
    code,
    happened: open,
    kept: 'Nothing was started and nothing was changed.',
    todo,
  });
}

function listsConfig(env: FareEngineEnvironment): ListsConfig | null {
  const { KVYTOK_LISTS_KEY_FILE: keyFile, KVYTOK_MQTT_URL: mqttUrl } = env;
  const files = {
    secretFile: env.KVYTOK_LISTS_MQTT_SECRET_FILE,
    certFile: env.KVYTOK_LISTS_MQTT_CERT_FILE,
    keyFile: env.KVYTOK_LISTS_MQTT_KEY_FILE,
  };
  const login = files.secretFile ?? files.certFile;
  if (keyFile === undefined && login === undefined) return null;
  if (keyFile === undefined || login === undefined || mqttUrl === undefined) {
    throw new OperatorError({
      code: 'FARE_LISTS_INCOMPLETE',
      happened:
        'To publish the deny list the fare engine needs broker, login and key; some of them are missing.',
      kept: 'Nothing was started and nothing was changed.',
      todo: 'Set KVYTOK_MQTT_URL, KVYTOK_LISTS_KEY_FILE and KVYTOK_LISTS_MQTT_CERT_FILE (or …_SECRET_FILE) together, or none of the last two.',
    });
  }
  return {
    mqttUrl,
    mqttClientId: env.KVYTOK_LISTS_CLIENT_ID,
    ...mqttLogin(mqttUrl, { ...files, caFile: env.KVYTOK_MQTT_CA_FILE }),
    signer: { keyId: env.KVYTOK_LISTS_KEY_ID, privateKey: readPrivateKeyFile(keyFile) },
  };
}
