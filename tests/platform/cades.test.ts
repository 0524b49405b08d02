/** Signatures as officers' tools make them, with certificates of the test's own: what counts, and every reason why one does not. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { derParts } from '#platform/der.ts';
import { cadesScheme } from '../../fare-engine/adapters/cades-scheme.ts';

const STATEMENT = 'kvytok settlement act v1\nакт\n';
const DAY_MS = 86_400_000;
let dir: string;
const path = (name: string) => join(dir, name);
const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'pipe', 'ignore'] });
const read = (name: string) => readFileSync(path(name));

/** An authority with an empty revocation list. */
function authority(name: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
  openssl(
    'req',
    '-x509',
    ...key,
    '-out',
    `${name}.pem`,
    '-days',
    '3650',
    '-subj',
    `/CN=${name}`,
    '-addext',
    'keyUsage=keyCertSign,cRLSign',
  );
  writeFileSync(
    path(`${name}.cnf`),
    `[ca]\ndefault_ca=x\n[x]\ndatabase=${name}.idx\ndefault_md=sha256\ncrlnumber=${name}.n\n`,
  );
  writeFileSync(path(`${name}.idx`), '');
  writeFileSync(path(`${name}.n`), '01');
  list(name);
}

function list(name: string): void {
  openssl(
    'ca',
    '-config',
    `${name}.cnf`,
    '-gencrl',
    '-keyfile',
    `${name}.key`,
    '-cert',
    `${name}.pem`,
    '-crldays',
    '30',
    '-out',
    `${name}.crl`,
  );
}

function certificate(
  name: string,
  { ca = 'ca', usage = 'nonRepudiation', key = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] } = {},
): string {
  openssl(
    'req',
    '-newkey',
    ...key,
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
    '-subj',
    `/CN=${name}`,
  );
  const qualified = 'qcStatements=ASN1:SEQUENCE:q\n[q]\na=SEQUENCE:r\n[r]\nid=OID:0.4.0.1862.1.1\n';
  writeFileSync(path('ext'), `keyUsage=critical,${usage}\n${name === 'officer' ? qualified : ''}`);
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    `${ca}.pem`,
    '-CAkey',
    `${ca}.key`,
    '-days',
    '365',
    '-extfile',
    'ext',
    '-CAcreateserial',
    '-out',
    `${name}.pem`,
  );
  return name;
}

function signed(name: string, ...options: string[]): Buffer {
  return openssl(
    'cms',
    '-sign',
    '-binary',
    '-in',
    'doc',
    '-signer',
    `${name}.pem`,
    '-inkey',
    `${name}.key`,
    '-outform',
    'DER',
    ...(options.length === 0 ? ['-cades'] : options),
  );
}

/** Looks through the trust folder named, as the port does. */
function verdict(
  name: string,
  container: Buffer,
  { trust = 'trust', atMs = Date.now() + 5000, statement = STATEMENT } = {},
) {
  const found = cadesScheme(path(trust)).verify(
    statement,
    container.toString('base64'),
    read(`${name}.pem`).toString('utf8'),
    atMs,
  );
  return found.ok ? (found.qualified ? 'qualified' : 'holds') : found.reason;
}

function trust(name: string, files: Record<string, string>): void {
  mkdirSync(path(name), { recursive: true });
  for (const [to, from] of Object.entries(files)) writeFileSync(join(path(name), to), read(from));
}

let officer: Buffer;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kvytok-cades-'));
  writeFileSync(path('doc'), STATEMENT);
  authority('ca');
  authority('stranger');
  certificate('officer');
  trust('trust', { 'ca.crt': 'ca.pem', 'ca.crl': 'ca.crl' });
  officer = signed('officer');
});
afterAll(() => rmSync(dir, { recursive: true }));

test('a signature by a trusted authority’s certificate holds, by ECDSA and by RSA; who is qualified, the certificate says', () => {
  expect(verdict('officer', officer)).toBe('qualified');
  const rsa = certificate('rsa', { key: ['rsa:2048'] });
  expect(verdict(rsa, signed(rsa, '-cades', '-md', 'sha512'))).toBe('holds');
  // A revocation list may come as PEM or DER.
  openssl('crl', '-in', 'ca.crl', '-outform', 'DER', '-out', 'der.crl');
  trust('der', { 'ca.pem': 'ca.pem', 'ca.crl': 'der.crl' });
  expect(verdict('officer', officer, { trust: 'der' })).toBe('qualified');
});

test('another document, another certificate, changed bytes and other forms are refused by name', () => {
  expect(verdict('officer', officer, { statement: `${STATEMENT} ` })).toBe('SIGNATURE_OTHER_DOCUMENT');
  certificate('other');
  expect(verdict('other', officer)).toBe('SIGNATURE_OTHER_SIGNER');
  const at = officer.byteLength - 1;
  expect(verdict('officer', Buffer.from(officer.with(at, (officer[at] as number) ^ 1)))).toBe(
    'SIGNATURE_INVALID',
  );
  expect(verdict('officer', signed('officer', '-nodetach', '-cades'))).toBe('SIGNATURE_MALFORMED');
  expect(verdict('officer', signed('officer', '-noattr'))).toBe('SIGNATURE_MALFORMED');
  expect(verdict('officer', signed('officer', '-md', 'sha256'))).toBe('SIGNATURE_MALFORMED');
  const two = signed('officer', '-cades', '-signer', 'other.pem', '-inkey', 'other.key');
  expect(verdict('officer', two)).toBe('SIGNATURE_MALFORMED');
  for (const garbage of ['', '00', '3003', '30820000', '3080', 'ff'.repeat(40)])
    expect(verdict('officer', Buffer.from(garbage, 'hex'))).toBe('SIGNATURE_MALFORMED');
  for (let cut = 1; cut < officer.byteLength; cut += 97)
    expect(verdict('officer', officer.subarray(0, cut))).toBe('SIGNATURE_MALFORMED');
});

test('a certificate counts in its time alone, by a trusted authority, for signing, while a current list does not revoke it', () => {
  const from = { atMs: Date.now() - DAY_MS };
  expect(verdict('officer', officer, from)).toBe('SIGNATURE_CERTIFICATE_EXPIRED');
  expect(verdict('officer', officer, { atMs: Date.now() + 366 * DAY_MS })).toBe(
    'SIGNATURE_CERTIFICATE_EXPIRED',
  );
  expect(verdict('officer', officer, { atMs: Date.now() + 29 * DAY_MS })).toBe('qualified');
  expect(verdict('officer', officer, { atMs: Date.now() + 31 * DAY_MS })).toBe('SIGNATURE_STATUS_UNKNOWN');
  const stranger = certificate('another', { ca: 'stranger' });
  expect(verdict(stranger, signed(stranger))).toBe('SIGNATURE_CERTIFICATE_UNTRUSTED');
  const server = certificate('server', { usage: 'digitalSignature' });
  expect(verdict(server, signed(server))).toBe('SIGNATURE_CERTIFICATE_UNTRUSTED');
  expect(verdict('officer', officer, { trust: 'nowhere' })).toBe('SIGNATURE_CERTIFICATE_UNTRUSTED');
  trust('no-list', { 'ca.pem': 'ca.pem', 'other.crl': 'stranger.crl' });
  expect(verdict('officer', officer, { trust: 'no-list' })).toBe('SIGNATURE_STATUS_UNKNOWN');
  openssl('ca', '-config', 'ca.cnf', '-revoke', 'officer.pem', '-keyfile', 'ca.key', '-cert', 'ca.pem');
  list('ca');
  trust('revoked', { 'ca.pem': 'ca.pem', 'old.crl': 'der.crl', 'new.crl': 'ca.crl' });
  expect(verdict('officer', officer, { trust: 'revoked' })).toBe('SIGNATURE_CERTIFICATE_REVOKED');
});

test('DSTU 4145 is told as what it is, in a signature and in a certificate', () => {
  const scheme = cadesScheme(path('trust'));
  const swapped = (bytes: Buffer, from: string, to: string) =>
    Buffer.from(bytes.toString('hex').replaceAll(from, to), 'hex');
  // Object identifiers of the same length: SHA-256 becomes one below the Ukrainian arc, ecPublicKey too.
  const dstu = swapped(officer, '608648016503040201', '2a8624020101010102');
  expect(verdict('officer', dstu)).toBe('SIGNATURE_UNSUPPORTED');
  const pem = (der: Buffer) =>
    `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
  const der = Buffer.from(
    read('officer.pem')
      .toString('latin1')
      .replace(/-----[A-Z ]+-----|\s/g, ''),
    'base64',
  );
  expect(scheme.keyFault(pem(der))).toBeNull();
  expect(scheme.keyFault(pem(swapped(der, '2a8648ce3d0201', '2a862402010101')))).toBe(
    'SIGNER_KEY_UNSUPPORTED',
  );
  expect(scheme.keyFault('no certificate')).toBe('SIGNER_KEY_INVALID');
});

test('parts of DER are as long as they say', () => {
  expect(
    derParts(Buffer.from('0401ff3000', 'hex')).map(({ tag, content }) => [tag, content.byteLength]),
  ).toEqual([
    [4, 1],
    [0x30, 0],
  ]);
  for (const wrong of ['04', '0402ff', '1f0100', '048500', '3080'])
    expect(() => derParts(Buffer.from(wrong, 'hex'))).toThrow(RangeError);
});
