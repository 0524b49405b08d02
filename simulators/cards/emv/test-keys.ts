/** RSA keys of the virtual bank cards and their authorities (`scripts/make-emv-test-keys.ts` made them). */
import { constants, createPrivateKey, type KeyObject, privateEncrypt } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** An RSA key as EMV uses it: raw, without padding of its own. */
export interface RsaKey {
  /** Bytes without leading zeros. */
  readonly modulus: Buffer;
  /** 1 byte (3) or 3 bytes (65537). */
  readonly exponent: Buffer;
  /** Raises a block of the modulus' length to the private exponent. */
  sign(block: Uint8Array): Buffer;
}

const FILE = new URL('./test-keys.json', import.meta.url);
const made = new Map<string, RsaKey>();
let texts: Readonly<Record<string, string>> | undefined;

/** A key by name. Throws for a name that is not in the file: a bug of the caller. */
export function testKey(name: string): RsaKey {
  const known = made.get(name);
  if (known) return known;
  texts ??= (JSON.parse(readFileSync(FILE, 'utf8')) as { keys: Record<string, string> }).keys;
  const text = texts[name];
  if (text === undefined) throw new RangeError(`there is no test key ${name}`);
  const key = toRsaKey(createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' }));
  made.set(name, key);
  return key;
}

function toRsaKey(privateKey: KeyObject): RsaKey {
  const { n, e } = privateKey.export({ format: 'jwk' }) as { n: string; e: string };
  return {
    modulus: Buffer.from(n, 'base64url'),
    exponent: Buffer.from(e, 'base64url'),
    sign: (block) => privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, block),
  };
}
