/** Clients of the suite that are known by certificate, as enrolment hands them out. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IClientOptions } from 'mqtt';
import type { TlsFiles } from '../../../broker/server-config.ts';
import { createTestCa, type TestCertificate } from '../../support/test-ca.ts';
import type { TestClient } from '../clients.ts';
import type { BrokerUnderTest } from './under-test.ts';

export interface TestCertificates {
  /** The broker's files. */
  readonly files: TlsFiles;
  serialOf(clientId: string): string;
  credentials(clientId: string): IClientOptions;
  readonly imposters: BrokerUnderTest['imposters'];
}

/** Makes an authority, a server certificate for 127.0.0.1 and one for each client; files lie in the folder. */
export async function makeCertificates(
  folder: string,
  clients: readonly TestClient[],
): Promise<TestCertificates> {
  const [ca, other] = [await createTestCa(), await createTestCa('another authority')];
  const server = await ca.issue('broker', { kind: 'server', names: ['127.0.0.1'] });
  const own = new Map<string, TestCertificate>();
  for (const { clientId } of clients) own.set(clientId, await ca.issue(clientId, { kind: 'client' }));
  const foreign = await other.issue('val-1', { kind: 'client' });
  const stale = await ca.issue('val-1', { kind: 'client' }, { fromMs: -7_200_000, toMs: -3_600_000 });
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const of = (clientId: string): TestCertificate => {
    const certificate = own.get(clientId);
    if (certificate === undefined) throw new Error(`${clientId} has no certificate`);
    return certificate;
  };
  const shown = ({ cert, key }: TestCertificate): IClientOptions => ({ ca: ca.caPem, cert, key });
  return {
    files: {
      ca: write('ca.pem', ca.caPem),
      cert: write('server.pem', server.cert),
      key: write('server.key', server.key),
    },
    serialOf: (clientId) => of(clientId).serial,
    credentials: (clientId) => shown(of(clientId)),
    imposters: [
      ['without a certificate', { ca: ca.caPem, cert: '', key: '' }],
      ['with a certificate of another authority', shown(foreign)],
      ['with a certificate that is over', shown(stale)],
    ],
  };
}
