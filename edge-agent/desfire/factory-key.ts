/**
 * The key of a card as it leaves the factory: DES, all zeros, public. It opens one session by AuthenticateISO (1A), and that
 * session does one thing: put an AES key in its place. Nothing else is ever done under it.
 *
 * Source: MF3ICD81 §9.4 (AuthenticateISO, session keys, ChangeKey); vectors from published transcripts of real cards
 * (tests/edge-agent/desfire/factory-key.test.ts). A key whose halves are the same is single DES, and so is its session key.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { jamCrc, rotatedLeft, sameSecret } from './bytes.ts';
import type { CardKey, Handshake, KeyChange, SecureChannel } from './card-key.ts';
import { keyBytesOf } from './key-material.ts';
import type { RandomBytes } from './software-card-key.ts';

export const DES_BLOCK_BYTES = 8;
const FACTORY_KEY: Uint8Array = Buffer.alloc(DES_BLOCK_BYTES);
const ZERO_BLOCK: Uint8Array = Buffer.alloc(DES_BLOCK_BYTES);

/** The factory's key. `begin` takes `iso-des` alone. */
export function factoryKey(random: RandomBytes): CardKey {
  return {
    begin: (kind, keyNo): Handshake => {
      if (kind !== 'iso-des') throw new TypeError('the factory key opens AuthenticateISO alone');
      const rndA = Buffer.from(random(DES_BLOCK_BYTES));
      let rndB: Buffer | undefined;
      let lastSent: Uint8Array = ZERO_BLOCK;
      return {
        answer: (challenge) => {
          rndB = decryptDes(FACTORY_KEY, ZERO_BLOCK, challenge);
          const sent = encryptDes(FACTORY_KEY, challenge, Buffer.concat([rndA, rotatedLeft(rndB)]));
          lastSent = sent.subarray(-DES_BLOCK_BYTES);
          return sent;
        },
        finish: (proof) => {
          if (!rndB) throw new TypeError('the challenge was not answered yet');
          if (proof.length !== DES_BLOCK_BYTES) return undefined;
          if (!sameSecret(decryptDes(FACTORY_KEY, lastSent, proof), rotatedLeft(rndA))) return undefined;
          return factoryChannel(keyNo, Buffer.concat([rndA.subarray(0, 4), rndB.subarray(0, 4)]));
        },
      };
    },
  };
}

/** The session under the factory's key. The answer to its one command has no MAC: the key of the session is gone. */
function factoryChannel(keyNo: number, sessionKey: Buffer): SecureChannel {
  const onlyKeyChange = (): never => {
    throw new TypeError('under the factory key its own change is all that is asked of a card');
  };
  return {
    kind: 'ev1',
    keyNo,
    protect: onlyKeyChange,
    open: onlyKeyChange,
    protectKeyChange: ({ ins, header, newKey, newVersion, oldKey }: KeyChange) => {
      if (oldKey) throw new TypeError('the factory session changes its own key');
      const data = Buffer.concat([keyBytesOf(newKey), Uint8Array.of(newVersion)]);
      return Buffer.concat([header, factoryCryptogram(sessionKey, { ins, header, data })]);
    },
    end: () => void sessionKey.fill(0),
  };
}

/** What ChangeKey carries: key (and version, of an AES key), CRC over the whole command, zeros; encrypted from a zero IV. */
export function factoryCryptogram(
  sessionKey: Uint8Array,
  { ins, header, data }: { readonly ins: number; readonly header: Uint8Array; readonly data: Uint8Array },
): Buffer {
  const clear = Buffer.concat([data, jamCrc(Uint8Array.of(ins), header, data)]);
  const padded = Buffer.alloc(Math.ceil(clear.length / DES_BLOCK_BYTES) * DES_BLOCK_BYTES);
  padded.set(clear);
  return encryptDes(sessionKey, ZERO_BLOCK, padded);
}

/** Single DES by triple DES with one key three times: OpenSSL keeps single DES behind a provider of its own. */
function tripled(key: Uint8Array): Buffer {
  return Buffer.concat([key, key, key]);
}

function encryptDes(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  return createCipheriv('des-ede3-cbc', tripled(key), iv).setAutoPadding(false).update(data);
}

function decryptDes(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  return createDecipheriv('des-ede3-cbc', tripled(key), iv).setAutoPadding(false).update(data);
}
