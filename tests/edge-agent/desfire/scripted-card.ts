/** A card that answers from a transcript and insists on it: another command than the next one is answered by nothing. */
import { fail } from 'node:assert';
import type { CardAnswer } from '../../../edge-agent/apdu.ts';
import type { Talk } from '../../../edge-agent/desfire/frames.ts';
import type { RandomBytes } from '../../../edge-agent/desfire/software-card-key.ts';
import { hex } from './vectors.ts';

/** Command and answer in hex, status words included. */
export type Exchange = readonly [command: string, answer: string];

export function scripted(...exchanges: readonly Exchange[]): Talk & { readonly left: number } {
  let at = 0;
  return {
    get left() {
      return exchanges.length - at;
    },
    send: async (apdu): Promise<CardAnswer | undefined> => {
      const [command, answer] = exchanges[at] ?? fail(`nothing was expected, not ${shown(apdu)}`);
      at += 1;
      if (!hex(command).equals(apdu)) fail(`expected ${shown(hex(command))}, not ${shown(apdu)}`);
      const bytes = hex(answer);
      return bytes.length < 2
        ? undefined
        : { data: bytes.subarray(0, -2), status: bytes.readUInt16BE(bytes.length - 2) };
    },
  };
}

function shown(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').toUpperCase();
}

/** Random bytes that are known beforehand, one text after the other. */
export function knownRandom(...texts: readonly string[]): RandomBytes {
  let at = 0;
  return (bytes) => {
    const next = hex(texts[at++] ?? fail('no more randoms'));
    if (next.length !== bytes) fail(`${bytes} random bytes were asked for`);
    return next;
  };
}

/** Each byte of an answer changed in turn, in some and in all of its bits; the status word stays. */
export function* mutations(answer: string): Generator<string> {
  const bytes = hex(answer);
  for (let at = 0; at < bytes.length - 2; at++)
    for (const bits of [0x01, 0x10, 0x80, 0xff]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ bits;
      yield changed.toString('hex');
    }
}

/** Each shorter answer, and some that are longer. */
export function* resized(answer: string): Generator<string> {
  const bytes = hex(answer);
  const data = bytes.subarray(0, -2);
  for (let length = 0; length < data.length; length++)
    yield Buffer.concat([data.subarray(0, length), bytes.subarray(-2)]).toString('hex');
  for (const extra of [1, 8, 16])
    yield Buffer.concat([data, Buffer.alloc(extra), bytes.subarray(-2)]).toString('hex');
}
