/**
 * Makes new RSA keys for the virtual bank cards and their test authorities, as `simulators/cards/emv/test-keys.json`
 * holds them: `node scripts/make-emv-test-keys.ts > simulators/cards/emv/test-keys.json`. Making keys takes
 * seconds, so they are made once and kept; all cards of tests and simulations share them.
 */
import { generateKeyPairSync } from 'node:crypto';

/** Key → modulus bits, public exponent. */
const WANTED: Readonly<Record<string, readonly [number, number]>> = {
  'ca-visa': [1408, 3],
  'ca-mastercard': [1408, 3],
  'ca-mastercard-long': [1984, 3],
  'ca-amex': [1152, 65_537],
  'ca-visa-over': [1024, 3],
  'ca-unknown': [1408, 3],
  'issuer-visa': [1024, 3],
  'issuer-mastercard': [1408, 3],
  'issuer-mastercard-long': [1984, 3],
  'issuer-amex': [1152, 65_537],
  'icc-1': [1024, 3],
  'icc-2': [1024, 65_537],
  'icc-long': [1408, 3],
};

const keys = Object.entries(WANTED).map(([name, [modulusLength, publicExponent]]) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent });
  return [name, privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64')] as const;
});
process.stdout.write(
  `${JSON.stringify({ note: 'Test keys, public by design: they protect nothing.', keys: Object.fromEntries(keys) }, null, 2)}\n`,
);
