/** File 3 of layout 2: what the city knew when the card was last at a point of sale, signed by the key of its lists. */
import { createHash, verify } from 'node:crypto';
import type { PinnedKeys } from '#contracts/signed-envelope.ts';
import type { CardHint } from '../../ports.ts';

const KIND = 0x01;
const BALANCE = 0x01;
const QUOTA = 0x02;
const SIGNED_BYTES = 32;
const SIGNED_PREFIX = Buffer.from('kvytok hint v1\n', 'latin1');

/** The hint of this medium; `undefined` for none, another card's, or one that nobody signed. */
export function readHint(file: Buffer, mediumId: Uint8Array, listKeys: PinnedKeys): CardHint | undefined {
  const flags = file.readUInt8(1);
  if (file[0] !== KIND || (flags & ~(BALANCE | QUOTA)) !== 0) return undefined;
  const owner = createHash('sha256').update(mediumId).digest().subarray(0, 8);
  if (!file.subarray(20, 28).equals(owner)) return undefined;
  const keyId = file.toString('latin1', 12, 20).replace(/\0+$/, '');
  const key = listKeys.get(keyId);
  const message = Buffer.concat([SIGNED_PREFIX, file.subarray(0, SIGNED_BYTES)]);
  if (!key || !verify(null, message, key, file.subarray(SIGNED_BYTES))) return undefined;
  return {
    asOfMs: file.readUInt32BE(2) * 1000,
    ...((flags & BALANCE) !== 0 && { balanceMinor: String(file.readInt32BE(6)) }),
    ...((flags & QUOTA) !== 0 && { quotaLeft: file.readUInt16BE(10) }),
  };
}
