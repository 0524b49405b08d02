/**
 * Certificates of the embedded city: each planned device and each of the city's services has one that is good, and the
 * registry knows it. Repeating it changes nothing. What the office took out of service stays out.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import type { TlsIdentity } from '#platform/pinned-tls.ts';
import { adoptRenewal } from '../../edge-agent/adapters/device-folder.ts';
import {
  type ClientToRecord,
  recordClients,
  revokedDevices,
} from '../../ingest/enrolment/adapters/device-office.ts';
import {
  asRecorded,
  type CertificateFiles,
  type CityCa,
  newCertificate,
  openCertificate,
  usableCertificate,
} from './device-ca.ts';
import { type EnrolledDevice, readKept } from './enrol-devices.ts';
import { INGEST_CLIENT, LISTS_CLIENT } from './identities.ts';

/** What the city's own parts connect with. */
export interface CityCertificates {
  readonly broker: CertificateFiles;
  readonly ingest: () => TlsIdentity;
  readonly lists: () => TlsIdentity;
}

const CLIENT = { kind: 'client' } as const;

/** Makes what is missing or old, and records it. `names` are those under which the broker is dialled. */
export async function certifyCity(
  ca: CityCa,
  pool: pg.Pool,
  city: {
    readonly secretsFolder: string;
    readonly devices: readonly EnrolledDevice[];
    readonly names: readonly string[];
  },
): Promise<CityCertificates> {
  const { secretsFolder } = city;
  const server = { kind: 'server', names: city.names } as const;
  const broker = await openCertificate(ca, secretsFolder, {
    name: 'kvytok broker',
    fileName: 'broker',
    use: server,
  });
  const ingest = await openCertificate(ca, secretsFolder, { name: INGEST_CLIENT, use: CLIENT });
  const lists = await openCertificate(ca, secretsFolder, { name: LISTS_CLIENT, use: CLIENT });
  const clients: ClientToRecord[] = [
    { role: 'ingest', certificate: ingest.certificate },
    { role: 'lists', certificate: lists.certificate },
  ];
  const revoked = await revokedDevices(pool);
  for (const { deviceId, folder } of city.devices) {
    if (revoked.has(deviceId)) continue;
    clients.push({ role: 'device', certificate: await certifyDevice(ca, deviceId, folder) });
  }
  await recordClients(pool, clients);
  return { broker, ingest: () => readTls(ingest), lists: () => readTls(lists) };
}

async function certifyDevice(ca: CityCa, deviceId: string, folder: string) {
  const order = { name: deviceId, use: CLIENT };
  const { tls } = readKept(folder);
  const kept =
    tls &&
    usableCertificate(
      ca,
      { certFile: join(folder, tls.certFile), keyFile: join(folder, tls.keyFile) },
      order,
    );
  if (kept) return kept;
  const { key, cert } = await newCertificate(ca, order);
  await adoptRenewal(folder, { cert, ca: ca.certificatePem, keys: { tlsKeyPem: key } });
  return asRecorded(cert);
}

function readTls({ certFile, keyFile, caFile }: CertificateFiles): TlsIdentity {
  return {
    cert: readFileSync(certFile, 'utf8'),
    key: readFileSync(keyFile, 'utf8'),
    ca: readFileSync(caFile, 'utf8'),
  };
}
