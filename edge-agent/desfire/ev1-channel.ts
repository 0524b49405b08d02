/**
 * EV1 secure messaging with an AES session key in software (AuthenticateAES, 0xAA).
 *
 * One IV runs through the whole session: every command and every answer moves it, by its CMAC or by its last encrypted
 * block. Encrypted messages carry a CRC instead of a MAC; the key schedule and this mode are the reason why a city's
 * policy has to ask for EV1.
 */
import { type CmacSubkeys, cmac, cmacSubkeys, decryptCbc, encryptCbc, wipeKey, ZERO_BLOCK } from './aes.ts';
import { jamCrc, NOTHING, paddedZero, sameSecret } from './bytes.ts';
import type { AnswerForm, ChannelCommand, KeyChange, SecureChannel } from './card-key.ts';
import { keyBytesOf, maskedKey } from './key-material.ts';

const MAC_BYTES = 8;
const CRC_BYTES = 4;
const STATUS_OK = Uint8Array.of(0x00);

/** Session key of AuthenticateAES. */
export function ev1SessionKey(rndA: Uint8Array, rndB: Uint8Array): Buffer {
  return Buffer.concat([rndA.subarray(0, 4), rndB.subarray(0, 4), rndA.subarray(12), rndB.subarray(12)]);
}

/** See {@link SecureChannel}. */
export class Ev1Channel implements SecureChannel {
  readonly kind = 'ev1';
  readonly keyNo: number;
  readonly #key: Uint8Array;
  readonly #subkeys: CmacSubkeys;
  #iv: Uint8Array;

  constructor(keyNo: number, sessionKey: Uint8Array, iv: Uint8Array = ZERO_BLOCK) {
    this.keyNo = keyNo;
    this.#key = sessionKey;
    this.#subkeys = cmacSubkeys(sessionKey);
    this.#iv = iv;
  }

  protect({ ins, header, data, mode, macSent }: ChannelCommand): Uint8Array {
    const instruction = Uint8Array.of(ins);
    if (mode === 'full' && data.length > 0) {
      const crc = jamCrc(instruction, header, data);
      return Buffer.concat([header, this.#encrypt(Buffer.concat([data, crc]))]);
    }
    const mac = this.#chain(Buffer.concat([instruction, header, data]));
    return Buffer.concat([header, data, mode === 'mac' && macSent ? mac.subarray(0, MAC_BYTES) : NOTHING]);
  }

  protectKeyChange({ ins, header, newKey, newVersion, oldKey }: KeyChange): Uint8Array {
    const data = Buffer.concat([maskedKey(newKey, oldKey), Uint8Array.of(newVersion)]);
    const crcs = [jamCrc(Uint8Array.of(ins), header, data)];
    if (oldKey) crcs.push(jamCrc(keyBytesOf(newKey)));
    return Buffer.concat([header, this.#encrypt(Buffer.concat([data, ...crcs]))]);
  }

  open(answer: Uint8Array, { mode, bytes }: AnswerForm): Buffer | undefined {
    // An answer without data has nothing to encrypt: it is MACed in every mode.
    if (mode === 'full' && bytes !== 0) return this.#decrypted(answer, bytes);
    const end = answer.length - MAC_BYTES;
    if (end < 0) return undefined;
    const data = Buffer.from(answer.subarray(0, end));
    const mac = this.#chain(Buffer.concat([data, STATUS_OK]));
    if (!sameSecret(mac.subarray(0, MAC_BYTES), answer.subarray(end))) return undefined;
    return bytes === 'any' || data.length === bytes ? data : undefined;
  }

  end(): void {
    wipeKey(this.#key);
    this.#subkeys.k1.fill(0);
    this.#subkeys.k2.fill(0);
  }

  #chain(message: Uint8Array): Buffer {
    const mac = cmac(this.#key, message, this.#subkeys, this.#iv);
    this.#iv = mac;
    return mac;
  }

  #encrypt(data: Uint8Array): Buffer {
    const sent = encryptCbc(this.#key, this.#iv, paddedZero(data));
    this.#iv = sent.subarray(-16);
    return sent;
  }

  #decrypted(answer: Uint8Array, bytes: number | 'any'): Buffer | undefined {
    if (answer.length === 0 || answer.length % 16 !== 0) return undefined;
    const plain = decryptCbc(this.#key, this.#iv, answer);
    this.#iv = Buffer.from(answer.subarray(-16));
    if (bytes !== 'any') return withCrc(plain, bytes);
    // Where only the card knows the length, the CRC says where the data end; padding may be zeros or 80 00 ….
    for (let end = plain.length - CRC_BYTES; end >= 0 && end > plain.length - CRC_BYTES - 17; end--) {
      const data = withCrc(plain, end);
      if (data) return data;
    }
    return undefined;
  }
}

/** The first bytes, when the CRC behind them holds and nothing but padding follows. */
function withCrc(plain: Buffer, bytes: number): Buffer | undefined {
  const end = bytes + CRC_BYTES;
  if (end > plain.length || plain.length - end > 16) return undefined;
  const rest = plain.subarray(end);
  if (rest.some((byte, at) => byte !== 0 && !(at === 0 && byte === 0x80))) return undefined;
  const data = plain.subarray(0, bytes);
  return sameSecret(jamCrc(data, STATUS_OK), plain.subarray(bytes, end)) ? data : undefined;
}
