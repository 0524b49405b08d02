/**
 * Reads the device folder that enrolment has written: who this device is, whom it trusts, what the city's rules are.
 * Every problem is named at once, and no secret is ever in a message.
 */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { DevicePolicyFile } from '#contracts/enrolment.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { DeviceId, EpochId, FeedId, InstantMs, Sha256Hex } from '#contracts/ids.ts';
import { decodeJson, parserOf } from '#contracts/parse.ts';
import { OperatorError, systemCode } from '#platform/errors.ts';
import type { Device, DeviceCertificate } from '../ports.ts';
import { parseStopPlan, STOP_PLAN_BYTES_MAX, type StopPlan } from '../stops/stop-plan.ts';

const Keys = Type.Record(Type.String(), Type.String({ maxLength: 1024 }));

/** A file beside `device.json`. */
const PartName = Type.String({ pattern: '^[a-z0-9][a-z0-9.-]{0,80}$' });

export const DeviceFile = Type.Object({
  v: Type.Literal(1),
  deviceId: DeviceId,
  vehicleId: Type.Optional(FeedId),
  mqttUrl: Type.String({ pattern: '^mqtts?://' }),
  ingestKeys: Keys,
  listKeys: Keys,
  listGenerationKeys: Type.Optional(Keys),
  issuerKeys: Keys,
  policy: DevicePolicyFile,
  epoch: Type.Optional(EpochId),
  /** SHA-256 of `stops.json`; absent = the city gave no stops. */
  stopsSha256: Type.Optional(Sha256Hex),
  enrolmentUrl: Type.Optional(Type.String({ pattern: '^https://' })),
  /** When the pinned keys of a use were announced (contracts/command.ts, PinKeys); absent = as enrolled. */
  keysAnnouncedAtMs: Type.Optional(
    Type.Object({ ingest: Type.Optional(InstantMs), lists: Type.Optional(InstantMs) }),
  ),
  /** Keys are in files of their own: writing this one file anew changes from the old to the new, never half. */
  signingKeyFile: Type.Optional(PartName),
  tls: Type.Optional(Type.Object({ certFile: PartName, keyFile: PartName, caFile: PartName })),
});
export type DeviceFile = Static<typeof DeviceFile>;

const parseDeviceFile = parserOf(DeviceFile);
const FILE_BYTES_MAX = 256 * 1024;
/** Version of the token key in this layout of the folder. */
const TOKEN_KEY_VERSION = 1;

/**
 * Loads a device. Unknown fields are ignored, as everywhere on the wire.
 * @throws OperatorError DEVICE_FOLDER_INVALID with every problem.
 */
export function loadDevice(dir: string): Device {
  const problems: string[] = [];
  const read = (name: string): Buffer | undefined => readPart(dir, name, problems);
  const file = parseMain(read('device.json'), problems);
  const keyName = file?.signingKeyFile ?? 'device-key.pem';
  const privateKey = parsePrivateKey(read(keyName), keyName, problems);
  const certificate = file?.tls && readCertificate(file.tls, file.deviceId, read, problems);
  const mqttSecret =
    file?.tls === undefined
      ? parseText(read('mqtt-secret'), /^[\x21-\x7e]{16,256}$/, 'mqtt-secret', problems)
      : undefined;
  const tokenKey = parseText(read('token-key'), /^([0-9a-f]{2}){16,64}$/, 'token-key', problems);
  const ingestKeys = parseKeys(file?.ingestKeys, 'ingestKeys', problems);
  const listKeys = parseKeys(file?.listKeys, 'listKeys', problems);
  const listGenerationKeys = parseKeys(file?.listGenerationKeys, 'listGenerationKeys', problems);
  const issuerKeys = parseKeys(file?.issuerKeys, 'issuerKeys', problems);
  const stopPlan = file?.stopsSha256 === undefined ? undefined : parseStops(dir, file.stopsSha256, problems);
  if (problems.length > 0 || !file || !privateKey || tokenKey === undefined) {
    throw invalid(dir, problems);
  }
  const { deviceId, mqttUrl, policy, vehicleId, epoch, enrolmentUrl, keysAnnouncedAtMs } = file;
  return {
    deviceId,
    mqttUrl,
    mqttSecret,
    certificate,
    enrolmentUrl,
    keysAnnouncedAtMs: keysAnnouncedAtMs ?? {},
    privateKey,
    ingestKeys,
    listKeys,
    listGenerationKeys,
    policy,
    cardKeys: { issuerKeys, tokenKey: Buffer.from(tokenKey, 'hex'), tokenKeyVersion: TOKEN_KEY_VERSION },
    ...(vehicleId !== undefined && { vehicleId }),
    ...(epoch !== undefined && { epoch }),
    ...(stopPlan !== undefined && { stopPlan }),
  };
}

/** The stops that belong to this device file: other ones would name stops by another timetable. */
function parseStops(dir: string, sha256: string, problems: string[]): StopPlan | undefined {
  const bytes = readPart(dir, 'stops.json', problems, STOP_PLAN_BYTES_MAX);
  if (!bytes) return undefined;
  if (sha256Hex(bytes) !== sha256) {
    problems.push('stops.json is not the file that device.json names');
    return undefined;
  }
  const plan = parseStopPlan(bytes);
  if (plan.ok) return plan.value;
  for (const { path, message } of plan.problems) problems.push(`stops.json${path}: ${message}`);
  return undefined;
}

function readPart(
  dir: string,
  name: string,
  problems: string[],
  bytesMax = FILE_BYTES_MAX,
): Buffer | undefined {
  try {
    const bytes = readFileSync(join(dir, name));
    if (bytes.byteLength <= bytesMax) return bytes;
    problems.push(`${name} is larger than ${bytesMax} bytes`);
  } catch (error) {
    const missing = systemCode(error) === 'ENOENT';
    problems.push(
      missing ? `${name} is missing` : `${name} cannot be read (${systemCode(error) ?? 'unknown'})`,
    );
  }
  return undefined;
}

function parseMain(bytes: Buffer | undefined, problems: string[]) {
  if (!bytes) return undefined;
  const json = decodeJson(bytes, FILE_BYTES_MAX);
  const parsed = json.ok ? parseDeviceFile(json.value) : json;
  if (parsed.ok) return parsed.value;
  for (const { path, message } of parsed.problems) problems.push(`device.json${path}: ${message}`);
  return undefined;
}

function parsePrivateKey(bytes: Buffer | undefined, name: string, problems: string[]): KeyObject | undefined {
  if (!bytes) return undefined;
  try {
    const key = createPrivateKey(bytes);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // The library's message may quote the file: it is not passed on.
  }
  problems.push(`${name} is not an Ed25519 private key`);
  return undefined;
}

/** Certificate, key and authority; they must belong to each other and to this device. */
function readCertificate(
  names: NonNullable<DeviceFile['tls']>,
  deviceId: string,
  read: (name: string) => Buffer | undefined,
  problems: string[],
): DeviceCertificate | undefined {
  const [cert, key, ca] = [names.certFile, names.keyFile, names.caFile].map((name) =>
    read(name)?.toString('utf8'),
  );
  if (cert === undefined || key === undefined || ca === undefined) return undefined;
  try {
    const certificate = new X509Certificate(cert);
    if (certificate.subject !== `CN=${deviceId}`)
      problems.push(`${names.certFile} is that of ${certificate.subject}`);
    if (!certificate.checkPrivateKey(createPrivateKey(key)))
      problems.push(`${names.keyFile} is not the key of ${names.certFile}`);
    if (!certificate.verify(new X509Certificate(ca).publicKey))
      problems.push(`${names.certFile} was not signed by ${names.caFile}`);
  } catch {
    // The library's message may quote the file: it is not passed on.
    problems.push(
      `${names.certFile}, ${names.keyFile} and ${names.caFile} are not a certificate, its key and its authority`,
    );
  }
  return { cert, key, ca };
}

function parseText(
  bytes: Buffer | undefined,
  form: RegExp,
  name: string,
  problems: string[],
): string | undefined {
  if (!bytes) return undefined;
  const text = bytes.toString('utf8').trim();
  if (form.test(text)) return text;
  problems.push(`${name} does not have the form ${form.source}`);
  return undefined;
}

function parseKeys(
  pems: Record<string, string> | undefined,
  field: string,
  problems: string[],
): Map<string, KeyObject> {
  const keys = new Map<string, KeyObject>();
  for (const [keyId, pem] of Object.entries(pems ?? {})) {
    try {
      const key = createPublicKey(pem);
      if (key.asymmetricKeyType !== 'ed25519') throw new Error('another kind');
      keys.set(keyId, key);
    } catch {
      problems.push(`device.json/${field}/${keyId} is not an Ed25519 public key in PEM`);
    }
  }
  if (pems && keys.size === 0 && Object.keys(pems).length === 0)
    problems.push(`device.json/${field} is empty: nothing signed by the city could be believed`);
  return keys;
}

function invalid(dir: string, problems: readonly string[]): OperatorError {
  return new OperatorError({
    code: 'DEVICE_FOLDER_INVALID',
    happened: `The device folder ${dir} has ${problems.length} problem(s): ${problems.join('; ')}.`,
    kept: 'Nothing was started; the journal was not touched.',
    todo: 'Enrol the device again into this folder, or give another one with --device.',
  });
}
