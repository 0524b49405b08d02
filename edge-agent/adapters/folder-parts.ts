/** Reading the files of a device folder, problem by problem: none is thrown, all are collected, no secret is quoted. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { DevicePolicyFile } from '#contracts/enrolment.ts';
import { DeviceId, EpochId, FeedId, InstantMs, Sha256Hex } from '#contracts/ids.ts';
import { KEY_NAME, keyed } from '#contracts/keyed.ts';
import { decodeJson, parserOf } from '#contracts/parse.ts';
import { type NetworkKeys, parseNetworkKeys } from '#contracts/vehicle-key.ts';
import { OperatorError, systemCode } from '#platform/errors.ts';

const Keys = keyed(KEY_NAME, Type.String({ maxLength: 1024 }), { maxProperties: 64 });

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
/** Bytes of one file; `undefined`, with a problem, where it cannot be had. */
export function readPart(
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

/** `device.json`, by its schema. */
export function parseMain(bytes: Buffer | undefined, problems: string[]): DeviceFile | undefined {
  if (!bytes) return undefined;
  const json = decodeJson(bytes, FILE_BYTES_MAX);
  const parsed = json.ok ? parseDeviceFile(json.value) : json;
  if (parsed.ok) return parsed.value;
  for (const { path, message } of parsed.problems) problems.push(`device.json${path}: ${message}`);
  return undefined;
}

/** A line of text of a form. */
export function parseText(
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

/** Files with the keys of the vehicle's network, and with those from which any vehicle's are made. */
export const VEHICLE_KEYS = 'vehicle-keys.json';
export const INSPECTION_KEYS = 'inspection-keys.json';

/** Keys of a network; `undefined` where the device was given none. */
export function readNetworkKeys(dir: string, name: string, problems: string[]): NetworkKeys | undefined {
  if (!existsSync(join(dir, name))) return undefined;
  const bytes = readPart(dir, name, problems);
  const keys = bytes && parseNetworkKeys(bytes);
  if (keys?.ok) return keys.value;
  for (const { path, message } of keys?.problems ?? []) problems.push(`${name}${path} ${message}`);
  return undefined;
}

/** Public keys by id. */
export function parseKeys(
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

/** The error that names every problem. */
export function invalid(dir: string, problems: readonly string[]): OperatorError {
  return new OperatorError({
    code: 'DEVICE_FOLDER_INVALID',
    happened: `The device folder ${dir} has ${problems.length} problem(s): ${problems.join('; ')}.`,
    kept: 'Nothing was started; the journal was not touched.',
    todo: 'Enrol the device again into this folder, or give another one with --device.',
  });
}
