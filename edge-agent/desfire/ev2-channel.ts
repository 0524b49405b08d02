/**
 * EV2 secure messaging with AES session keys in software (DESFire EV2/EV3, DESFire Light; NXP MF2DL(H)x0 §9.1).
 *
 * Each command and its answer have a counter of their own, which rises also for plain ones. MACs are every second byte
 * of the CMAC over instruction or status, counter, transaction identifier and what is sent.
 */
import { type CmacSubkeys, cmac, cmacSubkeys, decryptCbc, encryptBlock, encryptCbc, wipeKey } from './aes.ts';
import { jamCrc, NOTHING, padded80, sameSecret, unpadded80 } from './bytes.ts';
import type { AnswerForm, Capabilities, ChannelCommand, KeyChange, SecureChannel } from './card-key.ts';
import { keyBytesOf, maskedKey } from './key-material.ts';

const MAC_BYTES = 8;
const COUNTER_MAX = 0xffff;
const FOR_COMMAND = 0xa55a;
const FOR_ANSWER = 0x5aa5;

/** Secrets and place of an EV2 session. */
export interface Ev2State {
  readonly encKey: Uint8Array;
  readonly macKey: Uint8Array;
  /** Transaction identifier, 4 bytes, drawn by the card. */
  readonly ti: Uint8Array;
  readonly counter: number;
}

/** Derives the two session keys from the key and both randoms (§9.1.7: NIST SP 800-108 in counter mode). */
export function ev2SessionKeys(
  key: Uint8Array,
  rndA: Uint8Array,
  rndB: Uint8Array,
): { encKey: Buffer; macKey: Buffer } {
  const vector = Buffer.allocUnsafe(32);
  vector.writeUInt32BE(0x00010080, 2);
  vector.set(rndA.subarray(0, 8), 6);
  for (let i = 0; i < 6; i++) vector[8 + i] = (vector[8 + i] as number) ^ (rndB[i] as number);
  vector.set(rndB.subarray(6), 14);
  vector.set(rndA.subarray(8), 24);
  const subkeys = cmacSubkeys(key);
  vector.writeUInt16BE(FOR_COMMAND, 0);
  const encKey = cmac(key, vector, subkeys);
  vector.writeUInt16BE(FOR_ANSWER, 0);
  return { encKey, macKey: cmac(key, vector, subkeys) };
}

/** Bytes 1, 3, … 15 of a CMAC. */
export function truncatedMac(full: Uint8Array): Buffer {
  const result = Buffer.allocUnsafe(MAC_BYTES);
  for (let i = 0; i < MAC_BYTES; i++) result[i] = full[2 * i + 1] as number;
  return result;
}

/** See {@link SecureChannel}. */
export class Ev2Channel implements SecureChannel {
  readonly kind = 'ev2';
  readonly keyNo: number;
  readonly capabilities: Capabilities | undefined;
  readonly #encKey: Uint8Array;
  readonly #macKey: Uint8Array;
  readonly #subkeys: CmacSubkeys;
  readonly #ti: Uint8Array;
  #counter: number;

  constructor(keyNo: number, state: Ev2State, capabilities?: Capabilities) {
    this.keyNo = keyNo;
    this.capabilities = capabilities;
    this.#encKey = state.encKey;
    this.#macKey = state.macKey;
    this.#subkeys = cmacSubkeys(state.macKey);
    this.#ti = state.ti;
    this.#counter = state.counter;
  }

  /** Where the transaction stands; goes over to the channel of a NonFirst handshake. */
  get place(): { readonly ti: Uint8Array; readonly counter: number } {
    return { ti: this.#ti, counter: this.#counter };
  }

  protect({ ins, header, data, mode }: ChannelCommand): Uint8Array {
    // The counter must not come round: the same number under one key would repeat an IV.
    if (this.#counter >= COUNTER_MAX) throw new RangeError('an EV2 session has at most 65535 commands');
    if (mode === 'plain') return data.length === 0 ? header : Buffer.concat([header, data]);
    const sent = mode === 'full' && data.length > 0 ? this.#encrypt(padded80(data)) : data;
    return Buffer.concat([header, sent, this.#mac(ins, this.#counter, header, sent)]);
  }

  protectKeyChange({ ins, header, newKey, newVersion, oldKey }: KeyChange): Uint8Array {
    const crc = oldKey ? jamCrc(keyBytesOf(newKey)) : NOTHING;
    const data = Buffer.concat([maskedKey(newKey, oldKey), Uint8Array.of(newVersion), crc]);
    return this.protect({ ins, header, data, mode: 'full', macSent: true });
  }

  open(answer: Uint8Array, { mode, bytes }: AnswerForm): Buffer | undefined {
    this.#counter += 1;
    const data = mode === 'plain' ? Buffer.from(answer) : this.#verified(answer, mode);
    return data !== undefined && (bytes === 'any' || data.length === bytes) ? data : undefined;
  }

  end(): void {
    wipeKey(this.#encKey);
    wipeKey(this.#macKey);
    this.#subkeys.k1.fill(0);
    this.#subkeys.k2.fill(0);
  }

  #verified(answer: Uint8Array, mode: 'mac' | 'full'): Buffer | undefined {
    const end = answer.length - MAC_BYTES;
    if (end < 0) return undefined;
    const sent = answer.subarray(0, end);
    const expected = this.#mac(0x00, this.#counter, NOTHING, sent);
    if (!sameSecret(expected, answer.subarray(end))) return undefined;
    if (mode === 'mac' || end === 0) return Buffer.from(sent);
    if (end % 16 !== 0) return undefined;
    return unpadded80(decryptCbc(this.#encKey, this.#iv(FOR_ANSWER), sent));
  }

  #encrypt(data: Uint8Array): Buffer {
    return encryptCbc(this.#encKey, this.#iv(FOR_COMMAND), data);
  }

  #iv(label: number): Buffer {
    const block = Buffer.alloc(16);
    block.writeUInt16BE(label, 0);
    block.set(this.#ti, 2);
    block.writeUInt16LE(this.#counter, 6);
    return encryptBlock(this.#encKey, block);
  }

  /** `code` is the instruction of a command or the status of an answer. */
  #mac(code: number, counter: number, header: Uint8Array, sent: Uint8Array): Buffer {
    const message = Buffer.allocUnsafe(7 + header.length + sent.length);
    message[0] = code;
    message.writeUInt16LE(counter, 1);
    message.set(this.#ti, 3);
    message.set(header, 7);
    message.set(sent, 7 + header.length);
    return truncatedMac(cmac(this.#macKey, message, this.#subkeys));
  }
}
