/**
 * Talking to a card within bounds: commands of ISO/IEC 7816-4, the two status words that ask for another exchange
 * (`61xx` more bytes wait, `6Cxx` another length), and a budget of exchanges and time for the whole conversation.
 */
import { ownMemory } from './own-memory.ts';
import type { CardTransport, Timers } from './ports.ts';

/** How much one card may cost. */
export interface CardBudget {
  readonly timers: Timers;
  /** Real milliseconds for the whole conversation; a card that answers later has gone. */
  readonly timeMsMax: number;
  /** Most command APDUs, repetitions and GET RESPONSE included. */
  readonly apdusMax: number;
  /** Zeroes every answer when the conversation ends, those of the transport too: they are the conversation's then. */
  readonly wipes?: boolean;
}

/** A whole answer: all bytes that the card had to say to one command, and its last status word. */
export interface CardAnswer {
  readonly data: Buffer;
  /** SW1 and SW2 as one number, e.g. 0x9000. */
  readonly status: number;
}

/** One conversation. `undefined` means that it is over: card gone, out of time, out of exchanges, or not ISO 7816. */
export interface Conversation {
  send(command: Uint8Array): Promise<CardAnswer | undefined>;
  /** Frees the timer; nothing can be sent afterwards, and where answers are secret none is left. */
  end(): void;
}

/** Longest answer to a short APDU: 256 bytes and a status word. */
const ANSWER_BYTES_MAX = 258;
/** Longest answer put together with GET RESPONSE; nothing in our layouts comes near. */
const TOTAL_BYTES_MAX = 1024;

export const DONE = 0x9000;

/**
 * Whether a status word is one of ISO/IEC 7816-4's checking errors (67xx to 6Exx): the card understood that it is asked for
 * something that it does not have or do. To a SELECT that means "not on this card"; 62xx to 66xx and 6Fxx are trouble.
 * Of cards in the field: 6A82, and from cards that never heard of such a name 6700, 6881, 6985, 6999, 6B00, 6D00, 6E00.
 */
export function isCheckingError(status: number): boolean {
  const sw1 = status >> 8;
  return sw1 >= 0x67 && sw1 <= 0x6e && sw1 !== 0x6c;
}

/** Opens a conversation; its time runs from now. */
export function converse(card: CardTransport, budget: CardBudget): Conversation {
  const held: Uint8Array[] = [];
  const hold = <T extends Uint8Array>(bytes: T): T => {
    if (budget.wipes) held.push(bytes);
    return bytes;
  };
  let apdusLeft = budget.apdusMax;
  let over = false;
  let expire: () => void = () => {};
  const expired = new Promise<undefined>((resolve) => {
    expire = () => resolve(undefined);
  });
  const cancel = budget.timers.after(budget.timeMsMax, () => {
    over = true;
    expire();
  });

  const exchange = async (command: Uint8Array): Promise<CardAnswer | undefined> => {
    if (over || apdusLeft <= 0) return undefined;
    apdusLeft -= 1;
    // A reader that rejects has lost the card as well: the passenger holds it again, the adapter heals itself.
    const asked = (async () => card.transmit(command))().catch(() => undefined);
    // An answer that comes when nobody waits for it any more is wiped as well.
    if (budget.wipes) void asked.then((late) => over && late?.fill(0));
    const answer = await Promise.race([asked, expired]);
    if (answer === undefined || answer.length < 2 || answer.length > ANSWER_BYTES_MAX) over = true;
    if (answer) hold(answer);
    return over || answer === undefined ? undefined : splitAnswer(hold(copyOf(answer)));
  };

  return {
    send: async (command) => {
      const first = await exchange(command);
      const sized = first && (await withRightLength(command, first, exchange));
      const whole = sized && (await withWaitingBytes(sized, exchange));
      if (whole === undefined) over = true;
      else hold(whole.data);
      return whole;
    },
    end: () => {
      over = true;
      cancel();
      expire();
      for (const bytes of held.splice(0)) bytes.fill(0);
    },
  };
}

type Exchange = (command: Uint8Array) => Promise<CardAnswer | undefined>;

/** `6Cxx`: the same command once more with the card's length. A card that changes its mind again is not one. */
async function withRightLength(
  command: Uint8Array,
  answer: CardAnswer,
  exchange: Exchange,
): Promise<CardAnswer | undefined> {
  if (answer.status >> 8 !== 0x6c) return answer;
  if (answer.data.length > 0) return undefined;
  const corrected = Uint8Array.from(command);
  corrected[corrected.length - 1] = answer.status & 0xff;
  const second = await exchange(corrected);
  return second && second.status >> 8 !== 0x6c ? second : undefined;
}

/** `61xx`: the rest, as often as the card says so and the budget lasts. */
async function withWaitingBytes(first: CardAnswer, exchange: Exchange): Promise<CardAnswer | undefined> {
  const parts = [first.data];
  let bytes = first.data.length;
  let last: CardAnswer | undefined = first;
  while (last !== undefined && last.status >> 8 === 0x61) {
    last = await exchange(Uint8Array.of(0x00, 0xc0, 0x00, 0x00, last.status & 0xff));
    if (last === undefined) return undefined;
    bytes += last.data.length;
    if (bytes > TOTAL_BYTES_MAX) return undefined;
    parts.push(last.data);
  }
  return last && { data: parts.length === 1 ? first.data : joined(parts, bytes), status: last.status };
}

function joined(parts: readonly Buffer[], bytes: number): Buffer {
  const whole = ownMemory(bytes);
  let at = 0;
  for (const part of parts) at += part.copy(whole, at);
  return whole;
}

function copyOf(answer: Uint8Array): Buffer {
  const copy = ownMemory(answer.length);
  copy.set(answer);
  return copy;
}

function splitAnswer(bytes: Buffer): CardAnswer {
  return { data: bytes.subarray(0, -2), status: bytes.readUInt16BE(bytes.length - 2) };
}

/** SELECT by full DF name, asking for the FCI. */
export function selectByName(dfName: Uint8Array): Uint8Array {
  return Uint8Array.of(0x00, 0xa4, 0x04, 0x00, dfName.length, ...dfName, 0x00);
}

/** READ BINARY of a whole file by short identifier. `bytes` from 1 to 255. */
export function readFile(sfi: number, bytes: number): Uint8Array {
  return Uint8Array.of(0x00, 0xb0, 0x80 | sfi, 0x00, bytes);
}
