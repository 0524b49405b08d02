/** Card data sealed as a reader does it, for an acquirer of the test's own. */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { seal } from '../../../edge-agent/emv/seal.ts';

export const ACQUIRER_KEY_ID = 'acquirer-test';

export function acquirerKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('x25519');
}

/** A number of the test ranges. `par`: 29 characters. */
export function sealedCard(
  publicKey: KeyObject,
  pan: string,
  options: { par?: string; expiry?: string } = {},
): string {
  const tlv = (tag: string, value: Buffer) =>
    Buffer.concat([Buffer.from(tag, 'hex'), Buffer.of(value.length), value]);
  const plain = Buffer.concat([
    tlv('5a', Buffer.from(pan, 'hex')),
    tlv('5f24', Buffer.from(options.expiry ?? '301231', 'hex')),
    ...(options.par === undefined ? [] : [tlv('9f24', Buffer.from(options.par, 'latin1'))]),
  ]);
  return seal(plain, { keyId: ACQUIRER_KEY_ID, publicKey }, randomBytes).toString('base64url');
}
