/** A revocation list beside mosquitto: a new one counts without a restart, one that comes to its end is an alarm. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { createLogger } from '#platform/logger.ts';
import type { Role } from '#platform/role.ts';
import { startConfigFollower } from '../../broker/adapters/config-follower.ts';
import { MOSQUITTO_PID_FILE, mosquittoConfig } from '../../broker/mosquitto-config.ts';
import { SERVER_LIMITS } from '../../broker/server-limits.ts';
import { freePort } from '../support/free-port.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { createTestCa, type TestCertificate } from '../support/test-ca.ts';
import { until } from '../support/until.ts';
import { writeIdentities } from './clients.ts';
import { type ServerProcess, serverProcess } from './port/server-process.ts';

const DAY_MS = 86_400_000;
const temp = tempFolder('crl');
const path = (name: string): string => join(temp.path, name);
const lines: string[] = [];
const log = createLogger({ component: 'test', level: 'info', write: (line) => void lines.push(line) });
const ends = (): number => lines.filter((line) => line.includes('broker.crl.ends')).length;
let ca: Awaited<ReturnType<typeof createTestCa>>;
let device: TestCertificate;
let follower: Role | undefined;
let server: ServerProcess | undefined;
let port: number;

beforeAll(async () => {
  ca = await createTestCa();
  const own = await ca.issue('broker', { kind: 'server', names: ['127.0.0.1'] });
  device = await ca.issue('val-1', { kind: 'client' });
  writeFileSync(path('ca.pem'), ca.caPem);
  writeFileSync(path('server.pem'), own.cert);
  writeFileSync(path('server.key'), own.key);
  writeFileSync(path('crl.pem'), await ca.revocationList([], 7 * DAY_MS));
  writeIdentities(path('identities.json'), [{ clientId: 'val-1', role: 'device' }], () => device.serial);
  port = await freePort();
  const tls = { ca: path('ca.pem'), cert: path('server.pem'), key: path('server.key'), crl: path('crl.pem') };
  follower = startConfigFollower({
    generate: mosquittoConfig,
    input: {
      limits: SERVER_LIMITS,
      listen: { host: '127.0.0.1', port },
      folder: path('config'),
      tls,
      ...(process.getuid?.() === 0 ? { user: 'root' } : {}),
    },
    identitiesPath: path('identities.json'),
    everyMs: 20,
    againMs: 1_000,
    pidFile: join(path('config'), MOSQUITTO_PID_FILE),
    log,
  });
  server = serverProcess('mosquitto', ['-c', join(path('config'), 'mosquitto.conf')], port);
  await server.restart();
});
afterAll(async () => {
  await follower?.stop();
  await server?.kill();
  temp.remove();
});

/** Whether the device gets in. */
async function isLetIn(): Promise<boolean> {
  const { cert, key } = device;
  const options = { clientId: 'val-1', ca: ca.caPem, cert, key, reconnectPeriod: 0 };
  const client = mqtt.connect(`mqtts://127.0.0.1:${port}`, options);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  client.once('connect', () => resolve(true));
  client.on('error', () => resolve(false));
  client.on('close', () => resolve(false));
  const isIn = await promise;
  await client.endAsync(true);
  return isIn;
}

test('a certificate that a new list names is refused without a restart', async () => {
  expect(await isLetIn()).toBe(true);
  expect(ends()).toBe(0);
  writeFileAtomic(path('crl.pem'), await ca.revocationList([device.serial], 7 * DAY_MS));
  await until(async () => !(await isLetIn()), { what: 'the certificate to be refused' });
  writeFileAtomic(path('crl.pem'), await ca.revocationList([], 7 * DAY_MS));
  await until(isLetIn, { what: 'the certificate to be taken again' });
  expect(ends()).toBe(0);
});

test('a list that nobody renews is an alarm days before it keeps everybody out', async () => {
  writeFileAtomic(path('crl.pem'), await ca.revocationList([], 2 * DAY_MS));
  await until(() => ends() > 0, { what: 'the alarm' });
  expect(await isLetIn()).toBe(true);
  expect(readFileSync(path('config/mosquitto.conf'), 'utf8')).toContain(`crlfile ${path('crl.pem')}`);
});
