/**
 * Writes a device folder. Keys and certificates are written under names of their own first; then `device.json`, which
 * names them, is replaced in one step. A power cut leaves the old identity or the new one, never a mixture.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { PinKeys } from '#contracts/command.ts';
import { type EnrolAnswer, signingKeyId } from '#contracts/enrolment.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { networkKeysText } from '#contracts/vehicle-key.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import { readCertificate } from '#platform/x509.ts';
import { type DeviceFile, INSPECTION_KEYS, VEHICLE_KEYS } from './folder-parts.ts';
import { giveTariffs } from './tariff-file.ts';

/** Private keys as they are made here, PKCS#8 in PEM, with the public half of the signing key. */
export interface OwnKeys {
  readonly tlsKeyPem: string;
  readonly signingKeyPem: string;
  readonly signingPublicPem: string;
}

const MAIN = 'device.json';
/** Files that {@link MAIN} may name; those it does not name any more are taken away. */
const PARTS = /^(tls-[0-9a-f]+\.(key|cert|ca)\.pem|signing-k[0-9a-f]+\.pem)$/;

/** Makes the folder that a device was enrolled into, or replaces its identity. What else is in it stays. */
export async function writeEnrolledFolder(
  dir: string,
  answer: EnrolAnswer,
  keys: OwnKeys,
  probe: Probe = noProbe,
): Promise<void> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const {
    v,
    deviceId,
    certificate: _c,
    ca: _a,
    tokenKey: _t,
    stops,
    tariff,
    cardMedia,
    cardKeys,
    bankCard,
    caKeys,
    vehicleKeys: _v,
    inspectionKeys: _i,
    ...rest
  } = answer;
  const tls = writeTls(dir, { cert: answer.certificate, key: keys.tlsKeyPem, ca: answer.ca });
  await probe('enrol.after-tls');
  const signingKeyFile = writeSigningKey(dir, keys);
  writeFileAtomic(join(dir, 'token-key'), `${answer.tokenKey}\n`);
  writeNetworkKeys(dir, answer);
  if (stops !== undefined) writeFileAtomic(join(dir, 'stops.json'), stops);
  if (tariff !== undefined) giveTariffs(dir, tariff);
  const given = {
    'card-media.json': cardMedia,
    'card-keys.json': cardKeys,
    'ca-keys.json': caKeys,
    'bank-card.json': bankCard,
  };
  for (const [name, part] of Object.entries(given))
    if (part !== undefined) writeFileAtomic(join(dir, name), JSON.stringify(part, null, 2));
  await probe('enrol.before-switch');
  const stopsSha256 = stops === undefined ? {} : { stopsSha256: sha256Hex(stops) };
  writeMain(dir, { v, deviceId, ...rest, ...stopsSha256, signingKeyFile, tls });
  await probe('enrol.after-switch');
  // Of a vehicle, or of a role, that this device has no more.
  if (!answer.vehicleKeys) rmSync(join(dir, VEHICLE_KEYS), { force: true });
  if (!answer.inspectionKeys) rmSync(join(dir, INSPECTION_KEYS), { force: true });
  dropUnnamed(dir);
}

/** Goes over to a successor of the certificate, and to a new signing key where there is one. */
export async function adoptRenewal(
  dir: string,
  renewal: {
    readonly cert: string;
    readonly ca: string;
    readonly keys: Pick<OwnKeys, 'tlsKeyPem'> & Partial<OwnKeys>;
    readonly network?: GivenKeys;
  },
  probe: Probe = noProbe,
): Promise<void> {
  const { cert, ca, keys, network } = renewal;
  // They hold from the next start on.
  writeNetworkKeys(dir, network ?? {});
  const tls = writeTls(dir, { cert, key: keys.tlsKeyPem, ca });
  const { signingKeyPem, signingPublicPem } = keys;
  const fresh = signingKeyPem !== undefined && signingPublicPem !== undefined;
  const signingKeyFile = fresh ? writeSigningKey(dir, { signingKeyPem, signingPublicPem }) : undefined;
  await probe('renew.before-switch');
  updateMain(dir, (file) => ({ ...file, tls, ...(signingKeyFile !== undefined && { signingKeyFile }) }));
  await probe('renew.after-switch');
  dropUnnamed(dir);
}

/** Keeps the city's next keys. @throws when the disk does not. */
export function saveKeys(dir: string, { use, keys, issuedAtMs }: PinKeys): void {
  updateMain(dir, (file) => ({
    ...file,
    [use === 'ingest' ? 'ingestKeys' : 'listKeys']: keys,
    keysAnnouncedAtMs: { ...file.keysAnnouncedAtMs, [use]: issuedAtMs },
  }));
}

/** Changes `device.json` in one step; what is in it and not known here stays. */
export function updateMain(dir: string, change: (file: DeviceFile) => DeviceFile): void {
  writeMain(dir, change(readMain(dir)));
}

function readMain(dir: string): DeviceFile {
  return JSON.parse(readFileSync(join(dir, MAIN), 'utf8')) as DeviceFile;
}

function writeMain(dir: string, file: DeviceFile): void {
  writeFileAtomic(join(dir, MAIN), `${JSON.stringify(file, null, 2)}\n`);
}

type GivenKeys = Pick<EnrolAnswer, 'vehicleKeys' | 'inspectionKeys'>;

/** What was not given stays. */
function writeNetworkKeys(dir: string, { vehicleKeys, inspectionKeys }: GivenKeys): void {
  if (vehicleKeys) writeFileAtomic(join(dir, VEHICLE_KEYS), networkKeysText(vehicleKeys));
  if (inspectionKeys) writeFileAtomic(join(dir, INSPECTION_KEYS), networkKeysText(inspectionKeys));
}

function writeTls(
  dir: string,
  tls: { cert: string; key: string; ca: string },
): NonNullable<DeviceFile['tls']> {
  const name = `tls-${readCertificate(tls.cert).serial}`;
  const names = { certFile: `${name}.cert.pem`, keyFile: `${name}.key.pem`, caFile: `${name}.ca.pem` };
  writeFileAtomic(join(dir, names.keyFile), tls.key);
  writeFileAtomic(join(dir, names.certFile), tls.cert);
  writeFileAtomic(join(dir, names.caFile), tls.ca);
  return names;
}

function writeSigningKey(dir: string, keys: Pick<OwnKeys, 'signingKeyPem' | 'signingPublicPem'>): string {
  const name = `signing-${signingKeyId(keys.signingPublicPem)}.pem`;
  writeFileAtomic(join(dir, name), keys.signingKeyPem);
  return name;
}

function dropUnnamed(dir: string): void {
  const { tls, signingKeyFile } = readMain(dir);
  const named = new Set([tls?.certFile, tls?.keyFile, tls?.caFile, signingKeyFile]);
  for (const name of readdirSync(dir)) {
    if (PARTS.test(name) && !named.has(name)) rmSync(join(dir, name), { force: true });
  }
}

// ------------------------------------------------------------------ what was asked and not answered yet

/** Keys that were made for a request: a repeated request must carry the same ones. */
export interface PendingKeys extends OwnKeys {
  /** What they were made for: the hash of a code, or the number of the certificate to be followed. */
  readonly purpose: string;
}

/** Keys that wait for an answer under this purpose; those of another purpose are of no use any more. */
export function readPending(dir: string, name: string, purpose: string): PendingKeys | undefined {
  const path = join(dir, name);
  if (!existsSync(path)) return undefined;
  const pending = JSON.parse(readFileSync(path, 'utf8')) as PendingKeys;
  return pending.purpose === purpose ? pending : undefined;
}

/** Keeps keys until they are answered. */
export function writePending(dir: string, name: string, keys: PendingKeys): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writeFileAtomic(join(dir, name), `${JSON.stringify(keys)}\n`);
}

export function dropPending(dir: string, name: string): void {
  rmSync(join(dir, name), { force: true });
}
