/** The broker with TLS: who is let in by which certificate, and for how long. */
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import { connectMqtt, type MqttConnection } from '#platform/mqtt-connection.ts';
import { connectPinned, type TlsIdentity } from '#platform/pinned-tls.ts';
import { newCertificateKey } from '#platform/x509.ts';
import { type Broker, startBroker } from '../../broker/main.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { createTestCa, type TestCa, type TestCertificate } from '../support/test-ca.ts';
import { until } from '../support/until.ts';

const folder = tempFolder('broker-tls');
const file = (name: string): string => join(folder.path, name);
const silent = createLogger({ component: 'test', level: 'silent' });
const CLIENT = { kind: 'client' } as const;
const SERVER = { kind: 'server', names: ['127.0.0.1'] } as const;

let ca: TestCa;
let foreign: TestCa;
let device: TestCertificate;
let renewed: TestCertificate;
let other: TestCertificate;
let ingest: TestCertificate;
let broker: Broker;
const open: MqttConnection[] = [];

function writeIdentities(certificates: Record<string, string[]>): void {
  const role = (clientId: string): string => (clientId === 'ingest' ? 'ingest' : 'device');
  const clients = Object.entries(certificates).map(([clientId, serials]) => {
    return { clientId, role: role(clientId), certificates: serials };
  });
  writeFileSync(file('new.json'), JSON.stringify({ v: 1, clients }));
  renameSync(file('new.json'), file('identities.json'));
}

const everybody = (): Record<string, string[]> => ({
  'val-1': [device.serial, renewed.serial],
  'val-2': [other.serial],
  ingest: [ingest.serial],
});

beforeAll(async () => {
  [ca, foreign] = await Promise.all([createTestCa(), createTestCa()]);
  [device, renewed, other, ingest] = (await Promise.all(
    ['val-1', 'val-1', 'val-2', 'ingest'].map((name) => ca.issue(name, CLIENT)),
  )) as [TestCertificate, TestCertificate, TestCertificate, TestCertificate];
  const server = await ca.issue('broker', SERVER);
  writeFileSync(file('key.pem'), server.key);
  writeFileSync(file('cert.pem'), server.cert);
  writeFileSync(file('ca.pem'), ca.caPem);
  writeIdentities(everybody());
  broker = await startBroker(
    {
      KVYTOK_BROKER_TLS_LISTEN: '127.0.0.1:0',
      KVYTOK_BROKER_TLS_KEY_FILE: file('key.pem'),
      KVYTOK_BROKER_TLS_CERT_FILE: file('cert.pem'),
      KVYTOK_BROKER_TLS_CA_FILE: file('ca.pem'),
      KVYTOK_BROKER_IDENTITIES: file('identities.json'),
      limits: { identitiesEveryMs: 20, connectMsMax: 2000 },
    },
    { clock: systemClock, log: silent },
  );
});
afterAll(async () => {
  await Promise.all(open.map((connection) => connection.stop()));
  await broker?.stop();
  folder.remove();
});

const port = (): number => Number(new URL(broker.url).port);
const refused = (reason: 'TLS_REFUSED' | 'LOGIN_REFUSED' | 'SUBSCRIBE_REFUSED'): number =>
  broker.counts().refused[reason] ?? 0;

function client(
  clientId: string,
  tls: TlsIdentity,
  more: { firstMs: number } = { firstMs: 20 },
): MqttConnection {
  const connection = connectMqtt({
    url: broker.url,
    clientId,
    tls: () => tls,
    log: silent,
    backoff: { firstMs: more.firstMs, maxMs: 200 },
  });
  open.push(connection);
  return connection;
}

async function leave(...connections: MqttConnection[]): Promise<void> {
  await Promise.all(connections.map((connection) => connection.stop()));
}

/** Waits until the broker has refused this client once more, then checks that it never got in. */
async function isKeptOut(clientId: string, tls: TlsIdentity, reason: 'TLS_REFUSED' | 'LOGIN_REFUSED') {
  const before = refused(reason);
  const connection = client(clientId, tls);
  let connected = false;
  connection.onConnected(() => {
    connected = true;
  });
  await until(() => refused(reason) >= before + 2, { what: `${reason} for ${clientId}, twice` });
  await leave(connection);
  expect(connected).toBe(false);
}

describe('with TLS', () => {
  it('a message goes from a device to ingest, and the address says mqtts', async () => {
    expect(broker.url).toMatch(/^mqtts:/);
    expect(broker.plainUrl).toBeUndefined();
    const [tapper, reader] = [client('val-1', device), client('ingest', ingest)];
    const heard = Promise.withResolvers<string>();
    await reader.subscribe('kvytok/v1/+/taps', (_topic, payload) =>
      heard.resolve(Buffer.from(payload).toString()),
    );
    await tapper.whenConnected();
    await tapper.publish('kvytok/v1/val-1/taps', 'a batch', { qos: 1 });
    expect(await heard.promise).toBe('a batch');
    await leave(tapper, reader);
  });

  it('access is by topic still: another device cannot be listened to', async () => {
    const before = refused('SUBSCRIBE_REFUSED');
    const curious = client('val-1', device);
    await expect(curious.subscribe('kvytok/v1/val-2/receipts', () => {})).rejects.toThrow(/subscribe/i);
    expect(refused('SUBSCRIBE_REFUSED')).toBe(before + 1);
    await leave(curious);
  });

  it.each<[string, string, () => Promise<TlsIdentity>, 'TLS_REFUSED' | 'LOGIN_REFUSED']>([
    ['no certificate', 'val-1', async () => ({ ca: ca.caPem }), 'TLS_REFUSED'],
    [
      'one of a foreign authority of the same name',
      'val-1',
      async () => ({ ...(await foreign.issue('val-1', CLIENT)), ca: ca.caPem }),
      'TLS_REFUSED',
    ],
    [
      'an expired one',
      'val-1',
      () => ca.issue('val-1', CLIENT, { fromMs: -7200_000, toMs: -1000 }),
      'TLS_REFUSED',
    ],
    [
      'one that is not valid yet',
      'val-1',
      () => ca.issue('val-1', CLIENT, { fromMs: 1_800_000 }),
      'TLS_REFUSED',
    ],
    ['one for servers', 'val-1', () => ca.issue('val-1', SERVER), 'TLS_REFUSED'],
    ['one that was signed but never recorded', 'val-1', () => ca.issue('val-1', CLIENT), 'LOGIN_REFUSED'],
    ['one of another device', 'val-1', async () => other, 'LOGIN_REFUSED'],
  ])('a client with %s is kept out', async (_what, clientId, tls, reason) => {
    await isKeptOut(clientId, await tls(), reason);
  });

  it('a self-signed certificate is kept out', async () => {
    const own = await createTestCa('val-1');
    const made = await own.issue('val-1', CLIENT);
    await isKeptOut('val-1', { ...made, ca: ca.caPem }, 'TLS_REFUSED');
  });

  it('TLS 1.2 is not spoken', async () => {
    const before = refused('TLS_REFUSED');
    const socket = connectTls({ host: '127.0.0.1', port: port(), maxVersion: 'TLSv1.2', ...device });
    await expect(once(socket, 'secureConnect')).rejects.toThrow();
    await until(() => refused('TLS_REFUSED') > before, { what: 'a refused handshake' });
  });

  it('a client that talks MQTT without TLS is dropped', async () => {
    const before = refused('TLS_REFUSED');
    const plain = connectMqtt({
      url: `mqtt://127.0.0.1:${port()}`,
      clientId: 'val-1',
      secret: 'x',
      log: silent,
    });
    await until(() => refused('TLS_REFUSED') > before, { what: 'a refused handshake' });
    await leave(plain);
  });

  it('a client does not speak to a server of another authority, nor to one of another name', async () => {
    const target = { host: '127.0.0.1', port: port(), timeoutMs: 100_000 };
    await expect(connectPinned(target, { ...device, ca: foreign.caPem })).rejects.toThrow(/not the city's/);
    await expect(connectPinned({ ...target, host: 'localhost' }, device)).rejects.toThrow(/not the city's/);
    await expect(connectPinned(target, undefined)).rejects.toThrow(/authority/);
  });
});

describe('certificates come and go', () => {
  it('a device goes over to its new certificate, and the old one may be taken away', async () => {
    const [old, fresh] = [client('val-1', device), client('val-2', other)];
    await Promise.all([old.whenConnected(), fresh.whenConnected()]);
    const lost = Promise.withResolvers<void>();
    old.onLost(() => lost.resolve());
    const before = broker.counts().revoked;
    writeIdentities({ ...everybody(), 'val-1': [renewed.serial] });
    await lost.promise;
    expect(broker.counts().revoked).toBe(before + 1);
    expect(fresh.connected).toBe(true);
    await leave(old);
    await isKeptOut('val-1', device, 'LOGIN_REFUSED');
    const next = client('val-1', renewed);
    await next.whenConnected();
    writeIdentities(everybody());
    await leave(next, fresh);
  });

  it('the broker takes a new certificate of its own without a restart, and keeps it when half is wrong', async () => {
    const serialNow = async (): Promise<string> => {
      const socket = await connectPinned({ host: '127.0.0.1', port: port(), timeoutMs: 100_000 }, device);
      const serial = socket.getPeerX509Certificate()?.serialNumber.toLowerCase() ?? '';
      socket.destroy();
      return serial;
    };
    const next = await ca.issue('broker', SERVER);
    writeFileSync(file('key.pem'), next.key);
    writeFileSync(file('cert.pem'), next.cert);
    await until(async () => (await serialNow()) === next.serial, { what: 'the new certificate' });
    writeFileSync(file('key.pem'), newCertificateKey());
    expect(await serialNow()).toBe(next.serial);
    writeFileSync(file('key.pem'), next.key);
  });

  it('two holders of one identity push each other off: counted, and reported', async () => {
    expect(broker.counts().contended).toBe(0);
    const before = broker.counts().takeovers;
    const [mine, copy] = [client('val-1', device), client('val-1', device)];
    await until(() => broker.counts().contended === 1, { what: 'a contention' });
    expect(broker.counts().takeovers).toBeGreaterThan(before);
    await leave(mine, copy);
  });
});
