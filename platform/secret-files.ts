/** Keys and secrets that a role's configuration names by path. Their content never appears in a message. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { OperatorError } from './errors.ts';

/**
 * A secret's text without the white space around it.
 * @throws OperatorError SECRET_FILE_UNREADABLE
 */
export function readSecretFile(path: string): string {
  return readText(path).trim();
}

/**
 * An Ed25519 private key in PEM.
 * @throws OperatorError SECRET_FILE_UNREADABLE
 */
export function readPrivateKeyFile(path: string): KeyObject {
  const pem = readText(path);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below, without the file's content.
  }
  throw unreadable(path, 'it is not an Ed25519 private key in PEM');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, (error as Error).message);
  }
}

function unreadable(path: string, problem: string): OperatorError {
  return new OperatorError({
    code: 'SECRET_FILE_UNREADABLE',
    happened: `The file ${path} cannot be used: ${problem}.`,
    kept: 'Nothing was started and nothing was changed.',
    todo: 'Name the right file, readable by this user, and start again.',
  });
}
