/**
 * The city's device authority in a folder, and what it signs for the city's own parts. In production the key of the
 * authority is kept where enrolment runs and nowhere else, or in an HSM whose provider speaks WebCrypto.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { systemClock } from '#platform/clock.ts';
import {
  type CertificateSigner,
  type CertificateUse,
  createCaCertificate,
  issueCertificate,
  newCertificateKey,
  readCertificate,
  serialOf,
  signingKeyOf,
} from '#platform/x509.ts';
import { tlsKeyHash } from '../../ingest/enrolment/enrolment.ts';
import type { NewCertificate } from '../../ingest/enrolment/ports.ts';
import { openSecret } from './city-keys.ts';

export interface CityCa {
  readonly key: KeyObject;
  readonly certificatePem: string;
  /** Path of the certificate, for whoever pins it. */
  readonly certificateFile: string;
  /** SHA-256 of the certificate in hex, as devices compare it. */
  readonly sha256: string;
  readonly signer: CertificateSigner;
}

const DAY_MS = 86_400_000;
const CA_MS = 10 * 365 * DAY_MS;
/** The city's own parts: longer than a device's, since they have no service to renew them; made anew at a start. */
const SERVICE_MS = 90 * DAY_MS;
const BACKDATED_MS = DAY_MS;

/** Opens the authority of a folder, making it when there is none. A power cut leaves none or a whole one. */
export async function openCityCa(folder: string): Promise<CityCa> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const key = createPrivateKey(openSecret(join(folder, 'device-ca-key.pem'), newCertificateKey));
  const certificateFile = join(folder, 'device-ca.pem');
  if (!existsSync(certificateFile)) {
    const nowMs = systemClock.nowMs();
    const certificatePem = await createCaCertificate(
      { name: 'Kvytok device authority', key },
      { serial: serialOf(randomBytes(16)), notBeforeMs: nowMs - BACKDATED_MS, notAfterMs: nowMs + CA_MS },
    );
    writeFileAtomic(certificateFile, certificatePem, { mode: 0o644 });
  }
  const certificatePem = readFileSync(certificateFile, 'utf8');
  const sha256 = createHash('sha256').update(new X509Certificate(certificatePem).raw).digest('hex');
  return {
    key,
    certificatePem,
    certificateFile,
    sha256,
    signer: { privateKey: signingKeyOf(key), certificatePem },
  };
}

/** Certificate and key of one part of the city, as files. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  readonly certificate: NewCertificate;
}

/**
 * The certificate under `<name>.cert.pem` in a folder; made anew when it is missing, for other names, of another
 * authority, or when less than half of its life is left. Key first, then certificate: a power cut between them is mended
 * by the next call.
 */
export async function openCertificate(
  ca: CityCa,
  folder: string,
  order: { readonly name: string; readonly use: CertificateUse; readonly fileName?: string },
): Promise<CertificateFiles> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const base = join(folder, order.fileName ?? order.name);
  const files = { certFile: `${base}.cert.pem`, keyFile: `${base}.key.pem`, caFile: ca.certificateFile };
  const kept = usableCertificate(ca, files, order);
  if (kept !== undefined) return { ...files, certificate: kept };
  const { key, cert } = await newCertificate(ca, order);
  writeFileAtomic(files.keyFile, key);
  writeFileAtomic(files.certFile, cert);
  return { ...files, certificate: asRecorded(cert) };
}

/** A fresh key and its certificate, PEM. */
export async function newCertificate(
  ca: CityCa,
  order: { readonly name: string; readonly use: CertificateUse },
): Promise<{ key: string; cert: string }> {
  const key = newCertificateKey();
  const nowMs = systemClock.nowMs();
  const cert = await issueCertificate(ca.signer, {
    name: order.name,
    publicKeyPem: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
    serial: serialOf(randomBytes(16)),
    notBeforeMs: nowMs - BACKDATED_MS,
    notAfterMs: nowMs + SERVICE_MS,
    use: order.use,
  });
  return { key, cert };
}

/** The certificate of these files, where it is good for this order and more than half of its life is left. */
export function usableCertificate(
  ca: CityCa,
  files: { certFile: string; keyFile: string },
  order: { readonly name: string; readonly use: CertificateUse },
): NewCertificate | undefined {
  try {
    const pem = readFileSync(files.certFile, 'utf8');
    const certificate = new X509Certificate(pem);
    const { name, notAfterMs } = readCertificate(pem);
    const good =
      name === order.name &&
      notAfterMs - systemClock.nowMs() > SERVICE_MS / 2 &&
      certificate.checkPrivateKey(createPrivateKey(readFileSync(files.keyFile, 'utf8'))) &&
      certificate.verify(new X509Certificate(ca.certificatePem).publicKey) &&
      (order.use.kind === 'client' ||
        order.use.names.every(
          (n) => certificate.checkHost(n) !== undefined || certificate.checkIP(n) !== undefined,
        ));
    return good ? asRecorded(pem) : undefined;
  } catch {
    return undefined; // missing or half: it is made anew
  }
}

/** A certificate as the registry has it. */
export function asRecorded(certificatePem: string): NewCertificate {
  const { name, serial, publicKeyPem, notBeforeMs, notAfterMs } = readCertificate(certificatePem);
  return {
    serial,
    clientId: name,
    tlsKeySha256: tlsKeyHash(publicKeyPem),
    notBeforeMs,
    notAfterMs,
    issuedAtMs: notBeforeMs + BACKDATED_MS,
    certificatePem,
  };
}
