import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPrivateKeyFile, readSecretFile } from '#platform/secret-files.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = tempFolder('secret-files');
afterAll(() => folder.remove());

function file(name: string, text: string): string {
  const path = join(folder.path, name);
  writeFileSync(path, text);
  return path;
}

describe('files with secrets', () => {
  it('give the secret without the line end', () => {
    expect(readSecretFile(file('secret', 'abc\n'))).toBe('abc');
  });

  it('give an Ed25519 key', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(readPrivateKeyFile(file('key.pem', pem)).equals(privateKey)).toBe(true);
  });

  it('are named when they are missing or hold something else, and their content is not', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const other = file('rsa.pem', rsa.export({ type: 'pkcs8', format: 'pem' }).toString());
    const noise = file('noise', 'do-not-print-this');
    for (const path of [other, noise, join(folder.path, 'absent')]) {
      expect(() => readPrivateKeyFile(path)).toThrow(/SECRET_FILE_UNREADABLE/);
      expect(() => readPrivateKeyFile(path)).toThrow(path);
      expect(() => readPrivateKeyFile(path)).not.toThrow(/do-not-print-this/);
    }
    expect(() => readSecretFile(join(folder.path, 'absent'))).toThrow(/SECRET_FILE_UNREADABLE/);
  });
});
