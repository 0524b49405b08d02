/**
 * DESFire cards on a bad day, and false ones: each is an honest card with the faults that were ordered, as a rule one.
 * What any kind of card can do wrong (gone, slow, silent, garbage, endless `61xx` and `6Cxx`) is in `../misbehaviour.ts`
 * and is taken here too.
 */
import { type Misbehaviour, misbehave } from '../misbehaviour.ts';
import { status } from '../short-apdu.ts';
import type { VirtualCard } from '../virtual-card.ts';
import { createDesfireCard, type DesfireCard, type DesfireOptions } from './desfire-card.ts';
import { type CardFile, copyEeprom, type Eeprom } from './eeprom.ts';
import type { MessagingFlaws } from './sessions.ts';
import { COMMIT_TRANSACTION } from './transaction-commands.ts';

/** What was said to a card and what it said, in order. */
export type Conversation = readonly { readonly command: Buffer; readonly answer: Buffer }[];

/** A fault that only a DESFire card can have. Commands and bytes count from 0, commands since the field came on. */
export type DesfireFault =
  /** All its messages are made with this flaw. */
  | { readonly kind: 'messaging'; readonly flaws: MessagingFlaws }
  /** One bit of one answer is wrong; a byte below zero counts from the end (`-1`, `-2` are the status). */
  | {
      readonly kind: 'flipped-answer';
      readonly command: number;
      readonly byte: number;
      readonly bit?: number;
    }
  /** Another status word than its own, in one answer; the data stay away. */
  | { readonly kind: 'wrong-status'; readonly command: number; readonly status: number }
  /** It is another chip with the memory of this one. */
  | { readonly kind: 'other-uid'; readonly uid: Uint8Array }
  /** It repeats the answers of an earlier conversation, then it is gone. */
  | { readonly kind: 'replayed'; readonly conversation: Conversation }
  /** Answers to this instruction have so many data bytes too many or too few. */
  | { readonly kind: 'lying-length'; readonly ins: number; readonly bytes: number }
  /** Always more: so many bytes and `91AF`, from this command on. */
  | { readonly kind: 'endless-frames'; readonly bytes: number; readonly fromCommand?: number }
  /** The field goes during this command; the seed says whether, or how far, it was done. */
  | { readonly kind: 'torn'; readonly command: number; readonly seed: number }
  /** The field goes during CommitTransaction: all of the old or all of the new, by seed. */
  | { readonly kind: 'torn-commit'; readonly seed: number }
  /** CommitTransaction is done, and its answer never arrives. */
  | { readonly kind: 'commit-answer-lost' };

const EMPTY = new Uint8Array(0);

/** A card with faults; the later one is the outer one. */
export function badDesfire(
  options: DesfireOptions,
  ...faults: readonly (DesfireFault | Misbehaviour)[]
): DesfireCard {
  let eeprom = options.eeprom;
  let flaws: MessagingFlaws = options.flaws ?? {};
  for (const fault of faults) {
    if (fault.kind === 'other-uid') eeprom = { ...eeprom, uid: Buffer.from(fault.uid) };
    if (fault.kind === 'messaging') flaws = { ...flaws, ...fault.flaws };
  }
  const card = createDesfireCard({ ...options, eeprom, flaws });
  const outside = faults.reduce<VirtualCard>((inner, fault) => withFault(inner, card, fault), card);
  return { ...card, transmit: outside.transmit, reset: outside.reset };
}

/** Writes down what is said, for a replay. */
export function recording(card: VirtualCard): VirtualCard & { readonly conversation: Conversation } {
  const conversation: { command: Buffer; answer: Buffer }[] = [];
  return {
    conversation,
    reset: () => card.reset(),
    transmit: async (apdu) => {
      const answer = await card.transmit(apdu);
      conversation.push({ command: Buffer.from(apdu), answer: Buffer.from(answer) });
      return answer;
    },
  };
}

function withFault(inner: VirtualCard, card: DesfireCard, fault: DesfireFault | Misbehaviour): VirtualCard {
  switch (fault.kind) {
    case 'other-uid':
    case 'messaging':
      return inner; // in the card itself
    case 'flipped-answer':
      return onAnswer(inner, (answer, _ins, n) =>
        n === fault.command ? flip(answer, fault.byte, fault.bit ?? 0) : answer,
      );
    case 'wrong-status':
      return onAnswer(inner, (answer, _ins, n) => (n === fault.command ? status(fault.status) : answer));
    case 'lying-length':
      return onAnswer(inner, (answer, ins) => (ins === fault.ins ? resize(answer, fault.bytes) : answer));
    case 'endless-frames':
      return onAnswer(inner, (answer, _ins, n) =>
        n >= (fault.fromCommand ?? 0)
          ? Buffer.concat([Buffer.alloc(fault.bytes, 0xee), status(0x91af)])
          : answer,
      );
    case 'replayed':
      return onAnswer(inner, (_answer, _ins, n) => fault.conversation[n]?.answer ?? EMPTY);
    case 'torn':
      return torn(inner, card, (_ins, n) => n === fault.command, fault.seed);
    case 'torn-commit':
      return torn(inner, card, isCommit, fault.seed);
    case 'commit-answer-lost':
      return lostWhen(inner, isCommit, (apdu) => inner.transmit(apdu));
    default:
      return misbehave(inner, fault);
  }
}

function isCommit(ins: number): boolean {
  return ins === COMMIT_TRANSACTION;
}

/** Changes answers, which are counted from the moment the field comes on. */
function onAnswer(
  card: VirtualCard,
  change: (answer: Uint8Array, ins: number, n: number) => Uint8Array,
): VirtualCard {
  let commands = 0;
  return {
    transmit: async (apdu) => {
      const n = commands++;
      return change(await card.transmit(apdu), apdu[1] ?? 0, n);
    },
    reset: () => {
      commands = 0;
      card.reset();
    },
  };
}

/** One command of one visit goes another way, without an answer; the card is gone after it, and honest when it is back. */
function lostWhen(
  card: VirtualCard,
  when: (ins: number, n: number) => boolean,
  instead: (apdu: Uint8Array) => Promise<unknown>,
): VirtualCard {
  let commands = 0;
  let state: 'before' | 'gone' | 'back' = 'before';
  return {
    transmit: async (apdu) => {
      if (state === 'gone') return EMPTY;
      if (state === 'back' || !when(apdu[1] ?? 0, commands++)) return card.transmit(apdu);
      state = 'gone';
      await instead(apdu);
      return EMPTY;
    },
    reset: () => {
      commands = 0;
      if (state === 'gone') state = 'back';
      card.reset();
    },
  };
}

/** Power goes in the middle: memory is as before or as after, and a standard file may be neither. */
function torn(
  inner: VirtualCard,
  card: DesfireCard,
  when: (ins: number, n: number) => boolean,
  seed: number,
): VirtualCard {
  return lostWhen(inner, when, async (apdu) => {
    const before = card.eeprom();
    await inner.transmit(apdu);
    card.restore(tornEeprom(before, card.eeprom(), seed));
  });
}

/**
 * What is in the memory after power was lost during a command. An even seed leaves the old state, an odd one the new;
 * a standard data file, which the chip does not protect, is new up to a byte that the seed chooses, then old.
 */
export function tornEeprom(before: Eeprom, after: Eeprom, seed: number): Eeprom {
  const result = copyEeprom(seed % 2 === 0 ? before : after);
  for (const [aid, app] of result.applications) {
    const old = before.applications.get(aid)?.files;
    const now = after.applications.get(aid)?.files;
    for (const fileNo of app.files.keys()) {
      const mixed = mixedFile(old?.get(fileNo), now?.get(fileNo), seed >> 1);
      if (mixed !== undefined) app.files.set(fileNo, mixed);
    }
  }
  return result;
}

function mixedFile(
  old: CardFile | undefined,
  now: CardFile | undefined,
  choice: number,
): CardFile | undefined {
  if (old?.type !== 'standard' || now?.type !== 'standard' || old.bytes.equals(now.bytes)) return undefined;
  const at = choice % (now.bytes.length + 1);
  return { ...now, bytes: Buffer.concat([now.bytes.subarray(0, at), old.bytes.subarray(at)]) };
}

function flip(answer: Uint8Array, byte: number, bit: number): Uint8Array {
  const changed = Buffer.from(answer);
  const at = byte < 0 ? changed.length + byte : byte;
  const old = changed[at];
  if (old !== undefined) changed[at] = old ^ (1 << bit);
  return changed;
}

function resize(answer: Uint8Array, bytes: number): Uint8Array {
  const data = Buffer.from(answer.subarray(0, -2));
  const changed =
    bytes < 0
      ? data.subarray(0, Math.max(0, data.length + bytes))
      : Buffer.concat([data, Buffer.alloc(bytes, 0xee)]);
  return Buffer.concat([changed, answer.subarray(-2)]);
}
