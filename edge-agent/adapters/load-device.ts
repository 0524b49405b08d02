/**
 * Reads the device folder that enrolment has written: who this device is, whom it trusts, what the city's rules are.
 * Every problem is named at once, and no secret is ever in a message. Secrets of cards are not looked at (`load-media.ts`).
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '#contracts/hash-chain.ts';
import type { Device, DeviceCertificate } from '../ports.ts';
import { parseStopPlan, STOP_PLAN_BYTES_MAX, type StopPlan } from '../stops/stop-plan.ts';
import {
  type DeviceFile,
  invalid,
  parseKeys,
  parseMain,
  parseText,
  readNetworkKeys,
  readPart,
  VEHICLE_KEYS,
} from './folder-parts.ts';

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
  const ingestKeys = parseKeys(file?.ingestKeys, 'ingestKeys', problems);
  const listKeys = parseKeys(file?.listKeys, 'listKeys', problems);
  const listGenerationKeys = parseKeys(file?.listGenerationKeys, 'listGenerationKeys', problems);
  // Keys of cards are the reader's; here it is only seen that they are there, so that a start fails early.
  if (!existsSync(join(dir, 'token-key'))) problems.push('token-key is missing');
  parseKeys(file?.issuerKeys, 'issuerKeys', problems);
  const vehicleKeys = readNetworkKeys(dir, VEHICLE_KEYS, problems);
  const stopPlan = file?.stopsSha256 === undefined ? undefined : parseStops(dir, file.stopsSha256, problems);
  if (problems.length > 0 || !file || !privateKey) {
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
    ...(vehicleId !== undefined && { vehicleId }),
    ...(vehicleKeys && { vehicleKeys }),
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
