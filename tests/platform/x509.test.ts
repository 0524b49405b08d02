import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createRequest,
  createRevocationList,
  newCertificateKey,
  readCertificate,
  readRequest,
  serialOf,
} from '#platform/x509.ts';
import { createTestCa } from '../support/test-ca.ts';

describe('certificates', () => {
  it('say their name, number and days as ordered, and lead to their authority', async () => {
    const ca = await createTestCa();
    const { cert, serial, key } = await ca.issue(
      'val-1',
      { kind: 'client' },
      { fromMs: -5000, toMs: 90_000 },
    );
    const read = readCertificate(cert);
    expect(read).toMatchObject({ name: 'val-1', serial });
    expect(read.notAfterMs - read.notBeforeMs).toBe(95_000);
    const certificate = new X509Certificate(cert);
    expect(certificate.verify(new X509Certificate(ca.caPem).publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  });

  it('of a server are good for their names only', async () => {
    const ca = await createTestCa();
    const names = ['broker.example.org', '10.1.2.3'];
    const certificate = new X509Certificate((await ca.issue('broker', { kind: 'server', names })).cert);
    expect(certificate.checkHost('broker.example.org')).toBe('broker.example.org');
    expect(certificate.checkHost('other.example.org')).toBeUndefined();
    expect(certificate.checkIP('10.1.2.3')).toBe('10.1.2.3');
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  it('serial numbers are positive, 16 bytes, never 0', () => {
    expect(serialOf(Buffer.alloc(16))).toBe(`40${'00'.repeat(15)}`);
    expect(serialOf(Buffer.alloc(16, 0xff))).toBe(`7f${'ff'.repeat(15)}`);
  });
});

describe('requests', () => {
  const request = (name = 'val-1') => createRequest(name, createPrivateKey(newCertificateKey()));

  it('are read with name and key', async () => {
    const key = createPrivateKey(newCertificateKey());
    const read = await readRequest(await createRequest('val-1', key));
    expect(read).toMatchObject({ ok: true, value: { name: 'val-1' } });
    expect(read.ok && read.value.publicKeyPem).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
  });

  it('with any byte changed are refused, or say the same of name and key; nothing throws', async () => {
    const pem = await request();
    const read = await readRequest(pem);
    const der = Buffer.from(pem.replaceAll(/-----.*-----|\s/g, ''), 'base64');
    for (let at = 0; at < der.length; at += 7) {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      const body = changed.toString('base64').replaceAll(/(.{64})/g, '$1\n');
      const text = `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`;
      const again = await readRequest(text);
      if (again.ok) expect(again, `byte ${at}`).toEqual(read);
    }
  });

  it.each(['', 'x', '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----'])(
    'that are none are refused: %j',
    async (text) => expect((await readRequest(text)).ok).toBe(false),
  );

  it('with a key of another curve cannot be made here and are refused from elsewhere', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    await expect(createRequest('val-1', privateKey)).rejects.toThrow();
  });
});

describe('revocation lists', () => {
  it('are PEM that others can read, also when empty', async () => {
    const key = createPrivateKey(newCertificateKey());
    const { createCaCertificate, signingKeyOf } = await import('#platform/x509.ts');
    const days = { notBeforeMs: 0, notAfterMs: 86_400_000 };
    const certificatePem = await createCaCertificate({ name: 'a', key }, { serial: '4001', ...days });
    const signer = { privateKey: signingKeyOf(key), certificatePem };
    const when = { issuedAtMs: 0, nextAtMs: 86_400_000 };
    for (const revoked of [[], [{ serial: '4002', atMs: 5000 }]])
      expect(await createRevocationList(signer, { revoked, ...when })).toMatch(/^-----BEGIN X509 CRL-----\n/);
  });
});
