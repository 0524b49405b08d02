/** A card key in memory: the three passes of AuthenticateEV2First, AuthenticateEV2NonFirst and AuthenticateAES. */
import { decryptCbc, encryptCbc, ZERO_BLOCK } from './aes.ts';
import { rotatedLeft, sameSecret } from './bytes.ts';
import type { CardKey, Handshake, HandshakeKind, SecureChannel } from './card-key.ts';
import { Ev1Channel, ev1SessionKey } from './ev1-channel.ts';
import { Ev2Channel, ev2SessionKeys } from './ev2-channel.ts';
import { noteKeyBytes } from './key-material.ts';

/** Random bytes of cryptographic quality. */
export type RandomBytes = (bytes: number) => Uint8Array;

const RANDOM_BYTES = 16;
const TI_BYTES = 4;
const CAPABILITY_BYTES = 6;

/**
 * Makes a card key of 16 bytes.
 * @throws RangeError for another length.
 */
export function softwareCardKey(bytes: Uint8Array, random: RandomBytes): CardKey {
  if (bytes.length !== 16) throw new RangeError(`an AES-128 key has 16 bytes, not ${bytes.length}`);
  const key: CardKey = {
    begin: (kind, keyNo, within) => beginHandshake({ bytes, random, kind, keyNo, within }),
  };
  noteKeyBytes(key, bytes);
  return key;
}

interface Beginning {
  readonly bytes: Uint8Array;
  readonly random: RandomBytes;
  readonly kind: HandshakeKind;
  readonly keyNo: number;
  readonly within: SecureChannel | undefined;
}

function beginHandshake({ bytes, random, kind, keyNo, within }: Beginning): Handshake {
  if (kind === 'iso-des') throw new TypeError('an AES key does not open AuthenticateISO');
  if (kind === 'ev2-non-first' && !(within instanceof Ev2Channel))
    throw new TypeError('AuthenticateEV2NonFirst goes on within an EV2 session held in software');
  const chained = kind === 'ev1';
  const rndA = Buffer.from(random(RANDOM_BYTES));
  let rndB: Buffer | undefined;
  let lastSent: Buffer = Buffer.alloc(RANDOM_BYTES);

  return {
    answer: (challenge) => {
      if (challenge.length !== RANDOM_BYTES) throw new RangeError('a challenge has 16 bytes');
      rndB = decryptCbc(bytes, ZERO_BLOCK, challenge);
      const plain = Buffer.concat([rndA, rotatedLeft(rndB)]);
      // EV1 chains all passes of a handshake, EV2 begins each with a zero IV.
      const sent = encryptCbc(bytes, chained ? challenge : ZERO_BLOCK, plain);
      lastSent = sent.subarray(-16);
      return sent;
    },
    finish: (proof) => {
      if (!rndB) throw new TypeError('the challenge was not answered yet');
      const first = kind === 'ev2-first';
      if (proof.length !== (first ? 2 * RANDOM_BYTES : RANDOM_BYTES)) return undefined;
      const plain = decryptCbc(bytes, chained ? lastSent : ZERO_BLOCK, proof);
      const start = first ? TI_BYTES : 0;
      if (!sameSecret(plain.subarray(start, start + RANDOM_BYTES), rotatedLeft(rndA))) return undefined;
      if (chained) return new Ev1Channel(keyNo, ev1SessionKey(rndA, rndB));
      const keys = ev2SessionKeys(bytes, rndA, rndB);
      if (within instanceof Ev2Channel)
        return new Ev2Channel(keyNo, { ...keys, ...within.place }, within.capabilities);
      const caps = plain.subarray(start + RANDOM_BYTES);
      const capabilities = {
        card: caps.subarray(0, CAPABILITY_BYTES),
        reader: caps.subarray(CAPABILITY_BYTES),
      };
      return new Ev2Channel(keyNo, { ...keys, ti: plain.subarray(0, TI_BYTES), counter: 0 }, capabilities);
    },
  };
}
