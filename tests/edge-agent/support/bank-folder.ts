/** Makes an enrolled device folder take the test schemes' bank cards. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { caKeyList } from '../../../simulators/cards/emv/test-ca.ts';

/** `bank-card.json` of a city in Ukraine, for a new acquirer. */
export function bankCardFile() {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  const file = {
    v: 1,
    countryCode: 804,
    currencyCode: 980,
    timeZone: 'Europe/Kyiv',
    applications: [
      { aid: 'a0000000031010', scheme: 'visa' },
      { aid: 'a0000000041010', scheme: 'mastercard' },
      { aid: 'a0000000043060', scheme: 'mastercard' },
      { aid: 'a00000002501', scheme: 'amex' },
    ],
    acquirer: {
      keyId: 'acq-test',
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    },
  };
  return { file, acquirer: privateKey };
}

/** Adds the files, and bank cards to the policy. Gives the acquirer's private key. */
export function takeBankCards(dir: string, changes: object = {}): KeyObject {
  const { file, acquirer } = bankCardFile();
  const device = JSON.parse(readFileSync(join(dir, 'device.json'), 'utf8'));
  device.policy.mediumKinds = ['social', 'wallet', 'bank'];
  writeFileSync(join(dir, 'device.json'), JSON.stringify(device));
  writeFileSync(join(dir, 'bank-card.json'), JSON.stringify({ ...file, ...changes }));
  writeFileSync(join(dir, 'ca-keys.json'), JSON.stringify(caKeyList()));
  const tokens = { 'pan-token': { 1: '11'.repeat(32), 2: '22'.repeat(32) } };
  writeFileSync(join(dir, 'card-keys.json'), JSON.stringify({ v: 1, tokens }), { mode: 0o600 });
  return acquirer;
}
