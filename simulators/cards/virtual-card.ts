/**
 * A contactless card in software: ISO/IEC 7816-4 as far as docs/CARD-LAYOUT.md asks for it, and no further. It shares
 * no code with the reader on purpose. Optional misbehaviour makes it the kinds of card that a validator meets on a bad
 * day.
 */
import { type CardFiles, type CardOrder, issueCard } from './issue-card.ts';
import { type Misbehaviour, misbehave } from './misbehaviour.ts';
import { type Command, checkClass, parseCommand, status } from './short-apdu.ts';

export interface VirtualCardOptions extends CardOrder {
  readonly misbehaviour?: Misbehaviour;
}

/** A card as a reader sees it. */
export interface VirtualCard {
  /** One command, one answer. An answer under 2 bytes means that the card has left the field. */
  transmit(apdu: Uint8Array): Promise<Uint8Array>;
  /** The field was switched off and on: selection and waiting bytes are gone. */
  reset(): void;
  /** Answer to reset that a PC/SC reader makes of it; that of any contactless card unless given. */
  readonly atr?: Uint8Array;
}

const DF_NAME = Buffer.from('f04b5659544f4b01', 'hex');
const FCI = Buffer.concat([Buffer.from([0x6f, 0x0a, 0x84, 0x08]), DF_NAME]);

/** Makes a card. It answers at once unless its misbehaviour says otherwise. */
export function createVirtualCard(options: VirtualCardOptions): VirtualCard {
  const honest = createCardApplication(issueCard(options));
  const card: VirtualCard = {
    transmit: async (apdu) => honest.answer(apdu),
    reset: () => honest.reset(),
  };
  return options.misbehaviour ? misbehave(card, options.misbehaviour) : card;
}

/** The card's own program: bytes in, bytes out, without time. */
export interface CardApplication {
  answer(apdu: Uint8Array): Buffer;
  reset(): void;
}

/** Where a card is between commands. */
interface CardState {
  selected: boolean;
  currentFile: Buffer | undefined;
  /** Bytes promised by `61xx`. */
  waiting: Buffer | undefined;
}

/** Runs the application over two files of any content and length (a short file makes a wrongly issued card). */
export function createCardApplication(files: CardFiles): CardApplication {
  const bySfi = new Map([
    [1, files.ef01],
    [2, files.ef02],
  ]);
  const state: CardState = { selected: false, currentFile: undefined, waiting: undefined };
  return {
    answer: (apdu) => answer(Buffer.from(apdu), state, bySfi),
    reset: () => Object.assign(state, { selected: false, currentFile: undefined, waiting: undefined }),
  };
}

function answer(apdu: Buffer, state: CardState, files: ReadonlyMap<number, Buffer>): Buffer {
  const command = parseCommand(apdu);
  const waiting = state.waiting;
  state.waiting = undefined;
  if (command === undefined) return status(0x6700);
  const classFault = checkClass(command.cla);
  if (classFault) return status(classFault);
  switch (command.ins) {
    case 0xa4:
      return select(command, state);
    case 0xb0:
      return readBinary(command, state, files);
    case 0xc0:
      return getResponse(command, state, waiting);
    default:
      return status(0x6d00);
  }
}

function select(command: Command, state: CardState): Buffer {
  if (command.p1 !== 0x04 || command.p2 !== 0x00) return status(0x6a86);
  if (command.data === undefined || command.data.length > 16) return status(0x6700);
  if (!command.data.equals(DF_NAME)) return status(0x6a82);
  state.selected = true;
  state.currentFile = undefined;
  return send(FCI, command.le ?? 0, state);
}

function readBinary(command: Command, state: CardState, files: ReadonlyMap<number, Buffer>): Buffer {
  if (command.data !== undefined || command.le === undefined) return status(0x6700);
  const bySfi = (command.p1 & 0x80) !== 0;
  const sfi = command.p1 & 0x1f;
  if (bySfi && ((command.p1 & 0x60) !== 0 || sfi === 0 || sfi === 31)) return status(0x6a86);
  if (!state.selected) return status(bySfi ? 0x6a82 : 0x6986);
  const file = bySfi ? files.get(sfi) : state.currentFile;
  if (file === undefined) return status(bySfi ? 0x6a82 : 0x6986);
  const offset = bySfi ? command.p2 : (command.p1 << 8) | command.p2;
  if (offset >= file.length) return status(0x6b00);
  state.currentFile = file;
  const remains = Math.min(file.length - offset, 256);
  if (command.le !== 256 && command.le > remains) return status(0x6c00 | (remains & 0xff));
  return Buffer.concat([file.subarray(offset, offset + Math.min(command.le, remains)), status(0x9000)]);
}

function getResponse(command: Command, state: CardState, waiting: Buffer | undefined): Buffer {
  if (command.data !== undefined || command.le === undefined) return status(0x6700);
  if (command.p1 !== 0 || command.p2 !== 0) return status(0x6a86);
  if (waiting === undefined) return status(0x6985);
  if (command.le !== 256 && command.le > waiting.length) {
    state.waiting = waiting;
    return status(0x6c00 | waiting.length);
  }
  return send(waiting, command.le, state);
}

/** As many bytes as were asked for; the rest waits. */
function send(bytes: Buffer, le: number, state: CardState): Buffer {
  if (bytes.length <= le) return Buffer.concat([bytes, status(0x9000)]);
  state.waiting = bytes.subarray(le);
  return Buffer.concat([bytes.subarray(0, le), status(0x6100 | state.waiting.length)]);
}
