/**
 * Application cryptograms of the test issuer (EMV Book 2, 8.1, A1.4.1 option A, A1.3.1; ISO/IEC 9797-1 MAC algorithm 3):
 * what an issuer would check in the authorisation. Our own test issuer can, because it knows the master key.
 */
import { createCipheriv } from 'node:crypto';

/** Master key of the test issuer; public by design. */
const ISSUER_MASTER_KEY = Buffer.from('4B5659544F4B20544553542049535352', 'hex');
const NO_IV = Buffer.alloc(8);

/** The card's own key, from its number, its sequence number and the issuer's key. */
export function cardMasterKey(
  pan: string,
  panSequence: number,
  issuerKey: Buffer = ISSUER_MASTER_KEY,
): Buffer {
  const digits = `${pan}${String(panSequence).padStart(2, '0')}`.slice(-16).padStart(16, '0');
  const left = Buffer.from(digits, 'hex');
  const right = Buffer.from(left.map((byte) => byte ^ 0xff));
  return tripleDes(issuerKey, Buffer.concat([left, right]));
}

/** The key of one transaction: two halves from its diversifier, whose third byte tells them apart. */
function sessionKey(masterKey: Buffer, diversifier: Uint8Array): Buffer {
  const [left, right] = [Buffer.from(diversifier), Buffer.from(diversifier)];
  left[2] = 0xf0;
  right[2] = 0x0f;
  return tripleDes(masterKey, Buffer.concat([left, right]));
}

/** The 8 bytes of tag 9F26 over the transaction's data. `diversifier`: 8 bytes, the counter and zeros behind it. */
export function applicationCryptogram(masterKey: Buffer, diversifier: Uint8Array, data: Uint8Array): Buffer {
  const key = sessionKey(masterKey, diversifier);
  const [first, second] = [key.subarray(0, 8), key.subarray(8, 16)];
  const padded = Buffer.alloc(Math.ceil((data.length + 1) / 8) * 8);
  padded.set(data);
  padded[data.length] = 0x80;
  // Single DES is triple DES under three times the same key.
  const chained = cbc(Buffer.concat([first, first, first]), padded.subarray(0, -8));
  const last = Buffer.from(padded.subarray(-8).map((byte, i) => byte ^ (chained.at(i - 8) ?? 0)));
  return cbc(Buffer.concat([first, second, first]), last);
}

function tripleDes(key: Buffer, blocks: Buffer): Buffer {
  const cipher = createCipheriv('des-ede', key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(blocks), cipher.final()]);
}

function cbc(key: Buffer, blocks: Buffer): Buffer {
  const cipher = createCipheriv('des-ede3-cbc', key, NO_IV).setAutoPadding(false);
  return Buffer.concat([cipher.update(blocks), cipher.final()]);
}
