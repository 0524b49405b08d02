/**
 * X.509 certificates, requests (PKCS#10) and revocation lists: the one place that knows the library. Keys are P-256
 * (docs/decisions/0044). What a certificate means and who gets one is the caller's to decide.
 *
 * The library is loaded at the first call: a start that finds its certificates in order never pays for it.
 */
import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  type webcrypto,
  X509Certificate,
} from 'node:crypto';
import type { Extension } from '@peculiar/x509';
import { type Parsed, refuse } from '#contracts/parse.ts';

/**
 * Who signs certificates: a key in a file, or in an HSM whose provider speaks WebCrypto (then `crypto` is the
 * provider's, and `privateKey` a handle of it).
 */
export interface CertificateSigner {
  readonly privateKey: webcrypto.CryptoKey;
  /** The signer's own certificate, PEM. */
  readonly certificatePem: string;
  /** Where `privateKey` lives; the process's own WebCrypto unless given. */
  readonly crypto?: webcrypto.Crypto;
}

/** What a certificate is for. A server's names are DNS names and IP addresses under which it is dialled. */
export type CertificateUse =
  | { readonly kind: 'client' }
  | { readonly kind: 'server'; readonly names: readonly string[] };

export interface CertificateOrder {
  /** Common name. */
  readonly name: string;
  /** SPKI in PEM, P-256. */
  readonly publicKeyPem: string;
  /** 32 hex digits, unpredictable; the first bit must be 0. */
  readonly serial: string;
  /** Half a second is as exact as X.509 gets: both are cut to whole seconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly use: CertificateUse;
}

/** A certificate request whose signature holds. */
export interface CertificateRequest {
  readonly name: string;
  readonly publicKeyPem: string;
}

const EC = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { ...EC, hash: 'SHA-256' } as const;

async function library() {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** A fresh P-256 private key, PKCS#8 in PEM. */
export function newCertificateKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A P-256 private key of this process as a signer's key. */
export function signingKeyOf(key: KeyObject): webcrypto.CryptoKey {
  return key.toCryptoKey(SIGNING, false, ['sign']);
}

function verifyingKeyOf(publicKeyPem: string): webcrypto.CryptoKey {
  return createPublicKey(publicKeyPem).toCryptoKey(SIGNING, true, ['verify']);
}

/** A self-signed certificate that may sign others directly below it, and revocation lists. */
export async function createCaCertificate(
  ca: { readonly name: string; readonly key: KeyObject },
  order: Pick<CertificateOrder, 'serial' | 'notBeforeMs' | 'notAfterMs'>,
): Promise<string> {
  const x509 = await library();
  const keys = {
    privateKey: signingKeyOf(ca.key),
    publicKey: verifyingKeyOf(createPublicKey(ca.key).export({ type: 'spki', format: 'pem' }).toString()),
  };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [ca.name] }],
    serialNumber: order.serial,
    notBefore: wholeSecond(order.notBeforeMs),
    notAfter: wholeSecond(order.notAfterMs),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pemText(certificate.toString('pem'));
}

/** Issues a certificate; PEM. */
export async function issueCertificate(signer: CertificateSigner, order: CertificateOrder): Promise<string> {
  const x509 = await library();
  const issuer = new x509.X509Certificate(signer.certificatePem);
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const extensions: Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([order.use.kind === 'server' ? serverAuth : clientAuth]),
    await x509.AuthorityKeyIdentifierExtension.create(issuer),
  ];
  if (order.use.kind === 'server') {
    const names = order.use.names.map((value) => ({ type: isIp(value) ? 'ip' : 'dns', value }) as const);
    extensions.push(new x509.SubjectAlternativeNameExtension([...names]));
  }
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: [{ CN: [order.name] }],
      issuer: issuer.subject,
      serialNumber: order.serial,
      notBefore: wholeSecond(order.notBeforeMs),
      notAfter: wholeSecond(order.notAfterMs),
      signingAlgorithm: SIGNING,
      publicKey: verifyingKeyOf(order.publicKeyPem),
      signingKey: signer.privateKey,
      extensions,
    },
    signer.crypto,
  );
  return pemText(certificate.toString('pem'));
}

/** Makes a request for a certificate under a name; PEM. */
export async function createRequest(name: string, privateKeyPem: KeyObject): Promise<string> {
  const x509 = await library();
  const publicKeyPem = createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' }).toString();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [name] }],
    keys: { privateKey: signingKeyOf(privateKeyPem), publicKey: verifyingKeyOf(publicKeyPem) },
    signingAlgorithm: SIGNING,
  });
  return pemText(request.toString('pem'));
}

/** Reads a stranger's request: P-256, self-signed as it must be, one common name. Everything else is refused. */
export async function readRequest(pem: string): Promise<Parsed<CertificateRequest>> {
  const x509 = await library();
  try {
    const request = new x509.Pkcs10CertificateRequest(pem);
    const publicKeyPem = pemText(request.publicKey.toString('pem'));
    const details = createPublicKey(publicKeyPem).asymmetricKeyDetails;
    if (details?.namedCurve !== 'prime256v1') return refuse('the key is not on the curve P-256', '/csr');
    if (!(await request.verify())) return refuse('the signature of the request does not hold', '/csr');
    const [name, ...more] = request.subjectName.getField('CN');
    if (name === undefined || more.length > 0) return refuse('not exactly one common name', '/csr');
    return { ok: true, value: { name, publicKeyPem } };
  } catch {
    return refuse('not a certificate request', '/csr');
  }
}

/** A revocation list over serial numbers; PEM. Servers of others (mosquitto, EMQX, NATS) read it. */
export async function createRevocationList(
  signer: CertificateSigner,
  list: {
    readonly revoked: readonly { readonly serial: string; readonly atMs: number }[];
    readonly issuedAtMs: number;
    readonly nextAtMs: number;
  },
): Promise<string> {
  const x509 = await library();
  const issuer = new x509.X509Certificate(signer.certificatePem);
  const crl = await x509.X509CrlGenerator.create(
    {
      issuer: issuer.subject,
      thisUpdate: wholeSecond(list.issuedAtMs),
      nextUpdate: wholeSecond(list.nextAtMs),
      entries: list.revoked.map(({ serial, atMs }) => ({
        serialNumber: serial,
        revocationDate: wholeSecond(atMs),
      })),
      signingAlgorithm: SIGNING,
      signingKey: signer.privateKey,
    },
    signer.crypto,
  );
  // RFC 7468 calls it so, and OpenSSL reads nothing else.
  return pemText(crl.toString('pem')).replaceAll(/-----(BEGIN|END) CRL-----/g, '-----$1 X509 CRL-----');
}

/** Until when a revocation list holds, once its signature by this authority has been checked. @throws when it is none. */
export async function readRevocationList(
  pem: string,
  caPem: string,
): Promise<{ readonly nextAtMs: number; readonly serials: readonly string[] }> {
  const x509 = await library();
  const crl = new x509.X509Crl(pem.replaceAll('X509 CRL-----', 'CRL-----'));
  if (!(await crl.verify({ publicKey: new x509.X509Certificate(caPem).publicKey })))
    throw new Error('the revocation list is not signed by this authority');
  if (crl.nextUpdate === undefined) throw new Error('the revocation list does not say until when it holds');
  return {
    nextAtMs: crl.nextUpdate.getTime(),
    serials: crl.entries.map(({ serialNumber }) => serialNumber.toLowerCase()),
  };
}

/** What a certificate in PEM says of itself. @throws when it is none. */
export function readCertificate(pem: string): {
  readonly name: string;
  /** Lower-case hex. */
  readonly serial: string;
  readonly publicKeyPem: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
} {
  const certificate = new X509Certificate(pem);
  return {
    name: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '',
    serial: certificate.serialNumber.toLowerCase(),
    publicKeyPem: certificate.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
  };
}

/** A serial number out of 16 random bytes: positive, and never 0. */
export function serialOf(random: Uint8Array): string {
  const bytes = Buffer.from(random.subarray(0, 16));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

function wholeSecond(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

function isIp(name: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$|:/.test(name);
}

/** PEM as this project writes it: line feeds, one at the end. */
function pemText(pem: string): string {
  return `${pem.replaceAll('\r', '').trim()}\n`;
}
