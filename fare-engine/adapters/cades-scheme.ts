/**
 * Signatures that officers make with their own tool, a file in and a `.p7s` out (CAdES-BES). A folder says whom we trust: certificates
 * of authorities (`.pem`, `.crt`, `.cer`) and their revocation lists (`.crl`). It is read at each signature, so that a new list counts
 * without a restart.
 */
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type CadesFault, type CadesTrust, certificateFault, verifyCades } from '#platform/cades.ts';
import type { SettlementRefusal } from '../settlement/refusals.ts';
import { ED25519_DEVELOPMENT, type SignatureScheme } from '../settlement/signature-schemes.ts';

const FILES_MAX = 200;
const FILE_BYTES_MAX = 16 * 2 ** 20;

const REASONS: Readonly<Record<CadesFault, SettlementRefusal>> = {
  malformed: 'SIGNATURE_MALFORMED',
  'other-document': 'SIGNATURE_OTHER_DOCUMENT',
  'other-signer': 'SIGNATURE_OTHER_SIGNER',
  forged: 'SIGNATURE_INVALID',
  untrusted: 'SIGNATURE_CERTIFICATE_UNTRUSTED',
  expired: 'SIGNATURE_CERTIFICATE_EXPIRED',
  revoked: 'SIGNATURE_CERTIFICATE_REVOKED',
  'status-unknown': 'SIGNATURE_STATUS_UNKNOWN',
  unsupported: 'SIGNATURE_UNSUPPORTED',
};

/** Where a trust folder is set, signatures for development do not count. */
export function signatureSchemes(trustDir: string | undefined): SignatureScheme[] {
  return [trustDir === undefined ? ED25519_DEVELOPMENT : cadesScheme(trustDir)];
}

/** The scheme over a trust folder. Keys are certificates in PEM. */
export function cadesScheme(trustDir: string): SignatureScheme {
  return {
    name: 'cades-bes',
    keyFault: (publicKey) => {
      const fault = certificateFault(publicKey);
      return fault === null ? null : fault === 'malformed' ? 'SIGNER_KEY_INVALID' : 'SIGNER_KEY_UNSUPPORTED';
    },
    verify: (statement, signature, publicKey, atMs) => {
      const container = Buffer.from(signature, 'base64');
      const document = Buffer.from(statement, 'utf8');
      const trust = readTrust(trustDir);
      if (typeof trust === 'string')
        return { ok: false, reason: 'SIGNATURE_CERTIFICATE_UNTRUSTED', detail: trust };
      const verdict = verifyCades(container, document, publicKey, trust, atMs);
      return verdict.ok ? verdict : { ok: false, reason: REASONS[verdict.fault], detail: verdict.detail };
    },
  };
}

/** What lies in the folder; a sentence where it cannot be read: then nobody is trusted. */
function readTrust(dir: string): CadesTrust | string {
  try {
    const names = readdirSync(dir).sort();
    const read = (ending: RegExp): Buffer[] =>
      names
        .filter((name) => ending.test(name))
        .slice(0, FILES_MAX)
        .map((name) => readBounded(join(dir, name)));
    return {
      authorities: read(/\.(pem|crt|cer)$/).map((bytes) => new X509Certificate(bytes)),
      revocationLists: read(/\.crl$/).map(derOf),
    };
  } catch (error) {
    return `the trust folder cannot be read: ${(error as Error).message}`;
  }
}

function readBounded(path: string): Buffer {
  const { size } = statSync(path);
  if (size > FILE_BYTES_MAX) throw new Error(`${path} has ${size} bytes, ${FILE_BYTES_MAX} are read`);
  return readFileSync(path);
}

function derOf(bytes: Buffer): Buffer {
  const pem = /-----BEGIN X509 CRL-----([^-]+)-----END/.exec(bytes.toString('latin1'));
  return pem === null ? bytes : Buffer.from(pem[1] as string, 'base64');
}
