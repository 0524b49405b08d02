/** Keys that follow from keys: per card (AN10922), per session (EV2, EV1 AES), per committed transaction. */
import { BLOCK_BYTES, cmac, xor } from './aes.ts';

/** AN10922, AES-128: the key of one card from a master key and up to 31 bytes that name the card. */
export function diversifyKey(masterKey: Uint8Array, input: Uint8Array): Buffer {
  if (input.length === 0 || input.length > 31) throw new RangeError('AN10922 takes 1 to 31 bytes');
  return cmac(masterKey, Buffer.concat([Uint8Array.of(0x01), input]), { padTo: 2 * BLOCK_BYTES });
}

/** Both keys of an EV2 session. */
export function ev2SessionKeys(
  key: Uint8Array,
  rndA: Uint8Array,
  rndB: Uint8Array,
): { readonly enc: Buffer; readonly mac: Buffer } {
  const context = Buffer.concat([
    rndA.subarray(0, 2),
    xor(rndA.subarray(2, 8), rndB.subarray(0, 6)),
    rndB.subarray(6, 16),
    rndA.subarray(8, 16),
  ]);
  const under = (label: readonly number[]) =>
    cmac(key, Buffer.concat([Uint8Array.of(...label, 0x00, 0x01, 0x00, 0x80), context]));
  return { enc: under([0xa5, 0x5a]), mac: under([0x5a, 0xa5]) };
}

/** The one key of an EV1 AES session. */
export function ev1SessionKey(rndA: Uint8Array, rndB: Uint8Array): Buffer {
  return Buffer.concat([
    rndA.subarray(0, 4),
    rndB.subarray(0, 4),
    rndA.subarray(12, 16),
    rndB.subarray(12, 16),
  ]);
}

/** Keys of the transaction that would make the counter `tmc + 1`. */
export function transactionKeys(
  key: Uint8Array,
  tmc: number,
  uid: Uint8Array,
): { readonly enc: Buffer; readonly mac: Buffer } {
  const counter = Buffer.alloc(4);
  counter.writeUInt32LE(tmc + 1);
  const under = (label: number) =>
    cmac(key, Buffer.concat([Uint8Array.of(label, 0x00, 0x01, 0x00, 0x80), counter, uid]));
  return { enc: under(0xa5), mac: under(0x5a) };
}
