/** How far a clock may be from its receipt is the city's number; the environment names the city and nothing else. */
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readEnvironment } from '#platform/config.ts';
import { IngestEnvironment, ingestConfig } from '../../ingest/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'kvytok-ingest-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const city = join(folder, 'city');
cpSync(join(import.meta.dirname, '../../cities/ternopil'), city, { recursive: true });
const keyFile = join(folder, 'key.pem');
const { privateKey } = generateKeyPairSync('ed25519');
writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
const secretFile = join(folder, 'secret');
writeFileSync(secretFile, 'a-secret-of-this-test\n', { mode: 0o600 });
const env = {
  KVYTOK_POSTGRES_URL: 'postgres://127.0.0.1/x',
  KVYTOK_MQTT_URL: 'mqtt://127.0.0.1:1',
  KVYTOK_INGEST_MQTT_SECRET_FILE: secretFile,
  KVYTOK_INGEST_KEY_FILE: keyFile,
  KVYTOK_INGEST_KEY_ID: 'c001',
};

test('the limit of clocks is that of city.yaml', () => {
  const file = join(city, 'city.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('farFromReceiptS: 86400', 'farFromReceiptS: 4321'));
  const config = ingestConfig(readEnvironment(IngestEnvironment, { ...env, KVYTOK_CITY_DIR: city }));
  expect(config.clockFarFromReceiptMs).toBe(4_321_000);
});

test('without a city there is no silent number', () => {
  expect(() => readEnvironment(IngestEnvironment, env)).toThrow(/KVYTOK_CITY_DIR/);
});
