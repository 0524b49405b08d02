/** Certificates for tests: an authority of its own, and what it signs, good and bad. */
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import type { TlsIdentity } from '#platform/pinned-tls.ts';
import {
  type CertificateUse,
  createCaCertificate,
  createRevocationList,
  issueCertificate,
  newCertificateKey,
  readCertificate,
  serialOf,
  signingKeyOf,
} from '#platform/x509.ts';

const HOUR_MS = 3_600_000;

export interface TestCertificate extends Required<TlsIdentity> {
  readonly serial: string;
}

export interface TestCa {
  readonly caPem: string;
  /** A certificate from `fromMs` to `toMs`, relative to now; an hour around now unless told. */
  issue(
    name: string,
    use: CertificateUse,
    when?: { fromMs?: number; toMs?: number },
  ): Promise<TestCertificate>;
  /** A revocation list that holds for so long from now. */
  revocationList(serials: readonly string[], forMs: number): Promise<string>;
}

/** Makes an authority. */
export async function createTestCa(name = 'test authority'): Promise<TestCa> {
  const key = createPrivateKey(newCertificateKey());
  const around = { notBeforeMs: Date.now() - HOUR_MS, notAfterMs: Date.now() + HOUR_MS };
  const caPem = await createCaCertificate({ name, key }, { serial: serialOf(randomBytes(16)), ...around });
  const signer = { privateKey: signingKeyOf(key), certificatePem: caPem };
  return {
    caPem,
    issue: async (cn, use, when = {}) => {
      const own = newCertificateKey();
      const cert = await issueCertificate(signer, {
        name: cn,
        publicKeyPem: createPublicKey(own).export({ type: 'spki', format: 'pem' }).toString(),
        serial: serialOf(randomBytes(16)),
        notBeforeMs: Date.now() + (when.fromMs ?? -HOUR_MS),
        notAfterMs: Date.now() + (when.toMs ?? HOUR_MS),
        use,
      });
      return { ca: caPem, cert, key: own, serial: readCertificate(cert).serial };
    },
    revocationList: (serials, forMs) => {
      const atMs = Date.now();
      const revoked = serials.map((serial) => ({ serial, atMs }));
      return createRevocationList(signer, { revoked, issuedAtMs: atMs - 60_000, nextAtMs: atMs + forMs });
    },
  };
}
