/**
 * kill -9 of the two doors to the world, enrolment and portal, in the middle of what they write: a lock holds them before their last
 * row. Nothing half is left, and whoever knocks again at the same address gets what it came for, once.
 */
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { PAYMENT_SIGNATURE_HEADER, signPaymentCall } from '#contracts/payment-api.ts';
import { createPool } from '#platform/postgres.ts';
import { openCityCa } from '../../cli/city/device-ca.ts';
import { enrolDeviceFolder } from '../../edge-agent/adapters/enrol-device.ts';
import { loadDevice } from '../../edge-agent/adapters/load-device.ts';
import { makeCode } from '../../ingest/enrolment/adapters/device-office.ts';
import { CODE_RANDOM_BYTES } from '../../ingest/enrolment/codes.ts';
import { startChild, type TestChild } from '../../simulators/faults/child-process.ts';
import { MIGRATIONS } from '../ingest/harness.ts';
import { freePort } from '../support/free-port.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

// Two processes are started twice each, on a machine that may have much else to do.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

const ROLE = new URL('../../cli/faults/role-child.ts', import.meta.url);
const folder = tempFolder('doors');
const children = new Set<TestChild>();
let database: TestDatabase;
let admin: pg.Client;
beforeAll(async () => {
  database = await openTestDatabase();
  await database.migrate(MIGRATIONS);
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
});
afterAll(async () => {
  for (const child of children) await child.kill();
  await admin?.end();
  await database?.close();
  folder.remove();
});

async function open(role: string, env: Readonly<Record<string, string>>): Promise<TestChild> {
  const child = startChild({ file: ROLE, args: [role], env });
  children.add(child);
  await child.ready;
  return child;
}

/** Lets `knock` come as far as the last row of its transaction, and kills the role there. */
async function killBefore(
  table: string,
  { role, user }: { role: TestChild; user: string },
  knock: () => Promise<unknown>,
): Promise<void> {
  // Whoever reads goes on; whoever writes waits.
  await admin.query(`BEGIN; LOCK TABLE ${table} IN SHARE MODE`);
  const heard = knock().then(
    () => 'answered',
    () => 'broken',
  );
  await until(
    async () => {
      // Tables of databases that were copied from one template have the same numbers.
      const held = `SELECT FROM pg_locks WHERE relation = $1::regclass AND NOT granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
      return (await admin.query(held, [table])).rowCount === 1 ? true : null;
    },
    { what: 'the last row to be waited for', withinMs: 60_000 },
  );
  await role.kill();
  await admin.query('ROLLBACK');
  expect(await heard).toBe('broken');
  // The server hears of the death by itself, whatever it did for the dead meanwhile.
  await until(async () => {
    const { rowCount } = await admin.query(
      'SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = $1',
      [user],
    );
    return rowCount === 0 ? true : null;
  });
}

const count = async (what: string): Promise<number> =>
  (await admin.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${what}`)).rows[0]?.n ?? -1;

test('enrolment dies between a code that is used and its certificate: the device asks again and is enrolled once', async () => {
  const ca = await openCityCa(join(folder.path, 'secrets'));
  const pem = (): string => {
    const { privateKey } = generateKeyPairSync('ed25519');
    return createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  };
  const file = (name: string, text: string): string => {
    const path = join(folder.path, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const port = await freePort();
  const env = {
    KVYTOK_POSTGRES_URL: database.url('enrolment_runtime'),
    KVYTOK_ENROLMENT_LISTEN: `127.0.0.1:${port}`,
    KVYTOK_ENROLMENT_BROKER_URL: 'mqtts://127.0.0.1:1',
    KVYTOK_CA_KEY_FILE: join(folder.path, 'secrets', 'device-ca-key.pem'),
    KVYTOK_CA_CERT_FILE: ca.certificateFile,
    KVYTOK_ENROLMENT_PINS_FILE: file(
      'pins.json',
      JSON.stringify({ ingestKeys: { i: pem() }, listKeys: { l: pem() }, issuerKeys: { i001: pem() } }),
    ),
    KVYTOK_TOKEN_KEY_FILE: file('token-key', randomBytes(32).toString('hex')),
    KVYTOK_CITY_DIR: 'cities/ternopil',
  };
  const office = createPool({ url: database.url('office_runtime'), applicationName: 'test', max: 1 });
  const { code } = await makeCode(office, {
    ...{ deviceId: 'val-1', vehicleId: 'bus-1', inspector: false, issuedBy: 'test' },
    ...{ random: randomBytes(CODE_RANDOM_BYTES), nowMs: Date.now(), validMs: 3_600_000 },
  });
  await office.end();
  const deviceDir = join(folder.path, 'val-1');
  mkdirSync(deviceDir);
  const knock = () =>
    enrolDeviceFolder({ url: `https://127.0.0.1:${port}`, code, caSha256: ca.sha256, deviceDir });
  const dying = { role: await open('enrolment', env), user: 'enrolment_runtime' };
  await killBefore('ingest.client_certificate', dying, knock);
  // COMMIT was never said: nothing of it is there, and the code is good.
  for (const table of ['enrolment_use', 'device_key', 'client_certificate'])
    expect(await count(`ingest.${table}`), table).toBe(0);
  await open('enrolment', env);
  expect(await knock()).toBe('val-1');
  expect(loadDevice(deviceDir).deviceId).toBe('val-1');
  for (const table of ['enrolment_use', 'device_key', 'client_certificate', 'broker_client'])
    expect(await count(`ingest.${table}`), table).toBe(1);
  expect(await count('ingest.enrolment_alarm')).toBe(0);
});

test('the portal dies between a call of the provider and the look it asks for: the call comes again and is kept once', async () => {
  const port = await freePort();
  const key = randomBytes(32).toString('hex');
  const keyFile = join(folder.path, 'call-key');
  writeFileSync(keyFile, key, { mode: 0o600 });
  const env = {
    KVYTOK_POSTGRES_URL: database.url('portal_runtime'),
    KVYTOK_PORTAL_LISTEN: `127.0.0.1:${port}`,
    KVYTOK_CITY_DIR: 'cities/ternopil',
    KVYTOK_PAYMENT_CALL_KEY_FILES: keyFile,
  };
  const body = Buffer.from(
    JSON.stringify({
      ...{ id: 'call-0001', key: `dp-${'0'.repeat(32)}`, reference: 'pay-0001' },
      ...{ state: 'paid', amountMinor: '1500', currency: 'UAH' },
    }),
  );
  const knock = async (): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${port}/payments/call`, {
      method: 'POST',
      body,
      headers: { [PAYMENT_SIGNATURE_HEADER]: signPaymentCall(body, Buffer.from(key), Date.now()) },
    });
    return answer.status;
  };
  const dying = { role: await open('portal', env), user: 'portal_runtime' };
  await killBefore('fare.debt_request', dying, knock);
  // One statement, which the server may end for the dead: both rows or none.
  expect(await count('fare.payment_call')).toBe(await count('fare.debt_request'));
  await open('portal', env);
  expect(await knock()).toBe(204);
  expect(await knock()).toBe(204);
  expect([await count('fare.payment_call'), await count('fare.debt_request')]).toEqual([1, 1]);
});
