/**
 * Cards on a bad day: torn from the field, damaged, foreign, hostile. Each is a wrapper around an honest card, so that
 * only the named fault differs.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { VirtualCard } from './virtual-card.ts';

/** How a card misbehaves. `seed` makes chance repeatable. */
export type Misbehaviour =
  /** Random bytes, 0 to 64 of them, for every command. */
  | { readonly kind: 'garbage'; readonly seed: number }
  /** Answers `apdus` commands and is gone: empty answers until the next reset. */
  | { readonly kind: 'gone-after'; readonly apdus: number }
  /** Drops (negative) or adds (positive) bytes before the status word of every READ BINARY answer. */
  | { readonly kind: 'wrong-length'; readonly bytes: number }
  /** Always promises more: `61 10`, with 16 bytes each time it is asked. */
  | { readonly kind: 'endless-more' }
  /** Always knows a better length: `6C` with a length that differs from the one asked. */
  | { readonly kind: 'endless-length' }
  /** Every answer takes this long. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Never answers. */
  | { readonly kind: 'silent' }
  /** One bit of the signature file is wrong. */
  | { readonly kind: 'bad-signature' }
  /** The FCI ends before its length says. */
  | { readonly kind: 'truncated-tlv' }
  /** Another city's or bank's card: `6A82` to every SELECT. */
  | { readonly kind: 'no-application' };

const EMPTY = new Uint8Array(0);

/** Wraps an honest card in a fault. */
export function misbehave(card: VirtualCard, fault: Misbehaviour): VirtualCard {
  switch (fault.kind) {
    case 'garbage': {
      const random = randomBytes(fault.seed);
      return { ...card, transmit: async () => random() };
    }
    case 'gone-after':
      return goneAfter(card, fault.apdus);
    case 'wrong-length':
      return onAnswer(card, (apdu, answer) => (apdu[1] === 0xb0 ? resize(answer, fault.bytes) : answer));
    case 'endless-more':
      return {
        ...card,
        transmit: async () => Buffer.concat([Buffer.alloc(16, 0x6f), Buffer.from([0x61, 0x10])]),
      };
    case 'endless-length':
      return { ...card, transmit: async (apdu) => Buffer.from([0x6c, apdu.at(-1) === 0x10 ? 0x11 : 0x10]) };
    case 'slow':
      return {
        ...card,
        transmit: async (apdu) => {
          await wait(fault.delayMs);
          return card.transmit(apdu);
        },
      };
    case 'silent':
      return { ...card, transmit: () => new Promise<Uint8Array>(() => {}) };
    case 'bad-signature':
      return onAnswer(card, (apdu, answer) => (isSignatureRead(apdu) ? flipFirstBit(answer) : answer));
    case 'truncated-tlv':
      return onAnswer(card, (apdu, answer) => (apdu[1] === 0xa4 ? resize(answer, -3) : answer));
    case 'no-application':
      return onAnswer(card, (apdu, answer) => (apdu[1] === 0xa4 ? Buffer.from([0x6a, 0x82]) : answer));
  }
}

function onAnswer(
  card: VirtualCard,
  change: (apdu: Uint8Array, answer: Uint8Array) => Uint8Array,
): VirtualCard {
  return { ...card, transmit: async (apdu) => change(apdu, await card.transmit(apdu)) };
}

function goneAfter(card: VirtualCard, apdus: number): VirtualCard {
  let left = apdus;
  return {
    transmit: async (apdu) => (left-- > 0 ? card.transmit(apdu) : EMPTY),
    reset: () => {
      left = apdus;
      card.reset();
    },
  };
}

/** Changes the number of data bytes in front of the status word. */
function resize(answer: Uint8Array, bytes: number): Uint8Array {
  const data = Buffer.from(answer.subarray(0, -2));
  const changed = bytes < 0 ? data.subarray(0, bytes) : Buffer.concat([data, Buffer.alloc(bytes, 0xee)]);
  return Buffer.concat([changed, answer.subarray(-2)]);
}

function isSignatureRead(apdu: Uint8Array): boolean {
  return apdu[1] === 0xb0 && apdu[2] === 0x82;
}

function flipFirstBit(answer: Uint8Array): Uint8Array {
  const changed = Buffer.from(answer);
  if (changed.length > 2) changed.writeUInt8(changed.readUInt8(0) ^ 0x01, 0);
  return changed;
}

/** Random answers from a seed (mulberry32): 0 to 64 bytes each. */
function randomBytes(seed: number): () => Uint8Array {
  let a = seed | 0;
  const next = (): number => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  return () => Uint8Array.from({ length: next() % 65 }, () => next() & 0xff);
}
