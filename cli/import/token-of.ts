/** The token of a medium's number, as validators make it (edge-agent/keys/key-provider.ts): numbers leave this place only so. */
import { createHmac } from 'node:crypto';
import { readSecretFile } from '#platform/secret-files.ts';
import type { TokenOf } from '../../fare-engine/import/import-files.ts';
import { UsageError } from '../command.ts';

/** Bytes of the number of a card of our own (docs/CARD-LAYOUT.md). */
const OWN_BYTES = 16;
const BYTES_MAX = 64;

/** Reads the key. @throws UsageError, OperatorError SECRET_FILE_UNREADABLE */
export function openTokenOf(keyFile: string | undefined, version = '1'): TokenOf | undefined {
  if (keyFile === undefined) return undefined;
  const text = readSecretFile(keyFile);
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new UsageError('--token-key names a file with 64 hex digits');
  if (!/^[1-9]\d{0,3}$/.test(version)) throw new UsageError('--token-key-version takes 1 to 9999');
  const key = Buffer.from(text, 'hex');
  return (number, kind) => {
    const hex = number.replaceAll(/[ :-]/g, '');
    if (!/^([0-9a-f]{2})+$/i.test(hex) || !/^[a-z0-9-]{0,32}$/.test(kind)) return undefined;
    const bytes = Buffer.from(hex, 'hex');
    if (kind === '' ? bytes.length !== OWN_BYTES : bytes.length < 4 || bytes.length > BYTES_MAX)
      return undefined;
    const message = kind === '' ? bytes : Buffer.concat([Buffer.from(`${kind}\n`, 'latin1'), bytes]);
    return `k${version}.${createHmac('sha256', key).update(message).digest('hex').slice(0, 32)}`;
  };
}
