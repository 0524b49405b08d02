/** The commands around identities, as people call them, on a real database with the roles started from the environment. */
import { createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadDevice } from '../../edge-agent/adapters/load-device.ts';
import { MIGRATIONS } from '../ingest/harness.ts';
import { type KvytokRun, runKvytok } from '../support/run-kvytok.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

const CITY = fileURLToPath(new URL('../../cities/ternopil', import.meta.url));
const folder = tempFolder('device');
const file = (name: string): string => join(folder.path, name);
let database: TestDatabase;
let serve: KvytokRun | undefined;
let caSha256: string;
let url: string;

/** Runs a command to its end. */
async function kvytok(args: string[], env: Record<string, string> = {}) {
  const run = runKvytok(args, env);
  const code = await run.ended;
  return { code, out: run.stdout(), err: run.stderr() };
}
const office = () => ({ KVYTOK_POSTGRES_URL: database.url('office_runtime') });

beforeAll(async () => {
  database = await openTestDatabase();
  await database.migrate(MIGRATIONS);
  const key = createPublicKey(generateKeyPairSync('ed25519').privateKey);
  const pin = { x: key.export({ type: 'spki', format: 'pem' }).toString() };
  writeFileSync(file('pins.json'), JSON.stringify({ ingestKeys: pin, listKeys: pin, issuerKeys: pin }));
  writeFileSync(file('token-key'), randomBytes(32).toString('hex'));
  caSha256 = (await kvytok(['ca', 'init', '--ca', file('ca')])).out.trim();
  serve = runKvytok(['serve', 'identities', 'enrolment'], {
    KVYTOK_IDENTITIES_POSTGRES_URL: database.url('broker_runtime'),
    KVYTOK_ENROLMENT_POSTGRES_URL: database.url('enrolment_runtime'),
    KVYTOK_BROKER_IDENTITIES: file('identities.json'),
    KVYTOK_ENROLMENT_LISTEN: '127.0.0.1:0',
    KVYTOK_ENROLMENT_BROKER_URL: 'mqtts://127.0.0.1:8883',
    KVYTOK_CA_KEY_FILE: file('ca/device-ca-key.pem'),
    KVYTOK_CA_CERT_FILE: file('ca/device-ca.pem'),
    KVYTOK_ENROLMENT_PINS_FILE: file('pins.json'),
    KVYTOK_TOKEN_KEY_FILE: file('token-key'),
    KVYTOK_CITY_DIR: CITY,
  });
  await serve.printed('enrolment ready at https://127.0.0.1:');
  url = /enrolment ready at (https:\S+)/.exec(serve.stdout())?.[1] ?? '';
});
afterAll(async () => {
  serve?.process.kill('SIGTERM');
  await serve?.ended;
  await database?.close();
  folder.remove();
});

/** Client ids in the identities file, with their certificates. */
function connectable(): Record<string, string[]> {
  if (!existsSync(file('identities.json'))) return {};
  const { clients } = JSON.parse(readFileSync(file('identities.json'), 'utf8')) as {
    clients: { clientId: string; certificates: string[] }[];
  };
  return Object.fromEntries(clients.map(({ clientId, certificates }) => [clientId, certificates]));
}

describe('a device, from its code to its end', () => {
  it('is enrolled, listed, allowed to connect, revoked, and no longer allowed', async () => {
    const made = await kvytok(['device', 'new', 'val-cli', '--vehicle', 'bus-7'], office());
    expect(made.code).toBe(0);
    const code = made.out.trim();
    expect(code).toMatch(/^([0-9A-Z]{7}-){3}[0-9A-Z]{7}$/);
    const enrol = ['edge', '--device', file('val-cli'), '--enrol', url, '--code', code];
    const wrong = await kvytok([...enrol, '--ca-sha256', '0'.repeat(64)]);
    expect(wrong.code).toBe(1);
    expect(wrong.err).toContain('ENROLMENT_UNREACHABLE');
    const fine = await kvytok([...enrol, '--ca-sha256', caSha256]);
    expect(JSON.parse(fine.out)).toMatchObject({ event: 'enrolled', deviceId: 'val-cli' });
    const { certificate, vehicleId } = loadDevice(file('val-cli'));
    expect(vehicleId).toBe('bus-7');
    const serial = new X509Certificate(certificate?.cert ?? '').serialNumber.toLowerCase();
    await until(() => connectable()['val-cli']?.includes(serial), { what: 'the certificate in the file' });
    const [device] = (await kvytok(['device', 'list', '--json'], office())).out.trim().split('\n');
    expect(JSON.parse(device ?? '')).toMatchObject({ deviceId: 'val-cli', codeWaits: false, alarms: [] });

    const other = await kvytok([
      'edge',
      '--device',
      file('copy'),
      '--enrol',
      url,
      '--code',
      code,
      '--ca-sha256',
      caSha256,
    ]);
    expect(other.err).toContain('CODE_REFUSED');
    expect((await kvytok(['device', 'list'], office())).out).toContain('ALARM code-used-again');

    expect((await kvytok(['device', 'revoke', 'val-cli'], office())).code).toBe(64);
    const mistyped = await kvytok(['device', 'revoke', 'val-cil', '--reason', 'stolen'], office());
    expect([mistyped.code, mistyped.err]).toEqual([64, expect.stringContaining('no device "val-cil"')]);
    const ended = await kvytok(['device', 'revoke', 'val-cli', '--reason', 'stolen'], office());
    expect(ended.out).toContain('1 certificates and 1 signing keys revoked');
    await until(() => connectable()['val-cli'] === undefined, { what: 'the device gone from the file' });
    expect((await kvytok(['device', 'list'], office())).out).toMatch(
      /val-cli {2}no certificate, revoked \d{4}/,
    );
    for (const { out, err } of [made, fine, other, ended]) expect(out + err).not.toContain('PRIVATE KEY');
    expect(serve?.stderr()).not.toContain(code);
  });
});

describe('the city’s own certificates', () => {
  it('are made once, for the names given, and the service may connect', async () => {
    const server = [
      'ca',
      'server',
      '--ca',
      file('ca'),
      '--out',
      file('tls'),
      '--names',
      'broker.example,10.0.0.7',
    ];
    const [first, second] = [await kvytok(server), await kvytok(server)];
    expect(second.out).toBe(first.out);
    const pem = readFileSync(file('tls/broker.cert.pem'), 'utf8');
    expect(new X509Certificate(pem).checkHost('broker.example')).toBe('broker.example');
    await kvytok([...server.slice(0, -1), 'other.example']);
    expect(readFileSync(file('tls/broker.cert.pem'), 'utf8')).not.toBe(pem);
    const service = ['ca', 'service', 'ingest', '--role', 'ingest', '--ca', file('ca'), '--out', file('tls')];
    expect((await kvytok(service, office())).code).toBe(0);
    await until(() => connectable()['ingest']?.length === 1, { what: 'ingest in the file' });
  });

  it.each([
    [['device', 'new', 'Val 1']],
    [['device', 'new', 'lists']],
    [['device', 'new', 'val-1', '--hours', '0']],
    [['device', 'drop', 'val-1']],
    [['ca', 'service', 'x1', '--role', 'device', '--ca', 'ca', '--out', 'tls']],
    [['ca', 'server', '--ca', 'ca', '--out', 'tls']],
    [['edge', '--device', 'x', '--enrol', 'http://city', '--code', 'c', '--ca-sha256', 'ab']],
  ])('a wrong call says so: %j', async (args) => {
    expect(
      (
        await kvytok(
          args.map((arg) => (['ca', 'tls', 'x'].includes(arg) ? (args[0] === arg ? arg : file(arg)) : arg)),
          office(),
        )
      ).code,
    ).toBe(64);
  });
});
