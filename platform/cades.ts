/**
 * Detached signatures in CMS (RFC 5652) in the form CAdES-BES (ETSI EN 319 122-1), as the tools of signatories write them (`.p7s`):
 * checked against a signatory's certificate, the authorities that somebody trusts, and their revocation lists. Nothing asks the
 * network. ECDSA and RSA with SHA-2; DSTU 4145 is recognised and not supported.
 *
 * The library is loaded at the first call.
 */
import { createHash, type KeyObject, verify, X509Certificate } from 'node:crypto';
import { createRequire } from 'node:module';
import type { SignedData, SignerInfo } from '@peculiar/asn1-cms';
import type { CertificateList } from '@peculiar/asn1-x509';
import { derParts } from './der.ts';

/** Why a signature does not count. */
export type CadesFault =
  | 'malformed'
  | 'other-document'
  | 'other-signer'
  | 'forged'
  | 'untrusted'
  | 'expired'
  | 'revoked'
  | 'status-unknown'
  | 'unsupported';

/** Authorities, and what they have revoked; DER or PEM. */
export interface CadesTrust {
  readonly authorities: readonly X509Certificate[];
  readonly revocationLists: readonly Buffer[];
}

export type CadesVerdict =
  | { readonly ok: true /** The certificate says that it is a qualified one. */; readonly qualified: boolean }
  | { readonly ok: false; readonly fault: CadesFault; readonly detail: string };

const require = createRequire(import.meta.url);
const schema = () => require('@peculiar/asn1-schema') as typeof import('@peculiar/asn1-schema');
const cms = () => require('@peculiar/asn1-cms') as typeof import('@peculiar/asn1-cms');
const x509 = () => require('@peculiar/asn1-x509') as typeof import('@peculiar/asn1-x509');

const OID = {
  signedData: '1.2.840.113549.1.7.2',
  data: '1.2.840.113549.1.7.1',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  keyUsage: '2.5.29.15',
  qcStatements: '1.3.6.1.5.5.7.1.3',
} as const;
/** Ukrainian algorithms: DSTU 4145, GOST 34.311, Kupyna. */
const DSTU = '1.2.804.2.1.1.1';
/** id-etsi-qcs-QcCompliance, 0.4.0.1862.1.1, as DER. */
const QC_COMPLIANCE = Buffer.from('060604008e460101', 'hex');
const DIGESTS: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
/** By algorithm of the signature: the kind of key, and the digest where it names one. */
const SIGNATURES: Readonly<Record<string, { readonly key: 'ec' | 'rsa'; readonly digest?: string }>> = {
  '1.2.840.10045.4.3.2': { key: 'ec', digest: 'sha256' },
  '1.2.840.10045.4.3.3': { key: 'ec', digest: 'sha384' },
  '1.2.840.10045.4.3.4': { key: 'ec', digest: 'sha512' },
  '1.2.840.113549.1.1.1': { key: 'rsa' },
  '1.2.840.113549.1.1.11': { key: 'rsa', digest: 'sha256' },
  '1.2.840.113549.1.1.12': { key: 'rsa', digest: 'sha384' },
  '1.2.840.113549.1.1.13': { key: 'rsa', digest: 'sha512' },
};
const CHAIN_MAX = 5;

class Refused extends Error {
  readonly fault: CadesFault;
  constructor(fault: CadesFault, detail: string) {
    super(detail);
    this.fault = fault;
  }
}

/** Whether a signatory's certificate (PEM or DER) can be used; `null` = it can. */
export function certificateFault(text: string | Buffer): 'malformed' | 'unsupported' | null {
  try {
    const certificate = new X509Certificate(text);
    const { tbsCertificate } = schema().AsnConvert.parse(certificate.raw, x509().Certificate);
    if (tbsCertificate.subjectPublicKeyInfo.algorithm.algorithm.startsWith(DSTU)) return 'unsupported';
    return ['ec', 'rsa'].includes(certificate.publicKey.asymmetricKeyType ?? '') ? null : 'unsupported';
  } catch {
    return 'malformed';
  }
}

/**
 * Checks a detached signature at an instant.
 * @param container DER
 * @param certificate of who has to have signed, PEM
 */
export function verifyCades(
  container: Uint8Array,
  document: Uint8Array,
  certificate: string,
  trust: CadesTrust,
  atMs: number,
): CadesVerdict {
  try {
    const signer = new X509Certificate(certificate);
    const data = openContainer(container);
    checkSignature(data, signedAttributes(container), document, signer);
    checkUsage(signer);
    checkChain(signer, data, trust, atMs);
    return { ok: true, qualified: isQualified(signer) };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, fault: error.fault, detail: error.message };
    // What a stranger sent is no bug of ours: the parser's words are for who looks at it.
    return { ok: false, fault: 'malformed', detail: (error as Error).message.slice(0, 200) };
  }
}

function openContainer(container: Uint8Array): SignedData {
  const { AsnConvert } = schema();
  const info = AsnConvert.parse(container, cms().ContentInfo);
  if (info.contentType !== OID.signedData) throw new Refused('malformed', 'it is no SignedData');
  const data = AsnConvert.parse(info.content, cms().SignedData);
  if (data.signerInfos.length !== 1)
    throw new Refused(
      'malformed',
      `it has ${data.signerInfos.length} signatures; each is handed in by itself`,
    );
  if (data.encapContentInfo.eContent !== undefined)
    throw new Refused('malformed', 'the document is inside; a detached signature is needed');
  return data;
}

/** The signed attributes as they stand in the container: the library keeps no bytes of a set. */
function signedAttributes(container: Uint8Array): Buffer | undefined {
  const inner = derParts(derParts(derParts(container)[0]?.content)[1]?.content)[0];
  const infos = derParts(inner?.content).at(-1);
  return derParts(derParts(infos?.content)[0]?.content).find(({ tag }) => tag === 0xa0)?.whole;
}

function checkSignature(
  data: SignedData,
  raw: Buffer | undefined,
  document: Uint8Array,
  signer: X509Certificate,
): void {
  const [info] = data.signerInfos as unknown as [SignerInfo];
  const used = [info.digestAlgorithm.algorithm, info.signatureAlgorithm.algorithm];
  if (used.some((oid) => oid.startsWith(DSTU))) throw dstu();
  const digest = DIGESTS[used[0] as string];
  const signature = SIGNATURES[used[1] as string];
  if (digest === undefined || signature === undefined || (signature.digest ?? digest) !== digest)
    throw new Refused(
      'unsupported',
      `algorithms ${used.join(', ')}; ECDSA or RSA with SHA-256, -384 or -512 are known`,
    );
  if (raw === undefined) throw new Refused('malformed', 'it has no signed attributes (CAdES-BES)');
  if (!attributeOf(info, OID.contentType)?.equals(derOid(OID.data)))
    throw new Refused('malformed', 'the signed content type is not data');
  const said = attributeOf(info, OID.messageDigest);
  if (said === undefined || !derParts(said)[0]?.content.equals(hashOf(digest, document)))
    throw new Refused('other-document', 'what was signed is another document');
  checkSigner(info, signer);
  // What is signed is the set of attributes, not the field that carries it (RFC 5652, 5.4).
  const signed = Buffer.from(raw);
  signed[0] = 0x31;
  const key = publicKeyOf(signer);
  if (
    key.asymmetricKeyType !== signature.key ||
    !verify(digest, signed, key, Buffer.from(info.signature.buffer))
  )
    throw new Refused('forged', 'the signature is not that of the certificate’s key');
}

/** The attribute that binds a signature to one certificate, and not to another over the same key. */
function checkSigner(info: SignerInfo, signer: X509Certificate): void {
  const value = attributeOf(info, OID.signingCertificateV2);
  if (value === undefined)
    throw new Refused('malformed', 'it does not name its certificate (signing-certificate-v2, CAdES-BES)');
  const first = derParts(derParts(derParts(value)[0]?.content)[0]?.content)[0];
  const [algorithm, hash] = derParts(first?.content);
  const digest = hash === undefined || algorithm?.tag === 0x04 ? 'sha256' : namedDigest(algorithm?.content);
  const found = algorithm?.tag === 0x04 ? algorithm : hash;
  if (found?.tag !== 0x04 || !found.content.equals(hashOf(digest, signer.raw)))
    throw new Refused('other-signer', 'it names another certificate than that of the signer');
}

function namedDigest(content: Buffer | undefined): string {
  const oid = derParts(content)[0];
  const found = Object.entries(DIGESTS).find(
    ([name]) => oid !== undefined && derOid(name).subarray(2).equals(oid.content),
  );
  if (found === undefined)
    throw new Refused('unsupported', 'the certificate is named by another hash than SHA-2');
  return found[1];
}

function attributeOf(info: SignerInfo, type: string): Buffer | undefined {
  const [value, ...more] = info.signedAttrs?.find((one) => one.attrType === type)?.attrValues ?? [];
  return value === undefined || more.length > 0 ? undefined : Buffer.from(value);
}

const hashOf = (digest: string, bytes: Uint8Array): Buffer => createHash(digest).update(bytes).digest();

function derOid(oid: string): Buffer {
  return Buffer.from(schema().AsnConvert.serialize(schema().AsnObjectIdentifierConverter.toASN(oid)));
}

function publicKeyOf(certificate: X509Certificate): KeyObject {
  const { tbsCertificate } = schema().AsnConvert.parse(certificate.raw, x509().Certificate);
  if (tbsCertificate.subjectPublicKeyInfo.algorithm.algorithm.startsWith(DSTU)) throw dstu();
  return certificate.publicKey;
}

function dstu(): Refused {
  return new Refused(
    'unsupported',
    'DSTU 4145 is not supported: sign with an ECDSA or RSA key of the same provider',
  );
}

function extensionOf(certificate: X509Certificate, oid: string): Buffer | undefined {
  const { tbsCertificate } = schema().AsnConvert.parse(certificate.raw, x509().Certificate);
  const found = tbsCertificate.extensions?.find(({ extnID }) => extnID === oid);
  return found === undefined ? undefined : Buffer.from(found.extnValue.buffer);
}

/** The certificate is for signing with intent: contentCommitment, once called nonRepudiation. */
function checkUsage(certificate: X509Certificate): void {
  const bits = derParts(extensionOf(certificate, OID.keyUsage))[0]?.content[1] ?? 0;
  if ((bits & 0x40) === 0)
    throw new Refused('untrusted', 'its certificate is not for signing documents (contentCommitment)');
}

function isQualified(certificate: X509Certificate): boolean {
  return extensionOf(certificate, OID.qcStatements)?.includes(QC_COMPLIANCE) === true;
}

/** From the signatory up to somebody trusted; each in its time, none revoked. */
function checkChain(signer: X509Certificate, data: SignedData, trust: CadesTrust, atMs: number): void {
  const between = (data.certificates ?? []).flatMap(({ certificate }) =>
    certificate === undefined
      ? []
      : new X509Certificate(Buffer.from(schema().AsnConvert.serialize(certificate))),
  );
  let current = signer;
  for (let depth = 0; depth < CHAIN_MAX; depth++) {
    checkTime(current, atMs);
    const anchor = trust.authorities.find((one) => issued(current, one));
    const issuer = anchor ?? between.find((one) => issued(current, one));
    if (issuer === undefined) break;
    checkTime(issuer, atMs);
    checkRevoked(current, issuer, trust.revocationLists, atMs);
    if (anchor !== undefined) return;
    current = issuer;
  }
  throw new Refused('untrusted', `no trusted authority stands behind ${oneLine(signer.subject)}`);
}

function issued(certificate: X509Certificate, by: X509Certificate): boolean {
  if (!by.ca || by.fingerprint256 === certificate.fingerprint256) return false;
  return certificate.checkIssued(by) && certificate.verify(by.publicKey);
}

function checkTime({ validFromDate, validToDate, subject }: X509Certificate, atMs: number): void {
  if (atMs < validFromDate.getTime() || atMs > validToDate.getTime())
    throw new Refused(
      'expired',
      `the certificate of ${oneLine(subject)} holds from ${validFromDate.toISOString()} to ${validToDate.toISOString()}`,
    );
}

function checkRevoked(
  of: X509Certificate,
  issuer: X509Certificate,
  lists: readonly Buffer[],
  atMs: number,
): void {
  const current = lists.map(parseList).filter((list) => isCurrent(list, issuer, atMs));
  if (current.length === 0)
    throw new Refused('status-unknown', `there is no current revocation list of ${oneLine(issuer.subject)}`);
  const serial = of.serialNumber.toLowerCase().replace(/^0+/, '');
  const revoked = current.some(({ tbsCertList }) =>
    (tbsCertList.revokedCertificates ?? []).some(
      ({ userCertificate }) => Buffer.from(userCertificate).toString('hex').replace(/^0+/, '') === serial,
    ),
  );
  if (revoked) throw new Refused('revoked', `the certificate of ${oneLine(of.subject)} was revoked`);
}

function parseList(bytes: Buffer): CertificateList {
  return schema().AsnConvert.parse(bytes, x509().CertificateList);
}

function isCurrent(list: CertificateList, issuer: X509Certificate, atMs: number): boolean {
  const { tbsCertList, tbsCertListRaw, signatureAlgorithm, signature } = list;
  const { thisUpdate, nextUpdate, issuer: name } = tbsCertList;
  const until = nextUpdate?.getTime().getTime();
  if (until === undefined || atMs < thisUpdate.getTime().getTime() || atMs >= until) return false;
  const subject = schema().AsnConvert.parse(issuer.raw, x509().Certificate).tbsCertificate.subject;
  const bytes = (one: unknown) => Buffer.from(schema().AsnConvert.serialize(one));
  const digest = SIGNATURES[signatureAlgorithm.algorithm]?.digest;
  if (digest === undefined || tbsCertListRaw === undefined || !bytes(name).equals(bytes(subject)))
    return false;
  return verify(digest, Buffer.from(tbsCertListRaw), issuer.publicKey, Buffer.from(signature));
}

const oneLine = (name: string): string => name.replaceAll('\n', ', ');
