/** The log's keys come as files that nobody else may read. */
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readEnvironment } from '#platform/config.ts';
import { FareEngineEnvironment, fareEngineConfig } from '../../../fare-engine/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'kvytok-audit-keys-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function keyFile(name: string, mode: number): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  const path = join(folder, name);
  writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  chmodSync(path, mode);
  return path;
}

const configOf = (files?: string) =>
  fareEngineConfig(
    readEnvironment(FareEngineEnvironment, {
      KVYTOK_POSTGRES_URL: 'postgres://127.0.0.1/x',
      KVYTOK_CITY_DIR: 'cities/ternopil',
      ...(files === undefined ? {} : { KVYTOK_AUDIT_KEY_FILES: files }),
    }),
  );

test('none, one, or two while keys change', () => {
  expect(configOf().auditKeys).toBeUndefined();
  const [one, two] = [keyFile('one.pem', 0o600), keyFile('two.pem', 0o400)];
  expect(configOf(one).auditKeys).toHaveLength(1);
  expect(configOf(`${one},${two}`).auditKeys).toHaveLength(2);
});

test.each([0o640, 0o604, 0o644])('mode %o is refused', (mode) => {
  expect(() => configOf(keyFile(`open-${mode}.pem`, mode))).toThrow(
    expect.objectContaining({ code: 'AUDIT_KEY_OPEN' }),
  );
});

test('a file that is no key is refused', () => {
  writeFileSync(join(folder, 'text'), 'no key', { mode: 0o600 });
  expect(() => configOf(join(folder, 'text'))).toThrow(
    expect.objectContaining({ code: 'SECRET_FILE_UNREADABLE' }),
  );
});
